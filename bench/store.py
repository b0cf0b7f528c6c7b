"""`python bench/store.py`: what the saver and the store cost, with 10 to 400 live replies.

Every live reply brings 20 pieces a second, as a fast endpoint does, and somebody waits for each.
Measured from handing a piece over until it is confirmed, on the disk of the temporary folder,
`synchronous=FULL`. Then: reading a long conversation, saving a question with a picture, and one
piece handed to an idle saver.
`--find` measures instead what a person with 100,000 messages waits for: the list, searches, and
deletions with pictures. `--postgres` measures a server of its own.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from augenblick.chat.live import LiveReply
from augenblick.chat.saver import Saver
from augenblick.core.messages import Message, Role, TextPart
from augenblick.endpoint.reply import Added
from augenblick.store import Store
from augenblick.store.store_values import ImportedNode, OpenedReply, ReplyDelta
from tests.store.sweep import database_url
from tests.store.values import a_picture, a_question, a_record

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


def measure(store: Store, live: int, seconds: float) -> Measured:
    """So many replies for so many seconds, from one thread that keeps the beat."""
    measured = Measured(live, seconds)
    opened = [store.save_question(a_question()) for _ in range(live)]

    plainly = store.append

    def append(deltas: Sequence[ReplyDelta], *, batch: int | None = None) -> None:
        measured.commits += 1
        plainly(deltas, batch=batch)

    store.append = append  # type: ignore[method-assign]
    cpu = time.process_time()
    with Saver(store) as saver:
        bring(saver, [TimedReply(reply, saver, measured.latencies) for reply in opened], measured)
        measured.cpu_seconds = time.process_time() - cpu
    store.append = plainly  # type: ignore[method-assign]
    count = int(measured.seconds * DELTAS_PER_SECOND)
    for reply in opened:
        node = store.load_conversation(reply.conversation_id).live_node
        measured.lost += node is None or node.message.text != TEXT * count
        store.finish_reply(reply.reply_id, a_record())
    return measured


class TimedReply(LiveReply):
    """Notes how long each piece takes until it is confirmed."""

    def __init__(self, opened: OpenedReply, saver: Saver, latencies: list[float]) -> None:
        super().__init__(opened, on_stop=lambda: None, wake_saver=saver.wake)
        self._latencies = latencies
        self._handed_over: deque[tuple[int, float]] = deque()  # position after it, and when
        self._length = 0
        self.confirmed = threading.Event()
        saver.watch(self)

    def add(self, added: Sequence[Added]) -> None:
        """As it does, with somebody waiting for it."""
        self._length += sum(len(piece.text) for piece in added)
        self._handed_over.append((self._length, time.perf_counter()))
        self.confirmed.clear()
        super().add(added)
        self._wake_saver()

    def confirm(self, position: int) -> None:
        """As it does."""
        super().confirm(position)
        now = time.perf_counter()
        while self._handed_over and self._handed_over[0][0] <= position:
            self._latencies.append(now - self._handed_over.popleft()[1])
        self.confirmed.set()


def bring(saver: Saver, replies: list[TimedReply], measured: Measured) -> None:
    """Hand over each reply's pieces, evenly spread over time."""
    beats = int(measured.seconds * DELTAS_PER_SECOND)
    gap = 1 / (DELTAS_PER_SECOND * len(replies))
    due = time.perf_counter()
    for _ in range(beats):
        for reply in replies:
            due += gap
            if (pause := due - time.perf_counter()) > 0.001:
                time.sleep(pause)
            saver.add(reply, [Added(0, "text", TEXT)])


