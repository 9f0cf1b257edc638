"""What models that read prompts are asked, and how what they write is read."""

import json
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from vlm.errors import AskpixError
from vlm.protocols import Answer, Description, Seen, Tag
from vlm.runtime import Runtime

LANGUAGES = {
    "en": "English", "zh": "Chinese", "de": "German", "fr": "French", "cs": "Czech", "es": "Spanish",
    "it": "Italian", "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "ja": "Japanese", "ko": "Korean",
    "ru": "Russian", "ar": "Arabic", "hi": "Hindi", "tr": "Turkish",
}  # fmt: skip
LONGEST = 1_000  # characters of a caption or an answer that are kept
MOST_TAGS = 12
_MOST_TRIES = 1_000  # beginnings of an object in a reply, each of which takes time where it goes on for long


def held(images: Sequence[Image.Image]) -> Seen:
    """Pictures kept as they are, for models that look at them with each question anew; no embeddings."""
    pictures = np.empty(len(images), object)
    pictures[:] = images
    return Seen(np.zeros((len(images), 0), np.float32), (pictures,))


def caption_prompt(runtime: Runtime, language: str) -> str:
    """What to ask for a caption in a language, by its two-letter code."""
    return runtime.caption_prompt.format(language=LANGUAGES.get(language, language))


def answer_prompt(runtime: Runtime, question: str) -> str:
    """What to ask for an answer."""
    return runtime.answer_prompt.format(question=question)


def english_only(name: str, language: str) -> None:
    """Raises AskpixError when a model that writes English alone is to write another language."""
    if language != "en":
        raise AskpixError(f'{name} writes no "{language}": use en, or another captioner.')


def captioned(text: str, confidence: float) -> Description:
    """A caption without tags, from a model that writes all in small letters."""
    return Description(text[:1].upper() + text[1:], confidence)


def read_description(written: str, confidence: float) -> Description:
    """A reply to the caption prompt: its JSON if it holds some, else its first line is the caption."""
    found = _object(written)
    caption = found.get("caption")
    if not isinstance(caption, str) or not caption.strip():
        return Description(_line(written), confidence)
    given = found.get("tags")
    names = [_line(name).lower() for name in given if isinstance(name, str)] if isinstance(given, list) else []
    unique = [name for name in dict.fromkeys(names) if name][:MOST_TAGS]
    return Description(_line(caption), confidence, [Tag(name[:100], confidence) for name in unique])


def read_answer(written: str, confidence: float, why: dict[str, Any] | None = None) -> Answer:
    """A reply to a question: the "answer" of its JSON if it holds some, else its first line."""
    found = _object(written).get("answer")
    text = _line(str(found) if isinstance(found, str | int | float) else written)
    return Answer(text.rstrip(".") if text.count(".") == 1 else text, confidence, why or {})


def _object(written: str) -> dict[str, Any]:
    """The JSON object in a text, between fences and remarks perhaps; {} when there is none."""
    start, decoder = written.find("{"), json.JSONDecoder()
    for _ in range(_MOST_TRIES):
        if start < 0:
            break
        try:
            found, _ = decoder.raw_decode(written, start)
        except (ValueError, RecursionError):
            found = None
        if isinstance(found, dict):
            return found
        start = written.find("{", start + 1)
    return {}


def _line(text: str) -> str:
    """The first line that says something, without control characters, marks of thought and fences."""
    text = re.sub(r"(?s)<think>.*?(</think>|$)", "", text)
    for line in text.splitlines():
        said = " ".join("".join(c if c.isprintable() else " " for c in line).split())
        if said and not said.startswith("```"):
            return said[:LONGEST]
    return ""
