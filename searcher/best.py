"""The best of some photos: measured, and scored by parts that are shown.

| part | what it says, 0..1 |
| --- | --- |
| sharpness | how strong the Laplacian of the sharpest quarter of the picture is (Pech-Pacheco et al., ICPR 2000) |
| exposure | how little is clipped, and how near its middle brightness is to the middle |
| size | its megapixels, of 12 |
| composition | how near the middle of what has detail is to the centre, or to a point of thirds |
| fit | how near the encoder finds the picture to what it is wanted for, among the others |

The score is their mean by `WEIGHTS`; it is a help to look through photos, not a judgement of taste.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from sqlalchemy import select

from searcher import database
from searcher.answers import Column, keep_replies, open_column
from searcher.asking import DECODERS
from searcher.catalog import Answer, Embedding
from searcher.intents import Intent
from searcher.originals import open_original
from searcher.portable import listed
from searcher.results import Photo, Reply, photos
from searcher.tallies import Asked, Row, Step, Tally, empty
from vlm.errors import AskpixError
from vlm.protocols import Floats
from vlm.streams import ahead, batches

if TYPE_CHECKING:
    from searcher.library import Library

WEIGHTS = {"sharpness": 0.3, "exposure": 0.15, "size": 0.1, "composition": 0.15, "fit": 0.3}
NICE = "a beautiful photo"  # what is wanted where nothing else is
SHOWN = 20  # photos that are ranked in the answer
MODEL = "measured-1"  # whose answers measures are kept as
QUESTION = "how sharp, well exposed and composed is it?"
_BATCH = 32
_SIDE = 720  # pixels of the shorter side that is measured, where the picture has as many
_TILES = 4  # across and down, among which the sharpest quarter is looked for
_HALF_SHARP = 0.05  # standard deviation of the Laplacian, of brightness in 0..1
_DARK, _LIGHT = 3 / 255, 252 / 255  # beyond which brightness is clipped
_MEGAPIXELS = 12
_OFF = 0.3  # of the sides, from which the middle of what has detail is in no good place
_PLACES = np.array([(0.5, 0.5), *((x, y) for x in (1 / 3, 2 / 3) for y in (1 / 3, 2 / 3))])

Parts = dict[str, float]


def rank(library: "Library", asked: Asked, keep: bool, stop: Callable[[], bool]) -> Iterator[Step]:
    """Score photos; a step for each batch, once its measures are kept if they are to be; the last with the whole
    ranking."""
    fits = _fits(library, asked.intent, asked.ids)
    scored: list[Row] = []
    refused: list[tuple[int, str]] = []
    started, done = time.monotonic(), 0
    for batch in _measured(library, asked.ids, keep):
        replies = []
        for photo, parts in batch:
            if isinstance(parts, str):
                refused.append((photo.id, parts))
                replies.append((photo, Reply(photo.path, asked.question, None, refused=parts)))
                continue
            whole = parts | ({"fit": fits[photo.id]} if photo.id in fits else {})
            score = _score(asked.intent, whole)
            scored.append(Row(photo.path.name, 1, (photo.id,), score, parts=whole))
            why = {"parts": {name: round(part, 4) for name, part in whole.items()}}
            replies.append((photo, Reply(photo.path, asked.question, f"{score:.2f}", 1.0, why)))
        done += len(batch)
        finished = done >= len(asked.ids)
        each = (time.monotonic() - started) / max(done, 1)
        yield Step(replies, _tally(asked, scored, refused, finished), each * (len(asked.ids) - done))
        if finished or stop():
            return
    yield Step([], _tally(asked, scored, refused, finished=True))


def nearest(library: "Library", intent: Intent, ids: Sequence[int], most: int) -> list[int]:
    """Those of the photos that the encoder finds nearest to what the best one is wanted for."""
    fits = _fits(library, intent, ids)
    return sorted(ids, key=lambda i: -fits.get(i, 0.0))[:most]


def measure(image: Image.Image, width: int, height: int) -> Parts:
    """What can be measured of an RGB picture, whose whole size is `width` by `height` pixels."""
    image = image.copy()
    longer = _SIDE * max(image.size) / min(image.size)
    image.thumbnail((longer, longer), Image.Resampling.BOX)
    grey: Floats = np.asarray(image.convert("L"), np.float32) / np.float32(255)
    middle = float(np.median(grey))
    clipped = float(((grey <= _DARK) | (grey >= _LIGHT)).mean())
    return {
        "sharpness": _sharpness(grey),
        "exposure": max(0.0, 1 - 3 * clipped) * (1 - (2 * middle - 1) ** 2),
        "size": min(1.0, width * height / 1e6 / _MEGAPIXELS),
        "composition": _composition(grey),
    }


def _sharpness(grey: Floats) -> float:
    if min(grey.shape) < 3 * _TILES:
        return 0.0
    edges = 4 * grey[1:-1, 1:-1] - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    tiles = [tile.std() for rows in np.array_split(edges, _TILES) for tile in np.array_split(rows, _TILES, axis=1)]
    strong = float(np.mean(sorted(tiles)[-(_TILES**2) // 4 :]))
    return strong / (strong + _HALF_SHARP)


def _composition(grey: Floats) -> float:
    if min(grey.shape) < 2:
        return 0.0
    down, across = np.gradient(grey)
    detail = np.hypot(down, across)
    detail = np.maximum(detail - np.median(detail), 0)
    total = float(detail.sum())
    if not total:
        return 0.0
    height, width = grey.shape
    middle = [
        float(detail.sum(0) @ (np.arange(width) + 0.5)) / total / width,
        float(detail.sum(1) @ (np.arange(height) + 0.5)) / total / height,
    ]
    return max(0.0, 1 - float(np.linalg.norm(_PLACES - middle, axis=1).min()) / _OFF)


def _score(intent: Intent, parts: Mapping[str, float]) -> float:
    if intent.by:
        return parts[intent.by]
    return sum(WEIGHTS[name] * part for name, part in parts.items()) / sum(WEIGHTS[name] for name in parts)


def _fits(library: "Library", intent: Intent, ids: Sequence[int]) -> dict[int, float]:
    """How near photos are to what is wanted, from 0 for the farthest to 1; of those that the encoder has seen."""
    if intent.by or not ids:
        return {}
    seen = select(Embedding.image_id).where(
        Embedding.image_id.in_(listed(ids)), Embedding.model == library.encoder.name
    )
    with database.session(library.engine) as session:
        known = list(session.scalars(seen))
    if not known:
        return {}
    wanted = library.encoder.encode_texts([intent.said or NICE])[0]
    near = library.vectors.get(np.array(known), library.count_vectors()) @ wanted
    near = (near - near.min()) / (np.ptp(near) or 1.0)
    return dict(zip(known, map(float, near), strict=True))


def _measured(library: "Library", ids: Sequence[int], keep: bool) -> Iterator[list[tuple[Photo, Parts | str]]]:
    """The photos with their measures, or the reason why one cannot be read; measures are kept as answers."""
    column = open_column(library.engine, QUESTION, None) if keep else Column(QUESTION)

    def opened(photo: Photo) -> Parts | str:
        try:
            picture = open_original(photo.path, _SIDE, library.settings.max_pixels)
        except AskpixError as error:
            return str(error)
        return measure(picture.image, picture.width, picture.height)

    with ThreadPoolExecutor(DECODERS, "measure") as pool:
        for batch in batches(ids, _BATCH):
            kept = select(Answer.image_id, Answer.why).where(
                Answer.question_id == column.id, Answer.model == MODEL, Answer.image_id.in_(batch)
            )
            with database.session(library.engine) as session:
                some = photos(session, batch, library.captions_by)
                known: dict[int, Parts] = {row.image_id: row.why for row in session.execute(kept)}
            new = [photo for photo in some if photo.id not in known]
            found = dict(zip((photo.id for photo in new), ahead(pool, opened, new, _BATCH), strict=True))
            if column.id is not None:
                measures = {photo.id: _as_reply(photo, found[photo.id]) for photo in new}
                with database.writing(library.engine) as session:
                    keep_replies(session, column, MODEL, measures)
            yield [(photo, known.get(photo.id) or found[photo.id]) for photo in some]


def _as_reply(photo: Photo, parts: Parts | str) -> Reply:
    if isinstance(parts, str):
        return Reply(photo.path, QUESTION, None, refused=parts)
    return Reply(photo.path, QUESTION, f"{_score(Intent('best'), parts):.2f}", 1.0, parts)


def _tally(asked: Asked, scored: Sequence[Row], refused: Sequence[tuple[int, str]], finished: bool) -> Tally:
    rows = tuple(sorted(scored, key=lambda row: -row.share)[:SHOWN])
    tally = replace(
        empty(asked), rows=rows, asked=len(scored) + len(refused), refused=tuple(refused), finished=finished
    )
    return replace(tally, sentence=_sentence(asked, tally))


def _sentence(asked: Asked, tally: Tally) -> str:
    if not tally.rows:
        return "There is no photo to choose from."
    first = tally.rows[0]
    what = f"the best for {asked.intent.said}" if asked.intent.said else "the best"
    what = {"sharpness": "the sharpest", "size": "the largest", "exposure": "the best exposed"}.get(
        asked.intent.by or "", what
    )
    parts = ", ".join(f"{name} {part:.2f}" for name, part in first.parts.items())
    among = f"{tally.asked:,} photo{'' if tally.asked == 1 else 's'}"
    least = f" Of {tally.total:,} only these were looked at." if tally.asked < tally.total else ""
    return f"{first.label} is {what} of {among}, with {first.share:.2f}: {parts}.{least}"
