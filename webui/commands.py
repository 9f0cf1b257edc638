"""The verb that serves the page."""

from pathlib import Path
from typing import Any

import click

from searcher.options import answerer_option, captioner_option, language_option, library_option, model_option
from vlm.console import note, runtime_options


@click.command(epilog="Example: askpix serve --library ~/photos.askpix --port 8080")
@library_option
@model_option
@captioner_option
@language_option
@answerer_option
@runtime_options
@click.option("--host", default="127.0.0.1", show_default=True, envvar="ASKPIX_HOST", help="The address to listen on.")
@click.option(
    "--port",
    default=8080,
    show_default=True,
    envvar="ASKPIX_PORT",
    type=click.IntRange(0, 65535),
    help="0 takes a free one.",
)
@click.option(
    "--name",
    "names",
    multiple=True,
    envvar="ASKPIX_NAME",
    help="A host name or address that people reach it by, as photos.example.org; may be repeated.",
)
@click.option(
    "--behind-proxy",
    is_flag=True,
    envvar="ASKPIX_BEHIND_PROXY",
    help="Believe the X-Forwarded-For, -Proto and -Host of the reverse proxy before it, which must set all three.",
)
@click.option(
    "--log-format",
    default="none",
    show_default=True,
    envvar="ASKPIX_LOG_FORMAT",
    type=click.Choice(["none", "text", "json"]),
    help="A line for each request on standard error; it tells no searches, questions or file names.",
)
def serve(
    library: Path | None,
    model: str | None,
    captioner: str | None,
    caption_language: str | None,
    answerer: str | None,
    runtime: dict[str, Any],
    host: str,
    port: int,
    names: tuple[str, ...],
    behind_proxy: bool,
    log_format: str,
) -> None:
    """Serve the page where a library is searched, looked at and asked.

    Beyond this machine it is served only when there is an account: askpix accounts add NAME --role admin
    """
    from searcher import Library
    from searcher.checkup import Checkup
    from searcher.settings import load_settings
    from webui import logs, reach
    from webui.app import create_app
    from webui.metrics import Metrics
    from webui.serving import Server
    from webui.timed import timed_models

    settings = load_settings(
        library=library,
        model=model,
        captioner=captioner,
        caption_language=caption_language,
        answerer=answerer,
        **runtime,
    )
    metrics = Metrics()
    with Library(settings=settings, **timed_models(settings, metrics.note_model)) as opened:
        reached = reach.checked(opened, host, names, behind_proxy)
        logs.set_up(log_format)
        app = create_app(opened, reached, metrics)
        server = Server(app, host, port, **reach.proxied(behind_proxy))
        with server.ended_by_signals(), Checkup(opened, note):
            note(f"{opened.count_images()} photos at http://{reach.bracketed(host)}:{server.port}/ (Ctrl-C ends)")
            server.run()
