"""The language stage: a small encoder learns to read other languages as the English one reads English.

A student puts a text where the teacher puts its English translation (Reimers and Gurevych, "Making
Monolingual Sentence Embeddings Multilingual", EMNLP 2020). It has a vocabulary of its own, learnt
from the parallel captions, and starts from layers of the teacher. English is still read by the
teacher: the student also says how likely a text is English, and the two are mixed by that.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from torch.nn import functional

from vlm.protocols import Floats
from vlm.training import minilm
from vlm.training.loop import Epochs, averaged_towards, descend, device, half_precision, placed
from vlm.training.minilm import WIDTH, Layer, TextEncoder

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
LONGEST = 64
TEMPERATURE = 0.05


@dataclass(frozen=True)
class LanguageSettings:
    """How the stage is trained; `layers` are those of the teacher that the student starts from, and what
    begins with `meeting` is of its second half (see `vlm.training.meeting`)."""

    epochs: int = 4
    batch: int = 256
    rate: float = 5e-4
    weight_decay: float = 0.01
    average: float = 0.998
    vocabulary: int = 16000
    layers: tuple[int, ...] = (0, 2, 4)
    meeting_epochs: int = 3
    meeting_rate: float = 2e-4
    meeting_average: float = 0.995


@dataclass(frozen=True)
class Parallel:
    """Texts, where each is to be put (a row of `targets`, unit [m, 384]; -1 where only its language is
    known), the picture it is a caption of (-1: none), and whether it is English."""

    texts: list[str]
    row: NDArray[np.int64]
    picture: NDArray[np.int64]
    english: NDArray[np.bool_]
    targets: Floats


class Student(nn.Module):
    """Token ids and mask -> unit sentence embeddings and the chance that a text is English."""

    def __init__(self, vocabulary: int, layers: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, WIDTH)
        self.places = nn.Parameter(torch.zeros(LONGEST, WIDTH))
        self.norm = nn.LayerNorm(WIDTH, minilm.NORM_EPSILON)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.drop = nn.Dropout(0.1)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.language = nn.Linear(2 * WIDTH, 1)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """ids, mask [n, t] -> embeddings [n, 384], English logits [n, 1]."""
        counts = mask.to(torch.float32)
        whole = counts.sum(1, keepdim=True)
        words = self.words(ids)
        x = self.drop(self.norm(words + self.places[: ids.shape[1]]))
        hidden = (1 - counts)[:, None, None, :] * -1e9
        for layer in self.layers:
            x = layer(x, hidden)
        # A language shows in the words themselves; the mean of their vectors is all that it takes.
        means = [(each * counts[:, :, None]).sum(1) / whole for each in (x, words)]
        return functional.normalize(self.out(means[0]).float(), dim=1), self.language(torch.cat(means, 1)).float()


def learn_tokenizer(texts: Iterable[str], size: int) -> Tokenizer:
    """A WordPiece tokenizer (Schuster and Nakajima, 2012) that cuts Chinese into characters."""
    tokens = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # type: ignore[call-arg]  # noqa: S106
    tokens.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=True)
    tokens.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, min_frequency=2, special_tokens=SPECIAL, limit_alphabet=4000, show_progress=False
    )
    tokens.train_from_iterator(texts, trainer)
    tokens.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokens.enable_truncation(LONGEST)
    return tokens


def started(teacher: TextEncoder, tokens: Tokenizer, settings: LanguageSettings) -> Student:
    """A student with the teacher's layers, and the teacher's vectors of the words that both know."""
    student = Student(tokens.get_vocab_size(), len(settings.layers))
    known = minilm.tokenizer().get_vocab()
    vectors = teacher.words.weight.detach()
    with torch.no_grad():
        student.words.weight.normal_(std=float(vectors.std()))
        for word, row in tokens.get_vocab().items():
            if word in known:
                student.words.weight[row] = vectors[known[word]]
        student.places.copy_(teacher.places.weight[:LONGEST] + teacher.kind)
        student.norm.load_state_dict(teacher.norm.state_dict())
        nn.init.eye_(student.out.weight)
        nn.init.zeros_(student.out.bias)
    for mine, number in zip(student.layers, settings.layers, strict=True):
        mine.load_state_dict(teacher.layers[number].state_dict())
    return student.requires_grad_(True)


def foreign_words(foreign: Iterable[str], english: Iterable[str], at_least: int = 3) -> list[str]:
    """Words of other languages that no English text has, so that single words are told apart as well."""
    split = pre_tokenizers.BertPreTokenizer()
    clean = normalizers.BertNormalizer(lowercase=True, strip_accents=True)

    def words(texts: Iterable[str]) -> Counter[str]:
        return Counter(
            word for text in texts for word, _ in split.pre_tokenize_str(clean.normalize_str(text)) if word.isalpha()
        )

    seen = words(english)
    return [word for word, count in words(foreign).items() if count >= at_least and word not in seen]


def fit(
    student: Student,
    tokens: Tokenizer,
    material: Parallel,
    settings: LanguageSettings,
    seed: int,
    path: Path,
    measure: Callable[[int, Student], float],
) -> Student:
    """Train; returns the averaged weights that did best on dev."""
    torch.manual_seed(seed)
    generator = np.random.default_rng(seed)
    student = student.to(device())
    averaged = copy.deepcopy(student).eval()
    encoded = token_ids(tokens, material.texts)
    lengths = np.array([len(one) for one in encoded])
    batch = min(settings.batch, len(encoded))
    batches = len(encoded) // batch
    optimizer = torch.optim.AdamW(student.parameters(), settings.rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.rate, total_steps=settings.epochs * batches, pct_start=0.1
    )
    epochs = Epochs(
        "languages", settings.epochs, batches, path,
        {"student": student, "optimizer": optimizer, "schedule": schedule}, {"averaged": averaged},
        generator, lambda epoch: measure(epoch, averaged),
    )  # fmt: skip
    for _ in epochs:
        student.train()
        for rows in like_lengths(lengths, batches, batch, generator):
            ids, mask = stacked([encoded[row] for row in rows])
            taught = material.row[rows] >= 0
            targets, known, english = placed(
                material.targets[np.maximum(material.row[rows], 0)], taught, material.english[rows].astype(np.float32)
            )
            with half_precision():
                found, language = student(ids, mask)
            loss = placement(found[known], targets[known]) + 0.1 * functional.binary_cross_entropy_with_logits(
                language[:, 0], english
            )
            descend(loss, optimizer, schedule)
            averaged_towards(averaged, student, settings.average, epochs.progress.done)
            epochs.progress.step(loss.item(), float(schedule.get_last_lr()[0]))
    return averaged


def token_ids(tokens: Tokenizer, texts: Sequence[str]) -> list[NDArray[np.int64]]:
    """The ids of each text, as long as it is."""
    return [np.array(one.ids, np.int64) for one in tokens.encode_batch(list(texts))]


def stacked(encoded: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Ids and mask, two [n, t]."""
    ids = np.zeros((len(encoded), max(len(one) for one in encoded)), np.int64)
    mask = np.zeros_like(ids)
    for row, one in enumerate(encoded):
        ids[row, : len(one)] = one
        mask[row, : len(one)] = 1
    first, second = placed(ids, mask)
    return first, second


