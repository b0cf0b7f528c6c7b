"""Several servers behind one address: real nginx, two replicas, a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from augenblick.core.messages import ReplyEnd
from augenblick.core.paths import PROJECT_DIR
from augenblick.ops import replicas
from augenblick.ops.guard import guarded_group
from augenblick.ops.replicas import SITE_FILE, Front, free_ports, site
from augenblick.store import Store
from augenblick.web.browser_cookie import COOKIE_NAME, signed_browser_id
from augenblick.web.phone_camera import camera_path
from augenblick.web.tray_tabs import new_phone
from tests.crash.playing import (
    CountingEndpoint,
    a_picture,
    count_up_to,
    descendants,
    shown_answer,
)
from tests.faults.server import FaultServer
from tests.serving import AppServer, ask, clean_environment, serve_app
from tests.store.postgres import find_programs, running_postgres
from tests.streamlit_client import Page, open_page, visit


@dataclass
class Fleet:
    """Two replicas behind nginx, on one database."""

    front: AppServer
    database_url: str
    endpoint: CountingEndpoint

    def replicas(self) -> dict[str, int]:
        """The process of each replica by its own address."""
        found = {}
        for pid in descendants(self.front.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            port = next((w.split(b"=")[1] for w in words if w.startswith(b"--server.port=")), None)
            if port is not None:
                found[f"http://127.0.0.1:{int(port)}"] = pid
        return found

    def answer_to(self, page: Page) -> tuple[str, ReplyEnd | None]:
        """What is kept of the only answer of the conversation that a page shows."""
        with closing(Store(self.database_url)) as store:
            _, answer = store.load_conversation(page.query.removeprefix("c=")).path()
        assert answer.reply is not None
        return answer.message.text, answer.reply.end


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """The fleet as `make run WORKERS=2` starts it."""
    programs = find_programs()
    assert programs is not None, "PostgreSQL is not installed (.ci/provide)"
    endpoint = CountingEndpoint()
    folder = tmp_path_factory.mktemp("fleet")
    with running_postgres(programs, syncs=False) as postgres, FaultServer(endpoint) as listening:
        url = postgres.new_database()
        env = {"OPENAI_BASE_URL": listening.base_url, "AUGENBLICK_DATABASE_URL": url}
        with serve_app(folder, env=env, arguments=["--workers", "2"]) as front:
            yield Fleet(front, url, endpoint)


def test_page_upload_and_answers_find_the_same_replica(fleet: Fleet) -> None:
    """Six browsers upload a picture through nginx: none lands at a replica that doesn't know it."""
    assert len(fleet.replicas()) == 2
    assert fleet.front.request("/_stcore/metrics").status == 404

    async def ask(mark: str) -> None:
        async with open_page(fleet.front.url) as page:
            await page.submit(f"{mark}?", {"photo.png": a_picture()})
            await page.wait_for(lambda: " 5" in shown_answer(page, mark))
            await page.stop()
            await page.wait_for(lambda: page.is_idle)

    async def ask_all() -> None:
        await asyncio.gather(*(ask(f"q{number}") for number in range(6)))

    asyncio.run(ask_all())
    assert sorted(fleet.endpoint.asked) == [f"q{number}" for number in range(6)]


def test_an_answer_is_followed_and_stopped_at_another_replica(fleet: Fleet) -> None:
    """The conversation is whole there, grows, and Stop ends the answer for both."""
    here, there = fleet.replicas()

    async def follow_and_stop() -> None:
        cookies = visit(here)
        async with open_page(here, cookies=cookies) as page:
            await page.submit("q20?")
            await page.wait_for(lambda: " 5" in shown_answer(page, "q20"))
            async with open_page(there, cookies=cookies, query=page.query) as other:
                await other.wait_for(lambda: " 5" in shown_answer(other, "q20"))
                assert other.messages[0].texts == ("q20?",)
                seen = shown_answer(other, "q20")
                await other.wait_for(lambda: len(shown_answer(other, "q20")) > len(seen) + 20)
                await other.stop()
                await page.wait_for(lambda: page.is_idle)
                await other.wait_for(lambda: other.is_idle)
                text, end = fleet.answer_to(page)
                assert end is ReplyEnd.STOPPED
                assert text == count_up_to("q20", text.count(" ") - 1)
                assert shown_answer(other, "q20") == shown_answer(page, "q20") == text.rstrip()

    asyncio.run(follow_and_stop())


def test_a_killed_replica_leaves_its_answers_interrupted(fleet: Fleet) -> None:
    """Who follows elsewhere keeps all that was shown; nginx serves on; the replica comes back."""
    (here, pid), (there, _) = fleet.replicas().items()

    async def kill_and_read() -> str:
        cookies = visit(here)
        async with open_page(here, cookies=cookies) as page:
            await page.submit("q30?")
            await page.wait_for(lambda: " 5" in shown_answer(page, "q30"))
            async with open_page(there, cookies=cookies, query=page.query) as other:
                await other.wait_for(lambda: " 5" in shown_answer(other, "q30"))
                os.kill(pid, signal.SIGKILL)
                await other.wait_for(lambda: "Continue" in other.buttons and other.is_idle)
                shown = shown_answer(page, "q30")
                text, end = fleet.answer_to(page)
                assert end is ReplyEnd.INTERRUPTED
                assert text == count_up_to("q30", text.count(" ") - 1)
                assert text.startswith(shown)
                assert shown_answer(other, "q30") == text.rstrip()
        async with open_page(fleet.front.url, cookies=cookies, query=page.query) as again:
            await again.wait_for(lambda: again.is_idle and bool(shown_answer(again, "q30")))
            return shown_answer(again, "q30")

    assert asyncio.run(kill_and_read()).startswith("q30: 0 1 2 3 4 5")
    deadline = time.monotonic() + 90
    while fleet.replicas().get(here, pid) == pid and time.monotonic() < deadline:
        time.sleep(0.1)
    assert fleet.replicas()[here] != pid
    assert "starting it again" in fleet.front.output


