"""The plain fields of the panel: how what is typed becomes a value, and a value what is typed.

What is typed lives in the widgets, under the names the API gives the fields, so that the short ones
stand in the address. Prompts never do: a system message and free JSON are kept on the server only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from augenblick.core.errors import SettingsInvalid
from augenblick.core.settings import FIELDS, RequestSettings, problems_of
from augenblick.lab.tools import without_retired
from augenblick.ui.tab_state import Tab

_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,400}", re.ASCII)
_ESCAPED = {"\\n": "\n", "\\r": "\r", "\\t": "\t", "\\\\": "\\"}
_PLAIN = RequestSettings("")
Typed = str | None
FLAGS = ("true", "false")


@dataclass(frozen=True, slots=True)
class Entry:
    """One widget and the request field it fills.

    `read` raises ValueError for what is no value of this kind at all.
    """

    field: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Typed]
    is_in_address: bool = True

    @property
    def key(self) -> str:
        """The key of the widget; in the address also the name of the parameter."""
        return self.field if self.is_in_address else f"expert_{self.field}"

    def value(self, typed: Typed) -> Any:  # noqa: ANN401 - each field has its own type
        """The value of the field. Raises SettingsInvalid."""
        try:
            value = self.read(typed)
        except (ValueError, RecursionError):
            raise SettingsInvalid(field=self.field, allowed=FIELDS[self.field].allowed) from None
        for problem in problems_of(replace(_PLAIN, **{self.field: value})):
            raise problem
        return value


def _read_number(text: str) -> float | None:
    text = text.strip()
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return int(text) if _WHOLE.fullmatch(text) else float(text.replace(",", "."))


def _read_whole(text: str) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not _WHOLE.fullmatch(text):
        raise ValueError
    return int(text)


def _write_number(value: float | None) -> str:
    return "" if value is None else str(value)


def _read_stop(text: str) -> tuple[str, ...]:
    lines = [line for line in text.split("\n") if line]
    return tuple(re.sub(r"\\[nrt\\]", lambda found: _ESCAPED[found[0]], line) for line in lines)


def _write_stop(stop: tuple[str, ...]) -> str:
    signs = {plain: escaped for escaped, plain in _ESCAPED.items()}
    return "\n".join("".join(signs.get(sign, sign) for sign in each) for each in stop)


def _read_text(text: str) -> str:
    return text if text.strip() else ""


def _read_object(text: str, **how: Any) -> Any:  # noqa: ANN401 - JSON is anything
    """Read JSON as strictly as it is written down; an empty text is an empty object."""
    return json.loads(text, parse_constant=_refuse_constant, **how) if text.strip() else {}


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _write_object(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), ensure_ascii=False, indent=2) if value else ""


def _read_biases(text: str) -> Any:  # noqa: ANN401 - JSON is anything
    return _read_object(text, object_pairs_hook=_each_once)


def _each_once(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """An object whose names all differ; else JSON would silently keep the last of a name."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _read_flag(text: str | None) -> bool:
    """Nothing chosen is true, which is how this page asks; else one of `FLAGS`."""
    if text not in {None, *FLAGS}:
        raise ValueError
    return text != "false"


def _write_flag(value: bool) -> str | None:  # noqa: FBT001 - called like its sisters
    return None if value else "false"


ENTRIES: Mapping[str, Entry] = {
    entry.field: entry
    for entry in (
        Entry("temperature", _read_number, _write_number),
        Entry("top_p", _read_number, _write_number),
        Entry("presence_penalty", _read_number, _write_number),
        Entry("frequency_penalty", _read_number, _write_number),
        Entry("seed", _read_whole, _write_number),
        Entry("max_tokens", _read_whole, _write_number),
        Entry("stop", _read_stop, _write_stop),
        Entry("n", _read_whole, _write_number),
        Entry("stream", _read_flag, _write_flag),
        Entry("include_usage", _read_flag, _write_flag),
        Entry("system", _read_text, str, is_in_address=False),
        Entry("user", lambda text: _read_text(text) or None, lambda user: user or "", False),
        Entry("logit_bias", _read_biases, _write_object, is_in_address=False),
        Entry("extra", _read_object, _write_object, is_in_address=False),
    )
}


def take_over(memory: Tab) -> None:
    """Read what stands in the widgets now; what can't be sent is left out and named."""
    for entry in ENTRIES.values():
        if entry.key in st.session_state:
            _take(entry, st.session_state[entry.key], memory)


def _take(entry: Entry, typed: Typed, memory: Tab) -> None:
    memory.panel.typed[entry.key] = typed
    memory.panel.problems.pop(entry.field, None)
    value = getattr(_PLAIN, entry.field)
    try:
        value = entry.value(typed)
    except SettingsInvalid as problem:
        memory.panel.problems[entry.field] = problem
    memory.settings = replace(memory.settings, **{entry.field: value})


def put_back(memory: Tab) -> None:
    """Fill widgets that Streamlit forgot while they were not drawn, and empty those to be."""
    for name in (str(problem.params["field"]) for problem in memory.panel.clearing):
        st.session_state[ENTRIES[name].key] = ENTRIES[name].write(getattr(_PLAIN, name))
    memory.panel.clearing = ()
    for key, typed in memory.panel.typed.items():
        if key not in st.session_state and key not in st.query_params:
            st.session_state[key] = typed


def exchange(settings: RequestSettings, memory: Tab) -> None:
    """Put other settings into every widget; for callbacks."""
    _start_from(settings, memory)
    memory.panel.ignored = ()
    for entry in ENTRIES.values():
        st.session_state[entry.key] = entry.write(getattr(settings, entry.field))


def begin_with(settings: RequestSettings, memory: Tab) -> None:
    """Start a visit with the settings of the last one; what the address says comes before them.

    An address that names any field names all of the short ones: it was made that way. What in it
    can't be sent is left out and named in `ignored`; on its first run Streamlit puts it into its
    widget whatever we say, so it is `clearing` until the next.
    """
    named = {
        name: st.query_params[entry.key]
        for name, entry in ENTRIES.items()
        if entry.is_in_address and entry.key in st.query_params
    }
    tried = {name: _problem(ENTRIES[name], text) for name, text in named.items()}
    bad = {name: problem for name, problem in tried.items() if problem is not None}
    memory.panel.ignored = memory.panel.clearing = tuple(bad.values())
    if named:
        short = [entry.field for entry in ENTRIES.values() if entry.is_in_address]
        good = {name: ENTRIES[name].value(named[name]) for name in named.keys() - bad.keys()}
        settings = replace(settings, **{name: getattr(_PLAIN, name) for name in short} | good)
    _start_from(settings, memory)
    for name, entry in ENTRIES.items():
        if name in bad:
            del st.query_params[entry.key]
        elif name not in named:
            st.session_state[entry.key] = entry.write(getattr(settings, name))


def _start_from(settings: RequestSettings, memory: Tab) -> None:
    memory.settings = without_retired(settings)
    panel = memory.panel
    panel.typed.clear()
    panel.problems.clear()
    panel.round += 1


def _problem(entry: Entry, text: str) -> SettingsInvalid | None:
    """What is wrong with a value in the address."""
    try:
        entry.value(text)
    except SettingsInvalid as problem:
        return problem
    return None
