"""All targets in one table, against other ways to the same numbers."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from samplers import double_well, gaussian, mixture, ring
from samplers.double_well import double_well_target
from samplers.gaussian import gaussian_target
from samplers.mixture import mixture_target
from samplers.ring import ring_target
from tests.samplers import target_checks
from tests.samplers.target_checks import LAWS, raw

MODULES = {
    "gaussian": gaussian,
    "mixture": mixture,
    "double_well": double_well,
    "ring": ring,
}
EACH_LAW = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
EPS = 2.0**-23


def make(law, dtype=np.float64):
    return law.target(MODULES[law.module], dtype)


@pytest.mark.exact
@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
@pytest.mark.parametrize(
    "check",
    [
        target_checks.check_energy,
        target_checks.check_score,
        target_checks.check_log_partition,
        target_checks.check_far,
    ],
)
def test_a_target_is_its_twin(module, check):
    check(module)


@pytest.mark.exact
@EACH_LAW
def test_the_score_by_differences_of_the_energy(law):
    """Four points along each axis, an error of h^4: here 1e-8 of the larger scores."""
    target, x, h = make(law), law.points(4, seed=1), 1e-3 / np.sqrt(law.stiffness)
    score = target.score_at(x)
    for j, step in enumerate(h * np.eye(law.dimension)):
        near = target.energy_at(x + step) - target.energy_at(x - step)
        far = target.energy_at(x + 2 * step) - target.energy_at(x - 2 * step)
        slope = (8 * near - far) / (12 * h)
        size = np.abs(score).max() + np.sqrt(law.stiffness)
        np.testing.assert_allclose(score[:, j], -slope, rtol=0, atol=1e-8 * size)


@pytest.mark.exact
@EACH_LAW
def test_points_do_not_touch_each_other(law):
    """Each of many has the bits that it has alone, from the loop's body or its end."""
    target, x = make(law), law.points(11)
    for function in (target.score_at, target.energy_at):
        alone = np.concatenate([function(x[i : i + 1]) for i in range(len(x))])
        assert np.array_equal(function(x), alone)


@pytest.mark.exact
@EACH_LAW
def test_either_order_in_memory_gives_the_same_bits(law):
    target, x = make(law), law.points(7)
    for function, shape in [(target.score, x.shape), (target.energy, len(x))]:
        rows = raw(function, x, target.params, shape, order="C")
        columns = raw(function, x, target.params, shape, order="F")
        assert np.array_equal(rows, columns)


@pytest.mark.exact
@pytest.mark.parametrize(
    "law", [law for law in LAWS.values() if law.is_compiled_in_float32]
)
def test_float32_is_kept_and_near_float64(law):
    """Within 20 roundings of x and of the numbers, times the stiffness.

    That is of the score; of E within as many of the work done by such a score.
    """
    double, single = make(law), make(law, np.float32)
    x = law.points(20)
    size = law.reach + 2
    assert {p.dtype for p in single.params} == {np.dtype(np.float32)}
    assert {p.dtype for p in double.params} == {np.dtype(np.float64)}
    assert single.log_partition == double.log_partition
    score, E = single.score_at(x), single.energy_at(x)
    assert score.dtype == E.dtype == np.float32
    bound = 20 * EPS * law.stiffness * size
    np.testing.assert_allclose(score, double.score_at(x), rtol=0, atol=bound)
    np.testing.assert_allclose(E, double.energy_at(x), rtol=0, atol=bound * size)


# ---------------------------------------------------------------- gaussian


def test_gaussian_by_scipy():
    law = LAWS["gaussian 5"]
    target, x = make(law), law.points(10)
    found = -target.energy_at(x) - target.log_partition
    expected = multivariate_normal(*law.numbers).logpdf(x)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_gaussian_of_strong_correlation_overflows_to_infinity():
    """Where (x - m).P (x - m) would add infinities of both signs."""
    target = gaussian_target([0.0, 0.0], [[1.0, 0.999], [0.999, 1.0]])
    x = np.array([[1e200, 1e200], [1e200, -1e200]])
    assert target.energy_at(x).tolist() == [np.inf, np.inf]


GAUSSIANS = {
    "no mean": ([], np.empty((0, 0)), r"shape \(0,\) .* are no Gaussian"),
    "variances": ([0, 0], [1, 1], r"covariance \(2,\) .* np\.diag\(variances\)"),
    "other lengths": ([0, 0], np.eye(3), "are no Gaussian"),
    "a mean of two axes": ([[0.0]], [[1.0]], "are no Gaussian"),
    "asymmetric": ([0, 0], [[1, 0.1], [0.2, 1]], r"write \(C \+ C\.T\) / 2"),
    "negative": ([0, 0], [[1, 2], [2, 1]], "positive definite"),
    "singular": ([0, 0], [[1, 1], [1, 1]], "positive definite"),
    "nan": ([np.nan], [[1]], "mean holds nan"),
    "infinite": ([0.0], [[np.inf]], "a covariance is finite"),
}


@pytest.mark.parametrize(("mean", "C", "words"), GAUSSIANS.values(), ids=GAUSSIANS)
def test_refused_gaussians(mean, C, words):
    with pytest.raises(ValueError, match=words):
        gaussian_target(mean, C)


# ---------------------------------------------------------------- mixture


