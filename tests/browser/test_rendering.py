"""How answers are drawn: block by block, at once, and without moving anything at the end."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPage
from tests.browser.playing import Script, area, ask, expect_whole, messages
from tests.core.blocks.texts import CORPUS
from tests.faults.server import FaultServer
from tests.serving import AppServer, serve_app, serve_script

_CORPUS_PAGE = """
import streamlit as st

from augenblick.core.blocks import cut, link_blocks
from augenblick.ui.chat.markdown_filter import fit_for_page
from tests.core.blocks.texts import CORPUS

for number, text in enumerate(CORPUS):
    text = fit_for_page(text)
    with st.container(key=f"whole-{number}"):
        st.markdown(text)
    with st.container(key=f"apart-{number}"):
        for block in link_blocks(cut(text)):
            st.markdown(block)
st.text("all drawn")
"""
_NAMES = re.compile(r' (?:id|class|href|aria-labelledby|aria-describedby)="[^"]*"')
_WIDE = "\n".join(
    (
        "| " + " | ".join(f"Spalte{number}lang" for number in range(12)) + " |",
        "|" + 12 * "---|",
        *6 * ["| " + " | ".join(12 * ["wertwert"]) + " |"],
    )
)

_KINDS = """Bäckerei Kern
Brot 2,40 €
Brötchen 0,45 €

| Name | Wert |
|---|---|
| a<br>b | H<sub>2</sub>O |

Formeln \\(E = mc^2\\), $2x = 4$, $5 and $6; 3~5 Tage a~b~c; a -> b >= c; **"重点"**内容

\\[
x = 1
\\]

<u>unten</u> <kbd>Strg</kbd> <mark>hell</mark> x<sup>2</sup> color:red
<b>fett</b> <em>schräg</em> <del>weg</del> <code>wie $5</code> $p = 15%$

