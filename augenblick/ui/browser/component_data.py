"""Data of a component in an order that its script can tell.

Streamlit imports a component's script anew for each change of its data, and calls it once that
import is done. Imports of one script that is being loaded end in any order (in Chromium 158 of 200
times three did not end as they were begun), so that of two runs right after a page is opened the
older one may come last.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from augenblick.ui.tab_state import tab


def dated(key: str, data: Mapping[str, object]) -> Mapping[str, object]:
    """Add `at`, when the data of the component `key` changed last, in seconds since 1970.

    A script ignores what is older than what it has. What has not changed stays equal, so Streamlit
    does not call the script again.
    """
    drawn = tab().drawn_data
    before = drawn.get(key, {})
    drawn[key] = {**data, "at": before.get("at", 0.0)}
    if drawn[key] != before:
        drawn[key] = {**data, "at": time.time()}
    return drawn[key]
