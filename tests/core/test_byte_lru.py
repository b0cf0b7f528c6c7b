"""What is kept in memory stays within its bytes."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

from augenblick.core.byte_lru import ByteLru
from tests.growth import assert_linear


def test_the_least_recently_used_go_first() -> None:
    """Reading counts as use; what is put again counts once, at its new size."""
    kept: ByteLru[str, bytes] = ByteLru(30, size=len)
    for key in ("a", "b", "c"):
        kept.put(key, b"x" * 10)
    assert kept.get("a") == b"x" * 10
    kept.put("d", b"x" * 10)
    assert [key for key, _ in kept.items()] == ["c", "a", "d"]
    kept.put("c", b"x" * 20)
    assert [key for key, _ in kept.items()] == ["d", "c"]
    assert kept.byte_count == 30


def test_one_too_large_is_not_kept_and_pushes_nothing_out() -> None:
    """Nor does an older value of the same key stay, which would be wrong by now."""
    kept: ByteLru[str, bytes] = ByteLru(30, size=len)
    kept.put("a", b"x")
    kept.put("b", b"y")
    kept.put("a", b"x" * 31)
    assert kept.items() == [("b", b"y")]
    assert kept.byte_count == 1


def test_forgetting() -> None:
    """One, or all; what was never there does no harm."""
    kept: ByteLru[str, bytes] = ByteLru(30, size=len)
    kept.put("a", b"x")
    kept.put("empty", b"")
    kept.forget("a")
    kept.forget("never seen")
    assert (kept.get("a"), kept.get("empty"), kept.byte_count) == (None, b"", 0)
    kept.clear()
    assert kept.items() == []


def test_threads_lose_no_byte_of_the_account() -> None:
    """What is counted is what is there, whoever put and forgot meanwhile."""
    kept: ByteLru[int, bytes] = ByteLru(500, size=len)

    def play(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(2000):
            key = rng.randrange(40)
            rng.choice((kept.get, kept.forget, lambda k: kept.put(k, bytes(rng.randrange(90)))))(
                key
            )

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(play, range(8)))
    assert kept.byte_count == sum(len(value) for _, value in kept.items()) <= 500


def test_cost_grows_with_the_number_of_values() -> None:
    """Putting into a full cache costs the same however much it holds."""

    def fill(count: int) -> None:
        kept: ByteLru[int, bytes] = ByteLru(count // 2, size=len)
        for number in range(count):
            kept.put(number, b"x")

    assert_linear(fill, int)
