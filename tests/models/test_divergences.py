"""Divergences of discrete laws: values by hand, conventions at zeros, rounding."""

from decimal import Context, Decimal, localcontext

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from autodiff import explain, grad, softmax
from models import (
    jensen_shannon,
    kl_divergence,
    kl_from_logits,
    total_variation,
)
from models.divergences import relative_entropy

RNG = np.random.default_rng(0)
LOG2 = np.log(2)


def laws(n, k, concentration=1.0):
    return RNG.dirichlet(np.full(k, concentration), n)


def test_values_by_hand():
    fair, loaded = np.array([0.5, 0.5]), np.array([0.75, 0.25])
    assert kl_divergence(fair, loaded) == pytest.approx(LOG2 - np.log(3) / 2, rel=1e-15)
    assert kl_divergence(loaded, fair) == pytest.approx(
        0.75 * np.log(3) - LOG2, rel=1e-14
    )
    assert total_variation(fair, loaded) == 0.25
    sure = np.eye(2)
    assert kl_divergence(sure, fair).tolist() == pytest.approx([LOG2, LOG2], rel=1e-15)
    assert jensen_shannon(sure[0], sure[1]) == pytest.approx(LOG2, rel=1e-15)
    assert total_variation(sure[0], sure[1]) == 1


def test_the_divergences_are_those_of_scipy():
    p, q = laws(20, 7), laws(20, 7)
    np.testing.assert_allclose(kl_divergence(p, q), stats.entropy(p, q, axis=1))
    expected = jensenshannon(p, q, axis=1) ** 2
    np.testing.assert_allclose(jensen_shannon(p, q), expected, rtol=1e-12)


