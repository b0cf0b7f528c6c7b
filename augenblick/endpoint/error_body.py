"""What the body of a refusal says, in any of the shapes that endpoints have been seen to send.

All texts are as they came: `scrubbing` makes them fit to be shown, `error_mapping` says what they
mean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final

from augenblick.endpoint.scrubbing import scrub

_MAX_SHOWN_BYTES: Final = 65536
_MAX_DEPTH = 6
# Names as `_named` writes them, in order of preference. MiniMax says base_resp, Tencent
# Response.Error, iFlytek header.code, Baidu and Huawei error_code and error_msg, NestJS and Azure
# statusCode, FastAPI detail, Zhipu msg, Cloudflare success and errors.
_ENVELOPES: Final = ("response", "header", "result", "data")
_ERROR_KEYS: Final = ("error", "errors", "err", "fault", "baseresp", *_ENVELOPES)
_WORDS: Final = ("message", "msg")  # end the names of most fields with words
_MORE_WORDS: Final = (
    "errordescription",
    "faultstring",
    "exception",
    "description",
    "reason",
    "title",
)
_FLAGS: Final = ("success", "issuccess", "ok")
_WAITING: Final = {
    "ok", "queued", "pending", "waiting", "processing", "running", "in_progress", "progress",
    "info", "ping", "keepalive", "keep-alive", "heartbeat",
}  # fmt: skip
MINIMAX: Final = "base_resp"  # the `kind` of MiniMax's errors, whose codes are its own
_WELL: Final = {"", "0", "success", "succeeded", "ok", "none", "null"}


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error body says. All texts are as they came; `scrub` them before they are shown."""

    message: str = ""
    code: str = ""
    kind: str = ""
    param: str = ""

    @property
    def words(self) -> str:
        """Everything the table of wordings is matched against."""
        return "\n".join(part for part in (self.message, self.code, self.kind, self.param) if part)


def read_error(body: bytes) -> ErrorBody:
    """What the body of a refusal says: JSON of any known shape, a web page's title, plain text."""
    text = body.decode("utf-8", "replace").strip()
    try:
        return read_wire_error(json.loads(text))
    except (ValueError, RecursionError):
        pass
    if text[:1] == "<":
        title = re.search(r"<title[^<>]{0,200}>([^<]{0,300})", text, re.IGNORECASE)
        return ErrorBody(title.group(1).strip() if title else "", kind="html")
    return ErrorBody(text)


def read_wire_error(wire: object, *, depth: int = 0) -> ErrorBody:
    """The same for JSON that is already decoded."""
    if depth > _MAX_DEPTH:
        return ErrorBody()
    if isinstance(wire, Mapping):
        return _from_mapping(wire, depth)
    if isinstance(wire, list):
        found = [read_wire_error(item, depth=depth + 1) for item in wire[:5]]
        found = [body for body in found if body.message or body.code]
        message = "; ".join(body.message for body in found if body.message)
        return replace(found[0], message=message) if found else ErrorBody()
    if not isinstance(wire, str):
        return ErrorBody()
    if wire.lstrip().startswith(("{", "[")):
        with suppress(ValueError, RecursionError):
            inner = read_wire_error(json.loads(wire), depth=depth + 1)
            return inner if inner.message else ErrorBody(wire)
    return ErrorBody(wire)


def error_in_chunk(wire: object, *, event: str = "message") -> ErrorBody | None:
    """The error an event of a stream reports, None for an ordinary chunk.

    Either sign is enough: an event named "error", an `error` that is not empty (at the top or in a
    choice), MiniMax's `base_resp`, or a body without choices that says so by a code, by
    `success: false`, or by having nothing but words.
    """
    if isinstance(wire, list) and len(wire) == 1:
        wire = wire[0]  # Gemini wraps its error in a list
    if not isinstance(wire, dict):
        return read_wire_error(wire) if event == "error" else None
    base = wire.get("base_resp")
    says_error = event == "error" or wire.get("object") == "error"
    says_error = says_error or bool(wire.get("error") or wire.get("errors"))
    says_error = says_error or (isinstance(base, dict) and _is_failure(base.get("status_code")))
    # Where it has choices, only what can't be chance counts.
    if says_error or (not wire.get("choices") and _has_form_of_error(wire)):
        return read_wire_error(wire)
    choices = wire.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and choice.get("error"):
            return read_wire_error(choice["error"])
    return None


