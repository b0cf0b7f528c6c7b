"""Where the benches write their tables: one section each of `docs/bench.md`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from augenblick.core.paths import PROJECT_DIR

_FILE = PROJECT_DIR / "docs" / "bench.md"
_START = "# Measured\n\nWritten by `make bench`; trust ratios within a table.\n"


def write_section(title: str, lines: Sequence[str]) -> None:
    """Replace the section with this title, or add it."""
    text = _FILE.read_text(encoding="utf-8") if _FILE.exists() else _START
    section = "\n".join((f"## {title}", "", *lines, ""))
    pattern = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    if pattern.search(text):
        text = pattern.sub(lambda _: section + "\n", text)
    else:
        text = f"{text.rstrip()}\n\n{section}"
    _FILE.write_text(f"{text.rstrip()}\n", encoding="utf-8")
