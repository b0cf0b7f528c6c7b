"""Pictures: formats by content, orientation, damage, limits."""

from __future__ import annotations

import base64
import io
import random
import struct
import zlib
from typing import Any

import pillow_heif
import pytest
from PIL import Image

from .conftest import MODEL, Running, data_uri, encoded, part, question, recognised, said, written

_PICTURE = written("Guten Tag", "Köln 4711", size=(560, 480))
_LINES = ["Guten Tag", "Köln 4711"]


def _error(reader: Running, uri: str) -> dict[str, Any]:
    body = {
        "model": MODEL,
        "messages": [
            {"role": "user", "content": "Hallo"},
            {"role": "user", "content": [{"type": "text", "text": "Was ist das?"}, part(uri)]},
        ],
    }
    response = reader.post(body)
    assert response.status_code == 400, response.text
    error: dict[str, Any] = response.json()["error"]
    assert error["param"] == "messages[1].content[1].image_url.url"
    assert error["type"] == "invalid_request_error"
    return error


def _heic() -> bytes:
    buffer = io.BytesIO()
    pillow_heif.from_pillow(_PICTURE).save(buffer, quality=90)
    return buffer.getvalue()


FORMATS = {
    "jpeg": encoded(_PICTURE, "JPEG"),
    "progressive": encoded(_PICTURE, "JPEG", progressive=True),
    "png": encoded(_PICTURE),
    "png-palette": encoded(_PICTURE.convert("P")),
    "png-grey": encoded(_PICTURE.convert("L")),
    "png-bits": encoded(_PICTURE.convert("1")),
    "png-16": encoded(_PICTURE.convert("L").convert("I;16").point(lambda value: value * 257)),
    "jpeg-cmyk": encoded(_PICTURE.convert("CMYK"), "JPEG"),
    "webp": encoded(_PICTURE, "WEBP"),
    "gif": encoded(_PICTURE, "GIF"),
    "gif-frames": encoded(
        _PICTURE, "GIF", save_all=True, append_images=[Image.new("RGB", _PICTURE.size)] * 3
    ),
    "avif": encoded(_PICTURE, "AVIF"),
    "heic": _heic(),
}


@pytest.mark.parametrize("content", FORMATS.values(), ids=FORMATS)
def test_formats(reader: Running, content: bytes) -> None:
    """Every allowed format is read, whatever its colour mode and whatever the URI calls it."""
    answer = said(reader.post(question("Lies den Text vor.", data_uri(content, "image/jpeg"))))

    assert recognised(answer) == _LINES


def test_transparency(reader: Running) -> None:
    """Black text on a transparent ground is read as on white paper."""
    inked = Image.new("RGBA", _PICTURE.size, (0, 0, 0, 0))
    inked.putalpha(_PICTURE.convert("L").point(lambda value: 255 - value))

    answer = said(reader.post(question("Lies den Text vor.", encoded(inked))))

    assert recognised(answer) == _LINES


def test_white_writing_on_transparency(reader: Running) -> None:
    """White letters on a transparent ground are laid on a dark one, and read."""
    letters = _PICTURE.convert("L").point(lambda value: 255 - value)
    white = Image.new("RGBA", _PICTURE.size, "white")
    white.putalpha(letters)

    answer = said(reader.post(question("Lies den Text vor.", encoded(white))))

    assert recognised(answer) == _LINES


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation(reader: Running, orientation: int) -> None:
    """A picture stored sideways with its orientation noted is read and measured upright."""
    stored = {
        2: [Image.Transpose.FLIP_LEFT_RIGHT],
        3: [Image.Transpose.ROTATE_180],
        4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE],
        6: [Image.Transpose.ROTATE_90],
        7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_270],
    }[orientation]
    image = _PICTURE
    for step in stored:
        image = image.transpose(step)
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(image, "JPEG", exif=exif)

    answer = said(reader.post(question("Lies den Text vor. Wie groß ist das Bild?", content)))

    assert recognised(answer) == _LINES
    assert "560 \u00d7 480 Pixel" in answer
    assert "nach den Angaben der Kamera" in answer


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_turned_text(reader: Running, degrees: int) -> None:
    """Text that lies on its side or head is read all the same, and that is said."""
    content = encoded(_PICTURE.rotate(degrees, expand=True))
    answer = said(reader.post(question("Lies den Text vor.", content)))

    assert recognised(answer) == _LINES
    assert "gedreht" in answer


