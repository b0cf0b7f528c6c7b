"""Markdown of a model, made fit for the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from augenblick.ui.chat.markdown_filter import MarkdownFilter, fit_for_page
from tests.growth import assert_linear

_APART = "\u200b"


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


_BITS = (
    *("a", "b ", "5", "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\", "!", "[", "]", "(", ")", ":"),
    *(
        "red",
        "`",
        "``",
        "<br>",
        "<u>",
        "</u>",
        "<",
        "sub>",
        "<b>",
        "</b>",
        "%",
        "~",
        "~~",
        "*",
        "**",
        "“",
        "重",
        "->",
    ),
    *(" -- ", "\n", "\n\n", "\r\n", "\r", "\t", "http://x", "www.", "data:x", "](", "- ", "> "),
    *(
        "| ",
        "    ",
        "```\n",
        "<details>",
        "<summary>",
        "</summary>",
        "&gt;",
        "=",
        "1. ",
        "[a]: ",
        "---",
        "\n--",
    ),
)


@given(
    st.text(alphabet="a!$5[](): `~\n\\redx/-é", max_size=60)
    | st.lists(st.sampled_from(_BITS), max_size=30).map("".join)
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12,50\n 3,20\n-----\n15,70", "12,50\n 3,20\n\n-----\n15,70"),
        ("12,50\n3,20\n=====\n15,70", "12,50\n3,20\n\\=====\n15,70"),
        ("5\n\nx\n+ 3\n = 8", "5\n\nx\n+ 3\n = 8"),
        ("Titel\n---\nx", "Titel\n---\nx"),
        ("# T\nx\n---", "# T\nx\n---"),
        ("> a\n> b\n> ---", "> a\n> b\n> ---"),
        ("```\na\nb\n---\n===\n```", "```\na\nb\n---\n===\n```"),
        ("a\nb\n- c\n- d", "a\nb\n- c\n- d"),
    ],
)
def test_a_rule_below_lines_makes_no_heading_of_them(text: str, expected: str) -> None:
    """The lines of a bill above its sum stay lines."""
    assert fit_for_page(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "5 $ und 4 $",
        "US$ 10 und US$10-US$20",
        "R$ 5, A$5 und C$7",
        "-$5",
        "$5-$10",
        "$.99 or $.99/$.49",
        "$HOME and $PATH, $HOME/$PATH",
        "$this->foo($bar)",
        "$5 and $6",
        "costs $5, not $6; $5/$6",
        "**$5** and **$6**",
        "10$ und 20$, (10$-20$)",
        "€/$ und £/$-Kurs",
        "a restaurant of $$ bis $$$",
        "| $5 | $6 |",
        "$5 for two people and 6$",
        "Kosten in $ (nicht in US$)",
        "$5M-$10M, $5k",
        "$5 + 7% = $5.35",
        "($5 * 3) + $2 = $17",
        "US$5=CA$7",
        "$12.50-$2.50=$10.00",
        "$5 = 4,60 €, $6 = 5,50 €",
        "价格是$5和$6",
        "A$AP und Ke$ha",
        "$a = $b + $c;",
        "${name} and ${x}, $(date)",
        "R$5,00 e R$6,00",
        "| Brot | $2.40 | $3 |",
    ],
)
def test_money_and_variables_are_no_formula(text: str) -> None:
    """The words between two amounts are never drawn as a formula."""
    assert fit_for_page(text).replace("\\$", "$") == text
    assert fit_for_page(text).count("\\$") == text.count("$")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\(x\) and \( E = mc^2 \).", "$x$ and $E = mc^2$."),
        (r"$2x + 3 = 0$, $5$ and $10^{-6}$", r"$2x + 3 = 0$, $5$ and $10^{-6}$"),
        (r"$x$ costs $5", r"$x$ costs \$5"),
        (r"\[ x = 1 \]", "$$\nx = 1\n$$"),
        ("\\[\nx\n= 1\n\\]\nrest", "$$\nx\n= 1\n$$\nrest"),
        ("so: \\[\nx = 1\n\\].", "so: \n$$\nx = 1.\n$$"),
        ("- \\[ x = 1 \\]", "- $$\n  x = 1\n  $$"),
        ("> $$\n> x\n> $$", "> $$\n> x\n> $$"),
        ("$$x = 5$$", "$$\nx = 5\n$$"),
        ("a $$x^2$$ b", "a $$x^2$$ b"),
        (r"\[1\] and \(see below\)", r"\[1\] and \(see below\)"),
        (r"$90°$ und $15%$", r"$90°$ und $15\%$"),
        (r"\(5% + 3\%\) $$p = 5%$$ x", r"$5\% + 3\%$ $$p = 5\%$$ x"),
        ("\\[ p = 5% \\]", "$$\np = 5\\%\n$$"),
        (r"$\text{Preis} = 5\,€$", r"$\text{Preis} = 5\,€$"),
        (r"$\$5.00$ und $x = \$5$", r"$$\$5.00$$ und $$x = \$5$$"),
        (r"$5 \$ and $6", r"\$5 \$ and \$6"),
        ("never closed \\[\n$5\n", "never closed \\[\n\\$5\n"),
        ("$$\n\n$5 never closed", "\\$\\$\n\n\\$5 never closed"),
        ("`\\(x\\)`\n\n```\n\\[\nx\n\\]\n```", "`\\(x\\)`\n\n```\n\\[\nx\n\\]\n```"),
    ],
)
def test_formulas_get_the_signs_of_the_page(text: str, expected: str) -> None:
    """Whichever way they are written, in lists and quotes too; code and prose are none."""
    assert fit_for_page(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a<br>b<BR/>c<br />d", "a:gray[&#10;]b:gray[&#10;]c:gray[&#10;]d"),
        ("H<sub>2</sub>O", "H:color[2]{foreground=#001}O"),
        ("<u>a<mark>b</mark></u>", ":color[a:yellow-background[b]]{foreground=#003}"),
        ("<kbd>Ctrl</kbd>", ":gray-badge[Ctrl]"),
        ("<u>x]</u>", ":color[x\\]]{foreground=#003}"),
        ("<kbd>[</kbd> <kbd>\\</kbd>", ":gray-badge[\\[] :gray-badge[\\\\]"),
        ("<b>a</b> <STRONG>b</STRONG>", ":color[a]{foreground=#004} :color[b]{foreground=#004}"),
        ("<i>a</i> <em>*b*</em>", ":color[a]{foreground=#005} :color[*b*]{foreground=#005}"),
        ("<s>a</s> <del>b</del>", ":color[a]{foreground=#006} :color[b]{foreground=#006}"),
        ("<ins>a</ins></br><code>$5 <b></code>", ":color[a]{foreground=#003}:gray[&#10;]`$5 <b>`"),
        ("<b onmouseover=x>a</b> <body>", "\\<b onmouseover=x>a\\</b> \\<body>"),
        ("<details>\n<summary><h3>T</h3></summary>\nx\n</details>", "\n**T**\n\nx\n"),
        ("<u>never closed", "\\<u>never closed"),
        ("<sub onclick=x>2</sub>", "\\<sub onclick=x>2\\</sub>"),
        ("<script>x</script>", "\\<script>x\\</script>"),
        ("<img src=x><!-- c --><?x?>", "\\<img src=x>\\<\\!-- c -->\\<?x?>"),
        ("`<br>` and\n```\n<br>\n```", "`<br>` and\n```\n<br>\n```"),
        ("a < b <c", "a < b \\<c"),
        ("<details><summary>T</summary>\n\nx\n</details>", "**T**\n\n\nx\n"),
        ("the <details> tag", "the \\<details> tag"),
        ("https://a.example<br>b", "<https://a.example>:gray[&#10;]b"),
    ],
)
def test_tags_are_drawn_or_text(text: str, expected: str) -> None:
    """No `<` of a model reaches the page as the beginning of HTML, other than in code."""
    assert fit_for_page(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a~b~c, 3~5, ~~x~~", "a\\~b\\~c, 3\\~5, ~~x~~"),
        ("a -> b x->y", f"a {_APART}-> b x->y"),
        ("a -&gt; b", f"a {_APART}-&gt; b"),
        (">= 5\n- >= 5\n- > 5", f"{_APART}>= 5\n- {_APART}>= 5\n- \\> 5"),
        ("|--|---|\n---", "|--|---|\n---"),
        ('这是**"重点"**内容', f'这是**{_APART}"重点"{_APART}**内容'),
        ("**注意。**请", f"**注意。{_APART}**请"),
        ('say **"x"** or 2**(3)', 'say **"x"** or 2**(3)'),
        ("color:red; std::x; :help", "color\\:red; std\\:\\:x; \\:help"),
        (":material_home: :streamlit:", f":{_APART}material_home: :{_APART}streamlit:"),
        ("https://a.example/~b?c=$5&d=:e", "https://a.example/~b?c=$5&d=:e"),
        ("!![x](http://e/a.png)", "\\![x](http://e/a.png)"),
        (r"\!![x](http://e/a.png)", r"\![x](http://e/a.png)"),
        ("[x](data:text/html,y)", "[x]\\(data\\:text/html,y)"),
        ("[x](java&Tab;script:y)", "[x]\\(java&Tab;script\\:y)"),
        ("<data:text/html,y>", "\\<data\\:text/html,y>"),
        ("[1]: data:text/html,y", "\\[1]: data\\:text/html,y"),
        ("[x](#a) [y](mailto:a@b)", "[x](#a) [y](mailto\\:a@b)"),
    ],
)
def test_signs_stay_what_was_written(text: str, expected: str) -> None:
    """Nothing that Streamlit reads into plain text, and no address but of a page or a mailbox."""
    assert fit_for_page(text) == expected


def _by_character(text: str) -> str:
    markdown = MarkdownFilter()
    return "".join((*map(markdown.feed, text), markdown.finish()))


@pytest.mark.parametrize(
    "bit",
    [
        *("`", "``x ", "$", "$a ", "$a", "$$\n", "\\(a", "\\[", "\\[\n", "!", "![", "[a](", "["),
        *(
            "<b>",
            "<code>",
            "$\\$",
            "$%",
            "$a=\\$",
            "<u>",
            "<details>",
            "<summary>",
            "<a b='c' ",
            ":a",
            "::",
            "~",
            "**重",
            "-",
            "-> ",
            "> ",
        ),
        *("a\nb\n---\n", "a\n=", "&gt;", "http://x~", "w", "|-", "\n", " ", "[a]: x\n", "    a\n"),
    ],
)
def test_twice_the_text_costs_twice(bit: str) -> None:
    """Whatever a model repeats."""
    assert_linear(fit_for_page, lambda size: bit * (size // len(bit)))


@pytest.mark.parametrize(
    "bit",
    ["`", "`x ", "$a ", "$$\n", "\\[a", "!", "[a](", "[", "<u>", "- - ", " ", "|-", "&gt;", "w"],
)
def test_twice_the_pieces_cost_twice(bit: str) -> None:
    """What is held back is not gone through again from its start with every piece."""
    assert_linear(_by_character, lambda size: bit * (size // len(bit)))


@pytest.mark.parametrize(
    "bit",
    [
        *(
            "<br>",
            "<u>x</u>",
            "<kbd>x</kbd>",
            "<b>x</b>",
            "<i>[</i>",
            "</br>",
            "$%$",
            "\\[%=%%%\\]",
            "a -> ",
            " -- ",
            "~",
            "::",
            "重*“",
            "$",
            "!![",
        ),
        *("> " * 40 + "\\[" + "\na" * 900 + "=1\\]\n\n", "> " * 9 + "$$a=1$$\n", "www.a.b<"),
        *("- " * 30 + "<details><summary>a</summary>b\n", "[x](data:y)", "<a", "&gt;= "),
    ],
)
def test_the_page_gets_at_most_four_times_the_text(bit: str) -> None:
    """Whatever signs stand in for what was written."""
    text = bit * 50

    assert len(fit_for_page(text).encode()) <= 4 * len(text.encode())
