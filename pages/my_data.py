"""What is stored about me: how much, for how long, to take along, to delete."""

import streamlit as st

from augenblick.ui import my_data, notices, state, words
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_beside

parts = services()
draw_beside(parts)

st.title(words.say("my_data.title"), anchor=False)
my_data.draw_cookie_notice(parts)
failure = state.tab().failure
if failure is not None:
    notices.show_failure(failure)
my_data.draw_holdings(parts)
my_data.draw_promises(parts)
my_data.draw_shares(parts)
my_data.draw_taking(parts)
my_data.draw_deletion(parts)
