"""BFGS and L-BFGS: their updates against dense formulas, and why they stop."""

import copy
import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import optim.quasi_newton
from autodiff import relu, value_and_grad
from optim.bfgs import BFGS, congruent
from optim.finite import NonFiniteError
from optim.lbfgs import LBFGS, reference_two_loops, two_loops
from optim.line_search import WOLFE, strong_wolfe
from optim.quasi_newton import products

METHODS = [BFGS, LBFGS]
EXACT = {"c1": 1e-10, "c2": 1e-9}
seeds = st.integers(0, 2**32)


def definite(rng, n, condition=1e3):
    """A random symmetric matrix with eigenvalues from 1 to `condition`."""
    axes = np.linalg.qr(rng.normal(size=(n, n)))[0]
    A = axes * np.geomspace(1, condition, n) @ axes.T
    return (A + A.T) / 2


def make_pairs(rng, n, count):
    """Pairs with s^T y > 0, as rows: a curvature that varies from pair to pair."""
    s = rng.normal(size=(count, n))
    return s, np.array([definite(rng, n, 100) @ each for each in s])


def dense(H, pairs):
    """H after BFGS updates by pairs, with V and V^T written out."""
    for s, y in pairs:
        V = np.eye(len(s)) - np.outer(s, y) / (s @ y)
        H = V @ H @ V.T + np.outer(s, s) / (s @ y)
    return H


def taught(method, s, y, g):
    """An optimizer at a gradient g, after it has been given pairs."""
    method.gradient = g
    for each in zip(s, y, strict=True):
        method.learn(*each, each[0] @ each[1], each[1] @ each[1])
    return method


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def quadratic(A, b=0.0):
    return lambda x: (x @ A @ x / 2 - np.sum(b * x), A @ x - b)


def run(optimizer, objective, x, most=1000):
    """Take steps until the optimizer stops, and return the points on the way."""
    path = [x.copy()]
    while optimizer.stopped is None and len(path) <= most:
        optimizer.step(objective, x)
        path.append(x.copy())
    return path


@given(seeds, st.integers(1, 12), st.integers(1, 20), st.integers(1, 6))
def test_two_loops_are_the_dense_formula_of_the_last_pairs(seed, n, count, memory):
    rng = np.random.default_rng(seed)
    s, y = make_pairs(rng, n, count)
    g = rng.normal(size=n)
    method = taught(LBFGS(memory), s, y, g)
    kept = list(zip(s, y, strict=True))[-memory:]
    gamma = s[-1] @ y[-1] / (y[-1] @ y[-1])
    expected = -dense(gamma * np.eye(n), kept) @ g
    scale = 1e-9 * np.linalg.norm(expected)
    np.testing.assert_allclose(method.direction(), expected, rtol=1e-9, atol=scale)


@pytest.mark.parametrize("pairs", [1, 3, 4, 5, 9])
def test_the_kernel_equals_the_plain_lines(pairs):
    rng = np.random.default_rng(pairs)
    s, y = make_pairs(rng, 100, 4)
    sy = np.sum(s * y, axis=1)
    g = rng.normal(size=100)
    g.flags.writeable = False
    arguments = g, s, y, sy, pairs, 0.3
    plain = reference_two_loops(*arguments)
    undecorated = getattr(two_loops, "py_func", two_loops)
    for found in (two_loops(*arguments), undecorated(*arguments)):
        np.testing.assert_allclose(found, plain, rtol=1e-11, atol=1e-12)


def test_products():
    s, y = np.random.default_rng(0).normal(size=(2, 1000))
    for found in (products, getattr(products, "py_func", products)):
        np.testing.assert_allclose(found(s, y), (s @ s, s @ y, y @ y), rtol=1e-13)


@given(seeds, st.integers(1, 12))
def test_the_update_of_a_symmetric_matrix(seed, n):
    rng = np.random.default_rng(seed)
    H, (s, y) = definite(rng, n), (each[0] for each in make_pairs(rng, n, 1))
    V = np.eye(n) - np.outer(s, y) / (s @ y)
    found = congruent(H, s, y, s @ y)
    assert np.array_equal(found, found.T)
    expected = V @ H @ V.T
    scale = 1e-12 * (1 + np.linalg.norm(V, 2) ** 2) * np.linalg.norm(H, 2)
    np.testing.assert_allclose(found, expected, rtol=0, atol=scale)