def _has_form_of_error(wire: dict[str, object]) -> bool:
    """Whether an event without choices, perhaps a chunk with counts or a heartbeat, is an error."""
    named = _named(wire)
    if wire.get("type") == "error" or any(named.get(key) for key in _ERROR_KEYS[:4]):
        return True
    if any(_word(named.get(key)).lower() in _WAITING for key in ("status", "type", "event")):
        return False
    inner = (_named(each) for key in _ENVELOPES if isinstance(each := named.get(key), dict))
    if any(each.get("error") or _is_failure(each.get("code")) for each in inner):
        return True
    codes = list(_codes(named))
    flags = [named[key] for key in _FLAGS if key in named]
    codes += ["0" if str(flag).lower() == "true" else "failed" for flag in flags]
    words = [named[key] for key in _word_keys(named) if named.get(key)]
    if any(map(_is_failure, codes)):
        return bool(words) or "failed" in codes or any(map(is_http_error, codes))
    is_chunk = wire.get("choices") is not None or isinstance(wire.get("usage"), dict)
    is_plain = any(isinstance(each, str | list) for each in words) or bool(named.get("detail"))
    return is_plain and not codes and not is_chunk


def _word_keys(named: Mapping[str, object]) -> list[str]:
    """The fields with what happened: `message`, `detail`, then what ends like the first."""
    found = sorted((key for key in named if key.endswith(_WORDS)), key=len)
    return sorted([*found, "detail"], key=lambda key: (key != "message", key != "detail"))


def _codes(named: Mapping[str, object]) -> Iterator[str]:
    keys = sorted((key for key in named if key.endswith("code")), key=len)
    yield from filter(None, (_word(named[key]) for key in keys))
    if (status := _word(named.get("status"))).isdecimal():
        yield status


def _is_failure(code: object) -> bool:
    word = _word(code)
    return word.lower() not in _WELL and re.fullmatch(r"2\d\d|20000", word) is None


def is_http_error(code: object) -> bool:
    """Whether a code is the number of an HTTP status that is an error."""
    return re.fullmatch(r"[45]\d\d", _word(code)) is not None


def _named(wire: Mapping[Any, object]) -> dict[str, object]:
    """The fields, their names in small letters without `_` and `-`, for nobody agrees on these."""
    named: dict[str, object] = {}
    for key, value in wire.items():
        named.setdefault(str(key).lower().replace("_", "").replace("-", ""), value)
    return named


def _from_mapping(wire: Mapping[object, object], depth: int) -> ErrorBody:
    named = _named(wire)
    own = ErrorBody("", next(_codes(named), ""), _word(named.get("type")), _param(wire))
    inner = ErrorBody()
    for key in (*_word_keys(named), *_MORE_WORDS):
        if named.get(key) and (inner := read_wire_error(named[key], depth=depth + 1)).message:
            break
    for key in _ERROR_KEYS:
        found = _from_error(key, named.get(key), inner.message, depth)
        if found != ErrorBody():
            return _filled(replace(found, message=found.message or inner.message), own)
    metadata = wire.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("raw"):  # OpenRouter: the provider's own body
        raw = read_wire_error(metadata["raw"], depth=depth + 1)
        inner = replace(raw, message=f"{inner.message}: {raw.message}")
    if own.param and inner.message and own.kind and "loc" in wire:  # FastAPI's list of complaints
        inner = replace(inner, message=f"{own.param}: {inner.message}")
    return _filled(inner, own)


def _from_error(key: str, value: object, beside: str, depth: int) -> ErrorBody:
    """What an `error` says; a mere label (NestJS, Spring) gets the words that stand `beside` it."""
    found = read_wire_error(value, depth=depth + 1)
    if key == "baseresp" and value:
        return replace(found, kind=MINIMAX)
    if isinstance(value, str) and beside not in {"", found.message}:
        return replace(found, message=f"{found.message}: {beside}")
    return found


def _filled(body: ErrorBody, by: ErrorBody) -> ErrorBody:
    return ErrorBody(
        body.message, body.code or by.code, body.kind or by.kind, body.param or by.param
    )


def _word(value: object) -> str:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _param(wire: Mapping[object, object]) -> str:
    place = wire.get("loc")
    if isinstance(place, list | tuple):
        return ".".join(str(step) for step in place if step != "body")
    return _word(wire.get("param"))


def page_title(content: bytes) -> str:
    """The title of a web page, the one thing of it that is shown."""
    body = read_error(content[:_MAX_SHOWN_BYTES])
    return scrub(body.message)[:200] if body.kind == "html" else ""
