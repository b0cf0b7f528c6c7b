"""Pictures as phones, cameras, scanners and attackers make them, built from nothing.

Every good picture shows the same four corners (red, green, blue, white, clockwise from the upper
left: red, green, white, blue) round a grey middle once it is upright, so a test can tell which way
is up and whether the colours are right.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pillow_heif
import pypdfium2 as pdfium
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

pillow_heif.register_heif_opener()

Colour = tuple[int, int, int]
RED, GREEN, BLUE, WHITE = (200, 40, 40), (40, 160, 60), (40, 60, 180), (255, 255, 255)
MIDDLE = (128, 128, 128)
CORNERS = (RED, GREEN, BLUE, WHITE)  # upper left, upper right, lower left, lower right
GREY_CORNERS = tuple((round(0.299 * r + 0.587 * g + 0.114 * b),) * 3 for r, g, b in CORNERS)
SIZE = (96, 64)

ORIENTATIONS = range(1, 9)
_TO_STORED = {  # what a camera held that way stores, from the upright picture
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True)
class Sample:
    """A file that must be accepted, and how it must come out."""

    name: str
    content: bytes
    kind: str
    corners: tuple[Colour, ...] = CORNERS
    removed: frozenset[str] = frozenset()
    tolerance: int = 14  # per channel; lossy codecs on small pictures


def scene(size: tuple[int, int] = SIZE) -> Image.Image:
    """The upright picture."""
    width, height = size
    image = Image.new("RGB", size, MIDDLE)
    for corner, colour in enumerate(CORNERS):
        left = (corner % 2) * (width - width // 3)
        top = (corner // 2) * (height - height // 3)
        image.paste(colour, (left, top, left + width // 3, top + height // 3))
    return image


def stored(orientation: int, size: tuple[int, int] = SIZE) -> Image.Image:
    """The scene as it lies in a file with this EXIF orientation."""
    transposition = _TO_STORED[orientation]
    return scene(size) if transposition is None else scene(size).transpose(transposition)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The file, in memory."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def exif(orientation: int = 1, **extra: Any) -> Image.Exif:
    """EXIF with an orientation and whatever else is named by its tag."""
    block = Image.Exif()
    block[ExifTags.Base.Orientation] = orientation
    for name, value in extra.items():
        block[ExifTags.Base[name]] = value
    return block


def private_exif(orientation: int = 1) -> Image.Exif:
    """EXIF as a phone writes it: device, time, position, caption, and canaries to look for."""
    block = exif(
        orientation, Make="CANARY-make", Model="CANARY-model", ImageDescription="CANARY-caption"
    )
    block.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = "2025:11:22 10:11:12"
    gps = block.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", (52.0, 31.0, 12.0)
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "E", (13.0, 24.0, 18.0)
    return block


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    """The JPEG with one more segment right after its start."""
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + jpeg[2:]


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG from its raw rows (each with its filter byte); `extra` chunks stand before the data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = (png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", zlib.compress(rows, 9)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def png_chunk(name: bytes, payload: bytes) -> bytes:
    """One chunk with its length and checksum."""
    return (
        struct.pack(">I", len(payload))
        + name
        + payload
        + struct.pack(">I", zlib.crc32(name + payload))
    )


def sixteen_bit_png(mode: str) -> bytes:
    """The scene with 16 bits per channel, mode L, LA, RGB or RGBA."""
    pixels = np.asarray(scene().convert(mode), dtype=np.uint16) * 257
    height, width = pixels.shape[:2]
    flat = pixels.reshape(height, -1).astype(">u2").tobytes()
    step = len(flat) // height
    rows = b"".join(b"\0" + flat[at : at + step] for at in range(0, len(flat), step))
    return png(width, height, 16, {"L": 0, "RGB": 2, "LA": 4, "RGBA": 6}[mode], rows)


def interlaced_png() -> bytes:
    """The scene in seven passes, which Pillow reads but does not write (PNG, 8.2)."""
    pixels = np.asarray(scene())
    rows = b""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2))
    for top, left, down, across in (*passes, (1, 0, 2, 1)):
        rows += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::across])
    header = struct.pack(">IIBBBBB", *SIZE, 8, 2, 0, 0, 1)
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def deep_tiff(*, is_planar: bool) -> bytes:
    """The scene with 16 bits per channel, channel after channel or pixel after pixel."""
    pixels = np.asarray(scene(), dtype=np.uint16) * 257
    planes = [pixels[..., channel] for channel in range(3)] if is_planar else [pixels]
    strips = [plane.astype("<u2").tobytes() for plane in planes]
    width, height = SIZE
    depths, counts, starts = 8, 8 + 6, 8 + 6 + 4 * len(strips)
    at = starts + 4 * len(strips)
    offsets = [at + number * len(strip) for number, strip in enumerate(strips)]
    body = struct.pack("<3H", 16, 16, 16)
    body += struct.pack(f"<{len(strips)}I", *map(len, strips))
    body += struct.pack(f"<{len(strips)}I", *offsets) + b"".join(strips)
    few = len(strips) == 1
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 3, depths), (259, 3, 1, 1),
        (262, 3, 1, 2), (273, 4, len(strips), offsets[0] if few else starts), (277, 3, 1, 3),
        (278, 4, 1, height), (279, 4, len(strips), len(strips[0]) if few else counts),
        (284, 3, 1, 2 if is_planar else 1),
    ]  # fmt: skip
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + table + bytes(4)


def profile(kind: str) -> bytes:
    """An ICC v2 display profile: "display-p3", "adobe-rgb", "srgb", "linear" or "grey"."""
    if kind == "srgb":
        return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    gamma = {"display-p3": 2.2, "adobe-rgb": 2.19921875, "linear": 1.0, "grey": 1.8}[kind]
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    text = kind.encode()
    description = b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79)
    tags = {b"desc": description, b"wtpt": _xyz((0.9642, 1.0, 0.8249))}
    if kind == "grey":
        tags[b"kTRC"] = curve
    else:
        names = (b"rXYZ", b"gXYZ", b"bXYZ")
        tags |= dict(zip(names, map(_xyz, PRIMARIES[kind].T.tolist()), strict=True))
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return _icc(tags, b"GRAY" if kind == "grey" else b"RGB ")


PRIMARIES = {  # columns: red, green, blue as XYZ, adapted to D50
    "display-p3": np.array(
        [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]]
    ),
    "adobe-rgb": np.array(
        [[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]]
    ),
    "linear": np.array(
        [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
    ),
}
GAMMAS = {"display-p3": 2.2, "adobe-rgb": 2.19921875, "linear": 1.0}


def _xyz(values: tuple[float, ...] | list[float]) -> bytes:
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(value * 65536) for value in values))


def _icc(tags: dict[bytes, bytes], space: bytes) -> bytes:
    table, blocks = b"", b""
    start = 128 + 4 + 12 * len(tags)
    for name, block in tags.items():
        table += name + struct.pack(">II", start + len(blocks), len(block))
        blocks += block + bytes(-len(block) % 4)
    size = start + len(blocks)
    header = struct.pack(">I", size) + bytes(4) + b"\x02\x40\0\0" + b"mntr" + space + b"XYZ "
    header += bytes(12) + b"acsp" + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + blocks


def samples() -> Iterator[Sample]:
    """Every picture that has to be accepted."""
    yield from _jpegs()
    yield from _pngs()
    yield from _webs()
    yield from _containers()
    yield from _prints()
    yield from _bitmaps()
    yield from _papers()
    yield from _turned()


def _jpegs() -> Iterator[Sample]:
    base = scene()
    yield Sample("plain.jpg", encoded(base, "JPEG", quality=92), "JPEG")
    yield Sample("named.txt", encoded(base, "JPEG", quality=92), "JPEG")
    yield Sample("full-chroma.jpg", encoded(base, "JPEG", quality=92, subsampling=0), "JPEG")
    yield Sample("progressive.jpg", encoded(base, "JPEG", quality=92, progressive=True), "JPEG")
    yield Sample("grey.jpg", encoded(base.convert("L"), "JPEG", quality=92), "JPEG", GREY_CORNERS)
    yield Sample("cmyk-inverted.jpg", encoded(base.convert("CMYK"), "JPEG", quality=95), "JPEG")
    wide = encoded(base, "JPEG", quality=92, icc_profile=profile("srgb"))
    yield Sample("srgb-profile.jpg", wide, "JPEG", removed=frozenset({"profile"}))
    pair = encoded(base, "MPO", save_all=True, append_images=[Image.new("RGB", SIZE)], quality=92)
    yield Sample("portrait-mode.jpg", pair, "JPEG", removed=frozenset({"frames"}))
    tail = encoded(base, "JPEG", quality=92) + b"PK\x03\x04CANARY-zip"
    yield Sample("zip-behind.jpg", tail, "JPEG", removed=frozenset({"attached"}))
    yield Sample("stored-as-rgb.jpg", encoded(base, "JPEG", quality=92, keep_rgb=True), "JPEG")
    grey = encoded(base.convert("L"), "JPEG", quality=92, progressive=True)
    yield Sample("grey-progressive.jpg", grey, "JPEG", GREY_CORNERS)
    big = encoded(scene((3000, 700)), "JPEG", quality=90)
    yield Sample("panorama.jpg", big, "JPEG")
    yield Sample("twelve-megapixels.jpg", encoded(scene((4032, 3024)), "JPEG"), "JPEG")


def _pngs() -> Iterator[Sample]:
    base = scene()
    see_through = base.convert("RGBA")
    see_through.paste((9, 9, 9, 0), (64, 43, 96, 64))  # the white corner, transparent
    clear = frozenset({"transparency"})
    for mode in ("RGB", "RGBA", "P"):
        yield Sample(f"{mode}.png", encoded(base.convert(mode), "PNG"), "PNG", tolerance=40)
    yield Sample("transparent.png", encoded(see_through, "PNG"), "PNG", removed=clear)
    yield Sample(
        "keyed.png", encoded(_keyed(base), "PNG", transparency=(1, 2, 3)), "PNG", removed=clear
    )
    palette = see_through.quantize(16, method=Image.Quantize.FASTOCTREE)
    yield Sample("palette-transparent.png", encoded(palette, "PNG"), "PNG", removed=clear)
    for mode in ("L", "LA"):
        yield Sample(f"{mode}.png", encoded(base.convert(mode), "PNG"), "PNG", GREY_CORNERS)
    for mode in ("RGB", "RGBA"):
        yield Sample(f"sixteen-{mode}.png", sixteen_bit_png(mode), "PNG")
    for mode in ("L", "LA"):
        yield Sample(f"sixteen-{mode}.png", sixteen_bit_png(mode), "PNG", GREY_CORNERS)
    bitmap = base.convert("L").point(lambda value: 255 * (value > 250), "1")
    corners = ((0, 0, 0), (0, 0, 0), (0, 0, 0), WHITE)
    yield Sample("one-bit.png", encoded(bitmap, "PNG"), "PNG", corners)
    frames = [Image.new("RGB", SIZE, "black")] * 3
    moving = encoded(base, "PNG", save_all=True, append_images=frames, default_image=False)
    yield Sample("animated.png", moving, "PNG", removed=frozenset({"frames"}))
    yield Sample("interlaced.png", interlaced_png(), "PNG")
    yield Sample("panorama.png", encoded(scene((9000, 1200)), "PNG"), "PNG")
    text = PngImagePlugin.PngInfo()
    text.add_text("Whatever", "CANARY-text")
    yield Sample(
        "talking.png", encoded(base, "PNG", pnginfo=text), "PNG", removed=frozenset({"text"})
    )


def _keyed(base: Image.Image) -> Image.Image:
    image = base.copy()
    image.paste((1, 2, 3), (64, 43, 96, 64))
    return image


def _webs() -> Iterator[Sample]:
    base = scene()
    frames = frozenset({"frames"})
    black = [Image.new("RGB", SIZE, "black")] * 3
    see_through = base.convert("RGBA")
    see_through.paste((9, 9, 9, 0), (64, 43, 96, 64))
    clear = frozenset({"transparency"})
    yield Sample("lossy.webp", encoded(base, "WEBP", quality=92), "WEBP", tolerance=24)
    yield Sample("lossless.webp", encoded(base, "WEBP", lossless=True), "WEBP")
    lossy = encoded(see_through, "WEBP", quality=92)
    yield Sample("lossy-clear.webp", lossy, "WEBP", removed=clear, tolerance=24)
    yield Sample("clear.webp", encoded(see_through, "WEBP", lossless=True), "WEBP", removed=clear)
    moving = encoded(base, "WEBP", save_all=True, append_images=black, lossless=True)
    yield Sample("animated.webp", moving, "WEBP", removed=frames)
    yield Sample("plain.gif", encoded(base, "GIF"), "GIF")
    moving = encoded(base, "GIF", save_all=True, append_images=black)
    yield Sample("interlaced.gif", encoded(base, "GIF", interlace=1), "GIF")
    yield Sample("animated.gif", moving, "GIF", removed=frames)
    yield Sample("clear.gif", encoded(see_through, "GIF"), "GIF", removed=clear)


def _containers() -> Iterator[Sample]:
    base = scene()
    see_through = base.convert("RGBA")
    see_through.paste((9, 9, 9, 0), (64, 43, 96, 64))
    clear = frozenset({"transparency"})
    for kind, ending in (("AVIF", "avif"), ("HEIF", "heic")):
        yield Sample(f"plain.{ending}", encoded(base, kind, quality=92), kind)
        yield Sample(
            f"clear.{ending}",
            encoded(see_through, kind, quality=95),
            kind,
            removed=clear,
            tolerance=24,
        )
        grey = encoded(base.convert("L"), kind, quality=92)
        yield Sample(f"grey.{ending}", grey, kind, GREY_CORNERS)
        yield Sample(f"named-jpg-{ending}.jpg", encoded(base, kind, quality=92), kind)
    tiles = scene((800, 600))
    yield Sample("tiles.heic", encoded(tiles, "HEIF", quality=80, tile_size=256), "HEIF")
    deep = pillow_heif.from_bytes(
        "RGB;16", SIZE, (np.asarray(base, dtype=np.uint16) * 257).astype("<u2").tobytes()
    )
    buffer = io.BytesIO()
    deep.save(buffer, quality=92)
    yield Sample("ten-bit.heic", buffer.getvalue(), "HEIF")
    burst = pillow_heif.from_pillow(Image.new("RGB", SIZE))
    burst.add_from_pillow(base)
    buffer = io.BytesIO()
    burst.save(buffer, quality=92, primary_index=1)  # the one to be shown need not be the first
    yield Sample("burst.heic", buffer.getvalue(), "HEIF", removed=frozenset({"frames"}))
    black = [Image.new("RGB", SIZE)] * 2
    moving = encoded(base, "AVIF", save_all=True, append_images=black, quality=92)
    yield Sample("animated.avif", moving, "AVIF", removed=frozenset({"frames"}))


def _prints() -> Iterator[Sample]:
    base = scene()
    for compression in (None, "tiff_lzw", "tiff_deflate", "packbits", "jpeg"):
        content = encoded(base, "TIFF", compression=compression)
        yield Sample(f"{compression}.tiff", content, "TIFF")
    yield Sample("cmyk.tiff", encoded(base.convert("CMYK"), "TIFF"), "TIFF")
    lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    ).apply(base)
    yield Sample("lab.tiff", encoded(lab, "TIFF"), "TIFF", removed=frozenset({"profile"}))
    grey = np.asarray(base.convert("L"), dtype=np.uint16) * 257
    yield Sample("sixteen.tiff", encoded(Image.fromarray(grey), "TIFF"), "TIFF", GREY_CORNERS)
    wide = Image.fromarray(grey.astype(np.int32))
    yield Sample("thirty-two.tiff", encoded(wide, "TIFF"), "TIFF", GREY_CORNERS)
    unit = Image.fromarray((grey / np.float32(65535)).astype(np.float32))
    yield Sample("float.tiff", encoded(unit, "TIFF"), "TIFF", _stretched(GREY_CORNERS))
    pages = encoded(base, "TIFF", save_all=True, append_images=[Image.new("RGB", SIZE)])
    yield Sample("pages.tiff", pages, "TIFF", removed=frozenset({"frames"}))
    see_through = base.convert("RGBA")
    see_through.paste((9, 9, 9, 0), (64, 43, 96, 64))
    content = encoded(see_through, "TIFF")
    yield Sample("clear.tiff", content, "TIFF", removed=frozenset({"transparency"}))
    fax = base.convert("L").point(lambda value: 255 * (value > 250), "1")
    black_and_white = ((0, 0, 0), (0, 0, 0), (0, 0, 0), WHITE)
    content = encoded(fax, "TIFF", compression="group4")
    yield Sample("fax.tiff", content, "TIFF", black_and_white)
    for big in (False, True):
        content = encoded(base.convert("P"), "TIFF", big_tiff=big)
        yield Sample(f"palette-{big}.tiff", content, "TIFF", tolerance=40)
    for is_planar in (False, True):
        content = deep_tiff(is_planar=is_planar)
        yield Sample(f"deep-{is_planar}.tiff", content, "TIFF")


def _bitmaps() -> Iterator[Sample]:
    base = scene()
    for mode in ("RGB", "P", "RGBA"):
        yield Sample(f"{mode}.bmp", encoded(base.convert(mode), "BMP"), "BMP", tolerance=40)
    yield Sample("L.bmp", encoded(base.convert("L"), "BMP"), "BMP", GREY_CORNERS)
    pixels = np.asarray(base, dtype=np.uint16) >> np.array([3, 2, 3], dtype=np.uint16)
    short = (pixels[..., 0] << 11 | pixels[..., 1] << 5 | pixels[..., 2]).astype("<u2").tobytes()
    masks = struct.pack("<III", 0xF800, 0x07E0, 0x001F)
    width, height = SIZE
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 66 + len(short), 0, 0, 66, 40, width, -height, 1, 16, 3,
        len(short), *[0] * 4,
    )  # fmt: skip
    yield Sample("downwards-565.bmp", header + masks + short, "BMP")


def _papers() -> Iterator[Sample]:
    """PDFs; each page shows the scene."""
    base = scene((480, 320))
    yield Sample("scan.pdf", encoded(base, "PDF", resolution=100), "PDF")
    for pages in (2, 30):
        more = [Image.new("RGB", base.size, "black")] * (pages - 1)
        content = encoded(base, "PDF", save_all=True, append_images=more, resolution=100)
        yield Sample(f"pages-{pages}.pdf", content, "PDF")
    yield Sample("drawn.pdf", drawn_pdf(), "PDF")
    yield Sample("behind-a-header.pdf", b"\r\n\r\n" + drawn_pdf(), "PDF")
    yield Sample("turned.pdf", drawn_pdf(rotate_degrees=90), "PDF")


def drawn_pdf(*, rotate_degrees: int = 0, word: str = "") -> bytes:
    """The scene as vectors and a word in a font that the file does not bring along.

    `rotate_degrees` is the page's own turn, which makes it upright.
    """
    red, green, blue, _ = (" ".join(f"{part / 255:.4f}" for part in c) for c in CORNERS)
    grey = " ".join([f"{MIDDLE[0] / 255:.4f}"] * 3)
    drawing = (
        f"{grey} rg 0 0 288 192 re f {red} rg 0 128 96 64 re f {green} rg 192 128 96 64 re f "
        f"{blue} rg 0 0 96 64 re f 1 g 192 0 96 64 re f 0 g BT /F 12 Tf 110 90 Td ({word}) Tj ET"
    )
    box = "0 0 288 192"
    if rotate_degrees == 90:  # drawn lying on its side
        drawing, box = f"0 1 -1 0 192 0 cm {drawing}", "0 0 192 288"
    font = "/Resources<</Font<</F<</Type/Font/Subtype/TrueType/BaseFont/Unheard>>>>>>"
    page = f"/Type/Page/Parent 2 0 R/MediaBox[{box}]/Rotate {rotate_degrees}/Contents 4 0 R{font}"
    return pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<<{page}>>",
        f"<</Length {len(drawing)}>>stream\n{drawing}\nendstream",
    )


def bottomless_pdf() -> bytes:
    """A page whose form draws itself ten times, and so on."""
    again = "/Again Do " * 10
    form = "<</XObject<</Again 4 0 R>>>>"
    return pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 5 0 R/Resources{form}>>",
        f"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Resources{form}/Length {len(again)}>>"
        f"stream\n{again}\nendstream",
        f"<</Length {len(again)}>>stream\n{again}\nendstream",
    )


def slow_pdf(seed: int, levels: int = 8) -> bytes:
    """A page that draws ten to the power of `levels` rectangles: minutes of work, well formed."""
    forms = [
        f"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]"
        f"/Resources<</XObject<</Next {number + 1} 0 R>>>>/Length 90>>"
        f"stream\n{'/Next Do ' * 10}\nendstream"
        for number in range(4, 4 + levels)
    ]
    drawing = f"{seed} 0 9 9 re f"
    return pdf(
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/Contents 4 0 R"
        "/Resources<</XObject<</Next 5 0 R>>>>>>",
        *forms,
        f"<</Type/XObject/Subtype/Form/BBox[0 0 99 99]/Length {len(drawing)}>>"
        f"stream\n{drawing}\nendstream",
    )


def pdf(*objects: str) -> bytes:
    """A file of these objects, of which the first is the catalogue."""
    content, starts = "%PDF-1.7\n", []
    for number, thing in enumerate(objects, start=1):
        starts.append(len(content))
        content += f"{number} 0 obj\n{thing}\nendobj\n"
    table = "".join(f"{start:010} 00000 n \n" for start in starts)
    content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    content += f"trailer\n<</Root 1 0 R/Size {len(objects) + 1}>>\nstartxref\n"
    return f"{content}{content.index('xref')}\n%%EOF\n".encode()


def _stretched(corners: tuple[Colour, ...]) -> tuple[Colour, ...]:
    low, high = min(c[0] for c in corners), max(c[0] for c in corners)
    return tuple((round((c[0] - low) * 255 / (high - low)),) * 3 for c in corners)


def _turned() -> Iterator[Sample]:
    for orientation in ORIENTATIONS:
        for kind in ("JPEG", "PNG", "WEBP", "TIFF"):
            content = encoded(stored(orientation), kind, exif=exif(orientation))
            yield Sample(f"turned-{orientation}.{kind.lower()}", content, kind, tolerance=24)
        for kind in ("AVIF", "HEIF"):  # their encoders write the container's own turn as well
            tag = exif(orientation).tobytes()
            content = encoded(stored(orientation), kind, exif=tag, quality=92)
            yield Sample(f"turned-{orientation}.{kind.lower()}", content, kind, tolerance=24)
        bare = encoded(stored(orientation), "HEIF", exif=exif(orientation), quality=92)
        yield Sample(f"only-exif-{orientation}.heif", bare, "HEIF", tolerance=24)


@dataclass(frozen=True)
class Refused:
    """A file that must be refused, with the code of the error."""

    name: str
    content: bytes
    code: str


def refused() -> Iterator[Refused]:
    """Every file that must not be accepted."""
    whole = encoded(scene((800, 600)), "JPEG", quality=95)
    yield Refused("empty.jpg", b"", "image_empty")
    for name, content in _impostors():
        yield Refused(name, content, "image_unsupported")
    for kind in ("JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF", "BMP"):
        content = encoded(noise((300, 200)), kind)
        yield Refused(f"cut.{kind}", content[: len(content) // 2], "image_unreadable")
    yield Refused("only-magic.jpg", whole[:4], "image_unreadable")
    yield Refused("only-magic.png", b"\x89PNG\r\n\x1a\n", "image_unreadable")
    yield Refused("heavy.jpg", whole + bytes(25 * 1024 * 1024), "image_too_heavy")
    yield from _bad_papers()
    yield from bombs()


def _bad_papers() -> Iterator[Refused]:
    yield Refused("torn.pdf", b"%PDF-1.7\n1 0 obj\n", "image_unreadable")
    yield Refused("only-magic.pdf", b"%PDF-", "image_unreadable")
    yield Refused("no-page.pdf", paper(0), "image_empty")
    yield Refused("a-thousand-too-many.pdf", paper(6_000), "image_too_many_pages")
    locked = encrypted(drawn_pdf())
    yield Refused("locked.pdf", locked, "image_locked")


@functools.cache
def paper(pages: int, size: tuple[float, float] = (595, 842)) -> bytes:
    """A PDF with so many empty pages."""
    document = pdfium.PdfDocument.new()
    for _ in range(pages):
        document.new_page(*size)
    buffer = io.BytesIO()
    document.save(buffer)
    document.close()
    return buffer.getvalue()


def encrypted(content: bytes) -> bytes:
    """The PDF with an encryption (RC4, 40 bits) whose password nobody knows."""
    scrambled = "".join(f"{number:02x}" for number in range(32))
    cipher = f"<</Filter/Standard/V 1/R 2/P -4/O<{scrambled}>/U<{scrambled}>>>"
    trailer = f"trailer\n<</Encrypt {cipher}/ID[<00><00>]"
    return content.replace(b"trailer\n<<", trailer.encode())


def _impostors() -> Iterator[tuple[str, bytes]]:
    yield "text.jpg", b"Dear colleagues, this is no picture.\n" * 40
    yield "page.png", b"<!doctype html><script>alert(1)</script>"
    yield "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>'
    yield "script.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
    yield "film.mp4", b"\0\0\0\x18ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(64)
    yield "old.jp2", b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(40)
    yield "bmw.txt", b"BMW is no bitmap, whatever its first two letters say."
    yield "zeros.bin", bytes(5000)


def noise(size: tuple[int, int]) -> Image.Image:
    """Grain that no codec can shrink to nothing."""
    grain = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(grain)


def bombs() -> Iterator[Refused]:
    """Small files that ask for a great deal of memory."""
    yield Refused("tower.png", empty_png(1, 89_000_000), "image_too_long")
    yield Refused("huge.png", empty_png(13_350, 13_350), "image_too_many_pixels")
    yield Refused("larger.png", png(30_000, 30_000, 8, 2, bytes(99)), "image_too_many_pixels")
    yield Refused("screen.gif", _gif(65_000, 65_000), "image_too_long")
    yield Refused("frame.gif", _gif(1, 1, frame=(65_000, 65_000)), "image_too_demanding")
    wide = bytearray(encoded(scene(), "JPEG"))
    at = wide.index(b"\xff\xc0")
    wide[at + 5 : at + 9] = struct.pack(">HH", 30_000, 30_000)
    yield Refused("lying.jpg", bytes(wide), "image_too_many_pixels")
    woven = bytearray(encoded(scene(), "JPEG", progressive=True, subsampling=0))
    at = woven.index(b"\xff\xc2")
    woven[at + 5 : at + 9] = struct.pack(">HH", 14_000, 10_000)
    yield Refused("woven.jpg", bytes(woven), "image_too_many_pixels")
    huge = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 99, 0, 0, 54, 40, 25_000, 25_000, 1, 24, *[0] * 6
    )
    yield Refused("huge.bmp", huge, "image_too_many_pixels")


@functools.cache
def empty_png(width: int, height: int) -> bytes:
    """A black greyscale PNG; the rows compress a thousand times."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    blocks, rest = divmod((width + 1) * height, 1 << 20)
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)  # all of them alike
    end = packer.compress(bytes(rest)) + packer.flush()
    checksum = struct.pack(">HH", (width + 1) * height % 65521, 1)  # Adler-32 of zeros
    data = b"\x78\xda" + block * blocks + end + checksum
    chunks = (png_chunk(b"IHDR", header), png_chunk(b"IDAT", data))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + png_chunk(b"IEND", b"")


