"""Asking from a script: one question, no store, no page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from augenblick.core.messages import ImagePart, Message, Role, TextPart
from augenblick.core.pasted import clean
from augenblick.core.providers import ApiKey, provider_at
from augenblick.core.settings import RequestSettings, refuse_invalid
from augenblick.endpoint.client import ChatClient
from augenblick.endpoint.payload import DataUris, build_payload
from augenblick.pictures import prepare_image


def ask_about(
    question: str, pictures: Sequence[str | Path], *, base_url: str, model: str, api_key: str = ""
) -> Iterator[str]:
    """Ask one question about picture files from a script; yields the answer as it comes.

    Nothing is stored. Proxy and certificates are those of the environment. Raises ImageError for a
    file that is no picture, SettingsInvalid for no model, ConfigurationError for what is no
    address, ProviderError for whatever goes wrong at the endpoint.
    """
    settings = RequestSettings(clean(model))
    refuse_invalid(settings)
    provider = provider_at(
        base_url, os.environ, name="script", label="script", api_key=ApiKey(api_key)
    )
    prepared = [prepare_image(Path(path).read_bytes(), name=str(path)) for path in pictures]
    contents = {picture.attachment.sha256: picture.content for picture in prepared}
    images = (ImagePart(picture.attachment) for picture in prepared)
    payload = build_payload(
        [Message(Role.USER, (*images, TextPart(question)))],
        settings,
        data_uri=DataUris(contents.__getitem__),
    )
    with ChatClient(provider) as client, client.stream(payload) as stream:
        for chunk in stream:
            yield from (delta.text for delta in chunk.choices if delta.text)