def mixture_by_scipy(x, weights, means, sds):
    """Return E and the score for d = 1, from log-densities of SciPy."""
    logs = np.log(weights) + norm.logpdf(x[:, None], means, sds)
    E = -logsumexp(logs, axis=1)
    r = np.exp(logs + E[:, np.newaxis])
    return E, np.sum(r * (means - x[:, None]) / sds**2, axis=1)


@pytest.mark.exact
def test_mixture_of_extreme_weights():
    """A component of weight 1e-300 still rules where the others are farther down."""
    w = np.array([1.0, 1e-300])
    m, s = np.array([0.0, 100.0]), np.array([1.0, 2.0])
    target = mixture_target(w, m[:, None], s)
    x = np.array([-1.0, 3.0, 36.5, 37.0, 37.5, 60.0, 100.0, 120.0])
    E, score = mixture_by_scipy(x, w, m, s)
    np.testing.assert_allclose(target.energy_at(x[:, None]), E, rtol=1e-13)
    found = target.score_at(x[:, None])[:, 0]
    np.testing.assert_allclose(found, score, rtol=1e-10, atol=1e-12)


@pytest.mark.exact
def test_far_from_all_components_the_widest_rules():
    w, m, s = np.full(3, 1 / 3), np.array([-1.0, 0.0, 2.0]), np.array([0.5, 1.0, 0.3])
    target, x = mixture_target(w, m[:, None], s), np.array([[-1e5], [3e4]])
    np.testing.assert_allclose(target.score_at(x), -x, rtol=1e-15)
    expected = x[:, 0] ** 2 / 2 + np.log(3 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(target.energy_at(x), expected, rtol=1e-15)


@pytest.mark.exact
@pytest.mark.parametrize("ratio", [1.0, 1e3, 1e8])
def test_the_least_term_is_nothing(ratio):
    """A component that is nothing adds e^-80 times its pull, below all rounding."""
    target = mixture_target([0.5, 0.5], [[0.0], [100.0]], [1.0, 1 / ratio])
    x = np.array([[-3.0], [0.5], [4.0]])
    pull = np.abs(100 - x) * ratio**2
    error = np.abs(target.score_at(x) + x)
    assert np.all(error <= np.exp(-80) * pull + 4e-16 * np.abs(x))
    assert np.all(np.exp(-80) * pull < 4e-16)


def test_weights_are_divided_by_their_sum():
    x = np.array([[0.3], [1.0]])
    shares = mixture_target([0.75, 0.25], [[0.0], [1.0]], [1.0, 0.5])
    counts = mixture_target([3, 1], [[0.0], [1.0]], [1.0, 0.5])
    assert np.array_equal(shares.energy_at(x), counts.energy_at(x))


MIXTURES = {
    "other lengths": ([1.0], [[0.0], [1.0]], [1.0, 1.0], "are no mixture"),
    "means on a line": ([1.0], [0.0], [1.0], r"\(K,\), \(K, d\) and \(K,\)"),
    "nothing": ([], np.empty((0, 1)), [], "are no mixture"),
    "no weight": ([1.0, 0.0], [[0.0], [1.0]], [1.0, 1.0], "has no weight"),
    "sd of zero": ([1.0], [[0.0]], [0.0], "weights and sds are positive"),
    "infinite sd": ([1.0], [[0.0]], [np.inf], "numbers of a mixture are finite"),
    "nan": ([1.0], [[np.nan]], [1.0], "numbers of a mixture are finite"),
}


@pytest.mark.parametrize(("w", "m", "s", "words"), MIXTURES.values(), ids=MIXTURES)
def test_refused_mixtures(w, m, s, words):
    with pytest.raises(ValueError, match=words):
        mixture_target(w, m, s)


# ---------------------------------------------------------------- errors of all


@pytest.mark.parametrize("make", [double_well_target, ring_target])
@pytest.mark.parametrize("place", [0, 1])
def test_refused_scales(make, place):
    name = {
        double_well_target: ("barrier", "minimum"),
        ring_target: ("radius", "width"),
    }
    for bad in (0.0, -1.0, np.nan, np.inf, 1e-80, 1e80, [1.0], np.ones(2)):
        numbers = [1.0, 1.0]
        numbers[place] = bad
        with pytest.raises(ValueError, match=f"(?s){name[make][place]} is .* positive"):
            make(*numbers)
    for bad in (1e-15, 1e15):
        numbers = [1.0, 1.0]
        numbers[place] = bad
        make(*numbers)
        with pytest.raises(ValueError, match=r"from 3e-10 to 4e\+09 in float32"):
            make(*numbers, dtype=np.float32)


@pytest.mark.parametrize(
    "make",
    [
        lambda dtype: gaussian_target([0.0], [[1e-80]], dtype=dtype),
        lambda dtype: gaussian_target([1e40], [[1.0]], dtype=dtype),
        lambda dtype: mixture_target([1.0], [[0.0]], [1e-30], dtype=dtype),
        lambda dtype: mixture_target([1.0], [[1e40]], [1.0], dtype=dtype),
    ],
)
def test_numbers_that_overflow_in_the_dtype_are_refused(make):
    make(np.float64)
    with pytest.raises(ValueError, match=r"overflow in float32, .* other units"):
        make(np.float32)


@EACH_LAW
def test_refused_dtypes(law):
    for dtype in (np.int64, np.float16, np.complex128):
        with pytest.raises(TypeError, match=r"chains compute in np\.float32 or"):
            make(law, dtype)
