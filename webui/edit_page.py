"""Change a photo by saying so: the plan, where and what it changes beside the original, and keep it or not."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, abort, current_app, make_response, redirect, render_template, request, send_file, url_for
from werkzeug import Response

from indexer import edits
from searcher import Photo
from searcher.catalog import Edit
from searcher.originals import open_named
from vlm import editing
from vlm.editing.plan import LONGEST, OPERATIONS, Operation, from_json
from vlm.errors import AskpixError
from webui.edit_preview import Preview, Previews
from webui.guard import EDITOR, needs
from webui.languages import gettext as _
from webui.library import current_library

blueprint = Blueprint("edit", __name__)

_WHOLE = 1 << 24  # pixels a side, more than any picture has, so that none is reduced when it is decoded
_FIELDS = ("name", "amount", "region", "text", "outside")


@dataclass(frozen=True)
class Lineage:
    """How a photo was made, the last edit first, with the photos that are there of those it was made from; and the
    edits that were made from it."""

    steps: list[Edit]
    sources: dict[int, Photo]
    edits: list[Edit]


@blueprint.get("/image/<int:image_id>/edit")
@needs(EDITOR)
def show(image_id: int) -> Response:
    """What was said as a plan whose numbers can be changed, and what it makes of the photo."""
    photo = _photo(image_id)
    try:
        said, plan = _asked()
        return _page(photo, said, plan, _previews().edit(photo, plan) if plan else None)
    except AskpixError as error:
        return _page(photo, request.args.get("say", ""), _rows(), None, str(error))


@blueprint.get("/image/<int:image_id>/edit/<content>/after.webp")
@needs(EDITOR)
def after(image_id: int, content: str) -> Response:
    """What the plan in the address makes of a photo, at a smaller size."""
    photo = _photo(image_id, content)
    _said, plan = _asked()
    return _picture(_previews().edit(photo, plan).webp)


@blueprint.get("/image/<int:image_id>/edit/<content>/where.webp")
@needs(EDITOR)
def where(image_id: int, content: str) -> Response:
    """The photo dimmed where the thing that `region` names is not found."""
    photo = _photo(image_id, content)
    (named,) = from_json([{"name": "blur", "region": request.args.get("region", "")}])
    return _picture(_previews().where(photo, named.region or ""))


@blueprint.post("/image/<int:image_id>/edit")
def keep(image_id: int) -> Response:
    """Edit the photo at its full size, and keep what comes of it as a new one."""
    library, photo = current_library(), _photo(image_id)
    try:
        said, plan = _asked()
        editor = editing.open_editor()
        image = open_named(photo.path, _WHOLE, library.settings.max_pixels).image
        made = editing.edit(image, plan, library.encoder, editor)
        told = (said or "; ".join(map(str, plan)))[:LONGEST]
        return redirect(url_for("photo.show", image_id=edits.keep(library, photo, made, told, editor.name)), 303)
    except AskpixError as error:
        return _page(photo, request.form.get("say", ""), _rows(), None, str(error))


@blueprint.post("/image/<int:image_id>/edit/delete")
def delete(image_id: int) -> Response:
    """Undo an edit, and go to what it was made from."""
    library = current_library()
    steps = edits.made_from(library, image_id)
    edits.delete(library, image_id)
    source = library.photo(steps[0].source_id)
    return redirect(url_for("photo.show", image_id=source.id) if source else url_for("search.search"), 303)


@blueprint.app_template_global()
def lineage(photo: Photo) -> Lineage:
    """What a photo was made from, and what was made from it."""
    library = current_library()
    steps = edits.made_from(library, photo.id)
    sources = {step.source_id: library.photo(step.source_id) for step in steps}
    there = {number: source for number, source in sources.items() if source}
    return Lineage(steps, there, [made for made in edits.edits_of(library, photo.id) if library.photo(made.image_id)])


def _photo(image_id: int, content: str = "") -> Photo:
    photo = current_library().photo(image_id)
    if photo is None or not photo.hash.startswith(content):
        abort(404)
    if photo.seconds is not None:
        raise AskpixError("this is a moment of a video, and only photos are edited: save it as a picture, index it")
    return photo


def _previews() -> Previews:
    return cast(Previews, current_app.extensions.setdefault("edit_previews", Previews(current_library())))


def _asked() -> tuple[str, tuple[Operation, ...]]:
    """What was said, and the plan: that of the rows, or else what is understood of the words; none if nothing is said.

    Raises AskpixError for rows that no form has sent, and words that are not understood.
    """
    said = request.values.get("say", "").strip()
    if len({len(request.values.getlist(name)) for name in _FIELDS}) > 1:
        raise AskpixError("the fields of the plan do not belong together: say what to change again")
    rows = _rows()
    if "name" not in request.values and said:
        rows = [_as_row(one) for one in editing.open_editor().plan(said)]
    if not rows and request.method == "GET":
        return said, ()
    return said, from_json([_operation(row) for row in rows])


def _rows() -> list[dict[str, str]]:
    """The fields of the form, an operation each, but for the one that is to be removed."""
    columns = [request.values.getlist(name) for name in _FIELDS]
    rows = [dict(zip(_FIELDS, row, strict=True)) for row in zip(*columns, strict=False)]
    removed = request.values.get("remove", -1, type=int)
    return [row for number, row in enumerate(rows) if number != removed]


def _operation(row: dict[str, str]) -> dict[str, Any]:
    """A row as an operation's JSON; an empty field says nothing."""
    said = {key: value.strip() for key, value in row.items() if value.strip()}
    made: dict[str, Any] = {key: value for key, value in said.items() if key in ("name", "region", "text")}
    if "amount" in said:
        try:
            made["amount"] = float(said["amount"])
        except ValueError:
            raise AskpixError(f"the amount must be a number, not {said['amount'][:40]!r}: change it") from None
    if "outside" in said and "region" in said:
        made["outside"] = True
    return made