@given(seeds, st.integers(1, 8), st.integers(1, 12))
def test_bfgs_is_the_dense_formula_from_the_largest_gamma(seed, n, count):
    rng = np.random.default_rng(seed)
    s, y = make_pairs(rng, n, count)
    method = taught(BFGS(), s, y, rng.normal(size=n))
    gamma = np.max(np.sum(s * y, axis=1) / np.sum(y * y, axis=1))
    expected = dense(gamma * np.eye(n), zip(s, y, strict=True))
    H = method.inverse_hessian()
    atol = 1e-9 * np.linalg.norm(expected)
    np.testing.assert_allclose(H, expected, rtol=0, atol=atol)
    np.testing.assert_allclose(
        method.direction(), -H @ method.gradient, rtol=0, atol=1e2 * atol
    )


def test_without_a_pair_the_matrix_is_gamma_times_the_identity():
    method = BFGS()
    method.gradient, method.scale = np.array([1.0, -2.0]), 0.5
    assert np.array_equal(method.inverse_hessian(), [[0.5, 0], [0, 0.5]])
    assert np.array_equal(method.direction(), [-0.5, 1])


@given(seeds, st.integers(1, 8), st.integers(1, 12))
def test_secant_equation_and_positive_definiteness(seed, n, count):
    rng = np.random.default_rng(seed)
    s, y = make_pairs(rng, n, count)
    H = taught(BFGS(), s, y, np.zeros(n)).inverse_hessian()
    np.testing.assert_allclose(H @ y[-1], s[-1], rtol=1e-7, atol=1e-7)
    assert np.array_equal(H, H.T)
    assert np.linalg.eigvalsh(H).min() > 0


@given(seeds, st.integers(2, 6))
def test_the_update_is_the_nearest_that_satisfies_the_secant_equation(seed, n):
    # The distance is |W^(1/2) (H' - H) W^(1/2)|_F for any W with W s = y.
    rng = np.random.default_rng(seed)
    W, H, s = definite(rng, n, 10), definite(rng, n, 10), rng.normal(size=n)
    y = W @ s
    updated = dense(H, [(s, y)])
    away = rng.normal(size=(n, n))
    away = away + away.T
    flat = np.eye(n) - np.outer(y, y) / (y @ y)
    other = updated + flat @ away @ flat  # as symmetric, and other @ y = s
    np.testing.assert_allclose(other @ y, s, atol=1e-9)

    def distance(to):
        return np.trace((to - H) @ W @ (to - H) @ W)

    assert distance(updated) < distance(other)


@pytest.mark.parametrize("method", [BFGS(**EXACT), LBFGS(8, **EXACT)])
def test_exact_searches_on_a_quadratic_are_conjugate_gradients(method):
    rng = np.random.default_rng(0)
    A, x = definite(rng, 8, 100), rng.normal(size=8)
    path, g = [x.copy()], A @ x
    d = -g
    for _ in range(8):  # Hestenes and Stiefel
        path.append(path[-1] + (g @ g) / (d @ A @ d) * d)
        g, before = A @ path[-1], g
        d = -g + (g @ g) / (before @ before) * d
    found = run(method, quadratic(A), x)
    assert len(found) == 9
    np.testing.assert_allclose(found, path, atol=1e-7)


def test_with_room_for_all_pairs_both_see_the_same_curvature():
    rng = np.random.default_rng(1)
    A, x = definite(rng, 6, 30), rng.normal(size=6)
    paths = [
        run(method, quadratic(A), x.copy())
        for method in (BFGS(**EXACT), LBFGS(6, **EXACT))
    ]
    np.testing.assert_allclose(*paths, atol=1e-8)


@pytest.mark.parametrize("make", METHODS)
def test_rotations_and_units_of_the_value_do_not_matter(make):
    rng = np.random.default_rng(2)
    Q = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    x = rng.normal(size=4)
    objective = value_and_grad(rosenbrock)

    def turned(z):
        value, g = objective(Q @ z)
        return 2.0**20 * value, 2.0**20 * Q.T @ g

    z, straight, other = Q.T @ x, make(), make()
    for _ in range(12):
        value = straight.step(objective, x)
        assert other.step(turned, z) == pytest.approx(2.0**20 * value, rel=1e-6)
        np.testing.assert_allclose(Q @ z, x, rtol=1e-6)
    assert other.evaluations == straight.evaluations


