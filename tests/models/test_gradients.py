"""The derivative of every loss, likelihood, divergence and network, to second order."""

import numpy as np
import pytest

import models
from autodiff import check_gradients, softmax
from models import ACTIVATIONS, MLP

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape)


def covariance(A):
    """A matrix with positive eigenvalues, from any square one."""
    return A @ A.mT + np.eye(len(A), dtype=A.dtype)


LABELS = np.array([2, 0, 1, 2, 2])
BITS = RNG.integers(0, 2, (5, 3)).astype(np.float64)

# name: (function of the arrays that are varied, those arrays). What has to sum to one,
# to lie in [0, 1] or to be symmetric is made so, since a derivative moves all numbers.
# Up to 32 numbers are varied one by one, more of them along random directions.
CASES = {
    "mean_squared_error": (models.mean_squared_error, (normal(5, 3), normal(5, 3))),
    "cross_entropy": (lambda z: models.cross_entropy(z, LABELS), (normal(5, 3),)),
    "binary_cross_entropy": (
        lambda z, t: models.binary_cross_entropy(z, softmax(t)),
        (normal(5, 3), normal(5, 3)),
    ),
    "gaussian_log_likelihood": (
        models.gaussian_log_likelihood,
        (normal(5, 3), normal(5, 3), normal(3)),
    ),
    "bernoulli_log_likelihood": (
        lambda x, z: models.bernoulli_log_likelihood(softmax(x), z),
        (normal(5, 3), normal(2, 1, 3)),
    ),
    "clamp_log_variance": (models.clamp_log_variance, (5 * normal(4),)),
    "kl_divergence": (
        lambda a, b: models.kl_divergence(softmax(a), softmax(b)),
        (normal(2, 4), normal(4)),
    ),
    "kl_from_logits": (models.kl_from_logits, (normal(2, 4), normal(4))),
    "jensen_shannon": (
        lambda a, b: models.jensen_shannon(softmax(a), softmax(b)),
        (normal(2, 4), normal(4)),
    ),
    "total_variation": (
        lambda a, b: models.total_variation(softmax(a), softmax(b)),
        (normal(2, 4), normal(4)),
    ),
    "kl_gaussian": (
        models.kl_gaussian,
        (normal(2, 3), normal(2, 3), normal(3), normal(3)),
    ),
    "kl_standard_normal": (models.kl_standard_normal, (normal(4, 3), normal(4, 3))),
    "kl_gaussian_full": (
        lambda m, A, n, B: models.kl_gaussian_full(m, covariance(A), n, covariance(B)),
        (normal(4), normal(4, 4), normal(4), normal(4, 4)),
    ),
    "wasserstein_1d": (
        lambda x, y, a, b: (
            models.wasserstein_1d(x, y),
            models.wasserstein_1d(x, y, softmax(a), softmax(b)),
            models.wasserstein_1d(x, y, softmax(a), power=2),
            models.wasserstein_1d(x, y, power=3.5),
        ),
        (normal(10), normal(8), normal(10), normal(8)),
    ),
    "transport_cost": (
        lambda a, b, c: models.transport_cost(softmax(a), softmax(b), c),
        (normal(6), normal(5), normal(6, 5)),
    ),
    "squared_mmd": (
        lambda x, y: (
            models.squared_mmd(x, y, 1.5),
            models.squared_mmd(x, y, [0.5, 2], unbiased=False),
        ),
        (normal(7, 3), normal(5, 3)),
    ),
}
WITHOUT = {
    "accuracy": "counts",
    "optimal_transport": "returns the solution, constants",
    "median_distance": "returns a setting, a constant",
}


def test_no_loss_and_no_divergence_is_missing_here():
    modules = (
        "losses likelihoods divergences gaussian_divergences wasserstein transport mmd"
    )
    places = {f"models.{name}" for name in modules.split()}
    public = [getattr(models, name) for name in models.__all__]
    functions = [f for f in public if callable(f) and not isinstance(f, type)]
    found = {f.__name__ for f in functions if f.__module__ in places}
    assert found == CASES.keys() | WITHOUT.keys()
    assert not CASES.keys() & WITHOUT.keys()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_first_and_second_derivatives(name, dtype):
    function, arrays = CASES[name]
    order = 2 if dtype is np.float64 else 1
    arrays = [x.astype(dtype) for x in arrays]
    report = check_gradients(function, arrays, order=order)
    assert report.inconclusive == 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_first_and_second_derivatives_of_a_network(activation):
    network = MLP.create((2, 4, 3), activation=activation, rng=1)
    x = 0.5 * normal(5, 2)

    def losses(network, x):
        outputs = network(x)
        return (
            models.cross_entropy(outputs, LABELS),
            models.binary_cross_entropy(outputs, BITS),
            models.mean_squared_error(outputs, BITS),
        )

    assert check_gradients(losses, (network, x), order=2).inconclusive == 0
