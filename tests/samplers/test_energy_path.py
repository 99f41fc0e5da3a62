"""The path from a Gaussian to any energy: transitions, weights, known Z, refusals."""

import numpy as np
import pytest

from samplers import energy_path
from samplers.annealing import annealed_importance, reverse_annealed_importance
from samplers.double_well import double_well_target
from samplers.energy_path import EnergyPath
from samplers.errors import DivergenceError
from samplers.gaussian import gaussian_target
from samplers.mixture import mixture_target
from samplers.philox import draw_key
from samplers.ring import ring_target
from samplers.target import Target
from tests.samplers import energy_path_checks
from tests.samplers.annealing_checks import KEY, annealed
from tests.samplers.energy_path_checks import well_path

EXACT = [
    energy_path_checks.check_transition,
    energy_path_checks.check_energy_run,
    energy_path_checks.check_energy_start,
    energy_path_checks.check_energy_company,
]


@pytest.mark.exact
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
def test_exactly(check):
    check(energy_path)


@pytest.mark.exact
def test_a_base_that_is_the_target_has_weights_of_one():
    target = gaussian_target([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]])
    path = EnergyPath(target, target, step_size=0.3)
    weights = annealed_importance(path, np.linspace(0, 1, 6), 20, rng=0)
    assert not weights.log_weights.any()
    assert weights.log_partition == target.log_partition


