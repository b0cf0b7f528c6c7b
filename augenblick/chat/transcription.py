"""A model that sees writes down the text of pictures, for one that does not.

Which model that is stands in the configuration. It is asked when a person wants it, and never else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from augenblick.chat.fallbacks import Quirks
from augenblick.chat.request_changes import Request
from augenblick.core.errors import ConversationNotFound, ProviderError
from augenblick.core.messages import (
    Attachment,
    Detail,
    ImagePart,
    Message,
    ReplyEnd,
    Role,
    TextPart,
)
from augenblick.core.providers import Provider, Transcriber
from augenblick.core.settings import RequestSettings
from augenblick.endpoint.client import ChatClient
from augenblick.endpoint.payload import build_payload
from augenblick.endpoint.reply import Reply
from augenblick.pictures.variants import PictureVariants
from augenblick.store import Store

_MOST_CHARACTERS: Final = 50_000  # of a picture
_CUT: Final = "\n…"
_NO_TEXT: Final = "NO TEXT"
_ASKED: Final = (
    "Transcribe all the text in this picture exactly as it stands there, line by line. Write "
    f"nothing else. If there is no text in the picture, write only: {_NO_TEXT}"
)


class Transcriptions:
    """Asks the named model; any thread may call."""

    def __init__(
        self,
        transcriber: Transcriber,
        store: Store,
        *,
        open_client: Callable[[Provider], ChatClient],
        variants: PictureVariants,
    ) -> None:
        self.transcriber = transcriber
        self._store = store
        self._open_client = open_client
        self._variants = variants

    def read(self, pictures: Sequence[Attachment]) -> list[str]:
        """The text of each picture, "" where it has none; what was too long ends with "…".

        Takes as long as the endpoint does. Raises ProviderError, and StoreError where a picture was
        deleted meanwhile, too.
        """
        provider, model = self.transcriber.provider, self.transcriber.model
        quirks = Quirks(self._store, provider.name, model, self._variants)
        with self._open_client(provider) as client:
            try:
                return [self._read_one(picture, client, quirks) for picture in pictures]
            except KeyError:
                raise ConversationNotFound from None

    def _read_one(self, picture: Attachment, client: ChatClient, quirks: Quirks) -> str:
        asked = Message(Role.USER, (ImagePart(picture, Detail.HIGH), TextPart(_ASKED)))
        request, _ = quirks.fit(Request((asked,), RequestSettings(self.transcriber.model)))
        found: list[str] = []
        quirks.send(request, lambda now: found.append(self._answer(now, client)), adjustments=[])
        return found[0]

    def _answer(self, request: Request, client: ChatClient) -> str:
        reply, length = Reply(), 0
        data_uri = self._variants.data_uri
        payload = build_payload(request.messages, request.settings, data_uri=data_uri)
        with client.stream(payload) as stream:
            for chunk in stream:
                length += sum(len(each.text) for each in reply.fold(chunk, at_seconds=0.0))
                if length > _MOST_CHARACTERS:
                    break
        end = reply.close()
        text = reply.choices[0].text.strip() if reply.choices else ""
        if length > _MOST_CHARACTERS or end is ReplyEnd.LENGTH:
            return text[:_MOST_CHARACTERS] + _CUT
        if (failure := reply.failure) is not None:
            raise ProviderError.of(failure.code, failure.detail, **failure.params)
        if end in {ReplyEnd.REFUSED, ReplyEnd.CONTENT_FILTER}:
            raise ProviderError.of("prompt_filtered")
        if end is not ReplyEnd.COMPLETE:
            raise ProviderError.of("stream_interrupted")
        return "" if text.strip(" .*`\n").upper() == _NO_TEXT else text
