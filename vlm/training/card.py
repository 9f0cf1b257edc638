"""The model card: what a folder of weights is, made of what was measured."""

import shlex
from pathlib import Path

from vlm.training.evaluate import Recall
from vlm.training.publish import Measured
from vlm.training.recipe import BUILTIN, FINETUNE, Recipe
from vlm.training.report import reliability_table

CARD = """# {name}

A small vision-language model: it puts pictures and texts in English, Chinese, German, French and Czech
into one space, writes captions in English and Chinese and tags, and answers short questions. It runs in
ONNX Runtime without torch.

{before}
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
| Chinese text to image, recall@1/5/10 | people's own captions of the same | {chinese} |
| captions, CIDEr / BLEU-4 | {captioned} pictures | {cider:.1f} / {bleu:.1f} |
| captions in Chinese, CIDEr / BLEU-4 over characters | the same | {chinese_captions} |
| answers, exact | {questions} questions | {exact} |

## Reliability of confidence
Of hits with a confidence in each tenth, how many were right by people's captions (fitted on one half of
the dev pictures, measured on the other).

{reliability}

Of queries that a picture matches, {kept:.0f} % keep a hit above the cutoff; of those that none matches by
its own captions, {false_alarms:.0f} % show one.

## Fairness
Dev pictures by what people's captions say of those shown (two captions or more, none against it):

| pictures of | how many | recall@10 of their captions | CIDEr of ours |
| --- | --- | --- | --- |
{groups}

What our captions say wrongly, in percent of those pictures: as the decoder writes it, and as it is worded
in the end, since words for a gender give way to neutral ones where the picture does not show it clearly
(that costs {cider_cost:.1f} points of CIDEr). Words for origin, body and worth are never written.

| what | pictures | as written | as worded |
| --- | --- | --- | --- |
{wrong}

## Data and licences
| what | used for | licence |
| --- | --- | --- |
| Flickr8k (Hodosh, Young and Hockenmaier, JAIR 2013) | retrieval, captions, made questions | research and education, non-commercial |
| Flickr8k-CN (Li, Lan, Dong and Liu, ICMR 2016) | Chinese texts and captions | research |
| Multi30K (Elliott et al., 2016) | German, French and Czech texts | research |
| Flickr30k captions | English of captions, without pictures | research and education, non-commercial |
| COCO captions of val2017 | the same | CC BY 4.0 |
| DAQUAR (Malinowski and Fritz, NIPS 2014) | answers | research and education, non-commercial |
| EfficientNet-Lite, trained on ImageNet | base of the vision network | Apache-2.0 |
| all-MiniLM-L6-v2 | the text network | Apache-2.0 |
| class names of open_clip (MIT), timm (Apache-2.0), WordNet 3.0 | names of classes | as named |

The weights learnt from data for research and non-commercial use, and may be used for no more than that.

## How it works
A frozen EfficientNet-Lite trunk feeds two branches: the original one, whose ImageNet classes become a
mean of class names' sentence embeddings (ConSE), and one tuned on captions. Both halves lie side by side
in the embedding. English is read by MiniLM, other languages by a small student of it that says how English
a text is. A Transformer decoder, taught words by captions without pictures and in the end by how far its
captions agree with people's, writes over both branches' grids; an answerer lets the question's tokens
attend over them and picks one of the answers it knows.

## Limits
- It learnt everyday photographs of people and dogs outdoors, and rooms: of other things it knows what
  ImageNet has a class for. It reads no text, recognises nobody, and counts badly beyond two.
- It states a gender where the picture seems clear, and is still wrong about some, women more often than men.
- Answers are among {answers} known ones, and it cannot say that it does not know: heed the confidence.
- It reads English best, then Chinese, German, French and Czech, in which it learnt captions only; questions
  in other languages than English are answered worse. Pictures are squashed to {size} x {size}: small things are lost.

## Made by
    {command}
"""


BEFORE = """It goes on from the model {start} with captions of {pictures:,} other pictures: a mean of the weights before
and after. What is said below of data holds for the model before; scores are of the new pictures kept apart.
"""


def write(out: Path, recipe_path: Path, recipe: Recipe, measured: Measured, learnt: int) -> None:
    """Write README.md into the folder `out`; the model learnt from captions of so many pictures."""
    from vlm.folder import read_config

    fair = measured.fairness
    shipped = recipe_path.resolve() in (BUILTIN.resolve(), FINETUNE.resolve())
    sources = ["--captions", "CSV", "--images", "FOLDER"] if recipe.start else ["--data", "DATA"]
    parts = [f"| {name} | {(out / name).stat().st_size / 1e6:.1f} | {what} |" for name, what in PARTS.items()]
    text = CARD.format(
        name=recipe.name,
        before=BEFORE.format(start=recipe.start, pictures=learnt) if recipe.start else "",
        parts="\n".join(parts),
        bits=recipe.export.bits,
        texts=len(measured.retrieval.text_to_image.ranks),
        images=len(measured.retrieval.image_to_text.ranks),
        text_to_image=_three(measured.retrieval.text_to_image),
        image_to_text=_three(measured.retrieval.image_to_text),
        captioned=len(measured.captions.ciders),
        cider=measured.captions.cider,
        bleu=measured.captions.bleu_4,
        questions=len(measured.answers),
        exact=f"{100 * measured.answers.mean():.1f} %" if len(measured.answers) else "not measured",
        chinese=_three(measured.chinese) if measured.chinese else "not measured",
        chinese_captions=f"{zh.cider:.1f} / {zh.bleu_4:.1f}" if (zh := measured.chinese_captions) else "not measured",
        reliability=reliability_table(measured.reliability.hits),
        groups="\n".join(f"| {g.name} | {g.pictures} | {g.recall_at_10:.1f} | {g.cider:.1f} |" for g in fair.groups),
        wrong="\n".join(f"| {w.what} | {w.pictures} | {w.written:.1f} | {w.worded:.1f} |" for w in fair.wrong),
        cider_cost=fair.cider_written - fair.cider_worded,
        kept=measured.reliability.kept,
        false_alarms=measured.reliability.false_alarms,
        answers=len(read_config(out).answers),
        size=recipe.vision.size,
        command=shlex.join(["askpix", "train", *([] if shipped else [recipe_path.name]), *sources, "--out", "MODEL"]),
    )
    (out / "README.md").write_text(text, encoding="utf-8")


PARTS = {
    "vision.onnx": "pixels to embedding, grid, classes, words",
    "text.onnx": "tokens to embedding, and what the answerer reads",
    "tokenizer.json": "English text to tokens",
    "pieces.json": "text in any of the languages to tokens",
    "background.npy": "embeddings of pictures of anything, that scores are compared with",
    "memory.onnx": "what was seen to the caption decoder's keys and values",
    "decoder.onnx": "one word of a caption further",
    "answerer.onnx": "what was seen and a question to answers",
    "config.json": "sizes, calibration, vocabulary and names",
}


def _three(recall: Recall) -> str:
    return f"{recall.at(1):.1f} / {recall.at(5):.1f} / {recall.at(10):.1f} (median rank {recall.median:.0f})"