def milliseconds(work: Callable[[], object], repeats: int) -> str:
    """Median and slowest of some runs."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - started))
    return f"{sorted(times)[len(times) // 2]:.2f} ms (slowest {max(times):.2f})"


def a_long_conversation(store: Store) -> str:
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


def first_token(store: Store) -> str:
    """A piece handed to an idle saver, until confirmed."""
    with Saver(store) as saver:
        reply = TimedReply(store.save_question(a_question()), saver, [])

        def one() -> None:
            saver.add(reply, [Added(0, "text", TEXT)])
            reply.confirmed.wait()

        return milliseconds(one, 100)


WORDS = tuple(f"{start}{middle}{end}" for start in ("ber", "gar", "stra", "mül", "ho", "wan", "kor",
    "tel", "za", "ri") for middle in ("ge", "ni", "ßen", "ler", "ta", "do", "un", "ha", "mi", "ko")
    for end in ("", "n", "s", "lich", "ung", "keit", "bar", "haus", "weg", "er"))  # fmt: skip
"""A thousand words; the first ones come up often, the last ones hardly ever, as in a language."""


def a_text(rng: random.Random, count: int) -> str:
    """Words as a person or model might say them, and a number."""
    picked = (WORDS[int(len(WORDS) * rng.random() ** 3)] for _ in range(count))
    return f"{' '.join(picked)} {rng.randint(1, 9999)},{rng.randint(10, 99)} €."


def fill(store: Store, messages: int) -> None:
    """Conversations of 20 messages: 4,999 of them, and one of another 20 that holds rare words."""
    rng = random.Random(1)
    for number in range(messages // 20):
        nodes = [
            ImportedNode(
                str(position),
                str(position - 1) if position else None,
                Message(
                    Role.ASSISTANT if position % 2 else Role.USER,
                    (TextPart(a_text(rng, 120 if position % 2 else 12)),),
                ),
            )
            for position in range(20)
        ]
        if number == 77:
            rare = Message(Role.USER, (TextPart("Ein Nashorn am Tümpel, 22,24 €"),))
            nodes[0] = ImportedNode("0", None, rare)
        imported = store.begin_import(owner="me")
        imported.add(nodes)
        imported.finish(title="")


def measure_finding(store: Store, messages: int) -> None:
    """The list and searches of one person with all these messages; then deletions."""
    fill(store, messages)
    print(f"{messages} messages in {messages // 20} conversations")
    print(f"list, first 50                   {milliseconds(lambda: listed(store, 0), 30)}")
    print(f"list, 50 after 4,000             {milliseconds(lambda: listed(store, 4000), 30)}")
    for search in ("nashorn tumpel", "22,24", WORDS[990], WORDS[500], WORDS[100], WORDS[0],
                   f"{WORDS[0]} {WORDS[1]}", f'"{WORDS[0]} {WORDS[1]}"', "b", "be 2"):  # fmt: skip
        hits = len(store.search("me", search, limit=10_000))
        timing = milliseconds(partial(store.search, "me", search), 10)
        print(f"search {search:25} {timing}, {hits} found")
    print(f"how much is stored               {milliseconds(lambda: store.storage_stats('me'), 5)}")
    listing = iter(store.list_conversations("me", limit=100))
    deleting = milliseconds(lambda: remove(store, next(listing).id), 20)
    print(f"delete 20 messages for good      {deleting}")
    pictures = [a_picture(os.urandom(500_000)) for _ in range(20)]
    opened = iter([store.save_question(a_question(pictures=(picture,))) for picture in pictures])
    deleting = milliseconds(lambda: remove(store, next(opened).conversation_id), 20)
    print(f"delete a 0.5 MB picture for good {deleting}")


def listed(store: Store, offset: int) -> None:
    """A page of the list."""
    assert len(store.list_conversations("me", limit=50, offset=offset)) == 50


def remove(store: Store, conversation_id: str) -> None:
    """Delete a conversation and purge at once."""
    store.delete_conversation(conversation_id, owner="me")
    assert store.purge(deleted_before=datetime.now(UTC)) == 1


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--seconds", type=float, default=6.0, help="per row of the table")
    parser.add_argument("--find", action="store_true", help="finding and deleting instead")
    parser.add_argument("--messages", type=int, default=100_000, help="to find something among")
    options = parser.parse_args()
    with database_url(postgres=options.postgres) as url:
        store = Store(url)
        if options.find:
            measure_finding(store, options.messages)
            store.close()
            return
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
