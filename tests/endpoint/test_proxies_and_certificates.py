"""Company networks: certificates of an own authority, and the way out through a proxy.

A real TLS server whose certificate an authority of the test has signed, and a real proxy that
opens tunnels. Both take the environment as a mapping; nothing of the machine's own is touched.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from augenblick.core import errors
from augenblick.core.errors import ConfigurationError
from augenblick.core.providers import Provider, read_providers, wants_reader
from augenblick.endpoint.client import Cancellation, ChatClient, Deadlines, RetryPolicy
from augenblick.ops.reader_process import reader_is_wanted
from tests.faults.endpoint import Endpoint
from tests.faults.server import Answer, FaultServer, Framing, Pause, framed
from tests.raising import raises

KEY = "sk-canary-77c1b0de"
ONCE = RetryPolicy(attempts=1)
PAYLOAD = {"model": "m", "messages": [{"role": "user", "content": "ready?"}], "stream": True}
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Authority:
    """An authority of one's own and a certificate it signed for localhost and 127.0.0.1."""

    bundle: Path
    chain: Path
    key: Path


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Both, made by OpenSSL."""
    folder = tmp_path_factory.mktemp("authority")
    made = Authority(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    (folder / "names").write_text("subjectAltName=DNS:localhost,DNS:endpoint.example,IP:127.0.0.1")
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        ["req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=Company",
         "-addext", "keyUsage=critical,keyCertSign"],
        ["req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=endpoint"],
        ["x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
         "-CAcreateserial", "-extfile", "names", "-out", "server.pem"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
    return made


class SecureServer(FaultServer):
    """An endpoint behind TLS."""

    secure_port = 0

    @property
    def secure_url(self) -> str:
        """What a provider is configured with."""
        return f"https://localhost:{self.secure_port}/v1"


@contextmanager
def serving(authority: Authority, answer: Answer | None = None) -> Iterator[SecureServer]:
    """An endpoint that speaks TLS with that certificate."""
    with SecureServer(answer or Endpoint()) as inner, Relay(inner.port, authority) as outer:
        inner.secure_port = outer.port
        yield inner


class _Listener:
    """Accepts connections, each served in a thread of its own."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.open: set[socket.socket] = set()
        self.port = int(self._listener.getsockname()[1])

    def __enter__(self) -> Any:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in [*self.open]:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.open.add(connection)
            threading.Thread(target=self._serve_one, args=(connection,), daemon=True).start()

    def _serve_one(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            self.serve(connection)
        self.open.discard(connection)

    def serve(self, connection: socket.socket) -> None:
        """What happens on a connection."""


class Relay(_Listener):
    """Takes TLS off and hands on to a plain server."""

    def __init__(self, port: int, authority: Authority) -> None:
        super().__init__()
        self._behind = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(authority.chain, authority.key)

    def serve(self, connection: socket.socket) -> None:
        """One connection."""
        with (
            self._context.wrap_socket(connection, server_side=True) as secure,
            socket.create_connection(("127.0.0.1", self._behind)) as behind,
        ):
            self.open.add(secure)
            _join(secure, behind)


class Proxy(_Listener):
    """Opens tunnels, whatever the name, to where `to` says; `asked` holds the request heads."""

    def __init__(self, to: int, *, status: str = "200 OK", is_silent: bool = False) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.got_one = threading.Event()
        self._to = to
        self._status = status
        self._is_silent = is_silent

    @property
    def url(self) -> str:
        """What a variable names it by."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, connection: socket.socket) -> None:
        """One connection: CONNECT, or a request with the whole address."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65536)
            if not piece:
                return
            head += piece
        self.asked.append(head.decode("latin-1"))
        self.got_one.set()
        if self._is_silent:
            connection.recv(1)
            return
        is_tunnel = head.startswith(b"CONNECT ")
        if is_tunnel or not self._status.startswith("200"):
            connection.sendall(f"HTTP/1.1 {self._status}\r\nContent-Length: 0\r\n\r\n".encode())
        if not self._status.startswith("200"):
            return
        with socket.create_connection(("127.0.0.1", self._to)) as behind:
            if not is_tunnel:
                target = head.split(b" ", 2)[1]
                behind.sendall(head.replace(target, b"/" + target.split(b"/", 3)[3], 1))
            _join(connection, behind)


def _join(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_pump, args=(other, one), daemon=True)
    back.start()
    _pump(one, other)
    back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    for end in (sink, source):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def provider_of(environ: Mapping[str, str], **table: object) -> Provider:
    """The one endpoint that is configured, in the environment or as a table."""
    secrets = {"providers": {"work": table}} if table else {}
    (found,) = read_providers(environ, secrets, reader_url=None)
    return found


def ask(provider: Provider, **options: Any) -> str:
    """The text of an answer."""
    with ChatClient(provider, retry=ONCE) as client, client.stream(PAYLOAD, **options) as stream:
        return "".join(delta.text for chunk in stream for delta in chunk.choices)


def environ_for(address: str, **more: object) -> dict[str, str]:
    """An environment with an endpoint."""
    names = {name: str(value) for name, value in more.items()}
    return {"OPENAI_BASE_URL": address, "OPENAI_API_KEY": KEY, **names}


# --- certificates


def test_an_unknown_authority_is_refused(authority: Authority) -> None:
    """Without a word from the person who runs it, nothing is sent to such a server."""
    with serving(authority) as server:
        with raises("tls_failed") as caught:
            ask(provider_of(environ_for(server.secure_url)))
        assert "issuer" in caught.value.detail
        assert server.received == []


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_variables_of_a_company_bundle_count(authority: Authority, name: str) -> None:
    """Each of them alone makes the server trusted."""
    with serving(authority) as server:
        environ = environ_for(server.secure_url, **{name: authority.bundle})
        assert ask(provider_of(environ)).strip() == "ready"


def test_a_table_has_its_own_bundle(authority: Authority, tmp_path: Path) -> None:
    """`ca_bundle` counts before the variables, quoted or not."""
    other = tmp_path / "other.pem"
    other.write_bytes(authority.bundle.read_bytes())
    with serving(authority) as server:
        table = {"base_url": server.secure_url, "ca_bundle": f' "{authority.bundle}" '}
        provider = provider_of({"SSL_CERT_FILE": "/nowhere.pem"}, **table)
        assert ask(provider).strip() == "ready"
    assert provider.ca_bundle == str(authority.bundle)


def test_a_bundle_does_not_vouch_for_another_name(authority: Authority) -> None:
    """The name of the server is still checked."""
    with serving(authority) as server, Proxy(server.secure_port) as proxy:
        environ = environ_for(
            "https://other.example/v1", SSL_CERT_FILE=authority.bundle, HTTPS_PROXY=proxy.url
        )
        with raises("tls_failed"):
            ask(provider_of(environ))
        assert server.received == []


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_that_is_not_there_is_said_by_name(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, in the log and on the page: the variable, the file, and what is wrong."""
    away = tmp_path / "company.pem"
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for path, why in ((away, "No such file"), (empty, "no PEM")):
        environ = environ_for("https://endpoint.example/v1", **{name: path})
        with pytest.raises(ConfigurationError, match=f"{name} .*{path.name}: {why}"):
            wants_reader(environ, {})
        assert reader_is_wanted(environ, {})
        assert name in caplog.text
        assert path.name in caplog.text
    table = {"base_url": "https://endpoint.example/v1", "ca_bundle": str(away)}
    with pytest.raises(ConfigurationError, match=r"\[providers\.work\] ca_bundle .*company\.pem"):
        provider_of({}, **table)


def test_a_bundle_nobody_needs_stops_nothing(tmp_path: Path) -> None:
    """An endpoint on plain http, and the built-in reader, have no use for one."""
    environ = {"SSL_CERT_FILE": str(tmp_path / "away.pem")}
    assert provider_of({**environ, "OPENAI_BASE_URL": "http://localhost:1"}).ca_bundle == ""
    assert wants_reader(environ, {})


# --- proxies


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
def test_a_proxy_of_the_environment_is_used(authority: Authority, name: str) -> None:
    """The tunnel carries the question; the proxy sees neither key nor question."""
    with serving(authority) as server, Proxy(server.secure_port) as proxy:
        environ = environ_for(
            "https://endpoint.example/v1",
            SSL_CERT_FILE=authority.bundle,
            HTTP_PROXY="http://127.0.0.1:9",
            **{name: proxy.url},
        )
        assert ask(provider_of(environ)).strip() == "ready"
    assert [head.split()[:2] for head in proxy.asked] == [["CONNECT", "endpoint.example:443"]]
    assert KEY not in proxy.asked[0]
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"


def test_plain_http_goes_through_its_own_proxy() -> None:
    """HTTP_PROXY counts for http:// alone."""
    with FaultServer(Endpoint()) as server, Proxy(server.port) as proxy:
        environ = environ_for(
            "http://endpoint.example/v1", http_proxy=proxy.url, HTTPS_PROXY="http://127.0.0.1:9"
        )
        assert ask(provider_of(environ)).strip() == "ready"
    assert proxy.asked[0].startswith("POST http://endpoint.example/v1/chat/completions ")


def test_netrc_never_replaces_the_key(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though proxy and certificates of the environment count, a netrc does not."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login eve password eve\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    with serving(authority) as server, Proxy(server.secure_port) as proxy:
        environ = environ_for(
            "https://localhost/v1", SSL_CERT_FILE=authority.bundle, HTTPS_PROXY=proxy.url
        )
        ask(provider_of(environ))
    assert server.received[0].headers["authorization"] == f"Bearer {KEY}"
    assert "Basic" not in proxy.asked[0]


def test_a_password_for_the_proxy_reaches_the_proxy_only(authority: Authority) -> None:
    """It goes with the CONNECT, and stands in no text of ours."""
    with serving(authority) as server, Proxy(server.secure_port) as proxy:
        url = proxy.url.replace("//", "//me:canary@")
        environ = environ_for(
            "https://endpoint.example/v1", SSL_CERT_FILE=authority.bundle, HTTPS_PROXY=url
        )
        provider = provider_of(environ)
        assert ask(provider).strip() == "ready"
    assert "Proxy-Authorization: Basic bWU6Y2FuYXJ5" in proxy.asked[0]
    assert "proxy-authorization" not in server.received[0].headers
    assert "canary" not in repr(provider)


@pytest.mark.parametrize(
    ("listed", "is_direct"),
    [
        ("endpoint.example", True),
        (".example", True),
        ("*.example", True),
        ("EXAMPLE", True),
        ("other.org, endpoint.example:8443", True),
        ("endpoint.example:443", False),
        ("*", True),
        ("point.example", False),
        ("endpoint.example.org", False),
        ("", False),
    ],
)
def test_no_proxy_names_what_is_reached_directly(listed: str, *, is_direct: bool) -> None:
    """By name, by domain, with a port, or all; a piece of a name is none."""
    environ = environ_for(
        "https://endpoint.example:8443/v1", HTTPS_PROXY="proxy:3128", NO_PROXY=listed
    )
    assert provider_of(environ).proxy == ("" if is_direct else "http://proxy:3128")
    lower = {**environ, "no_proxy": listed or "x", "NO_PROXY": "y"}
    assert bool(provider_of(lower).proxy) is not is_direct


@pytest.mark.parametrize(
    ("host", "listed", "is_direct"),
    [
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("[fd00::7]", "fd00::/8", True),
        ("[::1]", "localhost,::1", True),
        ("[::1]", "[::1]", True),
        ("110.1.2.3", "10.1.2.3", False),
    ],
)
def test_no_proxy_knows_networks(host: str, listed: str, *, is_direct: bool) -> None:
    """Addresses as numbers, alone and as networks."""
    environ = environ_for(f"http://{host}:8000", HTTP_PROXY="proxy:3128", NO_PROXY=listed)
    assert bool(provider_of(environ).proxy) is not is_direct


def test_a_table_has_its_own_proxy_or_none() -> None:
    """`proxy` in a table counts before the variables; empty, it means none."""
    environ = {"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "h"}
    assert provider_of(environ, base_url="https://h").proxy == ""
    assert provider_of(environ, base_url="https://o").proxy == "http://proxy:3128"
    assert provider_of(environ, base_url="https://o", proxy="").proxy == ""
    assert provider_of(environ, base_url="https://h", proxy="other:1").proxy == "http://other:1"


def test_the_reader_is_never_asked_through_a_proxy() -> None:
    """It is a process of this machine."""
    (reader,) = read_providers(
        {"HTTP_PROXY": "http://proxy:3128"}, {}, reader_url="http://127.0.0.1:9/v1"
    )
    assert reader.proxy == ""


@pytest.mark.parametrize(
    "value", ["socks5://proxy:1080", "http://", "http://proxy:port", "ftp://me:canary@proxy"]
)
def test_a_proxy_that_can_not_be_used_is_said_by_name(value: str) -> None:
    """At the start, with the variable and without its value."""
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY must be") as caught:
        provider_of(environ_for("https://h/v1", HTTPS_PROXY=value))
    assert "canary" not in caught.value.detail


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
def test_a_proxy_that_refuses_is_named_as_the_one(authority: Authority, status: str) -> None:
    """Not the endpoint, for https and for http."""
    with Proxy(9, status=status) as proxy:
        secure = environ_for("https://endpoint.example/v1", HTTPS_PROXY=proxy.url)
        with raises("proxy_failed"):
            ask(provider_of(secure))
        plain = environ_for("http://endpoint.example/v1", HTTP_PROXY=proxy.url)
        means = "proxy_failed" if status.startswith("407") else "permission_denied"
        with raises(means):
            ask(provider_of(plain))


# --- stopping and deadlines through a proxy


def _slow(_: object) -> Any:
    first = b'data: {"choices": [{"index": 0, "delta": {"content": "one"}}]}\n\n'
    return framed([first, Pause(30)], Framing.CHUNKED)


def test_stopping_closes_the_tunnel(authority: Authority) -> None:
    """In the middle of an answer: the endpoint sees its client go."""
    with (
        serving(authority, _slow) as server,
        Proxy(server.secure_port) as proxy,
    ):
        environ = environ_for(
            "https://endpoint.example/v1", SSL_CERT_FILE=authority.bundle, HTTPS_PROXY=proxy.url
        )
        cancellation = Cancellation()
        with (
            ChatClient(provider_of(environ), retry=ONCE) as client,
            client.stream(PAYLOAD, cancellation=cancellation) as stream,
        ):
            chunks = iter(stream)
            assert next(chunks).choices[0].text == "one"
            threading.Timer(0.2, cancellation.cancel).start()
            with pytest.raises(errors.Cancelled):
                list(chunks)
        assert server.wait_until_left(within_seconds=10)


def test_stopping_ends_the_wait_for_a_silent_proxy() -> None:
    """While the tunnel is being asked for."""
    with Proxy(9, is_silent=True) as proxy:
        provider = provider_of(environ_for("https://endpoint.example/v1", HTTPS_PROXY=proxy.url))
        cancellation = Cancellation()

        def stop() -> None:
            proxy.got_one.wait(60)
            cancellation.cancel()

        threading.Thread(target=stop).start()
        with pytest.raises(errors.Cancelled):
            ask(provider, cancellation=cancellation)


def test_the_time_to_connect_holds_for_a_silent_proxy() -> None:
    """The tunnel belongs to the connecting."""
    with Proxy(9, is_silent=True) as proxy:
        provider = provider_of(environ_for("https://endpoint.example/v1", HTTPS_PROXY=proxy.url))
        deadlines = Deadlines(connect_seconds=0.3)
        with (
            ChatClient(provider, deadlines=deadlines, retry=ONCE) as client,
            raises("connect_timed_out"),
            client.stream(PAYLOAD),
        ):
            pass


def test_silence_within_a_tunnel_is_timed(authority: Authority) -> None:
    """The deadline between two arrivals strikes as without a proxy."""
    with (
        serving(authority, _slow) as server,
        Proxy(server.secure_port) as proxy,
    ):
        environ = environ_for(
            "https://endpoint.example/v1", SSL_CERT_FILE=authority.bundle, HTTPS_PROXY=proxy.url
        )
        deadlines = Deadlines(idle_seconds=0.3)
        with (
            ChatClient(provider_of(environ), deadlines=deadlines, retry=ONCE) as client,
            raises("idle_timed_out"),
            client.stream(PAYLOAD) as stream,
        ):
            list(stream)


# --- the commands


def test_the_doctor_takes_the_same_way(authority: Authority) -> None:
    """An address given by hand is examined through the proxy and with the bundle as well."""
    with serving(authority) as server, Proxy(server.secure_port) as proxy:
        done = subprocess.run(
            [sys.executable, "-m", "augenblick.doctor", "--base-url", "https://endpoint.example"],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "HTTPS_PROXY": proxy.url,
                 "SSL_CERT_FILE": str(authority.bundle)},
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode in {0, 1}, done.stdout + done.stderr
    assert proxy.asked
