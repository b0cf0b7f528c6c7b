"""The least that a paced answer costs in Streamlit: our blocks and pace, and nothing else.

The script itself reads the endpoint, so no answer outlives its page; nothing is saved. What ours
takes beyond this is the price of that, and no way through `st.write_stream` takes less.
"""

import gc
import importlib
import json
import os
import time
from collections.abc import Iterator

import requests
import streamlit as st
from sseclient import SSEClient

from augenblick.ui.chat.streamed_blocks import Blocks
from augenblick.ui.frame_rate import FRAME_SECONDS

_READ_BYTES = 65_536


@st.cache_resource
def freeze() -> None:
    """Have collections pass over what start-up made, as ours do."""
    importlib.import_module("pandas")  # which Streamlit imports when the first answer comes
    gc.freeze()


def _pieces(response: requests.Response) -> Iterator[bytes]:
    while piece := response.raw.read1(_READ_BYTES, decode_content=True):
        yield piece


def _texts(asked: list[dict[str, str]]) -> Iterator[str]:
    body = {"model": "bench", "messages": asked, "stream": True}
    url = os.environ["OPENAI_BASE_URL"] + "/chat/completions"
    with requests.post(url, json=body, stream=True, timeout=60) as response:
        for event in SSEClient(_pieces(response)).events():
            if event.data == "[DONE]":
                return
            for choice in json.loads(event.data)["choices"]:
                yield choice["delta"].get("content") or ""


def _frames(texts: Iterator[str]) -> Iterator[object]:
    blocks, gathered, drawn_at = Blocks(), "", 0.0
    for text in texts:
        gathered += text
        now = time.monotonic()
        if gathered and now - drawn_at >= FRAME_SECONDS:
            yield from blocks.feed(gathered)
            gathered, drawn_at = "", now
    yield from blocks.feed(gathered)
    yield from blocks.finish()


freeze()
messages = st.session_state.setdefault("messages", [])
for message in messages:
    with st.chat_message(message["role"]):
        st.markdown(message["content"])
if question := st.chat_input("What is up?"):
    messages.append({"role": "user", "content": question})
    with st.chat_message("user"):
        st.markdown(question)
    with st.chat_message("assistant"):
        written = st.write_stream(_frames(_texts(messages)))
    answer = "".join(map(str, written)) if isinstance(written, list) else written
    messages.append({"role": "assistant", "content": answer})
