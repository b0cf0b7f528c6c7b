"""What comes out of a file: upright, in its colours, small, and nothing but pixels."""

from __future__ import annotations

import io
import struct
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, IptcImagePlugin, PngImagePlugin, TiffImagePlugin

from augenblick.core.errors import ImageError, ImageTooLarge, UnreadableImage
from augenblick.core.messages import PreparedPicture, TileOf
from augenblick.pictures import (
    PictureLimits,
    PictureOptions,
    PicturePool,
    picture_format,
    prepare_image,
)
from bench.pictures import photograph, ssim
from tests.pictures import corpus
from tests.pictures.corpus import Refused, Sample
from tests.raising import raises

SAMPLES = list(corpus.samples())
REFUSED = list(corpus.refused())
_LITTLE_BYTES = 256 * 1024 * 1024  # of addresses, of which Python and libraries take 80 MB


def corners_of(content: bytes) -> list[corpus.Colour]:
    """The colours in the middle of the four corner fields, reading order."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    right, bottom = image.width - 1, image.height - 1
    x, y = image.width // 8, image.height // 8
    places = ((x, y), (right - x, y), (x, bottom - y), (right - x, bottom - y))
    pixels = np.asarray(image)
    return [tuple(int(channel) for channel in pixels[at[1], at[0]]) for at in places]  # type: ignore[misc]


def furthest(content: bytes, expected: tuple[corpus.Colour, ...]) -> int:
    """The largest difference of any channel in any corner."""
    return int(np.abs(np.array(corners_of(content)) - np.array(expected)).max())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_every_good_picture_comes_out_upright_and_in_its_colours(sample: Sample) -> None:
    """Whatever the format, mode and orientation, the four corners are where and what they were."""
    picture = prepare_image(sample.content, name=sample.name)
    assert furthest(picture.content, sample.corners) <= sample.tolerance
    receipt = picture.attachment.receipt
    assert receipt.source_format == sample.kind
    assert receipt.source_name == sample.name
    assert receipt.source_bytes == len(sample.content)
    assert set(receipt.removed) == sample.removed


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_what_every_endpoint_takes(sample: Sample) -> None:
    """JPEG or PNG, RGB, as large as it says it is, and only pixels in it."""
    picture = prepare_image(sample.content, name=sample.name)
    attachment = picture.attachment
    image = Image.open(io.BytesIO(picture.content))
    assert attachment.media_type == f"image/{(image.format or '').lower()}"
    assert image.format in ("JPEG", "PNG")
    assert image.mode == "RGB"
    assert image.size == (attachment.width_px, attachment.height_px)
    assert max(image.size) <= 2048
    assert attachment.byte_count == len(picture.content)
    for content in (picture.content, picture.thumbnail):
        assert_only_pixels(content)
    small = Image.open(io.BytesIO(picture.thumbnail))
    assert small.size == (picture.thumbnail_width_px, picture.thumbnail_height_px)
    assert max(small.size) <= 640


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_every_bad_picture_is_refused_with_its_reason(case: Refused) -> None:
    """Impostors, torsos and bombs become the right error, with the name."""
    with pytest.raises(ImageError) as refusal:
        prepare_image(case.content, name=case.name)
    assert refusal.value.code == case.code
    assert refusal.value.params["name"] == case.name


def test_what_is_refused_was_never_unpacked() -> None:
    """In a process with hardly any memory, bombs are refused for the same reasons."""
    with PicturePool(workers=1, memory_limit_bytes=_LITTLE_BYTES) as pool:
        for case in REFUSED:
            with pytest.raises(ImageError) as refusal:
                pool.prepare(case.content, name=case.name)
            assert (case.name, refusal.value.code) == (case.name, case.code)


@pytest.mark.parametrize("orientation", corpus.ORIENTATIONS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_the_receipt_says_how_it_was_turned(kind: str, orientation: int) -> None:
    """Size as stored, then mirrored, then so many degrees clockwise: together the upright one."""
    content = corpus.encoded(
        corpus.stored(orientation), kind, exif=corpus.exif(orientation).tobytes()
    )
    attachment = prepare_image(content, name="x").attachment
    receipt = attachment.receipt
    turns = {1: 0, 2: 0, 3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}
    assert receipt.rotation_degrees == turns[orientation]
    assert receipt.was_mirrored == (orientation in (2, 4, 5, 7))
    stored = corpus.stored(orientation).size
    assert (receipt.source_width_px, receipt.source_height_px) == stored
    assert (attachment.width_px, attachment.height_px) == corpus.SIZE


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_person_can_turn_it_further(degrees: int) -> None:
    """The wish is applied clockwise on top of what the camera said."""
    content = corpus.encoded(corpus.stored(6), "JPEG", exif=corpus.exif(6), quality=92)
    picture = prepare_image(content, name="x", options=PictureOptions(rotate_degrees=degrees))
    red, green, blue, white = corpus.CORNERS
    turned = {
        90: (blue, red, white, green),
        180: (white, blue, green, red),
        270: (green, white, red, blue),
    }
    assert furthest(picture.content, turned[degrees]) <= 24
    assert picture.attachment.receipt.rotation_degrees == (90 + degrees) % 360


def test_an_option_that_makes_no_sense_is_an_error_of_the_program() -> None:
    """A rotation by 45 degrees, an empty side or a quality of 0 can't be asked for."""
    senseless: tuple[dict[str, Any], ...]
    senseless = ({"rotate_degrees": 45}, {"longest_side_px": 0}, {"quality": 0})
    for options in senseless:
        with pytest.raises(ValueError, match="must be"):
            PictureOptions(**options)


