"""The text of a picture in a question: kept as it is, with the name of who read it."""

from __future__ import annotations

import pytest

from augenblick.core.handed_text import block_of, parties_of


@pytest.mark.parametrize("text", ["Summe 22,24", "a\n``````\nb", "```````text by you\n```````"])
@pytest.mark.parametrize("party", ["", "api.example.org · gpt-4o", "a `b`\n c"])
def test_a_text_stays_in_its_block_and_names_its_reader(text: str, party: str) -> None:
    """Whatever stands in it, also what looks like another block."""
    block = block_of(text, party=party)

    first, *lines, last = block.split("\n")
    assert "\n".join(lines) == text
    assert first.startswith(last + "text")
    assert last not in text
    assert parties_of(f"How much?\n\n{block}")[0] == " ".join(party.replace("`", "'").split())


def test_each_reader_is_named_once() -> None:
    """A question without such a text has none."""
    blocks = [block_of("1", party="A"), block_of("2", party="A"), block_of("3")]

    assert parties_of("\n\n".join(blocks)) == ("A", "")
    assert parties_of("How much?\n```text\n1\n```") == ()
