"""The button that copies an answer."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


@pytest.mark.parametrize("identity", ["plain", "_first", "in__side", "last_"])
def test_every_id_of_a_message_will_do(identity: str) -> None:
    """Ids are random and may hold any run of underlines; the page must not break."""
    page = AppTest.from_string(
        "from augenblick.ui.copy_button import copy_button\n"
        f"copy_button('text', key='copy_{identity}')\n"
    )

    page.run(timeout=30)

    assert not page.exception