def test_bfgs_does_not_see_a_linear_change_of_variables():
    rng = np.random.default_rng(3)
    B, shift, start = rng.normal(size=(4, 4)), rng.normal(size=4), rng.normal(size=4)
    objective = value_and_grad(rosenbrock)

    def changed(z):
        value, g = objective(B @ z + shift)
        return value, B.T @ g

    x, z = start.copy(), np.linalg.solve(B, start - shift)
    straight, other = BFGS(), BFGS()
    H, inverse = 1e-3 * definite(rng, 4, 10), np.linalg.inv(B)
    for method, first in ((straight, H), (other, inverse @ H @ inverse.T)):
        method.learned, method.remainder = first, np.zeros((4, 4))
    for _ in range(12):
        value = straight.step(objective, x)
        assert other.step(changed, z) == pytest.approx(value, rel=1e-6)
        np.testing.assert_allclose(B @ z + shift, x, rtol=1e-6)


def observed(monkeypatch):
    """The searches from now on: (phi(0), slope, c1, c2, point, outcome, trials)."""
    seen = []

    def watched(phi, value, slope, *, c1, c2, resolution):
        trials = []

        def told(alpha):
            trials.append((alpha, *phi(alpha)))
            return trials[-1][1:]

        found = strong_wolfe(told, value, slope, c1=c1, c2=c2, resolution=resolution)
        seen.append((value, slope, c1, c2, *found, trials))
        return found

    monkeypatch.setattr(optim.quasi_newton, "strong_wolfe", watched)
    return seen


@pytest.mark.parametrize("make", METHODS)
@pytest.mark.parametrize("seed", range(4))
def test_every_accepted_step_satisfies_the_wolfe_conditions(make, seed, monkeypatch):
    seen = observed(monkeypatch)
    rng = np.random.default_rng(seed)
    A = rng.normal(size=(30, 6))

    def loss(x):
        return np.mean(np.sqrt(1 + (A @ x - 1) ** 2)) + np.sum(np.cos(x)) / 10

    x = 3 * rng.normal(size=6)
    optimizer = make()
    path = run(optimizer, value_and_grad(loss), x)
    assert optimizer.stopped == "gradient below tolerance"
    assert len(seen) == optimizer.steps == len(path) - 1
    for value, slope, c1, c2, point, outcome, _ in seen:
        assert outcome == WOLFE
        assert point.value <= value + c1 * point.step * slope
        assert abs(point.slope) <= c2 * abs(slope)
        assert slope < 0
    values = [value for value, *_ in seen]
    assert values == sorted(values, reverse=True)
    assert optimizer.evaluations == 1 + sum(len(trials) for *_, trials in seen)
    assert optimizer.evaluations <= 1.6 * optimizer.steps


@pytest.mark.parametrize("make", METHODS)
def test_no_point_is_evaluated_twice(make):
    points = []

    def objective(x):
        points.append(tuple(x))
        return value_and_grad(rosenbrock)(x)

    x = np.array([-1.2, 1.0])
    optimizer = make()
    path = run(optimizer, objective, x)
    assert len(points) == len(set(points)) == optimizer.evaluations
    assert points[0] == tuple(path[0])
    for x in path:
        assert tuple(x) in points
    assert optimizer.value == rosenbrock(path[-1])
    assert np.array_equal(optimizer.gradient, value_and_grad(rosenbrock)(path[-1])[1])
    assert optimizer.gradient_norm == np.max(np.abs(optimizer.gradient))


@pytest.mark.parametrize("make", METHODS)
def test_parameters_changed_from_outside_are_noticed(make):
    points = []

    def objective(x):
        points.append(x.copy())
        return value_and_grad(rosenbrock)(x)

    x = np.array([-1.2, 1.0])
    optimizer = make()
    for _ in range(5):
        optimizer.step(objective, x)
    x += 0.5
    moved, count = x.copy(), len(points)
    value = optimizer.step(objective, x)
    assert np.array_equal(points[count], moved)
    assert value == rosenbrock(x) < rosenbrock(moved)
    run(optimizer, objective, x)
    np.testing.assert_allclose(x, 1, atol=1e-4)


@dataclass(eq=False)
class Mixed:
    matrix: np.ndarray
    half: np.ndarray
    bias: np.ndarray
    name: str = "mixed"


