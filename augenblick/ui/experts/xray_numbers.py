"""Of an X-ray: the course of the answer as charts, and what it took in numbers."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from augenblick.conversations import Conversation, Node, ReplyRecord
from augenblick.estimates import tokens_per_second
from augenblick.rhythm import Rhythm, read_rhythm, thinned
from augenblick.store import Figures
from augenblick.trace import WireExchange
from augenblick.ui import words
from augenblick.ui.experts.prices import price_of
from augenblick.ui.markdown import literal
from augenblick.ui.resources import Services

_MOST_POINTS = 400
_CHART_HEIGHT_PX = 200
_FEWEST_POINTS = 3


def draw_chart(exchange: WireExchange) -> None:
    """Draw when the answer began, how fast it came and where it paused."""
    rhythm = read_rhythm(exchange)
    if len(rhythm.seconds) < _FEWEST_POINTS:
        st.info(words.say("xray.no_course"))
        return
    with st.container(horizontal=True, gap="medium"):
        for label, value in _figures(rhythm, exchange):
            st.metric(label, value, width="content")
    places = thinned(rhythm.seconds, _MOST_POINTS)
    seconds, tokens = words.say("xray.axis_seconds"), words.say("xray.axis_tokens")
    st.line_chart(
        {
            seconds: [rhythm.seconds[place] for place in places],
            tokens: [rhythm.tokens[place] for place in places],
        },
        x=seconds,
        y=tokens,
        height=_CHART_HEIGHT_PX,
    )
    _draw_gaps(rhythm, seconds)
    if not rhythm.is_counted:
        st.caption(words.say("xray.not_counted"))


def draw_numbers(
    exchange: WireExchange, node: Node, conversation: Conversation, parts: Services
) -> None:
    """Draw usage, times, cost and what the endpoint said about itself."""
    record = node.reply
    if record is None:
        return
    rows = [*_rows(record, parts), *_wire_rows(exchange)]
    lines = [f"| {name} | {literal(value)} |" for name, value in rows]
    with st.container(key="xray_numbers"):
        st.markdown("\n".join(("| | |", "|:--|:--|", *lines)))
    said = _fingerprint(node, record, conversation)
    if said:
        st.caption(said)


def _figures(rhythm: Rhythm, exchange: WireExchange) -> Iterator[tuple[str, str]]:
    language = words.current()
    if rhythm.first_seconds is not None:
        first = language.number(rhythm.first_seconds, digits=2)
        yield words.say("xray.first_token"), f"{first} s"
    if rhythm.tokens_per_second is not None:
        yield words.say("xray.speed"), language.number(rhythm.tokens_per_second, digits=1)
    yield words.say("xray.longest_gap"), f"{language.number(max(rhythm.gaps), digits=2)} s"
    yield words.say("xray.event_count"), language.number(len(exchange.events))


def _draw_gaps(rhythm: Rhythm, seconds: str) -> None:
    """The longest gaps stay visible: of each stretch of the time the longest is drawn."""
    gap = words.say("xray.axis_gap")
    stretch = max(1, len(rhythm.gaps) // _MOST_POINTS + 1)
    starts = range(0, len(rhythm.gaps), stretch)
    st.scatter_chart(  # a line would show pauses between the pauses
        {
            seconds: [rhythm.seconds[start + 1] for start in starts],
            gap: [max(rhythm.gaps[start : start + stretch]) * 1000 for start in starts],
        },
        x=seconds,
        y=gap,
        size=20,
        height=_CHART_HEIGHT_PX,
    )


def _rows(record: ReplyRecord, parts: Services) -> Iterator[tuple[str, str]]:
    language, usage = words.current(), record.usage
    yield words.say("xray.model"), record.answered_model or record.model
    if usage is not None:
        for name, count in (
            ("prompt_tokens", usage.prompt_tokens),
            ("completion_tokens", usage.completion_tokens),
            ("reasoning_tokens", usage.reasoning_tokens),
            ("total_tokens", usage.total_tokens),
        ):
            if count is not None:
                yield name, language.number(count)
        price = price_of(parts, record.provider, record.model)
        if price is not None:
            cost = price.cost(usage.prompt_tokens or 0, usage.completion_tokens or 0)
            yield words.say("xray.cost"), language.money(cost, price.currency)
        speed = tokens_per_second(Figures(usage, record.timings))
        if speed is not None:
            yield words.say("xray.speed"), language.number(speed, digits=1)
    for name, seconds in (
        (words.say("xray.headers_after"), record.timings.headers_seconds),
        (words.say("xray.first_token"), record.timings.first_token_seconds),
        (words.say("xray.total"), record.timings.total_seconds),
    ):
        if seconds is not None:
            yield name, f"{language.number(seconds, digits=2)} s"
    for index, choice in enumerate(record.choices):
        name = "finish_reason" if len(record.choices) == 1 else f"finish_reason [{index}]"
        yield name, choice.finish_reason or words.say("xray.unsaid")
    yield "system_fingerprint", record.system_fingerprint or words.say("xray.unsaid")


def _wire_rows(exchange: WireExchange) -> Iterator[tuple[str, str]]:
    size = sum(len(piece) for piece in exchange.request.body if isinstance(piece, bytes))
    size += sum((each.byte_count + 2) // 3 * 4 for each in exchange.request.pictures)
    yield words.say("xray.body_size"), words.current().bytes(size)
    comments = sum(event.is_comment for event in exchange.events)
    yield words.say("xray.event_count"), words.current().number(len(exchange.events) - comments)
    if comments:
        yield words.say("xray.comments"), words.current().number(comments)


def _fingerprint(node: Node, record: ReplyRecord, conversation: Conversation) -> str:
    """Say whether the endpoint is set up as for the answer before of the same model."""
    earlier = [
        other.reply
        for other in conversation.nodes[: conversation.nodes.index(node)]
        if other.reply is not None
        and other.reply.provider == record.provider
        and other.reply.model == record.model
        and other.reply.system_fingerprint
    ]
    if not record.system_fingerprint or not earlier:
        return ""
    before = earlier[-1].system_fingerprint
    if before == record.system_fingerprint:
        return words.say("xray.same_fingerprint")
    return words.say("xray.other_fingerprint", before=literal(before))
