"""The experiment universal-approximation: what theory says of it, and a short run."""

import signal

import numpy as np
import pytest

from autodiff import grad, hessian, sigmoid
from benchmarks import experiment
from benchmarks.figures import new_axes
from benchmarks.universal_approximation import xor
from benchmarks.universal_approximation.networks import (
    RADIUS,
    SLOPE,
    STEEPNESS,
    TARGETS,
    bound_of_barron,
    built,
    bump,
    fitted,
    law_of_the_step,
    laws_of_the_sine,
    modulus_of_the_sine,
    random_units,
    trained,
)
from models import MLP, Dense

ua = experiment.load("universal-approximation")
SINE, STEP = TARGETS["sine"], TARGETS["step"]


# What theory says.


@pytest.mark.parametrize("m", [10, 40, 160])
def test_the_staircase_has_the_errors_of_its_laws(m):
    largest, rms = laws_of_the_sine()
    assert SINE.errors(built(SINE, m)) == pytest.approx(
        (largest / m, rms / m), rel=0.1 / m
    )
    assert SINE.errors(built(SINE, m))[0] < modulus_of_the_sine(1 / m)
    sup, rms = STEP.errors(built(STEP, m))
    assert sup == pytest.approx(1, abs=1e-8)
    assert rms == pytest.approx(law_of_the_step(m), rel=0.01)


def test_the_laws_of_the_sine_are_the_extreme_and_the_mean_of_g():
    u = np.linspace(-0.5, 0.5, 200_001)
    g = u + 0.5 - sigmoid(STEEPNESS * u)
    largest, rms = laws_of_the_sine()
    assert largest == pytest.approx(2 * np.pi * np.max(g), rel=1e-8)
    assert rms == pytest.approx(2 * np.pi * np.sqrt(np.mean(g**2) / 2), rel=1e-4)


def test_the_modulus_of_the_sine_is_its_largest_change():
    x = np.linspace(0, 1, 2001)
    values = SINE.F(x)
    for shift in (1, 20, 250, 1000):
        largest = np.max(values[: len(x) - shift] - values[shift:])
        assert largest == pytest.approx(modulus_of_the_sine(shift / 2000), rel=1e-5)


def test_barrons_constant_is_that_of_the_bump():
    """F(x) = E cos w.(x - center), w normal; C = E |w|_1 / 2 in 2 C / m^(1/2)."""
    w = np.random.default_rng(0).normal(size=(400_000, 2)) / RADIUS
    x = np.array([[0.5, 0.5], [0.6, 0.45], [0.2, 0.7]])
    waves = np.cos((x - 0.5) @ w.T)
    np.testing.assert_allclose(waves.mean(axis=1), bump(x)[:, 0], atol=0.01)
    C = np.mean(np.sum(abs(w), axis=1)) / 2
    assert bound_of_barron(16) == pytest.approx(2 * C / 4, rel=0.01)


# Networks and their errors.


def test_errors_are_the_largest_and_the_root_mean_square():
    constant = MLP([Dense(np.zeros((1, 1)), np.array([0.25]))])
    sup, rms = SINE.errors(constant)
    assert sup == pytest.approx(1.25)
    assert rms == pytest.approx(np.sqrt(0.5 + 0.25**2), rel=1e-4)


def test_the_step_is_judged_on_both_sides_of_its_jump():
    """However steep: between 1/2 and the next number only F can jump."""
    for rate in (1e2, 1e6, 1e12):
        for center in (0.4999, 0.5, 0.50001):
            hidden = Dense(np.array([[rate]]), np.array([-rate * center]), "sigmoid")
            assert STEP.errors(MLP([hidden]))[0] >= 0.5 - rate * 1e-16


def test_random_units_have_their_centers_in_the_cube():
    """On the line the center of a unit is where w x + b = 0."""
    units = random_units(1, 1000, np.random.default_rng(0))
    centers = -units.bias / units.weights[0]
    assert np.min(centers) >= -1e-12
    assert np.max(centers) <= 1 + 1e-12
    assert np.std(units.weights) == pytest.approx(SLOPE, rel=0.1)


@pytest.mark.parametrize("name", TARGETS)
def test_fitted_weights_are_those_of_least_squares(name):
    target = TARGETS[name]
    units = random_units(target.dimension, 8, np.random.default_rng(1))
    network = fitted(target, units)
    rest = network(target.learned) - target.F(target.learned)
    assert np.max(abs(units(target.learned).T @ rest)) < 1e-9
    assert abs(np.mean(rest)) < 1e-12


def test_training_moves_all_weights_and_not_the_units_that_it_began_with():
    rng = np.random.default_rng(2)
    units = random_units(1, 4, rng)
    before = units.weights.copy()
    network = trained(SINE, units, rng=rng, steps=30)
    np.testing.assert_array_equal(units.weights, before)
    assert np.all(network.layers[0].weights != before)
    assert SINE.errors(network)[1] < 0.2


# XOR.


def test_no_line_does_better_than_log_2():
    """The loss is convex, and zero weights are where its gradient vanishes."""

    def loss(theta):
        line = xor.Lines(theta[:2].reshape(1, 2, 1), theta[2:].reshape(1, 1, 1))
        return xor.cross_entropies(line)[0]

    assert loss(np.zeros(3)) == pytest.approx(np.log(2), rel=1e-15)
    np.testing.assert_allclose(grad(loss)(np.zeros(3)), 0, atol=1e-16)
    for theta in np.random.default_rng(0).normal(size=(20, 3)):
        assert np.linalg.eigvalsh(hessian(loss)(theta)).min() > 0
        assert loss(theta) > np.log(2)
    lines = xor.create(2000, 0, np.random.default_rng(1))
    assert xor.most_points_right(lines) == 0.75


