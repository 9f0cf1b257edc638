"""What is in a library, told without ids, order or time, so that two libraries can be compared."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from PIL import ImageOps
from sqlalchemy import select

from searcher import Library, database, wordsearch
from searcher.catalog import Album, AlbumImage, Answer, Caption, Details, Embedding, File, Image, Keyword, Reading, Tag

Contents = dict[str, dict[Any, Any]]
_NO_TIMES = {"id", "image_id", "created_at", "added_at", "missing_since", "updated_at"}
_OF_IMAGES = (Details, Keyword, Caption, Tag, Reading, Answer)


def contents(library: Library) -> Contents:
    """Images by their hash; files by their path; all that is known of each; and each one's embedding as bytes."""
    with database.session(library.engine) as session:
        images = {image.id: image for image in session.scalars(select(Image))}
        hashes = {number: image.hash for number, image in images.items()}
        words = wordsearch.written(session, list(images))
        found: Contents = {
            "images": {
                one.hash: (one.width, one.height, one.format, one.likeness, hashes.get(one.duplicate_of or 0))
                for one in images.values()
            },
            "files": {
                (file.folder, file.name): (
                    file.size,
                    file.mtime_ns,
                    file.sidecar_ns,
                    file.reason,
                    file.missing_since is not None,
                    hashes.get(file.image_id or 0),
                )
                for file in session.scalars(select(File))
            },
            "words": {hashes[number]: _in_order(said) for number, said in words.items()},
            "albums": {
                (name, hashes[number]): True
                for name, number in session.execute(select(Album.name, AlbumImage.image_id).join(AlbumImage))
            },
        }
        for table in _OF_IMAGES:
            columns = [column for column in table.__table__.columns if column.name not in _NO_TIMES]
            rows = session.execute(select(table.image_id, *columns))
            said: dict[Any, list[Any]] = {}
            for number, *values in rows:
                said.setdefault(hashes[number], []).append(repr(values))
            found[table.__tablename__] = {content: sorted(lines) for content, lines in said.items()}
        places = session.execute(select(Embedding.image_id, Embedding.model, Embedding.position)).all()
    rows_by_place = [
        (int(number), row.tobytes())
        for ids, vectors in library.vectors.read(0, len(library.vectors))
        for number, row in zip(ids, vectors, strict=True)
    ]
    found["embeddings"] = {
        hashes[number]: rows_by_place[position][1] if rows_by_place[position][0] == number else "another image's row"
        for number, model, position in places
        if model == library.encoder.name
    }
    return found


def _in_order(said: dict[str, str]) -> dict[str, list[str]]:
    return {name: sorted(text.splitlines()) for name, text in said.items() if text}


def differences(one: Contents, other: Contents) -> list[str]:
    """Where two libraries differ, a line each."""
    told = []
    for kind in one:
        for key in sorted(one[kind].keys() | other[kind].keys(), key=repr):
            if one[kind].get(key) != other[kind].get(key):
                told.append(f"{kind} {key}: {_short(one[kind].get(key))} but {_short(other[kind].get(key))}")
    return told


def _short(value: Any) -> str:
    return repr(value)[:120]


def make_pictures(folder: Path, count: int, sources: Sequence[Path], first: int = 0) -> None:
    """Small pictures, each of its own content."""
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        with Pillow.open(sources[i % len(sources)]) as opened:
            opened.draft("RGB", (300, 300))
            part = folder / f"{i:04d}.part"
            ImageOps.fit(opened.convert("RGB"), (260 + i % 97, 250 + i // 97)).save(part, "JPEG")
            part.rename(folder / f"{i:04d}.jpg")
