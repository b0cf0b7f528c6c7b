"""One switch opens the server for the team; without it nobody else gets in."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from augenblick.core.paths import PROJECT_DIR
from augenblick.ops.launch import read_start
from augenblick.ops.replicas import free_ports
from augenblick.web.addresses import (
    EVERYWHERE,
    announcement,
    free_port,
    is_host_name,
    lan_addresses,
)
from tests.serving import WITHOUT_READER, AppServer, ask, clean_environment, serve_app


def _listens_at(port: int) -> set[str]:
    """The local addresses on which something listens at this port, as the kernel lists them."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    places = [line.split()[1] for line in lines if line.split()[3] == "0A"]
    packed = [p.split(":")[0] for p in places if int(p.split(":")[1], 16) == port]
    return {socket.inet_ntoa(bytes.fromhex(text)[::-1]) for text in packed}


def streamlit_command(arguments: Sequence[str], *, environ: Mapping[str, str]) -> tuple[str, ...]:
    """The command line that starts the server as asked."""
    start = read_start(arguments, environ=environ)
    return start.command(address=start.address, port=start.port)


def _port(server: AppServer) -> int:
    return int(server.url.rsplit(":", 1)[1])


def test_server_is_for_this_machine_only(app_server: AppServer) -> None:
    """Without the switch it listens on loopback and says so."""
    assert _listens_at(_port(app_server)) == {"127.0.0.1"}
    assert "on this machine only" in app_server.output


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_switch_opens_address_and_names_together(tmp_path: Path, how: str) -> None:
    """Shared, it listens everywhere, accepts its names, refuses others and shows a QR code."""
    arguments = ["--share"] if how == "flag" else []
    env = {**WITHOUT_READER, "AUGENBLICK_HOSTS": "pictures.example"}
    if how == "environment":
        env["AUGENBLICK_SHARE"] = "1"
    with serve_app(tmp_path, arguments=[*arguments, "--host", "bilder.example"], env=env) as server:
        port = _port(server)
        local = f"http://127.0.0.1:{port}"
        assert _listens_at(port) == {"0.0.0.0"}
        assert f"http://bilder.example:{port}" in server.output
        assert "█" in server.output
        assert ask(local, "/", headers={"Host": f"bilder.example:{port}"}).status == 200
        assert ask(local, "/", headers={"Host": "evil.example"}).status == 400
        for address in lan_addresses():
            assert ask(f"http://{address}:{port}", "/").status == 200


