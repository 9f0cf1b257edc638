"""Encoders that `askpix models export` wrote: run by ONNX Runtime, without torch.

config.json      what the encoder is, and what it wants of pictures and texts (`Config`)
vision.onnx      bytes [n, height, width, 3] -> embeddings [n, dim]
text.onnx        token ids [n, longest] -> embeddings [n, dim]
tokenizer.json   of the `tokenizers` package, cleaning and padding included
background.npy   embeddings [b, dim] of the background captions (vlm.pairing)
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vlm.errors import AskpixError
from vlm.folder import open_background, open_session, open_tokenizer
from vlm.pairing import Pairing
from vlm.parts import Parts
from vlm.pixels import Preprocessing
from vlm.protocols import Floats, Seen, Task
from vlm.runtime import Runtime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

KIND, FORMAT = "askpix exported encoder", 1
BATCH = 32


@dataclass(frozen=True)
class Config:
    """The fields of config.json; `scale` and `bias` as `vlm.pairing` takes them, `padding` a token's number."""

    name: str
    dim: int
    preprocessing: Preprocessing
    longest: int
    padding: int
    scale: float
    bias: float | None
    kind: str = KIND
    format: int = FORMAT

    def write(self, folder: Path) -> None:
        """To the folder's config.json."""
        (folder / "config.json").write_text(json.dumps(asdict(self), indent=2), encoding="utf-8")


def read_config(folder: Path) -> Config:
    """The folder's config.json, checked; AskpixError if it is no exported encoder."""
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if values.get("kind") != KIND:
            raise AskpixError(f"{folder} holds no exported encoder; make one with: askpix models export")
        if values.get("format") != FORMAT:
            raise AskpixError(f"{folder} is of another askpix (format {values.get('format')}): export the model again")
        values["preprocessing"] = Preprocessing(**values["preprocessing"])
        return Config(**values)
    except FileNotFoundError:
        raise AskpixError(f"{folder} holds no exported encoder; make one with: askpix models export") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AskpixError(f"{path} cannot be read ({error}): export the model again") from error


def open_model(rest: str, runtime: Runtime) -> "Exported":
    """The model in the folder `rest`; AskpixError if there is none."""
    folder = Path(rest).expanduser()
    return Exported(folder, read_config(folder), runtime.threads)


@dataclass(frozen=True)
class Exported:
    """An exported encoder, ready to be used from any thread."""

    folder: Path
    config: Config
    threads: int = 0
    _parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name of what was exported, and its precision."""
        return self.config.name

    @property
    def tasks(self) -> frozenset[Task]:
        """It encodes."""
        return frozenset({"encode"})

    @property
    def runs_on(self) -> str:
        """The processor, through ONNX Runtime."""
        return "cpu, ONNX Runtime"

    @property
    def batch(self) -> int:
        """How many pictures at a time suit it."""
        return BATCH

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.config.dim

    @property
    def image_size(self) -> int:
        """The larger side in pixels of what the model sees."""
        return max(self.config.preprocessing.height, self.config.preprocessing.width)

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """See n pictures."""
        return Seen(self._embedded("vision", "pixels", images, self.config.preprocessing.bytes))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Embed n texts: [n, dim]."""
        return self._embedded("text", "ids", texts, self._tokens)

    def confidence(self, query: Floats, pictures: Floats, among: int) -> Floats:
        """The probabilities that a text matches pictures; see `vlm.pairing`."""
        return self._pairing.confidence(query, pictures, among)

    @property
    def cutoff(self) -> float:
        """The confidence below which a hit is left out unless asked for."""
        return self._pairing.cutoff

    def _embedded(
        self, part: str, argument: str, items: Sequence[Any], prepare: Callable[[Sequence[Any]], Any]
    ) -> Floats:
        session: InferenceSession = self._parts.get(part, lambda: open_session(self.folder, part, self.threads))
        parts: list[Floats] = [np.zeros((0, self.dim), np.float32)]
        for start in range(0, len(items), BATCH):
            parts += session.run(None, {argument: prepare(items[start : start + BATCH])})
        return np.concatenate(parts)

    def _tokens(self, texts: Sequence[str]) -> Any:
        longest, padding = self.config.longest, self.config.padding
        tokenizer: Tokenizer = self._parts.get("tokenizer", lambda: open_tokenizer(self.folder, "tokenizer", longest))
        ids = np.full((len(texts), longest), padding, np.int64)
        for row, one in enumerate(tokenizer.encode_batch(list(texts))):
            ids[row, : len(one.ids)] = one.ids
        return ids

    @property
    def _pairing(self) -> Pairing:
        config = self.config
        found: Pairing = self._parts.get(
            "pairing", lambda: Pairing(config.scale, config.bias, open_background(self.folder))
        )
        return found
