"""Which models can be asked, whether they answer, and how to connect another one."""

import streamlit as st

from augenblick.errors import AugenblickError
from augenblick.ui import endpoints, notices, words
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_beside

parts = services()
draw_beside(parts)

st.title(words.say("endpoints.title"), anchor=False)
st.markdown(words.say("endpoints.intro"))
try:
    providers = parts.providers()
except AugenblickError as error:
    notices.show_failure(error.failure)
    st.stop()
for provider in providers:
    endpoints.draw_provider(provider, parts)

st.header(words.say("endpoints.connect"), anchor=False)
st.markdown(words.say("endpoints.connect_how"))
st.code(endpoints.EXAMPLE_ENVIRONMENT, language="bash")
st.code(endpoints.EXAMPLE_SECRETS, language="toml")
st.markdown(words.say("endpoints.connect_more"))
