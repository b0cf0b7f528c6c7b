"""Who waits for a lock gets it in the order of asking."""

from __future__ import annotations

import threading
import time

from augenblick.store.fair_lock import FairLock

_PATIENCE_SECONDS = 30.0


class _Waiter:
    """Waits in a thread of its own, notes down its name, and gives the lock back."""

    def __init__(
        self, lock: FairLock, name: str, order: list[str], *, goes_first: bool = False
    ) -> None:
        self._lock, self._name, self._order, self._goes_first = lock, name, order, goes_first
        self._thread = threading.Thread(target=self._take, daemon=True)
        waiting = len(lock._waiting)
        self._thread.start()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while len(lock._waiting) == waiting and time.monotonic() < deadline:
            time.sleep(0.001)

    def _take(self) -> None:
        assert self._lock.acquire(_PATIENCE_SECONDS, goes_first=self._goes_first)
        self._order.append(self._name)
        self._lock.release()

    def wait(self) -> None:
        """Until it has had its turn."""
        self._thread.join(_PATIENCE_SECONDS)
        assert not self._thread.is_alive()


def test_who_waits_longest_is_next() -> None:
    """Also where somebody comes by at the very moment in which the lock is free."""
    lock, order = FairLock(), list[str]()
    assert lock.acquire(0)
    waiters = [_Waiter(lock, str(number), order) for number in range(20)]

    lock.release()
    assert lock.acquire(_PATIENCE_SECONDS)
    order.append("late")
    lock.release()
    for waiter in waiters:
        waiter.wait()

    assert order == [*(str(number) for number in range(20)), "late"]


def test_who_goes_first_is_next() -> None:
    """Before all who wait."""
    lock, order = FairLock(), list[str]()
    assert lock.acquire(0)
    waiters = [_Waiter(lock, str(number), order) for number in range(5)]
    waiters.append(_Waiter(lock, "first", order, goes_first=True))

    lock.release()
    for waiter in waiters:
        waiter.wait()

    assert order == ["first", *(str(number) for number in range(5))]


def test_who_gave_up_is_passed_over() -> None:
    """The next one gets it, and it is free in the end."""
    lock, order = FairLock(), list[str]()
    assert lock.acquire(0)
    assert not lock.acquire(0.01)
    waiter = _Waiter(lock, "patient", order)
    assert not lock.acquire(0.01)

    lock.release()
    waiter.wait()

    assert order == ["patient"]
    assert lock.acquire(0)


def test_nobody_gives_up_while_others_get_on() -> None:
    """A queue is no fault, however long it is; a lock that nobody gets is one."""
    lock, found = FairLock(), list[bool]()
    assert lock.acquire(0)

    def write() -> None:
        lock.acquire(_PATIENCE_SECONDS)
        time.sleep(0.2)
        lock.release()

    threads = [threading.Thread(target=write, daemon=True) for _ in range(12)]
    for thread in threads:
        thread.start()
    while len(lock._waiting) < len(threads):
        time.sleep(0.001)
    last = threading.Thread(target=lambda: found.append(lock.acquire(2.0)), daemon=True)
    last.start()
    lock.release()
    last.join(_PATIENCE_SECONDS)

    assert found == [True]


def test_one_at_a_time() -> None:
    """Whatever many do at once, some of them without patience."""
    lock, inside, most, taken = FairLock(), list[int](), list[int](), list[int]()

    def work(number: int) -> None:
        for _ in range(200):
            if lock.acquire(_PATIENCE_SECONDS if number % 2 else 0.0001):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)
                taken.append(number)
                lock.release()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(_PATIENCE_SECONDS)

    assert set(most) == {1}
    assert sum(number % 2 for number in taken) == 4 * 200
    assert lock.acquire(0)
