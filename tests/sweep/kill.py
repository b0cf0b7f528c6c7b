"""The upstream killed at a byte of its response, and whether everything received was kept."""

from __future__ import annotations

import itertools
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from augenblick.core.messages import ChoiceText, ReplyEnd
from augenblick.endpoint.client import ChatClient
from tests.faults.asking import NO_RETRY, Outcome, ask, provider_at, question
from tests.faults.server import (
    Ending,
    FaultServer,
    Framing,
    Received,
    Reset,
    Step,
    flushed_gzip,
    framed,
)
from tests.sweep.streams import Expected, Said, blocks_of, expect, load_stream

GZIP = "gzip"
FRAMINGS = (*Framing, GZIP)
BROKEN = frozenset({ReplyEnd.CUT, ReplyEnd.FAILED})


@dataclass(frozen=True, slots=True)
class Recording:
    """A response as written to the wire and the body bytes that each of its beginnings holds."""

    name: str
    framing: str  # a Framing, or "gzip": compressed, ended by closing
    wire: bytes = field(repr=False)
    body: bytes = field(repr=False)
    body_bytes_at: tuple[int, ...] = field(repr=False)  # index: how many wire bytes were sent

    def expected_at(self, offset: int) -> Expected:
        """What must be kept when only so many bytes of the wire arrived."""
        return expect(self.body[: self.body_bytes_at[offset]])


@dataclass(frozen=True, slots=True)
class Kill:
    """One death of the upstream."""

    recording: Recording
    ending: Ending
    offset: int

    @property
    def id(self) -> str:
        """What a failure is reproduced with."""
        return f"{self.recording.name}/{self.recording.framing}/{self.ending}/{self.offset}"


def record(name: str, framing: str) -> Recording:
    """A stream in a framing, one write per event."""
    body = load_stream(name)
    if framing == GZIP:
        return _record_gzip(name, body)
    wire = bytearray()
    carried: list[int] = []
    total = 0
    for step in framed(blocks_of(body), Framing(framing)):
        if not isinstance(step, bytes):
            continue
        payload_at = _payload_of(step, framing, is_head=not wire)
        carried += [
            total + min(max(at - payload_at.start, 0), len(payload_at)) for at in range(len(step))
        ]
        total += len(payload_at)
        wire += step
    carried.append(total)
    return Recording(name, framing, bytes(wire), body, tuple(carried))


def _record_gzip(name: str, body: bytes) -> Recording:
    headers = [("Content-Encoding", "gzip")]
    head, *packed = framed(flushed_gzip(blocks_of(body)), Framing.CLOSE, headers=headers)
    assert isinstance(head, bytes)
    content = b"".join(step for step in packed if isinstance(step, bytes))
    unpacker = zlib.decompressobj(wbits=31)
    carried = [0] * (len(head) + 1)
    carried += itertools.accumulate(
        len(unpacker.decompress(content[at : at + 1])) for at in range(len(content))
    )
    return Recording(name, GZIP, head + content, body, tuple(carried))


def _payload_of(step: bytes, framing: str, *, is_head: bool) -> range:
    """Which positions of a write are bytes of the body."""
    if is_head:
        return range(0)
    if framing != Framing.CHUNKED:
        return range(len(step))
    start = step.index(b"\r\n") + 2
    return range(start, len(step) - 2)


def kills(recordings: Iterable[Recording], *, step: int = 1, start: int = 0) -> Iterator[Kill]:
    """Every death at every `step`-th byte, by FIN and by RST."""
    for recording, ending in itertools.product(recordings, (Ending.FIN, Ending.RST)):
        for offset in range(start % step, len(recording.wire), step):
            yield Kill(recording, ending, offset)


class KillingServer:
    """Serves recordings and dies where the request's `user` field says."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._wires: Mapping[str, bytes] = {
            f"{recording.name}/{recording.framing}": recording.wire for recording in recordings
        }

    def __call__(self, received: Received) -> list[Step]:
        """The beginning of a response, then death."""
        which, ending, offset = str(received.json()["user"]).rsplit("/", 2)
        beginning: Step = self._wires[which][: int(offset)]
        return [beginning, Reset()] if ending == Ending.RST else [beginning]


def complaint_about(kill: Kill, outcome: Outcome) -> str | None:
    """What was handled wrongly, or None."""
    expected = kill.recording.expected_at(kill.offset)
    said = said_by(outcome)
    if said not in (expected.least, expected.most):
        return f"{kill.id}: kept {said}, complete were {expected.least}"
    if outcome.unfaithful_channel() is not None:
        return f"{kill.id}: {dict(outcome.added)} was handed out, {said} kept"
    if not expected.may_be_finished and outcome.end not in BROKEN:
        return f"{kill.id}: a truncated answer is called {outcome.end}"
    if expected.is_finished and outcome.end in BROKEN:
        return f"{kill.id}: a finished answer is called {outcome.end}"
    return None


def said_by(outcome: Outcome) -> Said:
    """What a reply kept, channel by channel, without the empty ones."""
    said: Said = {}
    for index, choice in enumerate(outcome.choices):
        said.update({(index, channel): text for channel, text in _channels(choice) if text})
    return said


def _channels(choice: ChoiceText) -> Iterator[tuple[str, str]]:
    yield "text", choice.text
    yield "reasoning", choice.reasoning
    for number, call in enumerate(choice.tool_calls):
        yield f"tool {number}", call.arguments


@dataclass(slots=True)
class KillCount:
    """What came of many kills."""

    kills: int = 0
    by_end: Counter[str] = field(default_factory=Counter)
    characters_kept: int = 0
    complaints: list[str] = field(default_factory=list)


def run_kills(planned: Iterable[Kill]) -> KillCount:
    """Kill and judge, one after the other, over one client (and so one pool of connections)."""
    planned = list(planned)
    count = KillCount()
    recordings = {kill.recording.name + kill.recording.framing: kill.recording for kill in planned}
    with FaultServer(KillingServer(recordings.values())) as server:
        client = ChatClient(provider_at(server.base_url), retry=NO_RETRY)
        try:
            for kill in planned:
                _count(kill, client, count)
        finally:
            client.close()
    return count


def _count(kill: Kill, client: ChatClient, count: KillCount) -> None:
    count.kills += 1
    try:
        outcome = ask(client, question(user=kill.id))
    except Exception as error:  # noqa: BLE001 - what escapes is what the sweep looks for
        count.complaints.append(f"{kill.id}: {error!r} escaped")
        return
    count.by_end[outcome.end] += 1
    count.characters_kept += sum(len(text) for text in said_by(outcome).values())
    complaint = complaint_about(kill, outcome)
    if complaint:
        count.complaints.append(complaint)
