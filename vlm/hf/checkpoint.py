"""A folder of transformers: its configuration, its processor and its network, loaded when first used."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlm.devices import Batches, Place, place
from vlm.errors import AskpixError, first_line
from vlm.parts import Parts
from vlm.runtime import Runtime


def read_config(folder: Path, runtime: Runtime) -> Any:
    """The folder's configuration; AskpixError if it has none, or one of a kind that transformers does not know."""
    from transformers import AutoConfig

    if not (folder / "config.json").is_file():
        raise AskpixError(f"{folder} holds no model of transformers (it has no config.json)")
    try:
        return AutoConfig.from_pretrained(folder, trust_remote_code=runtime.trust_remote_code)
    except (OSError, ValueError, KeyError) as error:
        if "trust_remote_code" in str(error):
            raise AskpixError(
                f"{folder.name} brings code of its own: read it, and if you trust it add --trust-remote-code"
            ) from error
        raise AskpixError(
            f"{folder / 'config.json'} cannot be used ({first_line(error)}): update transformers?"
        ) from error


@dataclass(frozen=True)
class Checkpoint:
    """A folder, the name it is stored by, its configuration, and how it is to run."""

    folder: Path
    name: str
    config: Any
    runtime: Runtime
    parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    @property
    def place(self) -> Place:
        """Device and arithmetic."""
        found: Place = self.parts.get("place", lambda: place(self.runtime))
        return found

    def batches(self, of: str, first: int | None = None) -> Batches:
        """How many at a time, each kind of work by itself; the first guess is `first`."""
        found: Batches = self.parts.get(f"batches of {of}", lambda: Batches(self.place.device.type, first))
        return found

    @property
    def processor(self) -> Any:
        """What turns pictures and texts to tensors."""
        return self.parts.get("processor", self._load_processor)

    @property
    def chats(self) -> bool:
        """Whether it takes conversations about pictures."""
        from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

        own = "AutoModelForImageTextToText" in (getattr(self.config, "auto_map", None) or {})
        return self.config.model_type in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES or own

    def network(self, architecture: str) -> Any:
        """The network, of a class of transformers; AskpixError when the weights are not whole."""
        return self.parts.get("network", lambda: self._load(architecture))

    def _load(self, architecture: str) -> Any:
        import transformers

        try:
            network, info = getattr(transformers, architecture).from_pretrained(
                self.folder,
                dtype=self.place.dtype,
                trust_remote_code=self.runtime.trust_remote_code,
                output_loading_info=True,
            )
        except Exception as error:  # each format of weights fails with exceptions of its own
            what = first_line(error)
            raise AskpixError(
                f"the weights in {self.folder} cannot be loaded ({what}): are they whole, and of that model?"
            ) from error
        if missing := sorted(info["missing_keys"]):
            raise AskpixError(
                f"the weights in {self.folder} lack {missing[0]} and {len(missing) - 1} more: fetch them again"
            )
        return network.eval().to(self.place.device)

    def _load_processor(self) -> Any:
        import transformers

        auto: Any = transformers.AutoProcessor
        try:
            return auto.from_pretrained(self.folder, trust_remote_code=self.runtime.trust_remote_code)
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise AskpixError(
                f"the processor in {self.folder} cannot be loaded ({first_line(error)}): fetch it again"
            ) from error
