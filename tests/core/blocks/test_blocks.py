"""Markdown cut into blocks, held against a CommonMark renderer that is not ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from augenblick.core.blocks import BlockCutter, Cut, cut, link_blocks
from augenblick.ui.chat.drawn_answer import SHORTEST_BLOCK
from augenblick.ui.chat.markdown_filter import fit_for_page
from augenblick.ui.chat.streamed_blocks import Blocks
from tests.core.blocks.texts import CORPUS, texts
from tests.growth import assert_linear

shortest_ones = st.sampled_from([0, 0, 5, 40])
_RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_BEYOND = ("[^", "$$")  # what this renderer does not know; a browser test has it


def _html(markdown: str) -> str:
    html = re.sub(r"\s*\n\s*", "\n", _RENDERER.render(markdown))
    return re.sub(r"\s*</code>", "</code>", html).strip()


def _drawn_apart(blocks: Iterable[str]) -> str:
    return "\n".join(filter(None, map(_html, blocks)))


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("text", [text for text in CORPUS if not any(b in text for b in _BEYOND)])
def test_blocks_drawn_one_by_one_look_like_the_whole(text: str) -> None:
    """Every text of the corpus gives the same HTML, cut or not, and is cut where it can be."""
    blocks = link_blocks(cut(text))

    assert _drawn_apart(blocks) == _html(text.strip())
    assert len(blocks) > 1 or text.startswith("```")


@settings(max_examples=300, deadline=None)
@given(texts, shortest_ones)
def test_whatever_lines_meet_the_blocks_look_like_the_whole(text: str, shortest: int) -> None:
    """Also where fences, lists, quotes and HTML are left open or run into each other."""
    blocks = cut(text, shortest=shortest)

    assert _drawn_apart(link_blocks(blocks)) == _html(text)
    assert _squeezed("".join(blocks)) == _squeezed(text)


@pytest.mark.parametrize("text", CORPUS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 40])
def test_a_streamed_answer_has_the_blocks_of_the_finished_one(text: str, size: int) -> None:
    """However the text comes, what is streamed is what the finished conversation draws."""
    pieces = [text[at : at + size] for at in range(0, len(text), size)]

    for shortest in (0, 60, SHORTEST_BLOCK):
        expected = cut(fit_for_page(text), shortest=shortest)
        assert _streamed(pieces, shortest=shortest) == expected


@settings(max_examples=200, deadline=None)
@given(texts, st.lists(st.integers(1, 9), min_size=1, max_size=8), shortest_ones)
def test_any_pieces_give_the_same_blocks(text: str, sizes: Sequence[int], shortest: int) -> None:
    """Pieces of every size, in any order of sizes."""
    pieces: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size

    expected = cut(fit_for_page(text), shortest=shortest)
    assert _streamed(pieces, shortest=shortest) == expected


def _streamed(pieces: Iterable[str], *, shortest: int) -> tuple[str, ...]:
    """What `st.write_stream` would have written in the end."""
    stream, written = Blocks(shortest=shortest), [""]

    def take(parts: Iterable[str | Callable[[], None]]) -> None:
        for part in parts:
            if isinstance(part, str):
                written[-1] += part
            else:
                written.append("")

    for piece in pieces:
        take(stream.feed(piece))
    take(stream.finish())
    assert "" not in written[1:]
    return tuple(filter(None, written))


def test_plain_words_are_shown_as_they_come() -> None:
    """A new paragraph begins with its first letter; nothing waits for the end of a line."""
    cutter = BlockCutter()

    assert list(cutter.feed("One")) == ["One"]
    assert list(cutter.feed(" two.\n")) == [" two."]
    assert list(cutter.feed("\n")) == []
    assert list(cutter.feed("T")) == [Cut.HERE, "T"]
    assert list(cutter.feed("hree\nfour")) == ["hree", "\nfour"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a\n\nb\n\nc", 3),
        ("# t\n\na\n\n## t\n\nb", 4),
        ("a\n\n---\n\nb", 1),  # a rule and a quote bring a distance of their own
        ("a\n\n> b\n\nc", 2),
        ("- a\n\n- b\n\n1. c\n\nd", 2),
        ("a [^1]\n\nb\n\n[^1]: c\n\nd", 1),
        ("a [x]\n\n[x]: http://y\n\nb", 2),
        ("```\n\n\n\n", 1),
        ("", 0),
        (" \n\n ", 0),
    ],
)
def test_there_are_as_many_blocks_as_can_be(text: str, count: int) -> None:
    """Cut is where it is safe, and nowhere where elements would stand further apart."""
    assert len(cut(text)) == count


def test_a_short_block_goes_on() -> None:
    """Where a block could end sooner than it may, what follows stands in it as it was written."""
    text = "# Bread\n\n- rye\n- spelt\n\nBoth rise twice.\n\nThen bake."

    assert cut(text, shortest=20) == ("# Bread\n\n- rye\n- spelt", "Both rise twice.\n\nThen bake.")
    assert cut(text, shortest=1000) == (text,)


def test_a_definition_reaches_the_blocks_that_use_it_and_no_others() -> None:
    """Of two definitions of a label the first holds, as in a whole text."""
    blocks = link_blocks(cut("[A]\n\nb\n\n[a]: http://one\n[a]: http://two\n\nsee [a]\n\nc"))

    assert blocks[0] == "[a]: http://one\n\n[A]"
    assert blocks[2] == "[a]: http://one\n\nsee [a]"
    assert blocks[3] == "c"


def test_a_long_definition_is_not_sent_with_every_block() -> None:
    """At most four times the text goes to the page; further references stay words."""
    definition = f"[a]: https://a.example/{'x' * 20_000}"
    text = "\n\n".join((definition, *(f"see [a] in paragraph {number}" for number in range(500))))

    blocks = link_blocks(cut(text))

    assert sum(map(len, blocks)) <= 4 * len(text)
    assert blocks[1].startswith(definition)
    assert blocks[-1] == "see [a] in paragraph 499"


def _streamed_by_character(text: str) -> tuple[str, ...]:
    return _streamed(text, shortest=SHORTEST_BLOCK)


@pytest.mark.parametrize(
    "make",
    [
        lambda size: "- - " * (size // 4),
        lambda size: "[" * size,
        lambda size: "[a" * (size // 2),
        lambda size: f"{' ' * 99}\n" * (size // 100),
        lambda size: "\n" * size,
        lambda size: "a\n\n" * (size // 3),
        lambda size: "[a]\n\n" * (size // 5),
        lambda size: "".join(f"{'  ' * min(depth, 60)}- a\n" for depth in range(size // 10)),
        lambda size: "".join(f"{'>' * min(depth, 60)} a\n" for depth in range(size // 10)),
        lambda size: "<a b='c' " * (size // 9),
        lambda size: "[a]: /x\n\n" + "[a] b\n\n" * (size // 7),
    ],
)
@pytest.mark.parametrize("read", [_streamed_by_character, lambda text: link_blocks(cut(text))])
def test_twice_the_text_costs_twice(
    read: Callable[[str], object], make: Callable[[int], str]
) -> None:
    """Nested lists that grow line by line, blank lines, brackets: whatever a model repeats."""
    assert_linear(read, make)
