"""The double well in one dimension: its density, and draws that are exact."""

import pickle
from functools import cache

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import iv, kv

from autodiff import grad
from data import DoubleWell, make_double_well
from tests.data.agreement import disagreement, integrate
from tests.kolmogorov import LIMIT, distance

N = 100_000
CASES = {
    "unit": {},
    "cold": {"temperature": 0.1, "minimum": 0.5},
    "high": {"barrier": 30.0},
    "flat": {"barrier": 0.01, "minimum": 3.0},
    "narrow": {"barrier": 1e4, "minimum": 1e-3},
}
EACH = pytest.mark.parametrize("settings", CASES.values(), ids=CASES)
X = np.array([[-2.0], [-1.1], [0.0], [0.3], [1.0], [1.7]])


def energy(x, barrier=1.0, minimum=1.0, temperature=1.0):
    """Return E / T by its definition."""
    return barrier * ((x / minimum) ** 4 - 2 * (x / minimum) ** 2) / temperature


def moment(settings, power):
    """Return <x^power>, by SciPy, over both sides of the right minimum."""
    a = settings.get("minimum", 1.0)
    lowest = energy(a, **settings)
    far = a * np.sqrt(1 + np.sqrt(40 / -lowest))

    def integral(power):
        def f(x):
            return x**power * np.exp(lowest - energy(x, **settings))

        parts = [(0, a), (a, far)]
        return sum(
            quad(f, *part, epsabs=0, epsrel=1e-11, limit=200)[0] for part in parts
        )

    return integral(power) / integral(0)


def test_moments_and_the_virial_theorem():
    """<x^2> and <x^4> of the standard well; 4 <x^4> - 4 <x^2> = <x dE/dx> = T."""
    law = DoubleWell().law
    second, fourth = (law.expectation(lambda x, k=k: x[:, 0] ** k) for k in (2, 4))
    assert second == pytest.approx(0.83274549, abs=1e-8)
    assert fourth == pytest.approx(1.08274549, abs=1e-8)
    assert 4 * fourth - 4 * second == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("ratio", [1e-6, 1e-2, 1.0, 30.0, 600.0])
def test_the_density_by_bessel_functions(ratio):
    """I_-1/4 + I_1/4 = 2 I_1/4 + (sqrt(2) / pi) K_1/4; here by quadrature and by SciPy.

    At the barrier, log p = -log Z; a large ratio would overflow in I.
    """
    z = ratio / 2
    bessel = 2 * iv(0.25, z) + np.sqrt(2) / np.pi * kv(0.25, z)
    log_Z = np.log(np.pi / 2 * 3.0) + ratio / 2 + np.log(bessel)
    density = DoubleWell(barrier=5 * ratio, minimum=3.0, temperature=5.0)
    assert density.log_density(X[2:3])[0] == pytest.approx(-log_Z, rel=1e-13, abs=1e-10)


@EACH
def test_log_density_by_its_definition(settings):
    density = DoubleWell(**settings)
    x = X * settings.get("minimum", 1.0)
    log_p = density.log_density(x)
    differences = log_p - log_p[2]
    np.testing.assert_allclose(differences, -energy(x[:, 0], **settings), rtol=1e-12)


@cache
def drawn(name):
    return make_double_well(N, rng=1, **CASES[name])


@pytest.mark.parametrize("name", CASES)
def test_the_draws_are_of_the_density(name):
    """By Kolmogorov and Smirnov; 100,000 draws show a distance of 0.009."""
    sample = drawn(name)
    law, a = sample.density.law, sample.density.minimum
    assert distance(law.cdf(sample.X[:, 0] / a)) < LIMIT


@pytest.mark.parametrize("name", CASES)
def test_moments_of_the_draws(name):
    """<x^2> within 5.03 standard errors of SciPy's, which are below 0.5 % of it."""
    squares = drawn(name).X[:, 0] ** 2
    error = squares.std() / np.sqrt(N)
    assert error < 5e-3 * squares.mean()
    assert abs(squares.mean() - moment(CASES[name], 2)) < 5.03 * error


