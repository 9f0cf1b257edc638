"""Vision-language models behind small protocols (`vlm.protocols`); see the README beside this file."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlm.model import Model

BUILTIN = "builtin"


def load(name: str = BUILTIN, threads: int = 0) -> "Model":
    """The model called `name`: "builtin", or a folder that `askpix train` wrote.

    The object is an Encoder, a Captioner and an Answerer at once. Its networks are loaded when they
    are first used; `threads` is how many processor threads each may take, 0 meaning all cores.
    Raises AskpixError for any other name and for a folder that is no model.
    """
    from vlm.errors import AskpixError
    from vlm.folder import read_config
    from vlm.model import Model

    folder = Path(__file__).parent / "builtin" if name == BUILTIN else Path(name).expanduser()
    if not folder.is_dir():
        raise AskpixError(f'There is no model called "{name}": use "builtin" or a folder of weights.')
    return Model(folder, read_config(folder), threads)
