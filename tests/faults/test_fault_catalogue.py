"""Every fault of the catalogue, at every moment and in every framing."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from augenblick.core.messages import ReplyEnd
from augenblick.endpoint.client import ChatClient, Deadlines, RetryPolicy
from tests.faults.asking import KEY, NO_RETRY, Outcome, ask, ask_once, provider_at, question
from tests.faults.catalogue import ROWS, Row
from tests.faults.server import (
    Answer,
    Ending,
    FaultServer,
    Framing,
    Pause,
    Received,
    Reset,
    Step,
    framed,
    refusing_port,
    unanswering_port,
)
from tests.faults.wire import WHOLE_TEXT, Moment, broken_off, kept, whole_answer

CASES = [
    pytest.param(row, moment, framing, id=name, marks=pytest.mark.slow if row.is_slow else ())
    for row in ROWS
    for name, moment, framing in row.cases()
]
HASTY = RetryPolicy(base_seconds=0.01, cap_seconds=0.02)
ALL_NUMBERS = set(range(1, 55)) - {51}  # 51 needs its own environment and stands below


def test_the_catalogue_is_whole() -> None:
    """Every numbered fault has at least one row, so that none can be dropped unseen."""
    assert {row.number for row in ROWS} == ALL_NUMBERS
    assert len({param.id for param in CASES}) == len(CASES)


@pytest.mark.parametrize(("row", "moment", "framing"), CASES)
def test_a_fault_ends_as_the_catalogue_says(row: Row, moment: Moment, framing: Framing) -> None:
    """The reply has its typed end, its own error and all the text, and no error shows the key."""
    with FaultServer(lambda _: row.script(moment, framing)) as server:
        payload = question(n=row.choices) if row.choices > 1 else question()
        outcome = ask_once(server.base_url, payload=payload, deadlines=row.deadlines)
        assert len(server.received) == 1
    assert (outcome.text, outcome.end) == (row.text(moment), row.end), outcome
    if row.error is None:
        assert outcome.failure is None or row.end is ReplyEnd.CUT, outcome
    else:
        assert row.is_expected(outcome.error), outcome
        assert outcome.failure is not None
    assert outcome.unfaithful_channel() is None
    row.check(outcome)
    _assert_nothing_private(outcome)


def _assert_nothing_private(outcome: Outcome) -> None:
    for shown in (repr(outcome), str(outcome.error), repr(outcome.failure)):
        assert KEY not in shown
        assert "Was ist auf dem Foto" not in shown
    if outcome.failure is not None:
        assert len(outcome.failure.detail.encode()) <= 2048


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("408 Timeout", ()),
        ("409 Conflict", ()),
        ("429 Too Many", (("Retry-After", "0"),)),
        ("429 Too Many", (("Retry-After", "0.02"),)),
        ("429 Too Many", (("retry-after-ms", "20"),)),
        ("429 Too Many", (("Retry-After", email.utils.formatdate(0, usegmt=True)),)),
        ("429 Too Many", (("Retry-After", "1760000000"),)),
        ("429 Too Many", (("x-ratelimit-reset-requests", "20ms"),)),
        ("500 Oops", ()),
        ("502 Bad Gateway", ()),
        ("503 Busy", ()),
        ("529 Busy", ()),
    ],
)
def test_a_refusal_before_the_answer_is_tried_again(
    status: str, headers: tuple[tuple[str, str], ...]
) -> None:
    """Rows 41-43: two refusals and then an answer are one complete answer with two waits."""
    with FaultServer(_after(2, status, headers)) as server:
        outcome = ask_once(server.base_url, retry=HASTY)
        assert len(server.received) == 3
    assert (outcome.text, outcome.end) == (WHOLE_TEXT, ReplyEnd.COMPLETE)
    assert len(outcome.waits) == 2
    assert all(0 <= wait <= 1 for wait in outcome.waits)


def _after(count: int, status: str, headers: Iterable[tuple[str, str]]) -> Answer:
    left = iter(range(count))

    def answer(_: Received) -> list[Step]:
        if next(left, None) is None:
            return whole_answer(Framing.CHUNKED)
        return framed([b"{}"], Framing.LENGTH, status=status, headers=tuple(headers))

    return answer


@pytest.mark.parametrize("moment", [Moment.MIDDLE, Moment.END])
@pytest.mark.parametrize("framing", list(Framing))
@pytest.mark.parametrize("ending", [Ending.FIN, Ending.RST])
def test_a_begun_answer_is_never_asked_for_twice(
    moment: Moment, framing: Framing, ending: Ending
) -> None:
    """Row 44: after the first text a break costs no second request and doubles no text."""
    with FaultServer(lambda _: broken_off(moment, framing, ending=ending)) as server:
        outcome = ask_once(server.base_url, retry=HASTY)
        assert len(server.received) == 1
    assert (outcome.text, outcome.end) == (kept(moment), ReplyEnd.CUT)


def test_a_refusal_that_asks_for_a_long_wait_is_told_at_once() -> None:
    """Row 41: nobody waits an hour; the person is told how long the endpoint asks for."""
    answer = _after(9, "429 Too Many", [("Retry-After", "3600")])
    with FaultServer(answer) as server:
        outcome = ask_once(server.base_url, retry=HASTY)
        assert len(server.received) == 1
    assert outcome.failure is not None
    assert outcome.failure.code == "rate_limited"
    assert outcome.failure.params["retry_after_seconds"] == 3600


def test_a_date_in_retry_after_becomes_seconds() -> None:
    """Row 41: an HTTP date is taken as the time until then."""
    date = email.utils.formatdate(time.time() + 90, usegmt=True)
    with FaultServer(_after(9, "429 Too Many", [("Retry-After", date)])) as server:
        outcome = ask_once(server.base_url)
    assert outcome.failure is not None
    assert 60 <= float(outcome.failure.params["retry_after_seconds"]) <= 92


def test_netrc_and_proxy_environment_are_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 51: the key that was configured goes to the address that was configured."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login eve password evil\n", encoding="utf-8")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with FaultServer(lambda _: whole_answer(Framing.CLOSE)) as server:
        outcome = ask_once(server.base_url)
        (received,) = server.received
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert outcome.end is ReplyEnd.COMPLETE


def test_no_redirect_is_followed() -> None:
    """Row 50: neither key nor picture reaches the host a redirect names."""
    with FaultServer(lambda _: whole_answer(Framing.LENGTH)) as elsewhere:
        moved = framed(
            [], Framing.LENGTH, status="307 Moved", headers=[("Location", elsewhere.base_url)]
        )
        with FaultServer(lambda _: moved) as server:
            outcome = ask_once(server.base_url, retry=HASTY)
        assert elsewhere.received == []
    assert outcome.code == "redirected"


def test_an_address_where_nobody_listens_has_its_own_error() -> None:
    """A refused connection says so and nothing else."""
    with refusing_port() as base_url:
        outcome = ask_once(base_url)
    assert outcome.code == "connection_refused"
    assert outcome.end is ReplyEnd.FAILED


def test_an_unknown_name_has_its_own_error() -> None:
    """A host name without an address is told as such."""
    outcome = ask_once("http://nowhere.invalid/v1")
    assert outcome.code == "name_not_found"


def test_a_port_that_does_not_answer_times_out() -> None:
    """The connect deadline holds where packets are simply dropped."""
    with unanswering_port() as base_url:
        outcome = ask_once(base_url, deadlines=Deadlines(connect_seconds=0.5))
    assert outcome.code == "connect_timed_out"


def test_plain_http_behind_https_has_its_own_error() -> None:
    """TLS to a server that speaks none is no unexplained failure."""
    with FaultServer(lambda _: whole_answer(Framing.CLOSE), tls=True) as server:
        outcome = ask_once(server.base_url)
    assert outcome.code == "tls_failed"


def test_a_server_that_closes_before_reading_the_question() -> None:
    """A connection reset while a large question is being sent is a lost connection."""
    with FaultServer(lambda _: [b""], reads_body=False) as server:
        picture = "data:image/png;base64," + "A" * 8_000_000
        outcome = ask_once(server.base_url, payload=question(user=picture))
    assert outcome.code == "connection_lost"
    assert outcome.end is ReplyEnd.FAILED


def test_a_refusal_is_heard_although_the_question_was_not_read() -> None:
    """A server that answers 413 and closes before reading all is told as 413 where it can be."""
    steps = [*framed([b"{}"], Framing.LENGTH, status="413 Too Large")[:-1], Pause(2)]
    with FaultServer(lambda _: steps, reads_body=False) as server:
        picture = "data:image/png;base64," + "A" * 200_000
        outcome = ask_once(server.base_url, payload=question(user=picture))
    assert outcome.code == "request_too_large"


def test_a_pooled_connection_that_died_meanwhile_is_no_fault() -> None:
    """A server that closes an idle connection costs the next question nothing."""
    answers = iter([[*whole_answer(Framing.LENGTH)[:-1]], whole_answer(Framing.LENGTH)])
    with FaultServer(lambda _: next(answers)) as server:
        client = ChatClient(provider_at(server.base_url), retry=NO_RETRY)
        first = ask(client, question())
        time.sleep(0.5)  # for the server's FIN to arrive
        second = ask(client, question())
        client.close()
    assert [first.end, second.end] == [ReplyEnd.COMPLETE] * 2
    assert second.text == WHOLE_TEXT


def test_a_pooled_connection_that_dies_at_the_next_question_is_tried_again() -> None:
    """A connection closed in the moment of sending is replaced without a word to the person."""
    answers: Iterator[list[Step]] = iter(
        [whole_answer(Framing.LENGTH), [Reset()], whole_answer(Framing.LENGTH)]
    )
    with FaultServer(lambda _: next(answers)) as server:
        client = ChatClient(provider_at(server.base_url), retry=HASTY)
        ends = [ask(client, question()).end for _ in range(2)]
        assert len(server.received) == 3
        client.close()
    assert ends == [ReplyEnd.COMPLETE] * 2


@pytest.mark.parametrize("framing", [Framing.CHUNKED, Framing.LENGTH])
def test_a_whole_answer_gives_the_connection_back(framing: Framing) -> None:
    """Ten questions over a server that keeps connections need one connection."""
    with FaultServer(lambda _: whole_answer(framing)) as server:
        client = ChatClient(provider_at(server.base_url), retry=NO_RETRY)
        ends = [ask(client, question()).end for _ in range(10)]
        assert server.open_count == 1
        client.close()
        assert server.wait_until_left()
    assert ends == [ReplyEnd.COMPLETE] * 10


def test_faults_leave_no_thread_and_no_connection() -> None:
    """After sixty broken answers as many threads run as after one, and no socket is open."""
    endings = [Ending.WHOLE, Ending.FIN, Ending.RST]
    scripts = [
        broken_off(moment, framing, ending=ending)
        for moment in Moment
        for framing in Framing
        for ending in endings
    ]
    waiting = iter(scripts * 2 + [whole_answer(Framing.CLOSE)] * 6)
    with FaultServer(lambda _: next(waiting)) as server:
        client = ChatClient(provider_at(server.base_url), retry=NO_RETRY)
        ask(client, question())
        before = _client_threads()
        for _ in range(59):
            ask(client, question())
        assert server.wait_until_left()
        assert len(_client_threads()) <= len(before)
        client.close()


def _client_threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if "_serve" not in name and name != "fault-server"]