@pytest.mark.exact
def test_with_one_temperature_it_is_plain_importance_sampling():
    path = well_path(energy_path)
    weights = annealed_importance(path, [0, 1], 50, rng=5)
    x = path.start(draw_key(5), 50)
    expected = path.base.energy_at(x) - path.target.energy_at(x)
    np.testing.assert_allclose(weights.log_weights, expected, rtol=1e-12, atol=1e-12)
    state = x / 2
    down = reverse_annealed_importance(path, [0, 1], state, rng=5)
    expected = path.target.energy_at(state) - path.base.energy_at(state)
    np.testing.assert_allclose(down.log_weights, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.exact
def test_blocks_of_particles_change_nothing(monkeypatch):
    path, betas = well_path(energy_path), np.linspace(0, 1, 5)
    start = path.start(KEY, 10)
    x, log_w = annealed(path, start, betas, range(5))
    monkeypatch.setattr(energy_path, "pieces", lambda *_: (3, 1))
    same, again = annealed(path, start, betas, range(5))
    assert np.array_equal(x, same)
    assert np.array_equal(log_w, again)


@pytest.mark.parametrize(
    ("target", "variance", "eta"),
    [
        (double_well_target(2.0), 1.5, 0.1),
        (ring_target(2.0, 0.5), 4.0, 0.2),
        (mixture_target([1, 3], [[-2.0, 0], [2, 1]], [0.5, 0.7]), 6.0, 0.3),
        (gaussian_target([1.0, -1.0], [[1.0, 0.6], [0.6, 1.0]]), 4.0, 0.3),
    ],
    ids=["double well", "ring", "mixture", "Gaussian"],
)
def test_z_is_met_without_bias(target, variance, eta):
    """20 temperatures, 20,000 particles: w within 5.03 standard errors of its mean.

    Sees an error of Z of 5 % or more.
    """
    n, d = 20_000, target.dimension
    path = EnergyPath(target, gaussian_target(np.zeros(d), variance * np.eye(d)), eta)
    weights = annealed_importance(path, np.linspace(0, 1, 21), n, rng=0)
    log_ratio = target.log_partition - path.log_base
    w = np.exp(weights.log_weights - log_ratio)
    error = w.std(ddof=1) / np.sqrt(n)
    assert error < 0.01
    assert abs(w.mean() - 1) < 5.03 * error
    assert weights.log_weights.mean() < log_ratio


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_between_gaussians_both_ways(dtype):
    """From exact draws down: Z from above; 20,000 particles, to 5 %, as up."""
    n, C = 20_000, np.array([[1.0, 0.6], [0.6, 1.0]])
    target = gaussian_target([1.0, -1.0], C, dtype=dtype)
    base = gaussian_target([0.5, -0.5], 2 * np.eye(2), dtype=dtype)
    eta = np.linspace(1, 0.3, 11)
    path = EnergyPath(target, base, step_size=eta, moves=2)
    xi = np.random.default_rng(0).standard_normal((n, 2))
    x = [1, -1] + xi @ np.linalg.cholesky(C).T
    betas = np.linspace(0, 1, 11)
    up = annealed_importance(path, betas, n, rng=1)
    down = reverse_annealed_importance(path, betas, x, rng=2)
    log_ratio = target.log_partition - base.log_partition
    for run, expected in ((up, log_ratio), (down, -log_ratio)):
        w = np.exp(run.log_weights - expected)
        error = w.std(ddof=1) / np.sqrt(n)
        assert error < 0.01
        assert abs(w.mean() - 1) < 5.03 * error
        assert run.log_weights.mean() < expected
        assert abs(run.log_partition - target.log_partition) < 0.05


def test_downwards_a_broad_base_needs_betas_close_to_zero():
    """Variance 1 to 100, so beta_1 < 1 / 99; of equal steps 20 are too few, 200 do.

    4000 particles, of which one in ten counts, or more than four.
    """
    target, base = (gaussian_target([0.0], [[v]]) for v in (1.0, 100.0))
    x, shares = np.random.default_rng(0).standard_normal((4000, 1)), []
    for betas in (
        np.linspace(0, 1, 21),
        np.linspace(0, 1, 21) ** 3,
        np.linspace(0, 1, 201),
    ):
        eta = 1 / ((1 - betas) / 100 + betas)
        path = EnergyPath(target, base, eta, moves=3)
        weights = reverse_annealed_importance(path, betas, x, rng=2)
        shares.append(weights.effective_sample_size / 4000)
    assert shares[0] < 0.15
    assert min(shares[1:]) > 0.3


def wall(x, out):
    """E of x^2 / 2 for x > 0, and infinite elsewhere."""
    out[:] = np.where(x[:, 0] > 0, x[:, 0] ** 2 / 2, np.inf)


def behind_a_wall(score=lambda x, out: np.copyto(out, -x)):
    return Target(score, 1, wall, log_partition=float(np.log(np.pi / 2) / 2))


def test_plain_functions_and_infinite_energies():
    """Half of the base has p = 0, and so weights of zero; Z = sqrt(pi / 2) is met."""
    n, target = 4000, behind_a_wall()
    path = EnergyPath(target, gaussian_target([0.0], [[2.0]]), 0.2)
    weights = annealed_importance(path, np.linspace(0, 1, 6), n, rng=0)
    zeros = np.mean(weights.log_weights == -np.inf)
    assert abs(zeros - 0.5) < 5.03 * 0.5 / np.sqrt(n)
    assert weights.standard_error < 0.03
    error = weights.log_partition - target.log_partition
    assert abs(error) < 5.03 * weights.standard_error


# Refusals


@pytest.mark.exact
def test_what_is_not_finite_stops_the_run():
    """With the particle, the rung and its beta."""
    base, betas = gaussian_target([0.0], [[2.0]]), np.array([0, 0.25, 1])
    x = np.array([[0.5], [1.0], [-1.0]])

    def run(target, rungs=range(3), eta=0.1):
        return annealed(EnergyPath(target, base, eta), x, betas, rungs, particle=5)

    with pytest.raises(DivergenceError, match=r"of a weight \(at beta = 0.25") as error:
        run(behind_a_wall(), rungs=[2, 1, 0])
    assert (error.value.chain, error.value.step, error.value.key) == (7, 1, KEY)
    nowhere = Target(lambda x, out: np.copyto(out, np.nan * x), 1, wall)
    with pytest.raises(DivergenceError, match=r"the state \(at beta = 0.25"):
        run(nowhere)

    def beyond(x, out):
        out[:] = np.where(np.isin(x[:, 0], [0.5, 1, -1]), 0, np.nan)

    undefined = Target(lambda x, out: np.copyto(out, -x), 1, beyond)
    with pytest.raises(DivergenceError, match=r"the energy \(at beta = 0.25") as error:
        run(undefined)
    assert (error.value.chain, error.value.step) == (5, 1)


def test_what_makes_no_path_is_refused():
    target, base = double_well_target(), gaussian_target([0.0], [[1.0]])
    without = Target(target.score, 1, params=target.params)
    with pytest.raises(ValueError, match="no energy, by which particles"):
        EnergyPath(without, base, 0.1)
    with pytest.raises(ValueError, match=r"the base is not Gaussian.*gaussian_target"):
        EnergyPath(target, target, 0.1)
    for other in (
        gaussian_target([0.0, 0.0], np.eye(2)),
        gaussian_target([0.0], [[1.0]], dtype=np.float32),
    ):
        with pytest.raises(ValueError, match="a path has one of both: write gaussian"):
            EnergyPath(target, other, 0.1)
    for moves in (0, 1.5):
        with pytest.raises(ValueError, match=r"moves is .* at least 1"):
            EnergyPath(target, base, 0.1, moves=moves)
    for eta in (0, -1.0, np.nan, np.inf, [0.1, 0], np.ones((2, 2))):
        with pytest.raises(
            ValueError, match=r"(?s)step_size is .* float64: .* \(K \+ 1,\)"
        ):
            EnergyPath(target, base, eta)


def test_what_does_not_fit_a_run_is_refused():
    path, betas = (
        well_path(energy_path, step_size=np.full(5, 0.1)),
        np.linspace(0, 1, 6),
    )
    with pytest.raises(ValueError, match="5 step sizes for 6 betas; give one for each"):
        annealed_importance(path, betas, 20, rng=0)
    path = well_path(energy_path)
    for state, words in (
        (np.zeros(3), "shape"),
        (np.zeros((3, 2)), "shape"),
        (np.full((3, 1), np.nan), "nan or infinity"),
    ):
        with pytest.raises(ValueError, match=words):
            reverse_annealed_importance(path, betas, state, rng=0)
    silent = Target(lambda x, out: None, 1, wall)
    path = EnergyPath(silent, gaussian_target([0.0], [[1.0]]), 0.1)
    with pytest.raises(ValueError, match="score left nan"):
        annealed_importance(path, betas, 20, rng=0)
