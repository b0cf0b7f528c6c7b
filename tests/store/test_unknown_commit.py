"""When the connection breaks during a commit nobody knows its outcome; repeating must be safe."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url

from augenblick.chat.live import LiveReply
from augenblick.chat.saver import Saver
from augenblick.core.errors import StoreUnavailable
from augenblick.endpoint.reply import Added
from augenblick.store import Store
from tests.store.cutting import CuttingProxy, cutting_proxy
from tests.store.postgres import PostgresServer
from tests.store.values import a_picture, a_question, a_record


@pytest.fixture
def proxy(postgres: PostgresServer) -> Iterator[CuttingProxy]:
    """A proxy in front of the server."""
    with cutting_proxy(postgres.socket) as opened:
        yield opened


@pytest.fixture
def store(postgres: PostgresServer, proxy: CuttingProxy) -> Iterator[Store]:
    """A store that reaches its database through the proxy."""
    name = make_url(postgres.new_database()).database
    opened = Store(f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}")
    yield opened
    opened.close()


def wait_for_the_other_end(store: Store, count: int) -> None:
    """Until the server, which got the commit, has done it."""
    end = time.monotonic() + 90
    while len(store.list_conversations("me")) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_question_is_asked_once(store: Store, proxy: CuttingProxy) -> None:
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


def test_text_is_written_once(store: Store, proxy: CuttingProxy) -> None:
    """Text whose commit got through unheard is not doubled by the writer's next try."""
    opened = store.save_question(a_question())
    with Saver(store) as saver:
        live = LiveReply(opened, on_stop=lambda: None, wake_saver=saver.wake)
        saver.watch(live)
        for number in range(5):
            proxy.armed.set()
            saver.add(live, [Added(0, "text", f"{number} ")])
            progress = live.follow(2 * number, timeout_seconds=30)
            assert (progress.position, progress.is_durable) == (2 * number + 2, True)
        text = store.load_conversation(opened.conversation_id).nodes[1].message.text
        proxy.armed.set()
        live.end(a_record("done"))
        while live.follow(10, timeout_seconds=30).record is None:
            pass
    assert proxy.cuts >= 6
    assert text == "0 1 2 3 4 "
    answer = store.load_conversation(opened.conversation_id).nodes[1]
    assert answer.reply == a_record("done")
