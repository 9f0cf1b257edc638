"""Making and measuring our own model: `askpix train` and `askpix evaluate`.

Only what needs torch is imported inside `train`, so that the measures can be used without it.
"""

import hashlib
import sys
from dataclasses import replace
from pathlib import Path

from vlm.errors import AskpixError


def train(
    recipe: Path | None,
    data: Path,
    out: Path,
    *,
    captions: Path | None = None,
    images: Path | None = None,
    start: str | None = None,
    resume: bool = True,
) -> None:
    """Train by a recipe on the CSVs and pictures below `data`; write a folder that `vlm.load` reads.

    `captions`, `images` and `start` take the place of what the recipe says. The recipe is that of the
    built-in model if none is named, or with `captions` the one that goes on from a finished model. What
    is done is kept in a folder beside `out` (its name and ".work"), from which an interrupted run goes
    on; `resume=False` starts anew. Raises AskpixError when torch or the base weights are not installed,
    or the recipe or the data cannot be used.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise AskpixError('Training needs torch: pip install "askpix[train]".') from None
    import vlm
    from vlm.model import Model
    from vlm.training import card, pipeline, publish
    from vlm.training.material import material
    from vlm.training.recipe import BUILTIN, FINETUNE, read_recipe
    from vlm.training.restore import restore
    from vlm.training.run import Run, tools

    recipe = recipe or (FINETUNE if captions else BUILTIN)
    settings = read_recipe(recipe)
    tables = replace(
        settings.data,
        captions=str(captions.absolute()) if captions else settings.data.captions,
        caption_images=str(images.absolute()) if images else settings.data.caption_images,
    )
    settings = replace(settings, data=tables, start=settings.start if start is None else start)
    given = material(settings.data, data)
    work = out.with_name(out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    before = vlm.load(settings.start) if settings.start else None
    if before and not isinstance(before, Model):
        raise AskpixError(
            f"training goes on from builtin or a folder that askpix train wrote, not from {settings.start}"
        )
    _same_run(f"{settings} {before.name if before else ''}", work, resume)
    torch.manual_seed(settings.seed)
    parts = tools(settings, work)
    known = restore(before.folder, settings, parts) if before else None
    run = Run(settings, given, parts, work, say, known)
    measured = publish.publish(run, pipeline.trained(run), out)
    card.write(out, recipe, settings, measured, len(given.captioned.images))
    say(f"The model is in {out}; {work} can be removed.")


def say(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)


def _same_run(settings: str, work: Path, resume: bool) -> None:
    """Stages of one run are no use to another."""
    mark, now = work / "run.sha256", hashlib.sha256(settings.encode()).hexdigest()
    if not resume:
        for path in work.iterdir():
            path.unlink()
    elif mark.exists() and mark.read_text() != now:
        raise AskpixError(f"{work} holds stages of another recipe or other data: remove it, or name another output.")
    mark.write_text(now)
