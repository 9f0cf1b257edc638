"""The built-in kind of model: five ONNX networks in a folder, one object that sees, writes, answers.

ONNX Runtime, `tokenizers`, numpy and Pillow are all it needs. A network is loaded when it is first
used, so that a text search loads the text encoder alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm import beam, presence
from vlm.confidence import confidence
from vlm.errors import AskpixError
from vlm.folder import Config, open_background, open_session, open_tokenizer
from vlm.parts import Parts
from vlm.plain_english import in_english
from vlm.protocols import Answer, Description, Floats, Seen, Task
from vlm.species import ANIMALS, rightly_named
from vlm.tags import named, tags
from vlm.wording import FEMALE, GENDERED, MALE, NEVER, neutral

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

BATCH = 16
LOOK_BATCH = 8  # the vision network holds much a picture, and more at a time makes it no faster
TEXT_BATCH = 64
# Of the special words that open every vocabulary: pad, start, end, unknown, and more starts.
PAD, END, UNKNOWN = 0, 2, 3
ENGLISH = "en"
CONSIDERED = 5


# `Seen.state` of n pictures: grid [n, cells, c], probabilities of classes [n, 1000] and of words [n, w].
STATE = ("grid", "classes", "words")


@dataclass(frozen=True)
class Model:
    """A folder of weights, ready to be used from any thread."""

    folder: Path
    config: Config
    threads: int = 0
    _parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Identity and version."""
        return self.config.name

    @property
    def tasks(self) -> frozenset[Task]:
        """It does everything."""
        return frozenset({"encode", "caption", "answer"})

    @property
    def runs_on(self) -> str:
        """The processor, through ONNX Runtime."""
        return "cpu, ONNX Runtime"

    @property
    def batch(self) -> int:
        """How many pictures at a time suit it."""
        return 2 * BATCH

    @property
    def image_size(self) -> int:
        """The side in pixels of what the model sees."""
        return self.config.image_size

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return self.config.dim

    @property
    def cutoff(self) -> float:
        """The confidence below which a hit is left out unless asked for."""
        return self.config.cutoff

    def look(self, images: Sequence[Image.Image]) -> Seen:
        """See n pictures: each whole, squashed to a square, as the training pictures were."""
        parts: list[list[NDArray[Any]]] = []
        for start in range(0, len(images), LOOK_BATCH):
            pixels = np.stack([self._pixels(image) for image in images[start : start + LOOK_BATCH]])
            parts.append(self._run("vision", {"pixels": pixels}))
        if not parts:
            return Seen(np.zeros((0, self.dim), np.float32), tuple(np.zeros((0, 0), np.float32) for _ in STATE))
        embeddings, *state = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Seen(embeddings, tuple(state))

    def encode_texts(self, texts: Sequence[str]) -> Floats:
        """Embed n texts: [n, dim]."""
        rows: list[Floats] = [
            self._read(texts[start : start + TEXT_BATCH])["embedding"] for start in range(0, len(texts), TEXT_BATCH)
        ]
        return np.concatenate(rows) if rows else np.zeros((0, self.dim), np.float32)

    @property
    def background(self) -> Floats:
        """Embeddings [b, dim] of pictures of anything."""
        found: Floats = self._parts.get("background", lambda: open_background(self.folder))
        return found

    def confidence(self, query: Floats, pictures: Floats, among: int) -> Floats:
        """The calibrated probabilities that a text matches pictures; see `vlm.confidence`."""
        return confidence(pictures @ query, query, self.background, among, self.config.confidence)

    def describe(self, seen: Seen, language: str = ENGLISH) -> list[Description]:
        """A caption and tags for each picture seen."""
        if language not in self.config.starts:
            raise AskpixError(f'{self.name} writes no "{language}": use {" or ".join(self.config.starts)}.')
        found: list[beam.Found] = []
        for start in range(0, len(seen.embeddings), BATCH):
            found += self._captions(_batch(seen, start), language)
        _, classes, words = seen.state
        return [self._described(*one, language) for one in zip(found, classes, words, strict=True)]

    def answer(self, seen: Seen, questions: Sequence[str]) -> list[Answer]:
        """Answer questions[i] about the i-th picture seen."""
        answers: list[Answer] = []
        for start in range(0, len(questions), BATCH):
            answers += self._answers(_batch(seen, start), questions[start : start + BATCH])
        return answers

    def _pixels(self, image: Image.Image) -> NDArray[np.uint8]:
        side = self.image_size
        rgb = image if image.mode == "RGB" else image.convert("RGB")
        return np.asarray(rgb.resize((side, side), Image.Resampling.BICUBIC))

    def _read(self, texts: Sequence[str]) -> dict[str, Any]:
        """The text network's outputs and the mask of n texts."""
        ids, mask = self._tokens("tokenizer", texts)
        pieces, pieces_mask = self._tokens("pieces", texts)
        inputs = {"ids": ids, "mask": mask, "pieces": pieces, "pieces_mask": pieces_mask}
        embedding, sentence, states, _ = self._run("text", inputs)
        return {"embedding": embedding, "sentence": sentence, "states": states, "mask": mask}

    def _tokens(self, tokenizer: str, texts: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Token ids and mask of n texts, two [n, t]."""
        longest = self.config.longest_question
        loaded: Tokenizer = self._parts.get(tokenizer, lambda: open_tokenizer(self.folder, tokenizer, longest))
        encoded = loaded.encode_batch(list(texts))
        ids = np.zeros((len(encoded), max(len(one.ids) for one in encoded)), np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(encoded):
            ids[row, : len(one.ids)] = one.ids
            mask[row, : len(one.ids)] = 1
        return ids, mask

    def _captions(self, seen: Seen, language: str) -> list[beam.Found]:
        config = self.config
        pictures = len(seen.embeddings)
        (cross,) = self._run("memory", _inputs(seen))
        past = np.zeros((pictures, config.beams, config.layers, 2, config.heads, 0, config.head_width), np.float32)
        forbidden = (i for i, word in enumerate(config.vocabulary) if word in NEVER)
        marks = beam.Marks(config.starts[language], END, (PAD, UNKNOWN, *config.starts.values(), *forbidden))
        return beam.search(
            partial(self._step, cross, marks),
            lambda kept, picks: kept[np.arange(pictures)[:, None], picks],
            past,
            pictures,
            config.beams,
            config.longest_caption,
            config.length_power,
            marks.start,
        )

    def _step(self, cross: Floats, marks: beam.Marks, tokens: beam.Ids, past: Floats) -> tuple[beam.Next, Floats]:
        logs, grown = self._run("decoder", {"tokens": tokens, "cross": cross, "past": past})
        return beam.choices(logs, tokens, marks), grown

    def _described(self, found: beam.Found, classes: Floats, words: Floats, language: str) -> Description:
        config = self.config
        said = ("" if language == "zh" else " ").join(config.vocabulary[token] for token in found.tokens)
        seen = self._genders(words)
        text = neutral(rightly_named(said, classes, config.classes) if language == ENGLISH else said, seen)
        likely = named(words, config.words, config.word_floor / 2)
        return Description(
            caption=text[:1].upper() + text[1:],
            # The geometric mean of the words' probabilities, the end's included.
            confidence=round(float(np.exp(found.log_probability / (len(found.tokens) + 1))), 4),
            tags=tags(
                named(classes, config.classes, config.class_floor),
                {word: p for word, p in likely.items() if word not in GENDERED or GENDERED[word][0] in seen},
                config.word_floor,
                text,
            ),
        )

    def _genders(self, words: Floats) -> set[str]:
        """The genders that the picture shows, by its word probabilities [w]."""
        rows: dict[str, list[int]] = self._parts.get("gendered", self._gendered)
        floor = self.config.gender_floor
        return {gender for gender, own in rows.items() if not own or words[own].max() >= floor}

    def _gendered(self) -> dict[str, list[int]]:
        """Of each gender, which of the predicted words tell it."""
        known = [GENDERED.get(word, ("", ""))[0] for word in self.config.words]
        return {wanted: [i for i, gender in enumerate(known) if gender == wanted] for wanted in (MALE, FEMALE)}

    def answer_scores(self, seen: Seen, questions: Sequence[str]) -> Floats:
        """The answerer's scores before calibration: [n, answers] for n pictures and their questions."""
        texts = [in_english(question) for question in questions]
        once = list(dict.fromkeys(texts))  # of many pictures the same is asked as a rule
        rows = [once.index(text) for text in texts]
        read = self._read(once)
        asked = {name: read[name][rows] for name in ("states", "mask", "sentence")}
        scores: Floats
        (scores,) = self._run("answerer", _inputs(seen) | asked)
        return scores

    def _answers(self, seen: Seen, questions: Sequence[str]) -> list[Answer]:
        english = [in_english(question) for question in questions]
        scaled = self.answer_scores(seen, [presence.stated(one) for one in english]) / self.config.answer_temperature
        weights = np.exp(scaled - scaled.max(1, keepdims=True))
        probabilities = weights / weights.sum(1, keepdims=True)
        _, classes, words = seen.state
        return [self._answered(*one) for one in zip(english, probabilities, classes, words, strict=True)]

    def _answered(self, question: str, answers: Floats, classes: Floats, words: Floats) -> Answer:
        """The answer to a question, by the probabilities of answers, of classes and of words in the picture."""
        sure = presence.judged(
            question,
            lambda name: float(answers[self._numbers.answers[name]]) if name in self._numbers.answers else 0.0,
            lambda name: float(words[self._numbers.words[name]]) if name in self._numbers.words else None,
            lambda names: self._shown(classes, names),
        )
        if sure is not None:
            likely = sorted(((presence.YES, sure), (presence.NO, 1 - sure)), key=lambda one: -one[1])
        else:
            best = np.argsort(-answers, kind="stable")[:CONSIDERED]
            likely = [(self.config.answers[i], float(answers[i])) for i in best]
        considered = [[name, round(p, 4)] for name, p in likely]
        return Answer(likely[0][0], round(likely[0][1], 4), {"considered": considered})

    def _shown(self, classes: Floats, names: Sequence[str]) -> presence.Shown | None:
        """What the classifier says of something that has these names."""
        own = sorted({i for name in names for i in self._numbers.classes.get(name, ())})
        if not own:
            return None
        animals = classes[:ANIMALS]
        another = float(animals.sum() - classes[own].sum()) if own[0] < ANIMALS else 0.0
        return presence.Shown(float(classes[own].sum()), another)

    @property
    def _numbers(self) -> "_Numbers":
        return cast(_Numbers, self._parts.get("numbers", lambda: _Numbers.of(self.config)))

    def _run(self, part: str, inputs: dict[str, Any]) -> list[Any]:
        outputs: list[Any] = self._session(part).run(None, inputs)
        return outputs

    def _session(self, part: str) -> "InferenceSession":
        session: InferenceSession = self._parts.get(part, lambda: open_session(self.folder, part, self.threads))
        return session


@dataclass(frozen=True)
class _Numbers:
    """Where each answer and word stands, and the classes that have a name."""

    answers: dict[str, int]
    words: dict[str, int]
    classes: dict[str, list[int]]

    @classmethod
    def of(cls, config: Config) -> Self:
        """Those of a model."""
        answers, words = ({name: i for i, name in enumerate(some)} for some in (config.answers, config.words))
        return cls(answers, words, presence.class_names(config.classes))


def _batch(seen: Seen, start: int) -> Seen:
    """One batch of the pictures seen."""
    return seen.take(range(start, min(start + BATCH, len(seen.embeddings))))


def _inputs(seen: Seen) -> dict[str, Any]:
    """What was seen, as inputs of the captioner and the answerer."""
    return {"embedding": seen.embeddings, **dict(zip(STATE, seen.state, strict=True))}
