# mypy: ignore-errors
"""Gradio's chat as its tutorial has it; runs in an environment of its own."""

import gradio
import openai

client = openai.OpenAI()


def answer(question, history):  # noqa: ANN001, ANN201, D103
    messages = [{"role": m["role"], "content": m["content"]} for m in history]
    messages.append({"role": "user", "content": question})
    stream = client.chat.completions.create(model="bench", messages=messages, stream=True)
    text = ""
    for chunk in stream:
        text += chunk.choices[0].delta.content or ""
        yield text


gradio.ChatInterface(answer).launch(server_name="127.0.0.1")