def _gif(width: int, height: int, frame: tuple[int, int] | None = None) -> bytes:
    frame_width, frame_height = frame or (width, height)
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x80, 0, 0) + bytes(6)
    descriptor = struct.pack("<BHHHHB", 0x2C, 0, 0, frame_width, frame_height, 0)
    return screen + descriptor + b"\x02\x02\x4c\x01\x00;"


def endless(kind: str, frames: int = 50_000) -> bytes:
    """A file with very many frames: "GIF", "PNG" or "TIFF" (whose directories form a ring)."""
    if kind == "GIF":
        start = encoded(scene(), "GIF")
        at = start.rindex(b"\x2c")
        return start[:at] + start[at:-1] * frames + b";"
    if kind == "TIFF":
        return _ring_of_pages()
    still = encoded(scene(), "PNG")
    control = png_chunk(b"acTL", struct.pack(">II", 0xFFFFFFF, 0))
    first = png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, *SIZE, 0, 0, 1, 1, 0, 0))
    return still[:33] + control + first + still[33:]


def _ring_of_pages() -> bytes:
    page = bytearray(encoded(scene(), "TIFF"))
    first = int.from_bytes(page[4:8], "little")
    entries = int.from_bytes(page[first : first + 2], "little")
    link = first + 2 + 12 * entries
    page[link : link + 4] = struct.pack("<I", first)
    return bytes(page)


