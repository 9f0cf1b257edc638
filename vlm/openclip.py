"""Models of open_clip: any of them as encoder, CoCa as captioner too, out of one pass of the image tower.

A name is ARCH/TAG for weights that open_clip knows, ARCH//FILE for a checkpoint of that architecture, and
ARCH//FOLDER for a folder with open_clip_config.json, as open_clip's own push to a hub writes it.
"""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from vlm.devices import Batches, Place, place
from vlm.errors import AskpixError
from vlm.extras import need
from vlm.fingerprint import fingerprint
from vlm.pairing import Pairing, background_captions
from vlm.pixels import Preprocessing
from vlm.protocols import Description, Floats, Seen, Task
from vlm.runtime import Runtime

if TYPE_CHECKING:
    from torch import Tensor

    from vlm.export import Towers

ENGLISH = "en"


@dataclass(frozen=True)
class Source:
    """Which weights: `arch` and either a tag that open_clip knows or a path of one's own."""

    arch: str
    tag: str = ""
    path: Path | None = None


def open_model(rest: str, runtime: Runtime) -> "OpenClip":
    """The model called open_clip:`rest`; its weights are loaded, and fetched, when first used.

    Raises AskpixError for an architecture or tag that open_clip lacks, with the nearest ones, and for a
    path where nothing is.
    """
    need("torch", "torch", "open_clip")
    source = _source(rest)
    return OpenClip(source, runtime, _config(source))


