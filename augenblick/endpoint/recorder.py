"""Recording what goes over the wire for a reply, while it happens: `Recorder`.

It belongs to one reply and may see several exchanges: retries, fallbacks, tool rounds, parallel
requests. Pictures are folded to what they are (`WirePicture`), keys are masked before anything is
kept. `trace` says how it is kept, and reads it.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple
from itertools import count
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

from augenblick.core.messages import Attachment
from augenblick.endpoint.payload import DataUri, encode_payload
from augenblick.endpoint.trace import CHECKSUM_BYTES, MARK, MASK, BodyPiece, WirePicture, as_text

MAX_PACKED_BYTES: Final = 4 * 1024 * 1024
_RESERVE_BYTES: Final = 256 * 1024  # for heads and ends after everything else has been cut
_MAX_BODY_CHARS: Final = 8 * 1024 * 1024  # between two pictures
_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 1, 12, 5  # 32 KB of state; an event is like the one before
_BATCH_CHARS: Final = 16384  # to pack less at a time costs the thread its turn more often
_MIN_SECRET_CHARS: Final = 12  # shorter ones are the "ollama" of servers that want no key
_ALWAYS: Final = {"sent", "head", "end", "cut"}
_QUERY_FIELD: Final = re.compile(r"(?<=[?&])([^=&#]*)=([^&#]+)")
_JSON: Final = json.JSONEncoder(separators=(",", ":")).encode
_SECRET_NAME: Final = re.compile(
    r"auth|(?:^|[-_.])(?:api)?key(?:$|[-_.])|token|secret|passw|credential|signature|^sig$|^code$|cookie|jwt",
    re.IGNORECASE,
)
_LOOKS_SECRET: Final = re.compile(r"(?=.*\d)(?=.*[A-Za-z])[\w.~+/=-]{20,}")


class Recorder:
    """Records the exchanges of one reply. Safe in threads; never raises for what it is given.

    Holds about 35 KB and what was packed, at most `max_packed_bytes`; beyond that it counts.
    """

    def __init__(self, *, max_packed_bytes: int = MAX_PACKED_BYTES) -> None:
        self._max_packed_bytes = max_packed_bytes
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
        self._waiting: list[str] = []
        self._waiting_chars = 0
        self._packed: list[bytes] = []
        self._packed_bytes = 0
        self._bodies = count(1)
        self._exchange_count = 0
        self.cut_records = 0
        self.cut_bytes = 0

    def open(self, payload: Mapping[str, Any], *, secrets: Iterable[str] = ()) -> ExchangeRecorder:
        """Begin to record a request; `secrets` are masked wherever they come back."""
        number = next(self._bodies)
        for piece in _fold(payload):
            if isinstance(piece, WirePicture):
                self.write("picture", number, _JSON(astuple(piece)))
            else:
                self.write("body", number, _JSON([as_text(piece)]))
        return ExchangeRecorder(self, number, secrets)

    def write(self, kind: str, number: int, values: str) -> None:
        """Keep a line of a body or an exchange as `trace` has it, while there is room."""
        with self._lock:
            room = self._max_packed_bytes + (_RESERVE_BYTES if kind in _ALWAYS else 0)
            is_large_body = kind == "body" and len(values) > _MAX_BODY_CHARS
            if self._packed_bytes > room or is_large_body:
                self.cut_records += 1
                self.cut_bytes += len(values)
                return
            at = int((time.monotonic() - self._started) * 1_000_000)
            line = f"{kind} {number} {at} {values}\n"
            self._waiting.append(line)
            self._waiting_chars += len(line)
            if self._waiting_chars >= _BATCH_CHARS:
                self._compress()

    def begin_exchange(self) -> int:
        """The number of another exchange."""
        with self._lock:
            self._exchange_count += 1
            return self._exchange_count

    @property
    def is_empty(self) -> bool:
        """Whether nothing was sent."""
        return not self._exchange_count

    def pack(self) -> bytes:
        """What is to be kept; nothing more is recorded after it."""
        if self.cut_records:
            self.write("cut", 0, _JSON([self.cut_records, self.cut_bytes]))
        with self._lock:
            self._compress()
            kept = b"".join((MARK, *self._packed, self._packer.flush()))
            self._packed.clear()
            self._packer = zlib.compressobj()
            self._max_packed_bytes = -_RESERVE_BYTES - 1
        return kept + zlib.crc32(kept).to_bytes(CHECKSUM_BYTES)

    @property
    def held_bytes(self) -> int:
        """How much has been packed so far."""
        return self._packed_bytes + self._waiting_chars

    def _compress(self) -> None:
        packed = self._packer.compress("".join(self._waiting).encode("utf-8", "surrogatepass"))
        self._waiting.clear()
        self._waiting_chars = 0
        self._packed.append(packed)
        self._packed_bytes += len(packed)


class ExchangeRecorder:
    """Records one request: sent (perhaps again), answered, each event, the end."""

    def __init__(self, recorder: Recorder, body: int, secrets: Iterable[str]) -> None:
        self._recorder = recorder
        self._body = body
        self._secrets = _spellings(secrets)
        self._number = 0
        self._has_ended = True

    def sent(self, method: str, url: str, headers: Iterable[tuple[str, str]]) -> None:
        """Record that it is being sent, for the first time or again."""
        pairs = list(headers)
        hidden = {name: value for name, value in pairs if is_secret(name, value)}
        url, found = mask_url(url)
        found += [*hidden.values(), *(value.rpartition(" ")[2] for value in hidden.values())]
        self._secrets = tuple(dict.fromkeys((*self._secrets, *_spellings(found))))
        masked = [
            (name, _masked(value) if name in hidden else self._clean(value))
            for name, value in pairs
        ]
        self._number = self._recorder.begin_exchange()
        self._write("sent", self._body, method, url, masked, time.time())
        self._has_ended = False

    def answered(self, status: int, headers: Iterable[tuple[str, str]]) -> None:
        """Record status and headers."""
        masked = [
            (name, MASK if "cookie" in name.lower() else self._clean(value))
            for name, value in headers
        ]
        self._write("head", status, masked)

    def event(self, data: str, event: str = "message", id: str = "") -> None:  # noqa: A002 - the name on the wire
        """Record an event as it was read."""
        data = self._clean(data)
        if event == "message" and not id and "\n" not in data:
            self._recorder.write("event", self._number, data)
        else:
            self._write("named", data, self._clean(event), self._clean(id))

    def comment(self, text: str) -> None:
        """Record a comment line."""
        self._write("comment", self._clean(text))

    def content(self, content: bytes) -> None:
        """Record a body that is no stream, in pieces or whole."""
        self._write("content", self._clean(as_text(content)))

    def ended(self, how: str) -> None:
        """Record the end, once for each time it was sent."""
        if not self._has_ended:
            self._has_ended = True
            self._write("end", how)

    def _write(self, kind: str, *values: object) -> None:
        self._recorder.write(kind, self._number, _JSON(values))

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


def is_secret(name: str, value: str) -> bool:
    """Whether a header or a field of a query is to be masked: by its name, or as keys look."""
    return bool(_SECRET_NAME.search(name) or _LOOKS_SECRET.fullmatch(value))


def mask_url(url: str) -> tuple[str, list[str]]:
    """An address without the values of the secret fields in its query, and these values."""
    found: list[str] = []

    def mask(field: re.Match[str]) -> str:
        name, value = unquote_plus(field[1]), unquote_plus(field[2])
        if not is_secret(name, value):
            return field[0]
        found.append(value)
        return f"{field[1]}={MASK}"

    return _QUERY_FIELD.sub(mask, url), found


def _fold(payload: Mapping[str, Any]) -> Iterator[BodyPiece]:
    """The pieces of a body. The megabytes of its pictures are not touched: marks are encoded.

    A mark holds a number that nobody can know before, so no text of a person is taken for one.
    """
    nonce = secrets.token_hex(16)
    found: list[Attachment] = []

    def marked(value: object) -> object:
        if isinstance(value, DataUri):
            found.append(value.attachment)
            return nonce
        if isinstance(value, Mapping):
            return {name: marked(item) for name, item in value.items()}
        return [marked(item) for item in value] if isinstance(value, list | tuple) else value

    folded = {name: marked(value) for name, value in payload.items()}
    pieces = encode_payload(folded).split(nonce.encode())
    yield pieces[0]
    for attachment, piece in zip(found, pieces[1:], strict=True):
        yield WirePicture(
            attachment.sha256,
            attachment.media_type,
            attachment.byte_count,
            attachment.width_px,
            attachment.height_px,
        )
        yield piece


def _masked(value: str) -> str:
    """The kind of a secret stays: "Bearer …"."""
    kind, space, _ = value.partition(" ")
    return f"{kind} {MASK}" if space and kind.isalpha() else MASK


def _spellings(secrets: Iterable[str]) -> tuple[str, ...]:
    """Each secret as it may come back: plain, in JSON, in an address. The longest first."""
    long = [secret for secret in secrets if len(secret) >= _MIN_SECRET_CHARS]
    spelled = (
        spelling
        for secret in long
        for spelling in (
            secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1],
            quote(secret, safe=""), quote_plus(secret),
        )
    )  # fmt: skip
    return tuple(sorted(dict.fromkeys(spelled), key=len, reverse=True))
