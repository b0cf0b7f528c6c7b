"""The values a conversation is made of: roles, parts, attachments, messages, usage.

All are frozen and know nothing of networks, files or databases. The bytes of a picture are kept
apart from its description (`Attachment`), so that drawing a long conversation reads no picture.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, field
from enum import StrEnum
from functools import reduce
from typing import Any, Self

from augenblick.core.errors import Param


class Role(StrEnum):
    """Who speaks, with the words of the wire."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


class Detail(StrEnum):
    """How closely the model shall look (`image_url.detail` on the wire)."""

    AUTO = "auto"
    LOW = "low"
    HIGH = "high"


class ReplyEnd(StrEnum):
    """How a reply ended. Only COMPLETE looks finished to the reader of the page."""

    COMPLETE = "complete"
    LENGTH = "length"
    CONTENT_FILTER = "content_filter"
    REFUSED = "refused"
    TOOL_CALLS = "tool_calls"
    STOPPED = "stopped"  # by the person
    CUT = "cut"  # the stream ended with neither finish_reason nor [DONE]
    FAILED = "failed"  # with an error; its Failure stands beside it
    INTERRUPTED = "interrupted"  # the server died while answering


class Rating(StrEnum):
    """What a person thinks of an answer."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class TileOf:
    """Which part of a large picture is shown, in pixels of the whole upright one.

    Tile 0 of `count` is the overview, which shows all of it; the parts follow in reading order,
    from 1 to `count`, and overlap. Parts that are regions were marked by the person and are where
    that was; the overview has their outlines and numbers drawn in.
    """

    index: int
    count: int  # of the parts, without the overview
    left_px: int
    top_px: int
    width_px: int
    height_px: int
    is_region: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.index <= self.count:
            raise ValueError("index must be from 0 to count")
        if min(self.left_px, self.top_px) < 0 or min(self.width_px, self.height_px) < 1:
            raise ValueError("a tile must have an area")


@dataclass(frozen=True, slots=True)
class Provenance:
    """What was done between the file a person gave and the picture the model gets.

    The size of a PDF page is what it has at 300 dots per inch.
    """

    source_name: str
    source_format: str  # as decided by content: "JPEG", "HEIF", "PNG", "PDF", ...
    source_bytes: int
    source_width_px: int  # as stored in the file, before orientation
    source_height_px: int
    rotation_degrees: int = 0  # clockwise, as applied: 0, 90, 180, 270
    was_mirrored: bool = False
    removed: tuple[str, ...] = ()
    """Of "location", "camera", "text", "profile", "frames" (all but the first), "preview" (all but
    the largest), "attached" (what stood behind the picture) and, by what showed through it,
    "transparency" (white), "transparency_dark", "transparency_grey"."""
    source_page: int | None = None  # of a PDF, the first is 1
    source_page_count: int | None = None
    tile: TileOf | None = None  # None: the whole picture, and nothing else of it was sent
    remarks: tuple[str, ...] = ()
    """Of "ending" (the end was missing), "reduced" (read at a lower resolution)."""
    pixelated: int = 0  # regions that were made unrecognisable

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """Read what `dataclasses.asdict` wrote, also through JSON and by an earlier version."""
        tile = fields.get("tile")
        return cls(
            **{
                **fields,
                "removed": tuple(fields["removed"]),
                "tile": None if tile is None else TileOf(**tile),
                "remarks": tuple(fields.get("remarks", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class Attachment:
    """A prepared picture: upright sRGB JPEG or PNG without metadata, identified by its bytes."""

    sha256: str  # of the prepared bytes, hexadecimal
    media_type: str  # "image/jpeg" or "image/png"
    width_px: int
    height_px: int
    byte_count: int
    receipt: Provenance


@dataclass(frozen=True, slots=True)
class PreparedPicture:
    """An attachment with its bytes: what the model gets, and a small JPEG for the page."""

    attachment: Attachment
    content: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)  # longest side 640 px, JPEG or PNG
    thumbnail_width_px: int
    thumbnail_height_px: int


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A picture in a message, in the order the person attached it."""

    attachment: Attachment
    detail: Detail = Detail.AUTO


ContentPart = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called; `arguments` is the JSON text as it came."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation; pictures come before the text (vendors recommend it).

    An assistant's message may carry `tool_calls`; one with the role "tool" answers `tool_call_id`.
    """

    role: Role
    parts: tuple[ContentPart, ...]
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""

    @property
    def text(self) -> str:
        """All text parts, joined with blank lines."""
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        """The pictures, in order."""
        return tuple(part.attachment for part in self.parts if isinstance(part, ImagePart))


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as on the wire; None where the endpoint did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    reasoning_tokens: int | None = None

    def __add__(self, other: Usage) -> Usage:
        return self._joined(other, operator.add)

    def updated(self, newer: Usage) -> Usage:
        """The newer counts of one request; where they are silent, these."""
        return self._joined(newer, lambda _, new: new)

    def _joined(self, other: Usage, join: Callable[[int, int], int]) -> Usage:
        """Both, count by count; one that only one of them knows is taken as it is."""
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Usage(
            *(join(a, b) if None not in {a, b} else b if a is None else a for a, b in pairs)
        )


def total_usage(*usages: Usage | None) -> Usage | None:
    """The tokens of several requests together; what none of them told stays unknown."""
    known = [usage for usage in usages if usage is not None]
    return reduce(operator.add, known) if known else None


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds since the request was sent; None for what did not happen."""

    headers_seconds: float | None = None
    first_token_seconds: float | None = None
    total_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came back from one call. The API's tool messages carry text only.

    So a picture goes along in a message of its own, after those of all results.
    """

    call_id: str
    content: str
    is_error: bool = False
    picture: ImagePart | None = None


@dataclass(frozen=True, slots=True)
class ToolRound:
    """What a model said and called before it went on, and what came back; one result per call."""

    calls: tuple[ToolCall, ...]
    results: tuple[ToolResult, ...]
    text: str = ""
    reasoning: str = ""

    @property
    def pictures(self) -> tuple[ImagePart, ...]:
        """What the calls returned besides text, in order."""
        return tuple(each.picture for each in self.results if each.picture is not None)


@dataclass(frozen=True, slots=True)
class ChoiceText:
    """What one choice has said so far, channel by channel."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One change made so that the endpoint would take the request, to be said in words."""

    code: str  # "dropped_field", "renamed_field", "shrank_pictures", "dropped_pictures", ...
    params: dict[str, Param] = field(default_factory=dict)
