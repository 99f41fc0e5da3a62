"""BFGS and L-BFGS need about as many evaluations as SciPy's, or fewer."""

import pytest

from benchmarks.optimizers import evaluations
from benchmarks.optimizers.evaluations import (
    METHODS,
    TOLERANCE,
    Comparison,
    compare,
    sums,
)

MOST = {"BFGS": 0.8, "L-BFGS": 1.2}  # of SciPy's; found 0.66 and 0.97


@pytest.mark.parametrize("method", METHODS)
def test_evaluations_beside_scipy(method):
    rows = compare(method)
    assert len(rows) == 5
    for row in rows:
        assert row.gradient <= TOLERANCE
        assert row.gap < 1e-6
    ours, theirs = (
        sum(sum(getattr(row, s)) for row in rows) for s in ("ours", "theirs")
    )
    assert ours <= MOST[method] * theirs


def test_the_sums_add_up(monkeypatch):
    def short(method):
        rows = [("A", (1, 2), (4, 2)), ("B", (5, 5), (6, 4))]
        return [Comparison(method, *row, gap=0.0, gradient=0.0) for row in rows]

    monkeypatch.setattr(evaluations, "compare", short)
    assert sums("BFGS") == [("A", 3, 6), ("B", 10, 10), ("all five", 13, 16)]
