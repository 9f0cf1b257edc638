"""Editors that draw: diffusers' pipelines that change a picture as an instruction says.

InstructPix2Pix (Brooks et al., CVPR 2023) and those after it; `vlm.editing.pipelines` lists them.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from vlm.devices import Batches, place
from vlm.editing.instructions import parse
from vlm.editing.pipelines import KINDS, located
from vlm.editing.plan import Operation, check
from vlm.editing.turns import in_turn
from vlm.errors import AskpixError, first_line
from vlm.extras import need
from vlm.parts import Parts
from vlm.protocols import Edited, Find, Floats
from vlm.runtime import Runtime

SEED = 0  # the same instruction on the same picture draws the same


def load_diffusion_editor(rest: str, runtime: Runtime) -> "DiffusionEditor":
    """The editor called hf:`rest`: org/name, org/name@revision, or a folder; its weights are loaded when first used.

    What is not on this machine is fetched. Raises AskpixError when that fails, for a pipeline that does not edit by
    an instruction, for weights that are not safetensors, and for one that brings code of its own.
    """
    need("edit", "diffusers", "torch", "transformers")
    folder, name, kind = located(rest)
    return DiffusionEditor(folder, name, kind, runtime)


@dataclass(frozen=True)
class DiffusionEditor:
    """A pipeline of diffusers, in a folder, that edits; ready to be used from any thread, one picture at a time."""

    folder: Path
    name: str
    kind: str
    runtime: Runtime
    parts: Parts = field(default_factory=Parts, repr=False, compare=False)

    def plan(self, instruction: str) -> tuple[Operation, ...]:
        """One operation, "generate", on the thing that the instruction names, if that is plain, else on the whole.

        Its amount, the number of steps, is left to the pipeline. Raises AskpixError for an empty instruction.
        """
        text = " ".join(instruction.split())
        if not text:
            raise AskpixError('say what to change, such as "make it snow"')
        region, outside = _named(text)
        made = (Operation("generate", region=region, text=text, outside=outside),)
        check(made)
        return made

    def edit(self, image: Image.Image, plan: Sequence[Operation], find: Find) -> Edited:
        """Draw what the plan says into an RGB picture; outside the regions that it names, no pixel changes.

        Raises AskpixError for a plan with other operations than "generate", when memory runs out, and when the
        pipeline's own safety check holds the picture back.
        """
        check(plan)
        if other := next((one.name for one in plan if one.name != "generate"), None):
            raise AskpixError(f'{self.name} can only generate, not "{other}": leave --editor away for that')
        return in_turn(image, plan, self._generate, find)

    def _generate(self, image: Image.Image, operation: Operation, find: Find) -> Edited:
        mask = _where(image, operation, find)
        drawn, note = self._draw(image, operation)
        return Edited(drawn if mask is None else Image.composite(drawn, image, _stencil(mask)), mask, [note])

    def _draw(self, image: Image.Image, operation: Operation) -> tuple[Image.Image, str]:
        """The whole picture drawn anew in its own size, and how that was done, in a sentence."""
        # With batches of one, what there is for running out of memory serves here too.
        (made,) = Batches("cpu", 1).map(lambda one: self._run(one[0], operation), [image])
        drawn, steps = made
        note = f"drawn by {self.name} in {steps} steps from seed {SEED}"
        if drawn.size != image.size:
            note += f", at {drawn.width} x {drawn.height} pixels, then brought to {image.width} x {image.height}"
        return drawn.resize(image.size, Image.Resampling.LANCZOS), note

    def _run(self, image: Image.Image, operation: Operation) -> tuple[Image.Image, int]:
        import torch

        with self.parts.lock:  # a pipeline keeps its schedule in itself
            pipeline = self.parts.get("pipeline", self._load)
            usual = inspect.signature(pipeline.__call__).parameters["num_inference_steps"].default
            steps = usual if operation.amount is None else round(operation.amount)
            kind = KINDS[self.kind]
            given = image if kind.fits else image.resize(_size(image, pipeline), Image.Resampling.LANCZOS)
            size = {"width": given.width, "height": given.height} if kind.sized else {}
            made = pipeline(
                image=given,
                prompt=operation.text,
                num_inference_steps=steps,
                generator=torch.Generator("cpu").manual_seed(SEED),  # one sequence on every device
                **size,
                **kind.more,
            )
        if any(getattr(made, "nsfw_content_detected", None) or []):
            raise AskpixError(f"the safety check of {self.name} held back what it drew: say it in other words")
        return made.images[0], steps

    def _load(self) -> Any:
        import diffusers
        import torch

        on = place(self.runtime)
        try:
            pipeline = getattr(diffusers, self.kind).from_pretrained(
                self.folder, dtype=on.dtype, use_safetensors=True, local_files_only=True
            )
            pipeline.to(on.device)
        except (MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # each part fails with exceptions of its own
            raise AskpixError(
                f"the editor in {self.folder} cannot be loaded ({first_line(error)}): are its parts whole, and its own?"
            ) from error
        pipeline.set_progress_bar_config(desc="drawing", unit="step", dynamic_ncols=True)
        return pipeline


def _named(instruction: str) -> tuple[str | None, bool]:
    """The region that an instruction names, as the built-in editor reads it, and whether all but that is meant."""
    try:
        places = {(operation.region, operation.outside) for operation in parse(instruction)}
    except AskpixError:  # what only a generative editor can do it does not read
        return None, False
    return places.pop() if len(places) == 1 else (None, False)


def _where(image: Image.Image, operation: Operation, find: Find) -> Floats | None:
    """Where an operation may change the picture, [h, w]; None for everywhere."""
    if operation.region is None:
        return None
    found = find(image, operation.region)
    return 1 - found if operation.outside else found


def _stencil(mask: Floats) -> Image.Image:
    return Image.fromarray(np.rint(mask * 255).astype(np.uint8))


def _size(image: Image.Image, pipeline: Any) -> tuple[int, int]:
    """Width and height to draw at: the long side as the network was trained, both whole numbers of its patches."""
    step = pipeline.image_processor.config.vae_scale_factor
    trained = pipeline.unet.config.sample_size if hasattr(pipeline, "unet") else pipeline.default_sample_size
    scale = trained * pipeline.vae_scale_factor / max(image.size)
    width, height = (max(step, round(side * scale / step) * step) for side in image.size)
    return width, height
