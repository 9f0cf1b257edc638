"""What people say about photos themselves: captions and tags of theirs, which count before any machine's.

They are kept beside what models wrote, by the content of a photo, so that they stay whatever is indexed again, and
can be taken back.
"""

from collections.abc import Collection, Iterable
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from searcher import database, wordsearch
from searcher.catalog import PEOPLE, Caption, File, Image, Tag, now
from searcher.library import Library
from vlm.errors import AskpixError

LONGEST_CAPTION = 2_000
LONGEST_TAG = 200


def correct_caption(library: Library, image_id: int, text: str | None) -> None:
    """Give a photo a caption in place of the machine's; with None the machine's is shown again.

    Raises AskpixError when there is no such photo, or the text is empty or too long.
    """
    with database.writing(library.engine) as session:
        _check_image(session, image_id)
        own = {"image_id": image_id, "model": PEOPLE}
        if text is None:
            session.execute(delete(Caption).filter_by(**own))
        else:
            session.merge(Caption(**own, text=_checked_caption(text), confidence=1.0, created_at=now()))
        wordsearch.refresh(session, [image_id])


def correct_tags(library: Library, image_id: int, add: Collection[str] = (), remove: Collection[str] = ()) -> None:
    """Give a photo tags, and take some away, whoever gave them.

    A tag that it has is known whatever its case. Raises AskpixError when there is no such photo, a name cannot be a
    tag's, or one is to be both given and taken away.
    """
    with database.writing(library.engine) as session:
        _check_image(session, image_id)
        present = session.scalars(select(Tag.name).where(Tag.image_id == image_id))
        spelt = {name.lower(): name for name in present}
        given, gone = (_spelt(names, spelt) for names in (add, remove))
        if both := given & gone:
            raise AskpixError(f"the tag {min(both)!r} cannot be both given and taken away")
        for name in given | gone:
            session.merge(Tag(image_id=image_id, model=PEOPLE, name=name, score=float(name in given)))
        wordsearch.refresh(session, [image_id])


def image_at(session: Session, path: Path) -> int | None:
    """The id of the image that a file held when it was indexed last, if it did."""
    path = path.absolute()
    return session.scalar(select(File.image_id).where(File.folder == str(path.parent), File.name == path.name))


def _check_image(session: Session, image_id: int) -> None:
    if session.get(Image, image_id) is None:
        raise AskpixError(f"there is no photo with the id {image_id} in this library")


def _checked_caption(text: str) -> str:
    text = " ".join(text.split())
    if not 0 < len(text) <= LONGEST_CAPTION:
        raise AskpixError(f"a caption has 1 to {LONGEST_CAPTION:,} characters; {len(text):,} were given")
    return text


def _spelt(names: Iterable[str], spelt: dict[str, str]) -> set[str]:
    """Names of tags as the photo has them already, or else as they are given."""
    return {spelt.setdefault(name.lower(), name) for name in map(_checked_tag, names)}


def _checked_tag(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_TAG or not name.isprintable() or ";" in name:
        raise AskpixError(f"a tag has 1 to {LONGEST_TAG} characters and no semicolon; {name!r} is none")
    return name
