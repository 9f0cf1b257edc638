"""The verbs that need a model and no library."""

from pathlib import Path

import click

from vlm.console import emit, json_option, note, say, told
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
            if as_json:
                tags = [tag.name for tag in description.tags]
                emit({"path": str(path), "caption": description.caption, "tags": tags})
            else:
                say(f"{path}: {told(description)}")
    if refused:
        raise SystemExit(3)


@click.command(epilog="Example: askpix train --data ~/datasets --out my-model")
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), help="The folder that the recipe's data lies in."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to write, for --model.")
@click.option("--afresh", is_flag=True, help="Forget the stages that an interrupted run has done.")
def train(recipe: Path | None, data: Path, out: Path, afresh: bool) -> None:
    """Train a model by RECIPE, a TOML file (default: that of the built-in model), and export it to a folder.

    Needs the extra "train". An interrupted run goes on stage by stage.
    """
    from vlm import training

    training.train(recipe or training.RECIPE, data, out, resume=not afresh)


@click.command(epilog="Example: askpix evaluate retrieval captions.csv --images photos --split dev")
@click.argument("what", type=click.Choice(["retrieval", "captions", "answers"]))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--images", required=True, type=click.Path(path_type=Path), help="The folder of the pictures.")
@click.option("--split", help="Use the rows that have this in their column split (default: all rows).")
@_model_option
@json_option
def evaluate(what: str, data: Path, images: Path, split: str | None, model: str, as_json: bool) -> None:
    """Measure a model on DATA, a CSV with the columns image,caption or image,question,answers.

    Retrieval gives recall@1, 5 and 10 and the median rank both ways, captions BLEU-4 and CIDEr,
    answers exact accuracy, all in percent with counts.
    """
    import vlm
    from vlm.training.measure import MEASURES

    scores = MEASURES[what](vlm.load(model), data, images, split)
    if as_json:
        emit(scores)
    else:
        for name, value in scores.items():
            say(f"{name}: {value:.1f}" if isinstance(value, float) else f"{name}: {value}")
