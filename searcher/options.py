"""Flags that many verbs share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from searcher import flags
from searcher.completion import complete_term

F = TypeVar("F", bound=Callable[..., Any])


def _hold(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if parameter.name and value is not None:
        context.with_resource(flags.holding(**{parameter.name: value}))


_folder: Callable[[F], F] = click.option(
    "--library",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ASKPIX_LIBRARY",
    help="The library folder (default: ASKPIX_LIBRARY, or a folder of askpix among your user data).",
)
_catalog: Callable[[F], F] = click.option(
    "--catalog",
    metavar="URL",
    expose_value=False,
    callback=_hold,
    help="The library's catalog, if PostgreSQL keeps it: postgresql://USER@HOST/NAME (default: ASKPIX_CATALOG).",
)
_milvus: Callable[[F], F] = click.option(
    "--milvus",
    metavar="URL",
    expose_value=False,
    callback=_hold,
    help="Who searches vectors instead of FAISS: http://HOST:19530, or a file ending in .db (default: ASKPIX_MILVUS).",
)


def library_option(command: F) -> F:
    """The flag --library, which the verb gets, and those that hold for whatever it opens (`searcher.flags`)."""
    return _folder(_catalog(_milvus(command)))


model_option: Callable[[F], F] = click.option(
    "--model", help="The encoder: builtin (the default), a folder of weights, or as in: askpix models."
)
captioner_option: Callable[[F], F] = click.option(
    "--captioner", help="Another model for captions (default: the encoder if it writes some, else builtin)."
)
language_option: Callable[[F], F] = click.option(
    "--language", "caption_language", help="What captions are written in: en (the default) or zh."
)
answerer_option: Callable[[F], F] = click.option(
    "--answerer", help="Another model for answers (default: the encoder if it answers, else builtin)."
)
where_option: Callable[[F], F] = click.option(
    "--where",
    shell_complete=complete_term,
    help="Keep only what a filter lets through, for example: tag:dog -path:2019",
)
