"""Flags that many verbs share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from searcher.completion import complete_term

F = TypeVar("F", bound=Callable[..., Any])

library_option: Callable[[F], F] = click.option(
    "--library",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="ASKPIX_LIBRARY",
    help="The library folder (default: ASKPIX_LIBRARY, or a folder of askpix among your user data).",
)
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
