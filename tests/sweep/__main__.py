"""The whole proof of the stream, with its counts: `python -m tests.sweep [--seed N] [--streams N]`.

Runs random byte streams through the parser and the reference, random events through the reply,
damaged responses through the client, stops requests in every phase, and kills the upstream at
every byte of every recorded stream, by FIN and by RST, in every framing. Exit code 1 if anything
was not as it must be.
"""

from __future__ import annotations

import argparse
import random
import secrets
import sys
import time
from collections.abc import Mapping

from tests.sweep.fuzz import answer_mutated, fold_random
from tests.sweep.kill import FRAMINGS, record, run_kills
from tests.sweep.kill import kills as all_kills
from tests.sweep.parser import compare
from tests.sweep.stops import PHASES, stop_often
from tests.sweep.streams import stream_names

_SHOWN_COMPLAINTS = 10


def main() -> int:
    """Run both sweeps and print what they counted."""
    arguments = _arguments()
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(10**9)
    complaints = [
        *_sweep_parser(seed, arguments.streams),
        *_sweep_chance(seed, arguments.inputs),
        *_sweep_stops(seed, arguments.stops),
        *_sweep_kills(arguments.step),
    ]
    for complaint in complaints[:_SHOWN_COMPLAINTS]:
        print(complaint, file=sys.stderr)
    print(f"complaints: {len(complaints)}")
    return 1 if complaints else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sweep", description=__doc__)
    parser.add_argument("--seed", type=int, help="of the random streams; a new one by default")
    parser.add_argument("--streams", type=int, default=300_000, help="random streams (%(default)s)")
    parser.add_argument(
        "--inputs", type=int, default=10_000, help="random replies and responses (%(default)s)"
    )
    parser.add_argument("--stops", type=int, default=50, help="stops in each phase (%(default)s)")
    parser.add_argument("--step", type=int, default=1, help="kill at every n-th byte (%(default)s)")
    return parser.parse_args()


def _sweep_parser(seed: int, streams: int) -> list[str]:
    began = time.monotonic()
    count = compare(f"{seed}:{number}" for number in range(streams))
    print(
        f"parser: seed {seed}, {count.streams:,} random streams, {count.bytes:,} bytes, "
        f"{count.events:,} events, {count.comments:,} comments, "
        f"{len(count.complaints)} differences ({time.monotonic() - began:.0f} s)"
    )
    return count.complaints


def _sweep_chance(seed: int, inputs: int) -> list[str]:
    complaints: list[str] = []
    recordings = [record(name, framing) for name in stream_names() for framing in FRAMINGS]
    for kind in ("replies", "responses"):
        began = time.monotonic()
        seeds = (f"{seed}:{number}" for number in range(inputs))
        is_reply = kind == "replies"
        count = fold_random(seeds) if is_reply else answer_mutated(recordings, seeds)
        print(
            f"{kind}: seed {seed}, {count.inputs:,} ({_listed(count.by_end)}), "
            f"{len(count.complaints)} complaints ({time.monotonic() - began:.0f} s)",
            flush=True,
        )
        complaints += count.complaints
    return complaints


def _sweep_stops(seed: int, times: int) -> list[str]:
    complaints: list[str] = []
    for phase in PHASES:
        count = stop_often(phase, times=times, chance=random.Random(f"{seed}:{phase.name}"))
        late = sorted(1000 * seconds for seconds in count.seconds) or [0.0]
        print(
            f"stops: {phase.name}: {count.stops}, p50 {late[len(late) // 2]:.1f} ms, "
            f"max {late[-1]:.1f} ms, {len(count.complaints)} complaints",
            flush=True,
        )
        complaints += count.complaints
    return complaints


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in sorted(counts.items()))


def _sweep_kills(step: int) -> list[str]:
    complaints: list[str] = []
    total = 0
    began = time.monotonic()
    for name in stream_names():
        for framing in FRAMINGS:
            count = run_kills(all_kills([record(name, framing)], step=step))
            total += count.kills
            complaints += count.complaints
            print(
                f"kills: {name} {framing}: {count.kills:,} ({_listed(count.by_end)}), "
                f"{count.characters_kept:,} characters kept, {len(count.complaints)} complaints",
                flush=True,
            )
    print(f"kills: {total:,} in all ({time.monotonic() - began:.0f} s)")
    return complaints


if __name__ == "__main__":
    sys.exit(main())
