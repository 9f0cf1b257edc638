"""What each operation does to the pixels of real photographs, and that nothing outside its mask changes."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm.editing import measures
from vlm.editing.builtin import BuiltinEditor
from vlm.editing.geometry import tilt
from vlm.editing.layers import Pixels
from vlm.editing.plan import OPERATIONS, Operation
from vlm.editing.verify import leak
from vlm.errors import AskpixError
from vlm.picture import open_picture
from vlm.protocols import Edited, Floats

LOCAL = [name for name, kind in OPERATIONS.items() if kind.region != "no" and name not in ("crop", "generate")]
editor = BuiltinEditor()


def _named(value: object) -> str:
    """A case's name, the same in every process."""
    return str(getattr(value, "__name__", value))


@pytest.fixture(scope="module")
def photo(photos: Path) -> Image.Image:
    return open_picture(photos / "places" / "castle_on_hill.jpg", 300).image


def soft_disc(image: Image.Image, _words: str = "", centre: float = 0.5, radius: float = 0.2) -> Floats:
    """A round place with a soft edge."""
    across = np.linspace(0, 1, image.width, dtype=np.float32)
    down = np.linspace(0, 1, image.height, dtype=np.float32)
    away = np.hypot(across[None] - centre, down[:, None] - 0.5)
    return np.clip((radius - away) / 0.04, 0, 1)


def nothing(image: Image.Image, _words: str) -> Floats:
    return np.zeros((image.height, image.width), np.float32)


def run(image: Image.Image, *plan: Operation) -> Edited:
    return editor.edit(image, plan, soft_disc)


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image)


@pytest.mark.parametrize(
    ("operation", "measure", "grows"),
    [
        (Operation("brightness", 40), measures.light, True),
        (Operation("brightness", -40), measures.light, False),
        (Operation("contrast", 40), measures.contrast, True),
        (Operation("contrast", -40), measures.contrast, False),
        (Operation("saturation", 40), measures.chroma, True),
        (Operation("saturation", -40), measures.chroma, False),
        (Operation("warmth", 40), measures.warmth, True),
        (Operation("warmth", -40), measures.warmth, False),
        (Operation("grayscale"), measures.chroma, False),
        (Operation("blur", 30), measures.detail, False),
        (Operation("sharpen", 50), measures.detail, True),
        (Operation("pixelate", 40), measures.evenness, True),
        (Operation("vignette", 60), measures.falloff, False),
    ],
    ids=_named,
)
def test_what_is_asked_for_grows_or_shrinks(
    photo: Image.Image, operation: Operation, measure: Callable[[Pixels], float], grows: bool
) -> None:
    before, made = pixels(photo), run(photo, operation)
    after = pixels(made.image)
    assert made.mask is None
    assert after.shape == before.shape
    assert (measure(after) > 1.05 * measure(before)) if grows else (measure(after) < 0.95 * measure(before))


@pytest.mark.parametrize("name", LOCAL)
def test_outside_the_region_not_one_value_changes(photo: Image.Image, name: str) -> None:
    made = run(photo, Operation(name, region="there", text="red" if name == "colour" else None))
    assert made.mask is not None
    outside = made.mask == 0
    assert 0.5 < outside.mean() < 0.95
    assert (pixels(made.image)[outside] == pixels(photo)[outside]).all()
    assert (pixels(made.image)[~outside] != pixels(photo)[~outside]).any(1).mean() > 0.5
    assert leak(photo, made.image, made.mask) == 0


@pytest.mark.parametrize("name", ["brightness", "blur"])
def test_everything_but_the_region(photo: Image.Image, name: str) -> None:
    made = run(photo, Operation(name, region="there", outside=True))
    held = soft_disc(photo) == 1
    assert (pixels(made.image)[held] == pixels(photo)[held]).all()
    assert (pixels(made.image)[soft_disc(photo) == 0] != pixels(photo)[soft_disc(photo) == 0]).any(1).mean() > 0.5


def test_brightening_cuts_no_highlights_off_and_keeps_black_and_white() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    bright = pixels(run(Image.fromarray(ramp), Operation("brightness", 60)).image)[0, :, 0].astype(int)
    assert bright[0] == 0
    assert bright[255] == 255
    assert (np.diff(bright) >= 0).all()
    assert (bright[:240] < 255).all()


