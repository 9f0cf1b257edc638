"""From trained parts to a folder of weights: export, calibrate, measure.

Everything is measured with the exported networks through `vlm.load`, as a user runs them.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import vlm
from vlm.folder import FORMAT, Config, open_background, read_config
from vlm.model import Model
from vlm.picture import open_picture
from vlm.protocols import Floats, Seen
from vlm.streams import batches
from vlm.training import calibrate, evaluate, export, fairness, minilm
from vlm.training.calibrate import Confidence, Queries, Reliability
from vlm.training.data import Asked
from vlm.training.fairness import Fairness
from vlm.training.names import class_names
from vlm.training.run import Run, Trained
from vlm.training.vocabulary import STARTS, words

BACKGROUND = 1500
ENOUGH = 200  # dev pictures to calibrate on; with fewer, the calibration of the model before stays
# Words for what other words name as well, when it is judged whether a picture shows them.
PEOPLE = frozenset(
    """person people man men woman women boy boys girl girls child children kid kids guy guys lady ladies
    baby babies toddler player players crowd group couple""".split()
)
CHILDREN = frozenset("child children kid kids boy boys girl girls baby babies toddler".split())
KINDS = {"person": PEOPLE, "people": PEOPLE, "child": CHILDREN, "children": CHILDREN, "kid": CHILDREN, "kids": CHILDREN}


@dataclass(frozen=True)
class Measured:
    """Dev scores, how far confidence is from the truth, and how people are treated; `chinese` is recall by
    Chinese captions, `answers` is 1 where an answer is right."""

    retrieval: evaluate.Retrieval
    chinese: evaluate.Recall | None
    captions: evaluate.CaptionScores
    chinese_captions: evaluate.CaptionScores | None
    answers: Floats
    reliability: Reliability
    fairness: Fairness


def publish(run: Run, parts: Trained, out: Path) -> Measured:
    """Write the folder `out` and say how good the model in it is."""
    out.mkdir(parents=True, exist_ok=True)
    config = _export(run, parts, out)
    config = replace(config, name=f"{config.name}-{_fingerprint(out)}")
    _write_config(out, config)
    model = vlm.load(str(out))
    given = run.material
    _write_background(run, model, parts.before, out)
    dev = given.captioned_dev
    seen = look_at(model, dev.images)
    embedded, owner = _read(model, dev.captions)
    confidence, reliability = _confidence(run, model, seen.embeddings, embedded, owner)
    calibrated = replace(config, confidence=list(confidence.weights), cutoff=confidence.cutoff)
    if parts.before:
        known = read_config(parts.before)
        calibrated = replace(calibrated, answer_temperature=known.answer_temperature)
        if len(dev.images) < ENOUGH:
            calibrated = replace(calibrated, confidence=known.confidence, cutoff=known.cutoff)
    answered: list[str] = []
    if given.asked_dev.questions:
        asked = look_at(model, given.asked_dev.images).take(given.asked_dev.picture)
        calibrated = replace(calibrated, answer_temperature=_temperature(model, asked, given.asked_dev))
        answered = [one.text for one in model.answer(asked, given.asked_dev.questions)]
    _write_config(out, calibrated)
    found = evaluate.retrieval(seen.embeddings, embedded, owner, open_background(out))
    # As the decoder wrote them, and as they are worded in the end.
    written, worded = (
        [one.caption for one in replace(model, config=replace(calibrated, gender_floor=floor)).describe(seen)]
        for floor in (0.0, calibrated.gender_floor)
    )
    ranks = found.text_to_image.ranks.reshape(len(dev.images), -1)
    return Measured(
        found,
        evaluate.retrieval(seen.embeddings, *_read(model, given.chinese_dev)).text_to_image
        if given.chinese_dev
        else None,
        evaluate.captions(worded, dev.captions),
        _chinese(model, seen, given.chinese_dev) if given.chinese_dev else None,
        evaluate.exact(answered, given.asked_dev.answers),
        reliability,
        fairness.fairness(dev.captions, written, worded, ranks),
    )


def _chinese(model: Model, seen: Seen, captions: Sequence[Sequence[str]]) -> evaluate.CaptionScores:
    """Captions in Chinese, by characters."""
    return evaluate.captions([one.caption for one in model.describe(seen, "zh")], captions, "zh")


def look_at(model: Model, paths: Sequence[Path]) -> Seen:
    """See all pictures of a list."""
    seen = [model.look([open_picture(path, model.image_size).image for path in each]) for each in batches(paths, 64)]
    state = zip(*(each.state for each in seen), strict=True)
    return Seen(np.concatenate([each.embeddings for each in seen]), tuple(np.concatenate(part) for part in state))


def _read(model: Model, texts: Sequence[Sequence[str]]) -> tuple[Floats, NDArray[np.int64]]:
    """The embeddings of all texts, and whose each is."""
    owner = np.repeat(np.arange(len(texts)), [len(each) for each in texts])
    return model.encode_texts([text for each in texts for text in each]), owner


def _fingerprint(out: Path) -> str:
    """Tells one training from another, so that a library never mixes the vectors of two."""
    together = hashlib.sha256()
    for path in sorted(out.glob("*.onnx")):
        together.update(path.read_bytes())
    return together.hexdigest()[:8]


def _export(run: Run, parts: Trained, out: Path) -> Config:
    """Write the networks and the tokenizers; the configuration, not yet calibrated."""
    recipe, settings, tools = run.recipe, run.recipe.export, run.tools
    shape, naming = parts.decoder.shape, run.recipe.naming
    for module in (parts.tower, parts.text, parts.student, parts.decoder, parts.answerer):
        module.cpu()
    vision = export.Vision(tools.base.network, recipe.vision.cut, parts.tower, torch.from_numpy(tools.classes), naming)
    export.write_vision(vision, out / "vision.onnx", recipe.vision.size, settings.bits)
    text = export.Text(tools.encoder, parts.student, parts.text, torch.from_numpy(tools.names), naming)
    export.write_text(text, out / "text.onnx", settings.bits)
    export.write_captioner(parts.decoder, out, settings.bits)
    export.write_answerer(parts.answerer, out / "answerer.onnx", settings.bits)
    tools.tokens.save(str(out / "tokenizer.json"), pretty=False)
    parts.pieces.save(str(out / "pieces.json"), pretty=False)
    return Config(
        format=FORMAT,
        name=recipe.name,
        image_size=recipe.vision.size,
        dim=shape.embedding,
        longest_question=minilm.MAX_TOKENS,
        confidence=[1.0, 0.0, 0.0, 0.0],
        cutoff=0.0,
        vocabulary=parts.vocabulary,
        starts=STARTS if run.start or run.material.chinese else {"en": STARTS["en"]},
        layers=shape.layers,
        heads=shape.heads,
        head_width=shape.width // shape.heads,
        longest_caption=settings.longest_caption,
        beams=settings.beams,
        length_power=settings.length_power,
        gender_floor=settings.gender_floor,
        classes=[each[0] for each in class_names()],
        class_floor=settings.class_floor,
        words=parts.tags,
        word_floor=settings.word_floor,
        answers=parts.answers,
        answer_temperature=1.0,
    )


def _write_background(run: Run, model: Model, before: Path | None, out: Path) -> None:
    """Embeddings of training pictures, evenly drawn: pictures of anything."""
    pictures = [*run.material.captioned.images, *run.material.asked.images]
    if before and len(pictures) < BACKGROUND:
        shutil.copyfile(before / "background.npy", out / "background.npy")
        return
    step = max(1, len(pictures) // BACKGROUND)
    np.save(out / "background.npy", look_at(model, pictures[::step]).embeddings.astype(np.float16))


def _confidence(
    run: Run, model: Model, pictures: Floats, captions: Floats, owner: NDArray[np.int64]
) -> tuple[Confidence, Reliability]:
    """Fitted on the even pictures' captions and words and checked on the odd ones'; then fitted on all."""
    tags = model.config.words
    said = [{word for text in texts for word in words(text)} for texts in run.material.captioned_dev.captions]
    shown = np.array([[_shown(tag, each) for each in said] for tag in tags]).reshape(len(tags), len(said))
    texts = np.concatenate([captions, model.encode_texts(tags)])
    against = texts @ open_background(model.folder).T
    queries = Queries(
        texts @ pictures.T,
        against.mean(1),
        against.std(1),
        np.concatenate([owner[:, None] == np.arange(len(pictures)), shown]),
        np.concatenate([owner, np.full(len(tags), -1)]),
    )
    even, odd = (
        calibrate.hits(
            queries.take(
                np.flatnonzero((queries.own < 0) | (queries.own % 2 == part)), np.arange(part, len(pictures), 2)
            )
        )
        for part in (0, 1)
    )
    return calibrate.fit(calibrate.hits(queries)), calibrate.reliability(odd, calibrate.fit(even))


def _shown(tag: str, said: set[str]) -> bool:
    return tag in said or f"{tag}s" in said or not said.isdisjoint(KINDS.get(tag, ()))


def _temperature(model: Model, seen: Seen, asked: Asked) -> float:
    """How far the answerer's scores are to be flattened, from the dev questions about the pictures seen."""
    number = {answer: i for i, answer in enumerate(model.config.answers)}
    scores = model.answer_scores(seen, asked.questions)
    return calibrate.temperature(scores, [number.get(answer, -1) for answer in asked.answers])


def _write_config(out: Path, config: Config) -> None:
    (out / "config.json").write_text(json.dumps(asdict(config), ensure_ascii=False, indent=None), encoding="utf-8")