@dataclass(frozen=True)
class OpenClip:
    """An open_clip model, ready to be used from any thread."""

    source: Source
    runtime: Runtime
    config: dict[str, Any]
    _parts: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
    # Two threads may ask at once for a part that neither has loaded.
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Architecture and tag, or the fingerprint of a checkpoint's bytes."""
        source = self.source
        if source.path is None:
            return f"open_clip:{source.arch}/{source.tag}"
        path = source.path
        return f"open_clip:{source.arch}#{self._part('fingerprint', lambda: fingerprint(*_files(path)))}"

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
        found: Place = self._part("place", lambda: place(self.runtime))
        return found

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """See n pictures; of a CoCa model the image tower's tokens are kept for the decoder."""
        import torch

        if not images:
            return Seen(np.zeros((0, self.dim), np.float32))
        parts = self._batches("pictures").map(self._look, images)
        embeddings = np.concatenate([embedding.float().cpu().numpy() for embedding, _ in parts])
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

    def describe(self, seen: Seen, language: str = ENGLISH) -> list[Description]:
        """A caption for each picture seen, in the words that CoCa was trained on; no tags."""
        import torch

        from vlm.coca import captions

        if language != ENGLISH:
            raise AskpixError(f'{self.name} writes no "{language}": use en, or another captioner.')
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
        from vlm.clip_tokens import portable
        from vlm.export import Encode, Towers

        plain = OpenClip(
            self.source, self.runtime.model_copy(update={"device": "cpu", "dtype": "float32"}), self.config
        )
        pictures, texts = Encode(plain._network, "encode_image"), Encode(plain._network, "encode_text")
        return Towers(pictures, texts, plain.preprocessing, *portable(plain._tokenizer), *plain._parts["scale"])

    def _described(self, tokens: list[int], log_probability: float) -> Description:
        text = self._tokenizer.decode(tokens).strip().removesuffix(" .").replace(" , ", ", ").replace(" ' ", "'")
        return Description(text[:1].upper() + text[1:], round(float(np.exp(log_probability / (len(tokens) + 1))), 4))

    def _look(self, images: Sequence[Image.Image]) -> "tuple[Tensor, Tensor | None]":
        import torch

        pixels = torch.from_numpy(self.preprocessing.bytes(images))
        device = self.place.device
        if device.type == "cuda":
            pixels = pixels.pin_memory().to(device, non_blocking=True)
        with torch.inference_mode():
            normal = (pixels.to(device).permute(0, 3, 1, 2).float() - self._mean) / self._std
            seen = self._tower(normal.to(self.place.dtype))
            embeddings, tokens = seen if isinstance(seen, tuple) else (seen, None)
            return torch.nn.functional.normalize(
                embeddings.float(), dim=-1
            ), tokens if "caption" in self.tasks else None

    def _read(self, texts: Sequence[str]) -> "Tensor":
        import torch

        with torch.inference_mode():
            with self._lock:  # tokenizers of the hub's do not take two threads at once
                tokens = self._tokenizer(list(texts))
            found: Tensor = self._network.encode_text(tokens.to(self.place.device), normalize=True)
            return found

    # Parts, loaded when first asked for

    def _batches(self, of: str) -> Batches:
        """How many at a time; each kind of work finds its own."""
        found: Batches = self._part(f"batches of {of}", lambda: Batches(self.place.device.type))
        return found

    @property
    def _network(self) -> Any:
        return self._part("network", self._load)

    @property
    def _tower(self) -> Any:
        import torch

        return self._part(
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
    def _mean(self) -> "Tensor":
        return self._constant("mean")

    @property
    def _std(self) -> "Tensor":
        return self._constant("std")

    def _constant(self, name: str) -> "Tensor":
        """The mean or spread of colours in bytes: [3, 1, 1]."""
        import torch

        values = getattr(self.preprocessing, name)
        found: Tensor = self._part(
            name, lambda: 255 * torch.tensor(values, device=self.place.device, dtype=torch.float32)[:, None, None]
        )
        return found

    @property
    def _tokenizer(self) -> Any:
        return self._part("tokenizer", self._load_tokenizer)

    @property
    def _pairing(self) -> Pairing:
        found: Pairing = self._part("pairing", self._make_pairing)
        return found

    def _make_pairing(self) -> Pairing:
        background = self.encode_texts(background_captions())  # which loads the network
        scale, bias = self._parts["scale"]
        return Pairing(scale, bias, background)

    def _part(self, name: str, load: Callable[[], Any]) -> Any:
        with self._lock:
            if name not in self._parts:
                self._parts[name] = load()
            return self._parts[name]

    def _load(self) -> Any:
        import open_clip

        source = self.source
        folder = source.path is not None and source.path.is_dir()
        weights = source.path or _fetched(source)
        try:
            network = open_clip.create_model(
                f"local-dir:{source.path}" if folder else source.arch,
                pretrained=None if folder else str(weights),
                require_pretrained=True,
                force_quick_gelu=bool(_tag(source).get("quick_gelu")),
                force_preprocess_cfg=_tag(source),
                pretrained_text=False,
            )
        except Exception as error:  # each format of weights fails with exceptions of its own
            raise AskpixError(
                f"{weights} cannot be loaded as {source.arch} ({_first(error)}): is it whole, and of that architecture?"
            ) from error
        # Read before they are rounded to the arithmetic chosen.
        bias = getattr(network, "logit_bias", None)
        self._parts["scale"] = network.logit_scale.exp().item(), None if bias is None else bias.item()
        return network.eval().to(self.place.device, self.place.dtype)

    def _load_tokenizer(self) -> Any:
        import open_clip

        source = self.source
        folder = source.path is not None and source.path.is_dir()
        try:
            return open_clip.get_tokenizer(f"local-dir:{source.path}" if folder else source.arch)
        except (OSError, ValueError) as error:
            raise AskpixError(
                f"the tokenizer of {source.arch} cannot be loaded ({_first(error)}): it comes from a hub; "
                "load it once online, or name a folder that holds it: open_clip:ARCH//FOLDER"
            ) from error


def _source(rest: str) -> Source:
    """Read a name; AskpixError says what is near one that is wrong."""
    import open_clip

    arch, slash, which = rest.partition("/")
    if which.startswith("/"):
        path = Path(which if Path(which).exists() else which[1:]).expanduser().absolute()
        if not path.exists():
            raise AskpixError(f"there is no checkpoint at {path}; name a file or folder: open_clip:ARCH//PATH")
        if path.is_file() and arch not in open_clip.list_models():
            raise AskpixError(f'open_clip has no "{arch}"{_near(arch, open_clip.list_models())}')
        return Source(arch, path=path)
    if arch not in open_clip.list_models():
        raise AskpixError(f'open_clip has no "{arch}"{_near(arch, open_clip.list_models())}')
    tags = open_clip.list_pretrained_tags_by_model(arch)
    if which not in tags:
        known = f"its tags are {', '.join(tags)}" if tags else "it has none; name a checkpoint: open_clip:ARCH//PATH"
        raise AskpixError(f'{arch} has no weights "{which}": {known}' if slash else f"which weights of {arch}? {known}")
    return Source(arch, tag=which)


def _near(wanted: str, known: Sequence[str]) -> str:
    lower = {name.lower(): name for name in known}
    near = [lower[name] for name in get_close_matches(wanted.lower(), lower, 5, 0.5)]
    return f"; the nearest are {', '.join(near)}" if near else "; see: askpix models"


def _config(source: Source) -> dict[str, Any]:
    """The architecture's configuration, without its weights."""
    import open_clip

    if source.path is None or source.path.is_file():
        known: dict[str, Any] = open_clip.get_model_config(source.arch)
        return known
    path = source.path / "open_clip_config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
    except FileNotFoundError:
        raise AskpixError(f"{source.path} has no open_clip_config.json: name a checkpoint file in it") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AskpixError(f"{path} cannot be read ({error}): copy the model again") from error
    return config


def _tag(source: Source) -> dict[str, Any]:
    """What open_clip knows about a tag: where its weights are, and how they want their pictures."""
    import open_clip

    return open_clip.get_pretrained_cfg(source.arch, source.tag) if source.tag else {}


def _fetched(source: Source) -> Path:
    """The weights of a tag, out of the cache or fetched into it."""
    import open_clip

    known = _tag(source)
    repo, _, file = known.get("hf_hub", "").rpartition("/")
    if repo:
        return _from_hub(repo, file or "open_clip_pytorch_model.bin")
    try:
        return Path(open_clip.download_pretrained(known))
    except OSError as error:
        raise AskpixError(
            f"the weights of {source.arch}/{source.tag} cannot be fetched ({_first(error)}); get them once online, "
            f"from {known.get('url')}, and name the file: open_clip:{source.arch}//FILE"
        ) from error


def _from_hub(repo: str, file: str) -> Path:
    """A file of a hub's repository, as safetensors if there is one; what is in the cache is not asked for again."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError

    safe = {"open_clip_pytorch_model.bin": "open_clip_model.safetensors"}.get(file, f"{Path(file).stem}.safetensors")
    for local in (True, False):
        for name in (safe, file):
            try:
                return Path(hf_hub_download(repo, name, local_files_only=local))
            except EntryNotFoundError:  # also what is not in the cache
                continue
            except OSError as error:
                raise AskpixError(
                    f"the weights of {repo} are not here and cannot be fetched ({_first(error)}): get them once online "
                    f"with: hf download {repo} {file}, or name a file of your own: open_clip:ARCH//FILE"
                ) from error
    raise AskpixError(f"{repo} has no {file}: name a file of your own, open_clip:ARCH//FILE")


def _files(path: Path) -> list[Path]:
    """The weights at a path."""
    if path.is_file():
        return [path]
    return sorted(file for pattern in ("*.safetensors", "*.bin", "*.pth", "*.pt") for file in path.glob(pattern))


def _first(error: Exception) -> str:
    """The first line of what went wrong, not too long."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
