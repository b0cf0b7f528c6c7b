"""A picture that shows nothing but a number: whoever sees it can say which."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

_SIDE_PX = 336  # no vision model enlarges or shrinks it much
_LETTER_PX = 150


def draw_number(number: str) -> bytes:
    """A PNG with these digits, black on yellow."""
    image = Image.new("RGB", (_SIDE_PX, _SIDE_PX), "#ffd54a")
    middle = _SIDE_PX / 2, _SIDE_PX / 2
    face = ImageFont.load_default(_LETTER_PX)
    ImageDraw.Draw(image).text(middle, number, fill="black", font=face, anchor="mm")
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