def network_of(*arrays):
    """One network for XOR from plain lists."""
    shapes = [(1, 2, -1), (1, 1, -1), (1, -1, 1), (1, 1, 1)]
    arrays = [
        np.reshape(a, s).astype(float) for a, s in zip(arrays, shapes, strict=True)
    ]
    return xor.Networks(*arrays)


def test_two_units_solve_xor_and_one_comes_as_close_as_three_confused():
    """OR and AND as steep steps; then a step that sets (0, 0) apart."""
    two = network_of([[20, 20], [20, 20]], [-10, -30], [10, -10], -10)
    assert xor.cross_entropies(two)[0] < 1e-3
    assert xor.most_points_right(two) == 1
    height = np.log(2) / 2 + 5  # p = 2/3 for three points, and almost 0 for one
    one = network_of([[20], [20]], [-10], [height], np.log(2) - height)
    assert xor.cross_entropies(one)[0] == pytest.approx(xor.THREE, abs=1e-4)
    many = xor.create(2000, 1, np.random.default_rng(0))
    assert np.min(xor.cross_entropies(many)) > xor.THREE


def test_plateaus_are_entropies_of_mean_labels():
    """Each confused group has the logit of its mean label; the others are certain."""

    def entropy(p):
        return -p * np.log(p) - (1 - p) * np.log(1 - p)

    heights = [entropy(1 / 2), 3 / 4 * entropy(1 / 3), 2 / 4 * entropy(1 / 2)]
    assert list(xor.PLATEAUS.values()) == pytest.approx(heights)


def test_models_side_by_side_train_as_each_alone(monkeypatch):
    monkeypatch.setattr(xor, "STEPS", 20)
    together = xor.create(5, 2, np.random.default_rng(0))
    arrays = vars(together)
    alone = xor.Networks(**{key: a[3:4].copy() for key, a in arrays.items()})
    losses = xor.train(together, 1)
    assert losses.shape == (5, 5)
    np.testing.assert_allclose(losses[:, 3:4], xor.train(alone, 1), rtol=1e-12)
    assert losses[-1].sum() < losses[0].sum()


def test_unsolved_losses_are_measured_from_the_nearest_plateau():
    losses = {m: np.array([[9.0] * 3, [0.01, xor.ALL, xor.TWO]]) for m in xor.WIDTHS}
    assert xor.farthest_from_plateau(losses) == 0
    assert xor.fractions(losses) == pytest.approx([1 / 3] * len(xor.WIDTHS))
    losses[8][-1] = [0.01, xor.THREE + 0.02, xor.TWO - 0.03]
    assert xor.farthest_from_plateau(losses) == pytest.approx(0.03)
    solved = {m: np.zeros((2, 3)) for m in xor.WIDTHS}
    assert xor.farthest_from_plateau(solved) == 0


# A run, shortened.


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(ua, "RESTARTS", {"quick": 2, "full": 2})
    monkeypatch.setattr(ua, "STEPS", {"quick": 3, "full": 3})
    monkeypatch.setattr(xor, "STEPS", 20)
    monkeypatch.setattr(xor, "NETWORKS", 10)


def test_a_run_measures_what_it_draws(short):
    result = ua.run(0, "quick")
    values = {metric.name: metric.value for metric in result.metrics}
    assert len(values) == len(result.metrics) == 18
    held = [metric for metric in result.metrics if "trained" not in metric.name]
    exact = [metric for metric in held if "XOR" not in metric.name]
    assert [metric.complaint(metric.value) for metric in exact] == [None] * len(exact)

    errors = result.series["errors"]
    assert errors["sine"]["built"].shape == (5, 3, 2)
    assert set(errors["bump"]) == {"fitted", "trained"}
    low, median, high = errors["sine"]["trained"][3, :, 0]
    assert low < median < high
    name = "sine, 8 units trained: largest error, best restart"
    assert values[name] == low
    fractions = dict(zip(xor.WIDTHS, result.series["fractions"], strict=True))
    assert (
        values["XOR, 8 hidden units: fraction of starts that solve it"] == fractions[8]
    )

    assert [figure.name for figure in result.figures] == [
        "error against width",
        "fits",
        "bump",
        "XOR",
    ]
    for figure in result.figures:
        assert "seed 0" in figure.caption.lower()
    [table] = result.tables
    assert table.rows[0][:5] == ["sine", "built", "10", "40", "160"]
    assert [row[2:] for row in table.rows if row[0] == "step"] == [["-"] * 5] * 3

    drawn = ua.picture({key: [value] * 2 for key, value in result.series.items()})
    assert len(drawn.figure.axes) == 4


def test_bars_run_from_the_lowest_to_the_highest():
    found = np.array([[[1.0, 0.1], [2.0, 0.2], [8.0, 0.8]]])
    ax = ua.draw_errors("bump", ua.SUP, {"fitted": [4]}, {"fitted": found}, new_axes())
    [(line, _, [bars])] = ax.containers
    assert line.get_xydata().tolist() == [[4, 2]]
    assert bars.get_segments()[0].tolist() == [[4, 1], [4, 8]]


def test_an_interrupted_training_is_no_result(short, monkeypatch):
    calls = []
    cross_entropies = xor.cross_entropies

    def press(models):
        calls.append("loss")
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return cross_entropies(models)

    monkeypatch.setattr(xor, "cross_entropies", press)
    with pytest.raises(KeyboardInterrupt):
        xor.train(xor.create(2, 2, np.random.default_rng(0)), 1)
    assert len(calls) == 3  # the step in which the key was pressed came to its end
