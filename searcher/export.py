"""Captions and tags out of a library, and back into one: CSV, JSON lines, COCO-style JSON and XMP sidecars."""

import csv
import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from searcher import catalog, database, wordsearch
from searcher.catalog import PEOPLE, Caption, Image, Tag
from searcher.columns import answers_of
from searcher.corrections import image_at
from searcher.elsewhere import is_location
from searcher.library import Library
from searcher.results import photos
from vlm.errors import AskpixError
from vlm.streams import batches
from vlm.video import split_moment
from vlm.xmp import read_xmp, write_xmp

IMPORTED = "imported"  # whose captions those are that do not say
_BATCH = 500
_VALUES = ("image", "caption", "hash", "width", "height", "confidence", "captioner")
_LISTS = ("tags", "scores", "by_people", "answers")


@dataclass(frozen=True)
class Record:
    """What was written about one image: `tags` are names with their probabilities, `hash` is that of the content.

    Tags are those of the captioner, but the names in `by_people`: given by people, with 1, or taken away, with 0.
    `answers` are those in columns that people named, by their names; they go out alone.
    """

    image: str
    caption: str
    hash: str | None = None
    width: int | None = None
    height: int | None = None
    confidence: float = 1.0
    captioner: str = IMPORTED
    tags: list[tuple[str, float]] = field(default_factory=list)
    by_people: list[str] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> list[str]:
        """The tags without those that people took away."""
        return [name for name, score in self.tags if score or name not in self.by_people]


def records(library: Library, where: str | None = None) -> Iterator[Record]:
    """The captioned images of a library in the order they were added, or those that a filter lets through.

    Each with the caption that people gave, or else of the library's captioner, or else another's.
    """
    last = 0
    while True:
        with database.session(library.engine) as session:
            some = library.chosen(session, where).where(Image.id > last).order_by(Image.id).limit(_BATCH)
            ids = session.scalars(some).all()
            found = list(_records(session, ids, library.captions_by, answers_of(session, ids)))
        if not ids:
            return
        last = ids[-1]
        yield from found


def _records(
    session: Session, ids: Sequence[int], captioner: str, answers: Mapping[int, dict[str, str]]
) -> Iterator[Record]:
    tags: dict[tuple[int, str], list[tuple[str, float]]] = defaultdict(list)
    for tag in session.scalars(select(Tag).where(Tag.image_id.in_(ids)).order_by(Tag.score.desc(), Tag.name)):
        tags[tag.image_id, tag.model].append((tag.name, round(tag.score, 4)))
    for photo in photos(session, ids, captioner):
        if photo.caption is not None and photo.captioner is not None:
            people = dict(tags[photo.id, PEOPLE])
            machine = tags[photo.id, captioner if photo.captioner == PEOPLE else photo.captioner]
            yield Record(
                image=str(photo.path),
                caption=photo.caption,
                hash=photo.hash,
                width=photo.width,
                height=photo.height,
                confidence=round(photo.caption_confidence or 0, 4),
                captioner=photo.captioner,
                tags=[*people.items(), *((name, score) for name, score in machine if name not in people)],
                by_people=[*people],
                answers=answers[photo.id],
            )


# Out


def write_csv(source: Iterable[Record], file: IO[str]) -> int:
    """Write a table with a first line of names; tags, their scores, those by people and answers, each as has_dog=yes,
    are lists with "; " between. How many rows."""
    rows = csv.writer(file)
    rows.writerow([*_VALUES, *_LISTS])
    count = 0
    for count, record in enumerate(source, 1):  # noqa: B007  returned
        answers = [f"{name}={answer}" for name, answer in record.answers.items()]
        lists = ([n for n, _ in record.tags], [str(s) for _, s in record.tags], record.by_people, answers)
        values = (getattr(record, name) for name in _VALUES)
        rows.writerow([*values, *map("; ".join, lists)])
    return count


def write_jsonl(source: Iterable[Record], file: IO[str]) -> int:
    """Write one JSON object a line; how many."""
    count = 0
    for count, record in enumerate(source, 1):  # noqa: B007  returned
        file.write(json.dumps({**vars(record), "tags": _named(record)}) + "\n")
    return count


