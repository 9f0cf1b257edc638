"""Packages that a plain install does not have."""

from importlib.util import find_spec

from vlm.errors import AskpixError


def need(extra: str, *modules: str) -> None:
    """Raises AskpixError, saying how to install the extra, unless all the modules are there."""
    if missing := [module for module in modules if find_spec(module) is None]:
        are = "is" if len(missing) == 1 else "are"
        raise AskpixError(f'{" and ".join(missing)} {are} not installed: pip install "askpix[{extra}]"')