def delta_e(first: np.ndarray, second: np.ndarray) -> float:
    """The largest CIE76 distance of two sRGB pictures (values 0 to 255)."""
    return float(np.linalg.norm(_lab(first) - _lab(second), axis=-1).max())


def _lab(srgb: np.ndarray) -> np.ndarray:
    value = np.asarray(srgb, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ corpus.PRIMARIES["linear"].T / np.array([0.9642, 1.0, 0.8249])
    root = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = root[..., 0], root[..., 1], root[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def in_profile(srgb: np.ndarray, kind: str) -> np.ndarray:
    """The same colours as a camera with that profile would store them."""
    value = np.asarray(srgb, dtype=np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    xyz = linear @ corpus.PRIMARIES["linear"].T
    stored = np.clip(xyz @ np.linalg.inv(corpus.PRIMARIES[kind]).T, 0, 1)
    return np.asarray(np.round(stored ** (1 / corpus.GAMMAS[kind]) * 255), dtype=np.uint8)


def as_srgb(stored: np.ndarray, kind: str) -> np.ndarray:
    """What pixels with that profile look like; computed without any rounding, values 0 to 255."""
    xyz = (np.asarray(stored, dtype=np.float64) / 255) ** corpus.GAMMAS[kind]
    xyz = xyz @ corpus.PRIMARIES[kind].T
    linear = np.clip(xyz @ np.linalg.inv(corpus.PRIMARIES["linear"]).T, 0, 1)
    curve = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray(curve * 255)


def chart() -> np.ndarray:
    """64 fields of 16 x 16 px in colours that all profiles here have."""
    steps = (60, 110, 160, 210)
    colours = np.array([(r, g, b) for r in steps for g in steps for b in steps], dtype=np.uint8)
    return np.kron(colours.reshape(8, 8, 3), np.ones((16, 16, 1), dtype=np.uint8))


@pytest.mark.parametrize("container", ["PNG", "TIFF", "JPEG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("kind", ["display-p3", "adobe-rgb", "linear"])
def test_wide_colours_stay_what_they_look_like(kind: str, container: str) -> None:
    """Within 2 delta E of what the pixels of the file mean, as PNG and as an ordinary JPEG.

    The pixels are those that a decoder gives: an encoder of AVIF alone is off by up to 3.
    """
    finest: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
        "HEIF": {"quality": -1, "chroma": 444},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    content = corpus.encoded(
        Image.fromarray(in_profile(chart(), kind)),
        container,
        icc_profile=corpus.profile(kind),
        **finest.get(container, {}),
    )
    meant = as_srgb(np.asarray(Image.open(io.BytesIO(content)).convert("RGB")), kind)
    middles = (slice(8, None, 16), slice(8, None, 16))
    for always_jpeg in (False, True):
        options = PictureOptions(always_jpeg=always_jpeg)
        picture = prepare_image(content, name="x", options=options)
        assert "profile" in picture.attachment.receipt.removed
        result = np.asarray(Image.open(io.BytesIO(picture.content)).convert("RGB"))
        assert delta_e(result[middles], meant[middles]) <= 2


def print_in(ink: str, paper: str) -> Image.Image:
    """Small print in one colour on another."""
    image = Image.new("RGB", (640, 480), paper)
    draw = ImageDraw.Draw(image)
    for top in range(8, 480, 24):
        draw.text((8, top), "small print in colour 0123456789 " * 3, fill=ink, font_size=16)
    return image


def mean_delta_e(content: bytes, original: Image.Image) -> float:
    """The mean CIE76 distance of all pixels."""
    result = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    return float(np.linalg.norm(_lab(result) - _lab(np.asarray(original)), axis=-1).mean())


def test_print_in_colours_keeps_them_and_a_photograph_pays_nothing_for_it() -> None:
    """Red on blue, from a JPEG, is as good as a JPEG with full colour; grain is halved as usual."""
    poster = print_in("red", "blue")
    content = corpus.encoded(poster, "JPEG", quality=100, subsampling=0)
    ours = prepare_image(content, name="x").content
    halved = corpus.encoded(poster, "JPEG", quality=85)
    assert mean_delta_e(ours, poster) < 4 < mean_delta_e(halved, poster) / 2
    grey = print_in("black", "white")
    for picture in (grey, photograph(640, 480)):
        content = corpus.encoded(picture, "JPEG", quality=95)
        prepared = Image.open(io.BytesIO(prepare_image(content, name="x").content))
        assert prepared.layer[0][1:3] == (2, 2)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "HEIF", "AVIF", "TIFF", "PDF"])
def test_shrinking_looks_like_the_best_there_is(kind: str) -> None:
    """As similar to Pillow's LANCZOS at the same size as two good ways of shrinking are."""
    more: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {"quality": 95}
    more |= {"resolution": 300} if kind == "PDF" else {}
    original = photograph(800, 600)
    content = corpus.encoded(original, kind, **more)
    for longest_px in (400, 341, 267):  # a half, none of a decoder's own sizes, a third
        options = PictureOptions(longest_side_px=longest_px, quality=95)
        picture = prepare_image(content, name="x", options=options)
        size = picture.attachment.width_px, picture.attachment.height_px
        best = original.resize(size, Image.Resampling.LANCZOS)
        assert ssim(corpus.encoded(best, "PNG"), picture.content) >= 0.96


def test_a_grey_profile_is_applied_too() -> None:
    """A scan with gamma 1.8 comes out with the greys it means, not darker."""
    content = corpus.encoded(
        Image.new("L", (64, 64), 100), "PNG", icc_profile=corpus.profile("grey")
    )
    (grey, _, _), *_ = corners_of(prepare_image(content, name="x").content)
    linear = (100 / 255) ** 1.8
    expected = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    assert abs(grey - expected) <= 2


@pytest.mark.parametrize("broken", [b"nonsense", b"", corpus.profile("grey"), bytes(500)])
def test_a_profile_of_no_use_is_no_reason_to_refuse(broken: bytes) -> None:
    """Damaged profiles and profiles for other pixels are ignored."""
    content = corpus.encoded(corpus.scene(), "PNG", icc_profile=broken)
    assert furthest(prepare_image(content, name="x").content, corpus.CORNERS) <= 14


def private_sources() -> Iterator[tuple[str, bytes, set[str]]]:
    """Files full of canaries, and what the receipt has to name."""
    base = corpus.scene()
    xmp = b'<x:xmpmeta xmlns:exif="x" exif:GPSLatitude="52,31N" dc:title="CANARY-xmp"/>'
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x11\x1c\x02\x78\0\x0bCANARY-iptc\0"
    jpeg = corpus.encoded(
        base, "JPEG", exif=corpus.private_exif(), comment=b"CANARY-comment", xmp=xmp,
        icc_profile=corpus.profile("display-p3"),
    )  # fmt: skip
    for marker, payload in ((0xED, iptc), (0xEF, b"CANARY-app15"), (0xFE, b"CANARY-second")):
        jpeg = corpus.with_segment(jpeg, marker, payload)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("CANARY-zip", "CANARY-zipped")
    everything = {"location", "camera", "text", "profile"}
    yield "JPEG", jpeg + archive.getvalue(), {*everything, "attached"}
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "CANARY-author")
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    text.add_text("Long", "CANARY-long", zip=True)
    profile = corpus.profile("display-p3")
    png = corpus.encoded(base, "PNG", exif=corpus.private_exif(), pnginfo=text, icc_profile=profile)
    yield "PNG", png + b"CANARY-tail", {*everything, "attached"}
    for kind in ("WEBP", "AVIF", "HEIF"):
        content = corpus.encoded(
            base, kind, exif=corpus.private_exif().tobytes(), xmp=xmp, icc_profile=profile
        )
        yield kind, content + b"CANARY-tail", {*everything, "attached"}
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[271], tags[270] = "CANARY-make", "CANARY-caption"
    tags[34853] = {1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)}
    yield "TIFF", corpus.encoded(base, "TIFF", tiffinfo=tags), everything - {"profile"}
    yield "GIF", corpus.encoded(base, "GIF", comment=b"CANARY-comment"), {"text"}


@pytest.mark.parametrize(
    ("content", "removed"),
    [pytest.param(content, removed, id=kind) for kind, content, removed in private_sources()],
)
def test_nothing_private_leaves_the_house(content: bytes, removed: set[str]) -> None:
    """Position, device, comments and whatever hangs behind are gone, and the receipt says so."""
    picture = prepare_image(content, name="x")
    assert set(picture.attachment.receipt.removed) == removed
    for prepared in (picture.content, picture.thumbnail):
        assert b"CANARY" not in prepared
        assert_only_pixels(prepared)


def assert_only_pixels(content: bytes) -> None:
    """Fail on any segment or chunk that a decoder of pixels can do without, and on any tail."""
    if content.startswith(b"\x89PNG"):
        assert set(_png_chunks(content)) == {b"IHDR", b"IDAT", b"IEND"}
    else:
        assert set(_jpeg_markers(content)) <= {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
        assert (
            content[6:20] == b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
        )  # neither resolution nor thumbnail
        assert content.index(b"\xff\xd9") == len(content) - 2


def _png_chunks(content: bytes) -> Iterator[bytes]:
    at = 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        yield content[at + 4 : at + 8]
        at += 12 + length
    assert at == len(content)


def _jpeg_markers(content: bytes) -> Iterator[int]:
    at = 2
    while content[at + 1] != 0xDA:
        yield content[at + 1]
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    yield 0xDA


@pytest.mark.filterwarnings("ignore:.*EXIF")
def test_damaged_metadata_is_no_reason_to_refuse() -> None:
    """EXIF that makes no sense is ignored; the picture counts."""
    plain = corpus.encoded(corpus.scene(), "JPEG", quality=92)
    for nonsense in (b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0garbage", b"Exif\0\0"):
        picture = prepare_image(corpus.with_segment(plain, 0xE1, nonsense), name="x")
        assert furthest(picture.content, corpus.CORNERS) <= 14


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF"])
def test_an_endless_film_is_its_first_picture(kind: str) -> None:
    """Frames nobody asked for are not even counted: nearly as much is done as for one."""
    one, endless = corpus.encoded(corpus.scene(), kind), corpus.endless(kind)
    picture = prepare_image(endless, name="x")

    assert furthest(picture.content, corpus.CORNERS) <= 14
    assert _calls(endless) < _calls(one) + 5_000


def _calls(content: bytes) -> int:
    """How many functions are called to prepare a file."""
    count = 0

    def note(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(note)
    try:
        prepare_image(content, name="x")
    finally:
        sys.setprofile(None)
    return count


def test_a_screenshot_stays_sharp_and_a_photograph_stays_small() -> None:
    """Flat pictures become PNG, exactly as they were; grain becomes JPEG."""
    screenshot = corpus.scene((800, 600))
    flat = prepare_image(corpus.encoded(screenshot, "PNG"), name="x")
    assert flat.attachment.media_type == "image/png"
    exact = np.asarray(Image.open(io.BytesIO(flat.content)))
    assert np.array_equal(exact, np.asarray(screenshot))
    grain = prepare_image(corpus.encoded(corpus.noise((300, 200)), "PNG"), name="x")
    assert grain.attachment.media_type == "image/jpeg"


def _sides(size: tuple[int, int], longest_px: int, kind: str = "JPEG") -> tuple[int, int]:
    options = PictureOptions(longest_side_px=longest_px)
    content = corpus.encoded(corpus.scene(size), kind)
    attachment = prepare_image(content, name="x", options=options).attachment
    return attachment.width_px, attachment.height_px


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_sizes(kind: str) -> None:
    """Never enlarged, never longer than asked, at most 6 % shorter, proportions kept."""
    assert _sides((640, 480), 2048, kind) == (640, 480)
    assert _sides((2016, 1512), 1008, kind) == (1008, 756)
    assert _sides((1033, 771), 512, kind)[0] in range(482, 513)
    assert _sides((900, 700), 512, kind) == (512, 398)
    width, height = _sides((601, 1100), 300, kind)
    assert 282 <= height <= 300
    assert abs(width / height - 601 / 1100) < 0.01


def test_the_longest_sides_of_phones_snap_to_what_the_decoder_does_for_free() -> None:
    """4032 px becomes its half, 2016; 3000 px has no such neighbour and becomes 2048."""
    assert _sides((4032, 800), 2048) == (2016, 400)
    assert _sides((3000, 700), 2048) == (2048, 478)
    assert _sides((1, 5000), 2048, "PNG")[1] in range(1926, 2049)


def test_a_photograph_of_a_hundred_megapixels_passes_as_jpeg_only() -> None:
    """Reduced decoding keeps it in bounds; a PNG of that size would need it all at once."""
    giant = corpus.encoded(Image.new("RGB", (12_000, 9_000), (30, 90, 150)), "JPEG")
    assert prepare_image(giant, name="x").attachment.width_px == 2048
    with pytest.raises(ImageTooLarge):
        prepare_image(corpus.empty_png(12_000, 9_000), name="x")


def test_limits_can_be_set() -> None:
    """Bytes, pixels and side are the caller's to decide."""
    content = corpus.encoded(corpus.scene(), "PNG")
    megapixels = 96 * 64 / 1_000_000
    cases: list[tuple[PictureLimits, str, float, float]]
    cases = [
        (PictureLimits(max_bytes=10), "image_too_heavy", 10 / 2**20, len(content) / 2**20),
        (PictureLimits(max_pixels=10), "image_too_many_pixels", 10e-6, megapixels),
        (PictureLimits(max_decoded_pixels=10), "image_too_many_pixels", 10e-6, megapixels),
        (PictureLimits(max_side_px=10), "image_too_long", 10, 96),
    ]
    for limits, code, limit, has in cases:
        with raises(code) as refusal:
            prepare_image(content, name="x", limits=limits)
        assert refusal.value.params == {"name": "x", "limit": limit, "has": has}


def test_the_same_file_gives_the_same_bytes() -> None:
    """A prepared picture can be stored once by its hash."""
    content = corpus.encoded(corpus.scene((900, 700)), "JPEG")
    first, second = (prepare_image(content, name="x") for _ in range(2))
    assert first == second


def test_no_error_carries_the_picture() -> None:
    """Details name a limit or the kind of failure, nothing of the file."""
    content = b"\x89PNG\r\n\x1a\n" + b"CANARY" * 50
    with pytest.raises(UnreadableImage) as refusal:
        prepare_image(content, name="x")
    assert "CANARY" not in str(refusal.value)


def test_the_name_decides_nothing() -> None:
    """The format comes from the bytes."""
    assert picture_format(corpus.encoded(corpus.scene(), "HEIF")) == "HEIF"
    assert picture_format(corpus.encoded(corpus.scene(), "AVIF")) == "AVIF"
    assert picture_format(b"GIF is a format") is None
    assert picture_format(b"") is None


def test_a_prepared_picture_hides_its_bytes() -> None:
    """Printing one shows no picture."""
    picture: PreparedPicture = prepare_image(SAMPLES[0].content, name="x")
    assert "JFIF" not in repr(picture)


def test_iptc_is_seen_by_the_reference_reader() -> None:
    """The canary above is real IPTC, so its absence means something."""
    _, content, _ = next(private_sources())
    with Image.open(io.BytesIO(content)) as image:
        assert IptcImagePlugin.getiptcinfo(image)


def test_a_page_of_a_pdf_is_a_picture_like_any_other() -> None:
    """One page needs no choice; of several any can be chosen, and the receipt says which."""
    black = [Image.new("RGB", (480, 320), "black"), corpus.scene((320, 480))]
    content = corpus.encoded(
        black[0], "PDF", save_all=True, append_images=[black[1], black[0]], resolution=100
    )
    first = prepare_image(content, name="x").attachment.receipt
    assert (first.source_page, first.source_page_count) == (1, 3)
    second = prepare_image(content, name="x", options=PictureOptions(page=1))
    assert furthest(second.content, corpus.CORNERS) <= 14
    receipt = second.attachment.receipt
    assert (receipt.source_page, receipt.source_width_px, receipt.source_height_px) == (
        2,
        960,
        1440,
    )
    with pytest.raises(UnreadableImage):
        prepare_image(content, name="x", options=PictureOptions(page=3))
    assert prepare_image(corpus.paper(1, (14_400, 9)), name="x").attachment.width_px == 2048


@pytest.mark.parametrize("orientation", corpus.ORIENTATIONS)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "HEIF"])
def test_a_part_is_cut_from_the_upright_picture(kind: str, orientation: int) -> None:
    """However the file lies, the lower left part of 120 x 80 px is blue, the upper right green."""
    stored = corpus.stored(orientation, (360, 240))
    content = corpus.encoded(stored, kind, exif=corpus.exif(orientation).tobytes())
    for place, colour in (((0, 160), corpus.BLUE), ((240, 0), corpus.GREEN)):
        tile = TileOf(1, 2, *place, 120, 80)
        picture = prepare_image(content, name="x", options=PictureOptions(tile=tile))
        assert (picture.attachment.width_px, picture.attachment.height_px) == (120, 80)
        assert picture.attachment.receipt.tile == tile
        assert furthest(picture.content, (colour,) * 4) <= 14


def test_a_part_of_a_large_photograph_has_the_detail_that_the_whole_lost() -> None:
    """The part is as sharp as the file; cut from the prepared whole it is not."""
    large = photograph(2400, 1800)
    content = corpus.encoded(large, "JPEG", quality=95, subsampling=0)
    tile = TileOf(1, 9, 800, 600, 600, 450)
    options = PictureOptions(longest_side_px=600, quality=95, tile=tile)
    part = prepare_image(content, name="x", options=options)
    exact = corpus.encoded(large.crop((800, 600, 1400, 1050)), "PNG")
    assert ssim(exact, part.content) > 0.95
    small = prepare_image(content, name="x", options=PictureOptions(longest_side_px=600))
    whole = Image.open(io.BytesIO(small.content)).resize(large.size).crop((800, 600, 1400, 1050))
    assert ssim(exact, corpus.encoded(whole, "PNG")) < 0.9


def test_parts_of_a_picture_without_a_fixed_range_are_equally_bright() -> None:
    """A picture of floating point numbers is stretched as a whole, not part by part."""
    ramp = np.linspace(0, 1, 400, dtype=np.float32).reshape(1, 400).repeat(40, axis=0)
    content = corpus.encoded(Image.fromarray(ramp), "TIFF")
    options = PictureOptions(tile=TileOf(1, 2, 200, 0, 200, 40))
    picture = Image.open(io.BytesIO(prepare_image(content, name="x", options=options).content))
    assert abs(np.asarray(picture)[20, 0, 0] - 127) <= 2
