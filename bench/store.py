"""`python bench/store.py`: what the reply log and the store cost, with 10 to 400 live replies.

Every live reply brings 20 deltas a second, as a fast endpoint does. Measured from handing a delta
over until it is told durable, on the disk of the temporary folder, `synchronous=FULL`. Then:
reading a long conversation, saving a question with a picture, and one delta handed to an idle log.
`--postgres` measures a server of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from sqlalchemy import event

from augenblick.reply_log import ReplyLog
from augenblick.sql_store import SqlStore
from tests.store.sweep import database_url
from tests.store.values import a_picture, a_question, a_record, words

DELTAS_PER_SECOND = 20
TEXT = "measured "
LIVE = (10, 50, 100, 200, 400)


@dataclass(slots=True)
class Measured:
    """One row of the table; seconds from handing over until durable."""

    live: int
    seconds: float
    latencies: list[float] = field(default_factory=list)
    commits: int = 0
    cpu_seconds: float = 0.0
    lost: int = 0

    def at(self, share: float) -> float:
        """A quantile of the latencies, in milliseconds."""
        ordered = sorted(self.latencies)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    def line(self) -> str:
        """The row."""
        return (
            f"{self.live:5d} {len(self.latencies) / self.seconds:9.0f} "
            f"{self.commits / self.seconds:9.1f} {self.at(0.5):8.1f} {self.at(0.95):8.1f} "
            f"{self.at(0.99):8.1f} {self.at(1):8.1f} "
            f"{100 * self.cpu_seconds / self.seconds:6.0f} {self.lost:6d}"
        )


def measure(store: SqlStore, live: int, seconds: float) -> Measured:
    """So many replies for so many seconds, from one thread that keeps the beat."""
    measured = Measured(live, seconds)
    opened = [store.save_question(a_question()) for _ in range(live)]

    def count_commit(_: object) -> None:
        measured.commits += 1

    event.listen(store._database.engine, "commit", count_commit)  # noqa: SLF001 - what is counted has no public door
    cpu = time.process_time()
    with ReplyLog(store) as log:
        bring(log, [reply.reply_id for reply in opened], measured)
        log.flush(60)
        measured.cpu_seconds = time.process_time() - cpu
    event.remove(store._database.engine, "commit", count_commit)  # noqa: SLF001 - as above
    count = int(measured.seconds * DELTAS_PER_SECOND)
    for reply in opened:
        node = store.load_conversation(reply.conversation_id).live_node
        measured.lost += node is None or node.message.text != TEXT * count
        store.finish_reply(reply.reply_id, a_record())
    return measured


def bring(log: ReplyLog, reply_ids: list[str], measured: Measured) -> None:
    """Hand over each reply's deltas, evenly spread over time."""
    beats = int(measured.seconds * DELTAS_PER_SECOND)
    gap = 1 / (DELTAS_PER_SECOND * len(reply_ids))
    due = time.perf_counter()
    for _ in range(beats):
        for reply_id in reply_ids:
            due += gap
            if (pause := due - time.perf_counter()) > 0.001:
                time.sleep(pause)
            log.append([words(reply_id, TEXT)], stopwatch(measured.latencies))


def stopwatch(latencies: list[float]) -> Callable[[], None]:
    """Started now; notes the seconds when called."""
    started = time.perf_counter()
    return lambda: latencies.append(time.perf_counter() - started)


def milliseconds(work: Callable[[], object], repeats: int) -> str:
    """Median and slowest of some runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return f"{sorted(times)[len(times) // 2]:.2f} ms (slowest {max(times):.2f})"


def a_long_conversation(store: SqlStore) -> str:
    """200 messages with 50 pictures; returns the id."""
    opened = store.save_question(a_question(pictures=(a_picture(os.urandom(1000)),)))
    for number in range(1, 100):
        store.finish_reply(opened.reply_id, a_record("An answer of some length. " * 40))
        pictures = (a_picture(os.urandom(1000)),) if number < 50 else ()
        opened = store.save_question(
            a_question(
                pictures=pictures,
                conversation_id=opened.conversation_id,
                parent_id=opened.reply_id,
            )
        )
    store.finish_reply(opened.reply_id, a_record())
    return opened.conversation_id


def first_token(store: SqlStore) -> str:
    """A delta handed to an idle log, until durable."""
    reply_id = store.save_question(a_question()).reply_id
    with ReplyLog(store, tick_seconds=0) as log:

        def one() -> None:
            done = threading.Event()
            log.append([words(reply_id, TEXT)], done.set)
            done.wait()

        return milliseconds(one, 100)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--seconds", type=float, default=6.0, help="per row of the table")
    options = parser.parse_args()
    with database_url(postgres=options.postgres) as url:
        store = SqlStore(url)
        print(f"{'PostgreSQL' if options.postgres else 'SQLite'}, {options.seconds:.0f} s per row")
        print(" live  deltas/s commits/s   p50 ms   p95 ms   p99 ms   max ms  CPU %   lost")
        for live in LIVE:
            print(measure(store, live, options.seconds).line(), flush=True)
        identity = a_long_conversation(store)
        reading = milliseconds(lambda: store.load_conversation(identity), 50)
        pictures = (a_picture(os.urandom(500_000)) for _ in range(50))
        questions = iter([a_question(pictures=(picture,)) for picture in pictures])
        saving = milliseconds(lambda: store.save_question(next(questions)), 50)
        print(f"read 200 messages, 50 pictures   {reading}")
        print(f"save a question, 0.5 MB picture  {saving}")
        print(f"lone delta until durable         {first_token(store)}")
        store.close()


if __name__ == "__main__":
    main()
