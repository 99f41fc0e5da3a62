"""What a critic's slope has to be, and how it is held there.

The best critic between two laws rises by the distance between all x and y that the
cheapest plan brings together; so its slope is one on the way from the one to the other.
"Gradient penalty" asks for that, (|grad f| - 1)^2, and its own gradient is a derivative
of a derivative. Clipped weights bound the slope too, by the product of the layers'
norms, and hardly ever come near the bound. To be read after test_wasserstein_game.py,
from top to bottom; every statement is an assertion. Numbers like T65 are those of the
list in README.md.

Sources: I. Gulrajani et al., NeurIPS (2017), proposition 1; M. Arjovsky, S. Chintala
and L. Bottou, ICML (2017); T. Miyato et al., ICLR (2018), for the power iteration.
"""

import numpy as np
import pytest
from scipy.optimize import linprog

from autodiff import grad
from models.gan_games import discriminator_loss
from models.gan_penalties import (
    clip_weights,
    gradient_penalty,
    input_gradient,
    lipschitz_bound,
    r1_penalty,
)
from models.mlp import MLP
from models.transport import optimal_transport
from models.wasserstein import wasserstein_1d

SEEDS = range(4)
each_case = pytest.mark.parametrize("seed", SEEDS)


def some_critic(seed, activation="tanh", sizes=(2, 6, 5, 1)):
    """A network with biases, and x : (7, 2)."""
    rng = np.random.default_rng(seed)
    network = MLP.create(sizes, activation=activation, rng=rng)
    for layer in network.layers:
        layer.weights *= 1.5
        layer.bias += 0.3 * rng.normal(size=layer.bias.shape)
    return network, rng.normal(size=(7, sizes[0]))


def values_of(network):
    return lambda x: network(x)[:, 0]


# 1. A derivative of a derivative


@each_case
def test_the_slope_by_x(seed):
    """Row i is df(x_i) / dx_i, by differences of 1e-6 along each entry (T65)."""
    network, x = some_critic(seed)
    f = values_of(network)
    found = input_gradient(f, x)
    for k in range(2):
        d = 1e-6 * np.eye(2)[k]
        expected = (f(x + d) - f(x - d)) / 2e-6
        np.testing.assert_allclose(found[:, k], expected, atol=1e-8)


@pytest.mark.parametrize("penalty", ["gradient", "r1"])
@each_case
def test_the_gradient_of_a_penalty(seed, penalty):
    """By every weight and bias, held to differences of the penalty by 1e-5 (T65).

    The first backpropagation gives the slope by x, the second goes back through it. A
    slope that is taken for a constant would leave no gradient at all. The last bias has
    none, as it has no part in any slope.
    """
    network, x = some_critic(seed)
    rng = np.random.default_rng(seed)
    y, mix = rng.normal(size=x.shape), rng.random((7, 1))

    def value(network):
        if penalty == "r1":
            return r1_penalty(values_of(network), x)
        return gradient_penalty(values_of(network), x, y, mix)

    gradient, sizes = grad(value)(network), []
    for layer, found in zip(network.layers, gradient.layers, strict=True):
        for name in ("weights", "bias"):
            array, by_array = getattr(layer, name), getattr(found, name)
            sizes.append(np.max(np.abs(by_array)))
            for index in np.ndindex(array.shape):
                at, around = array[index], []
                for moved in (at + 1e-5, at - 1e-5):
                    array[index] = moved
                    around.append(value(network))
                array[index] = at
                difference = (around[0] - around[1]) / 2e-5
                assert by_array[index] == pytest.approx(difference, abs=2e-7)
    assert min(sizes[:-1]) > 1e-3
    assert sizes[-1] == 0


@each_case
def test_the_penalty_is_what_it_says(seed):
    """The mean of (|grad f| - 1)^2 on the ways, ends included: mix 1 is data (T65)."""
    network, x = some_critic(seed)
    f, y = values_of(network), x[::-1] + 1
    for mix, at in ((1.0, x), (0.0, y), (0.25, 0.25 * x + 0.75 * y)):
        norms = np.linalg.norm(input_gradient(f, at), axis=1)
        found = gradient_penalty(f, x, y, np.full((7, 1), mix))
        assert found == pytest.approx(np.mean((norms - 1) ** 2), rel=1e-12)
    norms = np.linalg.norm(input_gradient(f, x), axis=1)
    assert r1_penalty(f, x) == pytest.approx(np.mean(norms**2) / 2, rel=1e-12)


