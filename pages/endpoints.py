"""Which models can be asked, whether they answer, and how to connect another one."""

import streamlit as st

from augenblick.core.errors import AugenblickError
from augenblick.ui import i18n, notices, tab_state
from augenblick.ui.admin import endpoints
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_beside

parts = services()
draw_beside(parts, title=i18n.t("page.endpoints"))

st.markdown(i18n.t("endpoints.intro"))
try:
    providers = parts.providers()
except AugenblickError as error:
    notices.show_failure(error.failure)
    st.stop()
ratings = endpoints.ratings(parts)
for provider in providers:
    endpoints.draw_provider(provider, parts, ratings)
endpoints.draw_local(parts)
endpoints.draw_connecting()
is_known = all(parts.models.state(provider).is_known for provider in providers)
if not is_known or parts.checks.running:
    tab_state.come_back_soon()
