"""Vision-language models behind small protocols (`vlm.protocols`); see the README beside this file."""

from importlib import import_module
from pathlib import Path
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
    from vlm.errors import AskpixError

    found = _load(name, runtime)
    if task and task not in found.tasks:
        does = " and ".join(_DOES[each] for each in sorted(found.tasks))
        raise AskpixError(f"{name} cannot {_DOES[task]}, only {does}; choose another for that")
    return found


def _load(name: str, runtime: "Runtime | None") -> Any:
    from vlm.runtime import Runtime

    runtime = runtime or Runtime()
    kind, _, rest = name.partition(":")
    if rest and kind in KINDS:
        return import_module(_MODULES[kind]).open_model(rest, runtime)
    return _folder(name, runtime)


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
