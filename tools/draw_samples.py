"""Draws the sample pictures again: `python -m tools.draw_samples`.

Needs the Liberation fonts (Debian: fonts-liberation). The drawing is the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import zxingcpp
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from augenblick.pictures.samples import BAR_CODE_CONTENT, QR_CONTENT, SAMPLES

Colour = tuple[int, int, int]
Size = tuple[int, int]

INK: Colour = (38, 38, 46)
CARD: Size = (640, 480)
PALE: Colour = (120, 116, 112)
_TEXT = {sample.name: sample.text for sample in SAMPLES}


def main() -> None:
    """Write all pictures beside this file."""
    drawings = {"receipt": receipt, "sign": sign, "label": label}
    for sample in SAMPLES:
        picture = drawings[sample.name]()
        picture.save(sample.path, quality=86, optimize=True, progressive=True, subsampling="4:2:0")
        card(picture).save(sample.card_path, quality=80, optimize=True, progressive=True)


def card(picture: Image.Image) -> Image.Image:
    """The upper part, all of one shape, as small as the empty page shows it on a sharp screen."""
    height = round(picture.width * CARD[1] / CARD[0])
    top = min(round(picture.height * 0.08), picture.height - height)
    return picture.crop((0, top, picture.width, top + height)).resize(
        CARD, Image.Resampling.LANCZOS
    )


def font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A Liberation font, such as "Sans-Bold"; Pillow looks where the system keeps fonts."""
    return ImageFont.truetype(f"Liberation{name}.ttf", size)


def _noise(size: Size, grain: Size, *, seed: int) -> NDArray[np.float64]:
    """Smooth noise around 0 with blots of `grain` pixels."""
    width, height = size
    rough = np.random.default_rng(seed).normal(size=(height // grain[1] + 2, width // grain[0] + 2))
    image = Image.fromarray(rough.astype(np.float32))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC), dtype=np.float64)


def _surface(colour: Colour, shades: Sequence[NDArray[np.float64]]) -> Image.Image:
    field = np.asarray(colour, dtype=np.float64) + np.sum(shades, axis=0)[:, :, None]
    return Image.fromarray(np.clip(field, 0, 255).astype(np.uint8))


def wood(size: Size) -> Image.Image:
    """A table of broad boards."""
    width, height = size
    grain = 9 * _noise(size, (7, 420), seed=3) + 7 * _noise(size, (60, 700), seed=4)
    seams = np.zeros((height, width))
    for number, x in enumerate(range(-70, width, 290)):
        seams[:, max(x, 0) : max(x + 290, 0)] += (number * 37 % 17) - 8
        seams[:, max(x, 0) : max(x + 4, 0)] -= 46
    return _surface((150, 108, 74), [grain, seams])


def wall(size: Size) -> Image.Image:
    """Plaster."""
    shades = [8 * _noise(size, (260, 200), seed=5), 4 * _noise(size, (5, 5), seed=6)]
    return _surface((104, 128, 136), shades)


def cardboard(size: Size) -> Image.Image:
    """The side of a box."""
    shades = [5 * _noise(size, (3, 90), seed=7), 7 * _noise(size, (300, 300), seed=8)]
    return _surface((186, 150, 108), shades)


def paper(size: Size, colour: Colour, *, seed: int) -> Image.Image:
    """Paper with a little life in it."""
    shades = [2.2 * _noise(size, (4, 4), seed=seed), 3 * _noise(size, (240, 320), seed=seed + 1)]
    return _surface(colour, shades)


def lit(image: Image.Image) -> Image.Image:
    """Light from the upper left, darker corners."""
    y, x = np.mgrid[0 : image.height, 0 : image.width]
    across = np.hypot(x / image.width - 0.4, y / image.height - 0.35)
    light = np.clip(1.06 - 0.32 * across**1.6, 0, 1.06)
    return Image.fromarray(np.clip(np.asarray(image) * light[:, :, None], 0, 255).astype(np.uint8))


