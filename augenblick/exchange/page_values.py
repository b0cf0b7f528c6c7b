"""Values of answers on a page that stands alone: marked in the text, outlined in the pictures.

Without a script: a found value is a link to its outlines, which are seen while they are the target.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from markupsafe import Markup, escape

from augenblick.core.conversations import Node
from augenblick.core.language import Language
from augenblick.core.messages import Role
from augenblick.core.picture_text import Place, Value
from augenblick.exchange.answers import Mark

ValuesOf = Callable[[Sequence[Node]], Sequence[Value]]
"""The values of the answer at the end of a path."""

_FOUND: Final = Markup('<a class="found" href="#{}" title="{}">{}</a>')
_MARKED: Final = Markup('<span class="found" title="{}">{}</span>')
_MISSING: Final = Markup('<span class="missing" title="{}">{}</span>')
_MOST_MARKS: Final = 500  # of an answer
_BEFORE: Final = r"(?<![^\W_])(?<!\d[.,:'\u2019])"
_AFTER: Final = r"(?:(?![^\W_]|[.,:'\u2019]\d)|(?<=\d)(?=[^\W\d_]))"  # 500g: a unit may follow


@dataclass(frozen=True, slots=True)
class Outline:
    """The places of a value in one picture; `id` is what links to them name."""

    id: str
    places: tuple[Place, ...]


class PageValues:
    """What is marked in which answer of a path, and outlined in which picture."""

    def __init__(
        self,
        path: Sequence[Node],
        values_of: ValuesOf | None,
        language: Language,
        *,
        has_links: bool = True,
    ) -> None:
        self._language = language
        self._has_links = has_links
        self._values: dict[str, Sequence[Value]] = {}  # by node
        self._ids: dict[str, dict[str, str]] = {}  # by node, of the values that were found
        self._outlines: dict[str, list[Outline]] = {}  # by picture
        for number, node in enumerate(path):
            if values_of is None or node.message.role is not Role.ASSISTANT:
                continue
            self._values[node.id] = values_of(path[: number + 1])
            self._ids[node.id] = dict(self._outlined(number, self._values[node.id]))

    def outlines(self, sha256: str) -> Sequence[Outline]:
        """The outlines in a picture, for the first place on the page where it is shown."""
        return self._outlines.pop(sha256, ()) if self._has_links else ()

    def line(self, node_id: str) -> str:
        """How many values of an answer were found; empty where nothing can be said."""
        values = self._values.get(node_id, ())
        found = sum(bool(value.places) for value in values)
        if not values:
            return ""
        return self._language.text("evidence.line", found=found, count=len(values))

    def marks(self, node_id: str) -> Mark | None:
        """What marks the values of an answer."""
        values = self._values.get(node_id, ())
        if not values:
            return None
        words = sorted((value.text for value in values), key=len, reverse=True)
        choices = "|".join(r"\s+".join(map(re.escape, each.split())) for each in words)
        pattern = re.compile(f"{_BEFORE}(?:{choices}){_AFTER}")
        left = _MOST_MARKS

        def mark(text: str) -> Markup | None:
            nonlocal left
            pieces: list[Markup] = []
            end = 0
            for match in islice(pattern.finditer(text), left):
                left -= 1
                marked = self._marked(match[0], self._ids[node_id].get(_plain(match[0])))
                pieces += [escape(text[end : match.start()]), marked]
                end = match.end()
            return Markup().join([*pieces, escape(text[end:])]) if pieces else None

        return mark

    def _marked(self, text: str, outline_id: str | None) -> Markup:
        if outline_id is None:
            return _MISSING.format(self._language.text("evidence.missing"), text)
        title = self._language.text("evidence.found")
        if not self._has_links:
            return _MARKED.format(title, text)
        return _FOUND.format(outline_id, title, text)

    def _outlined(self, number: int, values: Sequence[Value]) -> Sequence[tuple[str, str]]:
        """Take down the outlines of an answer's values: in the first picture that has it."""
        found = [value for value in values if value.places]
        ids = [(_plain(value.text), f"v{number}-{at}") for at, value in enumerate(found)]
        for value, (_, name) in zip(found, ids, strict=True):
            sha256 = value.places[0].sha256
            places = tuple(place for place in value.places if place.sha256 == sha256)
            self._outlines.setdefault(sha256, []).append(Outline(name, places))
        return ids


def _plain(text: str) -> str:
    return " ".join(text.split())
