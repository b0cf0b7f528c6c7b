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

_OURS = PictureOptions(longest_side_px=4096)  # the largest that anybody has us prepare
_FOREIGN = PictureOptions()

_JFIF = re.compile(rb"\xff\xe0\x00\x10JFIF\x00.{7}\x00\x00", re.DOTALL)  # without a thumbnail
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_TABLES = {0xC4, 0xDB, 0xDD}  # Huffman, quantisation, restart interval
_FRAMES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive
_SCAN, _END = 0xDA, 0xD9
_COLOURS = 3
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
    """ITU-T T.81, annex B: markers with their lengths, then scans up to the end."""
    at = 2
    while content[:2] == b"\xff\xd8" and content[at : at + 1] == b"\xff":
        marker = content[at + 1] if at + 1 < len(content) else 0
        if marker == _END:
            return at + 2 == len(content)
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        is_known = marker in _TABLES | _FRAMES | {_SCAN} or _JFIF.match(content, at)
        is_colour = marker not in _FRAMES or content[at + 9 : at + 10] == bytes((_COLOURS,))
        if not is_known or not is_colour or length < 2:  # noqa: PLR2004  # it counts itself
            return False
        at += 2 + length
        if marker == _SCAN:
            after = _END_OF_SCAN.search(content, at)
            at = after.start() if after else len(content)
    return False


def _is_plain_png(content: bytes) -> bool:
    """PNG 1.2: one header of RGB, chunks of pixels, the end."""
    at = len(_PNG_START) + 8 + len(_PNG_RGB) + 4
    if content[at - 9 : at - 4] != _PNG_RGB or not content.endswith(_PNG_END):
        return False
    end = len(content) - len(_PNG_END)
    while at < end and content[at + 4 : at + 8] == b"IDAT":
        at += _CHUNK_FRAME + int.from_bytes(content[at : at + 4], "big")
    return at == end
