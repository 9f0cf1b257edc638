"""The verbs that need a model and no library."""

from pathlib import Path

import click

from vlm.console import emit, json_option, note, say
from vlm.errors import AskpixError

_model_option = click.option(
    "--model",
    envvar="ASKPIX_MODEL",
    default="builtin",
    show_default=True,
    help="builtin, or a folder of weights.",
)
_BATCH = 32


@click.command(epilog="Example: askpix caption holiday/*.jpg")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@_model_option
@json_option
def caption(images: tuple[Path, ...], model: str, as_json: bool) -> None:
    """Write a caption and tags for each of IMAGES, without a library."""
    import vlm
    from vlm.picture import open_ahead
    from vlm.streams import batches

    captioner = vlm.load(model)
    refused = 0
    for batch in batches(open_ahead((path.absolute() for path in images), captioner.image_size), _BATCH):
        readable = [picture.image for _, picture in batch if not isinstance(picture, AskpixError)]
        written = iter(captioner.describe(captioner.look(readable))) if readable else iter(())
        for path, picture in batch:
            if isinstance(picture, AskpixError):
                refused += 1
                note(f"{path}: {picture}")
                if as_json:
                    emit({"path": str(path), "caption": None, "tags": [], "refused": str(picture)})
                continue
            description = next(written)
            tags = [tag.name for tag in description.tags]
            if as_json:
                emit({"path": str(path), "caption": description.caption, "tags": tags})
            else:
                say(f"{path}: {description.caption}" + (f"  [{', '.join(tags)}]" if tags else ""))
    if refused:
        raise SystemExit(3)
