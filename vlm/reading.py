"""Text in pictures, read by the PP-OCR networks that the package `rapidocr` carries (the extra `ocr`).

Their steps are the package's own: one network finds lines, each is cut out and set level, another reads it. The
networks are opened here, as all others are, so that nothing can be downloaded and no thread spins while it waits.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm.errors import AskpixError
from vlm.folder import open_session
from vlm.parts import Parts
from vlm.runtime import Runtime, runtime_of

if TYPE_CHECKING:
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.ch_ppocr_rec import TextRecognizer

Box = NDArray[np.float32]  # corners [4, 2] of a line in pixels: left top, right top, right bottom, left bottom
Pixels = NDArray[np.uint8]  # [h, w, 3], blue first

# Lines are sought at this size: letters are found from about a hundredth of the picture's height, in time that grows
# with the pixels. Small pictures are enlarged, since the network overlooks small letters.
PIXELS = 500_000
ENLARGE = 1.5
# Shapes in photographs that are taken for writing read as single letters, or without confidence.
FLOOR = 0.8
FEWEST_LETTERS = 2
MOST_LINES = 500
LONGEST_TEXT = 1000
NARROWEST = 100  # length over breadth: what is narrower is a wire or a rule, and would take much memory


@dataclass(frozen=True)
class Line:
    """One line of text in a picture; `box` is left, top, width, height as shares of the picture, 0..1."""

    text: str
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Reader:
    """The package's networks, loaded when first used, ready for any thread."""

    folder: Path
    detector: str
    recogniser: str
    version: str
    threads: int = 0
    _parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Identity and version, stored beside what it reads: the package's and the weights'."""
        weights, _, size = self.recogniser.partition("_rec_")
        return f"rapidocr-{self.version}-{weights.replace('-', '').lower()}-{size}"

    @property
    def image_size(self) -> int:
        """The shorter side in pixels that pictures should be decoded to, or larger."""
        return 640

    def read(self, image: Image.Image) -> list[Line]:
        """The lines of text in a picture of any size, from top to bottom and left to right.

        Lines that are hardly writing are left out: `FLOOR`, `FEWEST_LETTERS`. A text has no control characters and
        at most `LONGEST_TEXT` others; there are at most `MOST_LINES`.
        """
        from rapidocr.utils.process_img import get_rotate_crop_image

        pixels = _pixels(image)
        boxes = _in_order(self._find(pixels))[:MOST_LINES]
        texts = self._read_either_way([get_rotate_crop_image(pixels, box) for box in boxes])
        height, width, _ = pixels.shape
        lines = (Line(*text, _shares(box, width, height)) for text, box in zip(texts, boxes, strict=True))
        return [line for line in lines if _is_writing(line.text, line.confidence)]

    def _find(self, pixels: Pixels) -> list[Box]:
        """Where lines may be, in no order."""
        load = partial(_open_detector, self.folder, self.detector, self.threads)
        detector: TextDetector = self._parts.get("detector", load)
        found = detector(pixels).boxes
        return [] if found is None else [box for box in found if _narrowness(box) <= NARROWEST]

    def _read_either_way(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        """Text and confidence of each crop; long ones that read badly are tried upside down too."""
        read = self._read(crops)
        bad = [
            i
            for i, (crop, text) in enumerate(zip(crops, read, strict=True))
            if crop.shape[1] >= 2 * crop.shape[0] and not _is_writing(*text)
        ]
        for i, turned in zip(bad, self._read([np.rot90(crops[i], 2) for i in bad]), strict=True):
            read[i] = max(read[i], turned, key=lambda text: text[1])
        return read

    def _read(self, crops: Sequence[Pixels]) -> list[tuple[str, float]]:
        from rapidocr.ch_ppocr_rec import TextRecInput

        if not crops:
            return []
        load = partial(_open_recogniser, self.folder, self.recogniser, self.threads)
        recogniser: TextRecognizer = self._parts.get("recogniser", load)
        read = recogniser(TextRecInput(img=list(crops)))
        texts = zip(read.txts or (), read.scores, strict=True)
        return [(_plain(text), round(float(confidence), 4)) for text, confidence in texts]


def load_reader(runtime: Runtime | None = None) -> Reader:
    """What reads text in pictures. Raises AskpixError where `rapidocr` is missing, or carries no networks."""
    try:
        package = distribution("rapidocr")
    except PackageNotFoundError:
        raise AskpixError('reading text needs: pip install "askpix[ocr]"') from None
    # The package's own list, since its folder may also hold networks that it has downloaded for others.
    carried = [Path(str(package.locate_file(file))) for file in package.files or [] if file.suffix == ".onnx"]
    try:
        (detector,) = (file for file in carried if "_det_" in file.stem)
        (recogniser,) = (file for file in carried if "_rec_" in file.stem)
    except ValueError:
        raise AskpixError(f'rapidocr {package.version} cannot be used: pip install --upgrade "askpix[ocr]"') from None
    version = ".".join(package.version.split(".")[:2])
    return Reader(detector.parent, detector.stem, recogniser.stem, version, (runtime or runtime_of()).threads)


def _open_detector(folder: Path, part: str, threads: int) -> "TextDetector":
    from rapidocr.ch_ppocr_det import TextDetector

    # The pictures already have the right size, to which the package would shrink or enlarge them.
    return TextDetector(_settings("Det", folder, part, threads, limit_type="min", limit_side_len=1))


def _open_recogniser(folder: Path, part: str, threads: int) -> "TextRecognizer":
    from rapidocr.ch_ppocr_rec import TextRecognizer

    # Lines read together are all made as wide as the widest, which on a processor costs more than it saves.
    return TextRecognizer(_settings("Rec", folder, part, threads, rec_batch_num=1, font_path=None))


def _settings(kind: str, folder: Path, part: str, threads: int, **ours: object) -> Any:
    """The package's own settings for one kind of network, with a session for it and what is ours."""
    from omegaconf import OmegaConf
    from rapidocr.utils.parse_parameters import ParseParams

    logging.getLogger("RapidOCR").setLevel(logging.WARNING)  # else it tells of every step on standard error
    settings = ParseParams.load(folder.parent / "config.yaml")[kind]
    session = open_session(folder, part, threads)
    return OmegaConf.create({**settings, **ours, "session": session}, flags={"allow_objects": True})


