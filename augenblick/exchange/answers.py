"""The Markdown of an answer as HTML that can neither run nor load anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

_SCHEMES = {"http", "https", "mailto"}
_HEADING = re.compile(r"h([1-6])")
_DEEPEST = 6
_ABOVE = 2  # levels of headings that the page itself uses


def answer_html(text: str) -> Markup:
    """HTML of a Markdown text: its own HTML is shown as text, a picture becomes a link to it."""
    tokens = _MARKDOWN.parse(text)
    for token in tokens:
        if found := _HEADING.fullmatch(token.tag):
            token.tag = f"h{min(int(found[1]) + _ABOVE, _DEEPEST)}"
    html: str = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    return Markup(html)  # noqa: S704  # the renderer has escaped whatever came from the text


def _is_harmless(url: str) -> bool:
    try:
        return urlsplit(url.strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _picture_link(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    _options: OptionsDict,
    _env: EnvType,
) -> str:
    address = str(tokens[at].attrs.get("src", ""))
    return Markup('<a href="{0}" rel="noreferrer noopener nofollow">{1}</a>').format(
        address, tokens[at].content or address
    )


def _link_open(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    at: int,
    options: OptionsDict,
    env: EnvType,
) -> str:
    tokens[at].attrSet("rel", "noreferrer noopener nofollow")
    return renderer.renderToken(tokens, at, options, env)


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    markdown.validateLink = _is_harmless  # type: ignore[method-assign]  # as its guide shows
    markdown.add_render_rule("image", _picture_link)
    markdown.add_render_rule("link_open", _link_open)
    return markdown


_MARKDOWN = _markdown()
