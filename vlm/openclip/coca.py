"""The caption decoder of open_clip's CoCa models, one word at a time over what was kept of the words before.

CoCa: Yu et al., TMLR 2022. The text tower reads the words written so far, each attending to those before
it; the multimodal decoder attends from it to the image tower's tokens and tells the next word. open_clip's
own `generate` runs both anew over the whole text with every word; here each word goes through once.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from vlm import beam

if TYPE_CHECKING:
    from open_clip import CoCa

LONGEST = 30  # words of a caption, as open_clip's own
LENGTH_POWER = 1.0


def captions(model: "CoCa", image_tokens: Tensor, beams: int, start: int, end: int) -> list[beam.Found]:
    """Write one caption for each of n pictures from the image tower's tokens [n, t, width].

    `beams` sequences are kept a picture; 1 is greedy search.
    """
    longest = min(LONGEST, model.context_length)
    decoder = Decoder(model, image_tokens, beams, end, longest)
    return beam.search(decoder.step, decoder.reorder, None, len(image_tokens), beams, longest, LENGTH_POWER, start)


@dataclass
class _Kept:
    """Keys and values of one self-attention: [n, beams, heads, longest, head width]; filled up to the word at hand."""

    keys: Tensor
    values: Tensor


class Decoder:
    """The two text networks over n pictures with b beams each; `past` of the search is kept in here."""

    def __init__(self, model: "CoCa", image_tokens: Tensor, beams: int, end: int, longest: int) -> None:
        self.model = model
        self.end, self.longest = end, longest
        self.never = [model.pad_id]
        self.pictures, self.beams = len(image_tokens), beams
        self.device = image_tokens.device
        self.length = 0
        self.reads = list(model.text.transformer.resblocks)
        self.writes = list(zip(model.text_decoder.resblocks, model.text_decoder.cross_attn, strict=True))
        # The pictures' keys and values are the same for every word and every beam: [n, heads, t, head width].
        self.seen = [_keys_and_values(cross, image_tokens) for _, cross in self.writes]
        self.kept = [self._empty(block) for block in (*self.reads, *(own for own, _ in self.writes))]

    def step(self, tokens: beam.Ids, past: None) -> tuple[beam.Next, None]:
        """Read one more word of each beam, [n, b], and tell the best b next ones."""
        before = torch.from_numpy(tokens).to(self.device)
        logs = self._forward(before.flatten()).float().log_softmax(-1).view(self.pictures, self.beams, -1)
        end = logs[:, :, self.end].clone()
        logs[:, :, [self.end, *self.never]] = -torch.inf
        logs.scatter_(2, before[:, :, None], -torch.inf)  # a word is not written twice in a row
        best, words = logs.topk(self.beams, 2)
        return (best.cpu().numpy(), words.cpu().numpy(), end.cpu().numpy()), past

    def reorder(self, past: None, picks: beam.Ids) -> None:
        """Let beam picks[i, j] of picture i be in place j."""
        if self.beams > 1:
            rows = torch.arange(self.pictures, device=self.device)[:, None]
            chosen = torch.from_numpy(np.ascontiguousarray(picks)).to(self.device)
            for one in self.kept:
                one.keys, one.values = one.keys[rows, chosen], one.values[rows, chosen]
        return past

    def _forward(self, tokens: Tensor) -> Tensor:
        """Tokens [n * b] -> scores of the next word [n * b, vocabulary]."""
        text = self.model.text
        x = text.token_embedding(tokens) + text.positional_embedding[self.length]
        kept: Iterator[_Kept] = iter(self.kept)
        for block in self.reads:
            x = self._self_attended(block, x, next(kept))
        for (block, cross), seen in zip(self.writes, self.seen, strict=True):
            x = self._self_attended(block, x, next(kept))
            x = self._cross_attended(cross, x, seen)
        self.length += 1
        decoder = self.model.text_decoder
        scores: Tensor = decoder.ln_final(x) @ decoder.text_projection
        return scores

    def _self_attended(self, block: Any, x: Tensor, kept: _Kept) -> Tensor:
        query, key, value = (
            part.view(self.pictures, self.beams, block.attn.num_heads, 1, -1)
            for part in linear(block.ln_1(x), block.attn.in_proj_weight, block.attn.in_proj_bias).chunk(3, -1)
        )
        kept.keys[:, :, :, self.length] = key[:, :, :, 0]
        kept.values[:, :, :, self.length] = value[:, :, :, 0]
        so_far = slice(0, self.length + 1)
        found = scaled_dot_product_attention(query, kept.keys[:, :, :, so_far], kept.values[:, :, :, so_far])
        return _rest(block, x, found.reshape(len(x), -1))

    def _cross_attended(self, block: Any, x: Tensor, seen: tuple[Tensor, Tensor]) -> Tensor:
        attn, width = block.attn, x.shape[-1]
        query = linear(block.ln_1(x), attn.in_proj_weight[:width], attn.in_proj_bias[:width])
        # [n * b, width] -> [n, heads, b, head width]: the beams of a picture ask together.
        query = query.view(self.pictures, self.beams, attn.num_heads, -1).transpose(1, 2)
        found = scaled_dot_product_attention(query, *seen)
        return _rest(block, x, found.transpose(1, 2).reshape(len(x), -1))

    def _empty(self, block: Any) -> _Kept:
        heads, width = block.attn.num_heads, block.attn.head_dim
        shape = self.pictures, self.beams, heads, self.longest, width
        kind = block.attn.in_proj_weight.dtype
        return _Kept(*(torch.zeros(shape, device=self.device, dtype=kind) for _ in range(2)))


def _keys_and_values(block: Any, image_tokens: Tensor) -> tuple[Tensor, Tensor]:
    attn, width = block.attn, image_tokens.shape[-1]
    both = linear(block.ln_1_kv(image_tokens), attn.in_proj_weight[width:], attn.in_proj_bias[width:])
    keys, values = (part.view(*part.shape[:2], attn.num_heads, -1).transpose(1, 2) for part in both.chunk(2, -1))
    return keys, values


def _rest(block: Any, x: Tensor, attended: Tensor) -> Tensor:
    """What a residual block does after its attention."""
    out: nn.Linear = block.attn.out_proj
    x = x + block.ls_1(out(attended))
    return x + block.ls_2(block.mlp(block.ln_2(x)))  # type: ignore[no-any-return]
