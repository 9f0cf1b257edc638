"""What people say about photos themselves: captions and tags of theirs, which count before any machine's.

They are kept beside what models wrote, by the content of a photo, so that they stay whatever is indexed again, and
can be taken back; `searcher.changes` writes them down with what was before, and undoes them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from searcher import changes, database
from searcher.catalog import File, Image, Tag
from searcher.library import Library
from vlm.errors import AskpixError
from vlm.streams import batches

LONGEST_CAPTION = 2_000
LONGEST_TAG = 200


def correct_caption(library: Library, image_id: int, text: str | None) -> None:
    """Give a photo a caption in place of the machine's; with None the machine's is shown again.

    Raises AskpixError when there is no such photo, or the text is empty or too long.
    """
    _check_image(library, image_id)
    about = "The machine's caption taken back" if text is None else "Caption corrected"
    correct_captions(library, [(image_id, text)], about)


def correct_captions(library: Library, texts: Iterable[tuple[int, str | None]], about: str) -> str:
    """Give photos, by their ids, captions in place of the machine's, or with None the machine's again.

    It is one action, whose id is given back, and which `searcher.changes` can undo; `about` is what it is called. They
    are committed batch by batch. Raises AskpixError when a text is empty or too long.
    """
    action = changes.new_action()
    checked = ((i, None if text is None else _checked_caption(text)) for i, text in texts)
    for some in batches(checked, changes.BATCH):
        with database.writing(library.engine) as session:
            changes.change_captions(session, action, about, dict(some))
    return action


def correct_tags(library: Library, image_id: int, add: Collection[str] = (), remove: Collection[str] = ()) -> None:
    """Give a photo tags, and take some away, whoever gave them.

    A tag that it has is known whatever its case. Raises AskpixError when there is no such photo, a name cannot be a
    tag's, or one is to be both given and taken away.
    """
    _check_image(library, image_id)
    tag_photos(library, [image_id], add, remove, "Tags corrected")


def tag_photos(library: Library, ids: Iterable[int], add: Collection[str], remove: Collection[str], about: str) -> str:
    """Give photos tags, and take some away from those that have them, whoever gave them.

    It is one action, whose id is given back, as in `correct_captions`. Raises AskpixError as `correct_tags` does.
    """
    action = changes.new_action()
    given, gone = ({_checked_tag(name) for name in names} for names in (add, remove))
    if both := {name.lower() for name in given} & {name.lower() for name in gone}:
        raise AskpixError(f"the tag {min(both)!r} cannot be both given and taken away")
    for some in batches(ids, changes.BATCH):
        with database.writing(library.engine) as session:
            present = _present(session, some)
            scores: changes.Scores = {}
            for i in some:
                has = present[i]
                left = {has[name.lower()]: 0.0 for name in gone if name.lower() in has}
                scores[i] = {**left, **{has.get(name.lower(), name): 1.0 for name in given}}
            changes.change_tags(session, action, about, scores)
    return action


def image_at(session: Session, path: Path) -> int | None:
    """The id of the image that a file held when it was indexed last, if it did."""
    path = path.absolute()
    return session.scalar(select(File.image_id).where(File.folder == str(path.parent), File.name == path.name))


def _check_image(library: Library, image_id: int) -> None:
    with database.session(library.engine) as session:
        if session.get(Image, image_id) is None:
            raise AskpixError(f"there is no photo with the id {image_id} in this library")


def _checked_caption(text: str) -> str:
    text = " ".join(text.split())
    if not 0 < len(text) <= LONGEST_CAPTION:
        raise AskpixError(f"a caption has 1 to {LONGEST_CAPTION:,} characters; {len(text):,} were given")
    return text


def _present(session: Session, ids: Sequence[int]) -> dict[int, dict[str, str]]:
    """The tags of photos as they are written there, by their lower case; also those that people took away."""
    present: dict[int, dict[str, str]] = defaultdict(dict)
    for image_id, name in session.execute(select(Tag.image_id, Tag.name).where(Tag.image_id.in_(ids))):
        present[image_id][name.lower()] = name
    return present


def _checked_tag(name: str) -> str:
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_TAG or not name.isprintable() or ";" in name:
        raise AskpixError(f"a tag has 1 to {LONGEST_TAG} characters and no semicolon; {name!r} is none")
    return name
