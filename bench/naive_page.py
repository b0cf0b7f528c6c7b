"""The tutorial's chat page: the vendor's client, one `st.write_stream`, all in the script run."""

import openai
import streamlit as st

client = openai.OpenAI()
messages = st.session_state.setdefault("messages", [])
for message in messages:
    with st.chat_message(message["role"]):
        st.markdown(message["content"])
if question := st.chat_input("What is up?"):
    messages.append({"role": "user", "content": question})
    with st.chat_message("user"):
        st.markdown(question)
    with st.chat_message("assistant"):
        stream = client.chat.completions.create(model="bench", messages=messages, stream=True)
        answer = st.write_stream(stream)
    messages.append({"role": "assistant", "content": answer})
