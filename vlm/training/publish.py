"""From trained parts to a folder of weights: export, calibrate, measure, and write the model card.

Everything is measured with the exported networks through `vlm.load`, as a user runs them.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import vlm
from vlm.folder import FORMAT, Config
from vlm.model import Model
from vlm.picture import open_picture
from vlm.protocols import Seen
from vlm.streams import batches
from vlm.training import calibrate, evaluate, export, minilm, sentences
from vlm.training.calibrate import Confidence
from vlm.training.data import Asked
from vlm.training.pipeline import Run, Trained

CLASSES = Path(__file__).parent / "imagenet_classes.txt"


@dataclass(frozen=True)
class Measured:
    """Dev scores, and how far confidence is from the truth."""

    retrieval: evaluate.Retrieval
    captions: evaluate.CaptionScores
    answers: evaluate.AnswerScores
    calibration_error: float


def class_names() -> list[list[str]]:
    """For each ImageNet class its everyday name and then WordNet's names."""
    lines = [line for line in CLASSES.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return [[everyday, *others.split(", ")] for _, everyday, others in (line.split("\t") for line in lines)]


def publish(run: Run, parts: Trained, out: Path) -> Measured:
    """Write the folder `out` and say how good the model in it is."""
    out.mkdir(parents=True, exist_ok=True)
    config = _export(run, parts, out)
    config = replace(config, name=f"{config.name}-{_fingerprint(out)}")
    _write_config(out, config)
    model = vlm.load(str(out))
    dev = run.material.captioned_dev
    seen = look_at(model, dev.images)
    texts = [text for each in dev.captions for text in each]
    owner = np.repeat(np.arange(len(dev.images)), [len(each) for each in dev.captions])
    embedded = model.encode_texts(texts)
    confidence, error = _confidence(run, embedded @ seen.embeddings.T, owner)
    divisor = _temperature(model, run.material.asked_dev)
    calibrated = replace(config, **asdict(confidence), answer_temperature=divisor)
    _write_config(out, calibrated)
    written = [one.caption for one in model.describe(seen)]
    asked = run.material.asked_dev
    answered = model.answer(look_at(model, asked.images).take(asked.picture), asked.questions)
    return Measured(
        evaluate.retrieval(seen.embeddings, embedded, owner),
        evaluate.captions(written, dev.captions),
        evaluate.answers([one.text for one in answered], asked.answers),
        error,
    )


def look_at(model: Model, paths: Sequence[Path]) -> Seen:
    """See all pictures of a list."""
    seen = [model.look([open_picture(path, model.image_size).image for path in each]) for each in batches(paths, 64)]
    state = zip(*(each.state for each in seen), strict=True)
    return Seen(np.concatenate([each.embeddings for each in seen]), tuple(np.concatenate(part) for part in state))


def _fingerprint(out: Path) -> str:
    """Tells one training from another, so that a library never mixes the vectors of two."""
    together = hashlib.sha256()
    for path in sorted(out.glob("*.onnx")):
        together.update(path.read_bytes())
    return together.hexdigest()[:8]


def _export(run: Run, parts: Trained, out: Path) -> Config:
    """Write the networks and the tokenizer; the configuration, not yet calibrated."""
    recipe, settings = run.recipe, run.recipe.export
    tools, shape = run.tools, parts.decoder.shape
    names = class_names()
    naming = recipe.naming
    dim = recipe.retrieval.dim + minilm.WIDTH
    matrix = sentences.class_embeddings(tools.encoder, tools.tokens, names)
    vision = export.Vision(tools.base.network, recipe.vision.cut, parts.tower, matrix, naming)
    export.write_vision(vision, out / "vision.onnx", recipe.vision.size, settings.bits)
    known = sorted({name for each in names for name in each})
    bank = torch.from_numpy(sentences.sentences(tools.encoder, tools.tokens, known, "class names"))
    export.write_text(export.Text(tools.encoder, parts.text, bank, naming), out / "text.onnx", settings.bits)
    export.write_captioner(parts.decoder, naming.share, dim, out, settings.bits)
    export.write_answerer(parts.answerer, naming.share, dim, out / "answerer.onnx", settings.bits)
    tools.tokens.save(str(out / "tokenizer.json"), pretty=False)
    return Config(
        format=FORMAT,
        name=recipe.name,
        image_size=recipe.vision.size,
        dim=dim,
        longest_question=minilm.MAX_TOKENS,
        slope=1.0,
        intercept=0.0,
        cutoff=0.0,
        vocabulary=parts.vocabulary,
        layers=shape.layers,
        heads=shape.heads,
        head_width=shape.width // shape.heads,
        longest_caption=settings.longest_caption,
        beams=settings.beams,
        length_power=settings.length_power,
        classes=[each[0] for each in names],
        class_floor=settings.class_floor,
        words=parts.tags,
        word_floor=settings.word_floor,
        answers=parts.answers,
        answer_temperature=1.0,
    )


def _confidence(run: Run, scores: vlm.protocols.Floats, owner: NDArray[np.int64]) -> tuple[Confidence, float]:
    """Fitted on the even pictures' captions and checked on the odd ones'; then fitted on all."""
    prior = run.recipe.export.prior
    index = owner
    even, odd = (
        calibrate.pairs(scores[index % 2 == part][:, part::2], index[index % 2 == part] // 2) for part in (0, 1)
    )
    error = calibrate.calibration_error([odd], calibrate.fit([even], prior), prior)
    return calibrate.fit([calibrate.pairs(scores, index)], prior), error


def _temperature(model: Model, asked: Asked) -> float:
    """How far the answerer's scores are to be flattened, from the dev questions."""
    number = {answer: i for i, answer in enumerate(model.config.answers)}
    seen = look_at(model, asked.images).take(asked.picture)
    scores = model.answer_scores(seen, asked.questions)
    return calibrate.temperature(scores, [number.get(answer, -1) for answer in asked.answers])


def _write_config(out: Path, config: Config) -> None:
    (out / "config.json").write_text(json.dumps(asdict(config), ensure_ascii=False, indent=None), encoding="utf-8")
