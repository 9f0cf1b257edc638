"""Change a picture by saying so: an instruction becomes a plan, the plan is run, and what came of it is measured.

editor = open_editor()
plan = editor.plan("blur the background")     # operations with numbers: look at them, change them
regions = preview(image, plan, encoder)       # where they will be done
result = edit(image, plan, encoder, editor)   # a new picture, and whether it is what was asked for
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

# What `vlm.protocols` imports lies in this package, so that this module imports no more than that at its top.
from vlm.editing.plan import Operation, check

if TYPE_CHECKING:
    from PIL import Image

    from vlm.editing.regions import Region
    from vlm.editing.verify import Verdict
    from vlm.protocols import Editor, Encoder, Floats
    from vlm.runtime import Runtime

BUILTIN = "builtin"
_ABSENT = 0.1  # the confidence below which a thing counts as not there
_UNSURE = 0.25  # and below which an edit of it is not called verified


@dataclass(frozen=True)
class Result:
    """An edited picture.

    `mask` [h, w], of the size of `image`, is above 0 where something may have changed; None when everything may.
    """

    image: "Image.Image"
    plan: tuple[Operation, ...]
    mask: "Floats | None"
    verdict: "Verdict"
    notes: list[str] = field(default_factory=list)


def open_editor(name: str = BUILTIN, runtime: "Runtime | None" = None) -> "Editor":
    """The editor called builtin, or hf:NAME for one of diffusers; raises AskpixError for any other name."""
    from vlm.editing.builtin import BuiltinEditor
    from vlm.errors import AskpixError
    from vlm.runtime import runtime_of

    kind, _, rest = name.partition(":")
    if name == BUILTIN:
        return BuiltinEditor()
    if kind == "hf" and rest:
        from vlm.editing.diffusion import load_diffusion_editor

        return load_diffusion_editor(rest, runtime or runtime_of())
    raise AskpixError(f'there is no editor called "{name[:80]}": use builtin, hf:NAME or hf:FOLDER')


def preview(image: "Image.Image", plan: Sequence[Operation], encoder: "Encoder") -> dict[str, "Region"]:
    """Where the regions that a plan names are in an RGB picture, by their names, without running it."""
    from vlm.editing.regions import locate

    check(plan)
    return {words: locate(encoder, image, words) for words in dict.fromkeys(one.region for one in plan) if words}


def edit(
    image: "Image.Image",
    asked: str | Sequence[Operation],
    encoder: "Encoder",
    editor: "Editor | None" = None,
) -> Result:
    """Edit an RGB picture by an instruction, or by a plan, and measure what came of it; the picture itself is kept.

    Regions named in words are found by the encoder. Raises AskpixError for what is not understood, for what cannot be
    done to this picture, and for a region that is not in it.
    """
    from vlm.editing.checks import Check, checks
    from vlm.editing.regions import locate
    from vlm.editing.turns import in_turn
    from vlm.editing.verify import Verdict, leak
    from vlm.errors import AskpixError

    editor = editor or open_editor()
    plan = editor.plan(asked) if isinstance(asked, str) else tuple(asked)
    check(plan)
    seen: list[Check] = []
    notes: list[str] = []

    def find(now: "Image.Image", words: str) -> "Floats":
        region = locate(encoder, now, words)
        notes.extend([region.note] if region.note else [])
        sure = region.confidence
        if sure is not None:
            if sure < _ABSENT:
                raise AskpixError(f'no "{words}" was found in the picture: name what is to be seen in it')
            seen.append(Check(words, "confidence that it is in the picture", 0.0, round(sure, 4), sure >= _UNSURE))
        return region.mask

    made = in_turn(
        image,
        plan,
        lambda now, operation, found: editor.edit(now, (operation,), found),
        find,
        lambda operation, before, after: seen.extend(checks(operation, before, after, encoder)),
    )
    leaked = 0.0 if made.mask is None or made.before is None else leak(made.before, made.image, made.mask)
    return Result(made.image, plan, made.mask, Verdict.of(seen, leaked), notes + made.notes)
