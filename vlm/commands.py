"""The verbs that need a model and no library."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlm.console import emit, json_option, note, runtime_options, say, told
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from vlm.protocols import Task

_model_option = click.option(
    "--model",
    envvar="ASKPIX_MODEL",
    default="builtin",
    show_default=True,
    help="builtin, a folder of weights, or as in: askpix models.",
)
_TASKS: "dict[str, Task]" = {"retrieval": "encode", "captions": "caption", "answers": "answer"}
_BATCH = 32
_SHADES = " ░▒▓█"


@click.command(epilog="Example: askpix caption holiday/*.jpg")
@click.argument("images", nargs=-1, required=True, type=click.Path(path_type=Path))
@_model_option
@runtime_options
@click.option(
    "--language", default="en", show_default=True, help="Of the captions: en or zh, or what the model writes."
)
@json_option
def caption(images: tuple[Path, ...], model: str, runtime: dict[str, Any], language: str, as_json: bool) -> None:
    """Write a caption and tags for each of IMAGES, without a library."""
    import vlm
    from vlm.picture import open_ahead
    from vlm.runtime import runtime_of
    from vlm.streams import batches

    captioner = vlm.load(model, runtime_of(**runtime), "caption")
    refused = 0
    for batch in batches(open_ahead((path.absolute() for path in images), captioner.image_size), _BATCH):
        readable = [picture.image for _, picture in batch if not isinstance(picture, AskpixError)]
        written = iter(captioner.describe(captioner.look(readable), language)) if readable else iter(())
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


@click.command(epilog='Example: askpix explain beach.jpg "a red umbrella" -o where.jpg')
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("text")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write the picture with the rest dimmed.")
@click.option("--question", help="TEXT is the answer to this question: show where it comes from.")
@_model_option
@runtime_options
@json_option
def explain(
    image: Path,
    text: str,
    output: Path | None,
    question: str | None,
    model: str,
    runtime: dict[str, Any],
    as_json: bool,
) -> None:
    """Show where in IMAGE the model finds TEXT: a query, a word of a caption, or an answer.

    Prints a map, dark where nothing speaks for the text; --json gives it as rows of numbers in 0..1,
    with the box around the most relevant part (left, top, right, bottom in 0..1).
    """
    import vlm
    from vlm.looking import sought
    from vlm.picture import open_file
    from vlm.relevance import EXPLAINED, overlay, relevance
    from vlm.runtime import runtime_of

    if not text.strip():
        raise AskpixError("the text is empty; say what to look for, for example: a red umbrella")
    picture = open_file(image, EXPLAINED).image
    encoder = vlm.load(model, runtime_of(**runtime), "encode")
    found = relevance(encoder, picture, (sought(question, text) or text) if question else text)
    if output is not None:
        try:
            overlay(picture, found).save(output)
        except (OSError, ValueError) as error:
            raise AskpixError(f"{output} cannot be written ({error}): name a .jpg, .png or .webp file") from error
    if as_json:
        emit(
            {
                "image": str(image.absolute()),
                "text": found.text,
                "map": found.values.round(3).tolist(),
                "box": found.box,
            }
        )
        return
    for row in found.values:
        say("".join(2 * _SHADES[int(value * (len(_SHADES) - 1))] for value in row))
    say(f"{found.text}: mostly {found.where()}")


@click.command(epilog="Example: askpix train --captions captions.csv --images photos --out my-model")
@click.argument("recipe", required=False, type=click.Path(path_type=Path))
@click.option("--captions", type=click.Path(path_type=Path), help="A CSV image,caption to go on learning from.")
@click.option("--images", type=click.Path(path_type=Path), help="The folder of its pictures.")
@click.option("--start", help="The model to go on from: builtin, or a folder of weights.")
@click.option("--data", type=click.Path(path_type=Path), help="The folder that the recipe's data lies in.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The folder to write, for --model.")
@click.option("--afresh", is_flag=True, help="Forget what an interrupted run has done.")
def train(
    recipe: Path | None,
    captions: Path | None,
    images: Path | None,
    start: str | None,
    data: Path | None,
    out: Path,
    afresh: bool,
) -> None:
    """Train a model and write it to a folder, which --model then names.

    With --captions and --images the built-in model goes on learning from captions of your own pictures:
    a CSV with the columns image,caption and any number of captions a picture. A tenth of the pictures,
    or those whose column split says dev, is kept to measure on.

    With --data a model is made from the base weights by RECIPE, a TOML file (default: that of the
    built-in model, see vlm/training/builtin.toml).

    Needs the extra "train". An interrupted run goes on where it was when it is started again.
    """
    from vlm import training

    if bool(captions) != bool(images) or not (captions or data):
        raise AskpixError("say what to learn from: --captions CSV and --images FOLDER, or --data FOLDER for a recipe")
    training.train(recipe, data or Path(), out, captions=captions, images=images, start=start, resume=not afresh)


@click.command(epilog="Example: askpix evaluate captions captions.csv --images photos --split dev --report captions.md")
@click.argument("what", type=click.Choice(["retrieval", "captions", "answers"]))
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--images", required=True, type=click.Path(path_type=Path), help="The folder of the pictures.")
@click.option("--split", help="Use the rows that have this in their column split (default: all rows).")
@click.option("--where", metavar="COLUMN=VALUE", multiple=True, help="Use the rows that have this; may be repeated.")
@click.option("--language", default="en", show_default=True, help="Of the captions to write: en or zh.")
@click.option("--report", type=click.Path(path_type=Path), help="Write a page of Markdown with best and worst cases.")
@_model_option
@runtime_options
@json_option
def evaluate(
    what: str,
    data: Path,
    images: Path,
    split: str | None,
    where: tuple[str, ...],
    language: str,
    report: Path | None,
    model: str,
    runtime: dict[str, Any],
    as_json: bool,
) -> None:
    """Measure a model on DATA, a CSV with the columns image,caption or image,question,answers.

    \b
    retrieval  recall@1, 5 and 10 and the median rank, both ways
    captions   BLEU-1 to 4, METEOR, F1 of content words, CIDEr
    answers    exact accuracy, WUPS@0.9 and @0.0

    All in percent, each with the 95 % interval that other data of the kind would give. METEOR and WUPS
    need WordNet (on Debian, apt install wordnet-base) and the extra "evaluate".
    """
    import vlm
    from vlm.runtime import runtime_of
    from vlm.training import wordnet
    from vlm.training.measure import MEASURES, Data
    from vlm.training.report import report as page

    wanted = dict(each.partition("=")[::2] for each in where) | ({"split": split} if split else {})
    measured = MEASURES[what](
        vlm.load(model, runtime_of(**runtime), _TASKS[what]), Data(data, images, wanted), language
    )
    if report is not None:
        try:
            report.write_text(page(f"{what.capitalize()} of {model} on {data.name}", measured, report.parent), "utf-8")
        except OSError as error:
            raise AskpixError(
                f"{report} cannot be written ({error}): name a file in a folder that is there."
            ) from error
    if as_json:
        values = {name: round(score.value, 2) for name, score in measured.scores.items()}
        intervals = {name: [round(score.low, 2), round(score.high, 2)] for name, score in measured.scores.items()}
        extra = {"calibration_error": round(measured.reliability.error, 4)} if measured.reliability else {}
        emit(measured.counts | values | extra | {"intervals": intervals})
        return
    for name, count in measured.counts.items():
        say(f"{name}: {count}")
    for name, score in measured.scores.items():
        say(f"{name}: {score.value:.1f} ({score.low:.1f} to {score.high:.1f})")
    if measured.reliability:
        say(f"calibration_error: {measured.reliability.error:.3f}")
    if what != "retrieval" and language == "en" and wordnet.wordnet() is None:
        note(wordnet.MISSING)
