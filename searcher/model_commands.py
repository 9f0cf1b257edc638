"""The verb models: what there is, how fast it is here, and which of two serves a library better."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from searcher.options import library_option
from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Image

    from searcher.compare import Sample
    from searcher.elsewhere import Where
    from searcher.settings import Settings

MOST = 200  # photos that agreement is measured on


@click.group(
    invoke_without_command=True, epilog="Example: askpix models compare builtin open_clip:ViT-B-32/laion2b_s34b_b79k"
)
@library_option
@json_option
@click.pass_context
def models(context: click.Context, library: Path | None, as_json: bool) -> None:
    """List models: what they do, their languages, licence and size, and their speed where it was measured.

    \b
    Any of these names a model, for --model, --captioner and --answerer:
      builtin                           ships with askpix
      FOLDER                            what askpix train wrote
      open_clip:ARCH/TAG                weights that open_clip knows (extra torch)
      open_clip:ARCH//PATH              a checkpoint of one's own, a file or a folder
      hf:NAME[@REVISION] or hf:FOLDER   of transformers: CLIP, SigLIP, BLIP, chat models (extra torch)
      onnx:FOLDER                       what askpix models export wrote
      openai:BASE_URL#MODEL             an OpenAI-compatible server, for captions and answers
    """
    if context.invoked_subcommand is None:
        _list(library, as_json)


@models.command(epilog="Example: askpix models measure open_clip:ViT-B-32/laion2b_s34b_b79k")
@click.argument("name")
@runtime_options
@json_option
def measure(name: str, runtime: dict[str, Any], as_json: bool) -> None:
    """Measure how long the model NAME looks at a picture on this machine, and remember it for the list."""
    import numpy as np
    from PIL import Image

    import vlm
    from vlm.known import MEASURED, remember_speed
    from vlm.known import measure as seconds_a_picture
    from vlm.runtime import runtime_of

    model = vlm.load(name, runtime_of(**runtime), "encode")
    noise = np.random.default_rng(0).integers(0, 255, (MEASURED, 480, 640, 3), np.uint8)
    seconds = seconds_a_picture(model, [Image.fromarray(each) for each in noise])
    remember_speed(name, seconds)
    if as_json:
        emit({"model": name, "seconds": round(seconds, 5)})
    else:
        say(f"{name}: {1000 * seconds:.1f} ms a picture, {1 / seconds:.1f} pictures/s")


@models.command(epilog="Example: askpix models compare builtin onnx:my-clip --library ~/photos.askpix")
@click.argument("names", nargs=-1, required=True)
@library_option
@click.option("--captions", type=click.Path(path_type=Path), help="A CSV image,caption of your own to find photos by.")
@click.option("--images", type=click.Path(path_type=Path), help="The folder of its pictures.")
@click.option("--photos", default=200, show_default=True, type=click.IntRange(10, 5000), help="How many to take.")
@click.option("--seed", default=0, show_default=True, help="Chooses them.")
@runtime_options
@json_option
def compare(
    names: tuple[str, ...],
    library: Path | None,
    captions: Path | None,
    images: Path | None,
    photos: int,
    seed: int,
    runtime: dict[str, Any],
    as_json: bool,
) -> None:
    """Compare encoders on a sample of your library: how well captions find their photos, speed and memory.

    Captions are your own, by --captions and --images, or those that a model wrote: then encoders are
    compared by how well they follow that model, which favours its kin.
    """
    from itertools import combinations

    from searcher.compare import agreement
    from searcher.compare import compare as try_all
    from searcher.settings import load_settings
    from vlm.known import remember_speed

    if len(names) < 2:
        raise AskpixError("name at least two models to compare, for example: askpix models compare builtin onnx:FOLDER")
    settings = load_settings(library=library, **runtime)
    given = _sample(settings, captions, images, photos, seed)
    note(f"{len(given.paths)} photos, found by captions {given.source}")
    trials = try_all(names, given, settings, settings.max_pixels)
    for trial in trials:
        remember_speed(trial.name, trial.seconds)
        if as_json:
            recall = {f"recall@{k}": round(value, 2) for k, value in trial.recall.items()}
            emit(
                {"model": trial.name, **recall, "seconds": round(trial.seconds, 5), "megabytes": round(trial.megabytes)}
            )
        else:
            found = " / ".join(f"{value:.1f}" for value in trial.recall.values())
            say(
                f"{trial.name}: recall@1/5/10 {found} %, {1000 * trial.seconds:.1f} ms a picture, "
                f"{trial.megabytes:.0f} MB of memory"
            )
    for one, other in combinations(trials, 2):
        shared = agreement(one, other)
        if as_json:
            emit({"models": [one.name, other.name], "top10_agreement": round(shared, 4)})
        else:
            say(f"{one.name} and {other.name} have {shared:.0%} of their ten best in common")


@models.command(epilog="Example: askpix models export open_clip:ViT-B-32/openai -o my-clip --precision int8")
@click.argument("name")
@click.option(
    "-o", "--output", required=True, type=click.Path(path_type=Path), help="The folder to write, for onnx:FOLDER."
)
@click.option(
    "--precision",
    default="fp32",
    show_default=True,
    type=click.Choice(["fp32", "fp16", "int8"]),
    help="fp16 halves the files, int8 quarters them and is fastest on a processor.",
)
@click.option("--photos", type=click.Path(path_type=Path), help="A folder of photos to measure agreement on.")
@library_option
@runtime_options
@json_option
def export(
    name: str,
    output: Path,
    precision: Any,
    photos: Path | None,
    library: Path | None,
    runtime: dict[str, Any],
    as_json: bool,
) -> None:
    """Export the encoder NAME to a folder that runs without torch, as onnx:FOLDER.

    How far its rankings agree with the original's is measured on up to 200 photos of the folder
    --photos, or else of the library, and printed.
    """
    import vlm
    from searcher.settings import load_settings
    from vlm.extras import need
    from vlm.pairing import background_captions

    need("torch", "torch", "onnx", "onnxscript")
    from vlm.export import agreement, export_to

    settings = load_settings(library=library, **runtime)
    model = vlm.load(name, settings, "encode")
    if not hasattr(model, "towers"):
        raise AskpixError(f"{name} cannot be exported; open_clip: and hf: encoders can")
    exported = export_to(model, output, precision)
    megabytes = sum(path.stat().st_size for path in output.iterdir()) / 1e6
    seen = _photos(settings, photos, model.image_size)
    if len(seen) < 2:
        note("no photos to measure agreement on; name a folder of some with --photos")
        shared = None
    else:
        shared = agreement(model, exported, seen, background_captions())
    if as_json:
        measured = {"photos": shared.photos, "texts": shared.texts, "pictures": shared.pictures} if shared else None
        emit({"output": str(output.absolute()), "megabytes": round(megabytes, 1), "top10_agreement": measured})
        return
    say(f"{output}: {megabytes:.0f} MB; use it as onnx:{output}")
    if shared:
        say(
            f"of the ten best among {shared.photos} photos it shares {shared.texts:.1%} with the original "
            f"for a text, {shared.pictures:.1%} for a picture"
        )


def _list(library: Path | None, as_json: bool) -> None:
    from searcher.settings import load_settings
    from vlm.known import known, speeds

    measured = speeds()
    here = _indexed(load_settings(library=library))
    for model in known():
        seconds = measured.pop(model.name, None)
        if as_json:
            emit(
                {
                    "model": model.name,
                    "tasks": model.tasks,
                    "languages": model.languages,
                    "licence": model.licence,
                    "megabytes": model.megabytes,
                    "installed": model.installed,
                    "seconds": seconds,
                    "photos": here.pop(model.name, 0),
                }
            )
            continue
        size = f"{model.megabytes} MB{'' if model.installed else ' to download'}"
        speed = f", {1000 * seconds:.0f} ms a picture here" if seconds else ""
        say(f"{model.name}\n    {', '.join(model.tasks)}; {model.languages}; {model.licence}; {size}{speed}")
    for name, seconds in measured.items():
        if as_json:
            emit({"model": name, "seconds": seconds})
        else:
            say(f"{name}\n    {1000 * seconds:.0f} ms a picture here")
    for name, count in here.items():
        if as_json:
            emit({"model": name, "photos": count})
        else:
            say(f"this library: {count} photos encoded by {name}")


def _indexed(settings: "Settings") -> dict[str, int]:
    """Photos in the library by the model that encoded them."""
    from sqlalchemy import func, select

    from searcher import database
    from searcher.catalog import Embedding

    path = settings.library.expanduser().absolute() / "catalog.sqlite"
    if not path.exists():
        return {}
    with database.session(database.open_catalog(path)) as session:
        counted = session.execute(select(Embedding.model, func.count()).group_by(Embedding.model))
        return {row[0]: row[1] for row in counted}


def _sample(settings: "Settings", captions: Path | None, images: Path | None, photos: int, seed: int) -> "Sample":
    from searcher.compare import own_sample, sample
    from searcher.library import Library

    if bool(captions) != bool(images):
        raise AskpixError("captions of your own need both --captions CSV and --images FOLDER")
    if captions and images:
        return own_sample(captions, images, photos, seed)
    with Library(settings=settings) as library:
        return sample(library, photos, seed)


def _photos(settings: "Settings", folder: Path | None, side: int) -> "list[Image]":
    """Up to 200 photos of a folder, or else of the library."""
    from itertools import islice

    from searcher.library import Library
    from searcher.originals import open_originals
    from vlm.picture import SUFFIXES, Picture

    if folder is not None:
        paths: Sequence[Where] = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)[:MOST]
    elif (settings.library.expanduser() / "catalog.sqlite").exists():
        with Library(settings=settings) as library:
            paths = [hit.photo.path for hit in library.browse(k=MOST)]
    else:
        paths = []
    opened = open_originals(paths, side, settings.max_pixels)
    return [picture.image for _, picture in islice(opened, MOST) if isinstance(picture, Picture)]
