"""Values that messages are made of: the counting of tokens."""

from __future__ import annotations

from augenblick.core.messages import Usage, total_usage


def test_unknown_counts_stay_unknown() -> None:
    """Nothing is made up where one request told no usage."""
    assert total_usage() is None
    assert total_usage(None, None) is None
    assert total_usage(Usage(1), None) == Usage(1)
    assert total_usage(Usage(1, 2), Usage(3, None)) == Usage(4, 2)
    assert total_usage(Usage(1, 0), None, Usage(2, 0), Usage(3)) == Usage(6, 0)


def test_a_newer_count_replaces_the_older_one() -> None:
    """Also with 0; what is not told again stays."""
    assert Usage(1, 2, 3, 4).updated(Usage(completion_tokens=0)) == Usage(1, 0, 3, 4)
