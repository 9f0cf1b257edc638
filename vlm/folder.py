"""A folder of weights: what is in it, and how its parts become ONNX Runtime sessions.

config.json      sizes, calibration, vocabulary and names (`Config`)
vision.onnx      pixels -> embedding, grid, classes, words
text.onnx        token ids -> embedding, sentence, states;  tokenizer.json and pieces.json beside it
background.npy   embeddings of pictures of anything, that a text's scores are compared with
memory.onnx      what was seen -> the caption decoder's keys and values
decoder.onnx     one word further
answerer.onnx    what was seen and the question -> answers
README.md        the model card
"""

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vlm.errors import AskpixError
from vlm.protocols import Floats

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

# Raised when what the files mean changes, so that an older askpix refuses them with a plain word.
FORMAT = 2


@dataclass(frozen=True)
class Config:
    """What a model needs to know besides its weights; the fields of config.json."""

    format: int
    name: str
    image_size: int
    dim: int
    longest_question: int
    # the weights of vlm.confidence; hits below the cutoff are left out
    confidence: list[float]
    cutoff: float
    # the caption decoder
    vocabulary: list[str]
    starts: dict[str, int]  # the mark that opens a caption, by language
    layers: int
    heads: int
    head_width: int
    longest_caption: int
    beams: int
    length_power: float
    gender_floor: float  # the word probability from which a caption may say so
    # tags
    classes: list[str]
    class_floor: float
    words: list[str]
    word_floor: float
    # the answerer
    answers: list[str]
    answer_temperature: float


def read_config(folder: Path) -> Config:
    """The folder's config.json, checked; AskpixError if it is no folder of weights."""
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AskpixError(
            f"{folder} holds no model (it has no config.json): name a folder that `askpix train` wrote."
        ) from None
    except (OSError, ValueError) as error:
        raise AskpixError(f"{path} cannot be read ({error}): train or copy the model again.") from None
    written = values.get("format") if isinstance(values, dict) else None
    if written != FORMAT:
        newer = isinstance(written, int) and written > FORMAT
        mend = "update askpix" if newer else "train the model again"
        raise AskpixError(
            f"{folder} was written by {'a newer' if newer else 'an older'} askpix "
            f"(format {written}, this one reads {FORMAT}): {mend}."
        )
    try:
        return Config(**{field.name: values[field.name] for field in fields(Config)})
    except KeyError as error:
        raise AskpixError(f"{path} lacks {error}: train or copy the model again.") from None


def open_session(folder: Path, part: str, threads: int) -> "InferenceSession":
    """Load one part; `threads` 0 means all cores, or as many as OMP_NUM_THREADS says, as Ray does in its workers."""
    import onnxruntime

    path = folder / f"{part}.onnx"
    if not path.is_file():
        raise AskpixError(f"{path} is missing: train or copy the model again.")
    options = onnxruntime.SessionOptions()
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = threads or (int(allowed) if allowed.isdigit() else 0)
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin while they wait would take the cores from whoever decodes the next pictures.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no narrower base
        raise AskpixError(f"{path} is damaged ({error}): train or copy the model again.") from None


def open_tokenizer(folder: Path, name: str, longest: int) -> "Tokenizer":
    """Load a tokenizer, to cut texts after `longest` tokens and pad nothing."""
    from tokenizers import Tokenizer

    path = folder / f"{name}.json"
    if not path.is_file():
        raise AskpixError(f"{path} is missing: train or copy the model again.")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return tokenizer


def open_background(folder: Path) -> Floats:
    """Load the background's embeddings [b, dim]."""
    path = folder / "background.npy"
    try:
        found: Floats = np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError) as error:
        raise AskpixError(f"{path} cannot be read ({error}): train or copy the model again.") from None
    return found
