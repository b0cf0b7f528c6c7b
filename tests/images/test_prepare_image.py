"""What comes out of a file: upright, in its colours, small, and nothing but pixels."""

from __future__ import annotations

import io
import struct
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, IptcImagePlugin, PngImagePlugin, TiffImagePlugin

from augenblick.errors import ImageError, ImageTooLarge, UnreadableImage
from augenblick.images import PictureLimits, PictureOptions, picture_format, prepare_image
from augenblick.messages import PreparedPicture
from tests.images import corpus
from tests.images.corpus import Refused, Sample

SAMPLES = list(corpus.samples())
REFUSED = list(corpus.refused())


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
    """Impostors, torsos and bombs become the right error, with the name, and quickly."""
    started = time.perf_counter()
    with pytest.raises(ImageError) as refusal:
        prepare_image(case.content, name=case.name)
    assert refusal.value.code == case.code
    assert refusal.value.params["name"] == case.name
    if case.unit:
        assert refusal.value.params["unit"] == case.unit
        assert refusal.value.params["limit"]
    assert time.perf_counter() - started < 10


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


@pytest.mark.parametrize("container", ["PNG", "TIFF", "JPEG", "WEBP", "HEIF", "AVIF"])
@pytest.mark.parametrize("kind", ["display-p3", "adobe-rgb", "linear"])
def test_wide_colours_stay_what_they_look_like(kind: str, container: str) -> None:
    """Within 2 delta E of the colours that the profile means (4 through lossy codecs)."""
    steps = (60, 110, 160, 210)
    chart = np.array([(r, g, b) for r in steps for g in steps for b in steps], dtype=np.uint8)
    fields = np.kron(chart.reshape(8, 8, 3), np.ones((16, 16, 1), dtype=np.uint8))
    lossless: dict[str, dict[str, Any]] = {
        "JPEG": {"quality": 100, "subsampling": 0},
        "WEBP": {"lossless": True},
    }
    lossless |= {
        "HEIF": {"quality": -1, "chroma": 444},
        "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    }
    source = Image.fromarray(in_profile(fields, kind))
    content = corpus.encoded(
        source, container, icc_profile=corpus.profile(kind), **lossless.get(container, {})
    )
    picture = prepare_image(content, name="x", options=PictureOptions(quality=95))
    assert "profile" in picture.attachment.receipt.removed
    result = np.asarray(Image.open(io.BytesIO(picture.content)).convert("RGB"))
    middles = (slice(8, None, 16), slice(8, None, 16))
    is_exact = container in ("PNG", "TIFF", "WEBP") and picture.attachment.media_type == "image/png"
    assert delta_e(result[middles], fields[middles]) <= (2 if is_exact else 4)


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
    yield "JPEG", jpeg + archive.getvalue(), everything
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "CANARY-author")
    text.add_itxt("XML:com.adobe.xmp", xmp.decode())
    text.add_text("Long", "CANARY-long", zip=True)
    profile = corpus.profile("display-p3")
    png = corpus.encoded(base, "PNG", exif=corpus.private_exif(), pnginfo=text, icc_profile=profile)
    yield "PNG", png + b"CANARY-tail", everything
    for kind in ("WEBP", "AVIF", "HEIF"):
        content = corpus.encoded(
            base, kind, exif=corpus.private_exif().tobytes(), xmp=xmp, icc_profile=profile
        )
        yield kind, content + b"CANARY-tail", everything
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
    """Frames nobody asked for are not even counted."""
    started = time.perf_counter()
    picture = prepare_image(corpus.endless(kind), name="x")
    assert furthest(picture.content, corpus.CORNERS) <= 14
    assert time.perf_counter() - started < 10


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
    for limits, unit in (
        (PictureLimits(max_bytes=10), "bytes"),
        (PictureLimits(max_pixels=10), "pixels"),
        (PictureLimits(max_decoded_pixels=10), "pixels"),
        (PictureLimits(max_side_px=10), "side_px"),
    ):
        with pytest.raises(ImageTooLarge) as refusal:
            prepare_image(content, name="x", limits=limits)
        assert refusal.value.params == {"name": "x", "unit": unit, "limit": 10}


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
