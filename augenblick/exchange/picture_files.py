"""Pictures that come in with a conversation: decoded by the pool like any other file of a stranger.

A picture that we prepared once comes out unchanged: the pool decodes it to prove that it is one,
and where its bytes carry nothing but pixels they are kept as they are.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace

from augenblick.core.errors import ImageError
from augenblick.core.messages import PreparedPicture
from augenblick.pictures import PictureOptions, PicturePool
from augenblick.pictures.endings import jpeg_segments

_OURS = PictureOptions(longest_side_px=4096)  # the largest that anybody has us prepare
_FOREIGN = PictureOptions()

_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_APP0 = 0xE0
_JFIF = re.compile(rb"JFIF\x00.{7}\x00\x00", re.DOTALL)  # without a thumbnail
_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive
_PLAIN = _FRAMES | {0xC4, 0xDA, 0xDB, 0xDD}  # tables of codes, scans, quantisation, restarts
_COLOURS = bytes((3,))
_PNG_START = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_PNG_RGB = b"\x08\x02\x00\x00\x00"  # eight bits, RGB, no interlacing
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_CHUNK_FRAME = 12  # length, name, checksum


def take_in(
    content: bytes, *, name: str, is_ours: bool, pool: PicturePool, person: str
) -> PreparedPicture | None:
    """The picture, byte by byte as it was where preparing finds nothing to do; None for no picture.

    `is_ours` says that it comes from one of our exports, where larger ones may stand. The pool
    keeps none of it, for hundreds may come.
    """
    options = _OURS if is_ours else _FOREIGN
    try:
        outcome = pool.prepare(content, name=name, options=options, person=person)
    except ImageError:
        return None
    pool.forget(outcome.attachment.sha256)
    if not _is_unchanged(outcome, content):
        return outcome
    attachment = replace(
        outcome.attachment,
        sha256=hashlib.sha256(content).hexdigest(),
        media_type="image/png" if content.startswith(_PNG_START) else "image/jpeg",
        byte_count=len(content),
    )
    is_small = outcome.thumbnail == outcome.content
    thumbnail = content if is_small else outcome.thumbnail
    return replace(outcome, attachment=attachment, content=content, thumbnail=thumbnail)


def is_plain(content: bytes) -> bool:
    """Whether a file is an RGB JPEG or PNG that carries nothing but pixels, to its last byte."""
    return _is_plain_png(content) if content.startswith(_PNG_START) else _is_plain_jpeg(content)


def _is_unchanged(outcome: PreparedPicture, content: bytes) -> bool:
    """Whether preparing had nothing to do but to encode anew what it had decoded."""
    attachment, receipt = outcome.attachment, outcome.attachment.receipt
    size = (attachment.width_px, attachment.height_px)
    is_same = size == (receipt.source_width_px, receipt.source_height_px)
    is_upright = not receipt.rotation_degrees and not receipt.was_mirrored and not receipt.removed
    return is_same and is_upright and is_plain(content)


def _is_plain_jpeg(content: bytes) -> bool:
    """Tables, frames of three colours and scans, then the end at once (ITU-T T.81, annex B)."""
    end = len(_JPEG_START)
    for segment in jpeg_segments(content):
        is_jfif = segment.marker == _APP0 and _JFIF.fullmatch(segment.parameters)
        is_colour = segment.marker not in _FRAMES or segment.parameters[5:6] == _COLOURS
        if not (is_jfif or segment.marker in _PLAIN) or not is_colour:
            return False
        end = segment.end
    return content.startswith(_JPEG_START) and content[end:] == _JPEG_END


def _is_plain_png(content: bytes) -> bool:
    """PNG 1.2: one header of RGB, chunks of pixels, the end."""
    at = len(_PNG_START) + 8 + len(_PNG_RGB) + 4
    if content[at - 9 : at - 4] != _PNG_RGB or not content.endswith(_PNG_END):
        return False
    end = len(content) - len(_PNG_END)
    while at < end and content[at + 4 : at + 8] == b"IDAT":
        at += _CHUNK_FRAME + int.from_bytes(content[at : at + 4], "big")
    return at == end