def test_a_phone_finds_the_replica_of_its_page(tmp_path: Path) -> None:
    """A phone has no cookie; nginx leads it to where the browser with the code is served."""
    with contextlib.ExitStack() as running:
        ports = tuple(running.enter_context(_says_its_port()) for _ in range(3))
        (port,) = free_ports(1)
        group = running.enter_context(guarded_group())
        front = Front("127.0.0.1", port, ports)
        running.enter_context(replicas._nginx(replicas.find_nginx(), tmp_path, front, group))
        url = f"http://127.0.0.1:{port}"
        _wait_until_answered(url)
        met = set()
        for number in range(20):
            browser = secrets.token_hex(16)
            cookie = f"{COOKIE_NAME}={signed_browser_id(browser, key=b'k')}"
            page = ask(url, f"/tray/{number}", headers={"Cookie": cookie}).body
            path = "/team" * (number % 2) + camera_path(new_phone(browser).token)
            assert ask(url, path).body == page
            assert ask(url, f"{path}/1", method="PUT", body=b"photo").body == page
            met.add(page)
        assert len(met) > 1


@contextlib.contextmanager
def _says_its_port() -> Iterator[int]:
    """A server that answers everything with its port; gives the port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = str(self.connection.getsockname()[1]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def _wait_until_answered(url: str) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            ask(url, "/")
            return
        time.sleep(0.1)


def test_all_replicas_share_one_reader(tmp_path: Path) -> None:
    """Each answers with it, also after it was killed and is there again at the same address."""
    with serve_app(tmp_path, arguments=["--workers", "2"]) as front:

        def readers() -> list[int]:
            below = descendants(front.process.pid)
            return [pid for pid in below if "augenblick.reader" in _words(pid)]

        (first,) = readers()
        replicas = Fleet(front, "", CountingEndpoint()).replicas()
        for address in replicas:
            asyncio.run(_ask_the_reader(address))
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while readers() in ([], [first]) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(readers()) == 1
        for address in replicas:
            asyncio.run(_ask_the_reader(address))


async def _ask_the_reader(address: str) -> None:
    async with open_page(address) as page:
        await page.submit("Who are you?")
        await page.wait_for(lambda: page.is_idle and len(page.messages) == 2, seconds=60)
        assert page.notices == []
        assert "".join(page.messages[1].texts)


def test_nobody_is_left_when_all_are_started_from_is_killed(tmp_path: Path) -> None:
    """After kill -9 there is no server, no nginx and no reader, and the address is free again."""
    with serve_app(tmp_path, arguments=["--workers", "2"]) as front:
        started = descendants(front.process.pid)
        programs = {name for pid in started for name in _words(pid)}
        assert {"streamlit", "augenblick.reader"} <= programs
        assert any("nginx" in name for name in programs)

        front.process.kill()
        front.process.wait()

        deadline = time.monotonic() + 60
        while (left := [pid for pid in started if _words(pid)]) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [_words(pid) for pid in left] == []
        with pytest.raises(ConnectionRefusedError):
            front.request("/")


def _words(pid: int) -> list[str]:
    """The command line of a process; nothing once it has ended, fetched by its parent or not."""
    try:
        return [word for word in Path(f"/proc/{pid}/cmdline").read_text().split("\0") if word]
    except OSError:
        return []


def test_a_stubborn_process_is_made_to_end() -> None:
    """Whoever does not listen is killed, who is not of the group is let be."""
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    script = (
        "import subprocess, sys, os\n"
        "from augenblick.ops.guard import guarded_group\n"
        "def start(code, group):\n"
        "    return subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.DEVNULL,\n"
        "        process_group=group).pid\n"
        "with guarded_group() as group:\n"
        "    spared = start('import time; time.sleep(600)', 0)\n"
        f"    ended = start({deaf!r}, group)\n"
        "    print(spared, ended, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=PROJECT_DIR,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    spared, ended = map(int, done.stdout.split())
    try:
        deadline = time.monotonic() + 60
        while _words(ended) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert (bool(_words(spared)), bool(_words(ended))) == (True, False)
    finally:
        os.kill(spared, signal.SIGKILL)


def test_the_site_takes_the_addresses_of_the_start() -> None:
    """What is delivered for Debian is what the start command uses, but for the addresses."""
    delivered = SITE_FILE.read_text(encoding="utf-8")
    text = site(Front("0.0.0.0", 9000, (9001, 9002, 9003)), delivered)

    assert re.findall(r"(?m)^ +server (\S+) ", text) == [
        f"127.0.0.1:{n}" for n in (9001, 9002, 9003)
    ]
    assert re.findall(r"(?m)^ +listen (\S+);", text) == ["0.0.0.0:9000"]
    with pytest.raises(ValueError, match="no place"):
        site(Front("0.0.0.0", 9000, (9001,)), "server {}")


def test_several_workers_without_nginx_are_explained(tmp_path: Path) -> None:
    """A sentence says what to install."""
    environment = clean_environment(tmp_path) | {"PATH": str(tmp_path)}
    script = (
        "import augenblick.ops.replicas as workers\n"
        "workers._NGINX_FOLDERS = ()\n"
        "workers.find_nginx()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr.strip().endswith("apt-get install nginx).")


def test_free_ports_are_different() -> None:
    """Each replica has a port of its own."""
    assert len(set(free_ports(20))) == 20
