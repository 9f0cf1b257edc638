"""The model card: what a folder of weights is, made of what was measured."""

import shlex
from pathlib import Path

from vlm.training.evaluate import Recall
from vlm.training.publish import Measured
from vlm.training.recipe import BUILTIN, Recipe

CARD = """# {name}

A small vision-language model: it puts pictures and English texts into one space, writes captions and
tags, and answers short questions. It runs in ONNX Runtime without torch.

## Parts
| file | MB | what it does |
| --- | --- | --- |
{parts}

Weights are stored in {bits} bits and unfolded to 32-bit floats when they are loaded.

## Scores
Measured on the dev splits, which were used to choose and to calibrate but not to train, with the files
of this folder.

| what | on | score |
| --- | --- | --- |
| text to image, recall@1/5/10 | {texts} captions, {images} pictures | {text_to_image} |
| image to text, recall@1/5/10 | the same | {image_to_text} |
| captions, CIDEr / BLEU-4 | {captioned} pictures | {cider:.1f} / {bleu:.1f} |
| answers, exact | {questions} questions | {exact:.1f} % |
| confidence, expected calibration error | one picture in {prior} taken to match | {error:.4f} |

## Data and licences
| what | used for | licence |
| --- | --- | --- |
| Flickr8k (Hodosh, Young and Hockenmaier, JAIR 2013) | retrieval, captions, made questions | research and education, non-commercial |
| DAQUAR (Malinowski and Fritz, NIPS 2014) | answers | research and education, non-commercial |
| EfficientNet-Lite, trained on ImageNet | base of the vision network | Apache-2.0 |
| all-MiniLM-L6-v2 | the text network | Apache-2.0 |
| class names of open_clip (MIT), timm (Apache-2.0), WordNet 3.0 | names of classes | as named |

The weights learnt from data for research and non-commercial use, and may be used for no more than that.

## How it works
A frozen EfficientNet-Lite trunk feeds two branches: the original one, whose ImageNet classes become a
mean of class names' sentence embeddings (ConSE), and one tuned on captions. Both halves lie side by side
in the embedding. A Transformer decoder writes captions over the tuned branch's grid; an answerer lets the
question's tokens attend over it and picks one of the answers it knows.

## Limits
- It learnt everyday photographs of people and dogs outdoors, and rooms: of other things it knows what
  ImageNet has a class for. It reads no text, recognises nobody, and counts badly beyond two.
- It often states a gender, since the people who wrote its captions did; it is often wrong about it.
- Answers are among {answers} known ones, and it cannot say that it does not know: heed the confidence.
- English only. Pictures are squashed to {size} x {size}: small things are lost.

## Made by
    {command}
"""


def write(out: Path, recipe_path: Path, recipe: Recipe, measured: Measured) -> None:
    """Write README.md into the folder `out`."""
    from vlm.folder import read_config

    named = [] if recipe_path.resolve() == BUILTIN.resolve() else [recipe_path.name]
    parts = [f"| {name} | {(out / name).stat().st_size / 1e6:.1f} | {what} |" for name, what in PARTS.items()]
    text = CARD.format(
        name=recipe.name,
        parts="\n".join(parts),
        bits=recipe.export.bits,
        texts=measured.retrieval.text_to_image.queries,
        images=measured.retrieval.image_to_text.queries,
        text_to_image=_three(measured.retrieval.text_to_image),
        image_to_text=_three(measured.retrieval.image_to_text),
        captioned=measured.captions.images,
        cider=measured.captions.cider,
        bleu=measured.captions.bleu_4,
        questions=measured.answers.questions,
        exact=measured.answers.exact,
        prior=recipe.export.prior,
        error=measured.calibration_error,
        answers=len(read_config(out).answers),
        size=recipe.vision.size,
        command=shlex.join(["askpix", "train", "--data", "DATA", "--out", "FOLDER", *named]),
    )
    (out / "README.md").write_text(text, encoding="utf-8")


PARTS = {
    "vision.onnx": "pixels to embedding, grid, classes, words",
    "text.onnx": "tokens to embedding, and what the answerer reads",
    "tokenizer.json": "text to tokens",
    "memory.onnx": "what was seen to the caption decoder's keys and values",
    "decoder.onnx": "one word of a caption further",
    "answerer.onnx": "what was seen and a question to answers",
    "config.json": "sizes, calibration, vocabulary and names",
}


def _three(recall: Recall) -> str:
    return f"{recall.at_1:.1f} / {recall.at_5:.1f} / {recall.at_10:.1f} (median rank {recall.median_rank:.0f})"
