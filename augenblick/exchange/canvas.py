"""ChatGPT's canvas: documents that the model writes by calling a tool, beside the conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from augenblick.exchange.parsed import as_object, as_objects, as_text

_CALLS = {"canmore.create_textdoc", "canmore.update_textdoc", "canmore.comment_textdoc"}
_PUT_IN = {"updates": "replacement", "comments": "comment"}
_TICKS = re.compile("`+")
_LANGUAGE = re.compile(r"[a-z0-9+#-]{1,20}")


def is_document(name: object) -> bool:
    """Whether a tool of this name writes, changes or comments on a document."""
    return isinstance(name, str) and name in _CALLS


def document_in(called: str, *, shown_as: Mapping[str, Any]) -> str:
    """A document, or what was put into it, as Markdown; "" where the call holds none.

    A change names by a regular expression what it replaces. It is not run, for it may take for
    ever; almost always it is `.*`, so that what was put in is the whole document.
    """
    try:
        call = as_object(json.loads(called, strict=False))  # models write line ends as they are
    except (ValueError, RecursionError):
        return ""
    texts = [as_text(call.get("content"))]
    for key, name in _PUT_IN.items():
        texts += [as_text(change.get(name)) for change in as_objects(call.get(key))]
    written = [text for text in texts if text.strip()]
    if not written:
        return ""
    title = as_text(shown_as.get("title")) or as_text(call.get("name"))
    kind = as_text(call.get("type")) or as_text(shown_as.get("textdoc_type"))
    bodies = [_code(text, kind) for text in written] if kind.startswith("code") else written
    heading = [f"**{' '.join(title.replace('*', ' ').split())}**"] if title.strip(" *") else []
    return "\n\n".join([*heading, *bodies])


def _code(text: str, kind: str) -> str:
    """The text in a fence that is longer than any in it."""
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in _TICKS.findall(text)), default=0))
    language = kind.partition("/")[2].lower()
    return f"{fence}{language if _LANGUAGE.fullmatch(language) else ''}\n{text}\n{fence}"
