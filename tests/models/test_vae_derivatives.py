"""Derivatives of the bounds of the variational autoencoder, and their extremes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import check_gradients, grad, tree_leaves
from tests.models.autoencoders import (
    KINDS,
    both_dtypes,
    draws,
    make_examples,
    make_vae,
)

# Derivatives

BOUNDS = {
    "elbo": lambda vae, x, noise: vae.elbo(x, noise, beta=0.7),
    "terms": lambda vae, x, noise: vae.elbo_terms(x, noise),
    "log_weights": lambda vae, x, noise: vae.log_weights(x, noise),
    "iwae": lambda vae, x, noise: vae.importance_weighted_bound(x, noise),
}
# Where the variance is fixed, the derivatives are some of those where it is learned.
LEARNED = [kind for kind in KINDS if kind != "fixed"]


@pytest.mark.parametrize(
    ("dtype", "order"), [(np.float64, 1), (np.float64, 2), (np.float32, 1)]
)
@pytest.mark.parametrize("kind", LEARNED)
@pytest.mark.parametrize("name", BOUNDS)
def test_derivatives_by_every_array(name, kind, dtype, order):
    """And by x, at given noise."""
    vae = make_vae(kind, dtype=dtype)
    x = np.asarray(0.3 + 0.4 * make_examples(vae, 2), dtype)
    noise = draws(vae, x, 2)
    report = check_gradients(
        lambda vae, x: BOUNDS[name](vae, x, noise.astype(vae.dtype)),
        (vae, x),
        order=order,
    )
    assert report.inconclusive == 0


@given(
    seed=st.integers(0, 10**6),
    kind=st.sampled_from(LEARNED),
    name=st.sampled_from(sorted(BOUNDS)),
    sizes=st.tuples(*[st.integers(1, 4)] * 4),
)
def test_derivatives_of_random_instances(seed, kind, name, sizes):
    M, d, n, L = sizes
    vae = make_vae(kind, M, d, seed=seed, hidden=(3, 2))
    x = make_examples(vae, n, seed)
    noise = draws(vae, x, L, seed)
    report = check_gradients(lambda vae: BOUNDS[name](vae, x, noise), (vae,), rng=seed)
    assert report.inconclusive == 0


@pytest.mark.parametrize("name", BOUNDS)
def test_a_fixed_variance_has_no_derivative(name):
    vae = make_vae("fixed")
    x = make_examples(vae)
    noise = draws(vae, x, 2)
    slope = grad(lambda vae: sum(map(np.sum, BOUNDS[name](vae, x, noise))))(vae)
    assert np.all(slope.decoder.log_variance == 0)
    assert np.all(slope.encoder.network.layers[-1].bias[:2] != 0)


# Extremes


def assert_alive(vae, x, noise):
    """Every bound and every derivative is a finite number of the model's dtype."""
    for name, bound in BOUNDS.items():
        values = bound(vae, x, noise)
        slope = grad(lambda vae, f=bound: sum(map(np.sum, f(vae, x, noise))))(vae)
        for array in (*tree_leaves(values), *tree_leaves(slope)):
            assert array.dtype == vae.dtype, name
            assert np.all(np.isfinite(array)), name


@both_dtypes
@pytest.mark.parametrize("v", [-1e3, -30, 20, 1e3])
@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "learned"])
def test_log_variances_of_the_encoder_far_out(kind, v, dtype):
    vae = make_vae(kind, dtype=dtype)
    layer = vae.encoder.network.layers[-1]
    layer.weights[:, 2:], layer.bias[2:] = 0, v
    x = make_examples(vae)
    assert_alive(vae, x, draws(vae, x, 3))
    divergence = vae.elbo_terms(x, draws(vae, x, 3)).divergence
    kept = np.clip(v, -30, 20)
    expected = 0.5 * (np.expm1(kept) - kept + vae.encode(x)[0].astype(float) ** 2)
    np.testing.assert_allclose(divergence, expected, rtol=1e-5)


@both_dtypes
@pytest.mark.parametrize("v", [-1e3, 1e3])
def test_log_variances_of_the_decoder_far_out(v, dtype):
    network, learned = (
        make_vae("gaussian", dtype=dtype),
        make_vae("learned", dtype=dtype),
    )
    network.decoder.network.layers[-1].bias[3:] = v
    learned.decoder.log_variance[:] = v
    for vae in (network, learned):
        x = make_examples(vae)
        assert_alive(vae, x, draws(vae, x, 3))


@both_dtypes
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e4, 1e6])
@pytest.mark.parametrize("kind", ["gaussian", "fixed", "learned", "shared"])
def test_data_that_are_tiny_huge_or_all_the_same(kind, size, dtype):
    vae = make_vae(kind, dtype=dtype)
    x = np.full((4, 3), size, dtype)
    x[:, 1] *= -1
    assert_alive(vae, x, draws(vae, x, 3))
    assert_alive(vae, x[:1], draws(vae, x[:1], 1))


@both_dtypes
def test_small_divergences_are_right(dtype):
    """q close to the prior, where e^v - 1 - v by itself would be rounded away."""
    vae = make_vae("shared", dtype=dtype)
    for leaf in tree_leaves(vae.encoder.network):
        leaf[:] = 0
    vae.encoder.log_variance[...] = 1e-3
    x = make_examples(vae)
    divergence = vae.elbo_terms(x, draws(vae, x, 1)).divergence
    np.testing.assert_allclose(
        divergence, 2.5008e-7, rtol=1e-4 if dtype == np.float64 else 2e-3
    )


@both_dtypes
def test_no_double_precision_enters(dtype):
    vae = make_vae("shared", dtype=dtype)
    x = make_examples(vae)
    noise = draws(vae, x, 2)
    assert noise.dtype == vae.elbo(x, noise, beta=np.float64(0.5)).dtype == dtype
    assert vae.reparameterize(x, noise).dtype == dtype
