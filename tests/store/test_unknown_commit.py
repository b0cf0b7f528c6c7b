"""When the connection breaks during a commit nobody knows its outcome; repeating must be safe."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from augenblick.errors import StoreUnavailable
from augenblick.reply_log import ReplyLog
from augenblick.sql_store import SqlStore
from tests.store.cutting import CuttingProxy, cutting_proxy
from tests.store.postgres import PostgresServer
from tests.store.values import a_picture, a_question, a_record, words


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[CuttingProxy]:
    """A proxy in front of the server."""
    with cutting_proxy(postgres.socket) as opened:
        yield opened


@pytest.fixture
def store(postgres: PostgresServer, proxy: CuttingProxy) -> Iterator[SqlStore]:
    """A store that reaches its database through the proxy."""
    name = make_url(postgres.new_database()).database
    opened = SqlStore(f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}")
    yield opened
    opened.close()


def wait_for_the_other_end(store: SqlStore, count: int) -> None:
    """Until the server, which got the commit, has done it."""
    end = time.monotonic() + 30
    while len(store.list_conversations("me")) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_question_is_asked_once(store: SqlStore, proxy: CuttingProxy) -> None:
    """A submit whose commit got through unheard is still new at the retry, and only there."""
    question = a_question(pictures=(a_picture(),))
    assert store.is_writable()  # a new connection commits its settings, which is not what is cut
    proxy.armed.set()
    with pytest.raises(StoreUnavailable):
        store.save_question(question)
    wait_for_the_other_end(store, 1)
    again = [store.save_question(question) for _ in range(3)]
    assert proxy.cuts == 1
    assert [opened.is_new for opened in again] == [True, False, False]
    assert len(store.list_conversations("me")) == 1


def test_text_is_written_once(store: SqlStore, proxy: CuttingProxy) -> None:
    """Text whose commit got through unheard is not doubled by the writer's next try."""
    opened = store.save_question(a_question())
    durable: list[int] = []
    with ReplyLog(store, tick_seconds=0) as log:
        for number in range(5):
            proxy.armed.set()
            log.append([words(opened.reply_id, f"{number} ")], lambda: durable.append(1))
            assert log.flush(30)
        text = store.load_conversation(opened.conversation_id).nodes[1].message.text
        proxy.armed.set()
        log.finish(opened.reply_id, a_record("done"))
        assert log.flush(30)
    assert proxy.cuts >= 6
    assert text == "0 1 2 3 4 "
    assert len(durable) == 5
    answer = store.load_conversation(opened.conversation_id).nodes[1]
    assert answer.reply == a_record("done")