def test_a_model_of_many_arrays_moves_like_one_vector():
    A = definite(np.random.default_rng(4), 11, 50)

    def loss(model):
        parts = np.ravel(model.matrix), model.half, np.reshape(model.bias, 1)
        x = np.concatenate(parts) - 1
        return x @ A @ x / 2

    storage = np.zeros((3, 4))
    model = Mixed(storage[:, ::2], np.zeros(8)[::2], np.zeros(()))
    arrays = model.matrix, model.half, model.bias
    optimizer, vector, other = LBFGS(), np.zeros(11), LBFGS()
    whole = quadratic(A, A @ np.ones(11))
    for _ in range(10):
        optimizer.step(value_and_grad(loss), model)
        other.step(whole, vector)
    assert arrays == (model.matrix, model.half, model.bias)
    found = np.concatenate([model.matrix.ravel(), model.half, [model.bias]])
    np.testing.assert_allclose(found, vector, rtol=1e-9)
    assert np.all(storage[:, 1::2] == 0)


@pytest.mark.parametrize("make", METHODS)
def test_float32_comes_as_low_as_rounding_lets_it(make, monkeypatch):
    seen = observed(monkeypatch)
    rng = np.random.default_rng(5)
    A = definite(rng, 6, 100).astype(np.float32)

    def loss(model):
        x = model["x"] - np.float32(1)
        return np.float32(3) + x @ A @ x

    model = {"x": np.zeros(6, np.float32)}
    optimizer = make(gradient_tolerance=0.0)
    while optimizer.stopped is None:
        optimizer.step(value_and_grad(loss), model)
    assert optimizer.stopped in ("no lower point found", "step too small")
    assert model["x"].dtype == np.float32
    assert optimizer.value == float(loss(model)) == pytest.approx(3, abs=1e-6)
    assert np.max(np.abs(model["x"] - 1)) < 1e-3
    assert optimizer.parameters.dtype == optimizer.gradient.dtype == np.float64
    assert np.array_equal(optimizer.parameters, model["x"])
    assert optimizer.evaluations < 60
    assert len(seen[-1][-1]) < 10  # the last search gives up soon


def test_zero_gradient_at_the_start():
    x = np.ones(2)
    for make in METHODS:
        optimizer = make()
        assert optimizer.step(value_and_grad(rosenbrock), x) == 0
        assert optimizer.stopped == "gradient below tolerance"
        assert (optimizer.steps, optimizer.evaluations) == (0, 1)
        assert optimizer.step(value_and_grad(rosenbrock), x) == 0
        assert optimizer.evaluations == 1


@pytest.mark.parametrize("make", METHODS)
def test_a_flat_function_stops_cleanly(make):
    x, optimizer = np.ones(3), make(gradient_tolerance=0.0)
    optimizer.step(lambda x: (2.0, np.zeros(3)), x)
    assert optimizer.stopped == "gradient below tolerance"
    x, optimizer = np.ones(3), make()
    optimizer.step(lambda x: (2.0, np.full(3, 1e-3)), x)  # its gradient is wrong
    assert optimizer.stopped == "no lower point found"
    assert np.array_equal(x, np.ones(3))
    assert optimizer.steps == 0


@pytest.mark.parametrize("make", METHODS)
def test_a_small_decrease_ends_the_descent_if_asked(make):
    ends = []
    for tolerance in (1e-2, 1e-5):
        x, values = np.array([-1.2, 1.0]), []
        optimizer = make(gradient_tolerance=0.0, decrease_tolerance=tolerance)
        objective = value_and_grad(lambda x: 1 + rosenbrock(x))
        while optimizer.stopped is None:
            values.append(optimizer.step(objective, x))
        assert optimizer.stopped == "decrease below tolerance"
        falls = -np.diff(values) / values[:-1]
        assert np.all(falls[:-1] > tolerance)
        assert 0 < falls[-1] <= tolerance
        ends.append(optimizer.steps)
    assert ends[0] < ends[1]


@pytest.mark.parametrize("make", METHODS)
def test_the_noise_floor_of_float64(make):
    x, optimizer = np.array([-1.2, 1.0]), make(gradient_tolerance=0.0)
    path = run(optimizer, value_and_grad(lambda x: 1 + rosenbrock(x)), x)
    assert optimizer.stopped == "no lower point found"
    np.testing.assert_allclose(x, 1, atol=1e-6)
    assert np.array_equal(path[-1], path[-2])  # the last step found nothing
    assert optimizer.evaluations < 80


