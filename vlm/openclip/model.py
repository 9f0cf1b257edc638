"""An open_clip model: any as encoder, CoCa as captioner too, out of one pass of the image tower."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vlm.devices import Batches, Place, place
from vlm.errors import AskpixError, first_line
from vlm.openclip.source import Source
from vlm.pairing import Pairing, pairing
from vlm.parts import Parts
from vlm.pixels import Preprocessing
from vlm.prompting import captioned, english_only
from vlm.protocols import Description, Floats, Seen, Task
from vlm.runtime import Runtime

if TYPE_CHECKING:
    from torch import Tensor

    from vlm.export import Towers


@dataclass(frozen=True)
class OpenClip:
    """An open_clip model, ready to be used from any thread."""

    source: Source
    runtime: Runtime
    config: dict[str, Any]
    _parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Architecture and tag, or the fingerprint of a checkpoint's bytes."""
        return f"open_clip:{self._parts.get('identity', lambda: self.source.identity)}"

    @property
    def tasks(self) -> frozenset[Task]:
        """Every one encodes; CoCa writes too."""
        writes = "multimodal_cfg" in self.config and "hf_model_name" not in self.config["text_cfg"]
        return frozenset({"encode", "caption"}) if writes else frozenset({"encode"})

    @property
    def runs_on(self) -> str:
        """Device and arithmetic."""
        return str(self.place)

    @property
    def batch(self) -> int:
        """How many pictures at a time suit it."""
        return self._batches("pictures").size

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.config["embed_dim"])

    @property
    def image_size(self) -> int:
        """The larger side in pixels of what the model sees."""
        size = self.config["vision_cfg"].get("image_size", 224)
        return max(size) if isinstance(size, list | tuple) else int(size)

    @property
    def place(self) -> Place:
        """Device and arithmetic."""
        found: Place = self._parts.get("place", lambda: place(self.runtime))
        return found

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """See n pictures; of a CoCa model the image tower's tokens are kept for the decoder."""
        import torch

        if not images:
            return Seen(np.zeros((0, self.dim), np.float32))
        parts = self._batches("pictures").map(self._look, images)
        embeddings = np.concatenate([embedding.cpu().numpy() for embedding, _ in parts])
        kept = [tokens for _, tokens in parts if tokens is not None]
        return Seen(embeddings, (torch.cat(kept),) if kept else ())

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Embed n texts: [n, dim]."""
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        parts = self._batches("texts").map(self._read, texts)
        return np.concatenate([part.float().cpu().numpy() for part in parts])

    def confidence(self, query: Floats, pictures: Floats, among: int) -> Floats:
        """The probabilities that a text matches pictures; see `vlm.pairing`."""
        return self._pairing.confidence(query, pictures, among)

    @property
    def cutoff(self) -> float:
        """The confidence below which a hit is left out unless asked for."""
        return self._pairing.cutoff

    def describe(self, seen: Seen, language: str = "en") -> list[Description]:
        """A caption for each picture seen, in the words that CoCa was trained on; no tags."""
        import torch

        from vlm.openclip.coca import captions

        english_only(self.name, language)
        if not len(seen.embeddings):
            return []
        (tokens,) = seen.state
        start, end = self._tokenizer.sot_token_id, self._tokenizer.eot_token_id

        def write(rows: Sequence[int]) -> list[Any]:
            with torch.inference_mode():
                return captions(self._network, tokens[list(rows)], self.runtime.beams, start, end)

        found = [one for part in self._batches("captions").map(write, range(len(tokens))) for one in part]
        return [self._described(one.tokens, one.log_probability) for one in found]

    def towers(self) -> "Towers":
        """What is exported; see `vlm.export`."""
        from vlm.export import Encode, Towers
        from vlm.openclip.tokens import portable

        plain = OpenClip(
            self.source, self.runtime.model_copy(update={"device": "cpu", "dtype": "float32"}), self.config
        )
        pictures, texts = Encode(plain._network, "encode_image"), Encode(plain._network, "encode_text")
        return Towers(pictures, texts, plain.preprocessing, *portable(plain._tokenizer), *plain._scale)

    def _described(self, tokens: list[int], log_probability: float) -> Description:
        text = self._tokenizer.decode(tokens).strip().removesuffix(" .").replace(" , ", ", ").replace(" ' ", "'")
        return captioned(text, round(float(np.exp(log_probability / (len(tokens) + 1))), 4))

    def _look(self, images: Sequence[Image.Image]) -> "tuple[Tensor, Tensor | None]":
        import torch

        pixels = torch.from_numpy(self.preprocessing.bytes(images))
        device = self.place.device
        if device.type == "cuda":
            pixels = pixels.pin_memory().to(device, non_blocking=True)
        with torch.inference_mode():
            mean, std = self._colours
            normal = (pixels.to(device).permute(0, 3, 1, 2).float() - mean) / std
            seen = self._tower(normal.to(self.place.dtype))
            embeddings, tokens = seen if isinstance(seen, tuple) else (seen, None)
            unit = torch.nn.functional.normalize(embeddings.float(), dim=-1)
            return unit, tokens if "caption" in self.tasks else None

    def _read(self, texts: Sequence[str]) -> "Tensor":
        import torch

        with torch.inference_mode():
            with self._parts.lock:  # tokenizers of the hub's do not take two threads at once
                tokens = self._tokenizer(list(texts))
            found: Tensor = self._network.encode_text(tokens.to(self.place.device), normalize=True)
            return found

    # Parts, loaded when first asked for

    def _batches(self, of: str) -> Batches:
        """How many at a time; each kind of work finds its own."""
        found: Batches = self._parts.get(f"batches of {of}", lambda: Batches(self.place.device.type))
        return found

    @property
    def _network(self) -> Any:
        return self._parts.get("network", self._load)[0]

    @property
    def _scale(self) -> tuple[float, float | None]:
        """The cosine's scale, and its bias if it was trained with one."""
        _, scale, bias = self._parts.get("network", self._load)
        return scale, bias

    @property
    def _tower(self) -> Any:
        import torch

        return self._parts.get(
            "tower", lambda: torch.compile(self._network.visual) if self.runtime.compile else self._network.visual
        )

    @property
    def preprocessing(self) -> Preprocessing:
        """What is done to pictures, as the model's own configuration says."""
        cfg = self._network.visual.preprocess_cfg
        height, width = (cfg["size"], cfg["size"]) if isinstance(cfg["size"], int) else cfg["size"]
        colours = tuple(cfg["mean"]), tuple(cfg["std"])
        return Preprocessing(height, width, *colours, cfg["interpolation"], cfg["resize_mode"], cfg["fill_color"])

    @property
    def _colours(self) -> "tuple[Tensor, Tensor]":
        """Mean and spread of colours in bytes: two [3, 1, 1]."""
        import torch

        def load() -> Any:
            cfg = self.preprocessing
            return [255 * torch.tensor(part, device=self.place.device)[:, None, None] for part in (cfg.mean, cfg.std)]

        mean, std = self._parts.get("colours", load)
        return mean, std

    @property
    def _tokenizer(self) -> Any:
        return self._parts.get("tokenizer", self._load_tokenizer)

    @property
    def _pairing(self) -> Pairing:
        found: Pairing = self._parts.get("pairing", self._make_pairing)
        return found

    def _make_pairing(self) -> Pairing:
        return pairing(self.name, *self._scale, self.encode_texts)

    def _load(self) -> tuple[Any, float, float | None]:
        import open_clip

        weights = self.source.weights()
        try:
            network = open_clip.create_model(
                self.source.name,
                pretrained=None if weights.is_dir() else str(weights),
                require_pretrained=True,
                force_quick_gelu=bool(self.source.known.get("quick_gelu")),
                force_preprocess_cfg=self.source.known,
                pretrained_text=False,
            )
        except Exception as error:  # each format of weights fails with exceptions of its own
            raise AskpixError(
                f"{weights} cannot be loaded as {self.source.arch} ({first_line(error)}): "
                "is it whole, and of that architecture?"
            ) from error
        # Read before they are rounded to the arithmetic chosen.
        scale, bias = network.logit_scale.exp().item(), getattr(network, "logit_bias", None)
        placed = network.eval().to(self.place.device, self.place.dtype)
        return placed, scale, None if bias is None else bias.item()

    def _load_tokenizer(self) -> Any:
        import open_clip

        try:
            return open_clip.get_tokenizer(self.source.name)
        except (OSError, ValueError) as error:
            raise AskpixError(
                f"the tokenizer of {self.source.arch} cannot be loaded ({first_line(error)}): it comes from a hub; "
                "load it once online, or name a folder that holds it: open_clip:ARCH//FOLDER"
            ) from error
