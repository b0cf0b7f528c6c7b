"""Markdown texts to cut: a corpus, and any number made of lines that meet badly."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

CORPUS = (Path(__file__).parent / "corpus.md").read_text(encoding="utf-8").split("\n=====\n")

_LINES = (
    *("para text", "Setext", "**bold**", "text `code` x", "   three", "    indented", "a\\"),
    *("- item", "* star", "+", "-", "1. one", "2. two", "10) ten", "  - nested", "   1. deep"),
    *("```", "```py", "````", "~~~", "  ```", "     ```", "- ```", "- > quote", "-\tfoo", "\tTab"),
    *("> quote", ">", "> - item", "> ```", ">     code", "> > deep", "# head", "===", "---"),
    *("- - -", "***", "| a | b |", "|---|---|", "| 1 | 2 |", "<div>", "</div>", "<!-- c", "-->"),
    *("<pre>", "</pre>", "<b>x</b> y", "<b>", "[a]: http://x", "[b]: <http://y> 't'"),
    *("see [a] and [b]", "[a]", "[x](y)", "[open", "[ab]: x y z", "&nbsp;"),
)
_LINE = st.one_of(st.just(""), st.sampled_from(_LINES))
texts = st.lists(_LINE, min_size=1, max_size=14).map("\n".join).map(str.strip).filter(bool)