@pytest.mark.parametrize("make", METHODS)
def test_a_step_too_small_to_change_the_parameters(make):
    x, optimizer = np.full(2, 1e20), make()
    optimizer.step(value_and_grad(np.sum), x)
    assert optimizer.stopped == "step too small"
    assert np.all(x == 1e20)


@pytest.mark.parametrize("make", METHODS)
def test_unbounded_functions(make):
    x, optimizer = np.zeros(2), make()
    value = optimizer.step(value_and_grad(lambda x: np.sum(x)), x)
    assert optimizer.stopped == "unbounded below"
    assert value == np.sum(x) < -1e11

    def cliff(x):
        return (-np.sum(x) if np.sum(x) < 5 else -np.inf), -np.ones(2)

    x, optimizer = np.zeros(2), make()
    run(optimizer, cliff, x)
    assert optimizer.stopped == "unbounded below"
    assert optimizer.value == -np.sum(x) > -5


@pytest.mark.parametrize("y", [[-1.0, 0.0], [0.0, 1.0], [0.0, 0.0], [1e-17, 1.0]])
@pytest.mark.parametrize("make", METHODS)
def test_pairs_without_curvature_are_skipped(make, y):
    # Along a line with slope -1, which then bends so that the gradient changes by y.
    optimizer = make()
    optimizer._learn(np.array([1.0, 0.0]), np.array(y))
    assert not optimizer.forget()
    optimizer._learn(np.array([1.0, 0.0]), np.array([1e-15, 1.0]))
    assert optimizer.forget()
    assert not optimizer.forget()


@pytest.mark.parametrize("make", METHODS)
@pytest.mark.parametrize("size", [1.0, 2.0**-20])
def test_a_direction_that_is_not_of_descent_is_dropped(make, size):
    x, fresh = np.array([-1.2, 1.0]), np.array([-1.2, 1.0])
    spoilt, optimizer = make(), make()
    objective = value_and_grad(lambda x: size * rosenbrock(x))
    optimizer.step(objective, fresh)
    if make is BFGS:
        spoilt.learned, spoilt.remainder = -np.eye(2), np.zeros((2, 2))
    else:
        g = objective(x)[1]  # H g = -g
        spoilt.learn(g, -g, -(g @ g), g @ g)
        spoilt.scale = math.nan
    assert spoilt.step(objective, x) == optimizer.value
    assert spoilt.evaluations == optimizer.evaluations
    assert np.array_equal(x, fresh)
    assert np.array_equal(spoilt.direction(), optimizer.direction())


@pytest.mark.parametrize("make", METHODS)
def test_a_search_that_finds_nothing_is_tried_again_without_the_pairs(make):
    # The remembered curvature is wrong by thirty orders of magnitude.
    objective = value_and_grad(rosenbrock)
    x, optimizer = np.array([-1.2, 1.0]), make()
    for _ in range(3):
        optimizer.step(objective, x)
    if make is BFGS:
        optimizer.learned = optimizer.learned * 1e30
    else:
        optimizer.s, optimizer.sy = optimizer.s * 1e15, optimizer.sy * 1e-15
    before = optimizer.value
    assert optimizer.step(objective, x) < before
    assert optimizer.stopped is None


@pytest.mark.parametrize("make", METHODS)
@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_exception_leaves_the_last_accepted_point(make, error):
    calls, fail_at = [], 9

    def objective(x):
        calls.append(x.copy())
        if len(calls) == fail_at:
            raise error
        return value_and_grad(rosenbrock)(x)

    x, optimizer = np.array([-1.2, 1.0]), make()
    with pytest.raises(error):
        run(optimizer, objective, x)
    assert np.array_equal(x, optimizer.parameters)
    assert rosenbrock(x) == optimizer.value == min(map(rosenbrock, calls[:-1]))
    assert not np.array_equal(calls[-1], x)
    run(optimizer, objective, x)  # and it goes on from there
    np.testing.assert_allclose(x, 1, atol=1e-4)
    assert len(calls) == optimizer.evaluations


