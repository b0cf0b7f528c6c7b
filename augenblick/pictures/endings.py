"""Files that end oddly around a picture that is complete, and those that are cut.

Phones hang films, depth maps and notes behind a picture, transfers lose the last bytes of a file or
fill it up with zeros, and some cameras never write an end. What a decoder needs is put right here;
pixel data is never invented.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from augenblick.core.errors import UnreadableImage

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA  # ITU-T T.81, table B.1
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_BEFORE_A_SCAN = {*range(0xC0, 0xD0), *range(0xDA, 0xE0), *range(0xE0, 0xF0), 0xFE} - {0xC8}
_SEGMENT = re.compile(rb"\xff(.)(..)", re.DOTALL)  # marker and length
_MARKER_IN_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # neither a stuffed zero nor a restart
_LAST = 63
_ALL = (2 << _LAST) - 1  # a bit for each coefficient of a block
_HOLE = 64  # zeros at the end of compressed pixels that no encoder writes
_FEW = 8  # of them may be data
_EVEN = 2
_ANCILLARY = 32  # the bit of a chunk's name that says so (PNG, 5.4)
_END_MARKER = bytes((0xFF, _EOI))
_NOISE = random.Random(7).randbytes(256).replace(b"\xff", b"\x55")
_MORE_DATA = _NOISE + b"".join(bytes((0xFF, restart)) + _NOISE for restart in range(0xD0, 0xD8))
_CHUNKS = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP "}
_PIXELS = {b"VP8 ", b"VP8L"}
_BOXES = {b"ftyp", b"meta", b"mdat", b"free", b"skip", b"moov", b"uuid", b"wide"}


@dataclass(frozen=True, slots=True)
class Ending:
    """A file as its decoder is to get it, and what is odd about its end."""

    content: bytes
    is_mended: bool = False  # the end was missing or damaged
    has_more: bool = False  # something else stood behind the picture
    is_suspect: bool = False  # a JPEG that may be cut although its decoder would not say so
    scan_end: int | None = None  # of a JPEG, where its pixel data ends

    def with_more_data(self) -> bytes:
        """The JPEG with further pixel data at the end, which alters the picture only if it is cut.

        libjpeg makes up grey where data is missing and doesn't say so through Pillow.
        """
        return self.content[: self.scan_end] + _MORE_DATA + _END_MARKER


def mended(content: bytes, kind: str | None) -> Ending:
    """The file with an end. Raises UnreadableImage when pixel data is missing at sight."""
    match kind:
        case "JPEG":
            return _jpeg(content)
        case "PNG":
            return _png(content)
        case "WEBP":
            return _webp(content)
        case "HEIF" | "AVIF":
            return _container(content)
        case "BMP":  # the padding of the last row may be missing
            return Ending(content + bytes(_EVEN + 1))
        case _:
            return Ending(content)


def _more_behind(content: bytes, end: int) -> Ending:
    """Padding is not worth a word."""
    return Ending(content, has_more=bool(content[end:].strip(b"\0\xff\r\n ")))


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker segment of a JPEG."""

    marker: int
    parameters: bytes
    end: int  # of the data behind the parameters of a scan, else of the parameters


def _jpeg(content: bytes) -> Ending:
    """Cut behind the scan that completes the picture, with an end marker there.

    A picture is complete when each coefficient of each component has come in full accuracy.
    """
    lacking: dict[int, int] = {}  # by component, those that have not come
    end = 0
    is_progressive = False
    scans = 0
    for segment in jpeg_segments(content):
        if segment.marker in _FRAMES and not lacking:
            is_progressive = segment.marker in _PROGRESSIVE
            lacking = dict.fromkeys(segment.parameters[6::3], _ALL)
        elif segment.marker == _SOS:
            components, came = _scan(segment.parameters, is_progressive=is_progressive)
            if not components or not set(components) <= set(lacking):
                break
            for component in components:
                lacking[component] &= ~came
            scans += 1
            end = segment.end
            if not any(lacking.values()):
                break
    if not lacking or not end:
        return Ending(content)  # the decoder says what is wrong
    if any(lacking.values()):
        raise UnreadableImage("scans are missing")
    at = end
    while content[at : at + 2] == b"\xff\xff":
        at += 1
    is_whole = content[at : at + 2] == _END_MARKER
    behind = content[at + 2 * is_whole :]
    return Ending(
        content if is_whole else content[:end] + _END_MARKER,
        is_mended=not is_whole,
        has_more=bool(behind.strip(b"\0\xff\r\n ")),
        is_suspect=is_progressive or scans > 1 or not is_whole,
        scan_end=end,
    )


