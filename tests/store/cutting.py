"""A real connection to PostgreSQL that can break after a commit, before anybody hears of it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class CuttingProxy:
    """Passes bytes between loopback and the server's socket; once armed, cuts the next commit."""

    def __init__(self, server_socket: str) -> None:
        self._server_socket = server_socket
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.armed = threading.Event()
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._server_socket)
                threading.Thread(target=self._pass_on, args=(client, server), daemon=True).start()
                threading.Thread(target=self._ask, args=(client, server), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket) -> None:
        """From client to server; a commit that is to be cut closes the client's side first."""
        with suppress(OSError):
            while content := client.recv(65536):
                if b"COMMIT\x00" in content and self.armed.is_set():
                    self.armed.clear()
                    self.cuts += 1
                    client.shutdown(socket.SHUT_RDWR)
                    client.close()
                server.sendall(content)
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        """From server to client, until the server has nothing more to say."""
        with server, suppress(OSError):
            while content := server.recv(65536):
                with suppress(OSError):
                    client.sendall(content)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
        client.close()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()


@contextmanager
def cutting_proxy(server_socket: str) -> Iterator[CuttingProxy]:
    """A proxy that lives as long as the block."""
    proxy = CuttingProxy(server_socket)
    try:
        yield proxy
    finally:
        proxy.close()
