"""What the text encoder makes of the training texts, computed once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch.nn import functional
from tqdm import tqdm

from vlm.protocols import Floats
from vlm.training import minilm
from vlm.training.minilm import TextEncoder

BATCH = 64
LONGEST_QUESTION = 32


@dataclass(frozen=True)
class Read:
    """Distinct texts, read: states [q, t, 384] float16, zero beyond a text's length; lengths [q];
    sentences [q, 384]; row[i] is where text i is."""

    states: NDArray[np.float16]
    lengths: NDArray[np.int64]
    sentences: Floats
    row: NDArray[np.int64]


@torch.inference_mode()
def sentences(encoder: TextEncoder, tokens: Tokenizer, texts: Sequence[str], what: str) -> Floats:
    """[n, 384] unit sentence embeddings."""
    result = np.zeros((len(texts), minilm.WIDTH), np.float32)
    for rows in _batches(texts, what):
        ids, mask = minilm.padded(tokens, [texts[i] for i in rows])
        result[rows] = encoder(ids, mask)[1].numpy()
    return result


@torch.inference_mode()
def questions(encoder: TextEncoder, tokens: Tokenizer, texts: Sequence[str], what: str) -> Read:
    """The tokens' states as well, of each distinct text once."""
    distinct = sorted(set(texts))
    states = np.zeros((len(distinct), LONGEST_QUESTION, minilm.WIDTH), np.float16)
    lengths = np.zeros(len(distinct), np.int64)
    embedded = np.zeros((len(distinct), minilm.WIDTH), np.float32)
    for rows in _batches(distinct, what):
        ids, mask = (x[:, :LONGEST_QUESTION] for x in minilm.padded(tokens, [distinct[i] for i in rows]))
        found, embedded_rows = encoder(ids, mask)
        states[rows, : ids.shape[1]] = (found * mask[:, :, None]).half().numpy()
        lengths[rows] = mask.sum(1).numpy()
        embedded[rows] = embedded_rows.numpy()
    number = {text: i for i, text in enumerate(distinct)}
    return Read(states, lengths, embedded, np.array([number[text] for text in texts], np.int64))


@torch.inference_mode()
def class_embeddings(encoder: TextEncoder, tokens: Tokenizer, names: Sequence[Sequence[str]]) -> torch.Tensor:
    """[1000, 384]: each class's everyday name, bare and in "a photo of a ...", and its WordNet names.

    One vector a class, to describe pictures with; texts are compared with the single names instead.
    """
    everyday = sentences(encoder, tokens, [each[0] for each in names], "class names")
    photos = sentences(encoder, tokens, [f"a photo of a {each[0]}" for each in names], "class names")
    others = [other for each in names for other in each[1:]]
    owner = np.repeat(np.arange(len(names)), [len(each) - 1 for each in names])
    total = np.zeros_like(everyday)
    np.add.at(total, owner, sentences(encoder, tokens, others, "class names"))
    other = functional.normalize(torch.from_numpy(total), dim=1)
    return functional.normalize(torch.from_numpy(everyday + photos) + other, dim=1)


def _batches(texts: Sequence[str], what: str) -> Iterator[list[int]]:
    """Rows in batches of like length, so that little padding is read."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    starts = range(0, len(order), BATCH)
    for start in tqdm(starts, desc=what, mininterval=2.0):
        yield order[start : start + BATCH]
