"""Conditional laws: their formulas, their draws, their derivatives, their limits."""

import numpy as np
import pytest
from scipy import stats

from autodiff import check_gradients, grad, jvp, sigmoid, tree_leaves, tree_map
from models.conditionals import (
    Bernoulli,
    Gaussian,
    reparameterize,
)
from models.mlp import MLP, Dense
from samplers.philox import HIDDEN, draw_key, normals, uniforms
from tests.models.autoencoders import both_dtypes, make_law, make_network

LAWS = ["bernoulli", "gaussian", "each", "each-learned", "shared", "shared-learned"]
every_law = pytest.mark.parametrize("kind", LAWS)
# Where the variance is fixed, the derivatives are some of those where it is learned.
LEARNED = [kind for kind in LAWS if kind not in ("each", "shared")]
gaussians = pytest.mark.parametrize("kind", LAWS[1:])


def make(kind, dtype=np.float64, seed=0):
    """A law of 2 numbers given 3."""
    return make_law(kind, 3, 2, np.random.default_rng(seed), dtype=dtype)


def given(n=5, dtype=np.float64, seed=1):
    return np.random.default_rng(seed).standard_normal((n, 3)).astype(dtype)


def of(law, n=5, seed=2):
    """Values that the law may take, (n, 2)."""
    y = np.random.default_rng(seed).standard_normal((n, 2))
    return (y > 0 if isinstance(law, Bernoulli) else y).astype(law.dtype)


# What they say


def test_bits():
    law, x = make("bernoulli"), given()
    y, p = of(law), sigmoid(law.network(x))
    np.testing.assert_array_equal(law.mean(x), p)
    expected = stats.bernoulli.logpmf(y, p).sum(axis=1)
    np.testing.assert_allclose(law.log_density(y, x), expected, rtol=1e-13)


@gaussians
def test_gaussians(kind):
    law, x = make(kind), given()
    y, z = of(law), law.network(x)
    m, v = (z[:, :2], z[:, 2:]) if kind == "gaussian" else (z, law.log_variance)
    np.testing.assert_array_equal(law.mean(x), m)
    np.testing.assert_array_equal(law.moments(x)[1], v)
    expected = stats.norm.logpdf(y, m, np.exp(v / 2)).sum(axis=1)
    np.testing.assert_allclose(law.log_density(y, x), expected, rtol=1e-13)


@both_dtypes
@every_law
def test_sizes_and_axes(kind, dtype):
    """Axes before the last are kept, whether there are none, one or two."""
    law, x = make(kind, dtype), given(6, dtype)
    y, noise = of(law, 6), of(law, 6, seed=3) / 2
    assert (law.given, law.size, law.dtype) == (3, 2, dtype)
    for shape in [(), (2, 3), (6, 1), (0,), (2, 0)]:
        few = int(np.prod(shape))
        x_, y_, e_ = (
            a[:few].reshape(*shape, -1 if few else a.shape[1]) for a in (x, y, noise)
        )
        found = (law.mean(x_), law.draw(x_, e_), law.log_density(y_, x_))
        assert [a.shape for a in found] == [(*shape, 2), (*shape, 2), shape]
        assert {a.dtype for a in found} == {np.dtype(dtype)}
        rows = law.log_density(y, x)[:few].reshape(shape)
        np.testing.assert_allclose(found[2], rows, rtol=2e-6)


def test_one_x_for_many_draws_of_what_is_given():
    """As for draws h of (L, n, d): y is (n, M)."""
    law, x = make("bernoulli"), given(6).reshape(2, 3, 3)
    y = of(law, 3)
    found = law.log_density(y, x)
    np.testing.assert_allclose(found[1], law.log_density(y, x[1]), rtol=1e-14)


# Draws, at noise that is given


def test_a_bit_is_one_below_its_probability():
    law, x = make("bernoulli"), given()
    p = law.mean(x)
    np.testing.assert_array_equal(law.draw(x, np.nextafter(p, 0)), np.ones((5, 2)))
    np.testing.assert_array_equal(law.draw(x, p), np.zeros((5, 2)))


@gaussians
def test_a_gaussian_is_its_mean_and_standard_deviations_of_noise(kind):
    law, x, noise = make(kind), given(), of(make("each"))
    mean, v = law.moments(x)
    np.testing.assert_array_equal(law.draw(x, 0 * noise), mean)
    standardized = (law.draw(x, noise) - mean) / np.exp(v / 2)
    np.testing.assert_allclose(standardized, noise, rtol=1e-12)


def test_slopes_of_a_draw():
    """dh/dm = 1 and dh/dv = (h - m) / 2."""
    m, v, noise = np.random.default_rng(0).standard_normal((3, 4))
    h = reparameterize(m, v, noise)
    one = np.ones(4)
    by_mean = jvp(lambda m: reparameterize(m, v, noise), (m,), (one,))[1]
    by_variance = jvp(lambda v: reparameterize(m, v, noise), (v,), (one,))[1]
    np.testing.assert_array_equal(by_mean, one)
    np.testing.assert_allclose(by_variance, (h - m) / 2, rtol=1e-13)


@both_dtypes
@every_law
def test_noise_is_that_of_a_key(kind, dtype):
    law = make(kind, dtype)
    noise = law.draw_noise((4, 5, 2), 7)
    fill = uniforms if kind == "bernoulli" else normals
    expected = np.empty(40, dtype)
    fill(draw_key(7), 0, 0, HIDDEN, expected)
    np.testing.assert_array_equal(noise, expected.reshape(4, 5, 2))
    assert noise.dtype == dtype
    rng = np.random.default_rng(7)
    np.testing.assert_array_equal(law.draw_noise((4, 5, 2), rng), noise)
    assert not np.any(law.draw_noise((4, 5, 2), rng) == noise)
    with pytest.raises(TypeError, match="rng is None"):
        law.draw_noise((2,), None)


