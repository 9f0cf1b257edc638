"""Models: those that this library was indexed by, and those to choose from, with their sizes and measured speed."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, redirect, render_template, request, url_for
from sqlalchemy import func, select
from werkzeug import Response

from searcher import Library, database
from searcher.catalog import PEOPLE, Answer, Caption, Embedding, Reading
from searcher.wholeness import stored
from vlm.errors import AskpixError
from vlm.known import Known, known, speeds
from webui.guard import ADMIN, needs
from webui.library import current_library

blueprint = Blueprint("models", __name__)

_LONGEST_S = 600  # that measuring may take; a large model is slow to load


@dataclass(frozen=True)
class Used:
    """A model that looked at photos of the library: how many it encoded (in so many megabytes of vectors), captioned,
    answered questions about and read; `serves` says for which of these it is asked now."""

    name: str
    encoded: int
    megabytes: float
    captioned: int
    answered: int
    read: int
    serves: list[str]


@blueprint.get("/models")
def show() -> str:
    """The page."""
    library, measured = current_library(), speeds()
    listed = known()
    return render_template(
        "models.html",
        used=_used(library),
        known=listed,
        measured=measured,
        others={name: each for name, each in measured.items() if name not in {model.name for model in listed}},
        chosen={library.settings.model, library.settings.captioner, library.settings.answerer},
    )


@blueprint.post("/models/measure")
@needs(ADMIN)
def measure() -> Response:
    """Measure how fast a model of the list is here, in a process of its own, which gives its memory back."""
    settings, name = current_library().settings, request.form.get("name", "")
    if name not in _measurable(known()):
        raise AskpixError(
            f"{name!r} is not among the models here that can be measured; askpix models measure takes any"
        )
    command = [sys.executable, "-m", "askpix", "models", "measure", name, "--json"]
    runtime = ["--device", settings.device, "--dtype", settings.dtype]
    try:
        done = subprocess.run([*command, *runtime], capture_output=True, text=True, check=False, timeout=_LONGEST_S)
    except subprocess.TimeoutExpired as error:
        raise AskpixError(f"{name} took longer than {_LONGEST_S // 60} minutes, so it was not measured") from error
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2].removeprefix("askpix: ")
        raise AskpixError(f"{name} could not be measured: {said}")
    return redirect(url_for(".show"), 303)


def _measurable(models: list[Known]) -> set[str]:
    return {model.name for model in models if model.installed and "encode" in model.tasks}


def _used(library: Library) -> list[Used]:
    """Every model that did something here or would now, those that serve first."""
    counts = {table: _count(library, table) for table in (Embedding, Caption, Answer, Reading)}
    sizes = {one.model: _megabytes(one.folder) for one in stored(library.folder, {})}
    serving = {"encode": library.encoder.name, "caption": library.captions_by, "answer": library.answerer.name}
    names = dict.fromkeys([*serving.values(), *(name for table in counts.values() for name in table)])
    return [
        Used(
            name,
            counts[Embedding].get(name, 0),
            sizes.get(name, 0.0),
            counts[Caption].get(name, 0),
            counts[Answer].get(name, 0),
            counts[Reading].get(name, 0),
            [task for task, by in serving.items() if by == name],
        )
        for name in names
        if name != PEOPLE
    ]


def _count(library: Library, table: type[Embedding | Caption | Answer | Reading]) -> dict[str, int]:
    with database.session(library.engine) as session:
        return dict(session.execute(select(table.model, func.count()).group_by(table.model)).all())


def _megabytes(folder: Path) -> float:
    """How many megabytes vectors take with their index."""
    return sum(path.stat().st_size for path in folder.iterdir()) / 1e6
