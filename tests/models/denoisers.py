"""Small denoising networks that tests share."""

from itertools import product

import numpy as np
import pytest

from autodiff import tree_map
from models.denoising_network import DenoisingNetwork
from models.diffusion_forms import FORMS

every_form = pytest.mark.parametrize("form", FORMS)
both_dtypes = pytest.mark.parametrize("dtype", [np.float64, np.float32])
# form, skip, prior: all that a network can be
KINDS = [(form, skip, None) for form, skip in product(FORMS, (True, False))]
KINDS += [("x0", True, "bits"), ("x0", True, "three levels")]
# levels, and how probable they are for each of the three entries
PRIORS = {
    "bits": ((-1, 1), [[0.4, 0.6], [0.7, 0.3], [0.1, 0.9]]),
    "three levels": (
        (-1, 0.25, 1.5),
        [[0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.6, 0.3, 0.1]],
    ),
}
every_kind = pytest.mark.parametrize(("form", "skip", "prior"), KINDS)
every_prior = pytest.mark.parametrize("prior", PRIORS)


def make(form="noise", skip=True, prior=None, *, dtype=np.float64, **settings):
    """A small network for 3 numbers, smooth, whose biases are not zero.

    prior : None, or a name in PRIORS
    """
    settings = {"hidden": (5, 4), "features": 6, "activation": "tanh"} | settings
    if prior is not None:
        levels, p = PRIORS[prior]
        settings |= {"levels": levels, "prior": np.log(p)}
    denoiser = DenoisingNetwork.create(
        3, form=form, skip=skip, rng=0, dtype=dtype, **settings
    )
    rng = np.random.default_rng(1)
    for layer in denoiser.network.layers:
        layer.bias[:] = 0.5 * rng.standard_normal(layer.bias.shape)
    return denoiser


def silent(denoiser):
    """The denoiser, whose network says 0 to everything."""
    denoiser.network = tree_map(np.zeros_like, denoiser.network)
    return denoiser


def given(n=5, dtype=np.float64):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((n, 3)).astype(dtype)
    return x, np.linspace(-7, 7, n).astype(dtype)
