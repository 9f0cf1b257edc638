"""How a plan is carried out: filters first, then embeddings and words together, each hit with what every part gave.

The score of a photo is the inner product of its embedding with the plan's (texts and pictures by their weights), and
on top of that what the words that were written about it share with the query, in units of how far the embeddings' own
scores are spread among the best photos, so that it means the same for every model.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from searcher import filters, wordsearch
from searcher.catalog import Embedding, File, Image
from searcher.overlap import FOUND, Asked, asked, found_by_words, shared
from searcher.portable import listed
from searcher.query import Kind, Part, Plan
from searcher.results import Hit, photos
from vlm.errors import AskpixError
from vlm.protocols import Floats

if TYPE_CHECKING:
    from searcher.library import Library

RANKED = 60  # photos by embedding whose words are looked at as well
NEAR = 12  # near misses that are shown
NAMED = 0.9  # how likely a photo is meant of which people, or its own text, say every word of a query
AGAINST = 3.0  # spreads that a photo loses which surely shows what is not wanted

Ids = Sequence[int]


@dataclass(frozen=True)
class Results:
    """What a search found: `hits` best first, and `near` what misses the cutoff, or the words in quotation marks;
    `plan` is how the query was understood."""

    plan: Plan
    hits: list[Hit]
    near: list[Hit] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The results as the command line and the API print them."""
        return {
            "plan": self.plan.as_json(),
            "hits": [hit.as_json() for hit in self.hits],
            "near": [hit.as_json() for hit in self.near],
        }


@dataclass(frozen=True)
class Encoded:
    """A plan with the embeddings [dim] of its texts, of what is not wanted, and of its pictures, by their place."""

    plan: Plan
    vectors: dict[int, Floats]

    def rows(self, *kinds: Kind) -> list[tuple[int, Part, Floats]]:
        """The parts of some kinds that are on, with their places and embeddings."""
        parts = enumerate(self.plan.parts)
        return [(place, part, self.vectors[place]) for place, part in parts if part.on and part.kind in kinds]

    @cached_property
    def target(self) -> Floats | None:
        """What photos are to be near to [dim]; None where no text and no picture says."""
        return _sum(part.weight * row for _, part, row in self.rows("text", "like"))

    @cached_property
    def text(self) -> Floats | None:
        """The texts' embeddings as one of unit length [dim]."""
        total = _sum(part.weight * row for _, part, row in self.rows("text"))
        return None if total is None else total / np.linalg.norm(total)


def _sum(rows: Iterable[Floats]) -> Floats | None:
    found = list(rows)
    return np.sum(found, axis=0, dtype=np.float32) if found else None


def encode(library: "Library", plans: Sequence[Plan], picture: Callable[[str], Floats]) -> list[Encoded]:
    """The plans with their embeddings, all texts encoded together; `picture` gives a like-part's embedding."""
    places = [
        (row, place)
        for row, plan in enumerate(plans)
        for place, part in enumerate(plan.parts)
        if part.on and part.kind in {"text", "not"}
    ]
    vectors: list[dict[int, Floats]] = [{} for _ in plans]
    if places:
        texts = library.encoder.encode_texts([plans[row].parts[place].value for row, place in places])
        for (row, place), text in zip(places, texts, strict=True):
            vectors[row][place] = text
    for plan, own in zip(plans, vectors, strict=True):
        own.update((i, picture(part.value)) for i, part in enumerate(plan.parts) if part.on and part.kind == "like")
    return [Encoded(plan, own) for plan, own in zip(plans, vectors, strict=True)]


def search(
    library: "Library", session: Session, encoded: Encoded, k: int, least: float, *, everything: bool = False
) -> Results:
    """Carry out a plan: the k best photos. Those less likely than `least`, or without the words in quotation marks,
    are near misses, which follow the hits where `everything` is wanted."""
    plan = encoded.plan
    allowed = _allowed(library, session, plan)
    exact = _having_all(session, plan, allowed)
    hits = _Ranking(library, session, encoded, allowed if exact is None else exact, least).best(k + NEAR)
    near = [hit for hit in hits if hit.confidence < least]
    hits = [hit for hit in hits if hit.confidence >= least]
    if exact is not None and (everything or len(hits) < k):
        known = {hit.photo.id for hit in (*hits, *near)}
        others = _Ranking(library, session, encoded, allowed, least).best(k + NEAR)
        near += [hit for hit in others if hit.photo.id not in known]
    if everything:
        return Results(plan, [*hits, *near][:k])
    return Results(plan, hits[:k], near[:NEAR] if len(hits) < k else [])


