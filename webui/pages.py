"""The pages: search and browse, one photo, and questions about the hits."""

import shlex
from collections import Counter
from dataclasses import dataclass
from itertools import islice

from flask import Blueprint, abort, render_template, request, url_for

from searcher import Hit, Library, Photo
from vlm.relevance import question_text
from webui.library import current_library

blueprint = Blueprint("pages", __name__)

PAGE = 60  # photos on one page
SIMILAR = 12
ASKED = 60  # hits that a question is asked of


@dataclass(frozen=True)
class View:
    """What a request asks to see: the query, a picture to be like, a filter, and whether to show unlikely hits."""

    q: str = ""
    like: int | None = None
    where: str = ""
    everything: bool = False
    offset: int = 0

    @classmethod
    def of_request(cls) -> "View":
        """Read it from the address."""
        return cls(
            q=request.args.get("q", "").strip(),
            like=request.args.get("like", type=int),
            where=request.args.get("where", "").strip(),
            everything=request.args.get("all") == "1",
            offset=max(0, request.args.get("offset", 0, type=int)),
        )

    @property
    def searching(self) -> bool:
        """Whether anything is searched for, rather than everything shown."""
        return bool(self.q or self.like)

    def link(self, **changes: object) -> dict[str, object]:
        """The arguments of an address that shows this view, with some changed."""
        given = {"q": self.q, "like": self.like, "where": self.where, "all": 1 if self.everything else None} | changes
        return {name: value for name, value in given.items() if value}

    def hits(self, library: Library, limit: int = PAGE) -> list[Hit]:
        """The photos to show."""
        where = self.where or None
        if not self.searching:
            return library.browse(where, k=limit, offset=self.offset)
        least = 0.0 if self.everything else None
        like = None
        if self.like is not None:
            photo = library.photo(self.like) or abort(404)
            if not self.q:
                return library.similar(photo.id, k=limit)
            like = photo.path
        return library.search(self.q, like=like, where=where, k=limit, min_confidence=least)


@blueprint.get("/")
def search() -> str:
    """The search page; without a query, all photos, newest first."""
    library, view = current_library(), View.of_request()
    hits = view.hits(library)
    return render_template(
        "search.html", view=view, hits=hits, total=library.count_images(), page=PAGE, like=_liked(library, view)
    )


@blueprint.get("/ask")
def ask() -> str:
    """A question put to every hit of a search, with a tally of the answers."""
    library, view = current_library(), View.of_request()
    question = request.args.get("question", "").strip()
    hits = view.hits(library, ASKED)
    replies = list(library.ask(question, [hit.photo for hit in hits]))
    tally = Counter(reply.answer for reply in replies if reply.answer is not None)
    return render_template(
        "ask.html",
        view=view,
        question=question,
        replies=list(zip(hits, replies, strict=True)),
        tally=tally.most_common(),
        like=_liked(library, view),
    )


@blueprint.get("/image/<int:image_id>")
def image(image_id: int) -> str:
    """One photo: what was written about it, what is like it, and a box to ask."""
    library, view = current_library(), View.of_request()
    photo = library.photo(image_id) or abort(404)
    question = request.args.get("question", "").strip()
    reply = next(library.ask(question, [photo])) if question else None
    found, before, after = _neighbours(library, view, image_id)
    return render_template(
        "image.html",
        view=view,
        photo=photo,
        hit=found,
        before=before,
        after=after,
        question=question,
        reply=reply,
        shown=request.args.get("show", "").strip(),
        sought=question_text(question, reply.answer) if reply and reply.answer else "",
        similar=library.similar(image_id, k=SIMILAR) if library.count_vectors() else [],
    )


def _neighbours(library: Library, view: View, image_id: int) -> tuple[Hit | None, Hit | None, Hit | None]:
    """The hit that this photo is in the view it was opened from, and those before and after it."""
    hits = view.hits(library) if view.searching else []
    for i, hit in enumerate(hits):
        if hit.photo.id == image_id:
            return hit, hits[i - 1] if i else None, next(islice(hits, i + 1, None), None)
    return None, None, None


def _liked(library: Library, view: View) -> Photo | None:
    return library.photo(view.like) if view.like is not None else None


@blueprint.app_template_global()
def picture_url(photo: Photo, size: str) -> str:
    """The address of a rendition, which changes with the photo's content."""
    return url_for("pictures.picture", image_id=photo.id, content=photo.hash[:16], size=size)


@blueprint.app_template_filter()
def printable(text: object) -> str:
    """Text that can be sent as UTF-8, whatever bytes a file name holds."""
    return str(text).encode("utf-8", "replace").decode()


@blueprint.app_template_filter()
def clock(seconds: float) -> str:
    """A time within a video, such as 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@blueprint.app_template_filter()
def quoted(term: str) -> str:
    """A term of a filter, its spaces kept."""
    return shlex.quote(term)


@blueprint.app_template_filter()
def ratio(photo: Photo) -> str:
    """Width over height, within what a row can hold."""
    return f"{min(max(photo.width / photo.height, 0.4), 3.2):.3f}"