def lay(ground: Image.Image, sheet: Image.Image, shape: Image.Image, at: tuple[int, int]) -> None:
    """Put a sheet on the ground, with the shadow it throws."""
    shadow = Image.new("L", ground.size)
    shadow.paste(shape.point(lambda value: value * 0.6), (at[0] + 10, at[1] + 16))
    shadow = shadow.filter(ImageFilter.GaussianBlur(16))
    ground.paste(Image.new("RGB", ground.size, (22, 16, 12)), mask=shadow)
    ground.paste(sheet, at, shape)


def rounded(size: Size, radius: int) -> Image.Image:
    """The shape of a sheet with round corners."""
    shape = Image.new("L", size)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, size[0] - 1, size[1] - 1), radius, fill=255)
    return shape


def torn(size: Size) -> Image.Image:
    """The shape of paper from a roll: a saw's edge above and below."""
    width, height = size
    teeth = [(x, 0 if x // 12 % 2 else 9) for x in range(0, width + 12, 12)]
    below = [(x, height - 1 - y) for x, y in reversed(teeth)]
    shape = Image.new("L", size)
    ImageDraw.Draw(shape).polygon([*teeth, *below], fill=255)
    return shape


def printed(sheet: Image.Image, ink: Image.Image) -> Image.Image:
    """Ink on a sheet, its texture kept."""
    return ImageChops.multiply(sheet, ink)


def receipt() -> Image.Image:
    """A supermarket's receipt on a table."""
    ground = wood((1080, 1530))
    size = (760, 1400)
    ink = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(ink)
    head, *rest = _TEXT["receipt"]
    draw.text((380, 92), head, INK, font("Sans-Bold", 56), anchor="mm")
    y = 168
    for line in rest:
        y = _receipt_line(draw, line, y)
    sheet = printed(paper(size, (250, 248, 243), seed=11), ink)
    lay(ground, sheet, torn(size), (160, 64))
    return lit(ground)


_RULE_ABOVE = ("Äpfel", "Gesamtbetrag", "MwSt A", "21.11.")


def _receipt_line(draw: ImageDraw.ImageDraw, line: str, y: int) -> int:
    """Draw a line and give the height of the next."""
    if line.startswith(_RULE_ABOVE):
        for x in range(60, 700, 16):
            draw.line((x, y + 2, x + 8, y + 2), PALE, 3)
        y += 46
    left, _gap, right = line.partition("  ")
    is_total = left == "Gesamtbetrag"
    face = font("Sans-Bold", 50) if is_total else font("Sans-Regular", 38)
    if line.startswith("Vielen"):
        y += 24
    if not right:
        draw.text((380, y), left, INK, face, anchor="mm")
        return y + 56
    draw.text((60, y), left, INK, face, anchor="lm")
    draw.text((700, y), right, INK, face, anchor="rm")
    return y + (76 if is_total else 62)


def sign() -> Image.Image:
    """The opening hours of a bakery, in two languages, on a wall."""
    ground = wall((1200, 960))
    size = (960, 780)
    sheet = paper(size, (27, 66, 60), seed=21)
    draw = ImageDraw.Draw(sheet)
    cream, soft = (250, 244, 226), (190, 212, 198)
    draw.rounded_rectangle((22, 22, 937, 757), 30, outline=cream, width=5)
    title, german, english, *hours = _TEXT["sign"]
    draw.text((480, 112), title, cream, font("Serif-Bold", 76), anchor="mm")
    draw.text((480, 212), german, cream, font("Sans-Bold", 46), anchor="mm")
    draw.text((480, 272), english, soft, font("Sans-Italic", 42), anchor="mm")
    draw.line((90, 322, 870, 322), soft, 3)
    y = 378
    for row in range(0, len(hours), 2):
        _sign_row(draw, hours[row : row + 2], y, (cream, soft))
        y += 128
    lay(ground, sheet, rounded(size, 44), (120, 86))
    _screws(ground)
    return lit(ground)


def _sign_row(
    draw: ImageDraw.ImageDraw, pair: Sequence[str], y: int, colours: tuple[Colour, Colour]
) -> None:
    faces = (font("Sans-Bold", 44), font("Sans-Italic", 38))
    for line, colour, face in zip(pair, colours, faces, strict=True):
        left, _gap, right = line.partition("  ")
        draw.text((92, y), left, colour, face, anchor="lm")
        draw.text((868, y), right, colour, face, anchor="rm")
        y += 54


def _screws(ground: Image.Image) -> None:
    draw = ImageDraw.Draw(ground)
    for x, y in ((164, 130), (1036, 130), (164, 822), (1036, 822)):
        draw.ellipse((x - 11, y - 11, x + 11, y + 11), (176, 170, 158), (92, 88, 80), 2)
        draw.line((x - 6, y - 4, x + 6, y + 4), (84, 80, 74), 3)


def label() -> Image.Image:
    """A parcel's label with a QR code and a bar code, on cardboard."""
    ground = cardboard((1200, 1200))
    _tape(ground)
    size = (940, 1010)
    ink = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(ink)
    title, *lines = _TEXT["label"]
    draw.rectangle((0, 0, size[0], 120), INK)
    draw.text((56, 60), title, "white", font("Sans-Bold", 64), anchor="lm")
    _addresses(draw, lines[:8])
    _shipment(draw, lines[8:])
    _codes(ink)
    sheet = printed(paper(size, (252, 251, 248), seed=31), ink)
    lay(ground, sheet, rounded(size, 14), (130, 95))
    return lit(ground)


def _addresses(draw: ImageDraw.ImageDraw, lines: Sequence[str]) -> None:
    draw.text((56, 176), lines[0], PALE, font("Sans-Regular", 32), anchor="lm")
    for number, line in enumerate(lines[1:4]):
        face = font("Sans-Bold" if number == 0 else "Sans-Regular", 50)
        draw.text((56, 236 + 64 * number), line, INK, face, anchor="lm")
    draw.text((56, 448), lines[4], PALE, font("Sans-Regular", 30), anchor="lm")
    for number, line in enumerate(lines[5:8]):
        draw.text((56, 496 + 46 * number), line, INK, font("Sans-Regular", 36), anchor="lm")
    draw.line((40, 640, 900, 640), INK, 4)


def _shipment(draw: ImageDraw.ImageDraw, lines: Sequence[str]) -> None:
    for line, y, size in zip(lines, (694, 758), (50, 40), strict=True):
        left, _gap, right = line.partition("  ")
        draw.text((56, y), left, INK, font("Sans-Regular", 36), anchor="lm")
        draw.text((884, y), right, INK, font("Sans-Bold", size), anchor="rm")


def _codes(ink: Image.Image) -> None:
    qr = zxingcpp.create_barcode(QR_CONTENT, zxingcpp.BarcodeFormat.QRCode)
    _paste_code(ink, _drawn(qr, scale=12), (584, 196))
    bars = zxingcpp.create_barcode(BAR_CODE_CONTENT, zxingcpp.BarcodeFormat.EAN13)
    drawn = _drawn(bars, scale=6)
    _paste_code(ink, drawn.resize((drawn.width, 150), Image.Resampling.NEAREST), (186, 816))


def _drawn(code: zxingcpp.Barcode, *, scale: int) -> Image.Image:
    return Image.fromarray(np.array(code.to_image(scale=scale, add_quiet_zones=False)))


def _paste_code(ink: Image.Image, code: Image.Image, at: tuple[int, int]) -> None:
    ink.paste(code.point(lambda value: max(value, INK[0])).convert("RGB"), at)


def _tape(ground: Image.Image) -> None:
    """A strip of brown tape across the box."""
    strip = Image.new("RGB", (ground.width, 190), (158, 116, 66))
    ground.paste(Image.blend(ground.crop((0, 20, ground.width, 210)), strip, 0.55), (0, 20))


if __name__ == "__main__":
    main()
