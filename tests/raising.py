"""`pytest.raises` for one error out of `core.errors`, by its code."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from augenblick.core.errors import ERRORS, AugenblickError


def raises(
    code: str, *, match: str | None = None
) -> AbstractContextManager[pytest.ExceptionInfo[AugenblickError]]:
    """The block has to end with this error."""
    return pytest.raises(ERRORS[code].kind, match=match, check=lambda error: error.code == code)
