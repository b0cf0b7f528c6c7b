"""`python -m tests.pictures.sweep [COUNT] [SEED] [ENDING] [PATIENCE]`: damaged files for workers.

An ENDING such as `.pdf` takes only the files of one kind, "" all. PATIENCE multiplies the limits of
time, for a machine that does other things meanwhile.

Prints how far it is, how many became which outcome, how many workers died, and the slowest file.
Ends with 1 when a worker died, an error had no code of its own, or a picture took more than fifteen
seconds.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from augenblick.core.errors import ImageError
from augenblick.pictures import PicturePool
from tests.pictures import mutations

WORKERS = 2
BATCH = 1_000
LONGEST_SECONDS = 15.0  # before the pool gives up; machines may be busy
POOL_SECONDS = 20.0


class Tally:
    """What happened so far."""

    def __init__(self, pool: PicturePool, *, longest_seconds: float) -> None:
        self.outcomes: Counter[str] = Counter()
        self.details: Counter[str] = Counter()
        self.pids: set[int] = set()
        self.slowest_seconds, self.slowest_name = 0.0, ""
        self._pool = pool
        self._longest_seconds = longest_seconds

    def take(self, file: tuple[str, bytes]) -> None:
        """Prepare one file and note what became of it."""
        name, content = file
        started = time.perf_counter()
        try:
            self._pool.prepare(content, name=name)
            outcome, detail = "prepared", ""
        except ImageError as error:
            outcome, detail = error.code, error.detail
        seconds = time.perf_counter() - started
        self.outcomes[outcome] += 1
        self.details[detail] += 1
        if seconds > self.slowest_seconds:
            self.slowest_seconds, self.slowest_name = seconds, name
        if detail == "the decoder died" or seconds > self._longest_seconds:
            Path("/tmp", f"sweep-{name}").write_bytes(content)  # noqa: S108 - to be looked at

    def note_workers(self) -> None:
        """Remember which processes were seen."""
        self.pids |= {worker._process.pid for worker in self._pool._workers if worker._process}

    def peak_megabytes(self) -> int:
        """The largest resident size that a living worker ever had."""
        peaks = [
            Path(f"/proc/{pid}/status").read_text().split("VmHWM:")[1] for pid in self._alive()
        ]
        return max(int(peak.split()[0]) for peak in peaks) // 1024

    def _alive(self) -> list[int]:
        return [pid for pid in self.pids if Path(f"/proc/{pid}").exists()]


def main(count: int, seed: int, ending: str, patience: float) -> int:
    """The exit status."""
    started = time.perf_counter()
    longest_seconds = LONGEST_SECONDS * patience
    with (
        PicturePool(
            workers=WORKERS, cache_bytes=0, time_limit_seconds=POOL_SECONDS * patience
        ) as pool,
        ThreadPoolExecutor(WORKERS) as threads,
    ):
        pool.start()
        tally = Tally(pool, longest_seconds=longest_seconds)
        tally.note_workers()
        files = mutations.mutated(seed=seed, count=count, ending=ending)
        while batch := list(itertools.islice(files, BATCH)):
            list(threads.map(tally.take, batch))
            tally.note_workers()
            replaced = len(tally.pids) - WORKERS
            print(
                f"{tally.outcomes.total()} of {count}, workers replaced: {replaced},"
                f" slowest {tally.slowest_seconds:.1f} s",
                flush=True,
            )
        deaths = len(tally.pids) - WORKERS
        print(f"{count} files, seed {seed}, {time.perf_counter() - started:.0f} s")
        for outcome, number in tally.outcomes.most_common():
            print(f"{number:8d}  {outcome}")
        print("details:", dict(tally.details.most_common(24)))
        print(f"slowest: {tally.slowest_seconds:.2f} s ({tally.slowest_name})")
        print(f"worker peak: {tally.peak_megabytes()} MB, workers replaced: {deaths}")
    is_bad = deaths or "image" in tally.outcomes or tally.slowest_seconds > longest_seconds
    return 1 if is_bad else 0


if __name__ == "__main__":
    count, seed, ending, patience = [
        *sys.argv[1:],
        *("100_000", "1", "", "1")[len(sys.argv) - 1 :],
    ]
    sys.exit(main(int(count), int(seed), ending, float(patience)))
