"""Vision-language models behind small protocols (`vlm.protocols`); see the README beside this file."""

from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vlm.protocols import Task
    from vlm.runtime import Runtime

BUILTIN = "builtin"
KINDS = {
    "open_clip": "open_clip:ARCH/TAG or open_clip:ARCH//CHECKPOINT",
    "hf": "hf:NAME or hf:FOLDER",
    "openai": "openai:BASE_URL#MODEL",
    "onnx": "onnx:FOLDER",
}
_MODULES = {"open_clip": "vlm.openclip", "hf": "vlm.hf", "openai": "vlm.remote", "onnx": "vlm.exported"}
_DOES = {"encode": "put pictures and texts into one space", "caption": "write captions", "answer": "answer questions"}


def load(name: str = BUILTIN, runtime: "Runtime | None" = None, task: "Task | None" = None) -> Any:
    """The model called `name`, which is as many of Encoder, Captioner and Answerer as its `tasks` say.

    "builtin", a folder that `askpix train` wrote, or one of `KINDS`. Networks are loaded when they are
    first used. Raises AskpixError for any other name, for one that is not there, and for a model that
    does not do the `task` it is wanted for.
    """
    from vlm.runtime import runtime_of

    runtime = runtime or runtime_of()
    kind, _, rest = name.partition(":")
    hub = rest and kind in KINDS
    found = import_module(_MODULES[kind]).open_model(rest, runtime) if hub else _folder(name, runtime)
    if task:
        check(found, name, task)
    return found


def check(model: Any, name: str, task: "Task") -> None:
    """Raises AskpixError when the model called `name` does not do a task."""
    from vlm.errors import AskpixError

    if task not in model.tasks:
        does = " and ".join(_DOES[each] for each in sorted(model.tasks))
        raise AskpixError(f"{name} cannot {_DOES[task]}, only {does}; choose another for that")


class Models:
    """Models by their names, each loaded once however many tasks it has, and however many threads ask for it first."""

    def __init__(self, runtime: "Runtime") -> None:
        self._runtime = runtime
        self._loaded: dict[str, Any] = {}
        self._loading = Lock()

    def get(self, name: str, task: "Task") -> Any:
        """The model called `name`; raises AskpixError as `load` does."""
        with self._loading:
            if name not in self._loaded:
                self._loaded[name] = load(name, self._runtime)
        check(self._loaded[name], name, task)
        return self._loaded[name]


def _folder(name: str, runtime: "Runtime") -> Any:
    from difflib import get_close_matches

    from vlm.errors import AskpixError
    from vlm.folder import read_config
    from vlm.model import Model

    folder = Path(__file__).parent / "builtin" if name == BUILTIN else Path(name).expanduser()
    if not folder.is_dir():
        near = get_close_matches(name.partition(":")[0], [BUILTIN, *KINDS], 1, 0.5)
        meant = f" Did you mean {KINDS.get(near[0], near[0])}?" if near else ""
        raise AskpixError(
            f'There is no model called "{name}": use builtin, a folder of weights, {", ".join(KINDS.values())}.{meant}'
        )
    return Model(folder, read_config(folder), runtime.threads)
