"""Layers: values, the gradients derived by hand, precision and errors."""

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_leaves, value_and_grad
from models import ACTIVATIONS, MLP, Dense, cross_entropy, mean_squared_error

SLOPES = {
    "identity": lambda z: np.ones_like(z),
    "tanh": lambda z: 1 - np.tanh(z) ** 2,
    "sigmoid": lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2,
    "relu": lambda z: (z > 0).astype(z.dtype),
    "softplus": lambda z: 1 / (1 + np.exp(-z)),
}
VALUES = {
    "identity": lambda z: z,
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "relu": lambda z: np.where(z > 0, z, 0),
    "softplus": lambda z: np.log(1 + np.exp(z)),
}


def layer_and_batch(activation, seed=0):
    rng = np.random.default_rng(seed)
    layer = Dense.create(4, 3, activation=activation, rng=rng)
    layer.bias = off_the_kink(layer)
    return layer, 0.3 * rng.standard_normal((5, 4)), rng.standard_normal((5, 3))


def off_the_kink(layer):
    """Return biases, half on and half off, that keep z away from the kink of a relu."""
    size = 9.0 if layer.activation == "relu" else 0.5
    return np.where(np.arange(len(layer.bias)) % 2, -size, size)


def test_the_tables_of_this_file_are_complete():
    assert SLOPES.keys() == VALUES.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_layer_is_the_activation_of_a_linear_map(activation):
    layer, x, _ = layer_and_batch(activation)
    z = np.array([[row @ layer.weights[:, j] for j in range(3)] for row in x])
    expected = VALUES[activation](z + layer.bias)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-13)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_backpropagation_by_hand_through_a_layer(activation):
    layer, x, target = layer_and_batch(activation)

    def loss(layer, x):
        return mean_squared_error(layer(x), target)

    of_layer, of_x = grad(loss, argnums=(0, 1))(layer, x)
    z = x @ layer.weights + layer.bias
    g = 2 * (VALUES[activation](z) - target) / target.size
    delta = g * SLOPES[activation](z)
    np.testing.assert_allclose(of_layer.weights, x.T @ delta, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(of_layer.bias, delta.sum(axis=0), rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(of_x, delta @ layer.weights.T, rtol=1e-12, atol=1e-16)
    assert check_gradients(loss, (layer, x)).inconclusive == 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_a_network_is_that_of_finite_differences(activation, seed):
    rng = np.random.default_rng(seed)
    model = MLP.create((5, 6, 4, 3), activation=activation, rng=rng)
    for layer in model.layers:
        layer.bias = off_the_kink(layer)
    x, labels = 0.3 * rng.standard_normal((7, 5)), rng.integers(0, 3, 7)
    report = check_gradients(lambda m: cross_entropy(m(x), labels), (model,))
    assert report.inconclusive == 0


def test_the_gradient_is_a_model():
    rng = np.random.default_rng(0)
    model = MLP.create((5, 4, 3), activation="tanh", rng=rng)
    x = rng.standard_normal((2, 5))
    gradient = grad(lambda model: np.sum(model(x) ** 2))(model)
    assert type(gradient) is MLP
    assert [layer.activation for layer in gradient.layers] == ["tanh", "identity"]
    assert [g.shape for g in tree_leaves(gradient)] == [(5, 4), (4,), (4, 3), (3,)]


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_float32_stays_float32(activation):
    rng = np.random.default_rng(0)
    model = MLP.create((5, 4, 3), activation=activation, rng=rng, dtype=np.float32)
    x = rng.standard_normal((6, 5), dtype=np.float32)
    labels = rng.integers(0, 3, 6)
    value, gradient = value_and_grad(lambda m: cross_entropy(m(x), labels))(model)
    assert model(x).dtype == np.asarray(value).dtype == np.float32
    assert {leaf.dtype for leaf in tree_leaves(gradient)} == {np.dtype(np.float32)}


def test_create():
    model = MLP.create((64, 32, 16, 10), activation="relu", rng=0)
    assert [layer.weights.shape for layer in model.layers] == [
        (64, 32),
        (32, 16),
        (16, 10),
    ]
    assert [layer.activation for layer in model.layers] == ["relu", "relu", "identity"]
    assert all(np.all(layer.bias == 0) for layer in model.layers)
    again = MLP.create((64, 32, 16, 10), rng=0)
    for one, other in zip(tree_leaves(model), tree_leaves(again), strict=True):
        assert np.array_equal(one, other)
    # He's rule in front of a relu, Glorot's bounded one elsewhere.
    hidden, _, last = (layer.weights for layer in model.layers)
    assert np.abs(hidden).max() > np.sqrt(6 / (64 + 32))
    assert np.abs(last).max() <= np.sqrt(6 / (16 + 10))
    tanh = MLP.create((64, 32, 10), activation="tanh", rng=0).layers[0].weights
    assert np.abs(tanh).max() <= np.sqrt(6 / (64 + 32))


def test_a_network_is_its_layers_in_order():
    layers = [Dense.create(*s, activation="tanh", rng=0) for s in [(4, 3), (3, 2)]]
    x = np.random.default_rng(0).standard_normal((5, 4))
    assert np.array_equal(MLP(layers)(x), layers[1](layers[0](x)))


def test_models_compare_by_identity():
    one, other = Dense.create(2, 2, rng=0), Dense.create(2, 2, rng=0)
    assert one == one
    assert one != other


def test_errors_of_the_input():
    layer = Dense.create(4, 3, rng=0)
    for x in (np.zeros((5, 3)), np.zeros(4), np.zeros((2, 2, 4)), [[0.0] * 4]):
        with pytest.raises(ValueError, match=r"shape \(batch, 4\)"):
            layer(x)
    for dtype in (np.float32, np.uint8):
        with pytest.raises(TypeError, match=r"write x\.astype\(np\.float64\)"):
            layer(np.zeros((5, 4), dtype))


def test_errors_of_the_parts():
    W, b = np.zeros((4, 3)), np.zeros(3)
    with pytest.raises(
        ValueError, match="no activation 'gelu'; the names are identity"
    ):
        Dense(W, b, "gelu")
    with pytest.raises(
        ValueError, match="no initializer 'lecun'; the names are glorot"
    ):
        Dense.create(4, 3, initializer="lecun", rng=0)
    for name in (["relu"], None, np.tanh):
        with pytest.raises(ValueError, match="there is no activation"):
            Dense(W, b, name)
    for sizes in ((64, 10), (64, 32, 10)):
        with pytest.raises(ValueError, match="no activation 'junk'"):
            MLP.create(sizes, activation="junk", rng=0)
    for kind in (int, np.float16, complex):
        given = f"got a {np.dtype(kind)} array"
        with pytest.raises(TypeError, match=f"weights must be .* {given}"):
            Dense(W.astype(kind), b)
        with pytest.raises(TypeError, match=f"bias must be .* {given}"):
            Dense(W, b.astype(kind))
    with pytest.raises(TypeError, match=r"weights must be .* got a list"):
        Dense(W.tolist(), b)
    with pytest.raises(TypeError, match=r"bias must be .* got a float"):
        Dense(W, 0.0)
    for bad in (np.zeros(4), np.zeros((1, 3))):
        with pytest.raises(ValueError, match=r"must be \(n_in, n_out\)"):
            Dense(W, bad)
    with pytest.raises(ValueError, match=r"must be \(n_in, n_out\)"):
        Dense(np.zeros(3), b)
    with pytest.raises(TypeError, match="weights are float64 and the bias is float32"):
        Dense(W, b.astype(np.float32))
    with pytest.raises(ValueError, match="at least one"):
        MLP([])
    with pytest.raises(
        ValueError, match="layer 0 returns 3 numbers and layer 1 takes 4"
    ):
        MLP([Dense(W, b), Dense(W, b)])
    single = Dense.create(3, 2, rng=0, dtype=np.float32)
    with pytest.raises(TypeError, match="layer 0 is float64 and layer 1 is float32"):
        MLP([Dense(W, b), single])
    with pytest.raises(ValueError, match="name no layer"):
        MLP.create((64,), rng=0)
