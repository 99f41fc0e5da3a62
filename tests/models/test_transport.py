"""Optimal transport: plan, potentials, duality, assignment, derivatives, errors."""

import numpy as np
import pytest
from scipy.optimize import OptimizeResult, linear_sum_assignment

from autodiff import explain, grad, hessian, softmax
from models import optimal_transport, transport, transport_cost, wasserstein_1d

RNG = np.random.default_rng(0)


def problem(n=6, m=4):
    a, b = RNG.dirichlet(np.ones(n)), RNG.dirichlet(np.ones(m))
    return a, b, RNG.standard_normal((n, m))


def require_solution(a, b, cost, found, allowed=1e-12):
    """The plan keeps the laws, the potentials the costs, and both have one value."""
    plan, f, g = found.plan, found.potential_a, found.potential_b
    assert np.all(plan >= 0)
    np.testing.assert_allclose(plan.sum(axis=1), a, atol=allowed)
    np.testing.assert_allclose(plan.sum(axis=0), b, atol=allowed)
    assert np.min(cost - f[:, np.newaxis] - g) >= -allowed * np.max(np.abs(cost))
    assert found.cost == pytest.approx(np.sum(plan * cost), rel=1e-14, abs=1e-300)
    dual, unit = a @ f + b @ g, float(np.max(np.abs(cost)))
    assert found.cost == pytest.approx(dual, rel=allowed, abs=allowed * unit)
    assert g[-1] == 0
    assert np.count_nonzero(plan) <= a.size + b.size - 1


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (3, 1), (6, 4), (25, 40)])
def test_the_plan_and_the_potentials_prove_each_other(n, m):
    a, b, cost = problem(n, m)
    require_solution(a, b, cost, optimal_transport(a, b, cost))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_unit_of_cost_does_not_matter(scale):
    a, b, cost = problem()
    found = optimal_transport(a, b, scale * cost)
    require_solution(a, b, scale * cost, found)
    assert found.cost == pytest.approx(scale * transport_cost(a, b, cost), rel=1e-12)


def test_equal_weights_are_an_assignment():
    """Then a permutation is a best plan, and n - 1 moves of the tree carry nothing."""
    n = 12
    a, cost = np.full(n, 1 / n), RNG.random((n, n))
    found = optimal_transport(a, a, cost)
    require_solution(a, a, cost, found)
    rows, columns = linear_sum_assignment(cost)
    assert found.cost == pytest.approx(cost[rows, columns].mean(), rel=1e-12)


def test_ties_and_empty_places():
    """Small integers: best plans in pieces, many best plans, places without mass."""
    for _ in range(60):
        n, m = RNG.integers(1, 9, 2)
        a, b = RNG.integers(0, 4, n), RNG.integers(0, 4, m)
        a[0], b[-1] = 2, 1
        a, b, cost = a / a.sum(), b / b.sum(), RNG.integers(-3, 4, (n, m)) * 1.0
        require_solution(a, b, cost, optimal_transport(a, b, cost))


def test_rounding_moves_no_negative_mass():
    """Places of b gathered in three of a: two moves of the tree carry what is left."""
    groups = np.array([0, 0, 2, 2, 2, 1, 1, 1])
    for _ in range(20):
        b = RNG.dirichlet(np.ones(8))
        a = np.bincount(groups, b)
        cost = 0.1 * RNG.random((3, 8)) + (groups != np.arange(3)[:, np.newaxis])
        require_solution(a, b, cost, optimal_transport(a, b, cost))


def test_by_hand():
    """All mass at 0 goes to 1 and 3: W = 1/4 + 9/4 for half costs of a distance."""
    a, b, cost = np.ones(1), np.array([0.25, 0.75]), np.array([[1.0, 3.0]])
    found = optimal_transport(a, b, cost)
    assert found.cost == 0.25 + 2.25
    assert found.plan.tolist() == [[0.25, 0.75]]
    assert found.potential_a.tolist() == [3]
    assert found.potential_b.tolist() == [-2, 0]


