"""The pages that ours is measured beside, as Streamlit serves them."""

import sys
from typing import Final

from augenblick.core.paths import PROJECT_DIR

PAGE_SETTINGS: Final = {
    "PYTHONPATH": str(PROJECT_DIR),
    "STREAMLIT_BROWSER_GATHER_USAGE_STATS": "false",
}
"""Environment variables that they are served with."""

_OPTIONS = ("--server.port=0", "--server.headless=true", "--server.address=127.0.0.1")


def page_command(name: str) -> list[str]:
    """Return what serves the page `NAME_page.py` of this folder at a free port."""
    script = str(PROJECT_DIR / "bench" / f"{name}_page.py")
    command = [sys.executable, "-m", "streamlit", "run", script, *_OPTIONS]
    # Streamlit collects all garbage after each run; for ours that is switched off as well.
    return [*command, "--runner.postScriptGC=false"] if name == "bare" else command
