"""Complete pictures in odd files are taken, cut ones refused, and the receipt says what was done.

Odd ends, light on transparent, a preview as the first page, more pixels than fit into memory.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from augenblick.core.errors import UnreadableImage
from augenblick.core.messages import PreparedPicture, TileOf
from augenblick.pictures import PictureOptions, PicturePool, PictureSource, prepare_image
from bench.pictures import photograph, ssim
from tests.pictures import corpus
from tests.raising import raises

_FILM = struct.pack(">I4s4sI4s", 20, b"ftyp", b"mp42", 0, b"isom") + np.random.default_rng(1).bytes(
    90_000
)
_SECOND = corpus.encoded(photograph(160, 120), "JPEG")
_PHOTOGRAPH = photograph(320, 240)
_JPEGS = {
    "baseline": corpus.encoded(_PHOTOGRAPH, "JPEG", quality=90),
    "progressive": corpus.encoded(_PHOTOGRAPH, "JPEG", quality=90, progressive=True),
    "full-colour": corpus.encoded(_PHOTOGRAPH, "JPEG", quality=90, subsampling=0),
    "restarts": corpus.encoded(_PHOTOGRAPH, "JPEG", quality=90, restart_marker_blocks=4),
    "grey": corpus.encoded(_PHOTOGRAPH.convert("L"), "JPEG", quality=90),
    "grey-progressive": corpus.encoded(
        _PHOTOGRAPH.convert("L"), "JPEG", quality=90, progressive=True
    ),
    "print": corpus.encoded(_PHOTOGRAPH.convert("CMYK"), "JPEG", quality=90),
    "white": corpus.encoded(Image.new("RGB", (320, 240), "white"), "JPEG"),
}
_ENDS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda scan: scan,
    "half-a-marker": lambda scan: scan + b"\xff",
    "zeros": lambda scan: scan + bytes(5_000),
    "ones": lambda scan: scan + b"\xff" * 5_000,
    "film": lambda scan: scan + _FILM,
    "second-picture": lambda scan: scan + _SECOND,
    "note": lambda scan: scan + b"\r\nSamsung note 1234",
    "depth-map": lambda scan: scan + b"\xff\xeb\x00\x10depth of field" + _FILM,
    "marker": lambda scan: scan + b"\xff\xd9",
    "marker-and-zeros": lambda scan: scan + b"\xff\xd9" + bytes(5_000),
    "marker-and-film": lambda scan: scan + b"\xff\xd9" + _FILM,
    "marker-and-picture": lambda scan: scan + b"\xff\xd9" + _SECOND,
}


@pytest.mark.parametrize("end", _ENDS)
@pytest.mark.parametrize("kind", _JPEGS)
def test_a_complete_jpeg_is_taken_whatever_its_end(kind: str, end: str) -> None:
    """The picture is that of the whole file, and the receipt says what its end was like."""
    whole = _JPEGS[kind]
    picture = prepare_image(_ENDS[end](whole[:-2]), name="x.jpg")
    assert picture.content == prepare_image(whole, name="x.jpg").content
    receipt = picture.attachment.receipt
    assert ("ending" in receipt.remarks) == ("marker" not in end or end == "half-a-marker")
    assert ("attached" in receipt.removed) >= (end in ("marker-and-film", "marker-and-picture"))


@pytest.mark.parametrize("end", _ENDS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("kind", [kind for kind in _JPEGS if kind != "white"])
def test_a_cut_jpeg_is_refused_whatever_hangs_behind_it(kind: str, share: float, end: str) -> None:
    """An end marker, a film or another picture behind half a picture do not make it whole."""
    cut = _JPEGS[kind][: int(len(_JPEGS[kind]) * share)]
    with pytest.raises(UnreadableImage):
        prepare_image(_ENDS[end](cut), name="x.jpg")


def _others() -> Iterator[tuple[str, bytes, bytes, int]]:
    """Name, file, its odd variant, and how many bytes of the file hold pixels."""
    for name, options in (("lossy", {"quality": 80}), ("lossless", {"lossless": True})):
        webp = corpus.encoded(_PHOTOGRAPH, "WEBP", **options)
        with_exif = corpus.encoded(_PHOTOGRAPH, "WEBP", exif=corpus.exif(1), **options)
        for claimed in (0, len(webp) - 10, len(webp) + 1_000):
            odd = webp[:4] + struct.pack("<I", claimed) + webp[8:]
            yield f"webp-{name}-claims-{claimed}", webp, odd, len(webp)
        yield f"webp-{name}-film", webp, webp + _FILM, len(webp)
        yield f"webp-{name}-torn-exif", with_exif, with_exif[:-20], len(webp)
    png = corpus.encoded(_PHOTOGRAPH, "PNG")
    for lost in (1, 4, 12, 14, 16):
        yield f"png-without-{lost}", png, png[:-lost], len(png) - 16
    for name, tail in (("film", _FILM), ("zeros", bytes(3_000)), ("note", b"note")):
        yield f"png-{name}", png, png + tail, len(png)
        yield f"png-endless-{name}", png, png[:-12] + tail, len(png) - 16
    gif = corpus.encoded(_PHOTOGRAPH, "GIF")
    for name, lost, tail in (("trailer", 1, b""), ("end", 2, b""), ("film", 1, _FILM)):
        yield f"gif-{name}", gif, gif[:-lost] + tail, len(gif)
    for kind in ("HEIF", "AVIF"):
        still = corpus.encoded(_PHOTOGRAPH, kind, quality=80)
        box = struct.pack(">I4s", len(_FILM) + 8, b"mpvd")
        for name, tail in (("film", box + _FILM), ("torn-film", box + _FILM[:99]), ("note", b"n")):
            yield f"{kind}-{name}", still, still + tail, len(still)
    bitmap = corpus.encoded(photograph(321, 240), "BMP")
    yield "bmp-without-padding", bitmap, bitmap[:-1], len(bitmap)


@pytest.mark.parametrize(
    ("whole", "odd", "pixels"),
    [pytest.param(*case[1:], id=case[0]) for case in _others()],
)
def test_other_files_with_an_odd_end_are_taken_and_cut_ones_refused(
    whole: bytes, odd: bytes, pixels: int
) -> None:
    """Taken as the whole file is; refused when cut, with zeros in place of what is missing too.

    But for a bitmap, in which zeros are black pixels.
    """
    assert prepare_image(odd, name="x").content == prepare_image(whole, name="x").content
    for share in (0.3, 0.5, 0.9):
        for missing in (b"", bytes(len(whole)))[: 1 if whole.startswith(b"BM") else 2]:
            with pytest.raises(UnreadableImage):
                prepare_image(odd[: int(pixels * share)] + missing, name="x")


@pytest.mark.parametrize("name", [b"tEXt", b"tIME", b"eXIf", b"prVw", b"iTXt"])
def test_a_damaged_note_in_a_png_costs_no_picture(name: bytes) -> None:
    """Nor two of them; damaged pixels are refused as ever."""
    png = corpus.encoded(_PHOTOGRAPH, "PNG")
    note = struct.pack(">I", 4) + name + b"a\0b " + b"\1\2\3\4"
    odd = png[:33] + note + note + png[33:-12] + note + png[-12:]
    assert prepare_image(odd, name="x").content == prepare_image(png, name="x").content
    with pytest.raises(UnreadableImage):
        prepare_image(odd[: len(odd) // 2], name="x")


def _written(fill: tuple[int, ...] | str, *, beneath: int = 0) -> Image.Image:
    image = Image.new("RGBA", (600, 160), (beneath, beneath, beneath, 0))
    ImageDraw.Draw(image).text((20, 40), "Signature", fill=fill, font_size=60)
    return image


def _see_through() -> Iterator[tuple[str, bytes, str]]:
    """Name, file, and the word of the receipt for the ground that shows it."""
    white, black = _written("white"), _written("black")
    dark, light = "transparency_dark", "transparency"
    yield "white", corpus.encoded(white, "PNG"), dark
    yield "white-on-white", corpus.encoded(_written("white", beneath=255), "PNG"), dark
    yield "light-grey", corpus.encoded(_written((210, 210, 210)), "PNG"), dark
    yield "yellow", corpus.encoded(_written("yellow"), "PNG"), dark
    yield "half-white", corpus.encoded(_written((255, 255, 255, 130)), "PNG"), dark
    yield "black", corpus.encoded(black, "PNG"), light
    yield "half-black", corpus.encoded(_written((0, 0, 0, 130)), "PNG"), light
    yield "blue", corpus.encoded(_written("blue"), "PNG"), light
    yield "palette", corpus.encoded(white.quantize(16), "PNG"), dark
    yield "grey-alpha", corpus.encoded(white.convert("LA"), "PNG"), dark
    plain = white.convert("RGB")
    yield "key-colour", corpus.encoded(plain, "PNG", transparency=(0, 0, 0)), dark
    yield "key-grey", corpus.encoded(plain.convert("L"), "PNG", transparency=0), dark
    yield "one-bit", corpus.encoded(plain.convert("1"), "PNG", transparency=0), dark
    for kind in ("GIF", "WEBP", "TIFF", "AVIF", "HEIF"):
        yield kind, corpus.encoded(white, kind), dark
    shadow = _written((0, 0, 0, 150)).filter(ImageFilter.GaussianBlur(6))
    yield "white-shadowed", corpus.encoded(Image.alpha_composite(shadow, white), "PNG"), dark
    yield "black-shadowed", corpus.encoded(Image.alpha_composite(shadow, black), "PNG"), light
    both = Image.new("RGBA", (600, 320))
    both.paste(white, (0, 0))
    both.paste(black, (0, 160))
    yield "both", corpus.encoded(both, "PNG"), "transparency_grey"
    person = photograph(400, 400).convert("RGBA")
    mask = Image.new("L", person.size)
    ImageDraw.Draw(mask).ellipse((20, 20, 380, 380), fill=255)
    person.putalpha(mask)
    yield "cut-out", corpus.encoded(person, "PNG"), light


@pytest.mark.parametrize(
    ("content", "ground"), [pytest.param(*case[1:], id=case[0]) for case in _see_through()]
)
def test_what_is_on_transparent_can_be_seen(content: bytes, ground: str) -> None:
    """The ground is dark for light things, and white stays white for all that it shows."""
    picture = prepare_image(content, name="x.png")
    assert picture.attachment.receipt.removed == (ground,)
    grey = np.asarray(Image.open(io.BytesIO(picture.content)).convert("L")).astype(int)
    stands_out = np.abs(grey - grey[0, 0]) > 40
    assert stands_out.mean() > 0.02


def test_parts_of_one_picture_have_one_ground() -> None:
    """Black at the top, much more white below: the part with the black has the ground of all."""
    image = Image.new("RGBA", (600, 800))
    image.paste(_written("black").crop((0, 0, 80, 160)), (0, 0))
    for top in (160, 320, 480, 640):
        image.paste(_written("white"), (0, top))
    part = PictureOptions(tile=TileOf(1, 1, 0, 0, 600, 160))
    receipts = [
        prepare_image(corpus.encoded(image, "PNG"), name="x", options=each).attachment.receipt
        for each in (PictureOptions(), part)
    ]
    assert {receipt.removed for receipt in receipts} == {("transparency_dark",)}


def _tiff(pages: list[Image.Image], *, kinds: tuple[int, ...], is_nested: bool = False) -> bytes:
    """A TIFF of these pages with their NewSubfileType; nested, all but the first are SubIFDs."""
    content = b"II*\0" + bytes(4)
    places: list[int] = []
    for page, kind in zip(reversed(pages), reversed(kinds), strict=True):
        pixels = page.convert("RGB").tobytes()
        at = len(content)
        content += pixels + struct.pack("<3H", 8, 8, 8) + bytes(len(pixels) % 2)
        bits = at + len(pixels)
        entries = [
            (254, 4, 1, kind), (256, 4, 1, page.width), (257, 4, 1, page.height),
            (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, at),
            (277, 3, 1, 3), (278, 4, 1, page.height), (279, 4, 1, len(pixels)),
        ]  # fmt: skip
        is_first = len(places) == len(pages) - 1
        if is_nested and is_first and places:
            entries.append((330, 4, len(places), places[0] if len(places) == 1 else len(content)))
            content += struct.pack(f"<{len(places)}I", *places) if len(places) > 1 else b""
        following = 0 if is_nested or not places else places[-1]
        directory = struct.pack("<H", len(entries))
        directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
        places.append(len(content))
        content += directory + struct.pack("<I", following)
    return content[:4] + struct.pack("<I", places[-1]) + content[8:]


@pytest.mark.parametrize("is_nested", [False, True])
@pytest.mark.parametrize("kinds", [(1, 0, 0), (1, 1, 1), (0, 0, 0)])
def test_of_a_preview_and_a_picture_the_picture_is_taken(
    kinds: tuple[int, ...], *, is_nested: bool
) -> None:
    """Among pages and in SubIFDs, declared as a preview or only much smaller."""
    large, small, middle = photograph(800, 600), photograph(80, 60), photograph(160, 120)
    content = _tiff([small, large, middle], kinds=kinds, is_nested=is_nested)
    picture = prepare_image(content, name="x.dng")
    assert (picture.attachment.width_px, picture.attachment.height_px) == (800, 600)
    assert picture.content == prepare_image(corpus.encoded(large, "PNG"), name="x").content
    assert picture.attachment.receipt.removed == ("preview",)
    with PicturePool(workers=1, time_limit_seconds=120) as pool:
        assert pool.look(PictureSource("x", content)).width_px == 800


def test_the_first_page_of_a_document_is_taken_though_a_later_one_is_larger() -> None:
    """Pages of different sizes and shapes are pages, not a preview and its picture."""
    for later in ((300, 424), (900, 300)):
        content = _tiff([photograph(210, 297), photograph(*later)], kinds=(0, 0))
        receipt = prepare_image(content, name="x.tif").attachment.receipt
        assert (receipt.source_width_px, receipt.source_height_px) == (210, 297)
        assert receipt.removed == ("frames",)


def test_a_page_that_cannot_be_decoded_is_passed_over() -> None:
    """As in a DNG, whose largest part is what the sensor saw."""
    content = bytearray(_tiff([photograph(80, 60), photograph(800, 600)], kinds=(1, 0)))
    raw = content.index(struct.pack("<HHII", 256, 4, 1, 800))
    photometric = content.index(struct.pack("<HHI", 262, 3, 1), raw)
    content[photometric + 8 : photometric + 10] = struct.pack("<H", 32803)
    assert prepare_image(bytes(content), name="x.dng").attachment.width_px == 80


def _prepared_in_a_worker(content: bytes, options: PictureOptions) -> PreparedPicture:
    with PicturePool(workers=1, time_limit_seconds=300) as pool:
        return pool.prepare(content, name="x.heic", options=options)


def test_two_hundred_megapixels_of_heic_are_taken_within_the_memory_limit() -> None:
    """Smaller, and said so; a part shows what is there."""
    content = corpus.heic_grid(corpus.scene((1020, 1020)), columns=16, rows=12)
    picture = _prepared_in_a_worker(content, PictureOptions())
    receipt = picture.attachment.receipt
    assert (receipt.source_width_px, receipt.source_height_px) == (16_320, 12_240)
    assert (picture.attachment.width_px, picture.attachment.height_px) == (2040, 1530)
    assert receipt.remarks == ("reduced",)
    part = _prepared_in_a_worker(content, PictureOptions(tile=TileOf(1, 1, 1020, 2040, 1020, 1020)))
    expected = corpus.scene((510, 510))
    assert ssim(corpus.encoded(expected, "PNG"), part.content) > 0.95


def test_two_hundred_megapixels_of_anything_else_are_refused_as_before() -> None:
    """With the limit and the size in the sentence."""
    with raises("image_too_many_pixels"):
        prepare_image(corpus.empty_png(16_320, 12_240), name="x.png")
