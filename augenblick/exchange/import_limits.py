"""How much one import may hold. Values only."""

from __future__ import annotations

from dataclasses import dataclass

OUT_OF_MEMORY = 3
"""What a worker ends with that could not even say so."""


@dataclass(frozen=True, slots=True)
class ImportLimits:
    """What is more than this is refused with ImportTooLarge; more pictures are left out."""

    max_bytes: int = 100 * 1024 * 1024  # of the file, and of a JSON unpacked from it
    max_conversations: int = 5_000
    max_messages: int = 20_000  # in one conversation
    max_pictures: int = 1_000  # in one conversation
    max_message_bytes: int = 2 * 1024 * 1024  # all of a message that is no picture
    max_text_bytes: int = 8 * 1024 * 1024  # of all messages of a conversation