def _pixels(image: Image.Image) -> Pixels:
    """The picture at the size at which lines are sought."""
    scale = min(ENLARGE, (PIXELS / (image.width * image.height)) ** 0.5)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    resized = image.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(resized)[:, :, ::-1])


def _in_order(boxes: Iterable[Box]) -> list[Box]:
    """Boxes by rows from top to bottom, each from left to right."""
    rows: list[list[Box]] = []
    for box in sorted(boxes, key=_middle):
        first = rows[-1][0] if rows else None
        if first is not None and _middle(box) - _middle(first) < min(_height(box), _height(first)) / 2:
            rows[-1].append(box)
        else:
            rows.append([box])
    return [box for row in rows for box in sorted(row, key=lambda box: float(box[:, 0].min()))]


def _middle(box: Box) -> float:
    return float(box[:, 1].mean())


def _height(box: Box) -> float:
    return float(np.linalg.norm(box[3] - box[0]))


def _narrowness(box: Box) -> float:
    sides = _height(box), float(np.linalg.norm(box[1] - box[0]))
    return max(sides) / min(sides)


def _shares(box: Box, width: int, height: int) -> tuple[float, float, float, float]:
    """Left, top, width, height of the upright box around a line, as shares of the picture."""
    corners = np.clip([box.min(0), box.max(0)] / np.array([width, height]), 0, 1)
    (left, top), (right, bottom) = corners.round(4).tolist()
    return left, top, round(right - left, 4), round(bottom - top, 4)


def _plain(text: str) -> str:
    """The text without control characters, with single spaces, cut short."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_TEXT]


def _is_writing(text: str, confidence: float) -> bool:
    return confidence >= FLOOR and sum(c.isalnum() for c in text) >= FEWEST_LETTERS
