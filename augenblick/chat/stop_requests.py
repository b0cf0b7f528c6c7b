"""Stopping replies of this process when another one, which only reads them, was asked to."""

from __future__ import annotations

import contextlib
import threading
from typing import Final

from augenblick.chat.saver import Saver
from augenblick.core.errors import StoreError
from augenblick.store import Store

_POLL_SECONDS: Final = 0.5


def poll_stop_requests(store: Store, saver: Saver, closing: threading.Event) -> None:
    """Stop what is asked for in the store, until `closing` is set; for a thread of its own."""
    while not closing.wait(_POLL_SECONDS):
        replies = {live.reply_id: live for live in saver.replies}
        if not replies:
            continue
        with contextlib.suppress(StoreError):  # asked again in a moment
            for reply_id in store.stop_requests(list(replies)):
                replies[reply_id].stop()
