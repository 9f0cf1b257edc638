"""Models of transformers that write text after a prompt with a picture: chat models, BLIP-2 and Florence-2."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from vlm.errors import AskpixError
from vlm.hf.writing import ANSWER_TOKENS, CAPTION_TOKENS, Writer, Written, write
from vlm.prompting import answer_prompt, caption_prompt, captioned, english_only, read_answer, read_description
from vlm.protocols import Answer, Description, Seen, Task

LEAST_SIDE = 448  # pixels; most of these models see details of larger pictures than their tower's


class Chat(Writer):
    """A chat model that takes pictures: Qwen-VL, SmolVLM, LLaVA and the like."""

    FIRST = 8  # what is kept of a long prompt takes memory

    @property
    def tasks(self) -> frozenset[Task]:
        """It writes and answers."""
        return frozenset({"caption", "answer"})

    @property
    def image_size(self) -> int:
        """The least side in pixels that pictures should have."""
        side = getattr(getattr(self.checkpoint.config, "vision_config", None), "image_size", 0)
        return max(LEAST_SIDE, side if isinstance(side, int) else 0)

    def describe(self, seen: Seen, language: str = "en") -> list[Description]:
        """A caption and tags for each picture."""
        prompt = caption_prompt(self.checkpoint.runtime, language)
        written = self._ask_all(seen, [prompt] * len(seen.state[0]), CAPTION_TOKENS)
        return [read_description(one.text, one.confidence) for one in written]

    def answer(self, seen: Seen, questions: Sequence[str]) -> list[Answer]:
        """Answer questions[i] about the i-th picture."""
        prompts = [answer_prompt(self.checkpoint.runtime, question) for question in questions]
        return [read_answer(one.text, one.confidence) for one in self._ask_all(seen, prompts, ANSWER_TOKENS)]

    def _ask_all(self, seen: Seen, prompts: Sequence[str], longest: int) -> list[Written]:
        def ask(asked: Sequence[tuple[Image.Image, str]]) -> list[Written]:
            images, texts = (list(part) for part in zip(*asked, strict=True))
            network = self.checkpoint.network("AutoModelForImageTextToText")
            with self.checkpoint.parts.lock:
                inputs = self._inputs(images, texts)
            return write(network, self._processor.tokenizer, self.placed(inputs), longest)

        asked = list(zip(seen.state[0], prompts, strict=True))
        return [one for part in self.batches.map(ask, asked) for one in part]

    def _inputs(self, images: list[Image.Image], prompts: list[str]) -> Mapping[str, Tensor]:
        """Tensors of n conversations, each a picture and what is asked about it."""
        if not getattr(self._processor, "chat_template", None):
            raise AskpixError(f"{self.name} has no chat template, so it follows no instructions: take another")
        said = [
            self._processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}],
                add_generation_prompt=True,
                tokenize=False,
            )
            for prompt in prompts
        ]
        found: Mapping[str, Tensor] = self._processor(
            images=[[image] for image in images],
            text=said,
            padding=True,
            return_tensors="pt",
            add_special_tokens=False,  # the template has written them
        )
        return found

    @property
    def _processor(self) -> Any:
        return self.checkpoint.parts.get("padding left", self._padding_left)

    def _padding_left(self) -> Any:
        """The processor, made to pad at the left, so that every prompt ends where writing begins."""
        processor = self.checkpoint.processor
        processor.tokenizer.padding_side = "left"
        if processor.tokenizer.pad_token is None:
            processor.tokenizer.pad_token = processor.tokenizer.eos_token
        return processor


class Blip2(Chat):
    """BLIP-2 (Li et al., ICML 2023): captions without a prompt, answers after "Question: … Answer:"."""

    CAPTION = ""

    def describe(self, seen: Seen, language: str = "en") -> list[Description]:
        """A caption for each picture, in English, without tags."""
        english_only(self.name, language)
        written = self._ask_all(seen, [self.CAPTION] * len(seen.state[0]), CAPTION_TOKENS)
        return [captioned(one.text, one.confidence) for one in written]

    def answer(self, seen: Seen, questions: Sequence[str]) -> list[Answer]:
        """Answer questions[i] about the i-th picture."""
        prompts = [f"Question: {question} Answer:" for question in questions]
        return [Answer(one.text, one.confidence) for one in self._ask_all(seen, prompts, ANSWER_TOKENS)]

    def _inputs(self, images: list[Image.Image], prompts: list[str]) -> Mapping[str, Tensor]:
        found: Mapping[str, Tensor] = self._processor(images=images, text=prompts, padding=True, return_tensors="pt")
        return found


class Florence(Blip2):
    """Florence-2 (Xiao et al., CVPR 2024), which knows tasks by their names and was taught no free questions."""

    CAPTION = "<DETAILED_CAPTION>"

    @property
    def tasks(self) -> frozenset[Task]:
        """It writes."""
        return frozenset({"caption"})
