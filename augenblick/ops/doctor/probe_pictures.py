"""Test pictures whose content is known, so that an answer about them can be checked.

Drawn, not stored, with chance deciding what they show: an endpoint that guesses or has seen the
picture before can't pass. The font is the one Pillow brings along.
"""

from __future__ import annotations

import hashlib
import io
import random
from dataclasses import dataclass, field

from PIL import Image, ImageDraw, ImageFont

from augenblick.core.messages import Attachment, Provenance

COLOURS = {
    "red": (214, 32, 32),
    "green": (24, 148, 54),
    "blue": (28, 72, 206),
    "yellow": (250, 214, 20),
}
DIRECTIONS = ("up", "right", "down", "left")
_DIGITS = (2, 3, 4, 5, 6, 7, 9)  # those that nobody takes for a letter or a line
_WHITE = (255, 255, 255)
_BLACK = (16, 16, 16)


@dataclass(frozen=True, slots=True)
class TestPicture:
    """A picture and what it shows."""

    __test__ = False  # the name says what it is, not that pytest should collect it

    attachment: Attachment
    content: bytes = field(repr=False)
    digit: int
    colour: str  # of the ground behind the digit, a key of COLOURS
    direction: str  # where the arrow points, one of DIRECTIONS


def draw_test_picture(chance: random.Random, *, side_px: int = 384) -> TestPicture:
    """A square PNG: a digit on a coloured ground, below it an arrow on white."""
    digit = chance.choice(_DIGITS)
    colour = chance.choice(sorted(COLOURS))
    direction = chance.choice(DIRECTIONS)
    image = Image.new("RGB", (side_px, side_px), _WHITE)
    draw = ImageDraw.Draw(image)
    upper_px = side_px * 5 // 8
    draw.rectangle((0, 0, side_px, upper_px), fill=COLOURS[colour])
    draw.text(
        (side_px / 2, upper_px / 2),
        str(digit),
        font=ImageFont.load_default(size=side_px / 2),
        anchor="mm",
        fill=_BLACK if colour == "yellow" else _WHITE,
    )
    _draw_arrow(draw, direction, centre_px=(side_px // 2, (upper_px + side_px) // 2),
                reach_px=side_px // 8)  # fmt: skip
    return _as_picture(image, digit=digit, colour=colour, direction=direction)


def _draw_arrow(
    draw: ImageDraw.ImageDraw, direction: str, *, centre_px: tuple[int, int], reach_px: int
) -> None:
    along_x, along_y = {"up": (0, -1), "right": (1, 0), "down": (0, 1), "left": (-1, 0)}[direction]

    def point(along: float, across: float) -> tuple[float, float]:
        x = centre_px[0] + reach_px * (along * along_x - across * along_y)
        y = centre_px[1] + reach_px * (along * along_y + across * along_x)
        return x, y

    draw.polygon([point(1, 0), point(0, 0.75), point(0, -0.75)], fill=_BLACK)
    draw.polygon([point(0, 0.25), point(-1, 0.25), point(-1, -0.25), point(0, -0.25)], fill=_BLACK)


def _as_picture(image: Image.Image, *, digit: int, colour: str, direction: str) -> TestPicture:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    content = buffer.getvalue()
    receipt = Provenance("test.png", "PNG", len(content), image.width, image.height)
    attachment = Attachment(
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="image/png",
        width_px=image.width,
        height_px=image.height,
        byte_count=len(content),
        receipt=receipt,
    )
    return TestPicture(attachment, content, digit=digit, colour=colour, direction=direction)