@pytest.mark.parametrize(
    "uri", ["https://example.org/a.jpg", "http://127.0.0.1/a.png", "file:///etc/passwd", "", "x"]
)
def test_remote_pictures(reader: Running, uri: str) -> None:
    """Nothing is fetched; the error says how to send a picture instead."""
    error = _error(reader, uri)

    assert error["code"] == "invalid_image_url"
    assert "data URI" in error["message"]


_PNG = FORMATS["png"]


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _bomb(side: int) -> bytes:
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", zlib.compress(b"\0" * 99))


@pytest.mark.parametrize(
    ("uri", "code"),
    [
        ("data:text/html;base64,PGI+", "invalid_image_format"),
        ("data:image/png,abc", "invalid_base64"),
        ("data:image/png;base64,####", "invalid_base64"),
        ("data:image/png;base64,abc", "invalid_base64"),
        ("data:image/png;base64,äöü=", "invalid_base64"),
        ("data:image/png;base64,", "empty_image"),
        (data_uri(b"no picture at all"), "invalid_image_format"),
        (data_uri(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "invalid_image_format"),
        (data_uri(encoded(_PICTURE, "BMP")), "invalid_image_format"),
        (data_uri(encoded(_PICTURE, "TIFF")), "invalid_image_format"),
        (data_uri(_bomb(60_000)), "image_too_large"),
        (data_uri(_bomb(9_000)), "image_too_large"),
        (data_uri(_bomb(500)), "invalid_image"),
        (data_uri(b"\xff" * 21_000_000), "image_too_large"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else None,
)
def test_wrong_pictures(reader: Running, uri: str, code: str) -> None:
    """What is no usable picture is refused with a reason and the place in the request."""
    assert _error(reader, uri)["code"] == code


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "avif", "heic"])
@pytest.mark.parametrize("part_kept", [0.3, 0.7])
def test_truncated(reader: Running, kind: str, part_kept: float) -> None:
    """A picture that is cut off is refused, whatever its format."""
    content = FORMATS[kind]
    error = _error(reader, data_uri(content[: int(len(content) * part_kept)]))

    assert error["code"] in {"invalid_image", "invalid_image_format"}


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "avif", "heic"])
def test_damaged(reader: Running, kind: str) -> None:
    """Random damage is answered or refused, never a server error."""
    chance = random.Random(kind)
    for _round in range(6):
        content = bytearray(FORMATS[kind])
        for _byte in range(20):
            content[chance.randrange(len(content))] = chance.randrange(256)
        response = reader.post(question("Wie groß?", data_uri(bytes(content))))
        assert response.status_code in {200, 400}, response.text


def test_too_many(reader: Running) -> None:
    """More pictures than allowed are refused, and the first one too many is named."""
    tiny = encoded(Image.new("RGB", (8, 8)))
    response = reader.post(question("Was ist das?", *[tiny] * 51))

    assert response.status_code == 400
    assert response.json()["error"]["param"] == "messages[0].content[50].image_url.url"
    assert response.json()["error"]["code"] == "too_many_images"


def test_smallest(reader: Running) -> None:
    """A picture of one pixel is described, not crashed on."""
    answer = said(
        reader.post(question("Was ist das, wie groß?", encoded(Image.new("RGB", (1, 1)))))
    )

    assert "1 \u00d7 1 Pixel" in answer


def test_long_and_thin(reader: Running) -> None:
    """A strip is described, not crashed on."""
    strip = encoded(Image.new("RGB", (6000, 3), "white"))

    assert "6000 \u00d7 3" in said(reader.post(question("Was ist das, wie groß?", strip)))


def test_spaces_in_base64(reader: Running) -> None:
    """Line breaks in base64, as some tools write them, are no harm."""
    uri = "data:image/png;base64," + base64.encodebytes(_PNG).decode()

    assert recognised(said(reader.post(question("Lies den Text vor.", uri)))) == _LINES
