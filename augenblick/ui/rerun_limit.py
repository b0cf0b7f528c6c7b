"""How often one tab may have the script run.

A run costs some ten milliseconds of the one interpreter that all people share. Nobody clicks as
fast as a broken or hostile page can ask, so beyond what people do a run waits before it draws;
Streamlit joins what is asked for meanwhile, and callbacks have been heard by then.
"""

from __future__ import annotations

from augenblick.core.token_bucket import TokenBucket

BURST_RUNS = 30
RUNS_PER_SECOND = 4.0


def rerun_bucket() -> TokenBucket:
    """The bucket of a new tab. Runs that Streamlit joined owe nothing."""
    return TokenBucket(BURST_RUNS, RUNS_PER_SECOND, most_owed=1.0)
