"""Derivatives of all bounds of a diffusion, and their extremes."""

import numpy as np
import pytest

from autodiff import check_gradients, grad, tree_leaves
from models.diffusion_bounds import all_terms, continuous_terms, discrete_terms
from models.diffusion_chain_bounds import consistency_form, forward_chain, joint_form
from models.levels import level_log_probabilities
from tests.models.autoencoders import both_dtypes
from tests.models.diffusion_stand_ins import bent, curve, examples, normals
from tests.models.diffusions import curved, make_model


def joint(model, x0, noise):
    return joint_form(model, forward_chain(model, x0, noise))


def consistency(model, x0, noise):
    return tuple(consistency_form(model, forward_chain(model, x0, noise)))


def discrete(model, x0, noise):
    return tuple(discrete_terms(model, x0, np.array([2, 4]), noise[0], 4))


def every_time(model, x0, noise):
    return tuple(all_terms(model, x0, noise, len(noise)))


def continuous(model, x0, noise):
    u = np.array([0.1, 0.7], x0.dtype)
    return tuple(continuous_terms(model, x0, u, noise[0]))


every_bound = pytest.mark.parametrize(
    "bound", [joint, consistency, discrete, every_time, continuous]
)


@every_bound
@pytest.mark.parametrize(
    ("dtype", "order"), [(np.float64, 1), (np.float64, 2), (np.float32, 1)]
)
def test_derivatives_by_every_array(bound, dtype, order):
    """Of all terms, by those of the denoiser and of the log SNR, and by x_0."""
    model = bent(2, curve(2.0, -2.0, size=2, dtype=dtype), dtype=dtype)
    x0, noise = examples(2, 2, dtype=dtype), normals(3, 2, 2)
    report = check_gradients(
        lambda model, x0: bound(model, x0, noise.astype(x0.dtype)),
        (model, x0),
        order=order,
    )
    assert report.inconclusive == 0


@every_bound
@pytest.mark.parametrize("levels", [None, (-1, 0, 1)])
def test_derivatives_of_a_network(bound, levels):
    """By its weights and biases, and all of a learned log SNR; of levels, with a prior.

    The entries of x_0 are given: those of levels are no numbers to be moved.
    """
    x0, noise = np.array([[-1.0, 0.0], [1.0, -1.0]]), normals(3, 2, 2)
    settings = {"log_snr": curved(), "hidden": (3,)}
    if levels is not None:
        prior = level_log_probabilities(x0, levels)
        settings |= {"form": "x0", "levels": levels, "prior": prior}
    model = make_model(**settings)
    assert len(tree_leaves(model)) == 8
    report = check_gradients(lambda model: bound(model, x0, noise), (model,))
    assert report.inconclusive == 0


@both_dtypes
@every_bound
def test_extreme_ends_are_no_trouble(bound, dtype):
    """Signal 10^4 times the noise, and the other way round; precision is kept."""
    model = bent(2, curve(20.0, -20.0, dtype=dtype), dtype=dtype)
    x0, noise = examples(2, 2, dtype=dtype), normals(50, 2, 2, dtype=dtype)

    def total(model):
        return sum(np.sum(part) for part in tree_leaves(bound(model, x0, noise)))

    values = bound(model, x0, noise)
    for array in (*tree_leaves(values), *tree_leaves(grad(total)(model))):
        assert np.all(np.isfinite(array))
        assert array.dtype == dtype
