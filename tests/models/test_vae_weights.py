"""The importance-weighted bound: between the ELBO and the likelihood."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import logsumexp
from models.vae_bounds import logmeanexp
from tests.models.autoencoders import (
    both_dtypes,
    draws,
    every_kind,
    hermite,
    log_prior,
    make_examples,
    make_vae,
    on_a_grid,
)


@every_kind
def test_more_weights_are_nearer_to_the_likelihood(kind):
    """L_1 = ELBO < L_2 < L_3 < log p(x), each a mean over all k-tuples of nodes."""
    vae = make_vae(kind, d=1, seed=3)
    x = make_examples(vae, 1)
    nodes, weights = hermite(1, 30)
    bounds = []
    for k in (1, 2, 3):
        noise, tuples = hermite(k, 30)
        noise = noise.T[:, :, np.newaxis]
        repeated = np.repeat(x, noise.shape[1], axis=0)
        bounds.append(tuples @ vae.importance_weighted_bound(repeated, noise))
    elbo = weights @ vae.log_weights(x, nodes[:, np.newaxis])
    assert bounds[0] == pytest.approx(elbo[0], rel=1e-12)
    h, dh = on_a_grid()
    log_p = logsumexp(vae.decoder.log_density(x, h) + log_prior(h)) + np.log(dh)
    assert np.all(np.diff([*bounds, log_p]) > 1e-4), bounds


@given(seed=st.integers(0, 1000), k=st.integers(2, 6))
def test_leaving_one_out_is_lower_at_every_noise(seed, k):
    """The mean over the k means of k - 1 weights: what makes L_k rise."""
    vae = make_vae("gaussian", seed=seed)
    x = make_examples(vae, 3, seed)
    noise = draws(vae, x, k, seed)
    whole = vae.importance_weighted_bound(x, noise)
    fewer = [
        vae.importance_weighted_bound(x, np.delete(noise, left_out, axis=0))
        for left_out in range(k)
    ]
    assert np.all(np.mean(fewer, axis=0) <= whole + 1e-12 * abs(whole))
    backwards = vae.importance_weighted_bound(x, noise[::-1])
    np.testing.assert_allclose(backwards, whole, rtol=1e-13)
    assert np.all(vae.log_weights(x, noise).mean(axis=0) <= whole + 1e-12 * abs(whole))


def test_one_weight_is_the_sampled_bound():
    vae = make_vae()
    x = make_examples(vae)
    noise = draws(vae, x, 1)
    found = vae.importance_weighted_bound(x, noise)
    np.testing.assert_allclose(found, vae.log_weights(x, noise)[0], rtol=1e-15)


@both_dtypes
def test_means_of_weights_that_no_float_holds(dtype):
    log_weights = np.array([[-2e4, 3e4, -np.inf], [-2e4, 3e4, -np.inf]], dtype)
    found = logmeanexp(log_weights)
    np.testing.assert_array_equal(found, log_weights[0])
    assert found.dtype == dtype
