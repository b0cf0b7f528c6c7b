"""Markdown of a model, made fit for the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augenblick.ui.markdown import MarkdownFilter, fit_for_page


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("![a cat](https://elsewhere.example/x.png)", "[a cat](https://elsewhere.example/x.png)"),
        ("It costs $5 or $10.", r"It costs \$5 or \$10."),
        (r"already \$5", r"already \$5"),
        ("a formula $x^2$ stays", "a formula $x^2$ stays"),
        (":red[alarm] :material/home: :tada:", "\\:red[alarm] :\u200bmaterial/home: :tada:"),
        ("`![x](y) $5 :red[z]`", "`![x](y) $5 :red[z]`"),
        ("```\n![x](y) $5\n```\n$5", "```\n![x](y) $5\n```\n\\$5"),
        ("~~~python\n$5\n```\n$6\n~~~\n$7", "~~~python\n$5\n```\n$6\n~~~\n\\$7"),
        ("Hello!", "Hello!"),
        ("- a list\n    - costs $5", "- a list\n    - costs \\$5"),
        ("```inline``` $5\n$6", "```inline``` \\$5\n\\$6"),
        ("```\n$5\n```python\n$6\n```\n$7", "```\n$5\n```python\n$6\n```\n\\$7"),
        ("    ![x](https://elsewhere.example/x.png)", "    [x](https://elsewhere.example/x.png)"),
        ("lone ` backtick $5", "lone ` backtick \\$5"),
        ("`` $5 ` $6 `` $7", "`` $5 ` $6 `` \\$7"),
        ("``![x](y)`", "``[x](y)`"),
        (r"\`![x](y)\`", r"\`[x](y)\`"),
        (r"`a\` $5 `", r"`a\` \$5 `"),
        ("", ""),
    ],
)
def test_only_what_must_change_changes(text: str, expected: str) -> None:
    """Pictures from elsewhere, amounts and Streamlit's own signs change; code never does."""
    assert fit_for_page(text) == expected


@given(
    st.text(alphabet="a!$5[](): `~\n\\redx/-é", max_size=60)
    | st.text(alphabet="a$5 `\\", max_size=30),
    st.lists(st.integers(min_value=0, max_value=60), max_size=8),
)
def test_pieces_make_the_same_text_as_the_whole(text: str, cuts: list[int]) -> None:
    """However the stream cuts the text, the page shows the same in the end."""
    markdown = MarkdownFilter()
    given_out = []
    at = 0
    for cut in [*sorted(cuts), len(text)]:
        given_out.append(markdown.feed(text[at : max(at, cut)]))
        at = max(at, cut)
    given_out.append(markdown.finish())

    assert "".join(given_out) == fit_for_page(text)


@pytest.mark.parametrize(
    "text",
    ["x " + "`" * 50_000, " ".join("x" + "`" * count for count in range(400)), "x `y" * 20_000],
)
def test_an_answer_of_nothing_but_backticks_costs_next_to_nothing(text: str) -> None:
    """What a model writes that got stuck does not hold up the server (for hours, if squared)."""
    assert fit_for_page(text) == text


def test_plain_words_are_not_held_back() -> None:
    """Ordinary text is shown as it comes."""
    markdown = MarkdownFilter()

    assert markdown.feed("Hello") == "Hello"
    assert markdown.feed(" wor") == " wor"
    assert markdown.feed("ld!") == "ld"
    assert markdown.feed(" More") == "! More"
