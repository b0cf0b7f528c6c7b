"""`python -m tests.store.sweep --count 200`: kill -9 while twenty replies are written, and count.

After each kill the store is opened again as a restarted server does, and everything that had been
reported durable is looked for. `--postgres` does the same on a PostgreSQL server of its own.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from augenblick.core.messages import ReplyEnd
from augenblick.store import Store
from tests.store.crash_writer import words_up_to
from tests.store.postgres import find_programs, running_postgres

PROJECT = Path(__file__).parents[2]


@dataclass(slots=True)
class Durable:
    """What a killed writer had reported of one reply."""

    conversation_id: str
    sha256: str
    words: int = 0
    has_ended: bool = False


@dataclass(slots=True)
class Findings:
    """What a sweep found."""

    kills: int = 0
    replies: int = 0
    reported_characters: int = 0
    lost_characters: int = 0
    wrong_replies: int = 0
    lost_questions: int = 0
    still_open: int = 0
    damaged_files: int = 0
    restart_seconds: list[float] = field(default_factory=list)

    @property
    def faults(self) -> int:
        """Everything that must be 0."""
        return (
            self.lost_characters
            + self.wrong_replies
            + self.lost_questions
            + self.still_open
            + self.damaged_files
        )


def kill_once(url: str, seconds: float) -> dict[str, Durable]:
    """Run the writer for so long, kill it, and return what it had reported."""
    with tempfile.TemporaryFile() as output:
        command = [sys.executable, "-m", "tests.store.crash_writer", url]
        writer = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, cwd=PROJECT)
        end = time.monotonic() + 90
        while not output.seek(0, 2) and time.monotonic() < end and writer.poll() is None:
            time.sleep(0.005)
        time.sleep(seconds)
        writer.kill()
        writer.wait()
        output.seek(0)
        return read_report(output.read().decode())


def read_report(report: str) -> dict[str, Durable]:
    """The lines of the writer, reply by reply."""
    found: dict[str, Durable] = {}
    for line in report.splitlines():
        kind, *rest = line.split()
        if kind == "open":
            conversation_id, reply_id, sha256 = rest
            found[reply_id] = Durable(conversation_id, sha256)
        else:
            durable = found[rest[0]]
            durable.words = max(durable.words, int(rest[1]))
            durable.has_ended |= kind == "end"
    return found


def check(url: str, reported: dict[str, Durable], findings: Findings) -> None:
    """Open the store as a restarted server does and look for all that was reported."""
    started = time.perf_counter()
    store = Store(url)
    store.interrupt_open_replies()
    findings.restart_seconds.append(time.perf_counter() - started)
    for reply_id, durable in reported.items():
        check_reply(store, reply_id, durable, findings)
    findings.still_open += store.interrupt_open_replies()
    store.close()
    findings.kills += 1
    findings.replies += len(reported)
    if url.startswith("sqlite"):
        findings.damaged_files += not is_whole(Path(url.removeprefix("sqlite:///")))


def check_reply(store: Store, reply_id: str, durable: Durable, findings: Findings) -> None:
    """Compare one reply with what was reported of it."""
    conversation = store.load_conversation(durable.conversation_id)
    answer = next(node for node in conversation.nodes if node.id == reply_id)
    picture = conversation.nodes[0].message.attachments[0]
    text = answer.message.text
    expected = words_up_to(durable.words)
    findings.reported_characters += len(expected)
    findings.lost_characters += max(0, len(expected) - len(text))
    findings.lost_questions += len(store.load_content(picture.sha256)) != picture.byte_count
    end = answer.reply.end if answer.reply else None
    findings.still_open += end is None
    findings.wrong_replies += text != words_up_to(text.count(" "))
    findings.wrong_replies += durable.has_ended and end is not ReplyEnd.COMPLETE


def is_whole(file: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file."""
    with closing(sqlite3.connect(file)) as connection:
        checks = [connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]]
        checks.append(connection.execute("PRAGMA foreign_key_check").fetchall() == [])
    return all(checks)


def sweep(url: str, count: int, findings: Findings) -> Findings:
    """Kill so many times on one database, which grows on."""
    for _ in range(count):
        check(url, kill_once(url, random.random() * 0.6), findings)
    return findings


@contextmanager
def database_url(*, postgres: bool) -> Iterator[str]:
    """An empty database."""
    if not postgres:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{folder}/store.db"
        return
    programs = find_programs()
    if programs is None:
        sys.exit("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    with running_postgres(programs) as server:
        yield server.new_database()


def main() -> None:
    """Sweep and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--postgres", action="store_true")
    options = parser.parse_args()
    with database_url(postgres=options.postgres) as url:
        findings = sweep(url, options.count, Findings())
    slowest = max(findings.restart_seconds)
    print(f"kills                {findings.kills}")
    print(f"replies              {findings.replies}")
    print(f"reported characters  {findings.reported_characters}")
    print(f"lost characters      {findings.lost_characters}")
    print(f"wrong replies        {findings.wrong_replies}")
    print(f"lost questions       {findings.lost_questions}")
    print(f"still open           {findings.still_open}")
    print(f"damaged files        {findings.damaged_files}")
    print(f"slowest restart      {slowest:.2f} s until all are interrupted")
    sys.exit(1 if findings.faults else 0)


if __name__ == "__main__":
    main()
