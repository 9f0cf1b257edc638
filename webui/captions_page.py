"""Captions: read what the machine wrote, the least sure first, and correct it, one by one or many at once."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug import Response

from searcher import Library, captions, changes, database
from searcher.captions import Wanted
from searcher.catalog import PEOPLE
from searcher.corrections import correct_captions, tag_photos
from searcher.results import photos
from vlm.errors import AskpixError
from vlm.streams import batches
from webui.browsed import Browsed, row, rows, writing_runs
from webui.bulk import Change, make
from webui.library import current_library
from webui.replacing import Replacing

blueprint = Blueprint("captions", __name__)

PAGE = 30
_MOST_COUNTED = 1_000  # captions, up to which the page says how many there are
_EXAMPLES = 12
_READ_TOGETHER = 500

_TAGGING = ("tag", "untag")
_NAMES: dict[str, Callable[[], str]] = {
    "accept": lambda: _("Captions accepted as they are"),
    "machine": lambda: _("The machine's captions taken back"),
    "tag": lambda: _("Tag given"),
    "untag": lambda: _("Tag taken away"),
}


@blueprint.get("/captions")
def show() -> str:
    """A page of captions, with what can be done about them, and what was done last."""
    library, browsed = current_library(), Browsed.of_request()
    wanted, runs = browsed.wanted(library), writing_runs(library)
    with database.session(library.engine) as session:
        found = captions.page(session, wanted, PAGE + 1, browsed.place, browsed.surest)
        count = captions.count(session, wanted, _MOST_COUNTED + 1)
        writers = captions.writers(session)
    return render_template(
        "captions.html",
        browsed=browsed,
        rows=rows(library, found[:PAGE], runs),
        following=browsed.from_after(found[PAGE - 1]) if len(found) > PAGE else None,
        count=min(count, _MOST_COUNTED),
        more=count > _MOST_COUNTED,
        machines=[name for name in writers if name != PEOPLE],
        runs=runs,
        done=changes.find(library, request.args.get("did", "")),
        actions=changes.latest(library),
    )


@blueprint.post("/captions/<int:image_id>")
def correct(image_id: int) -> Response | str:
    """What people say about one photo: its caption, or tags to give or to take away."""
    library, form = current_library(), request.form
    library.photo(image_id) or abort(404)
    if "caption" in form:
        text = form["caption"].strip()
        about = _("Caption corrected") if text else _("The machine's caption taken back")
        did = correct_captions(library, [(image_id, text or None)], about)
    else:
        gone = form.getlist("untag")
        added = [name for name in form.get("tags", "").split(",") if name.strip()] if not gone else []
        about = _("Tag taken away") if gone else _("Tag given")
        did = tag_photos(library, [image_id], added, gone, f"{about}: {', '.join(gone or added)}")
    if "fragment" not in form:
        return redirect(url_for(".show", **Browsed.of_request().link(did=did)), 303)
    return render_template(
        "captions_one.html",
        browsed=Browsed.of_request(),
        row=row(library, image_id),
        done=changes.find(library, did),
    )


@blueprint.post("/captions/change")
def change_many() -> Response | str:
    """Change many at once; where it cannot be seen how many these are, they are counted and shown first."""
    library, form, browsed = current_library(), request.form, Browsed.of_request()
    if (do := form.get("do", "")) not in {"replace", *_NAMES}:
        abort(400)
    replacing = Replacing(form.get("find", "").strip(), form.get("put", "").strip()) if do == "replace" else None
    wanted = browsed.wanted(library)
    many = _many(library, wanted, replacing)
    if "sure" not in form and (replacing or form.get("scope") == "all"):
        return _shown_first(library, browsed, many, replacing)
    name = form.get("tag", "").strip()
    if replacing:
        about = _("“%(find)s” replaced by “%(put)s”", find=replacing.find, put=replacing.put)
    else:
        about = f"{_NAMES[do]()}: {name}" if do in _TAGGING else _NAMES[do]()

    def change(going: Change) -> str:
        ids = going.through(many)
        if do in _TAGGING:
            given, gone = ([name], []) if do == "tag" else ([], [name])
            return tag_photos(library, ids, given, gone, about)
        if do == "machine":
            return correct_captions(library, ((image_id, None) for image_id in ids), about)
        texts = _texts(library, wanted, ids)
        return correct_captions(library, replacing.changed(texts) if replacing else texts, about)

    return make(len(many), about, change, lambda did: url_for(".show", **browsed.link(did=did)))


@blueprint.post("/captions/undo")
def undo() -> Response:
    """Bring back what was before an action."""
    library, action, browsed = current_library(), request.form.get("action", ""), Browsed.of_request()
    done = changes.find(library, action)

    def bring_back(going: Change) -> str:
        return str(changes.undo(library, action, going.add))

    total, about = (done.photos, _("Undo: %(about)s", about=done.about)) if done else (0, "")
    return make(total, about, bring_back, lambda undone: url_for(".show", **browsed.link(undone=undone)))


def _many(library: Library, wanted: Wanted, replacing: Replacing | None) -> Sequence[int]:
    """The photos that are to be changed: those chosen, all on the page, or all whose captions are wanted."""
    form = request.form
    if form.get("scope") != "all":
        chosen = form.getlist("on_page" if form.get("scope") == "page" else "photo", type=int)
        if not chosen:
            raise AskpixError("no photo is chosen; tick some, or choose all on the page or all that match")
        return chosen
    if replacing:  # a caption without the words is not worth reading
        wanted = replace(wanted, words=f"{wanted.words} {replacing.find}")
    with database.session(library.engine) as session:
        return array("q", captions.images(session, wanted))


def _texts(library: Library, wanted: Wanted, many: Iterable[int]) -> Iterator[tuple[int, str]]:
    for some in batches(many, _READ_TOGETHER):
        with database.session(library.engine) as session:
            found = captions.texts(session, wanted, some)
        yield from found.items()


def _shown_first(library: Library, browsed: Browsed, many: Sequence[int], replacing: Replacing | None) -> str:
    """The page that asks whether it is meant so."""
    wanted = browsed.wanted(library)
    texts = _texts(library, wanted, many)
    changed = replacing.changed(texts) if replacing else texts
    examples = dict(islice(changed, _EXAMPLES))
    count = len(examples) + sum(1 for _ in changed) if replacing else len(many)
    with database.session(library.engine) as session:
        before = captions.texts(session, wanted, list(examples))
        shown = [(photo, before[photo.id], examples[photo.id]) for photo in photos(session, list(examples), PEOPLE)]
    return render_template(
        "captions_sure.html",
        browsed=browsed,
        examples=shown,
        count=count,
        many=[] if request.form.get("scope") == "all" else many,
        named=_NAMES,
    )
