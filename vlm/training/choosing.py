"""How each stage is judged on dev after an epoch: the score decides which weights are kept, and when to stop."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from vlm.protocols import Floats
from vlm.training import answers, captions, evaluate, languages, retrieval, rewards, sentences
from vlm.training.answerer import Answerer
from vlm.training.answers import Questions
from vlm.training.captions import SeenView, Tables
from vlm.training.decoder import Decoder
from vlm.training.languages import Student
from vlm.training.retrieval import TextSide, Tower
from vlm.training.run import Run, on_device


def recall(run: Run) -> Callable[[int, Tower, TextSide], float]:
    """How well dev captions find their pictures: the mean of recall@1, 5 and 10."""
    dev = run.material.captioned_dev
    view = run.view("captioned-dev", dev.images, 0)
    read = run.sentences("captions-dev", [text for texts in dev.captions for text in texts])
    owner = np.repeat(np.arange(len(dev.images)), [len(texts) for texts in dev.captions])

    @torch.inference_mode()
    def measure(epoch: int, tower: Tower, text: TextSide) -> float:
        _, embedding, _ = retrieval.look(tower, view)
        return _recall(run, epoch, embedding, text(on_device(read)).cpu().numpy(), owner)

    return measure


def foreign_recall(run: Run, tower: Tower, text: TextSide) -> Callable[[int, Student, Tokenizer], float]:
    """The same with what people wrote in Chinese; without such captions, the last epoch is the best."""
    dev = run.material.captioned_dev
    texts = [text for each in run.material.chinese_dev for text in each]
    owner = np.repeat(np.arange(len(run.material.chinese_dev)), [len(each) for each in run.material.chinese_dev])
    embedding = retrieval.look(tower, run.view("captioned-dev", dev.images, 0))[1] if texts else None

    @torch.inference_mode()
    def measure(epoch: int, student: Student, tokens: Tokenizer) -> float:
        if embedding is None:
            return float(epoch)
        read, _ = languages.read(student, tokens, texts)
        return _recall(run, epoch, embedding, text(on_device(read)).cpu().numpy(), owner)

    return measure


def likelihood(run: Run, dev: SeenView, tables: Tables) -> Callable[[int, Decoder], float]:
    """How likely the decoder thinks what people wrote."""

    def measure(epoch: int, decoder: Decoder) -> float:
        each = {name: captions.likelihood(decoder, dev, table) for name, table in tables.items()}
        run.say(f"epoch {epoch + 1}: dev log probability a word {_listed(each)}")
        return sum(each.values())

    return measure


def agreement(run: Run, dev: SeenView, tables: Tables) -> Callable[[int, Decoder], float]:
    """How far the likeliest captions agree with people's."""

    def measure(epoch: int, decoder: Decoder) -> float:
        each = {name: rewards.agreement(decoder, dev, table, name) for name, table in tables.items()}
        run.say(f"epoch {epoch + 1}: dev CIDEr of greedy captions {_listed(each)}")
        return sum(each.values())

    return measure


def exact(run: Run, tower: Tower, known: Sequence[str]) -> Callable[[int, Answerer], float]:
    """Exact answers to people's dev questions; without such questions, the last epoch is the best."""
    asked = run.material.asked_dev
    tools = run.tools
    questions = None
    if asked.questions:
        questions = Questions(
            [run.seen(tower, "asked-dev", asked.images, 0)],
            np.array(asked.picture, np.int64),
            np.zeros(len(asked.picture), np.int64),
            np.zeros(len(asked.picture)),
            [sentences.questions(tools.encoder, tools.tokens, asked.questions, "dev questions")],
        )

    def measure(epoch: int, answerer: Answerer) -> float:
        if questions is None:
            return float(epoch)
        found = [known[i] for i in answers.scores(answerer, questions).argmax(1)]
        right = 100 * float(evaluate.exact(found, asked.answers).mean())
        run.say(f"epoch {epoch + 1}: dev answers exact {right:.1f} %")
        return right

    return measure


def _recall(run: Run, epoch: int, pictures: Floats, texts: Floats, owner: NDArray[np.int64]) -> float:
    found = evaluate.retrieval(pictures, texts, owner).text_to_image
    run.say(f"epoch {epoch + 1}: dev recall@1/5/10 {found.at(1):.1f} / {found.at(5):.1f} / {found.at(10):.1f}")
    return (found.at(1) + found.at(5) + found.at(10)) / 3


def _listed(scores: dict[str, float]) -> str:
    return ", ".join(f"{name} {score:.3f}" for name, score in scores.items())
