"""The verb that serves the page."""

from pathlib import Path
from typing import Any

import click

from searcher.options import answerer_option, captioner_option, language_option, library_option, model_option
from vlm.console import note, runtime_options
from vlm.errors import AskpixError

THREADS = 4
LARGEST_REQUEST = 60_000_000  # bytes: a picture to search by, which may have 50 MB


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
) -> None:
    """Serve the page where a library is searched, looked at and asked.

    Beyond this machine it is served only when there is an account: askpix accounts add NAME --role admin
    """
    import logging

    import waitress

    from searcher import Library
    from searcher.settings import load_settings
    from webui import reach
    from webui.app import create_app

    # A browser asks for many thumbnails at once; that they wait their turn is no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    settings = load_settings(
        library=library,
        model=model,
        captioner=captioner,
        caption_language=caption_language,
        answerer=answerer,
        **runtime,
    )
    with Library(settings=settings) as opened:
        app = create_app(opened, reach.checked(opened, host, names, behind_proxy))
        try:
            server = waitress.create_server(
                app,
                host=host,
                port=port,
                threads=THREADS,
                ident=None,
                max_request_body_size=LARGEST_REQUEST,
                **reach.proxied(behind_proxy),
            )
        except OSError as error:
            raise AskpixError(f"port {port} cannot be had: {error.strerror}; choose another with --port") from error
        note(f"{opened.count_images()} photos at http://{reach.bracketed(host)}:{server.effective_port}/ (Ctrl-C ends)")
        server.run()