def test_one_law_against_many():
    p, q = laws(20, 7), laws(1, 7)[0]
    for divergence in (kl_divergence, jensen_shannon, total_variation):
        each = [divergence(row, q) for row in p]
        np.testing.assert_allclose(divergence(p, q), each, rtol=1e-14)
        assert divergence(p[:, np.newaxis], laws(3, 7)).shape == (20, 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros(dtype):
    p = np.array([0.5, 0.5, 0, 0], dtype)
    q = np.array([0.25, 0.25, 0.5, 0], dtype)
    assert kl_divergence(p, q) == pytest.approx(LOG2, rel=1e-6)
    assert kl_divergence(q, p) == np.inf
    assert jensen_shannon(p, q) == jensen_shannon(q, p)
    for value in (kl_divergence(p, q), kl_divergence(q, p), jensen_shannon(p, q)):
        assert value.dtype == dtype
    tiny = np.finfo(dtype).tiny
    assert relative_entropy(np.zeros(2, dtype), np.array([0, 1], dtype))[1] == 1
    assert relative_entropy(np.array([tiny, 1], dtype), np.zeros(2, dtype))[0] == np.inf
    assert np.isfinite(relative_entropy(np.ones(1, dtype), np.array([tiny], dtype)))


def test_gradients_on_and_at_the_edge_of_the_simplex():
    p, q = laws(1, 5)[0], laws(1, 5)[0]
    by_p, by_q = grad(kl_divergence, (0, 1))(p, q)
    np.testing.assert_allclose(by_p, np.log(p / q), rtol=1e-12)
    np.testing.assert_allclose(by_q, 1 - p / q, rtol=1e-12)
    for slope in grad(kl_divergence, (0, 1))(p, p.copy()):
        assert not np.any(slope)
    by_p = grad(jensen_shannon)(p, q)
    np.testing.assert_allclose(by_p, np.log(2 * p / (p + q)) / 2, rtol=1e-12)

    missing = np.array([0.5, 0.5, 0.0])
    by_p, by_q = grad(kl_divergence, (0, 1))(np.full(3, 1 / 3), missing)
    assert by_p[2] == np.inf
    assert by_q[2] < -1e300
    by_p, by_q = grad(kl_divergence, (0, 1))(missing, np.full(3, 1 / 3))
    assert np.log(np.finfo(float).tiny) < by_p[2] < -700
    assert by_q[2] == 1
    assert grad(total_variation)(missing, missing.copy()).tolist() == [0, 0, 0]


def test_an_underflowed_probability_does_not_spoil_a_gradient():
    z = np.array([0.0, 1.0, -800.0])
    assert softmax(z)[2] == 0
    q = np.array([0.2, 0.3, 0.5])
    slope = grad(lambda z: kl_divergence(softmax(z), q))(z)
    p = softmax(z[:2])
    expected = p * (np.log(p / q[:2]) - kl_divergence(softmax(z), q))
    np.testing.assert_allclose(slope, [*expected, 0], rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_close_and_distant_numbers_keep_their_digits(dtype):
    """Against 40 decimals: the error is a few eps of q - p and of p log(p / q)."""
    scales = 10.0 ** RNG.uniform(-30, 0, 300)
    p = scales.astype(dtype)
    close = scales * (1 + 10.0 ** RNG.uniform(-6, -1, 300) * RNG.choice([-1, 1], 300))
    eps = Decimal(float(np.finfo(dtype).eps))
    with localcontext(Context(prec=40)):
        for q in (close.astype(dtype), RNG.permutation(p)):
            for x, y, found in zip(p, q, relative_entropy(p, q), strict=True):
                x, y = Decimal(float(x)), Decimal(float(y))
                of_p, of_q = x * (x / y).ln(), y - x
                error = Decimal(float(found)) - (of_p + of_q)
                assert abs(error) <= 4 * eps * (abs(of_p) + abs(of_q))
                assert found >= 0


def test_the_divergence_of_close_laws_is_quadratic():
    """KL(p || p + d) tends to sum d^2 / (2 p); a sum of p log(p / q) loses it."""
    p, d = np.full(4, 0.25), np.array([1, -1, 2, -2])
    for size in (1e-6, 1e-9, 1e-12):
        expected = size**2 * np.sum(d**2 / (2 * p))
        q = p + size * d
        assert kl_divergence(p, q) == pytest.approx(expected, rel=1e-3)
        assert jensen_shannon(p, q) == pytest.approx(expected / 4, rel=1e-3)
    assert abs(np.sum(p * np.log(p / q)) / expected - 1) > 0.5


def test_no_term_is_negative_and_no_divergence_too_large():
    p = laws(500, 6, 0.2)
    q = np.abs(p + 1e-9 * RNG.standard_normal(p.shape))
    q /= q.sum(axis=1, keepdims=True)
    assert np.all(relative_entropy(p, q) >= 0)
    assert np.all(kl_divergence(p, q) < 1e-8)
    far = jensen_shannon(laws(500, 6, 0.02), laws(500, 6, 0.02))
    assert np.all((far >= 0) & (far <= LOG2 * (1 + 1e-14)))
    assert far.max() > 0.999 * LOG2


def test_from_logits():
    a, b = RNG.standard_normal((2, 20, 7))
    expected = kl_divergence(softmax(a), softmax(b))
    np.testing.assert_allclose(kl_from_logits(a, b), expected, rtol=1e-12)
    np.testing.assert_allclose(kl_from_logits(a + 5, b - 3), expected, rtol=1e-12)
    assert np.max(np.abs(kl_from_logits(a, a))) == 0
    by_q = grad(lambda b: np.sum(kl_from_logits(a, b)))(b)
    np.testing.assert_allclose(by_q, softmax(b) - softmax(a), rtol=1e-11, atol=1e-15)
    # The second outcome has probability e^-2000 under one, e^-1000 under the other.
    far, near = np.array([0.0, -2000]), np.array([0.0, -1000])
    assert kl_from_logits(far, near) == kl_from_logits(near, far) == 0
    assert kl_from_logits(-far, near) == 3000 - 2000
    for size in (1e-3, 1e-6, 1e-9):
        shift = size * RNG.standard_normal(a.shape)
        p = softmax(a)
        mean = np.sum(p * shift, axis=1)
        expected = np.sum(p * (shift - mean[:, np.newaxis]) ** 2, axis=1) / 2
        found = kl_from_logits(a, a + shift)
        np.testing.assert_allclose(found, expected, rtol=10 * size + 1e-5)
        assert np.all(found > 0)
    for bad in (np.inf, -np.inf, np.nan):
        z = np.array([0.0, bad])
        with pytest.raises(ValueError, match=r"logits_p holds .* kl_divergence"):
            kl_from_logits(z, far)
        with pytest.raises(ValueError, match="logits_q holds"):
            kl_from_logits(far, z)


def test_the_program_of_a_gradient_holds_for_other_laws():
    def divergence(a, b):
        p, q = softmax(a), softmax(b)
        return kl_divergence(p, q) + jensen_shannon(p, q) + total_variation(p, q)

    program = explain(grad(divergence), *RNG.standard_normal((2, 5)))
    other = RNG.standard_normal((2, 5))
    np.testing.assert_allclose(program(*other), grad(divergence)(*other), rtol=1e-12)
