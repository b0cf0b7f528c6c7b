"""Of an X-ray: the course of the answer as a chart, and what it took in numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

import streamlit as st

from augenblick.core.conversations import Conversation, Node, ReplyRecord
from augenblick.endpoint.chunks import parse_chunk
from augenblick.endpoint.trace import WireExchange
from augenblick.lab.estimates import tokens_per_second
from augenblick.store.store_values import Figures
from augenblick.ui import i18n
from augenblick.ui.chat.markdown_filter import literal
from augenblick.ui.experts.prices import price_of
from augenblick.ui.resources import Services

_MOST_POINTS = 400
_CHART_HEIGHT_PX = 200
_FEWEST_POINTS = 3


def draw_numbers(
    exchange: WireExchange, node: Node, conversation: Conversation, parts: Services
) -> None:
    """Draw the course, usage, times, cost and what the endpoint said about itself."""
    record = node.reply
    if record is None:
        return
    course = course_of(exchange)
    if len(course) >= _FEWEST_POINTS:
        _draw_course(course)
    rows = [*_rows(record, parts), *_wire_rows(exchange, course)]
    lines = [f"| {name} | {literal(value)} |" for name, value in rows]
    with st.container(key="xray_numbers"):
        st.markdown("\n".join(("| | |", "|:--|:--|", *lines)))
    said = _fingerprint(node, record, conversation)
    if said:
        st.caption(said)


def course_of(exchange: WireExchange) -> list[tuple[float, int]]:
    """The seconds since sending and the characters so far, for each event that brought some."""
    course: list[tuple[float, int]] = []
    for event in exchange.events:
        added = 0 if event.is_comment else _characters(event.data)
        if added:
            course.append((event.at_seconds, added + (course[-1][1] if course else 0)))
    return course


def _characters(data: str) -> int:
    """How much an event adds; what it repeats whole was counted before."""
    try:
        chunk = parse_chunk(json.loads(data))
    except (ValueError, RecursionError):
        return 0
    return sum(
        len(one.text) + len(one.reasoning) + len(one.refusal)
        + sum(len(call.name) + len(call.arguments) for call in one.tool_calls)
        for one in chunk.choices
        if not one.is_whole
    )  # fmt: skip


def _draw_course(course: Sequence[tuple[float, int]]) -> None:
    """Draw when the answer began, how fast it came (steepness) and where it paused (steps)."""
    step = len(course) // _MOST_POINTS + 1
    before = ((0.0, 0), (course[0][0], 0))  # so the wait for the first word is seen
    seconds, characters = zip(*before, *course[::step], course[-1], strict=True)
    x, y = i18n.t("xray.axis_seconds"), i18n.t("xray.axis_characters")
    st.line_chart({x: seconds, y: characters}, x=x, y=y, height=_CHART_HEIGHT_PX)


def _rows(record: ReplyRecord, parts: Services) -> Iterator[tuple[str, str]]:
    language, usage = i18n.current(), record.usage
    yield i18n.t("xray.model"), record.answered_model or record.model
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
            yield i18n.t("xray.cost"), language.money(cost, price.currency)
        speed = tokens_per_second(Figures(usage, record.timings))
        if speed is not None:
            yield i18n.t("xray.speed"), language.number(speed, digits=1)
    for name, seconds in (
        (i18n.t("xray.headers_after"), record.timings.headers_seconds),
        (i18n.t("xray.first_token"), record.timings.first_token_seconds),
        (i18n.t("xray.total"), record.timings.total_seconds),
    ):
        if seconds is not None:
            yield name, f"{language.number(seconds, digits=2)} s"
    for index, choice in enumerate(record.choices):
        name = "finish_reason" if len(record.choices) == 1 else f"finish_reason [{index}]"
        yield name, choice.finish_reason or i18n.t("xray.unsaid")
    yield "system_fingerprint", record.system_fingerprint or i18n.t("xray.unsaid")


def _wire_rows(
    exchange: WireExchange, course: Sequence[tuple[float, int]]
) -> Iterator[tuple[str, str]]:
    size = sum(len(piece) for piece in exchange.request.body if isinstance(piece, bytes))
    size += sum((each.byte_count + 2) // 3 * 4 for each in exchange.request.pictures)
    yield i18n.t("xray.body_size"), i18n.current().bytes(size)
    comments = sum(event.is_comment for event in exchange.events)
    yield i18n.t("xray.event_count"), i18n.current().number(len(exchange.events) - comments)
    if comments:
        yield i18n.t("xray.comments"), i18n.current().number(comments)
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(course)]
    if pauses:
        yield i18n.t("xray.longest_gap"), f"{i18n.current().number(max(pauses), digits=2)} s"


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
        return i18n.t("xray.same_fingerprint")
    return i18n.t("xray.other_fingerprint", before=literal(before))
