"""The library: one folder with a catalog and vectors, and everything one can ask of it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from PIL.Image import Image as PictureImage
from sqlalchemy import func, select

import vlm
from searcher import answers, database, filters
from searcher.asking import ask_pictures, check_question
from searcher.catalog import Embedding, File, Image
from searcher.results import Hit, Photo, Reply, photos
from searcher.settings import Settings, load_settings
from searcher.vectors import Vectors
from searcher.words import shared_words
from vlm.errors import AskpixError
from vlm.pairing import background_captions
from vlm.picture import open_file
from vlm.protocols import Answerer, Captioner, Encoder, Floats, Task
from vlm.relevance import EXPLAINED, Relevance, relevance

if TYPE_CHECKING:
    from vlm.reading import Reader

LONGEST_QUERY = 1_000


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
        self._models: dict[str, Any] = {}
        self._given = {"encoder": encoder, "captioner": captioner, "answerer": answerer}
        path = self.folder / "catalog.sqlite"
        if not create and not path.exists():
            raise AskpixError(f"there is no library in {self.folder}; make one with: askpix index FOLDER")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AskpixError(f"the library folder {self.folder} cannot be made: {error.strerror}") from error
        self.engine = database.open_catalog(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the catalog's connections."""
        self.engine.dispose()

    # Models, loaded when first used

    @cached_property
    def encoder(self) -> Encoder:
        """The model that puts pictures and texts into one space."""
        return cast(Encoder, self._given["encoder"] or self._loaded(self.settings.model, "encode"))

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
            return self._loaded(name, task)
        vlm.check(self.encoder, name, task)
        return self.encoder

    def _loaded(self, name: str, task: Task) -> Any:
        """A model, loaded once however many tasks it has."""
        if name not in self._models:
            self._models[name] = vlm.load(name, self.settings)
        vlm.check(self._models[name], name, task)
        return self._models[name]

    @cached_property
    def vectors(self) -> Vectors:
        """The encoder's vectors."""
        return Vectors(self.folder / "vectors", self.encoder.name, self.encoder.dim, self.settings.exact_rows)

    def save_index(self) -> None:
        """Keep the index over the vectors for the next process, trained if they are many."""
        self.vectors.save_index(self.count_vectors(), lambda: self.encoder.encode_texts(background_captions()))

    def count_vectors(self) -> int:
        """How many rows of the encoder's vectors the catalog knows of."""
        with database.session(self.engine) as session:
            last = session.scalar(select(func.max(Embedding.position)).where(Embedding.model == self.encoder.name))
        return 0 if last is None else last + 1

    # Search

    def search(
        self,
        text: str | None = None,
        *,
        like: Path | None = None,
        where: str | None = None,
        k: int = 20,
        min_confidence: float | None = None,
    ) -> list[Hit]:
        """Find photos by text, by a picture like them, or by both, best first.

        `where` keeps only what its filter lets through (searcher/filters.py); alone, it lists that,
        newest first. Hits whose confidence is below `min_confidence` (the model's calibrated cutoff
        unless set; 0 for all) are left out, so that the list may be empty.
        Raises AskpixError when the query is empty, too long, or names an unreadable picture.
        """
        query = None if text is None else check_query(text)
        if query is None and like is None:
            if where is None:
                raise AskpixError("nothing to search for; give some words, a picture, or a filter")
            return self.browse(where, k=k)
        words = None if query is None else self.encoder.encode_texts([query])[0]
        picture = None if like is None else self.embed_file(like)
        return self._rank(query, words, picture, where, k, min_confidence)

    def search_many(
        self,
        texts: Sequence[str],
        *,
        where: str | None = None,
        k: int = 20,
        min_confidence: float | None = None,
    ) -> Iterator[list[Hit]]:
        """Search for several texts, encoded together; as `search` for each."""
        queries = [check_query(text) for text in texts]
        for query, words in zip(queries, self.encoder.encode_texts(queries), strict=True):
            yield self._rank(query, words, None, where, k, min_confidence)

    def similar(self, image: Path | int, *, k: int = 20) -> list[Hit]:
        """Photos like a picture file, or like the image of the library with that id (itself left out).

        Their confidence is the cosine of the two pictures' embeddings. Raises AskpixError when
        there is no such picture, or it cannot be read.
        """
        if isinstance(image, Path):
            return self._rank(None, None, self.embed_file(image), None, k, 0)
        try:
            embedding = self.vectors.get(np.array([image]), self.count_vectors())[0]
        except KeyError as error:
            raise AskpixError(f"image {image} is not indexed with {self.encoder.name}; index it first") from error
        hits = self._rank(None, None, embedding, None, k + 1, 0)
        return [hit for hit in hits if hit.photo.id != image][:k]

    def browse(self, where: str | None = None, *, k: int = 100, offset: int = 0) -> list[Hit]:
        """Photos without a ranking, newest in the library first; all of them, or those a filter lets through."""
        with database.session(self.engine) as session:
            chosen = filters.select_ids(session, where) if where is not None else select(Image.id)
            present = select(File.image_id).where(File.missing_since.is_(None))
            ids = session.scalars(
                chosen.where(Image.id.in_(present)).order_by(Image.id.desc()).limit(k).offset(offset)
            ).all()
            found = photos(session, ids, self.captions_by)
        why = {"filter": where} if where is not None else {}
        return [Hit(photo, 1.0, 1.0, why) for photo in found]

    def photo(self, image_id: int) -> Photo | None:
        """The image with that id, unless it is unknown or its files are gone."""
        with database.session(self.engine) as session:
            return next(iter(photos(session, [image_id], self.captions_by)), None)

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

    def _rank(
        self,
        query: str | None,
        words: Floats | None,
        picture: Floats | None,
        where: str | None,
        k: int,
        min_confidence: float | None,
    ) -> list[Hit]:
        count = self.count_vectors()
        if not count and self.count_images():
            raise AskpixError(
                f"this library is not indexed with {self.encoder.name}; "
                "choose the model it was indexed with (--model), or index it with this one"
            )
        if min_confidence is None:
            min_confidence = self.settings.min_confidence
        if min_confidence is None:
            min_confidence = self.encoder.cutoff if words is not None else 0.0
        with database.session(self.engine) as session:
            allowed = None
            if where is not None:
                allowed = np.array(session.scalars(filters.select_ids(session, where)).all(), np.int64)
            parts = {"text": words, "image": picture}
            target = np.sum([part for part in parts.values() if part is not None], axis=0)
            wanted = k
            # Images whose files are all gone are passed over, so it may take more to have k.
            while True:
                _, ids = self.vectors.search(target, wanted, count, allowed)
                found = photos(session, ids.tolist(), self.captions_by)
                if len(found) >= k or wanted >= count:
                    break
                wanted *= 4
        hits = self._explain(found[:k], query, parts, count)
        return [hit for hit in hits if hit.confidence >= min_confidence]

    def _explain(self, found: list[Photo], query: str | None, parts: dict[str, Floats | None], count: int) -> list[Hit]:
        """Hits that say what each part of the query gave to each photo."""
        if not found:
            return []
        vectors = self.vectors.get(np.array([photo.id for photo in found]), count)
        given = {name: vectors @ part for name, part in parts.items() if part is not None}
        text = parts["text"]
        sure = self.encoder.confidence
        confidence = np.clip(given["image"], 0, 1) if text is None else sure(text, vectors, count)
        hits = []
        for i, photo in enumerate(found):
            why: dict[str, Any] = {"embedding": {name: round(float(score[i]), 4) for name, score in given.items()}}
            if query is not None:
                why["words"] = shared_words(query, photo)
            hits.append(Hit(photo, float(sum(score[i] for score in given.values())), float(confidence[i]), why))
        return hits

    def explain(self, photo: Photo | Path, text: str) -> tuple[PictureImage, Relevance]:
        """Where in a photo of the library, or a picture file, the encoder finds a text, and the picture itself.

        Raises AskpixError when the text is empty or too long, or the picture cannot be read.
        """
        path, text = (photo.path if isinstance(photo, Photo) else photo), check_query(text)
        image = open_file(path, EXPLAINED, self.settings.max_pixels).image
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
        yield from answers.ask_and_keep(
            self.engine, self.answerer, question, save_as, asked_photos, self.settings.max_pixels
        )


def check_query(text: str) -> str:
    """The query without space around it; raises AskpixError when it is empty or too long to be one."""
    text = text.strip()
    if not text:
        raise AskpixError("the query is empty; say what to look for, for example: a dog on a beach")
    if len(text) > LONGEST_QUERY:
        raise AskpixError(f"the query has {len(text):,} characters, {LONGEST_QUERY:,} are the most; shorten it")
    return text
