"""Rules that a test file declares are forgotten after it."""

import pytest

import autodiff.rules_special  # noqa: F401  (loaded early, so that it is not forgotten)
from autodiff.table import RULES


@pytest.fixture(scope="module", autouse=True)
def forget_declared_rules():
    known = dict(RULES)
    yield
    RULES.clear()
    RULES.update(known)
