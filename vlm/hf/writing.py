"""Generation by transformers, in batches: what was written after the prompt, and how probable it was."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor

from vlm.devices import Batches
from vlm.hf.checkpoint import Checkpoint
from vlm.prompting import held
from vlm.protocols import Seen

CAPTION_TOKENS, ANSWER_TOKENS = 96, 32


@dataclass(frozen=True)
class Written:
    """A text without its marks, and the geometric mean of its words' probabilities, the end's included."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Writer:
    """What all that write share: pictures are kept as they are, and looked at when something is asked."""

    checkpoint: Checkpoint
    FIRST: ClassVar[int | None] = None

    @property
    def name(self) -> str:
        """Repository and commit, or the fingerprint of the weights."""
        return self.checkpoint.name

    @property
    def batches(self) -> Batches:
        """How many at a time."""
        return self.checkpoint.batches("texts", self.FIRST)

    @property
    def runs_on(self) -> str:
        """Device and arithmetic."""
        return str(self.checkpoint.place)

    @property
    def batch(self) -> int:
        """How many pictures at a time suit it."""
        return self.batches.size

    @property
    def image_size(self) -> int:
        """The side in pixels of what the model sees."""
        return int(self.checkpoint.config.vision_config.image_size)

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """Keep n pictures."""
        return held(images)

    def placed(self, inputs: Mapping[str, Any]) -> dict[str, Tensor]:
        """A processor's tensors on the device, in the arithmetic chosen; what else it tells is left out."""
        place = self.checkpoint.place
        return {
            name: value.to(place.device, place.dtype if value.is_floating_point() else None)
            for name, value in inputs.items()
            if isinstance(value, Tensor)
        }


@torch.inference_mode()
def write(network: Any, tokenizer: Any, inputs: dict[str, Any], longest: int) -> list[Written]:
    """Continue each of n prompts by its likeliest words, up to its end or `longest` tokens."""
    made = network.generate(
        **inputs, max_new_tokens=longest, do_sample=False, num_beams=1, return_dict_in_generate=True, output_logits=True
    )
    new = made.sequences[:, -len(made.logits) :]  # what came before is the prompt
    ends = _ends(network, tokenizer)
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    return [
        Written(text.strip(), _probability(row, [step[i] for step in made.logits], ends))
        for i, (text, row) in enumerate(zip(texts, new, strict=True))
    ]


def _ends(network: Any, tokenizer: Any) -> set[int]:
    """The tokens that end a text."""
    known = getattr(network.generation_config, "eos_token_id", None)
    found = set(known) if isinstance(known, list) else {known}
    return {int(end) for end in (*found, tokenizer.eos_token_id, tokenizer.sep_token_id) if end is not None}


def _probability(tokens: Tensor, logits: list[Tensor], ends: set[int]) -> float:
    total, count = 0.0, 0
    for token, scores in zip(tokens.tolist(), logits, strict=True):
        total += float(scores.float().log_softmax(-1)[token])
        count += 1
        if token in ends:
            break
    return round(float(torch.tensor(total / max(count, 1)).exp()), 4)
