"""Making and measuring our own model: `askpix train` and `askpix evaluate`.

Only what needs torch is imported inside `train`, so that the measures can be used without it.
"""

import hashlib
import sys
from pathlib import Path

from vlm.errors import AskpixError

RECIPE = Path(__file__).parent / "builtin.toml"


def train(recipe: Path, data: Path, out: Path, *, resume: bool = True) -> None:
    """Train by a recipe on the CSVs and pictures below `data`; write a folder that `vlm.load` reads.

    What is done is kept in a folder beside `out` (its name and ".work"), from which an interrupted
    run goes on stage by stage; `resume=False` starts anew. Raises AskpixError when torch or the base
    weights are not installed, or the recipe or the data cannot be used.
    """
    try:
        import torch
    except ModuleNotFoundError:
        raise AskpixError('Training needs torch: pip install "askpix[train]".') from None
    from vlm.training import card, pipeline, publish
    from vlm.training.recipe import read_recipe

    settings = read_recipe(recipe)
    material = pipeline.material(settings, data)
    work = out.with_name(out.name + ".work")
    work.mkdir(parents=True, exist_ok=True)
    _same_recipe(recipe, work, resume)
    torch.manual_seed(settings.seed)
    run = pipeline.Run(settings, material, pipeline.tools(settings, work), work, say)
    measured = publish.publish(run, pipeline.trained(run), out)
    card.write(out, recipe, settings, measured)
    say(f"The model is in {out}; {work} can be removed.")


def say(text: str) -> None:
    """A line on standard error."""
    print(text, file=sys.stderr, flush=True)


def _same_recipe(recipe: Path, work: Path, resume: bool) -> None:
    """Stages of one recipe are no use to another."""
    mark, now = work / "recipe.sha256", hashlib.sha256(recipe.read_bytes()).hexdigest()
    if not resume:
        for path in work.iterdir():
            path.unlink()
    elif mark.exists() and mark.read_text() != now:
        raise AskpixError(f"{work} holds stages of another recipe: remove it, or name another output folder.")
    mark.write_text(now)