# Derivatives


@pytest.mark.parametrize(
    ("dtype", "order"), [(np.float64, 1), (np.float64, 2), (np.float32, 1)]
)
@pytest.mark.parametrize("kind", LEARNED)
def test_derivatives_of_the_log_density(kind, dtype, order):
    """By each array of parameters, by y and by x."""
    law, x = make(kind, dtype), given(3, dtype)
    y = np.asarray(0.3 + 0.4 * of(law, 3), dtype)  # gray bits, as they are taken too
    report = check_gradients(
        lambda law, y, x: law.log_density(y, x), (law, y, x), order=order
    )
    assert report.inconclusive == 0


@pytest.mark.parametrize("kind", LEARNED[1:])
def test_derivatives_of_a_draw(kind):
    law, x, noise = make(kind), given(3), of(make("each"), 3)
    report = check_gradients(lambda law, x: law.draw(x, noise), (law, x), order=2)
    assert report.inconclusive == 0


@both_dtypes
@pytest.mark.parametrize("kind", LAWS[2:])
def test_a_variance_has_a_derivative_only_if_it_is_learned(kind, dtype):
    law, x = make(kind, dtype), given(dtype=dtype)
    slope = grad(lambda law: np.sum(law.log_density(of(law), x)))(law)
    v, m = law.log_variance, law.mean(x)
    residual = (of(law) - m) / np.exp(v / 2)
    by_hand = np.sum((residual**2 - 1) / 2, axis=0)
    by_hand = by_hand.sum() if v.shape == () else by_hand
    expected = by_hand * kind.endswith("learned")
    np.testing.assert_allclose(slope.log_variance, expected, rtol=1e-5, atol=1e-6)
    assert slope.log_variance.shape == v.shape
    assert {leaf.dtype for leaf in tree_leaves(slope)} == {np.dtype(dtype)}


# Extremes


@both_dtypes
@pytest.mark.parametrize("z", [-1e3, -30, 20, 89, 1e3])
def test_log_variances_are_kept_to_their_range(z, dtype):
    """And the slope goes on outside, so that a unit can come back."""
    law, x = make("gaussian", dtype), given(dtype=dtype)
    law.network.layers[-1].weights[:] = 0
    law.network.layers[-1].bias[2:] = z
    expected = np.full((5, 2), np.clip(z, -30, 20), dtype)
    np.testing.assert_array_equal(law.moments(x)[1], expected)
    slope = grad(lambda law: np.sum(law.moments(x)[1]))(law)
    np.testing.assert_array_equal(slope.network.layers[-1].bias, [0, 0, 5, 5])
    density, draw = law.log_density(of(law), x), law.draw(x, of(law))
    assert np.isfinite(density).all()
    assert np.isfinite(draw).all()
    assert density.dtype == draw.dtype == dtype


@both_dtypes
@pytest.mark.parametrize("z", [0.0, 17.0, 40.0, 104.0, 710.0, 1e4])
def test_certain_bits(z, dtype):
    """Right ones cost nothing, up to the rounding of z, and wrong ones z nats each."""
    bias = np.array([z, -z], dtype)
    law = Bernoulli(MLP([Dense(np.zeros((3, 2), dtype), bias)]))
    x, right = given(1, dtype), np.array([[1, 0]], dtype)
    rounding = {"rel": 1e-6, "abs": 2 * float(np.finfo(dtype).eps) * z}
    costs = [2 * np.logaddexp(0, sign * z) for sign in (-1, 1)]
    for y, cost in zip((right, 1 - right), costs, strict=True):
        assert law.log_density(y, x) == pytest.approx(-cost, **rounding)
    slope = grad(lambda law: law.log_density(1 - right, x)[0])(law)
    bits = slope.network.layers[0].bias
    np.testing.assert_allclose(bits, sigmoid(z) * np.array([-1, 1]), rtol=1e-6)
    assert bits.dtype == dtype


def test_no_bit_is_drawn_by_a_probability_that_is_not_a_number():
    law = tree_map(lambda leaf: np.full_like(leaf, np.nan), make("bernoulli"))
    with pytest.raises(ValueError, match=r"mean of y is nan.*load the model"):
        law.draw(given(), np.full((5, 2), 0.5))


# What is refused


def test_what_is_no_network():
    with pytest.raises(TypeError, match=r"network is a list; .*MLP\.create"):
        Gaussian([1, 2])
    with pytest.raises(ValueError, match=r"returns 5 numbers.*even number"):
        Gaussian(make_network((3, 5), np.random.default_rng(0)))
    broken = make_network((3, 2), np.random.default_rng(0))
    broken.layers[0].bias = np.zeros(7)
    with pytest.raises(ValueError, match="are no layer"):
        Bernoulli(broken)


@every_law
def test_inputs_that_do_not_fit(kind):
    law = make(kind)
    narrow = given()[:, :2]
    for bad in (narrow, narrow.reshape(5, 1, 2), np.float64(1), [[1.0]]):
        with pytest.raises(ValueError, match=r"takes an array of shape \(batch, 3\)"):
            law.mean(bad)
    with pytest.raises(TypeError, match=r"x is float32 .*x\.astype"):
        law.mean(given(dtype=np.float32))
    with pytest.raises(ValueError, match="do not describe the same features"):
        law.log_density(np.zeros((5, 3)), given())
