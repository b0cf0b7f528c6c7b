"""What a file says about its picture besides the pixels: which way is up, and what is private."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import ExifTags, Image, ImageFile

from augenblick.pictures.endings import boxes
from augenblick.pictures.formats import DECODER_FAILURES

_CAMERA_TAGS = {
    ExifTags.Base.Make, ExifTags.Base.Model, ExifTags.Base.Software, ExifTags.Base.DateTime,
    ExifTags.Base.HostComputer, ExifTags.Base.DateTimeOriginal, ExifTags.Base.DateTimeDigitized,
    ExifTags.Base.MakerNote, ExifTags.Base.LensMake, ExifTags.Base.LensModel,
    ExifTags.Base.BodySerialNumber, ExifTags.Base.LensSerialNumber, ExifTags.Base.ExposureTime,
    ExifTags.Base.FNumber,
}  # fmt: skip
_TEXT_TAGS = {
    ExifTags.Base.ImageDescription, ExifTags.Base.Artist, ExifTags.Base.Copyright,
    ExifTags.Base.UserComment, ExifTags.Base.CameraOwnerName, ExifTags.Base.XPTitle,
    ExifTags.Base.XPComment, ExifTags.Base.XPAuthor, ExifTags.Base.XPKeywords,
    ExifTags.Base.XPSubject,
}  # fmt: skip
_XMP_LOCATION = re.compile(
    rb"GPSL(?:at|ong)itude|photoshop:City|Iptc4xmpCore:Location|LocationShown"
)
_TEXT_INFO = ("comment", "photoshop", "xmp", "XML:com.adobe.xmp", "Comment", "Description")


@dataclass(frozen=True, slots=True)
class Turn:
    """What makes a stored picture upright: first mirrored left to right, then turned clockwise."""

    mirrored: bool = False
    degrees: int = 0

    def and_rotated(self, degrees: int) -> Turn:
        """This turn followed by another one, clockwise."""
        return Turn(self.mirrored, (self.degrees + degrees) % 360)


_TURNS = {  # EXIF 2.32, 4.6.4, tag 274
    1: Turn(),
    2: Turn(mirrored=True),
    3: Turn(degrees=180),
    4: Turn(mirrored=True, degrees=180),
    5: Turn(mirrored=True, degrees=270),
    6: Turn(degrees=90),
    7: Turn(mirrored=True, degrees=90),
    8: Turn(degrees=270),
}
_TRANSPOSITIONS = {
    Turn(mirrored=True): Image.Transpose.FLIP_LEFT_RIGHT,
    Turn(degrees=180): Image.Transpose.ROTATE_180,
    Turn(mirrored=True, degrees=180): Image.Transpose.FLIP_TOP_BOTTOM,
    Turn(mirrored=True, degrees=270): Image.Transpose.TRANSPOSE,
    Turn(degrees=90): Image.Transpose.ROTATE_270,  # Pillow counts the other way round
    Turn(mirrored=True, degrees=90): Image.Transpose.TRANSVERSE,
    Turn(degrees=270): Image.Transpose.ROTATE_90,
}


def transposed(image: Image.Image, turn: Turn) -> Image.Image:
    """The picture turned; the same object when there is nothing to do."""
    return image if turn == Turn() else image.transpose(_TRANSPOSITIONS[turn])


def declared_turn(image: Image.Image) -> Turn:
    """The turn that the picture's metadata still asks for; damaged metadata asks for none.

    Decoders that turn by themselves take the tag away (TIFF on load) or set it to 1 (HEIF), so
    asking after decoding never turns twice.
    """
    try:
        return _TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1), Turn())
    except DECODER_FAILURES:
        return Turn()


def turns(image: ImageFile.ImageFile, content: bytes) -> tuple[Turn, Turn]:
    """What loading this picture does by itself, and what is left to do. Loads the picture.

    HEIF: the container's own turn (`irot`, `imir`) counts and its decoder applies it; the EXIF tag
    repeats it and only counts when the container says nothing, as in files made by converters.
    """
    done, missing = turns_at_sight(image, content)
    image.load()
    if image.format == "HEIF":
        return done, missing
    return done, declared_turn(image)


def turns_at_sight(image: ImageFile.ImageFile, content: bytes) -> tuple[Turn, Turn]:
    """What `turns` will say, without loading; but for a PNG whose EXIF follows its pixels.

    What a decoder does by itself is in the size that an opened picture names already.
    """
    if image.format == "HEIF":
        named = _TURNS.get(image.info.get("original_orientation") or 1, Turn())
        return (named, Turn()) if _container_turns(content) else (Turn(), named)
    turn = declared_turn(image)
    return (turn, Turn()) if image.format == "TIFF" else (Turn(), turn)


Box = tuple[int, int, int, int]  # left, top, right, bottom


def before(turn: Turn, box: Box, size: tuple[int, int]) -> Box:
    """Where a region of the turned picture lies in the one that is still to be turned.

    `size` is that of the picture before.
    """
    left, top, right, bottom = box
    width, height = size if turn.degrees % 180 == 0 else (size[1], size[0])
    for _ in range(turn.degrees // 90):  # back by a quarter each
        left, top, right, bottom = top, width - right, bottom, width - left
        width, height = height, width
    if turn.mirrored:
        left, right = width - right, width - left
    return left, top, right, bottom


def _container_turns(content: bytes) -> bool:
    """Whether a `meta` box among the outermost boxes declares a rotation or a mirroring."""
    for name, start, stop in boxes(content):
        if name == b"meta":
            return re.search(rb"irot|imir", content[start:stop]) is not None
    return False


def private_parts(image: ImageFile.ImageFile) -> Iterator[str]:
    """Of "location", "camera" and "text", those the file carries. Ask after loading.

    "camera" stands for device, software and time; "text" for comments, captions and keywords.
    """
    xmp = _as_bytes(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))
    tags, has_location = _exif(image)
    if has_location or _XMP_LOCATION.search(xmp):
        yield "location"
    if tags & _CAMERA_TAGS:
        yield "camera"
    if tags & _TEXT_TAGS or any(image.info.get(key) for key in _TEXT_INFO) or _text(image):
        yield "text"


def _exif(image: Image.Image) -> tuple[set[int], bool]:
    """The tags that have a value, and whether there is a position; nothing if it is damaged."""
    try:
        exif = image.getexif()
        entries = dict(exif) | exif.get_ifd(ExifTags.IFD.Exif)
        return {tag for tag, value in entries.items() if value}, bool(
            exif.get_ifd(ExifTags.IFD.GPSInfo)
        )
    except DECODER_FAILURES:
        return set(), False


def _text(image: Image.Image) -> bool:
    """Whether a PNG carries text chunks (their keys differ from program to program)."""
    return bool(getattr(image, "text", None))


def _as_bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "replace")
    return value if isinstance(value, bytes) else b""