def allowed_ids(library: "Library", session: Session, plan: Plan) -> list[int] | None:
    """The ids of the photos that the filters and the words in quotation marks of a plan let through, and which bear
    none of the words that are not wanted; None for all."""
    exact = _having_all(session, plan, allowed := _allowed(library, session, plan))
    unwanted = _unwanted(session, plan)
    if exact is None and allowed is None and not unwanted:
        return None
    chosen = exact if exact is not None else allowed
    if chosen is None:
        chosen = list(session.scalars(select(Image.id)))
    return [i for i in chosen if i not in unwanted]


def _allowed(library: "Library", session: Session, plan: Plan) -> list[int] | None:
    """The ids that the filters let through; None without filters."""
    if not (wanted := filters.terms(plan)):
        return None
    return list(session.scalars(filters.select_ids(session, wanted, library.saved_ids)))


def _having_all(session: Session, plan: Plan, allowed: Ids | None) -> list[int] | None:
    """The ids of those of which every phrase in quotation marks was written, where there are such."""
    phrases = plan.of("exact")
    if not phrases:
        return None
    having = [set(session.scalars(wordsearch.having(part.value))) for part in phrases]
    found = set.intersection(*having, *([set(allowed)] if allowed is not None else []))
    return sorted(found)


def _unwanted(session: Session, plan: Plan) -> set[int]:
    """The ids of those of which a phrase was written that is not wanted."""
    return {i for part in plan.of("not") for i in session.scalars(wordsearch.having(part.value))}