def test_draws_and_density_agree_as_those_of_the_other_densities():
    edges = [[-3, -1.2, -0.8, -0.2, 0.1, 0.9, 1.1, 3]]
    truth = integrate(DoubleWell(), edges, 0.1)
    assert abs(truth.cells.sum() - 1) < 1e-9
    assert disagreement(make_double_well(N, rng=3).X, DoubleWell(), truth) < 1
    for wrong in (DoubleWell(1.05), DoubleWell(minimum=1.01)):
        X = wrong.sample(N, rng=3).X
        assert disagreement(X, DoubleWell(), truth) > 1


def test_labels_are_the_wells():
    """They are those of the sign of x, and half of them 1, within 5.03 sd."""
    sample = make_double_well(N, rng=4, barrier=2.0)
    assert np.array_equal(sample.labels == 1, sample.X[:, 0] > 0)
    assert sample.labels.dtype == np.int64
    assert abs(sample.labels.sum() - N / 2) < 5.03 * np.sqrt(N) / 2


def test_draws_are_quantiles_of_uniform_numbers():
    """Of one Generator, in order, so that more draws begin with the same."""
    few, many = make_double_well(10, rng=5), make_double_well(10_000, rng=5)
    assert np.array_equal(few.X, many.X[:10])
    v = np.random.default_rng(5).random(10_000)
    np.testing.assert_allclose(few.density.law.cdf(many.X[:, 0]), v, rtol=0, atol=1e-13)
    assert not np.array_equal(few.X, make_double_well(10, rng=6).X)


def test_a_sample_can_be_sent_to_another_process():
    sample = make_double_well(10, rng=7, barrier=3.0)
    copy = pickle.loads(pickle.dumps(sample))
    assert np.array_equal(copy.X, sample.X)
    assert np.array_equal(copy.density.sample(10, rng=7).X, sample.X)
    log_p = sample.density.log_density(X)
    assert np.array_equal(copy.density.log_density(X), log_p)


def test_draws_round_to_the_dtype():
    double, single = (
        make_double_well(50, rng=3, dtype=dtype) for dtype in (np.float64, np.float32)
    )
    assert (double.X.dtype, single.X.dtype) == (np.float64, np.float32)
    assert double.X.shape == (50, 1)
    assert np.array_equal(double.X.astype(np.float32), single.X)


@EACH
def test_log_density_keeps_the_dtype_and_the_rows(settings):
    density = DoubleWell(**{k: np.float64(v) for k, v in settings.items()})
    x = X * density.minimum
    log_p = density.log_density(x)
    assert (log_p.shape, log_p.dtype) == ((6,), np.float64)
    single = density.log_density(x.astype(np.float32))
    assert single.dtype == np.float32
    size = 1 + np.abs(log_p).max()
    np.testing.assert_allclose(single, log_p, rtol=0, atol=1e-6 * size)
    assert density.log_density(x[:0]).shape == (0,)


@EACH
def test_autodiff_gives_the_score(settings):
    density = DoubleWell(**settings)
    B, a, T = density.barrier, density.minimum, density.temperature
    x = X * a
    found = grad(lambda x: np.sum(density.log_density(x)))(x)
    expected = 4 * B / (a * T) * X * (1 - X**2)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", ["barrier", "minimum", "temperature"])
def test_refused_numbers(name):
    for bad in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=f"{name} is .* no two wells to draw from"):
            DoubleWell(**{name: bad})


@pytest.mark.parametrize("barrier", [1e-7, 1e7])
def test_refused_ratios(barrier):
    with pytest.raises(ValueError, match=r"barrier / temperature is 1\.0e.* Gaussians"):
        make_double_well(1, rng=0, barrier=barrier)
    assert DoubleWell(barrier, temperature=barrier).barrier == barrier


def test_errors_of_draws_and_points():
    for n in (0, -1):
        with pytest.raises(ValueError, match=f"n is {n}; draw at least one point"):
            make_double_well(n, rng=0)
    with pytest.raises(TypeError, match=r"points are np\.float32 or np\.float64"):
        make_double_well(1, rng=0, dtype=np.int64)
    with pytest.raises(TypeError, match="rng"):
        make_double_well(1)
    log_density = DoubleWell().log_density
    for bad in (X[0], np.zeros((3, 2)), 0.5, X.tolist()):
        with pytest.raises(ValueError, match=r"at points of shape \(n, 1\)"):
            log_density(bad)
    with pytest.raises(TypeError, match="x is int64"):
        log_density(np.zeros((3, 1), np.int64))
    with pytest.raises(ValueError, match="x holds nan or infinity"):
        log_density(np.full((3, 1), np.nan))
