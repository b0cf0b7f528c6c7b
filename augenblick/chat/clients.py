"""The clients of all endpoints, with the connections that they keep."""

from __future__ import annotations

import threading
from collections.abc import Callable

from augenblick.core.providers import Provider
from augenblick.endpoint.client import ChatClient


class Clients:
    """One client for each endpoint. Any thread may call."""

    def __init__(self, open_client: Callable[[Provider], ChatClient]) -> None:
        self._open_client = open_client
        self._clients: dict[str, ChatClient] = {}  # by the name of the provider
        self._lock = threading.Lock()

    def of(self, provider: Provider) -> ChatClient:
        """The client of an endpoint; a new one where the endpoint has moved, as after a restart."""
        with self._lock:
            client = self._clients.get(provider.name)
            if client is None or client.provider.base_url != provider.base_url:
                if client is not None:
                    client.close()
                client = self._clients[provider.name] = self._open_client(provider)
            return client

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