@dataclass(frozen=True)
class _Ranking:
    """The photos that are allowed, in the order of a plan; of those less likely than `least`, the first few."""

    library: "Library"
    session: Session
    encoded: Encoded
    allowed: Ids | None
    least: float

    def best(self, k: int) -> list[Hit]:
        """Those of the k best that are likely, and the first `NEAR` of the others, with what each part gave."""
        target = self.encoded.target
        if target is None:
            return self._newest(k)
        if not self._count and self.library.count_images():
            raise AskpixError(
                f"this library is not indexed with {self.library.encoder.name}; "
                "choose the model it was indexed with (--model), or index it with this one"
            )
        wanted = k
        # Images whose files are all gone, or that are not wanted, are passed over, so it may take more to have k.
        while True:
            hits, ranked, seen = self._hits(target, wanted, k)
            if ranked >= k or wanted >= seen or wanted >= self._count:
                return hits
            wanted *= 4

    @cached_property
    def _count(self) -> int:
        return self.library.count_vectors()

    @cached_property
    def _asked(self) -> Asked:
        text = " ".join(part.value for part in self.encoded.plan.of("text"))
        return asked(self.session, text, self._count)

    @cached_property
    def _gone(self) -> set[int]:
        return _unwanted(self.session, self.encoded.plan)

    def _newest(self, k: int) -> list[Hit]:
        """Without anything to be near to: the newest in the library first."""
        present = select(File.image_id).where(File.missing_since.is_(None))
        chosen = select(Image.id).where(Image.id.in_(present)).order_by(Image.id.desc())
        if self.allowed is not None:
            chosen = chosen.where(Image.id.in_(listed(self.allowed)))
        for part in self.encoded.plan.of("not"):
            chosen = chosen.where(Image.id.not_in(wordsearch.having(part.value)))
        ids = self.session.scalars(chosen.limit(k)).all()
        why = {"parts": [_held(part) for part in self.encoded.plan.parts]}
        return [Hit(photo, 1.0, 1.0, why) for photo in photos(self.session, ids, self.library.captions_by)]

    def _hits(self, target: Floats, wanted: int, k: int) -> tuple[list[Hit], int, int]:
        """The k best among so many by embedding that `best` wants, how many were ranked, and how many looked at."""
        ids, seen = self._candidates(target, wanted)
        if not ids:
            return [], 0, seen
        text, count = self.encoded.text, self._count
        vectors = self.library.vectors.get(np.array(ids), count)
        near = vectors @ target
        spread = float(near[:RANKED].std()) or 1.0
        words = shared(self.session, self._asked, ids[: RANKED + FOUND])
        worth, said = np.zeros((2, len(ids)), np.float32)
        worth[: len(words.worth)], said[: len(words.said)] = spread * words.worth, words.said
        if text is None:
            sure = np.clip(near / np.linalg.norm(target), 0, 1)
        else:
            # Words tell photos apart, which does not make any of them likelier than they are on the whole; but what
            # people and the picture itself say does.
            moved = vectors + (worth - worth.mean())[:, None] * text
            sure = self.library.encoder.confidence(text, moved, count)
            sure = 1 - (1 - sure) * (1 - NAMED * said**2)
        score = near + worth
        against = {}
        for place, part, row in self.encoded.rows("not"):
            shown = self.library.encoder.confidence(row, vectors, count)
            against[place] = AGAINST * spread * min(part.weight, 1.0) * shown
            score, sure = score - against[place], sure * (1 - min(part.weight, 1.0) * shown)
        order = np.argsort(-score, kind="stable")[:k]
        ranked, likely = len(order), sure[order] >= self.least
        order = order[likely | (np.cumsum(~likely) <= NEAR)]
        found = photos(self.session, [ids[i] for i in order], self.library.captions_by)
        hits = []
        for photo, i in zip(found, order.tolist(), strict=True):
            shares = words.words[i] if i < len(words.words) else {}
            why = self._why(
                vectors[i], shares, float(worth[i]), {place: float(lost[i]) for place, lost in against.items()}
            )
            hits.append(Hit(photo, float(score[i]), float(sure[i]), why))
        return hits, ranked, seen

    def _candidates(self, target: Floats, wanted: int) -> tuple[list[int], int]:
        """Ids of the nearest photos by embedding, among them those found by words, and how many the former were."""
        allowed = None if self.allowed is None else np.array(self.allowed, np.int64)
        _, nearest = self.library.vectors.search(target, max(wanted, RANKED), self._count, allowed)
        by_words = found_by_words(self.session, self._asked, self.allowed)
        first, rest = nearest[:RANKED].tolist(), nearest[RANKED:].tolist()
        ids = list(dict.fromkeys((*first, *by_words, *rest)))
        # Those that a file still holds, and that this model has seen.
        held = (
            select(File.image_id)
            .join(Embedding, Embedding.image_id == File.image_id)
            .where(
                File.image_id.in_(listed(ids)),
                File.missing_since.is_(None),
                Embedding.model == self.library.encoder.name,
            )
        )
        present = set(self.session.scalars(held)) - self._gone
        return [i for i in ids if i in present], len(nearest)

    def _why(
        self, vector: Floats, said: dict[str, list[str]], words: float, against: dict[int, float]
    ) -> dict[str, Any]:
        """What each part of the plan gave to a photo."""
        near = {place: float(part.weight * (row @ vector)) for place, part, row in self.encoded.rows("text", "like")}
        kinds = {"text": "text", "like": "image"}
        embedding: dict[str, float] = {}
        parts = []
        for place, part in enumerate(self.encoded.plan.parts):
            if place in near:
                kind = kinds[part.kind]
                embedding[kind] = round(embedding.get(kind, 0.0) + near[place], 4)
                parts.append({"gave": round(near[place], 4)})
            elif place in against:
                parts.append({"gave": round(-against[place], 4)})
            else:
                parts.append(_held(part))
        found = list(dict.fromkeys(word for column in said.values() for word in column))
        return {"embedding": embedding, "words": found, "written": said, "words_gave": round(words, 4), "parts": parts}


def _held(part: Part) -> dict[str, Any]:
    return {"holds": part.on}
