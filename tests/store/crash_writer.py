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
from functools import partial

from augenblick.reply_log import ReplyLog
from augenblick.sql_store import SqlStore
from augenblick.store import OpenedReply
from tests.store.values import a_picture, a_question, a_record, words

LIVE_REPLIES = 20


def note(*line: object) -> None:
    """Write a line in one call; what was written before a kill stays."""
    os.write(1, (" ".join(map(str, line)) + "\n").encode())


def words_up_to(count: int) -> str:
    """The first words of every reply."""
    return "".join(f"{number} " for number in range(count))


def open_one(store: SqlStore) -> OpenedReply:
    """Save a question with a picture."""
    picture = a_picture(os.urandom(2000))
    submission_id = os.urandom(8).hex()
    opened = store.save_question(a_question(pictures=(picture,), submission_id=submission_id))
    note("open", opened.conversation_id, opened.reply_id, picture.attachment.sha256)
    return opened


def answer_for_ever(store: SqlStore, log: ReplyLog) -> None:
    """One reply after the other, each some hundred words long."""
    while True:
        reply_id = open_one(store).reply_id
        length = random.randrange(20, 300)
        for number in range(length):
            log.append([words(reply_id, f"{number} ")], partial(note, "text", reply_id, number + 1))
            time.sleep(random.random() * 0.004)
        record = a_record(words_up_to(length))
        log.finish(reply_id, record, partial(note, "end", reply_id, length))


def main(url: str) -> None:
    """Answer until killed."""
    store = SqlStore(url)
    store.interrupt_open_replies()
    log = ReplyLog(store, tick_seconds=random.choice([0.0, 0.01, 0.05]))
    threads = [
        threading.Thread(target=answer_for_ever, args=(store, log)) for _ in range(LIVE_REPLIES)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main(sys.argv[1])