def test_a_sharp_subject_leaves_no_halo_in_a_blurred_background() -> None:
    scene = np.full((200, 200, 3), 40, np.uint8)
    scene[70:130, 70:130] = 250
    around = np.ones((200, 200), np.float32)
    around[68:132, 68:132] = 0
    made = editor.edit(Image.fromarray(scene), [Operation("blur", 100, "background")], lambda *_: around)
    assert pixels(made.image)[around == 1].max() <= 42


def test_sepia_is_brown_and_grayscale_is_grey(photo: Image.Image) -> None:
    assert 50 < measures.hue(pixels(run(photo, Operation("sepia")).image)) < 100
    grey = pixels(run(photo, Operation("grayscale")).image)
    assert np.ptp(grey, axis=2).max() == 0


@pytest.mark.parametrize(("name", "channel"), [("red", 0), ("green", 1), ("blue", 2)])
def test_a_colour_is_the_colour_and_keeps_light_and_shade(photo: Image.Image, name: str, channel: int) -> None:
    made = pixels(run(photo, Operation("colour", region="there", text=name)).image)
    inside = soft_disc(photo) == 1
    assert made[inside].mean(0).argmax() == channel
    before, after = (one[inside].mean(1) for one in (pixels(photo).astype(float), made.astype(float)))
    assert np.corrcoef(before, after)[0, 1] > 0.8


def test_a_colour_of_no_name_is_refused(photo: Image.Image) -> None:
    with pytest.raises(AskpixError, match="is no colour that is known"):
        run(photo, Operation("colour", region="there", text="grellbunt"))


def test_a_small_thing_is_removed_from_a_plain_place(photos: Path) -> None:
    sky = open_picture(photos / "things" / "kite.jpg", 300).image
    scene = sky.copy()
    scene.paste((255, 0, 0), (100, 200, 130, 230))
    hole = np.zeros((sky.height, sky.width), np.float32)
    hole[200:230, 100:130] = 1
    made = editor.edit(scene, [Operation("remove", region="the red square")], lambda *_: hole)
    assert np.abs(pixels(made.image).astype(int) - pixels(sky))[195:235, 95:135].max() < 40
    assert made.mask is not None
    assert leak(scene, made.image, made.mask) == 0


def test_a_large_thing_needs_a_generative_editor(photo: Image.Image) -> None:
    large = partial(soft_disc, radius=0.4)
    with pytest.raises(AskpixError, match="this needs a generative editor"):
        editor.edit(photo, [Operation("remove", region="the castle")], large)
    with pytest.raises(AskpixError, match="this needs a generative editor"):
        editor.edit(photo, [Operation("generate", text="make it snow")], large)


def test_a_region_that_is_nowhere_is_refused(photo: Image.Image) -> None:
    with pytest.raises(AskpixError, match='there is nothing of "the cat"'):
        editor.edit(photo, [Operation("blur", region="the cat")], nothing)


@pytest.mark.parametrize(("degrees", "turns"), [(90, 3), (180, 2), (270, 1), (-90, 1), (360, 0)])
def test_quarter_turns_keep_every_pixel(photo: Image.Image, degrees: float, turns: int) -> None:
    made = run(photo, Operation("rotate", degrees))
    assert (pixels(made.image) == np.rot90(pixels(photo), turns)).all()


def test_other_turns_leave_no_empty_corners(photo: Image.Image) -> None:
    white = Image.new("RGB", photo.size, "white")
    made = run(white, Operation("rotate", 17))
    assert pixels(made.image).min() == 255
    assert made.image.width < photo.width
    turned = measures.turned(pixels(photo), pixels(run(photo, Operation("rotate", 17)).image))
    assert turned == pytest.approx(17, abs=0.3)


def test_mirrors(photo: Image.Image) -> None:
    assert (pixels(run(photo, Operation("mirror")).image) == pixels(photo)[:, ::-1]).all()
    assert (pixels(run(photo, Operation("mirror", text="vertical")).image) == pixels(photo)[::-1]).all()


def test_a_tilted_picture_is_straightened(photos: Path) -> None:
    level = open_picture(photos / "landscapes" / "lake_at_dusk.jpg", 400).image
    tilted = run(level, Operation("rotate", 4)).image
    made = run(tilted, Operation("straighten"))
    found = tilt(pixels(tilted))
    assert found is not None
    assert found == pytest.approx(-4, abs=0.5)
    assert any("counter-clockwise" in note for note in made.notes)
    assert abs(tilt(pixels(made.image)) or 0) < 0.5


