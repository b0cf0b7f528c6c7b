"""All conversations of this browser, to be searched, opened, renamed, pinned, deleted."""

import streamlit as st

from augenblick.ui import deleting, history, my_data, notices, state, words
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_beside

parts = services()
draw_beside(parts)

st.title(words.say("page.history"), anchor=False)
my_data.draw_cookie_notice(parts)
wanted = history.draw_search()
failure = state.tab().failure
if failure is not None:
    notices.show_failure(failure)
lines, has_more = history.find(parts, wanted)
if lines:
    history.draw_list(lines, parts, has_more=has_more)
else:
    history.draw_nothing(wanted)
deleting.draw_undo(parts)