def _scan(parameters: bytes, *, is_progressive: bool) -> tuple[bytes, int]:
    """The components of a scan and which coefficients are complete with it (T.81, B.2.3, G.1.1.1).

    No components where the parameters make no sense.
    """
    count = parameters[0] if parameters else 0
    if len(parameters) != 4 + 2 * count:
        return b"", 0
    components, (first, last, accuracy) = parameters[1:-3:2], parameters[-3:]
    if not is_progressive:
        return components, _ALL
    return components, (1 << last + 1) - (1 << first) if accuracy & 15 == 0 and last <= _LAST else 0


def jpeg_segments(content: bytes) -> Iterator[Segment]:
    """The marker segments, up to the first thing that is none."""
    at = 2
    while True:
        while content[at : at + 2] == b"\xff\xff":
            at += 1
        found = _SEGMENT.match(content, at)
        if found is None or found[1][0] not in _BEFORE_A_SCAN:
            return
        marker, length = found[1][0], int.from_bytes(found[2], "big")
        stop = at + 2 + length
        if not length or stop > len(content):
            return
        end = _scan_end(content, stop) if marker == _SOS else stop
        yield Segment(marker, content[at + 4 : stop], end)
        at = end


def _scan_end(content: bytes, start: int) -> int:
    """Where the entropy-coded data of a scan ends: at a marker, or before padding of the file."""
    found = _MARKER_IN_SCAN.search(content, start)
    end = found.start() if found else len(content)
    data = content[start:end].rstrip(b"\xff")
    padding = len(data) - len(data.rstrip(b"\0"))
    return start + len(data) - (padding - _FEW if padding >= _HOLE else 0)


def _png(content: bytes) -> Ending:
    """Chunks (PNG, 5.3): a length, a name, so many bytes and a checksum.

    A chunk that no picture needs, and whose checksum is wrong, is left out, as browsers do.
    """
    at, is_hole = 8, False
    kept, kept_to = [], 0
    while at + 8 <= len(content):
        start, name = at + 8, content[at + 4 : at + 8]
        stop = start + int.from_bytes(content[at : at + 4], "big")
        at = stop + 4
        if name == b"IDAT":
            is_hole = content[max(start, stop - _HOLE) : stop] == bytes(_HOLE)
        if name[0] & _ANCILLARY and zlib.crc32(content[start - 4 : stop]) != int.from_bytes(
            content[stop:at], "big"
        ):
            kept.append(content[kept_to : start - 8])
            kept_to = at
        if name == b"IEND":
            break
    if is_hole:
        raise UnreadableImage("a hole in the pixel data")
    ending = _more_behind(content, at)
    if not kept:
        return ending
    return replace(ending, content=b"".join((*kept, content[kept_to:])), is_mended=True)


def _webp(content: bytes) -> Ending:
    """The chunks that are whole, under a length that counts them."""
    at, end = 12, 0
    while at + 8 <= len(content):
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        stop = at + 8 + length
        if content[at : at + 4] not in _CHUNKS or stop > len(content):
            break
        if content[at : at + 4] in _PIXELS and content[at + 8 : stop].endswith(bytes(_HOLE)):
            raise UnreadableImage("a hole in the pixel data")
        at = end = stop + length % _EVEN
    declared = 8 + int.from_bytes(content[4:8], "little")
    if not end or declared == end <= len(content):
        return _more_behind(content, declared)
    body = content[12:end].ljust(end - 12, b"\0")
    whole = b"RIFF" + (len(body) + 4).to_bytes(4, "little") + b"WEBP" + body
    return Ending(whole, is_mended=True)


def boxes(content: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of the content of each outermost box (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if length == 1:
            length = int.from_bytes(content[at + 8 : at + 16], "big")
        stop = at + length if length else len(content)
        if stop <= at:
            return
        yield content[at + 4 : at + 8], at + 8, stop
        at = stop


def _container(content: bytes) -> Ending:
    """HEIF and AVIF, whose boxes stand one after the other."""
    end = 0
    for name, start, stop in boxes(content):
        if name not in _BOXES:
            break
        if name == b"mdat" and content[start:stop].endswith(bytes(_HOLE)):
            raise UnreadableImage("a hole in the pixel data")
        end = stop
    return _more_behind(content, end)
