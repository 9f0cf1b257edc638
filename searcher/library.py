"""The library: one folder with a catalog and vectors, and everything one can ask of it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from PIL.Image import Image as PictureImage
from sqlalchemy import Engine, Select, func, select
from sqlalchemy.orm import Session

import vlm
from searcher import answers, database, filters, search
from searcher.asking import ask_pictures, check_question
from searcher.catalog import Embedding, File, Image, VectorRows, Wish
from searcher.elsewhere import Where
from searcher.originals import open_named
from searcher.query import Part, Plan, parse
from searcher.results import Hit, Photo, Reply, photos
from searcher.search import Encoded, Results
from searcher.seen import SeenCache
from searcher.settings import Settings, load_settings
from searcher.vectors import Vectors
from vlm.errors import AskpixError
from vlm.pairing import background_captions
from vlm.picture import open_file
from vlm.protocols import Answerer, Captioner, Encoder, Floats, Task
from vlm.relevance import EXPLAINED, Relevance, relevance

if TYPE_CHECKING:
    from searcher.milvus.server import Milvus
    from searcher.survey import Photos
    from searcher.tallies import Step
    from vlm.reading import Reader

LONGEST_QUERY = 1_000
MOST_SAVED = 10_000  # photos of a saved search


class Library:
    """A library of photos: search it, look at it, ask it.

    >>> from searcher import Library
    >>> with Library("~/photos.askpix") as library:
    ...     for hit in library.search("a dog on a beach", k=5):
    ...         print(hit.confidence, hit.photo.path, hit.photo.caption)
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        create: bool = False,
        settings: Settings | None = None,
        encoder: Encoder | None = None,
        captioner: Captioner | None = None,
        answerer: Answerer | None = None,
    ) -> None:
        """Open the library in `folder` (else where the settings say), or make it with `create`.

        Models come from the settings unless given. Raises AskpixError when there is no library, or
        one that cannot be opened.
        """
        self.settings = settings or load_settings(library=folder and Path(folder).expanduser())
        self.folder = self.settings.library.expanduser().absolute()
        self._models = vlm.Models(self.settings)
        self._given = {"encoder": encoder, "captioner": captioner, "answerer": answerer}
        self.engine = self._opened(create)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalog's connections, and that to Milvus."""
        self.engine.dispose()
        if self.milvus:
            self.milvus.close()

    def _opened(self, create: bool) -> Engine:
        """The catalog, in a folder that is there or is made."""
        place = catalog_of(self.settings)
        engine = None
        if isinstance(place, str):
            engine = database.open_catalog(place, create=create)
            self._check_vectors(engine)
        elif not create and not place.exists():
            raise AskpixError(f"there is no library in {self.folder}; make one with: askpix index FOLDER")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AskpixError(f"the library folder {self.folder} cannot be made: {error.strerror}") from error
        return engine or database.open_catalog(place)

    def _check_vectors(self, engine: Engine) -> None:
        """Raise AskpixError when a catalog on a server is opened with a folder that is not its library's."""
        if (self.folder / "vectors").exists():
            return
        with database.session(engine) as session:
            rows = session.scalar(select(func.sum(VectorRows.count)))
        if rows:
            engine.dispose()
            raise AskpixError(
                f"the catalog knows {rows:,} vectors, and {self.folder} has none; name the folder that has them with "
                f"--library, or have them made again: mkdir {self.folder / 'vectors'}"
            )

    # Models, loaded when first used

    @cached_property
    def encoder(self) -> Encoder:
        """The model that puts pictures and texts into one space."""
        return cast(Encoder, self._given["encoder"] or self._models.get(self.settings.model, "encode"))

    @cached_property
    def captioner(self) -> Captioner:
        """The model that writes captions: the encoder itself if it does, else the built-in one, unless set apart."""
        return cast(Captioner, self._other("captioner", self.settings.captioner, "caption"))

    @property
    def captions_by(self) -> str:
        """Who captions are kept as being from: the captioner, and their language if it is not English."""
        language = self.settings.caption_language
        return self.captioner.name if language == "en" else f"{self.captioner.name}:{language}"

    @cached_property
    def answerer(self) -> Answerer:
        """The model that answers questions: the encoder itself if it does, else the built-in one, unless set apart."""
        return cast(Answerer, self._other("answerer", self.settings.answerer, "answer"))

    @cached_property
    def reader(self) -> "Reader":
        """The model that reads the text in pictures; AskpixError when it is not installed."""
        from vlm.reading import load_reader

        return load_reader(self.settings)

    def _other(self, part: str, name: str | None, task: Task) -> Any:
        if given := self._given[part]:
            return given
        if name is None:
            name = self.settings.model if task in self.encoder.tasks else vlm.BUILTIN
        if name != self.settings.model:
            return self._models.get(name, task)
        vlm.check(self.encoder, name, task)
        return self.encoder

    @cached_property
    def vectors(self) -> Vectors:
        """The encoder's vectors, searched by FAISS, or by Milvus where the settings name one."""
        folder, name, dim = self.folder / "vectors", self.encoder.name, self.encoder.dim
        if self.milvus is None:
            return Vectors(folder, name, dim, self.settings.exact_rows)
        from searcher.milvus.vectors import MilvusVectors

        return MilvusVectors(folder, name, dim, self.milvus, self.engine)

    @cached_property
    def milvus(self) -> "Milvus | None":
        """The Milvus of the settings, which is not asked anything yet."""
        if self.settings.milvus is None:
            return None
        from searcher.milvus.server import Milvus

        return Milvus(self.settings.milvus)

    @database.patiently
    def save_index(self) -> None:
        """Keep the index over the vectors for the next process, trained if they are many."""
        with database.alone(self.engine, "index"):
            self.vectors.save_index(self.count_vectors(), lambda: self.encoder.encode_texts(background_captions()))

    def follow(self) -> None:
        """Have Milvus, where it serves, take in rows that were just committed, once they are many; FAISS waits until
        `save_index`. If it is away, that makes up for it."""
        if self.milvus:
            from searcher.milvus.vectors import MilvusVectors

            cast(MilvusVectors, self.vectors).follow(self.count_vectors())

    @database.again
    def count_vectors(self) -> int:
        """How many rows of the encoder's vectors the catalog knows of."""
        with database.session(self.engine) as session:
            last = session.scalar(select(func.max(Embedding.position)).where(Embedding.model == self.encoder.name))
        return 0 if last is None else last + 1

    # Search

    @database.again
    def plan(self, query: str) -> Plan:
        """How a query is understood; see `searcher.query`.

        Raises AskpixError when it is empty or too long, or names a field or value that there is not.
        """
        with database.session(self.engine) as session:
            return parse(check_query(query), filters.known(session))

    def find(
        self,
        query: str | Plan | None = None,
        *,
        like: Path | None = None,
        where: str | None = None,
        k: int = 20,
        min_confidence: float | None = None,
    ) -> Results:
        """Find photos by a query or its plan, by a picture file like them, or by both, best first.

        `where` keeps only what its filter lets through; a filter alone lists that, newest first. Hits whose
        confidence is below `min_confidence` (the model's calibrated cutoff unless set; 0 for all) are near misses.
        Raises AskpixError when nothing is asked for, or the query cannot be understood, or a picture not read.
        """
        plan = query if isinstance(query, Plan) else Plan() if query is None else self.plan(query)
        if like is not None:
            plan = Plan((*plan.parts, Part("like", str(like))))
        (results,) = self._find([plan], where, k, min_confidence)
        return results

    def search(
        self,
        text: str | Plan | None = None,
        *,
        like: Path | None = None,
        where: str | None = None,
        k: int = 20,
        min_confidence: float | None = None,
    ) -> list[Hit]:
        """The hits of `find`."""
        return self.find(text, like=like, where=where, k=k, min_confidence=min_confidence).hits

    def search_many(
        self,
        queries: Sequence[str | Plan],
        *,
        where: str | None = None,
        k: int = 20,
        min_confidence: float | None = None,
    ) -> Iterator[Results]:
        """Carry out several queries or plans, encoded together; as `find` for each."""
        plans = [query if isinstance(query, Plan) else self.plan(query) for query in queries]
        yield from self._find(plans, where, k, min_confidence)

    def _find(
        self, plans: Sequence[Plan], where: str | None, k: int, min_confidence: float | None
    ) -> Iterator[Results]:
        with database.session(self.engine) as session:
            kept = [] if where is None else [Part("where", term) for term in filters.read_filter(session, where)]
        plans = [Plan((*plan.parts, *kept)) for plan in plans]
        for encoded in search.encode(self, plans, self._picture):
            if not encoded.plan.on:
                raise AskpixError("nothing to search for; give some words, a picture, or a filter")
            least = self.settings.min_confidence if min_confidence is None else min_confidence
            if least is None:
                least = 0.0 if encoded.text is None else self.encoder.cutoff
            results = self._searched(encoded, k, least, everything=min_confidence == 0)
            self.wish(results.hits)
            yield results

    @database.again
    def _searched(self, encoded: Encoded, k: int, least: float, *, everything: bool) -> Results:
        with database.session(self.engine) as session:
            return search.search(self, session, encoded, k, least, everything=everything)

    def _picture(self, value: str) -> Floats:
        """The embedding [dim] of a like-part: an image of the library by its id, or a picture file by its path."""
        if not value.isdigit():
            return self.embed_file(Path(value))
        try:
            embedding: Floats = self.vectors.get(np.array([int(value)]), self.count_vectors())[0]
        except KeyError as error:
            raise AskpixError(f"image {value} is not indexed with {self.encoder.name}; index it first") from error
        return embedding

    def wish(self, hits: Sequence[Hit]) -> None:
        """Have captions written first for what people found without one."""
        wanted = [{"image_id": hit.photo.id} for hit in hits if hit.photo.caption is None]
        if wanted:
            with suppress(AskpixError), database.writing(self.engine) as session:  # a library may be read-only
                database.insert_new(session, Wish, wanted)

    def similar(self, image: Path | int, *, k: int = 20) -> list[Hit]:
        """Photos like a picture file, or like the image of the library with that id (itself left out).

        Their confidence is the cosine of the two pictures' embeddings. Raises AskpixError when
        there is no such picture, or it cannot be read.
        """
        hits = self.search(Plan((Part("like", str(image)),)), k=k + 1, min_confidence=0)
        return [hit for hit in hits if hit.photo.id != image][:k]

    @database.again
    def browse(self, where: str | None = None, *, k: int = 100, offset: int = 0) -> list[Hit]:
        """Photos without a ranking, newest in the library first; all of them, or those a filter lets through."""
        with database.session(self.engine) as session:
            chosen = self.chosen(session, where)
            ids = session.scalars(chosen.order_by(Image.id.desc()).limit(k).offset(offset)).all()
            found = photos(session, ids, self.captions_by)
        why = {"filter": where} if where is not None else {}
        hits = [Hit(photo, 1.0, 1.0, why) for photo in found]
        self.wish(hits)
        return hits

    def chosen(self, session: Session, where: str | None) -> Select[int]:
        """The ids of the images with a file, or of those that a filter lets through, as a statement."""
        wanted = () if where is None else filters.read_filter(session, where)
        present = select(File.image_id).where(File.missing_since.is_(None))
        return filters.select_ids(session, wanted, self.saved_ids).where(Image.id.in_(present))

    @database.again
    def saved_ids(self, query: str) -> list[int]:
        """The ids of the images that a saved search finds now.

        Raises AskpixError when it is one of an album, which could be itself.
        """
        plan = self.plan(query)
        if any(term.removeprefix("-").startswith("album:") for term in filters.terms(plan)):
            raise AskpixError(f"the saved search {query!r} asks for an album, which a saved search cannot")
        return [hit.photo.id for hit in self.search(plan, k=MOST_SAVED)]

    @database.again
    def photo(self, image_id: int) -> Photo | None:
        """The image with that id, unless it is unknown or its files are gone."""
        with database.session(self.engine) as session:
            return next(iter(photos(session, [image_id], self.captions_by)), None)

    @database.again
    def count_images(self) -> int:
        """How many images have a file."""
        present = select(func.count(func.distinct(File.image_id))).where(File.missing_since.is_(None))
        with database.session(self.engine) as session:
            return session.scalar(present) or 0

    def embed_file(self, path: Path) -> Floats:
        """The embedding [dim] of a picture file; raises AskpixError, with the path, when it cannot be read."""
        image = open_file(path, self.encoder.image_size, self.settings.max_pixels).image
        embedding: Floats = self.encoder.look([image]).embeddings[0]
        return embedding

    def explain(self, photo: Photo | Where, text: str) -> tuple[PictureImage, Relevance]:
        """Where in a photo of the library, or a picture file, the encoder finds a text, and the picture itself.

        Raises AskpixError when the text is empty or too long, or the picture cannot be read.
        """
        path, text = (photo.path if isinstance(photo, Photo) else photo), check_query(text)
        image = open_named(path, EXPLAINED, self.settings.max_pixels).image
        return image, relevance(self.encoder, image, text)

    # Questions

    def ask(
        self, question: str, photos_or_files: Iterable[Photo | Path], *, save_as: str | None = None
    ) -> Iterator[Reply]:
        """Ask each photo of the library, or picture file, the same question; answers come as they are found.

        With `save_as` the answers of the library's photos are kept as a column of that name, and
        those kept before are given again without asking. Raises AskpixError for an empty question,
        or a column that is taken or badly named.
        """
        question = check_question(question)
        if save_as is None:
            files = (p.path if isinstance(p, Photo) else p for p in photos_or_files)
            asked = ((file, question) for file in files)
            yield from ask_pictures(self.answerer, asked, self.settings.max_pixels)
            return
        asked_photos = [p for p in photos_or_files if isinstance(p, Photo)]
        cache = SeenCache(self.folder, self.answerer)
        yield from answers.ask_and_keep(
            self.engine, self.answerer, question, save_as, asked_photos, self.settings.max_pixels, cache
        )

    def ask_all(
        self,
        question: str,
        chosen: "Photos" = None,
        *,
        save_as: str | None = None,
        sample: int | None = None,
        seed: int = 0,
        keep: bool = True,
        stop: Callable[[], bool] = lambda: False,
    ) -> "Iterator[Step]":
        """Ask many photos what a question wants of each, and tell what the answers come to so far, batch by batch.

        `chosen` are photos or their ids, what a plan finds, or with None all photos. "How many are indoors?", "which
        have a dog?", "what colours are the cars?" and "which is the best for a cover?" are understood in the model's
        languages (`searcher.intents`). Of more than 2,000 photos a sample of 400 is asked; `sample` is another number,
        0 for all. Answers are kept under `save_as`, or a name that is made of the question, unless `keep` is False, so
        that they are not asked again; what came before `stop()` said so, or before the iterator was closed, is kept.

        Raises AskpixError for an empty question, for a column that is taken or badly named, and as `find` does.
        """
        from searcher import survey

        asked = survey.prepare(self, question, chosen, sample, seed)
        if save_as is None and database.may_only_read(self.engine):
            keep = False
        yield from survey.carry_out(self, asked, save_as=save_as, keep=keep, stop=stop)


def catalog_of(settings: Settings) -> Path | str:
    """Where a library's catalog is: the address of a database, or a file in its folder."""
    return settings.catalog or settings.library.expanduser().absolute() / database.CATALOG


def check_query(text: str) -> str:
    """The query without space around it; raises AskpixError when it is empty or too long to be one."""
    text = text.strip()
    if not text:
        raise AskpixError("the query is empty; say what to look for, for example: a dog on a beach")
    if len(text) > LONGEST_QUERY:
        raise AskpixError(f"the query has {len(text):,} characters, {LONGEST_QUERY:,} are the most; shorten it")
    return text