def write_coco(source: Iterable[Record], file: IO[str]) -> int:
    """Write one JSON object with `images` and `annotations`, as COCO's captions have; how many images.

    Annotations go to the disk while images are written, so that memory stays flat.
    """
    from tempfile import TemporaryFile

    count = 0
    with TemporaryFile("w+", encoding="ascii") as annotations:
        file.write('{"info": {"description": "captions written by askpix"}, "images": [')
        for count, record in enumerate(source, 1):
            image = {"id": count, "file_name": record.image, "width": record.width, "height": record.height}
            about = {"id": count, "image_id": count, "caption": record.caption, "confidence": record.confidence}
            comma = ",\n" if count > 1 else "\n"
            file.write(comma + json.dumps({**image, "hash": record.hash}))
            by = {"captioner": record.captioner, "tags": _named(record), "by_people": record.by_people}
            annotations.write(comma + json.dumps({**about, **by, "answers": record.answers}))
        file.write('\n], "annotations": [')
        annotations.seek(0)
        while part := annotations.read(1 << 20):
            file.write(part)
        file.write("\n]}\n")
    return count


WRITERS: dict[str, Callable[[Iterable[Record], IO[str]], int]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "coco": write_coco,
}


def write_sidecars(source: Iterable[Record], folder: Path | None) -> Iterator[tuple[Path, str | None]]:
    """Write `photo.jpg.xmp` beside each photo, or at the same place below `folder`; each with why it was left, if so.

    Caption and tags are written as dc:description and dc:subject, which other programs read. A sidecar in which
    anything else stands is left as it is. Moments of videos have none.
    """
    for record in source:
        photo = Path(record.image)
        if split_moment(photo.name)[1] is not None:
            continue
        if folder is None and is_location(record.image):
            yield photo, "no sidecar is written beside what lies elsewhere; name a folder for them"
            continue
        # Normal, since with ".." in it, as in ../photos or in a tar, it would lead out of the folder.
        where = photo if folder is None else folder / os.path.normpath(f"/{photo}").lstrip(os.sep)
        sidecar = where.with_name(f"{where.name}.xmp")
        try:
            if sidecar.exists() and not _ours(sidecar):
                yield sidecar, "another program has written into it; it is left as it is"
                continue
            sidecar.parent.mkdir(parents=True, exist_ok=True)
            part = sidecar.with_name(f".{sidecar.name}.part")
            part.unlink(missing_ok=True)
            with part.open("xb") as file:  # never through a link that somebody else has put there
                file.write(write_xmp(_properties(record)))
            os.replace(part, sidecar)
            yield sidecar, None
        except OSError as error:
            yield sidecar, f"it cannot be written: {error.strerror}"


def _properties(record: Record) -> dict[str, str | list[str]]:
    properties: dict[str, str | list[str]] = {
        "dc:description": record.caption,
        "dc:subject": record.shown,
        "askpix:caption": record.caption,
        "askpix:confidence": str(record.confidence),
        "askpix:captioner": record.captioner,
        "askpix:hash": record.hash or "",
        "askpix:tags": [name for name, _ in record.tags],
        "askpix:scores": [str(score) for _, score in record.tags],
    }
    return properties | ({"askpix:by_people": list(record.by_people)} if record.by_people else {})


def _ours(sidecar: Path) -> bool:
    """Whether nothing stands in a sidecar but what askpix wrote."""
    said = read_xmp(sidecar.read_bytes())
    record = _of_sidecar(sidecar)
    return record is not None and said == read_xmp(write_xmp(_properties(record)))


def _named(record: Record) -> list[dict[str, Any]]:
    return [{"name": name, "score": score} for name, score in record.tags]


# Back


