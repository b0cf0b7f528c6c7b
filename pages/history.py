"""All conversations of this browser, to be searched, opened, renamed, pinned, deleted."""

from augenblick.ui import i18n, notices, tab_state
from augenblick.ui.history import conversation_list, delete_with_undo, entries, my_data
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_beside

parts = services()
draw_beside(parts, title=i18n.t("page.history"))

my_data.draw_cookie_notice(parts)
wanted = conversation_list.draw_search()
failure = tab_state.tab().failure
if failure is not None:
    notices.show_failure(failure)
lines, has_more = entries.find(parts, wanted, count=tab_state.tab().listed)
if lines:
    conversation_list.draw_list(lines, parts, has_more=has_more)
else:
    conversation_list.draw_nothing(wanted)
delete_with_undo.draw_undo(parts)
