"""Stopping in every phase of a request: how soon the asker is free, and what is left behind."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from augenblick.core.errors import Cancelled
from augenblick.endpoint.client import Cancellation, ChatClient
from augenblick.endpoint.payload import Payload
from tests.faults.asking import provider_at, question
from tests.faults.server import (
    Ending,
    FaultServer,
    Framing,
    Pause,
    Step,
    Trickle,
    framed,
    unanswering_port,
)
from tests.faults.wire import Moment, broken_off

_LATEST_SECONDS = 0.15  # how far into a phase a stop may come
_LARGE = "data:image/png;base64," + "A" * 12_000_000


@dataclass(frozen=True, slots=True)
class Phase:
    """A place where a request blocks."""

    name: str
    base_url: Callable[[], AbstractContextManager[str]]
    payload: Payload


@dataclass(slots=True)
class StopCount:
    """What came of many stops. Seconds count from `cancel` until the asker had its thread back."""

    stops: int = 0
    seconds: list[float] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


def _serving(*steps: Step, reads_body: bool = True) -> Callable[[], AbstractContextManager[str]]:
    @contextmanager
    def serve() -> Iterator[str]:
        with FaultServer(lambda _: steps, reads_body=reads_body) as server:
            yield server.base_url

    return serve


def _retrying() -> list[Step]:
    """No connection is kept, as a pooled one would look like one left open."""
    return framed([b"{}"], Framing.CLOSE, status="503 Busy", headers=[("Retry-After", "60")])


PHASES = (
    Phase("connecting", unanswering_port, question()),
    Phase("sending", _serving(Pause(30), reads_body=False), question(user=_LARGE)),
    Phase("before the head", _serving(Pause(30)), question()),
    Phase(
        "within the head", _serving(b"HTTP/1.1 200 OK\r\nX-A: ", Trickle(b"x", 0.01)), question()
    ),
    Phase(
        "before the first token",
        _serving(*broken_off(Moment.BEFORE, Framing.CHUNKED, ending=Ending.HOLD)),
        question(),
    ),
    *(
        Phase(
            f"in the answer, {framing}",
            _serving(
                *broken_off(Moment.MIDDLE, framing, Trickle(b": x\n\n", 0.01), ending=Ending.HOLD)
            ),
            question(),
        )
        for framing in Framing
    ),
    Phase(
        "in a stall",
        _serving(*broken_off(Moment.END, Framing.CLOSE, ending=Ending.HOLD)),
        question(),
    ),
    Phase("between two tries", _serving(*_retrying()), question()),
)


def stop_often(phase: Phase, *, times: int, chance: random.Random) -> StopCount:
    """Stop one request after the other, each at a random moment of its phase."""
    count = StopCount()
    with phase.base_url() as base_url, ChatClient(provider_at(base_url)) as client:
        _stop_once(client, phase, 0.01)  # what is made once is made before the counting
        before = _left_open()
        for _ in range(times):
            count.stops += 1
            outcome = _stop_once(client, phase, chance.random() * _LATEST_SECONDS)
            if isinstance(outcome, str):
                count.complaints.append(f"{phase.name}: {outcome}")
            else:
                count.seconds.append(outcome)
        left = _settled(before)
        if not _fits(left, before):
            count.complaints.append(f"{phase.name}: {before} threads and files, then {left}")
    return count


def _stop_once(client: ChatClient, phase: Phase, after_seconds: float) -> float | str:
    cancellation = Cancellation()
    stopped_at: list[float] = []

    def stop() -> None:
        stopped_at.append(time.monotonic())
        cancellation.cancel()

    timer = threading.Timer(after_seconds, stop)
    timer.start()
    try:
        with client.stream(phase.payload, cancellation=cancellation) as stream:
            for _ in stream:
                pass
    except Cancelled:
        return time.monotonic() - stopped_at[0]
    except Exception as error:  # noqa: BLE001 - anything else is what is looked for
        return f"{error!r} instead of Cancelled"
    finally:
        timer.join()
    return "ended without Cancelled"


def _left_open() -> tuple[int, int]:
    """Threads and open files of this process, the server's among them."""
    return threading.active_count(), sum(1 for _ in Path("/proc/self/fd").iterdir())


def _settled(before: tuple[int, int]) -> tuple[int, int]:
    """The same, once the server has noticed that its clients are gone."""
    left = _left_open()
    for _ in range(100):
        if _fits(left, before):
            break
        time.sleep(0.05)
        left = _left_open()
    return left


def _fits(left: tuple[int, int], before: tuple[int, int]) -> bool:
    return left[0] <= before[0] and left[1] <= before[1]