def read_export(path: Path) -> Iterator[Record]:
    """The records of a file that askpix exported, by its suffix: .csv, .jsonl, .json (COCO) or .xmp; a folder stands
    for the sidecars below it. A CSV or COCO file from elsewhere needs images and captions only.

    Raises AskpixError when the file is none of these, or is damaged.
    """
    try:
        match path.suffix.lower():
            case _ if path.is_dir():
                for sidecar in sorted(path.rglob("*.xmp")):
                    yield from filter(None, [_of_sidecar(sidecar)])
            case ".csv":
                with path.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                    yield from map(_of_row, csv.DictReader(file))
            case ".jsonl":
                with path.open(encoding="utf-8") as file:
                    yield from (_of_object(json.loads(line)) for line in file if line.strip())
            case ".json":
                yield from _of_coco(json.loads(path.read_text(encoding="utf-8")))
            case ".xmp":
                yield from filter(None, [_of_sidecar(path)])
            case _:
                raise AskpixError(f"{path} is no export; name a .csv, .jsonl, .json (COCO) or .xmp file, or a folder")
    except OSError as error:
        raise AskpixError(f"{path} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, csv.Error) as error:
        raise AskpixError(f"{path} cannot be read as captions of images ({type(error).__name__}: {error})") from error


def write_records(library: Library, source: Iterable[Record]) -> Iterator[tuple[Record, bool]]:
    """Put records into a library, batch by batch; each with whether its image is there, by content or by path.

    A caption takes the place of one that the same captioner wrote before, and so do tags. A machine's tags beside a
    caption by people are left out, since a machine gives them again.
    """
    for batch in batches(source, _BATCH):
        with database.writing(library.engine) as session:
            images = [_image(session, record) for record in batch]
            for record, image in zip(batch, images, strict=True):
                if image is not None:
                    _write(session, record, image)
            wordsearch.refresh(session, {image for image in images if image is not None})
        yield from ((record, image is not None) for record, image in zip(batch, images, strict=True))


def _image(session: Session, record: Record) -> int | None:
    """The id of a record's image: by its content, or else by its path."""
    by_content = session.scalar(select(Image.id).where(Image.hash == record.hash)) if record.hash else None
    return by_content or image_at(session, Path(record.image))


def _write(session: Session, record: Record, image: int) -> None:
    caption = Caption(
        image_id=image,
        model=record.captioner,
        text=record.caption,
        confidence=record.confidence,
        created_at=catalog.now(),
    )
    session.merge(caption)
    people = {name: score for name, score in record.tags if name in record.by_people}
    if people:
        _replace_tags(session, image, PEOPLE, people)
    if record.captioner != PEOPLE:
        machine = {name: score for name, score in record.tags if name not in people}
        _replace_tags(session, image, record.captioner, machine)


def _replace_tags(session: Session, image: int, model: str, tags: dict[str, float]) -> None:
    session.execute(delete(Tag).where(Tag.image_id == image, Tag.model == model))
    session.add_all(Tag(image_id=image, model=model, name=name, score=score) for name, score in tags.items())


def _of_row(row: dict[str, str]) -> Record:
    names, scores, by_people = (row.get(column) or "" for column in ("tags", "scores", "by_people"))
    return _of_object(
        {
            **row,
            "by_people": list(filter(None, by_people.split("; "))),
            "tags": [
                {"name": name, "score": score}
                for name, score in zip(names.split("; "), scores.split("; "), strict=True)
                if name
            ],
        }
    )


def _of_object(values: dict[str, Any]) -> Record:
    """A record from texts or numbers by name; only image and caption must be there."""
    if not values["image"] or not values["caption"]:
        raise ValueError("an image or a caption is empty")
    confidence = float(values.get("confidence") or 1)
    tags = [(str(tag["name"]), float(tag["score"])) for tag in values.get("tags") or []]
    if not all(0 <= number <= 1 for number in (confidence, *(score for _, score in tags))):
        raise ValueError("a probability is not within 0 and 1")
    return Record(
        image=str(values["image"]),
        caption=str(values["caption"]),
        hash=values.get("hash") or None,
        width=int(values["width"]) if values.get("width") else None,
        height=int(values["height"]) if values.get("height") else None,
        confidence=confidence,
        captioner=str(values.get("captioner") or IMPORTED),
        tags=tags,
        by_people=[str(name) for name in values.get("by_people") or []],
    )


def _of_coco(values: dict[str, Any]) -> Iterator[Record]:
    images = {image["id"]: image for image in values["images"]}
    for about in values["annotations"]:
        image = images[about["image_id"]]
        yield _of_object({**image, **about, "image": image["file_name"]})


def _of_sidecar(path: Path) -> Record | None:
    """What askpix wrote into a sidecar; None where it wrote nothing."""
    said = read_xmp(path.read_bytes())
    if not said.one("askpix:caption"):
        return None
    tags = zip(said.many("askpix:tags"), said.many("askpix:scores"), strict=True)
    return _of_object(
        {
            "image": str(path.absolute().with_suffix("")),
            **{name: said.one(f"askpix:{name}") for name in ("caption", "hash", "confidence", "captioner")},
            "tags": [{"name": name, "score": score} for name, score in tags],
            "by_people": said.many("askpix:by_people"),
        }
    )