def test_a_picture_without_lines_is_not_straightened_by_guess(photos: Path) -> None:
    fur = open_picture(photos / "animals" / "koala.jpg", 300).image
    with pytest.raises(AskpixError, match="say by how many degrees"):
        run(fur, Operation("straighten"))
    assert run(fur, Operation("straighten", 3)).image.width < fur.width


@pytest.mark.parametrize(
    ("operation", "size"),
    [
        (Operation("resize", 50), (240, 160)),
        (Operation("resize", text="120"), (120, 80)),
        (Operation("resize", text="100x100"), (100, 100)),
        (Operation("resize", 200), (960, 640)),
    ],
    ids=_named,
)
def test_sizes(photo: Image.Image, operation: Operation, size: tuple[int, int]) -> None:
    made = run(photo.resize((480, 320)), operation)
    assert made.image.size == size
    assert bool(made.notes) == (size == (100, 100))


def test_a_size_beyond_all_limits_is_refused(photo: Image.Image) -> None:
    with pytest.raises(AskpixError, match="ask for a smaller size"):
        run(photo, Operation("resize", text="30000x30000"))


def test_crops(photo: Image.Image) -> None:
    at_left = partial(soft_disc, centre=0.2, radius=0.15)
    thing = editor.edit(photo, [Operation("crop", region="the tower")], at_left)
    assert thing.image.width < 0.5 * photo.width
    square = editor.edit(photo, [Operation("crop", text="1:1")], at_left)
    assert square.image.width == square.image.height == photo.height
    for made in (thing, square):
        assert made.carry is not None
        assert made.carry(at_left(photo)).sum() == pytest.approx(at_left(photo).sum(), rel=0.01)


@pytest.mark.parametrize("text", ["Hello", "Děti & Straße – œuvre", "A long text " * 8])
def test_a_caption_is_written_and_changes_nothing_else(photo: Image.Image, text: str) -> None:
    made = run(photo, Operation("caption", text=text))
    assert made.mask is not None
    written = made.mask > 0
    assert 0.001 < written.mean() < 0.4
    assert written[: photo.height // 2].mean() < 0.001
    assert leak(photo, made.image, made.mask) == 0
    assert pixels(made.image)[written].max() > 250
    assert pixels(made.image)[written].min() < 5


def test_captions_that_cannot_be_read_are_refused(photo: Image.Image) -> None:
    with pytest.raises(AskpixError, match="too long to be read"):
        run(photo, Operation("caption", text="x" * 500))
    with pytest.raises(AskpixError, match="no font on this machine has all letters"):
        run(photo, Operation("caption", text="\U0001f6f8\U0001faa8"))


def test_regions_follow_the_picture_when_it_is_turned_and_resized(photo: Image.Image) -> None:
    plan = (
        Operation("rotate", 90),
        Operation("brightness", 50, "there"),
        Operation("resize", 50),
        Operation("mirror"),
        Operation("grayscale", region="there"),
    )
    at_left = partial(soft_disc, centre=0.25)
    made = editor.edit(photo, plan, at_left)
    assert made.before is not None
    assert made.mask is not None
    assert made.image.size == made.before.size == (round(photo.height / 2), round(photo.width / 2))
    assert made.mask.shape == (made.image.height, made.image.width)
    # What was at the left is at the top.
    assert made.mask[: len(made.mask) // 2].mean() > 4 * made.mask[len(made.mask) // 2 :].mean()
    assert leak(made.before, made.image, made.mask) == 0
    assert measures.chroma(pixels(made.image), made.mask) < 0.5 * measures.chroma(pixels(made.before), made.mask)


def test_the_picture_given_is_kept(photo: Image.Image) -> None:
    before = photo.tobytes()
    run(photo, Operation("brightness", 50), Operation("blur", 50, "there"), Operation("caption", text="hello"))
    assert photo.tobytes() == before


def test_a_picture_of_one_pixel_can_be_edited() -> None:
    dot = Image.new("RGB", (1, 1), (200, 100, 50))
    for name in ("brightness", "blur", "pixelate", "sharpen", "sepia", "vignette", "contrast"):
        assert run(dot, Operation(name)).image.size == (1, 1)
