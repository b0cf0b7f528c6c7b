"""Reads and checks the files of the person who runs the server: `config.toml`, `secrets.toml`.

What is wrong is said with file, line and column or with the name of the entry, never with content:
keys stand in it. What the entries of a provider mean is read in `providers`.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from augenblick.core.errors import ConfigurationError

_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_TEXTS = ("base_url", "label", "api_key", "proxy", "ca_bundle")
_TABLES = ("headers", "query", "prices")
_ENTRIES = (*_TEXTS, "models", *_TABLES)
_HARMLESS = re.compile(r"[A-Za-z_. -]{1,30}")  # no key looks like this


def read_toml(path: Path) -> dict[str, Any]:
    """What stands in a TOML file; nothing where there is none.

    Raises ConfigurationError for a file that can't be read, with a sentence that says why.
    """
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except IsADirectoryError:
        raise ConfigurationError(f"{path} is a folder; a file is needed there.") from None
    except PermissionError:
        raise ConfigurationError(f"{path} may not be read by the user of this server.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} can't be read: {error.strerror}.") from None
    if content.startswith(_BYTE_ORDER_MARK):
        raise ConfigurationError(
            f"{path} begins with an invisible mark (BOM). Save it as UTF-8 without BOM."
        )
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        place = _place(content[: error.start].decode())
        raise ConfigurationError(f"{path}, {place}: not UTF-8. Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        found = _PLACE.search(str(error))
        place = f"line {found[1]}, column {found[2]}" if found else _place(content.decode())
        raise ConfigurationError(
            f"{path}, {place}: this is not valid TOML. Text stands in quotes, a list in [ ], and "
            "each name has one value."
        ) from None


def check_secrets(secrets: Mapping[str, Any]) -> None:
    """Find what Streamlit takes without a word: names nobody reads, values of the wrong kind.

    Tables that are not about endpoints are left alone, for they may be meant for others. Raises
    ConfigurationError.
    """
    for name, value in secrets.items():
        is_table = isinstance(value, Mapping | list)
        if name != "providers" and is_table and _meant(name, ["providers"]):
            raise ConfigurationError(
                f"secrets: {_shown(name)} is unknown; [providers.NAME] is meant."
            )
        if name in _ENTRIES and not is_table:
            raise ConfigurationError(
                f"secrets: {name} stands outside of a table; [providers.NAME] must come before it."
            )
    tables = secrets.get("providers")
    for name, table in tables.items() if isinstance(tables, Mapping) else ():
        if isinstance(table, Mapping):
            _check_provider(f"secrets: [providers.{name}]", table)


def _check_provider(where: str, table: Mapping[str, Any]) -> None:
    for key, value in table.items():
        if key not in _ENTRIES:
            meant = _meant(key, _ENTRIES)
            hint = f"{meant} is meant" if meant else f"known are {', '.join(_ENTRIES)}"
            raise ConfigurationError(f"{where} {_shown(key)} is unknown; {hint}.")
        if key in _TEXTS and not isinstance(value, str):
            raise ConfigurationError(f"{where} {key} must be text in quotes.")
        if key == "models" and not _is_names(value):
            raise ConfigurationError(f'{where} models must be a list of names: ["one", "two"].')
        if key in _TABLES and not isinstance(value, Mapping):
            raise ConfigurationError(f"{where} {key} must be a table.")
        if key in {"headers", "query"} and any(
            isinstance(v, Mapping | list) for v in value.values()
        ):
            raise ConfigurationError(f"{where} {key}: each value must be text in quotes.")


def _is_names(value: object) -> bool:
    names = value if isinstance(value, list) else [value]
    return all(isinstance(name, str) for name in names)


def _meant(name: str, known: Iterable[str]) -> str:
    """The known name that this is a slip of; empty for none."""
    folded = name.strip().lower().replace("-", "_").replace(" ", "_")
    return next(iter(difflib.get_close_matches(folded, list(known), n=1, cutoff=0.75)), "")


def _shown(name: str) -> str:
    return name if _HARMLESS.fullmatch(name) else "an entry"


def _place(text_before: str) -> str:
    """The place behind a text, counted as editors do."""
    column = len(text_before) - text_before.rfind("\n")
    return f"line {text_before.count(chr(10)) + 1}, column {column}"