@torch.inference_mode()
def read(student: Student, tokens: Tokenizer, texts: Sequence[str], batch: int = 256) -> tuple[Floats, Floats]:
    """Embeddings [n, 384] and the chance of being English [n]."""
    student.eval()
    encoded = token_ids(tokens, texts)
    order = np.argsort([len(one) for one in encoded], kind="stable")
    embedded, english = np.zeros((len(texts), WIDTH), np.float32), np.zeros(len(texts), np.float32)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        found, language = student(*stacked([encoded[row] for row in rows]))
        embedded[rows], english[rows] = found.cpu().numpy(), language[:, 0].sigmoid().cpu().numpy()
    return embedded, english


def placement(found: Tensor, targets: Tensor) -> Tensor:
    """How far texts lie from where they belong, and how hard they are to tell from others there."""
    logits = found @ targets.T / TEMPERATURE
    alike = (targets @ targets.T / TEMPERATURE).softmax(1)
    return 2 * (1 - (found * targets).sum(1).mean()) - (alike * logits.log_softmax(1)).sum(1).mean() * 0.5


def like_lengths(
    lengths: NDArray[np.int64], batches: int, batch: int, generator: np.random.Generator
) -> NDArray[np.int64]:
    """[batches, batch]: rows in random batches of like lengths, so that little padding is read."""
    order = generator.permutation(len(lengths))[: batches * batch]
    span = 20 * batch
    runs = [part[np.argsort(lengths[part], kind="stable")] for part in np.split(order, range(span, len(order), span))]
    rows = np.concatenate(runs).reshape(batches, batch)
    return rows[generator.permutation(batches)]
