"""What a model can probably do, by its name, where the endpoint does not say."""

from __future__ import annotations

import re
from typing import Final

_CAN_NOT_CHAT: Final = re.compile(
    r"embed|whisper|tts|dall-e|moderation|audio|transcrib|realtime|image-\d|sora|rerank",
    re.IGNORECASE,
)
_CAN_SEE: Final = re.compile(
    r"gpt-4o|gpt-4\.1|gpt-[5-9]|o[34]|vision|vl\b|-vl|vlm|llava|pixtral|gemma-?[34]|gemini|claude"
    r"|minicpm-v|internvl|llama-?3\.2|llama-?4|mistral-(?:small|medium)-?3|moondream|phi-.{0,40}vision",
    re.IGNORECASE,
)


def can_chat(name: str) -> bool:
    """Whether it answers questions: its name is not one of those made for something else."""
    return not _CAN_NOT_CHAT.search(name)


def seems_to_see(name: str) -> bool:
    """Whether it probably takes pictures."""
    return bool(_CAN_SEE.search(name))


def short_name(name: str) -> str:
    """As people say it: without the folder and ending of a file and without Ollama's usual tag."""
    return re.split(r"[/\\]", name)[-1].removesuffix(".gguf").removesuffix(":latest")
