"""BLIP of transformers: one checkpoint writes captions, another answers questions (Li et al., ICML 2022)."""

from collections import defaultdict
from collections.abc import Sequence

from PIL import Image

from vlm.hf.writing import ANSWER_TOKENS, CAPTION_TOKENS, Writer, Written, write
from vlm.prompting import captioned, english_only
from vlm.protocols import Answer, Description, Seen, Task


class Blip(Writer):
    """A BLIP that writes captions, in English."""

    @property
    def tasks(self) -> frozenset[Task]:
        """It writes."""
        return frozenset({"caption"})

    def describe(self, seen: Seen, language: str = "en") -> list[Description]:
        """A caption for each picture, without tags."""
        english_only(self.name, language)

        def caption(images: Sequence[Image.Image]) -> list[Written]:
            network = self.checkpoint.network("BlipForConditionalGeneration")
            inputs = self.checkpoint.processor(images=list(images), return_tensors="pt")
            return write(network, self.checkpoint.processor.tokenizer, self.placed(inputs), CAPTION_TOKENS)

        written = [one for part in self.batches.map(caption, list(seen.state[0])) for one in part]
        return [captioned(one.text, one.confidence) for one in written]


class BlipAnswers(Writer):
    """A BLIP that answers questions."""

    @property
    def tasks(self) -> frozenset[Task]:
        """It answers."""
        return frozenset({"answer"})

    def answer(self, seen: Seen, questions: Sequence[str]) -> list[Answer]:
        """Answer questions[i] about the i-th picture."""
        tokenizer = self.checkpoint.processor.tokenizer
        # Its decoder looks at all of a question's padding too: only questions of one length go together.
        alike: dict[int, list[int]] = defaultdict(list)
        for i, question in enumerate(questions):
            alike[len(tokenizer(question)["input_ids"])].append(i)

        def reply(rows: Sequence[int]) -> list[Written]:
            network = self.checkpoint.network("BlipForQuestionAnswering")
            images, texts = [seen.state[0][i] for i in rows], [questions[i] for i in rows]
            inputs = self.checkpoint.processor(images=images, text=texts, return_tensors="pt")
            return write(network, tokenizer, self.placed(inputs), ANSWER_TOKENS)

        answers: dict[int, Answer] = {}
        for rows in alike.values():
            found = [one for part in self.batches.map(reply, rows) for one in part]
            answers |= {i: Answer(one.text, one.confidence) for i, one in zip(rows, found, strict=True)}
        return [answers[i] for i in range(len(questions))]
