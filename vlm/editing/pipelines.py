"""The pipelines of diffusers that edit by an instruction: which they are, and their folders, looked at before any
weight is read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from vlm.errors import AskpixError, first_line
from vlm.fingerprint import fingerprint
from vlm.hf.hub import fetching

INDEX = "model_index.json"
LIBRARIES = (
    None,
    "diffusers",
    "transformers",
    "stable_diffusion",
)  # whose classes a part may be; None is a part left out
PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")


@dataclass(frozen=True)
class Kind:
    """How a pipeline is called, besides `image`, `prompt`, `num_inference_steps` and `generator`.

    `fits`: it brings a picture to the size that it was trained at by itself; `sized`: it takes `width` and `height`,
    and without them would draw a square; `more`: what else it is given.
    """

    fits: bool = True
    sized: bool = False
    more: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


# Without a negative prompt Qwen's draw unguided, which their makers advise against.
_GUIDED = Kind(more=MappingProxyType({"negative_prompt": " "}))
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "StableDiffusionInstructPix2PixPipeline": Kind(fits=False),
        "StableDiffusionXLInstructPix2PixPipeline": Kind(fits=False, sized=True),
        "FluxKontextPipeline": Kind(sized=True),
        "Flux2KleinPipeline": Kind(fits=False),  # what does not fit it would cut off
        "QwenImageEditPipeline": _GUIDED,
        "QwenImageEditPlusPipeline": _GUIDED,
        "LongCatImageEditPipeline": Kind(),
    }
)


def located(rest: str) -> tuple[Path, str, str]:
    """The folder of an editor, the name that its work is stored by, and its class: of a folder, or ORG/NAME[@REVISION].

    Raises AskpixError when there is neither, when it cannot be fetched, and when it is no editor that can be used.
    """
    folder = Path(rest).expanduser()
    if folder.is_dir():
        kind = kind_of(folder, rest)
        return folder, f"hf:{folder.absolute().name}#{fingerprint(*_weights(folder))}"[:200], kind
    repository, _, revision = rest.partition("@")
    if repository.count("/") != 1 or repository.startswith((".", "~", "/")):
        raise AskpixError(f'there is no folder "{rest}", and an editor of the hub is named hf:ORG/NAME')
    folder = _kept(repository, revision or None) or _fetched(repository, revision or None)
    return folder, f"hf:{repository}@{folder.name[:12]}", kind_of(folder, repository)


def kind_of(folder: Path, name: str) -> str:
    """The class of the pipeline in a folder, one of `KINDS`; AskpixError for anything else, and for unsafe weights."""
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        kind = index["_class_name"]
    except FileNotFoundError as error:
        raise AskpixError(f"{name} holds no pipeline of diffusers (it has no {INDEX})") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AskpixError(f"{folder / INDEX} cannot be read ({first_line(error)}): fetch it again") from error
    parts = {part: of[0] for part, of in index.items() if part != "_class_name" and isinstance(of, list) and of}
    if isinstance(kind, list) or (kind in KINDS and not all(of in LIBRARIES for of in parts.values())):
        raise AskpixError(f"{name} brings code of its own, which is not run: take an editor that needs none")
    if kind not in KINDS:
        raise AskpixError(f"{name} is a {kind}, which does not edit by an instruction; these do: {', '.join(KINDS)}")
    for part in parts:
        inside = folder / part
        if any(found for end in PICKLES for found in inside.glob(end)) and not any(inside.glob("*.safetensors")):
            raise _pickled(name)
    return str(kind)


def _pickled(name: str) -> AskpixError:
    return AskpixError(
        f"the weights of {name} are pickles, which may hold code and are not read: take an editor whose weights are "
        "all .safetensors"
    )


def _kept(repository: str, revision: str | None) -> Path | None:
    """The repository as it was fetched before, if it is whole."""
    from diffusers import DiffusionPipeline

    try:
        folder = Path(
            DiffusionPipeline.download(repository, revision=revision, use_safetensors=True, local_files_only=True)
        )
    except OSError:
        return None
    return folder if _weights(folder) else None


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.safetensors"))


def _fetched(repository: str, revision: str | None) -> Path:
    """Fetch what the pipeline reads, showing how it goes; what is no editor is refused before its gigabytes come."""
    from diffusers import DiffusionPipeline
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import RemoteEntryNotFoundError

    with fetching(repository, revision):
        try:
            index = Path(hf_hub_download(repository, INDEX, revision=revision))
        except RemoteEntryNotFoundError as error:
            raise AskpixError(f"{repository} holds no pipeline of diffusers (it has no {INDEX})") from error
    kind_of(index.parent, repository)
    with fetching(repository, revision):
        try:
            folder = Path(DiffusionPipeline.download(repository, revision=revision, use_safetensors=True))
        except OSError as error:
            if "safetensors" in str(error):
                raise _pickled(repository) from error
            raise
        if not _weights(folder):  # without a network it answers with what there is
            raise FileNotFoundError("only its index is here")
        return folder
