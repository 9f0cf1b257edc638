"""What an open_clip name means: which architecture, and where its weights and its configuration lie.

ARCH/TAG names weights that open_clip knows, ARCH//FILE a checkpoint of that architecture, and ARCH//FOLDER
a folder with open_clip_config.json, as open_clip's own push to a hub writes it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from vlm.errors import AskpixError, first_line
from vlm.fingerprint import fingerprint


@dataclass(frozen=True)
class Source:
    """Which weights: `arch` and either a tag that open_clip knows or a path of one's own."""

    arch: str
    tag: str = ""
    path: Path | None = None

    @property
    def identity(self) -> str:
        """Architecture and tag, or the fingerprint of a checkpoint's bytes."""
        return f"{self.arch}#{fingerprint(*_files(self.path))}" if self.path else f"{self.arch}/{self.tag}"

    @property
    def name(self) -> str:
        """What open_clip calls the architecture, or the folder that says it."""
        return f"local-dir:{self.path}" if self.path and self.path.is_dir() else self.arch

    @property
    def known(self) -> dict[str, Any]:
        """What open_clip knows about a tag: where its weights are, and how they want their pictures."""
        import open_clip

        return open_clip.get_pretrained_cfg(self.arch, self.tag) if self.tag else {}

    def config(self) -> dict[str, Any]:
        """The architecture's configuration, without its weights; AskpixError when a folder tells none."""
        import open_clip

        if self.path is None or self.path.is_file():
            found: dict[str, Any] = open_clip.get_model_config(self.arch)
            return found
        path = self.path / "open_clip_config.json"
        try:
            config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
        except FileNotFoundError:
            raise AskpixError(f"{self.path} has no open_clip_config.json: name a checkpoint file in it") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AskpixError(f"{path} cannot be read ({error}): copy the model again") from error
        return config

    def weights(self) -> Path:
        """Where the weights are, fetched if they are not here; AskpixError when that fails."""
        import open_clip

        if self.path:
            return self.path
        repository, _, file = self.known.get("hf_hub", "").rpartition("/")
        if repository:
            return _from_hub(repository, file or "open_clip_pytorch_model.bin")
        try:
            return Path(open_clip.download_pretrained(self.known))
        except OSError as error:
            raise AskpixError(
                f"the weights of {self.arch}/{self.tag} cannot be fetched ({first_line(error)}); get them once online, "
                f"from {self.known.get('url')}, and name the file: open_clip:{self.arch}//FILE"
            ) from error


def read_source(rest: str) -> Source:
    """What a name means; AskpixError says what is near one that is wrong."""
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


def _from_hub(repo: str, file: str) -> Path:
    """A file of a hub's repository, as safetensors if there is one; what is in the cache is not asked for again."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    safe = {"open_clip_pytorch_model.bin": "open_clip_model.safetensors"}.get(file, f"{Path(file).stem}.safetensors")
    for local in (True, False):
        for name in (safe, file):
            try:
                return Path(hf_hub_download(repo, name, local_files_only=local))
            except Exception as error:  # no network fails in a way of its own in each library below
                elsewhere = local or not isinstance(error, LocalEntryNotFoundError)
                if isinstance(error, EntryNotFoundError) and elsewhere:
                    continue  # not in the cache, or not in the repository
                raise AskpixError(
                    f"the weights of {repo} are not here and cannot be fetched ({first_line(error)}): get them once "
                    f"online with: hf download {repo} {file}, or name a file of your own: open_clip:ARCH//FILE"
                ) from error
    raise AskpixError(f"{repo} has no {file}: name a file of your own, open_clip:ARCH//FILE")


def _files(path: Path) -> list[Path]:
    """The weights at a path."""
    if path.is_file():
        return [path]
    return sorted(file for pattern in ("*.safetensors", "*.bin", "*.pth", "*.pt") for file in path.glob(pattern))
