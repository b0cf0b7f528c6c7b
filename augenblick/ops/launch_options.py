"""What Streamlit's own variables and files say about the server, as Streamlit reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from augenblick.core.config_files import read_toml
from augenblick.core.errors import ConfigurationError
from augenblick.core.paths import PROJECT_DIR
from augenblick.web.addresses import LOOPBACK_HOSTS, base_path

_PORTS = 65536


class ServerOptions:
    """The `server` options: STREAMLIT_SERVER_… first, then the `config.toml` read last.

    Raises ConfigurationError for a file that can't be read or a value of the wrong kind.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._server: dict[str, Any] = {}
        for folder in (Path.home(), Path.cwd(), PROJECT_DIR):  # a later one wins, as in Streamlit
            table = read_toml(folder / ".streamlit" / "config.toml").get("server", {})
            self._server |= table if isinstance(table, dict) else {}

    @property
    def port(self) -> int | None:
        """The port that was chosen; None where nobody chose one."""
        if text := self._variable("PORT"):
            return _port(text, where="STREAMLIT_SERVER_PORT")
        in_file = self._in_file("port")
        return None if in_file is None else _port(in_file, where="server.port in config.toml")

    @property
    def address(self) -> str:
        """The address that was chosen; empty where none was.

        The file's counts if it is not this machine's own: that is how the file is delivered.
        """
        in_file = str(self._in_file("address") or "")
        return self._variable("ADDRESS") or ("" if in_file in LOOPBACK_HOSTS else in_file)

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The names by which the server may be called."""
        if text := self._variable("ALLOWED_HOSTS"):
            return tuple(text.split())
        hosts = self._in_file("allowedHosts")
        return tuple(str(host) for host in hosts) if isinstance(hosts, list) else ()

    @property
    def base_path(self) -> str:
        """What stands before every path: empty, or `/name`."""
        return base_path(self._variable("BASE_URL_PATH") or str(self._in_file("baseUrlPath") or ""))

    def _variable(self, name: str) -> str:
        return self._environ.get(f"STREAMLIT_SERVER_{name}", "").strip()

    def _in_file(self, name: str) -> object:
        value = self._server.get(name)
        if isinstance(value, str) and value.startswith("env:"):
            return self._environ.get(value.removeprefix("env:"))
        return value


def _port(value: object, *, where: str) -> int:
    try:
        port = int(str(value))
    except ValueError:
        port = -1
    if not 0 <= port < _PORTS:
        raise ConfigurationError(f"{where} is no port: a number from 0 to {_PORTS - 1} is needed.")
    return port