def _as_row(operation: Operation) -> dict[str, str]:
    """An operation as the fields of a row, with the usual number where it has none."""
    usual = OPERATIONS[operation.name].usual if operation.text is None else None
    number = operation.amount if operation.amount is not None else usual
    return {
        "name": operation.name,
        "amount": "" if number is None else f"{number:g}",
        "region": operation.region or "",
        "text": operation.text or "",
        "outside": "1" if operation.outside else "",
    }


def _page(
    photo: Photo,
    said: str,
    plan: Sequence[Operation] | list[dict[str, str]],
    preview: Preview | None,
    wrong: str = "",
) -> Response:
    rows = [_as_row(one) if isinstance(one, Operation) else one for one in plan]
    rows = [row for row in rows if row["name"] in OPERATIONS]
    fields = {name: [row[name] for row in rows] for name in _FIELDS}
    shown = render_template(
        "edit.html",
        photo=photo,
        said=said,
        rows=rows,
        fields=fields,
        kinds=OPERATIONS,
        names=_names(),
        regions=list(dict.fromkeys(row["region"] for row in rows if row["region"])) if preview else [],
        preview=preview,
        wrong=wrong,
        examples=_examples(),
    )
    return make_response(shown, 400 if wrong else 200)


def _picture(webp: bytes) -> Response:
    response = send_file(io.BytesIO(webp), mimetype="image/webp", max_age=86_400)
    response.cache_control.private = True
    return response


def _examples() -> list[str]:
    return [
        _("make it brighter"),
        _("blur the background"),
        _("make it black and white"),
        _("crop to the main subject"),
        _("rotate 90 degrees left"),
        _("write 'Hello' on it"),
    ]


def _names() -> dict[str, str]:
    """The operations as people are told them."""
    return {
        "brightness": _("Brightness"),
        "contrast": _("Contrast"),
        "saturation": _("Saturation"),
        "warmth": _("Warmth"),
        "grayscale": _("Black and white"),
        "sepia": _("Sepia"),
        "blur": _("Blur"),
        "pixelate": _("Pixelate"),
        "sharpen": _("Sharpen"),
        "vignette": _("Vignette"),
        "crop": _("Crop"),
        "straighten": _("Straighten"),
        "rotate": _("Rotate"),
        "mirror": _("Mirror"),
        "resize": _("Resize"),
        "remove": _("Remove"),
        "colour": _("Colour"),
        "caption": _("Write on it"),
        "generate": _("Draw"),
    }
