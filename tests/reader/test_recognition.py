"""Animals and things: named first and with a hedge, or not at all."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from augenblick.pictures.samples import SAMPLES
from augenblick.reader.torch_file import read_tensors

from .conftest import Running, encoded, question, recognised, said, user, written

_PHOTOS = Path(__file__).with_name("photos")
_HEDGES = ("Wahrscheinlich", "Probably")


def _ask(reader: Running, text: str, *pictures: bytes) -> str:
    return said(reader.post(question(text, *pictures), language="de"))


def _photo(name: str) -> bytes:
    return (_PHOTOS / f"{name}.jpg").read_bytes()


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("Was ist das?", "cat", "Wahrscheinlich eine Katze."),
        ("Welches Tier ist das?", "cat", "Wahrscheinlich eine Katze."),
        ("Welche Rasse hat sie?", "cat", "Wahrscheinlich eine Katze."),
        ("What is in the picture?", "cat", "Probably a cat."),
        ("", "coffee", "Wahrscheinlich eine Tasse Kaffee."),
        ("Describe the picture", "coffee", "Probably a cup of coffee."),
    ],
)
def test_a_thing_is_named(reader: Running, text: str, name: str, expected: str) -> None:
    """The answer is one sentence, then half a one about what it can't do."""
    first, *rest = _ask(reader, text, _photo(name)).split("\n\n")

    assert first == expected
    assert len(rest) == 1
    assert rest[0].startswith(("Ich erkenne nur", "I only recognise"))


def test_text_follows_the_thing(reader: Running) -> None:
    """What stands in the picture is read as ever."""
    with Image.open(_PHOTOS / "cat.jpg") as cat:
        picture = cat.resize((cat.width * 3, cat.height * 3))
    strip = written("Mimi, drei Jahre alt", size=(picture.width, 120))
    whole = Image.new("RGB", (picture.width, picture.height + strip.height))
    whole.paste(picture, (0, 0))
    whole.paste(strip, (0, picture.height))
    answer = _ask(reader, "Was ist das?", encoded(whole, "JPEG"))

    assert answer.startswith("Wahrscheinlich eine Katze.\n\n````text\n")
    assert recognised(answer) == ["Mimi, drei Jahre alt"]


def test_every_picture_has_its_own(reader: Running) -> None:
    """Several pictures are named one by one, and again in a later question."""
    message = user("Was ist auf den Bildern?", _photo("cat"), _photo("coffee"))
    body = question("") | {"messages": [message]}
    answer = said(reader.post(body))

    assert "**Bild 1 von 2**\n\nWahrscheinlich eine Katze.\n\n**Bild 2 von 2**" in answer
    assert said(reader.post(body)) == answer


@pytest.mark.parametrize("text", ["Wie viele sind das?", "Wer ist das?", "Welche Farben hat das?"])
def test_no_thing_answers_another_question(reader: Running, text: str) -> None:
    """Asked how many, who or which colours, it names nothing."""
    assert not any(hedge in _ask(reader, text, _photo("cat")) for hedge in _HEDGES)


def _drawing() -> Image.Image:
    image = Image.new("RGB", (640, 480), "white")
    draw = ImageDraw.Draw(image)
    draw.polygon([(200, 220), (320, 120), (440, 220)], outline="black", width=3)
    draw.rectangle((220, 220, 420, 380), outline="black", width=3)
    draw.ellipse((500, 30, 580, 110), outline="orange", width=3)
    return image


def _stripes() -> Image.Image:
    image = Image.new("RGB", (500, 400), "navy")
    for left in range(0, 500, 40):
        ImageDraw.Draw(image).rectangle((left, 0, left + 20, 400), "beige")
    return image


@pytest.mark.parametrize(
    "picture",
    [
        *[pytest.param(each.path.read_bytes(), id=each.name) for each in SAMPLES],
        pytest.param(encoded(_drawing()), id="drawing"),
        pytest.param(encoded(_stripes()), id="pattern"),
        pytest.param(encoded(Image.new("RGB", (300, 200), "grey")), id="plain"),
        pytest.param(encoded(Image.new("RGB", (1, 1), "white")), id="one pixel"),
        pytest.param(encoded(Image.new("RGB", (6000, 3), "white")), id="thin"),
    ],
)
def test_nothing_is_made_up(reader: Running, picture: bytes) -> None:
    """Papers, drawings, patterns and odd sizes show none of the things, and none is named."""
    assert not any(hedge in _ask(reader, "Was ist das?", picture) for hedge in _HEDGES)


def test_weights_run_no_code(tmp_path: Path) -> None:
    """A file of weights that wants to call something is refused."""
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(print))

    with pytest.raises(pickle.UnpicklingError):
        read_tensors(path)
