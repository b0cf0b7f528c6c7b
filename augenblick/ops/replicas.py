"""Several servers behind one address: replicas on ports of their own, and nginx before them.

nginx takes `deploy/nginx.conf` as it is delivered, with our addresses in it. A replica that ends is
started again at its port; when nginx ends, everything does. One reader serves all replicas. Should
this process be killed, the guard ends them all, and the reader ends by itself.
"""

from __future__ import annotations

import contextlib
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
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from augenblick.core.paths import PROJECT_DIR
from augenblick.ops.guard import guarded_group
from augenblick.ops.reader_process import READER_URL_VARIABLE, ReaderProcess, reader_command
from augenblick.ops.supervisor import RestartPolicy, Supervisor, is_answered

SITE_FILE = PROJECT_DIR / "deploy" / "nginx.conf"
_POLICY = RestartPolicy(stop_seconds=15.0)  # longer than a server needs to put its replies away
_POLL_SECONDS = 0.5
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
    base_path: str = ""


def site(front: Front, text: str) -> str:
    """The delivered site with these addresses. Raises ValueError when they have no place in it."""
    servers = "\n".join(
        f"    server 127.0.0.1:{port} max_fails=1 fail_timeout=5s;" for port in front.replica_ports
    )
    text, changed = re.subn(r"(?m)(^ +server 127\.0\.0\.1:\d+ .*\n)+", f"{servers}\n", text)
    host = f"[{front.address}]" if ":" in front.address else front.address
    text, listening = re.subn(r"(?m)^( +)listen 80;", rf"\1listen {host}:{front.port};", text)
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
    front: Front,
    *,
    command: Callable[[int], Sequence[str]],
    announce: Callable[[], None],
    environ: Mapping[str, str],
    reader_port: int | None,
) -> int:
    """Run replicas (`command` has a port) and nginx until told to end; returns the exit code.

    With a `reader_port` they share a reader that runs there.
    """
    nginx = find_nginx()
    told_to_end, is_up = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told_to_end.set())

    with (
        tempfile.TemporaryDirectory(prefix="augenblick-nginx-") as folder,
        contextlib.ExitStack() as running,
    ):
        group = running.enter_context(guarded_group())
        if reader_port is not None:
            running.enter_context(ReaderProcess(reader_command(port=reader_port), environ=environ))
            environ = {**environ, READER_URL_VARIABLE: f"http://127.0.0.1:{reader_port}/v1"}
        replicas = [
            running.enter_context(
                Replica(port, command(port), front, environ=environ, group=group, is_up=is_up)
            )
            for port in front.replica_ports
        ]
        for replica in replicas:  # asked together, before the first is waited for
            running.callback(replica.request_stop)
        if not _are_ready(replicas, told_to_end):
            return 0 if told_to_end.is_set() else 1
        proxy = running.enter_context(_nginx(nginx, Path(folder), front, group))
        is_up.set()
        announce()
        while not told_to_end.wait(_POLL_SECONDS):
            if proxy.poll() is not None:
                return 1
        return 0


class Replica(Supervisor):
    """One server, at its port again whenever it has ended."""

    def __init__(
        self,
        port: int,
        command: Sequence[str],
        front: Front,
        *,
        environ: Mapping[str, str],
        group: int,
        is_up: threading.Event,
    ) -> None:
        super().__init__(f"replica-{port}", policy=_POLICY)
        self._port = port
        self._command = command
        self._health = f"http://127.0.0.1:{port}{front.base_path}/_stcore/health"
        self._environ = environ
        self._group = group
        self._is_up = is_up

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it; its log goes to standard error."""
        return subprocess.Popen(  # noqa: S603 - our own command, no shell
            self._command,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # what it says of its own address is not for people
            process_group=self._group,
        )

    def answers(self) -> bool:
        """Whether it serves."""
        return is_answered(self._health)

    def tell_end(self, code: int, pause_seconds: float) -> None:  # noqa: ARG002 - for other kinds
        """Say it at the terminal, once all have been up."""
        if self._is_up.is_set():
            print(f"The server at port {self._port} ended; starting it again.", file=sys.stderr)  # noqa: T201


def _are_ready(replicas: Sequence[Supervisor], told_to_end: threading.Event) -> bool:
    """Wait until all are; False when one can't start, it takes too long, or all is to end."""
    deadline = time.monotonic() + _POLICY.start_seconds
    while not all(replica.is_ready for replica in replicas):
        is_over = time.monotonic() > deadline or any(each.has_ended_once for each in replicas)
        if is_over or told_to_end.wait(_POLL_SECONDS / 5):
            return False
    return True


@contextlib.contextmanager
def _nginx(
    program: str, folder: Path, front: Front, group: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run nginx on the site, with everything it writes in the folder."""
    configuration = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # the folder is ours alone
    text = site(front, SITE_FILE.read_text(encoding="utf-8"))
    configuration.write_text(
        _AROUND_THE_SITE.format(user=user, folder=folder, site=text), encoding="utf-8"
    )
    command = [program, "-p", str(folder), "-e", "stderr", "-c", str(configuration)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=group)  # noqa: S603 - our own command, no shell
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
