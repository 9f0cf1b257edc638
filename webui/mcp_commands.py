"""The verb that lets assistants search a library."""

from pathlib import Path
from typing import Any

import click

from searcher.options import answerer_option, library_option, model_option
from vlm.console import runtime_options


@click.command(epilog="Example: askpix mcp --library ~/photos.askpix")
@library_option
@model_option
@answerer_option
@runtime_options
def mcp(library: Path | None, model: str | None, answerer: str | None, runtime: dict[str, Any]) -> None:
    """Let an assistant search a library and ask it, over standard input and output.

    Assistants that speak the Model Context Protocol start this program themselves; docs/assistants.md says how to
    tell them. They can look, and change nothing. Needs askpix[mcp].
    """
    from vlm.extras import need

    need("mcp", "mcp")

    from searcher import Library
    from searcher.settings import load_settings
    from webui.mcp import make_server

    settings = load_settings(library=library, model=model, answerer=answerer, **runtime)
    with Library(settings=settings) as opened:
        make_server(opened).run()
