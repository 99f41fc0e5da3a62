"""The experiment on optimizers: its theory, its paths, and the rates that it states."""

import numpy as np
import pytest

from benchmarks import record
from benchmarks.experiments import optimizers
from benchmarks.experiments.optimizers import DIVERGED, METHODS, STEPS, train
from benchmarks.optimizers.descents import (
    AXES,
    CONTRACTIONS,
    EIGENVALUES,
    RAVINE,
    ROSENBROCK,
    ROSENBROCK_START,
    SOLVED,
    START,
    Path,
    closed_form,
    descend,
    ravine,
)
from benchmarks.optimizers.evaluations import rosenbrock
from optim import BFGS, LBFGS, SGD, Adam, NonFiniteError


def test_the_functions_are_what_their_names_say():
    rng = np.random.default_rng(0)
    H = AXES * EIGENVALUES @ AXES.T
    points = rng.standard_normal((2, 5))
    expected = [p @ H @ p / 2 for p in points.T]
    np.testing.assert_allclose(ravine(points), expected, rtol=1e-14)
    assert rosenbrock(np.ones(2)) == 0
    assert rosenbrock(ROSENBROCK_START) == pytest.approx(24.2, rel=1e-15)


@pytest.mark.parametrize("name", CONTRACTIONS)
def test_the_closed_form_falls_at_the_stated_rate(name):
    """Detects a wrong matrix, rate or contraction of 0.02 %.

    After k steps a double root leaves a factor linear in k, which its ratio tells.
    """
    k = 400
    distance = np.linalg.norm(closed_form(name, 2 * k), axis=1)
    slope = (distance[2 * k] / distance[k]) ** (1 / k)
    expected = CONTRACTIONS[name] * (1 if name == "SGD" else 2 ** (1 / k))
    assert slope == pytest.approx(expected, rel=2e-4)


@pytest.mark.parametrize("name", CONTRACTIONS)
def test_a_wrong_rate_leaves_the_closed_form(name):
    optimizer = RAVINE[name]()
    optimizer.learning_rate *= 1 + 1e-6
    points = descend(ravine, START, optimizer, 100).points
    size = CONTRACTIONS[name] ** np.arange(101)
    error = np.linalg.norm(points - closed_form(name, 100), axis=1) / size
    assert error.max() > 1e-6


def score(path):
    """Return how good a path is: solved soon, or at least low at the end."""
    return path.solved(SOLVED) or np.inf, path.values[-1]


@pytest.mark.parametrize("name", sorted(ROSENBROCK.keys() - {"BFGS", "L-BFGS"}))
def test_the_rate_in_the_valley_is_the_best_of_four_a_decade(name):
    scores = []
    for exponent in (-0.25, 0, 0.25):
        optimizer = ROSENBROCK[name]()
        optimizer.learning_rate *= 10**exponent
        with np.errstate(all="ignore"):
            try:
                path = descend(rosenbrock, ROSENBROCK_START, optimizer, 3000, SOLVED)
            except NonFiniteError:
                scores.append((np.inf, np.inf))
            else:
                scores.append(score(path))
    assert scores[1] == min(scores)


def test_a_path_ends_below_the_target_and_counts_its_gradients():
    path = descend(ravine, START, SGD(0.01), 1000, target=1.0)
    assert path.values[-1] < 1.0 <= path.values[-2]
    assert path.solved(1.0) == len(path.points) - 1 == path.evaluations[-1]
    assert path.solved(0.0) is None
    np.testing.assert_allclose(path.values, ravine(path.points.T))


@pytest.mark.parametrize("make", [BFGS, LBFGS])
def test_a_batch_method_counts_the_gradients_of_its_line_searches(make):
    path = descend(rosenbrock, ROSENBROCK_START, make(), 100, target=1e-8)
    assert path.evaluations[-1] > len(path.points) - 1
    assert path.values[-1] < 1e-8


def test_no_path_is_solved_before_it_starts():
    path = Path(np.zeros((1, 2)), np.array([1.0]), np.array([0]))
    assert path.solved(1e-8) is None


def test_a_training_that_diverges_is_kept_as_such():
    training = train(Adam, 1e6, seed=0)
    assert len(training.curve) == STEPS // optimizers.EVERY
    assert training.validation == DIVERGED


def test_the_stated_rates_are_the_best_of_the_record():
    """The rates were chosen by the validation loss: the record must say the same."""
    kept = record.read("optimizers")
    for name, (_, rate) in METHODS.items():
        runs = [run[name] for run in kept["series"]["rates"]]
        mean = np.mean([run["loss"] for run in runs], axis=0)
        assert runs[0]["rate"][int(np.argmin(mean))] == pytest.approx(rate), name
