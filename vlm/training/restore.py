"""From a folder of weights back to torch modules, so that training can go on from a model that ships."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from tokenizers import Tokenizer
from torch import Tensor, nn

from vlm.errors import AskpixError
from vlm.folder import read_config
from vlm.training.answerer import Answerer, AnswererShape
from vlm.training.decoder import Decoder, DecoderShape
from vlm.training.languages import Student
from vlm.training.recipe import Recipe
from vlm.training.retrieval import TextSide, Tower
from vlm.training.run import Tools, Trained

_Weights = dict[str, Tensor]
M = TypeVar("M", bound=nn.Module)


def restore(folder: Path, recipe: Recipe, tools: Tools) -> Trained:
    """Read a folder that `publish` wrote; AskpixError if its parts do not fit the recipe's base network."""
    config = read_config(folder)
    vision, text = _weights(folder / "vision.onnx"), _weights(folder / "text.onnx")
    words = {name.removeprefix("decoder."): each for name, each in _weights(folder / "decoder.onnx").items()}
    words |= {name.removeprefix("decoder."): each for name, each in _weights(folder / "memory.onnx").items()}
    answers = _weights(folder / "answerer.onnx")
    heads = _part(vision, "tower.heads.")
    hidden, dim = heads["0.0.weight"].shape[0], heads["0.3.weight"].shape[0]
    settings = replace(recipe.retrieval, heads=_count(heads), hidden=hidden, dim=dim)
    tower = Tower(copy.deepcopy(tools.base.branch), len(config.words), settings)
    # What is the same in both branches is stored once, as the base's.
    alike = {f"branch.{name}": each for name, each in tools.base.branch.state_dict().items()}
    student = _part(text, "student.")
    shape = {
        "cells": words["memory.place"].shape[0],
        "grid_channels": words["memory.cell.weight"].shape[1],
        "classes": words["memory.classes.weight"].shape[1],
        "words": len(config.words),
        "embedding": config.dim,
    }
    decoder = DecoderShape(
        len(config.vocabulary),
        **shape,
        width=words["word.weight"].shape[1],
        heads=config.heads,
        layers=config.layers,
        longest=words["place"].shape[0],
        dropout=recipe.captions.dropout,
    )
    answerer = AnswererShape(
        len(config.answers),
        **shape,
        width=answers["token.weight"].shape[0],
        layers=_count(_part(answers, "glimpses.")),
    )
    side = TextSide(dim)
    try:
        return Trained(
            _filled(tower, alike | _part(vision, "tower.")),
            _filled(side, _part(text, "side.") | {"log_scale": side.log_scale.detach()}),
            config.words,
            _filled(
                Student(student["words.weight"].shape[0], _count(_part(student, "layers."))),
                student,
            ),
            Tokenizer.from_file(str(folder / "pieces.json")),
            _filled(Decoder(decoder), words),
            config.vocabulary,
            _filled(Answerer(answerer), answers),
            config.answers,
            folder,
        )
    except RuntimeError as error:
        raise AskpixError(f"{folder} was not made with the recipe's network: {str(error).splitlines()[0]}") from error


def _weights(path: Path) -> _Weights:
    """The initializers by the names they had in torch, those stored in fewer bits as floats."""
    stored = {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
    found = {}
    for name, values in stored.items():
        if name.endswith(".scale"):
            continue
        scale = stored[name.removesuffix("whole") + "scale"] if name.endswith(".whole") else 1.0
        floats = (values * scale).astype(np.float32)
        found[name.removesuffix(".whole").removesuffix(".half")] = torch.from_numpy(floats)
    return found


def _part(weights: _Weights, prefix: str) -> _Weights:
    return {name.removeprefix(prefix): each for name, each in weights.items() if name.startswith(prefix)}


def _count(weights: _Weights) -> int:
    """How many modules a list has, from names that begin with their numbers."""
    return len({name.split(".")[0] for name in weights})


def _filled(module: M, weights: _Weights) -> M:
    """The module with all its weights loaded."""
    module.load_state_dict({name: weights[name] for name in module.state_dict() if name in weights})
    return module.eval()
