"""What is stored about me: how much, for how long, to take along, to delete."""

from augenblick.ui import i18n, notices, tab_state
from augenblick.ui.history import my_data
from augenblick.ui.resources import services
from augenblick.ui.sidebar import draw_beside

parts = services()
draw_beside(parts, title=i18n.t("page.my_data"))

my_data.draw_cookie_notice(parts)
failure = tab_state.tab().failure
if failure is not None:
    notices.show_failure(failure)
my_data.draw_holdings(parts)
my_data.draw_promises(parts)
my_data.draw_shares(parts)
my_data.draw_taking(parts)
my_data.draw_deletion(parts)
