"""What a target takes and refuses, and how its functions are called."""

import numpy as np
import pytest
from numba import njit

from samplers.gaussian import gaussian_target
from samplers.kernel import kernel
from samplers.langevin import take_steps
from samplers.points import as_called, require_points
from samplers.target import Target


def score(x, out, stiffness):
    for j in range(x.shape[1]):
        for i in range(len(x)):
            out[i, j] = -stiffness * x[i, j]


def energy(x, out, stiffness):
    for i in range(len(x)):
        out[i] = 0
        for j in range(x.shape[1]):
            out[i] += stiffness * x[i, j] ** 2 / 2


X = np.array([[1.0, -2.0], [0.5, 0.0], [3.0, 4.0]])


@pytest.mark.exact
@pytest.mark.parametrize("compile_", [lambda f: f, njit, kernel])
def test_functions_compiled_or_not(compile_):
    target = Target(compile_(score), 2, compile_(energy), (2.0,))
    assert np.array_equal(target.score_at(X), -2 * X)
    assert target.energy_at(X).tolist() == [5.0, 0.25, 25.0]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float32", float])
def test_points_are_taken_in_the_dtype(dtype):
    target = Target(score, 2, energy, (np.dtype(dtype).type(3),), dtype)
    assert target.dtype == np.dtype(dtype)
    for x in (X, X.tolist(), np.asfortranarray(X), X.astype(np.float32), X[::-1]):
        found = require_points(x, 2, dtype)
        assert found.dtype == dtype
        assert found.flags.c_contiguous
        assert not np.shares_memory(found, x)
        assert target.score_at(x).dtype == target.energy_at(x).dtype == dtype
    assert np.array_equal(target.score_at(X), -3 * X)


def test_functions_see_columns_and_what_they_may_change():
    """x is a copy, x and out lie coordinate by coordinate, and out is nan at first."""

    def curious(x, out):
        assert x.flags.f_contiguous
        assert out.flags.f_contiguous
        assert out.shape == x.shape
        assert np.isnan(out).all()
        out[:] = 1
        x[:] = 0

    x = X.copy()
    assert np.array_equal(Target(curious, 2).score_at(x), np.ones((3, 2)))
    assert np.array_equal(x, X)


def test_an_infinite_energy_stands_for_no_density():
    def wall(x, out):
        out[:] = np.where(x[:, 0] > 1, np.inf, 0)

    assert Target(score, 2, wall).energy_at(X).tolist() == [0.0, 0.0, np.inf]


def returns(x, out, *params):
    return -x


def half(x, out, *params):
    out[: len(x) // 2 + 1] = 0


def leaves(value):
    """Return a function that leaves zeros, and one other number."""

    def function(x, out, *params):
        out[:] = 0
        out[-1:] = value

    return function


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (returns, r"score left nan in 6 of 6 numbers, first at x = \[ ?1. -2.\]; "),
        (half, r"score left nan in 2 of 6 numbers, first at x = \[3. 4.\]; "),
        (
            leaves(np.nan),
            r"in 2 of 6 .* score\(x, out, \*params\) writes into out, of ",
        ),
        (leaves(np.inf), r"score left inf .* of shape \(3, 2\), and what it returns"),
        (leaves(-np.inf), "score left -inf"),
    ],
)
def test_scores_that_are_none(function, words):
    with pytest.raises(ValueError, match=words):
        Target(function, 2).score_at(X)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (returns, r"energy left nan in 3 of 3 numbers, first at x = \[ ?1. -2.\]; "),
        (half, r"energy left nan in 1 of 3 .* energy\(x, out, \*params\) writes"),
        (leaves(np.nan), r"of shape \(3,\), and what it returns is not looked at"),
        (leaves(-np.inf), "energy left -inf in 1 of 3"),
    ],
)
def test_energies_that_are_none(function, words):
    with pytest.raises(ValueError, match=words):
        Target(score, 2, function).energy_at(X)


def test_a_target_without_energy():
    with pytest.raises(ValueError, match=r"no energy, .* write Target\(score, dim"):
        Target(score, 2, params=(1.0,)).energy_at(X)


@pytest.mark.parametrize("x", [X[0], X.T, X[:0], X[None], 1.0, X[:, :1]])
def test_points_of_another_shape(x):
    for function in (Target(score, 2).score_at, Target(score, 2, energy).energy_at):
        with pytest.raises(
            ValueError, match=r"it is \(chain, 2\), .* x\[np\.newaxis\]"
        ):
            function(x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_points_that_are_not_finite(bad):
    target = Target(score, 2, dtype=np.float32)
    with pytest.raises(ValueError, match=r"nan or infinity in float32, .* rows out"):
        target.score_at([[0.0, 1.0], [bad, 0.0]])


@pytest.mark.parametrize("dimension", [0, -1, 2.0, "2", None])
def test_refused_dimensions(dimension):
    with pytest.raises(ValueError, match=r"dimension is .* at least one coordinate"):
        Target(score, dimension)


@pytest.mark.parametrize("dtype", [np.float16, np.int64, complex, bool])
def test_refused_dtypes(dtype):
    with pytest.raises(TypeError, match=r"compute in np\.float32 or np\.float64"):
        Target(score, 2, dtype=dtype)


@pytest.mark.parametrize("params", [2.0, [2.0], np.ones(3)])
def test_refused_params(params):
    with pytest.raises(TypeError, match=r"is a tuple, .* write params=\(number,\)"):
        Target(score, 2, params=params)


def test_loops_call_what_is_compiled_and_are_plain_otherwise():
    plain = getattr(take_steps, "py_func", take_steps)
    compiled = gaussian_target([0.0], [[1.0]])
    assert as_called(take_steps, compiled.score, compiled.energy) is take_steps
    assert as_called(take_steps, score) is plain
    assert as_called(take_steps, compiled.score, energy) is plain
    assert as_called(plain, score) is plain
