"""The verb that edits; it needs no library."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlm.console import emit, json_option, note, runtime_options, say
from vlm.errors import AskpixError, first_line

if TYPE_CHECKING:
    from PIL import Image

    from vlm.editing.plan import Operation
    from vlm.editing.regions import Region
    from vlm.protocols import Editor, Floats

_LONGEST_PLAN = 1_000_000  # letters
_WHOLE = 1 << 24  # pixels a side, more than any picture has, so that none is reduced when it is decoded


@click.command(epilog='Example: askpix edit cat.jpg "blur the background" -o soft.jpg')
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("instruction", required=False)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write: jpg, png, webp, tif or avif.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it is there; the original is never replaced.")
@click.option("--editor", default="builtin", show_default=True, help="builtin, hf:NAME or hf:FOLDER.")
@click.option("--dry-run", is_flag=True, help="Print the plan as JSON, to look at and change, and do nothing.")
@click.option("--plan", "plan_file", metavar="FILE", help="Run the plan in FILE (- for standard input), as printed.")
@click.option("--mask", type=click.Path(path_type=Path), help="Write where it may change, white on black.")
@click.option("--model", envvar="ASKPIX_MODEL", default="builtin", show_default=True, help="What finds and checks.")
@click.option("--max-pixels", envvar="ASKPIX_MAX_PIXELS", type=click.IntRange(min=1), help="Refuse larger pictures.")
@runtime_options
@json_option
def edit(
    image: Path,
    instruction: str | None,
    output: Path | None,
    overwrite: bool,
    editor: str,
    dry_run: bool,
    plan_file: str | None,
    mask: Path | None,
    model: str,
    max_pixels: int | None,
    runtime: dict[str, Any],
    as_json: bool,
) -> None:
    """Change IMAGE as INSTRUCTION says, and write a new picture.

    \b
    askpix edit cat.jpg "make it warmer and crop to the cat" -o warm.jpg
    askpix edit cat.jpg "blur the background" --dry-run > plan.json
    askpix edit cat.jpg --plan plan.json -o soft.jpg

    IMAGE itself is never changed. What an instruction may say, in English, German, French, Czech or Chinese:
    brighter, darker, warmer, cooler, contrast, saturation, black and white, sepia, blur, pixelate, sharpen, vignette,
    crop, straighten, rotate, mirror, resize, remove or colour a thing, write a text; the most of it also on a thing
    named in words. Whatever else needs a generative editor (--editor hf:NAME).
    """
    import vlm
    from vlm import editing
    from vlm.editing.writing import write
    from vlm.picture import MAX_PIXELS, open_file
    from vlm.runtime import runtime_of

    _check_files(image, output, mask, overwrite)
    if output is None and not dry_run:
        raise AskpixError("say which file to write: -o OUT.jpg")
    settings = runtime_of(**runtime)
    chosen = editing.open_editor(editor, settings)
    plan = _plan(chosen, instruction, plan_file)
    picture = open_file(image, _WHOLE, max_pixels or MAX_PIXELS).image
    encoder = vlm.load(model, settings, "encode")
    if output is None or dry_run:
        if mask is not None:
            _write_mask(picture, _planned(plan, editing.preview(picture, plan, encoder)), mask, overwrite)
        _print_plan(plan, as_json)
        return
    made = editing.edit(picture, plan, encoder, chosen)
    notes = made.notes + write(made.image, output, image, made.plan, f"askpix {chosen.name}", overwrite)
    if mask is not None:
        _write_mask(made.image, made.mask, mask, overwrite)
    verdict = made.verdict
    if as_json:
        why = {
            "checks": verdict.checks,
            "outside_changed": verdict.outside_changed,
            "notes": notes,
            "editor": chosen.name,
            "model": encoder.name,
        }
        operations = [operation.as_json() for operation in made.plan]
        emit({"output": str(output.absolute()), "operations": operations, "verified": verdict.verified, "why": why})
        return
    for operation in made.plan:
        say(str(operation))
    for line in notes + verdict.against():
        note(line)
    say(f"{output}: {'verified' if verdict.verified else 'written, but not verified'}")


def _check_files(image: Path, output: Path | None, mask: Path | None, overwrite: bool) -> None:
    """Raises AskpixError for a file that may not be written, before any work is done."""
    from vlm.editing.writing import check_output

    for file in (output, mask):
        if file is not None:
            check_output(file, image, overwrite)
    if output is not None and mask is not None and output.absolute() == mask.absolute():
        raise AskpixError(f"{mask} cannot be both the picture and its mask: name another file for --mask")


def _plan(editor: "Editor", instruction: str | None, file: str | None) -> "tuple[Operation, ...]":
    """The plan of an instruction, or that in a file."""
    from vlm.editing.plan import from_json

    if (instruction is None) == (file is None):
        raise AskpixError('say what to change, such as "blur the background", or give a plan by --plan, and not both')
    if file is None:
        return editor.plan(instruction or "")
    try:
        with click.open_file(file, encoding="utf-8") as stream:
            return from_json(json.loads(stream.read(_LONGEST_PLAN)))
    except (OSError, ValueError, RecursionError) as error:
        raise AskpixError(f"{file} cannot be read as a plan, which --dry-run prints: {first_line(error)}") from error


def _print_plan(plan: "Sequence[Operation]", as_json: bool) -> None:
    """The plan with all its numbers, to be changed and given back."""
    from vlm.editing.plan import OPERATIONS

    operations = []
    for operation in plan:
        usual = OPERATIONS[operation.name].usual
        told = {"name": operation.name} | ({} if usual is None else {"amount": usual})
        operations.append(told | operation.as_json())
    if as_json:
        emit({"operations": operations})
    else:
        click.echo(json.dumps(operations, indent=2, ensure_ascii=False))


def _planned(plan: "Sequence[Operation]", regions: "Mapping[str, Region]") -> "Floats | None":
    """Where a plan is going to change a picture, as far as its regions tell; None for everywhere."""
    import numpy as np

    masks = []
    for operation in plan:
        if operation.region is None:
            return None
        mask = regions[operation.region].mask
        masks.append(1 - mask if operation.outside else mask)
    union: Floats = np.maximum.reduce(masks)
    return union


def _write_mask(image: "Image.Image", mask: "Floats | None", file: Path, overwrite: bool) -> None:
    """Where the picture may have changed: all over, if there is no mask."""
    import numpy as np
    from PIL import Image

    from vlm.editing.writing import SUFFIXES, save_whole

    kind, how = SUFFIXES[file.suffix.lower()]
    shares = np.ones((image.height, image.width), np.float32) if mask is None else mask
    shown = Image.fromarray(np.ceil(255 * shares).astype(np.uint8))
    save_whole(shown, file, kind, overwrite, **how)