def heic_grid(tile: Image.Image, *, columns: int, rows: int) -> bytes:
    """A HEIC as phones write it, a grid of coded tiles; here all of them are the same one.

    ISO/IEC 23008-12, 6.6.2.3.
    """
    coded = encoded(tile, "HEIF", quality=60)
    at = coded.index(b"hvcC") - 4
    configuration = coded[at : at + int.from_bytes(coded[at : at + 4], "big")]
    pixels = coded[coded.index(b"mdat") + 4 :]
    width, height = tile.width * columns, tile.height * rows
    grid = struct.pack(">BBBBII", 0, 1, rows - 1, columns - 1, width, height)
    count = columns * rows

    def box(kind: bytes, *parts: bytes, version: int | None = None) -> bytes:
        body = b"".join(parts)
        body = body if version is None else struct.pack(">I", version << 24) + body
        return struct.pack(">I4s", len(body) + 8, kind) + body

    def meta(start: int) -> bytes:
        items = (
            box(b"infe", struct.pack(">HH4sB", 1, 0, b"grid", 0), version=2),
            box(b"infe", struct.pack(">HH4sB", 2, 0, b"hvc1", 0), version=2),
        )
        sizes = [
            box(b"ispe", struct.pack(">II", *size), version=0)
            for size in (tile.size, (width, height))
        ]
        links = struct.pack(">IHBBHBBB", 2, 1, 1, 3, 2, 2, 0x81, 2)
        places = struct.pack(">HH", 0x4400, 2)
        places += struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(grid))
        places += struct.pack(">HHHHII", 2, 0, 0, 1, start, len(pixels))
        return box(
            b"meta",
            box(b"hdlr", struct.pack(">I4s12sB", 0, b"pict", b"", 0), version=0),
            box(b"pitm", struct.pack(">H", 1), version=0),
            box(b"iinf", struct.pack(">H", 2), *items, version=0),
            box(
                b"iref",
                box(b"dimg", struct.pack(f">HH{count}H", 1, count, *[2] * count)),
                version=0,
            ),
            box(b"iprp", box(b"ipco", configuration, *sizes), box(b"ipma", links, version=0)),
            box(b"iloc", places, version=1),
            box(b"idat", grid),
            version=0,
        )

    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    start = len(head) + len(meta(0)) + 8
    return head + meta(start) + box(b"mdat", pixels)