def test_derivatives_are_the_solution():
    a, b, cost = problem()
    found = optimal_transport(a, b, cost)
    by_a, by_b, by_cost = grad(transport_cost, (0, 1, 2))(a, b, cost)
    np.testing.assert_allclose(by_cost, found.plan, atol=1e-15)
    np.testing.assert_allclose(by_a, found.potential_a, atol=1e-13)
    np.testing.assert_allclose(by_b, found.potential_b, atol=1e-13)
    # Linear in the cost and in the laws, as long as the same moves are used.
    assert not np.any(hessian(transport_cost, 2)(a, b, cost))
    step = 1e-3 * np.array([1, -1, 0, 0, 0, 0]) * a.min()
    change = transport_cost(a + step, b, cost) - found.cost
    assert change == pytest.approx(by_a @ step, rel=1e-9)


def test_distances_of_places_move_the_cost_as_on_a_line():
    x, y = RNG.standard_normal(6), RNG.standard_normal(4)
    a, b, _ = problem()

    def by_program(x):
        return transport_cost(a, b, np.abs(x[:, np.newaxis] - y))

    def on_the_line(x):
        return wasserstein_1d(x, y, a, b)

    np.testing.assert_allclose(grad(by_program)(x), grad(on_the_line)(x), atol=1e-12)


def test_float32_is_kept():
    a, b, cost = (array.astype(np.float32) for array in problem())
    found = optimal_transport(a, b, cost)
    assert {np.asarray(part).dtype for part in found} == {np.dtype(np.float32)}
    assert transport_cost(a, b, cost).dtype == np.float32
    require_solution(a, b, cost, found, allowed=1e-6)
    # Sums are one to the precision of float32, which the solver has to be spared.
    longer = (a * np.float32(1.0003)).astype(np.float32)
    assert transport_cost(longer, b, cost) == pytest.approx(found.cost, abs=1e-2)


def test_the_program_of_a_gradient_holds_for_other_laws():
    def cost_of(a, b, cost):
        return transport_cost(softmax(a), softmax(b), cost)

    program = explain(grad(cost_of, (0, 2)), *problem())
    other = problem()
    for found, expected in zip(
        program(*other), grad(cost_of, (0, 2))(*other), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-14)


def test_a_solution_is_a_constant():
    a, b, cost = problem()

    def of_plan(cost):
        return np.sum(optimal_transport(a, b, cost).plan * cost)

    np.testing.assert_array_equal(
        grad(of_plan)(cost), optimal_transport(a, b, cost).plan
    )


def test_errors(monkeypatch):
    a, b, cost = problem()
    for bad in ((a, b, cost.T), (a, b, cost[0]), (cost, b, cost), (a, cost, cost)):
        for function in (transport_cost, optimal_transport):
            with pytest.raises(
                ValueError, match=r"must be \(n,\), \(m,\) and \(n, m\)"
            ):
                function(*bad)
    with pytest.raises(ValueError, match="a sums to one only up to"):
        transport_cost(2 * a, b, cost)
    with pytest.raises(ValueError, match=r"b holds -1\.0, which is no probability"):
        transport_cost(a, np.array([1.0, -1, 0.5, 0.5]), cost)
    for bad in (np.inf, np.nan):
        with pytest.raises(ValueError, match="cost holds numbers that are not finite"):
            transport_cost(a, b, np.where(cost == cost[1, 2], bad, cost))
    with pytest.raises(TypeError, match=r"write cost\.astype\(np\.float64\)"):
        transport_cost(a, b, cost.astype(np.float32))
    with pytest.raises(TypeError, match="cost must be a float32 or float64 array"):
        transport_cost(a, b, np.ones(cost.shape, int))
    failed = OptimizeResult(status=1, message="Time is up.")
    monkeypatch.setattr(transport, "linprog", lambda *args, **kwargs: failed)
    with pytest.raises(RuntimeError, match=r"no best plan was found: Time is up\."):
        transport_cost(a, b, cost)
