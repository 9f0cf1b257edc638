"""CLIP, SigLIP and SigLIP 2 of transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from vlm.errors import AskpixError
from vlm.hf.checkpoint import Checkpoint
from vlm.pairing import Pairing, pairing
from vlm.pixels import Preprocessing
from vlm.protocols import Floats, Seen, Task

if TYPE_CHECKING:
    from vlm.export import Towers

ENCODERS = ("clip", "siglip", "siglip2")


@dataclass(frozen=True)
class HubEncoder:
    """An encoder, ready to be used from any thread."""

    checkpoint: Checkpoint

    @property
    def name(self) -> str:
        """Repository and commit, or the fingerprint of the weights."""
        return self.checkpoint.name

    @property
    def tasks(self) -> frozenset[Task]:
        """It encodes."""
        return frozenset({"encode"})

    @property
    def runs_on(self) -> str:
        """Device and arithmetic."""
        return str(self.checkpoint.place)

    @property
    def batch(self) -> int:
        """How many pictures at a time suit it."""
        return self.checkpoint.batches("pictures").size

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        config = self.checkpoint.config
        return int(config.projection_dim if config.model_type == "clip" else config.text_config.projection_size)

    @property
    def image_size(self) -> int:
        """The larger side in pixels of what the model sees."""
        vision = self.checkpoint.config.vision_config
        if (patches := getattr(vision, "num_patches", None)) is not None:  # SigLIP 2 of any aspect ratio
            return int(patches**0.5 * vision.patch_size)
        return int(vision.image_size)

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """See n pictures."""
        if not images:
            return Seen(np.zeros((0, self.dim), np.float32))
        return Seen(np.concatenate(self.checkpoint.batches("pictures").map(self._look, images)))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Embed n texts: [n, dim]."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return np.concatenate(self.checkpoint.batches("texts").map(self._read, texts))

    def confidence(self, query: Floats, pictures: Floats, among: int) -> Floats:
        """The probabilities that a text matches pictures; see `vlm.pairing`."""
        return self._pairing.confidence(query, pictures, among)

    @property
    def cutoff(self) -> float:
        """The confidence below which a hit is left out unless asked for."""
        return self._pairing.cutoff

    def towers(self) -> "Towers":
        """What is exported; see `vlm.export`."""
        from tokenizers import Tokenizer, normalizers

        from vlm.export import Towers

        if self.checkpoint.config.model_type == "siglip2":
            raise AskpixError(
                f"{self.name} sees pictures of any shape, which cannot be exported; take a SigLIP of one size"
            )
        plain = self.checkpoint.runtime.model_copy(update={"device": "cpu", "dtype": "float32"})
        own = HubEncoder(Checkpoint(self.checkpoint.folder, self.name, self.checkpoint.config, plain))
        tokens = own.checkpoint.processor.tokenizer
        made = Tokenizer.from_str(tokens.backend_tokenizer.to_str())
        made.no_padding()
        if self._lowers:
            steps = [normalizers.Lowercase(), *([made.normalizer] if made.normalizer else [])]
            made.normalizer = normalizers.Sequence(steps)
        pictures, texts = _Features(own._network, "image"), _Features(own._network, "text")
        pairing = own._pairing
        longest, padding = own._longest, int(tokens.pad_token_id)
        return Towers(pictures, texts, own._preprocessing, made, longest, padding, pairing.scale, pairing.bias)

    def _look(self, images: Sequence[Image.Image]) -> Floats:
        place = self.checkpoint.place
        inputs = self.checkpoint.processor.image_processor(images=list(images), return_tensors="pt").to(place.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(place.dtype)
        with torch.inference_mode():
            return _unit(self._network.get_image_features(**inputs))

    def _read(self, texts: Sequence[str]) -> Floats:
        given = [text.lower() for text in texts] if self._lowers else list(texts)
        with self.checkpoint.parts.lock:
            ids = self.checkpoint.processor.tokenizer(
                given, padding="max_length", max_length=self._longest, truncation=True, return_tensors="pt"
            )["input_ids"]
        # No mask: CLIP's words see only what came before them, and SigLIP was trained to see the padding.
        with torch.inference_mode():
            return _unit(self._network.get_text_features(input_ids=ids.to(self.checkpoint.place.device)))

    @property
    def _lowers(self) -> bool:
        """Whether texts were made small in training, which not every tokenizer does of itself."""
        return str(self.checkpoint.config.model_type).startswith("siglip")

    @property
    def _longest(self) -> int:
        return int(self.checkpoint.config.text_config.max_position_embeddings)

    @property
    def _network(self) -> Any:
        return self.checkpoint.network("AutoModel")

    @property
    def _pairing(self) -> Pairing:
        found: Pairing = self.checkpoint.parts.get("pairing", self._make_pairing)
        return found

    def _make_pairing(self) -> Pairing:
        bias = getattr(self._network, "logit_bias", None)
        scale = self._network.logit_scale.float().exp().item()
        return pairing(self.name, scale, None if bias is None else bias.item(), self.encode_texts)

    @property
    def _preprocessing(self) -> Preprocessing:
        own = self.checkpoint.processor.image_processor
        size = own.crop_size if getattr(own, "do_center_crop", False) else own.size
        interpolation = {2: "bilinear", 3: "bicubic"}[int(own.resample)]
        mode = "shortest" if getattr(own, "do_center_crop", False) else "squash"
        colours = tuple(own.image_mean), tuple(own.image_std)
        return Preprocessing(size["height"], size["width"], *colours, interpolation, mode)


class _Features(nn.Module):
    """One tower with its projection."""

    def __init__(self, network: Any, which: str) -> None:
        super().__init__()
        self.network, self.which = network, which

    def forward(self, inputs: Tensor) -> Tensor:
        """Pixels or token ids -> embeddings."""
        found = (
            self.network.get_image_features(inputs) if self.which == "image" else self.network.get_text_features(inputs)
        )
        return _pooled(found)


def _pooled(found: Any) -> Tensor:
    """The embedding: transformers 5 gives it along with more, version 4 gave it alone."""
    embedding: Tensor = found if isinstance(found, Tensor) else found.pooler_output
    return embedding


def _unit(found: Any) -> Floats:
    unit: Floats = nn.functional.normalize(_pooled(found).float(), dim=-1).cpu().numpy()
    return unit
