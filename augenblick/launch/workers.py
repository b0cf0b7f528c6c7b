"""Several servers behind one address: replicas on ports of their own, and nginx before them.

nginx takes `deploy/nginx.conf` as it is delivered, with our addresses in it. A replica that ends is
started again at its port; when nginx ends, everything does. Should this process be killed, the
guard ends them all.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from augenblick.launch.guard import Guard
from augenblick.places import PROJECT_DIR

SITE_FILE = PROJECT_DIR / "deploy" / "nginx.conf"
_START_SECONDS = 60.0
_STOP_SECONDS = 15.0  # longer than a server needs to put its replies away
_LOOK_SECONDS = 0.5
_NGINX_FOLDERS = ("/usr/sbin", "/usr/local/sbin")  # where it stands, and who may not is not asked
_AROUND_THE_SITE = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr crit;
worker_processes auto;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {site}
}}
"""


@dataclass(frozen=True, slots=True)
class Front:
    """Where nginx listens, and the ports of the replicas behind it on this machine."""

    address: str
    port: int
    replica_ports: tuple[int, ...]


def site(front: Front, text: str) -> str:
    """The delivered site with these addresses. Raises ValueError when they have no place in it."""
    servers = "\n".join(
        f"    server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;" for port in front.replica_ports
    )
    text, changed = re.subn(r"(?m)(^ +server 127\.0\.0\.1:\d+ .*\n)+", f"{servers}\n", text)
    text, listening = re.subn(
        r"(?m)^( +)listen 80;", rf"\1listen {front.address}:{front.port};", text
    )
    if (changed, listening) != (1, 1):
        raise ValueError("deploy/nginx.conf has no place for the addresses")
    return text


def find_nginx() -> str:
    """The path of nginx. Raises SystemExit with a sentence where there is none."""
    found = shutil.which("nginx", path=os.pathsep.join((os.environ["PATH"], *_NGINX_FOLDERS)))
    if found is None:
        sys.exit("Several workers need nginx (Debian and Ubuntu: apt-get install nginx).")
    return found


def free_ports(count: int) -> tuple[int, ...]:
    """So many ports of this machine that nobody listens at."""
    with contextlib.ExitStack() as probes:
        found = []
        for _ in range(count):
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found.append(int(probe.getsockname()[1]))
        return tuple(found)


def run_workers(
    front: Front, *, command: Callable[[int], Sequence[str]], announce: Callable[[], None]
) -> int:
    """Run replicas (`command` has a port) and nginx until told to end; returns the exit code."""
    nginx = find_nginx()
    told_to_end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_end.set())
    with _folder() as folder, contextlib.ExitStack() as running:
        guard = running.enter_context(Guard())
        replicas = [_Replica(command(port), port, guard) for port in front.replica_ports]
        for replica in replicas:
            running.callback(replica.wait)
        for replica in replicas:
            running.callback(replica.end)
            replica.start()
        if not _wait_until_ready(replicas, told_to_end):
            return 0 if told_to_end.is_set() else 1
        proxy = running.enter_context(_nginx(nginx, folder, front, guard))
        announce()
        while not told_to_end.wait(_LOOK_SECONDS):
            if proxy.poll() is not None:
                return 1
            for replica in replicas:
                replica.start_if_ended()
        return 0


class _Replica:
    """One server process, at its port again whenever it has ended."""

    def __init__(self, command: Sequence[str], port: int, guard: Guard) -> None:
        self._command = command
        self._port = port
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        # what it says of its own address is not for people; its log goes to standard error
        self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, process_group=0
        )
        self._guard.add(self._process.pid)

    def start_if_ended(self) -> None:
        if self._process is not None and self.has_ended:
            self._guard.remove(self._process.pid)
            print(f"The server at port {self._port} ended; starting it again.", file=sys.stderr)  # noqa: T201  # for the person at the terminal
            self.start()

    @property
    def has_ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    @property
    def is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        with contextlib.closing(connection):
            try:
                connection.request("GET", "/_stcore/health")
                return connection.getresponse().status == HTTPStatus.OK
            except (OSError, http.client.HTTPException):
                return False

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def wait(self) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._guard.remove(self._process.pid)


def _wait_until_ready(replicas: Sequence[_Replica], told_to_end: threading.Event) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while not all(replica.is_ready for replica in replicas):
        is_over = time.monotonic() > deadline or any(replica.has_ended for replica in replicas)
        if is_over or told_to_end.wait(_LOOK_SECONDS / 5):
            return False
    return True


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="augenblick-nginx-") as name:
        yield Path(name)


@contextlib.contextmanager
def _nginx(
    program: str, folder: Path, front: Front, guard: Guard
) -> Iterator[subprocess.Popen[bytes]]:
    """Run nginx on the site, with everything it writes in the folder."""
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is ours alone
    text = site(front, SITE_FILE.read_text(encoding="utf-8"))
    configuration.write_text(
        _AROUND_THE_SITE.format(user=user, folder=folder, site=text), encoding="utf-8"
    )
    command = [program, "-p", str(folder), "-e", "stderr", "-c", str(configuration)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)  # noqa: S603 - our own command, no shell
    guard.add(process.pid)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        guard.remove(process.pid)