<script>window.wasRun = 1</script> <img src="https://e.example/a.png" onerror="window.wasRun = 1">
<style>body { display: none }</style> <u onclick="window.wasRun = 1">text</u>
!![a](https://e.example/b.png) [b](data:text/html,hi) [c](javascript:alert(1))
<svg/onload=window.wasRun=1> <u><iframe srcdoc="x"></u> <!-- <u> --> `<b>` &lt;i&gt;

- פריט ראשון
- פריט שני

Ende.
"""


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AppServer, Script]]:
    """The server with an endpoint; tests change the script."""
    script = Script()
    with FaultServer(script) as endpoint:
        env = {"OPENAI_BASE_URL": endpoint.base_url}
        with serve_app(tmp_path_factory.mktemp("rendering"), env=env) as server:
            yield server, script


def test_blocks_look_like_the_whole_in_streamlits_own_renderer(
    tmp_path_factory: pytest.TempPathFactory, open_page: OpenPage
) -> None:
    """With tables, formulas, footnotes, tasks: the page shows the same, cut or not."""
    with serve_script(tmp_path_factory.mktemp("corpus"), _CORPUS_PAGE) as server:
        page, _ = open_page(server.url)
        expect(page.get_by_text("all drawn")).to_be_visible()
        expect(page.locator(".katex").first).to_be_visible()
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0)

        for number, text in enumerate(CORPUS):
            whole, apart = (_drawn(page, f"{way}-{number}") for way in ("whole", "apart"))
            assert apart == whole, text


def _drawn(page: Page, key: str) -> str:
    drawn = page.locator(f".st-key-{key}").get_by_test_id("stMarkdownContainer").all()
    html = "".join(element.inner_html() for element in drawn)
    return re.sub(r"\s+", "", _NAMES.sub("", html))


# What a screen reader hears from now on.
_LISTEN = """() => {
  window.heard = [];
  const region = document.getElementById("augenblick-status");
  new MutationObserver(() => heard.push(region.textContent)).observe(region, { childList: true });
}"""


def test_nothing_moves_when_an_answer_ends_and_both_ends_are_said(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Finished blocks stay the same elements; screen readers hear start and end, not the words."""
    server, script = connected
    rest = "und noch mehr davon, " * 8 + "bis er ein Block für sich ist."
    paragraphs = [f"Absatz{number} mit **Text**, {rest}\n\n" for number in range(1, 30)]
    script.words, script.pause_seconds = (*paragraphs, "Ende."), 0.1
    script.waits_before = paragraphs[20]
    page, _ = open_page(server.url, locale="de-DE")
    ask(page, "Erzähle")
    answer = messages(page).last
    expect(answer).to_contain_text("Absatz5")
    status = page.locator("#augenblick-status[role=status]")
    expect(status).to_have_text("Die Antwort wird geschrieben.")
    first = answer.get_by_text("Absatz1 mit Text").first.element_handle()
    first.evaluate("element => { element.dataset.known = 'yes' }")
    script.waits_before = ""

    expect_whole(page, "Ende.")

    expect(status).to_contain_text("Die Antwort ist fertig: Absatz1 mit Text, und noch mehr")
    expect(page.locator("[data-known=yes]")).to_have_text(f"Absatz1 mit Text, {rest}")
    assert first.evaluate("element => element.isConnected")
    expect(answer.get_by_test_id("stMarkdown")).to_have_count(30)
    assert answer.locator("[aria-live]").count() == 0
    tops = "list => list.map(element => element.offsetTop)"
    before = answer.get_by_test_id("stMarkdown").evaluate_all(tops)
    page.evaluate(_LISTEN)
    script.words = ("Noch ", "ein ", "Ende.")
    ask(page, "Und weiter")
    page.wait_for_function("() => heard.length >= 2")
    assert page.evaluate("heard") == [
        "Die Antwort wird geschrieben.",
        "Die Antwort ist fertig: Noch ein Ende.",
    ]
    page.reload()
    expect_whole(page, "Noch ein Ende.")
    assert messages(page).nth(1).get_by_test_id("stMarkdown").evaluate_all(tops) == before


def test_a_link_that_is_defined_at_the_end_is_one_in_the_end(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """The block that refers to it is drawn again once its definition is known."""
    server, script = connected
    script.words = ("See [the ", "source][1].\n\n", "More.\n\n", "[1]: https://example.org/one\n")
    script.pause_seconds = 0.1
    page, _ = open_page(server.url)
    ask(page, "Tell me")

    link = messages(page).last.get_by_role("link", name="the source")
    expect(link).to_have_attribute("href", "https://example.org/one")
    expect_whole(page, "More.")


def test_a_wide_table_scrolls_in_its_own_place_on_a_phone(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """The page stays as wide as the phone, and the newest answer's end is in view."""
    server, script = connected
    script.words = (
        "Davor.\n\n",
        *_WIDE.splitlines(keepends=True),
        "\n\n",
        "y" * 150,
        "\n\nDanach.",
    )
    script.pause_seconds = 0.05
    page, _ = open_page(
        server.url, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True
    )
    for question in ("Eins", "Zwei"):
        ask(page, question)
        expect_whole(page, "Danach.")

    table = page.get_by_role("table").last
    assert table.evaluate("table => table.parentElement.scrollWidth > 1000")
    assert table.evaluate("table => table.parentElement.clientWidth < 390")
    main = page.get_by_test_id("stMain")
    assert main.evaluate("main => main.scrollWidth") == 390
    expect(messages(page).last.get_by_text("Danach.")).to_be_in_viewport()


@pytest.mark.parametrize("width", [390, 1280])
def test_an_answer_shows_what_was_written_while_it_comes_and_after(
    connected: tuple[AppServer, Script], open_page: OpenPage, width: int
) -> None:
    """Line ends, tags, formulas, signs, direction; nothing of a model runs or loads."""
    server, script = connected
    script.words, script.pause_seconds = tuple(re.findall(r"(?s).{1,9}", _KINDS)), 0.01
    page, _ = open_page(server.url, viewport={"width": width, "height": 900})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    ask(page, "Zeig alles")
    expect_whole(page, "Ende.")

    for is_again in (False, True):
        if is_again:
            page.reload()
            expect_whole(page, "Ende.")
        answer = messages(page).last
        expect(answer.locator(".katex")).to_have_count(4)
        expect(answer.locator(".katex-html").filter(has_text="15%")).to_have_count(1)
        expect(answer.locator(".katex-display")).to_have_count(1)
        expect(answer).to_contain_text('3~5 Tage a~b~c; a -> b >= c; "重点"内容')
        expect(answer).to_contain_text("$5 and $6")
        expect(answer).to_contain_text("color:red")
        expect(answer.locator("strong")).to_have_text('"重点"')
        shown = answer.inner_text()
        assert "Bäckerei Kern\nBrot 2,40 €\nBrötchen 0,45 €" in shown
        assert "a\nb\tH2O" in shown
        assert "<script>window.wasRun = 1</script>" in shown
        drawn = answer.get_by_test_id("stMarkdownContainer")
        expect(drawn.locator("del, script, style, iframe, svg, [onclick], [onload]")).to_have_count(
            0
        )
        expect(drawn.locator("img")).to_have_count(0)
        links = answer.get_by_role("link").evaluate_all("all => all.map(link => link.href)")
        assert all(link.startswith("https://e.example/") for link in links)
        expect(answer.locator("ul").last).to_have_css("direction", "rtl")
        underlined = answer.get_by_text("unten", exact=True)
        assert "underline" in underlined.evaluate("e => getComputedStyle(e).textDecorationLine")
        for words, name, value in (
            ("fett", "font-weight", "600"),
            ("schräg", "font-style", "italic"),
            ("weg", "text-decoration-line", "line-through"),
        ):
            expect(answer.get_by_text(words, exact=True)).to_have_css(name, value)
        expect(answer.locator("code").filter(has_text="wie $5")).to_have_count(1)
        assert page.evaluate("window.wasRun") is None
    assert not [url for url in asked if "example" in url]


def test_the_input_runs_the_way_of_its_first_letters(
    connected: tuple[AppServer, Script], open_page: OpenPage
) -> None:
    """Who writes from right to left sees it so while writing."""
    server, _ = connected
    page, _ = open_page(server.url)

    field = area(page)
    expect(field).to_have_css("unicode-bidi", "plaintext")
    expect(field).to_have_css("text-align", "start")
