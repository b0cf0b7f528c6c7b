"""The marks in ChatGPT's texts: U+E200, a kind, U+E202 before each value, U+E201.

On its page they are links to what a search found, names of things, and buttons. What one stands
for is in `metadata.content_references` of the message, by `matched_text`; older texts have
`【4†source】`, and what these stand for in `metadata.citations`, by its place. Texts to be copied
stand between `:::writing{...}` and `:::`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from augenblick.exchange.parsed import as_object, as_objects, as_text

_BEGIN, _END, _BETWEEN = "\ue200", "\ue201", "\ue202"
_MARK = re.compile(r"( ?)(\ue200[^\ue200\ue201]*\ue201|【[^【】]{1,100}】)")
_STRAY = re.compile("[\ue200-\ue206]")
_SOURCE = re.compile(r"【\d[\d:]{0,9}†")
_WRITING = re.compile(r"^:::(?:writing(?:\{[^{}\n]{0,1000}\})?)?[ \t]*(?:\n|\Z)", re.MULTILINE)
_LONGEST_MARK = 10_000
_LINK_LISTS = ("items", "refs", "sources", "supporting_websites", "products")
_NAMES = ("title", "name", "attribution", "alt")


def without_marks(text: str, references: object, citations: object = None) -> str:
    """The text with links and names in place of the marks, and no mark whose meaning is unknown.

    `references` and `citations` are those of the message's metadata.
    """
    if text.startswith(":::writing") or "\n:::writing" in text:
        text = _WRITING.sub("", text)
    if not _STRAY.search(text) and "【" not in text:
        return text
    known = {
        matched: found
        for found in (*_older(citations), *as_objects(references))
        if (matched := _matched(found, text))
    }

    def written(mark: re.Match[str]) -> str:
        space, matched = mark.groups()
        if matched.startswith(_BEGIN):
            meaning = _meaning(known.get(matched, {})) or _said(matched)
        elif matched in known:
            meaning = _meaning(known[matched])
        elif _SOURCE.match(matched):
            return ""
        else:
            return mark.group()  # brackets of a text in Chinese or Japanese
        if meaning and not space and known.get(matched, {}).get("type") == "file":
            return f" ({meaning})"
        return space + meaning if meaning else ""

    return _STRAY.sub("", _MARK.sub(written, text))


def _older(citations: object) -> Iterator[dict[str, Any]]:
    """Citations in the form of references."""
    for found in as_objects(citations):
        if about := as_object(found, "metadata"):
            yield {**about, "start_idx": found.get("start_ix"), "end_idx": found.get("end_ix")}


def _matched(reference: Mapping[str, Any], text: str) -> str:
    """The mark that a reference is about, by itself or by its place."""
    matched = reference.get("matched_text")
    start, end = reference.get("start_idx"), reference.get("end_idx")
    if not isinstance(matched, str) and isinstance(start, int) and isinstance(end, int):
        matched = text[start : min(end, start + _LONGEST_MARK)] if 0 <= start < end else ""
    return matched.strip() if isinstance(matched, str) else ""


def _meaning(reference: Mapping[str, Any]) -> str:
    """The links of a reference, or else its name."""
    links = dict.fromkeys(_links(reference))
    if links:
        return f"({', '.join(links)})"
    return _name(reference)


def _links(reference: Mapping[str, Any]) -> Iterator[str]:
    if reference.get("type") == "hidden":
        return
    listed = (as_objects(reference.get(key)) for key in _LINK_LISTS)
    for found in chain((reference,), *listed):
        if link := _link(_name(found), as_text(found.get("url"))):
            yield link


def _name(found: Mapping[str, Any]) -> str:
    names = (as_text(found.get(key)) for key in _NAMES)
    return next((" ".join(name.split()) for name in names if name), "")


def _link(name: str, url: str) -> str:
    """A Markdown link; "" where there is no address of the web."""
    if not url.startswith(("https://", "http://")):
        return ""
    address = "".join(f"%{ord(sign):02X}" if sign in ' ()<>"\\' else sign for sign in url.strip())
    name = re.sub(r"[\[\]\\`]", " ", name).strip() or url.split("/")[2]
    return "" if any(sign.isspace() for sign in address) else f"[{name}]({address})"


def _said(mark: str) -> str:
    """What a mark says by itself: an entity its name, an address its link."""
    kind, *values = mark.strip(_BEGIN + _END).split(_BETWEEN)
    if kind.endswith("entity") and values:
        try:
            entity = json.loads(values[0])
        except (ValueError, RecursionError):
            return ""
        strings = (
            [each for each in entity if isinstance(each, str)] if isinstance(entity, list) else []
        )
        return strings[1] if len(strings) > 1 else ""
    if kind == "url" and len(values) > 1:
        return _link(values[0], values[1]) or values[0]
    return ""