# 2. The slope of the best critic


def critic_on_a_line(x, p_r, p_g):
    """max (p_r - p_g) f with |f_i+1 - f_i| <= x_i+1 - x_i; f at the places, f_0 = 0."""
    steps = np.eye(len(x))[1:] - np.eye(len(x))[:-1]
    found = linprog(
        p_g - p_r,
        np.concatenate([steps, -steps]),
        np.tile(np.diff(x), 2),
        bounds=[(0, 0)] + [(None, None)] * (len(x) - 1),
    )
    return -found.fun, found.x


@each_case
def test_between_the_supports_it_is_one(seed):
    """Data on [-2, -1], draws on [1, 2]: f falls by one a unit, all the way (T65).

    All mass has to go that way. The value, by the program of f, is W_1.
    """
    x = np.linspace(-2, 2, 41)
    p_r, p_g = np.zeros((2, 41))
    p_r[:11], p_g[30:] = np.random.default_rng(seed).dirichlet(np.ones(11), 2)
    value, f = critic_on_a_line(x, p_r, p_g)
    np.testing.assert_allclose(np.diff(f)[10:30] / np.diff(x)[10:30], -1, rtol=1e-9)
    assert value == pytest.approx(wasserstein_1d(x, x, p_r, p_g), rel=1e-9)


@each_case
def test_on_a_line_it_says_where_mass_has_to_go(seed):
    """f' = sign(G - F): one wherever the distribution functions differ (T65).

    Mass crosses a place if they do, F - G of it, to the right if this is positive.
    """
    rng = np.random.default_rng(seed)
    x = np.sort(rng.normal(size=30))
    p_r, p_g = rng.dirichlet(np.ones(30), 2)
    crossing = np.cumsum(p_r - p_g)[:-1]
    _, f = critic_on_a_line(x, p_r, p_g)
    assert np.min(np.abs(crossing)) > 1e-6
    assert len(np.unique(np.sign(crossing))) == 2
    np.testing.assert_allclose(np.diff(f) / np.diff(x), -np.sign(crossing), rtol=1e-7)


def matched(seed, n=8):
    """Points x and y in the plane, in the pairs of the cheapest plan, and the critic.

    The critic is f(z) = min_j |z - y_j| - v_j, from the prices v of the dual program:
    the largest function of slope one with these values at the y.
    """
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(n, 2)) + 2
    equal = np.full(n, 1 / n)
    distance = np.linalg.norm(x[:, np.newaxis] - y, axis=-1)
    plan = optimal_transport(equal, equal, distance)
    y, v = (array[plan.plan.argmax(axis=1)] for array in (y, plan.potential_b))

    def critic(z):
        away = z[:, np.newaxis] - y
        return np.min(np.sqrt(np.sum(away**2, axis=-1)) - v, axis=1)

    return x, y, critic, plan.cost


@each_case
def test_along_the_ways_of_the_plan_it_is_one(seed):
    """f(x) - f(y) = |x - y| for each pair, and so on the way too (T65).

    Hence the penalty of the best critic is zero there, to rounding, at any mix, and it
    is W_1 in the game.
    """
    x, y, critic, cost = matched(seed)
    np.testing.assert_allclose(
        critic(x) - critic(y), np.linalg.norm(x - y, axis=1), rtol=1e-9
    )
    assert discriminator_loss("wasserstein", critic(x), critic(y)) == pytest.approx(
        -cost
    )
    mix = np.random.default_rng(seed).uniform(0.05, 1, (len(x), 1))
    along = (x - y) / np.linalg.norm(x - y, axis=1, keepdims=True)
    between = mix * x + (1 - mix) * y
    np.testing.assert_allclose(input_gradient(critic, between), along, atol=1e-6)
    assert gradient_penalty(critic, x, y, mix) < 1e-20
    assert gradient_penalty(lambda z: 2 * critic(z), x, y, mix) == pytest.approx(1)