@pytest.mark.parametrize("make", METHODS)
def test_where_the_function_is_not_finite_the_step_was_too_long(make):
    def barrier(x):  # defined for x > 0 only
        return np.sum(x) - np.sum(np.log(x))

    x = np.array([40.0, 0.01, 3.0])
    with np.errstate(all="raise"):  # no warning comes from trials
        optimizer = make()
        run(optimizer, value_and_grad(barrier), x)
    assert optimizer.stopped == "gradient below tolerance"
    np.testing.assert_allclose(x, 1, atol=1e-4)


@pytest.mark.parametrize("make", METHODS)
def test_kinks_do_not_break_the_descent(make):
    rng = np.random.default_rng(6)
    X, w = rng.normal(size=(50, 5)), rng.normal(size=5)

    def loss(w):
        return np.mean((relu(X @ w) - relu(X @ target)) ** 2)

    target = rng.normal(size=5)
    optimizer = make()
    run(optimizer, value_and_grad(loss), w)
    assert optimizer.value < 1e-8
    assert optimizer.evaluations < 100


@pytest.mark.parametrize("make", METHODS)
@pytest.mark.parametrize("size", [1e-290, 1e-150, 1e150, 1e290])
def test_extreme_units(make, size):
    A = definite(np.random.default_rng(7), 4, 10) * size
    x = np.ones(4)
    optimizer = make(gradient_tolerance=1e-6 * size)
    run(optimizer, quadratic(A), x)
    assert optimizer.stopped == "gradient below tolerance"
    np.testing.assert_allclose(x, 0, atol=1e-5)
    assert optimizer.steps < 60


@pytest.mark.parametrize("make", METHODS)
def test_a_copied_optimizer_goes_on_by_itself(make):
    objective = value_and_grad(rosenbrock)
    x, optimizer = np.array([-1.2, 1.0, 0.5]), make()
    for _ in range(15):
        optimizer.step(objective, x)
    z, twin = x.copy(), copy.deepcopy(optimizer)
    paths = run(optimizer, objective, x), run(twin, objective, z)
    assert np.array_equal(*map(np.array, paths))
    assert optimizer.evaluations == twin.evaluations
    assert np.array_equal(optimizer.direction(), twin.direction())


def test_a_descent_cannot_begin_where_nothing_is_finite():
    x, optimizer = np.ones(3), LBFGS()
    for value in (np.nan, np.inf, -np.inf):
        with pytest.raises(NonFiniteError, match=f"the objective is {value}"):
            optimizer.step(lambda x, value=value: (value, np.ones(3)), x)
    model = {"a": np.ones(2), "b": np.ones(2)}
    gradient = {"a": np.ones(2), "b": np.array([1, np.inf])}
    with pytest.raises(NonFiniteError, match=r"gradient by model\['b'\] is nan or inf"):
        optimizer.step(lambda model: (1.0, gradient), model)
    assert optimizer.parameters.size == 0
    assert np.array_equal(x, np.ones(3))


def test_what_was_learned_belongs_to_one_model():
    optimizer = BFGS()
    optimizer.step(value_and_grad(rosenbrock), np.zeros(3))
    with pytest.raises(ValueError, match="has moved 3 parameters and the model has 4"):
        optimizer.step(value_and_grad(rosenbrock), np.zeros(4))


def test_the_gradient_must_be_that_of_the_model():
    with pytest.raises(ValueError, match="not that of this model"):
        LBFGS().step(lambda model: (1.0, [np.ones(2)]), {"a": np.ones(2)})
    with pytest.raises(TypeError, match="float32 and its gradient float64"):
        LBFGS().step(lambda x: (1.0, np.ones(2)), np.ones(2, np.float32))
    with pytest.raises(TypeError, match=r"model\[0\] is float and cannot be trained"):
        LBFGS().step(lambda x: (1.0, [1.0]), [1.0])
    with pytest.raises(ValueError, match="the model holds no floating-point array"):
        LBFGS().step(lambda x: (1.0, x), np.arange(3))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"gradient_tolerance": -1e-5}, "gradient_tolerance is -1e-05"),
        ({"gradient_tolerance": np.nan}, "gradient_tolerance is nan"),
        ({"decrease_tolerance": np.inf}, "decrease_tolerance is inf"),
        ({"c1": 0.5, "c2": 0.4}, "c1 is 0.5 and c2 is 0.4"),
        ({"c1": 0.0}, "c1 is 0.0"),
        ({"c2": 1.0}, "c2 is 1.0"),
        ({"memory": 0}, "memory is 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        LBFGS(**settings)