def test_server_starts_from_any_folder(tmp_path: Path) -> None:
    """`streamlit run` from elsewhere finds configuration, pages and modules."""
    command = [sys.executable, "-m", "streamlit", "run", str(PROJECT_DIR / "app.py")]
    environment = clean_environment(tmp_path)
    del environment["PYTHONPATH"]
    with subprocess.Popen(
        [*command, "--server.port=0"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        url = next(line.strip() for line in process.stdout if line.strip().startswith("http://"))
        answer = ask(url, "/", headers={"Host": "evil.example"})
        process.terminate()
        process.wait(30)

    assert answer.status == 400
    assert "content-security-policy" in answer.headers


def test_taken_port_is_said_and_passed_over() -> None:
    """The usual port may be taken: then the next one; one asked for by number: a sentence."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]

        assert free_port(port, address="127.0.0.1") is None
        assert (free_port(port, address="127.0.0.1", attempts=100) or 0) > port
        with pytest.raises(SystemExit, match=f"Port {port} can't be used"):
            streamlit_command(["--port", str(port)], environ={})


@pytest.mark.parametrize("port", ["70000", "-1"])
def test_impossible_port_is_said(port: str) -> None:
    """A number that is no port gives the same sentence."""
    with pytest.raises(SystemExit, match="can't be used"):
        streamlit_command([f"--port={port}"], environ={})


def test_address_instead_of_name_is_said() -> None:
    """Who types http:// before the name is told so."""
    with pytest.raises(SystemExit, match="without http"):
        streamlit_command(["--port", "0", "--host", "http://x.example"], environ={})


def test_further_options_reach_streamlit() -> None:
    """What the switch does not know is handed on."""
    command = streamlit_command(["--port", "0", "--server.runOnSave=true"], environ={})

    assert command[-1] == "--server.runOnSave=true"
    assert "--server.address=127.0.0.1" in command


def _chosen(command: tuple[str, ...], option: str) -> list[str]:
    """The values of an option on a command line."""
    return [word.split("=", 1)[1] for word in command if word.startswith(f"--server.{option}=")]


def _write_config(folder: Path, server: str) -> None:
    (folder / ".streamlit").mkdir()
    (folder / ".streamlit" / "config.toml").write_text(f"[server]\n{server}\n")


def test_port_of_streamlits_own_variable_and_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The argument goes first, then STREAMLIT_SERVER_PORT, then config.toml."""
    asked, variable, in_file = (str(port) for port in free_ports(3))
    _write_config(tmp_path, f"port = {in_file}")
    monkeypatch.chdir(tmp_path)
    environ = {"STREAMLIT_SERVER_PORT": variable}

    for arguments, given, expected in (
        (["--port", asked], environ, asked),
        (["--server.port", asked], environ, asked),
        ([], environ, variable),
        ([], {"STREAMLIT_SERVER_PORT": " "}, in_file),
        ([], {}, in_file),
    ):
        assert _chosen(streamlit_command(arguments, environ=given), "port") == [expected]


def test_address_of_streamlits_own_variable_counts() -> None:
    """It is not widened by sharing, and an open address brings the names it is reached by."""
    environ = {"STREAMLIT_SERVER_ADDRESS": "127.0.0.1"}
    for arguments, given, expected in (
        (["--share"], environ, "127.0.0.1"),
        (["--share"], {}, EVERYWHERE),
        (["--server.address", EVERYWHERE], environ, EVERYWHERE),
        ([], {"STREAMLIT_SERVER_ADDRESS": EVERYWHERE}, EVERYWHERE),
        ([], {}, "127.0.0.1"),
    ):
        command = streamlit_command(["--port", "0", *arguments], environ=given)
        assert _chosen(command, "address") == [expected]
        is_open = expected == EVERYWHERE
        assert set(lan_addresses()) <= set(_chosen(command, "allowedHosts")) or not is_open


def test_names_of_streamlits_own_variable_stay() -> None:
    """Names of both kinds count together; alone, Streamlit's are all there is."""
    environ = {"STREAMLIT_SERVER_ALLOWED_HOSTS": "one.example two.example"}
    alone = streamlit_command(["--port", "0"], environ=environ)
    both = streamlit_command(["--port", "0", "--host", "three.example"], environ=environ)

    assert _chosen(alone, "allowedHosts") == ["one.example", "two.example"]
    assert {"one.example", "two.example", "three.example", "localhost"} <= set(
        _chosen(both, "allowedHosts")
    )


@pytest.mark.parametrize("port", ["eighty", "70000", "-1", "8501.5"])
def test_impossible_port_in_the_variable_is_said(port: str) -> None:
    """The sentence names the variable."""
    with pytest.raises(SystemExit, match="STREAMLIT_SERVER_PORT is no port"):
        streamlit_command([], environ={"STREAMLIT_SERVER_PORT": port})


def test_broken_config_file_refuses_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Streamlit would go on without it, open to everybody."""
    _write_config(tmp_path, "port = ")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"config\.toml, line 2, column 8"):
        streamlit_command([], environ={})


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("pictures.example", True),
        ("*.example.com", True),
        ("192.168.1.5", True),
        ("::1", True),
        ("host:8501", False),
        ("a b", False),
        ("*", False),
        ("", False),
    ],
)
def test_names_of_hosts(text: str, is_name: bool) -> None:  # noqa: FBT001  # pytest names it
    """A name with port or space, and the name for everybody, are no names."""
    assert is_host_name(text) is is_name


def test_announcement_of_one_address_names_it() -> None:
    """A server at one address of the network is neither for this machine only nor everywhere."""
    text = announcement(("10.0.0.7",), address="10.0.0.7", port=8501)

    assert "http://10.0.0.7:8501" in text
    assert "this machine only" not in text


def test_announcement_has_one_code_for_the_first_address() -> None:
    """Every name is listed; loopback and patterns are not, for nobody can type them elsewhere."""
    hosts = ("10.0.0.7", "pc.local", "*.example.com", "localhost")
    text = announcement(hosts, address=EVERYWHERE, port=8501)

    assert "http://10.0.0.7:8501" in text
    assert "http://pc.local:8501" in text
    assert "localhost" not in text
    assert "*" not in text


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_theme_can_be_read(mode: str) -> None:
    """Text, links and accent reach WCAG AA on every surface (4.5:1), icons on the accent 3:1."""
    config = tomllib.loads((PROJECT_DIR / ".streamlit" / "config.toml").read_text())
    theme = config["theme"][mode]
    surfaces = [
        area[name]
        for area in (theme, theme["sidebar"])
        for name in ("backgroundColor", "secondaryBackgroundColor")
    ]

    for surface in surfaces:
        assert _contrast(theme["textColor"], surface) >= 4.5
        assert _contrast(theme["linkColor"], surface) >= 4.5
        assert (
            _contrast(theme["primaryColor"], surface) >= 4.5
        )  # the chosen segment is written in it
    assert _contrast(theme["primaryColor"], "#ffffff") >= 3  # icons, no words, stand on it