def test_elsewhere_it_need_not_be():
    """Between pairs that the plan does not match a best critic may be flat (T65).

    f(z) = max(-1, min(1, z_1)) is one for data at z_1 = 1 and draws at z_1 = -1, one
    level each. Beyond the data it has no slope, and the penalty there would be 1: it
    holds the critic back where no law asks for it.
    """
    x = np.array([[1.0, 0.0], [1.0, 3.0]])
    right, middle = np.array([1.0, 0.0]), np.full((2, 1), 0.5)
    y = x - 2 * right

    def critic(z):
        return np.minimum(1, np.maximum(-1, z[:, 0]))

    assert discriminator_loss("wasserstein", critic(x), critic(y)) == -2
    assert gradient_penalty(critic, x, y, middle) == 0
    assert gradient_penalty(critic, x + right, x + 2 * right, middle) == 1


# 3. Norms of layers


def power_iteration(W, steps):
    """The largest |v W| / |v|, by v <- v W W^T / |...|."""
    v = np.random.default_rng(0).normal(size=len(W))
    for _ in range(steps):
        v = v @ W @ W.T
        v /= np.linalg.norm(v)
    return np.linalg.norm(v @ W)


@each_case
def test_the_norm_of_a_layer_by_power_iteration(seed):
    """It comes to the largest singular value from below, by a known rate (T65).

    The angle to the singular vector shrinks by (s_2 / s_1)^2 a step, what is missing by
    the square of that. The bound of a network of one layer is this value.
    """
    W = np.random.default_rng(seed).normal(size=(8, 5))
    s = np.linalg.svd(W, compute_uv=False)
    found = [power_iteration(W, steps) for steps in (1, 3, 10, 1000)]
    assert np.all(np.diff(found) > 0)
    assert found[-1] == pytest.approx(s[0], rel=1e-12)
    rate = (s[0] - power_iteration(W, 20)) / (s[0] - power_iteration(W, 10))
    assert rate < 4 * (s[1] / s[0]) ** 40
    network = MLP.create((8, 5), rng=0)
    network.layers[0].weights[:] = W
    assert lipschitz_bound(network) == pytest.approx(found[-1], rel=1e-12)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "relu", "softplus"])
@each_case
def test_no_slope_is_above_the_product_of_the_norms(seed, activation):
    """|f(x) - f(y)| <= L |x - y| and |grad f| <= L, at 500 points (T65)."""
    network, _ = some_critic(seed, activation)
    f, bound = values_of(network), lipschitz_bound(network)
    x, y = np.random.default_rng(seed).normal(size=(2, 500, 2))
    assert np.all(np.abs(f(x) - f(y)) <= bound * np.linalg.norm(x - y, axis=1))
    steepest = np.linalg.norm(input_gradient(f, x), axis=1).max()
    assert 0 < steepest < bound


def test_it_is_reached_if_the_layers_stretch_one_direction():
    """f(x) = 2 * 3 * 5 tanh(tanh(...)) has the slope 30 at zero: no less will do (T65).

    A bound that lost a layer, or took another norm, is seen.
    """
    network, _ = some_critic(0)
    direction = np.array([[0.6], [0.8]])
    for layer, norm in zip(network.layers, (2, 3, 5), strict=True):
        left = (
            direction
            if layer is network.layers[0]
            else np.eye(len(layer.weights))[:, :1]
        )
        layer.weights[:] = norm * left @ np.eye(1, layer.weights.shape[1])
        layer.bias[:] = 0
    assert lipschitz_bound(network) == pytest.approx(30, rel=1e-12)
    slope = input_gradient(values_of(network), np.zeros((1, 2)))
    np.testing.assert_allclose(slope, 30 * direction.T, rtol=1e-12)


@each_case
def test_clipped_weights_bound_the_slope_and_waste_it(seed):
    """Each layer's norm is c (n m)^(1/2) at the most, and so is L their product (T65).

    Clipped to 0.01, as published, no slope of the network is near the one of a best
    critic: at most 1e-4 here.
    """
    network, x = some_critic(seed)
    clip_weights(network, 0.1)
    largest = 1.0
    for layer in network.layers:
        assert np.max(np.abs(layer.weights)) == 0.1
        largest *= 0.1 * np.sqrt(layer.weights.size)
    assert (
        np.linalg.norm(input_gradient(values_of(network), x), axis=1).max() <= largest
    )
    assert lipschitz_bound(network) <= largest
    clip_weights(network, 0.01)
    assert lipschitz_bound(network) < 1e-4
