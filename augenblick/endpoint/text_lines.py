"""Asks the built-in reader for the text of a picture with its places."""

from __future__ import annotations

import base64

import requests
from pydantic import TypeAdapter, ValidationError

from augenblick.core.picture_text import PictureText

_CONNECT_SECONDS = 5.0
_READ_SECONDS = 300.0  # it lets all answers go before
_TEXT = TypeAdapter(PictureText)


def fetch_text(reader_url: str, picture: bytes, *, most_rows: int) -> PictureText | None:
    """The text of a picture, its rows only where they are few; None where the reader can't tell."""
    uri = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
    with requests.Session() as session:
        session.trust_env = False  # the reader is on this machine, behind no proxy
        try:
            response = session.post(
                f"{reader_url}/lines",
                json={"url": uri, "most_rows": most_rows},
                timeout=(_CONNECT_SECONDS, _READ_SECONDS),
            )
            return _TEXT.validate_json(response.content) if response.ok else None
        except (requests.RequestException, ValidationError):
            return None
