"""What people say about photos is written here, with what they had said before, so that it can be undone.

An action changes one photo or many; its changes are kept until it is undone, also after a restart.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.orm import Session

from searcher import database, wordsearch
from searcher.catalog import PEOPLE, Caption, Change, Tag, now
from searcher.library import Library
from vlm.errors import AskpixError

BATCH = 500  # photos that are changed in one transaction, so that others who write need not wait for long

Texts = dict[int, str | None]  # people's captions by image; None where they say nothing
Scores = dict[int, dict[str, float | None]]  # of people's tags by image: 1 given, 0 taken away, None nothing said


@dataclass(frozen=True)
class Action:
    """Something that people did: `about` in words, to how many photos, and when (UTC)."""

    id: str
    about: str
    photos: int
    at: datetime


def new_action() -> str:
    """The id of an action that is about to be done."""
    return uuid.uuid4().hex


def change_captions(session: Session, action: str, about: str, texts: Texts) -> None:
    """Have people say these captions; those that they say already are left alone."""
    said = _captions(session, texts)
    changed = {i: text for i, text in texts.items() if text != said[i]}
    _write_captions(session, changed)
    _record(session, action, about, "caption", {i: {"text": said[i]} for i in changed})
    wordsearch.refresh(session, changed)


def change_tags(session: Session, action: str, about: str, scores: Scores) -> None:
    """Have people give and take away these tags; what they say already is left alone."""
    said = _tags(session, scores)
    changed: Scores = {}
    for i, names in scores.items():
        if new := {name: score for name, score in names.items() if score != said[i].get(name)}:
            changed[i] = new
    _write_tags(session, changed)
    before = {i: {"tags": {name: said[i].get(name) for name in names}} for i, names in changed.items()}
    _record(session, action, about, "tags", before)
    wordsearch.refresh(session, changed)


def latest(library: Library, most: int = 20) -> list[Action]:
    """The last actions that can be undone, the latest first."""
    actions: list[Action] = []
    with database.session(library.engine) as session:
        newest = select(Change.action, Change.id).order_by(Change.id.desc()).limit(1)
        row = session.execute(newest).first()
        while row and len(actions) < most:
            actions += filter(None, [_action(session, row.action)])
            # Two may have acted at the same time, so that their changes lie among each other.
            others = Change.action.not_in([action.id for action in actions])
            row = session.execute(newest.where(Change.id < row.id, others)).first()
    return actions


def find(library: Library, action: str) -> Action | None:
    """The action with that id, unless it was undone."""
    with database.session(library.engine) as session:
        return _action(session, action)


def undo(library: Library, action: str, tell: Callable[[int], object] = lambda _: None) -> int:
    """Bring back what people had said before an action, or nothing if so it was; how many photos it concerns.

    `tell` is called with the number of changes that were taken back, batch by batch.

    What was changed again since stays as it is: undoing that as well leads to what was before both. Raises AskpixError
    when there is no such action.
    """
    undone: set[int] = set()
    while True:
        with database.writing(library.engine) as session:
            some = select(Change).where(Change.action == action).order_by(Change.id.desc()).limit(BATCH)
            changes = session.scalars(some).all()
            for kind, restore in (("caption", _restore_captions), ("tags", _restore_tags)):
                of_kind = [change for change in changes if change.kind == kind]
                restore(session, of_kind, _later(session, of_kind))
            images = {change.image_id for change in changes}
            session.execute(delete(Change).where(Change.id.in_([change.id for change in changes])))
            wordsearch.refresh(session, images)
        undone |= images
        tell(len(changes))
        if not changes:
            break
    if not undone:
        raise AskpixError("that was undone already, or never done; the page of captions lists what can be undone")
    return len(undone)


def _action(session: Session, action: str) -> Action | None:
    count = func.count(func.distinct(Change.image_id))
    own = select(func.max(Change.about), count, func.max(Change.created_at)).where(Change.action == action)
    about, photos, at = session.execute(own).one()
    return Action(action, about, photos, at) if photos else None


def _record(session: Session, action: str, about: str, kind: str, before: Mapping[int, dict[str, Any]]) -> None:
    of_all = {"action": action, "about": about, "kind": kind, "created_at": now()}
    if before:
        session.execute(insert(Change), [{**of_all, "image_id": i, "before": said} for i, said in before.items()])


def _later(session: Session, changes: Collection[Change]) -> dict[int, list[Change]]:
    """What was changed after some changes of one action and kind, by image and in its order."""
    later: dict[int, list[Change]] = defaultdict(list)
    if changes:
        first = min(changes, key=lambda change: change.id)
        of_them = Change.image_id.in_([change.image_id for change in changes])
        after = select(Change).where(of_them, Change.id > first.id, Change.kind == first.kind)
        for change in session.scalars(after.where(Change.action != first.action).order_by(Change.id)):
            later[change.image_id].append(change)
    return later


def _restore_captions(session: Session, changes: Iterable[Change], later: Mapping[int, list[Change]]) -> None:
    back: Texts = {}
    for change in changes:
        after = next((other for other in later.get(change.image_id, ()) if other.id > change.id), None)
        if after:
            after.before = change.before
        else:
            back[change.image_id] = change.before["text"]
    _write_captions(session, back)


def _restore_tags(session: Session, changes: Iterable[Change], later: Mapping[int, list[Change]]) -> None:
    back: Scores = defaultdict(dict)
    for change in changes:
        others = [other for other in later.get(change.image_id, ()) if other.id > change.id]
        for name, score in change.before["tags"].items():
            after = next((other for other in others if name in other.before["tags"]), None)
            if after:
                after.before = {"tags": {**after.before["tags"], name: score}}
            else:
                back[change.image_id][name] = score
    _write_tags(session, back)


def _captions(session: Session, ids: Iterable[int]) -> Texts:
    own = select(Caption.image_id, Caption.text).where(Caption.model == PEOPLE, Caption.image_id.in_(list(ids)))
    return dict.fromkeys(ids) | {row.image_id: row.text for row in session.execute(own)}


def _tags(session: Session, ids: Iterable[int]) -> Scores:
    said: Scores = defaultdict(dict)
    own = select(Tag.image_id, Tag.name, Tag.score).where(Tag.model == PEOPLE, Tag.image_id.in_(list(ids)))
    for image_id, name, score in session.execute(own):
        said[image_id][name] = score
    return said


def _write_captions(session: Session, texts: Texts) -> None:
    session.execute(delete(Caption).where(Caption.model == PEOPLE, Caption.image_id.in_(list(texts))))
    own = {"model": PEOPLE, "confidence": 1.0, "created_at": now()}
    if rows := [{**own, "image_id": i, "text": text} for i, text in texts.items() if text is not None]:
        session.execute(insert(Caption), rows)


def _write_tags(session: Session, scores: Scores) -> None:
    rows = [(i, name, score) for i, names in scores.items() for name, score in names.items()]
    if not rows:
        return
    this = delete(Tag.__table__).where(  # type: ignore[arg-type]
        Tag.model == PEOPLE, Tag.image_id == bindparam("image"), Tag.name == bindparam("tag")
    )
    session.execute(this, [{"image": i, "tag": name} for i, name, _ in rows])
    own = {"model": PEOPLE}
    if kept := [{**own, "image_id": i, "name": name, "score": score} for i, name, score in rows if score is not None]:
        session.execute(insert(Tag), kept)
