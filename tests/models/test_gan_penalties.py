"""Penalties on the slope of a discriminator, clipping, and the bound of its slope."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import check_gradients, grad
from models.gan_penalties import (
    STEEPEST,
    clip_weights,
    gradient_penalty,
    input_gradient,
    lipschitz_bound,
    r1_penalty,
    require_penalty,
)
from models.mlp import ACTIVATIONS, MLP
from tests.models.gans import make_batch, make_gan, with_or_without_classes

seeds = st.integers(0, 10**6)


def line(a, b):
    """Return the discriminator f(x) = a.x + b."""
    return lambda x: x @ a + b


@given(seed=seeds, n=st.integers(1, 5), d=st.integers(1, 4))
def test_of_a_line_the_slope_is_known(seed, n, d):
    """|a|, at all points: both penalties in closed form, whatever is mixed."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal(d), rng.standard_normal()
    (real, fake), mix = rng.standard_normal((2, n, d)), rng.random((n, 1))
    steep = np.linalg.norm(a)
    np.testing.assert_allclose(input_gradient(line(a, b), real), np.tile(a, (n, 1)))
    found = gradient_penalty(line(a, b), real, fake, mix)
    assert found == pytest.approx((steep - 1) ** 2, rel=1e-9, abs=1e-15)
    assert r1_penalty(line(a, b), real) == pytest.approx(steep**2 / 2, rel=1e-12)


def test_where_the_slope_is_taken():
    """Of f = |x|^2 / 2, with the slope x: at the mixtures, and at the data alone."""
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((2, 7, 3))
    mix = rng.random((7, 1))

    def bowl(x):
        return np.sum(x**2, axis=1) / 2

    between = [e * x + (1 - e) * y for e, x, y in zip(mix, real, fake, strict=True)]
    expected = np.mean([(np.linalg.norm(x) - 1) ** 2 for x in between])
    found = gradient_penalty(bowl, real, fake, mix)
    assert found == pytest.approx(expected, rel=1e-13)
    assert r1_penalty(bowl, real) == pytest.approx(np.mean(real**2) * 3 / 2, rel=1e-13)
    at_data = gradient_penalty(bowl, real, fake, np.ones((7, 1)))
    assert at_data == pytest.approx(
        np.mean((np.linalg.norm(real, axis=1) - 1) ** 2), rel=1e-13
    )


def test_each_row_has_its_own_slope():
    """Detects a sum over rows: the gradient of one logit alone is that row."""
    gan = make_gan()
    x, *_ = make_batch(gan)
    found = input_gradient(gan.logits, x)
    for i, row in enumerate(x):
        alone = grad(lambda r: gan.logits(r[np.newaxis])[0])(row)
        np.testing.assert_allclose(found[i], alone, rtol=1e-12)


@with_or_without_classes
@pytest.mark.parametrize("penalty", ["gradient", "r1"])
def test_derivatives_of_the_penalties_by_all_parameters(penalty, classes):
    """To second order, so that third derivatives of f by x and twice theta are met."""
    gan = make_gan(classes=classes)
    x, h, mix, *labels = make_batch(gan)
    y = gan.generate(h, *labels)

    def value(discriminator):
        def logits(x):
            return discriminator(gan.told(x, *labels))[:, 0]

        if penalty == "gradient":
            return gradient_penalty(logits, x, y, mix)
        return r1_penalty(logits, x)

    assert value(gan.discriminator) > 1e-3
    assert check_gradients(value, (gan.discriminator,), order=2).inconclusive == 0


def test_a_flat_discriminator_has_a_penalty_without_a_slope():
    """|grad f| = 0 everywhere: the penalty is one, and its gradient is finite."""
    gan = make_gan(activation="relu")
    for layer in gan.discriminator.layers:
        layer.weights[:] = 0
    x, _, mix = make_batch(gan)

    def value(discriminator):
        return gradient_penalty(lambda x: discriminator(x)[:, 0], x, 2 * x, mix)

    assert value(gan.discriminator) == 1
    for layer in grad(value)(gan.discriminator).layers:
        np.testing.assert_array_equal(layer.weights, 0)


@pytest.mark.parametrize("activation", sorted(STEEPEST))
@given(seed=seeds)
def test_the_bound_of_the_slope_holds(activation, seed):
    """For pairs far and near; the steepest slope of each activation is among them."""
    sizes = (3, 6, 5, 1)
    f = MLP.create(sizes, activation=activation, rng=seed)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((40, 3))
    y = x + rng.choice([1e-3, 1.0], (40, 1)) * rng.standard_normal((40, 3))
    steep = np.abs(f(x) - f(y))[:, 0] / np.linalg.norm(x - y, axis=1)
    assert np.all(steep <= lipschitz_bound(f) * (1 + 1e-9))


def test_one_layer_reaches_its_bound():
    """Along its first singular vector; and the table has all activations there are."""
    f = MLP.create((3, 2), rng=0)
    W = f.layers[0].weights
    direction = np.linalg.svd(W)[0][:, :1].T
    reached = np.linalg.norm(direction @ W)
    assert lipschitz_bound(f) == pytest.approx(reached, rel=1e-12)
    assert set(STEEPEST) == set(ACTIVATIONS)


@pytest.mark.parametrize("name", sorted(STEEPEST))
def test_the_steepest_slope_of_an_activation(name):
    """Reached within 1e-6 on [-20, 20], and never passed."""
    f, x = ACTIVATIONS[name], np.linspace(-20, 20, 4001)
    slope = grad(lambda x: np.sum(f(x)))(x)
    assert slope.max() == pytest.approx(STEEPEST[name], rel=1e-6)


def test_clipping_moves_weights_and_leaves_biases():
    f = make_gan().discriminator
    weights = [layer.weights.copy() for layer in f.layers]
    biases = [layer.bias.copy() for layer in f.layers]
    arrays = [layer.weights for layer in f.layers]
    clip_weights(f, 0.2)
    for layer, array, before, bias in zip(
        f.layers, arrays, weights, biases, strict=True
    ):
        assert layer.weights is array
        np.testing.assert_array_equal(array, np.clip(before, -0.2, 0.2))
        np.testing.assert_array_equal(layer.bias, bias)


@pytest.mark.parametrize("bound", [0, -1.0, float("nan")])
def test_a_bound_that_leaves_nothing(bound):
    f = make_gan().discriminator
    before = f.layers[0].weights.copy()
    with pytest.raises(ValueError, match=r"bound of the weights is .* such as 0\.1"):
        clip_weights(f, bound)
    np.testing.assert_array_equal(f.layers[0].weights, before)


def test_penalties_that_there_are_not():
    with pytest.raises(ValueError, match="no penalty 'r2'; the names are grad"):
        require_penalty("r2", 1.0)
    for weight in (0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"weight is .* write penalty=None"):
            require_penalty("r1", weight)
    require_penalty(None, 10.0)
