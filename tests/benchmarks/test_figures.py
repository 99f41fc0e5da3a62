"""Figures: labeled axes, and the numbers that are drawn."""

import io
import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks import figures


def curves():
    return np.array([[3.0, 2.0, 1.0], [5.0, 2.0, 1.0]])


def draw_learning_curve(ax=None):
    axes = figures.plot_learning_curve([1, 2, 3], curves(), label="loss", ax=ax)
    axes.set_ylabel("loss (nats)")
    return axes


def draw_v_curve(ax=None):
    steps = np.geomspace(1e-12, 1e-1, 12)
    errors = {"forward": steps, "complex step": np.zeros(12)}
    return figures.plot_v_curve(steps, errors, taylor=(1.0, 1.0, 1.0, 1.0), ax=ax)


def settings():
    """All rcParams but the backend, which resolves when it is first looked at."""
    return {key: value for key, value in mpl.rcParams.items() if key != "backend"}


@pytest.mark.parametrize("draw", [draw_learning_curve, draw_v_curve])
def test_a_plot_draws_labeled_axes_and_changes_no_global_setting(draw):
    before = settings()
    ax = Figure().subplots()
    assert draw(ax) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert draw().figure is not ax.figure
    draw().figure.savefig(io.BytesIO(), format="png")
    assert settings() == before


def test_a_learning_curve_of_several_seeds_is_their_mean_in_a_band():
    ax = draw_learning_curve()
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), [1, 2, 3])
    np.testing.assert_array_equal(line.get_ydata(), [4, 2, 1])
    (band,) = ax.collections
    top = band.get_paths()[0].vertices[:, 1].max()
    assert top == pytest.approx(4 + np.sqrt(2))


def test_a_learning_curve_of_one_seed_has_no_band():
    ax = figures.plot_learning_curve([1, 2, 3], curves()[0])
    assert not ax.collections


def test_an_error_of_zero_is_drawn_at_a_quarter_of_eps():
    points = [
        line for line in draw_v_curve().lines if line.get_label() == "complex step"
    ]
    np.testing.assert_array_equal(points[0].get_ydata(), 2.0**-54)


def test_importing_the_figures_does_not_import_pyplot():
    code = (
        "import sys, benchmarks.figures; sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
