"""Writes twenty live replies until it is killed, and notes on standard output what is durable.

Lines: `open CONVERSATION REPLY SHA256` when question, picture and reply are saved, `text REPLY
COUNT` when COUNT words are durable, `end REPLY COUNT` when the end is. The words of every reply are
`0 1 2 3 ...`, so that a lost, doubled or misplaced one shows.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time

from augenblick.chat.live import LiveReply
from augenblick.chat.saver import Saver
from augenblick.endpoint.reply import Added
from augenblick.store import Store
from augenblick.store.store_values import OpenedReply
from tests.store.values import a_picture, a_question, a_record

LIVE_REPLIES = 20


def note(*line: object) -> None:
    """Write a line in one call; what was written before a kill stays."""
    os.write(1, (" ".join(map(str, line)) + "\n").encode())


def words_up_to(count: int) -> str:
    """The first words of every reply."""
    return "".join(f"{number} " for number in range(count))


def open_one(store: Store) -> OpenedReply:
    """Save a question with a picture."""
    picture = a_picture(os.urandom(2000))
    submission_id = os.urandom(8).hex()
    opened = store.save_question(a_question(pictures=(picture,), submission_id=submission_id))
    note("open", opened.conversation_id, opened.reply_id, picture.attachment.sha256)
    return opened


def answer_for_ever(store: Store, saver: Saver) -> None:
    """One reply after the other, each some hundred words long."""
    while True:
        opened = open_one(store)
        live = LiveReply(opened, on_stop=lambda: None, wake_saver=saver.wake)
        saver.watch(live)
        position, seen = 0, 0
        length = random.randrange(20, 300)
        for number in range(length + 1):
            if number < length:
                saver.add(live, [Added(0, "text", f"{number} ")])
            else:
                live.end(a_record(words_up_to(length)))
            progress = live.follow(position, timeout_seconds=random.random() * 0.004)
            position = progress.position
            if progress.pieces:
                seen += "".join(piece.text for piece in progress.pieces).count(" ")
                note("text", opened.reply_id, seen)
        live.wait_for_end(timeout_seconds=60)  # the last text
        live.follow(position, timeout_seconds=60)
        if live.follow(timeout_seconds=60).record is not None:
            note("end", opened.reply_id, length)


def main(url: str) -> None:
    """Answer until killed, or until whoever started it is gone."""
    store = Store(url)
    store.interrupt_open_replies()
    saver = Saver(store, interval_seconds=random.choice([0.01, 0.05]))
    starter = os.getppid()
    for _ in range(LIVE_REPLIES):
        threading.Thread(target=answer_for_ever, args=(store, saver), daemon=True).start()
    while os.getppid() == starter:  # a test run that is killed itself kills nobody
        time.sleep(0.5)


if __name__ == "__main__":
    main(sys.argv[1])
