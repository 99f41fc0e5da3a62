"""log p(x) by importance sampling: against formulas, and sums over all states."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from models import MLP, vae_likelihood
from models.conditionals import Gaussian, HomoscedasticGaussian
from models.hierarchical_vae import HierarchicalVAE
from models.mlp import Dense
from models.vae import VAE
from models.vae_likelihood import ImportanceEstimate, summarized
from samplers.importance import FEW, FewWeightsWarning, Weights
from samplers.machine import binary_states

Z_LIMIT = 5.03
few_draws = pytest.mark.filterwarnings("ignore::samplers.importance.FewWeightsWarning")
W = np.array([[1.0, 0.0, -0.5, 0.2], [0.5, 2.0, 1.0, 0.0]])  # of rows at right angles
NOISE = 0.3  # variance of x given h
MU = np.array([0.4, -1.0, 0.0, 2.0])


def linear(weights, bias, variance):
    """Return the law of y = x W + b + noise."""
    network = MLP([Dense(np.array(weights), np.array(bias))])
    return HomoscedasticGaussian(network, np.log(variance))


def linear_vae(spread=1.0, shift=0.0):
    """Return x = h W + mu + noise with its posterior, in closed form, as the encoder.

    The rows of W are at right angles, so the latents are independent given x.

    spread, shift : by which the encoder's variance and its mean are wrong
    """
    variance = 1 / (1 + np.sum(W**2, axis=1) / NOISE)
    back = W.T * variance / NOISE
    encoder = linear(back, shift - MU @ back, spread * variance)
    return VAE(encoder, linear(W, MU, np.full(4, NOISE)))


def exact(x):
    """Return log p(x) of linear_vae."""
    return multivariate_normal(MU, W.T @ W + NOISE * np.eye(4)).logpdf(x)


def some_x(n, seed=0):
    return linear_vae().sample(n, seed)


def bits(seed=0, visible=6, dtype=np.float64):
    """Return a VAE of bits whose encoder is not far from the prior."""
    vae = VAE.create(visible, 2, hidden=(8,), rng=seed, dtype=dtype)
    vae.encoder.network.layers[-1].weights *= dtype(0.2)
    return vae


@few_draws
def test_with_the_posterior_as_the_encoder_two_draws_are_exact():
    x = some_x(20)
    found = linear_vae().log_likelihood(x, rng=0, samples=2)
    np.testing.assert_allclose(found.log_likelihood, exact(x), rtol=1e-12)
    np.testing.assert_allclose(found.standard_error, 0, atol=1e-12)
    np.testing.assert_allclose(found.effective_sample_size, 2, rtol=1e-12)
    assert found.mean.value == pytest.approx(exact(x).mean(), rel=1e-12)


@pytest.mark.parametrize(("spread", "shift"), [(2.0, 0.0), (1.5, 0.2), (0.8, -0.1)])
def test_with_another_encoder_it_is_right_within_its_error(spread, shift):
    """By z, of each of 40 examples and of their mean; 0.01 nats of it would be seen."""
    x = some_x(40)
    found = linear_vae(spread, shift).log_likelihood(x, rng=1, samples=20_000)
    z = (found.log_likelihood - exact(x)) / found.standard_error
    assert np.abs(z).max() < Z_LIMIT
    assert z.std() == pytest.approx(1, abs=0.5)
    error = found.mean.standard_error
    assert error == pytest.approx(np.sqrt(np.mean(found.standard_error**2) / 40))
    assert abs(found.mean.value - exact(x).mean()) < Z_LIMIT * error < 0.01


@pytest.mark.parametrize("levels", [1, 2])
def test_the_probabilities_of_all_states_have_the_sum_one(levels):
    """By z; a sum that is off by 0.01 would be seen."""
    states, model = binary_states(6).astype(float), bits()
    if levels == 2:
        above = Gaussian(MLP([Dense(np.eye(2, 4) / 2, np.zeros(4))]))
        model = HierarchicalVAE((model.encoder, above), (model.decoder, above))
    found = model.log_likelihood(states, rng=0, samples=20_000)
    p = np.exp(found.log_likelihood)
    error = np.sqrt(np.sum((p * found.standard_error) ** 2))
    assert abs(p.sum() - 1) < Z_LIMIT * error < 0.01


@few_draws
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("n", "samples"), [(1, 2), (3, 7), (5, 12)])
def test_no_draw_is_lost_between_the_parts(monkeypatch, n, samples, dtype):
    """The weights of all parts, drawn one by one here, together."""
    monkeypatch.setattr(vae_likelihood, "EXAMPLES", 2)
    monkeypatch.setattr(vae_likelihood, "DRAWS", 4)
    vae, x = bits(dtype=dtype), binary_states(6)[3 : 3 + n].astype(dtype)
    found = vae.log_likelihood(x, rng=5, samples=samples)
    rng, expected = np.random.default_rng(5), []
    for first in range(0, n, 2):
        some = x[first : first + 2]
        counts = [min(4, samples - k) for k in range(0, samples, 4)]
        parts = [
            vae.log_weights(some, vae.draw_noise(len(some), rng, k)) for k in counts
        ]
        log_w = np.concatenate(parts).astype(np.float64)
        assert len(log_w) == samples
        expected.append(logsumexp(log_w, axis=0) - np.log(samples))
    np.testing.assert_allclose(found.log_likelihood, np.concatenate(expected), 1e-14)
    for array in vars(found).values():
        assert array.shape == (n,)
        assert array.dtype == np.float64


@few_draws
def test_the_same_seed_gives_the_same_numbers():
    vae, x = bits(), np.eye(6)
    first, again, other = (
        vae.log_likelihood(x, rng=rng, samples=50)
        for rng in (3, np.random.default_rng(3), 4)
    )
    assert np.array_equal(first.log_likelihood, again.log_likelihood)
    assert not np.any(first.log_likelihood == other.log_likelihood)


@few_draws
@given(
    k=st.integers(2, 30),
    offset=st.sampled_from([0.0, -1e4, 1e4, 700.0, -750.0]),
    seed=st.integers(0, 2**32),
)
def test_the_summary_is_that_of_importance_weights(k, offset, seed):
    """As samplers/importance.py has it for one column, whose file has tests of its own.

    Weights too large or too small for a float64 are no trouble.
    """
    log_w = offset + np.random.default_rng(seed).standard_normal((k, 3))
    log_w[0, 1] = -np.inf
    found = summarized(log_w)
    columns = [Weights(column, 0.0) for column in log_w.T]
    for values, weights in zip(found.T, columns, strict=True):
        expected = (
            weights.log_partition,
            weights.standard_error,
            weights.effective_sample_size,
        )
        np.testing.assert_allclose(values, expected, rtol=1e-10, atol=1e-10)


def test_weights_that_are_all_zero_have_no_error():
    found = summarized(np.full((4, 1), -np.inf))
    np.testing.assert_array_equal(found[:, 0], [-np.inf, np.nan, 0])


@pytest.mark.parametrize("spread", [1.0, 0.01])
def test_few_weights_warn(spread):
    """An encoder a tenth as wide as the posterior misses most of it."""
    x, vae = some_x(5), linear_vae(spread)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = vae.log_likelihood(x, rng=0, samples=20)
    few = np.count_nonzero(found.effective_sample_size < FEW)
    assert (few > 0) == (spread < 1)
    assert [item.category for item in caught] == [FewWeightsWarning] * int(few > 0)
    if caught:
        assert f"for {few} of 5 examples the 20 weights" in str(caught[0].message)
        assert caught[0].filename == __file__


def test_equal_weights_are_enough_whatever_their_rounding():
    found = linear_vae().log_likelihood(some_x(40), rng=0, samples=FEW)
    assert np.any(found.effective_sample_size < FEW)
    assert found.effective_sample_size.min() == pytest.approx(FEW, rel=1e-12)


@few_draws
def test_more_draws_raise_the_mean_to_the_truth():
    """The mean of log <w>, over draws, grows with k and is at most log p(x).

    By z over 300 repetitions; a bias of the wrong sign would be seen.
    """
    x = np.repeat(some_x(1), 300, axis=0)
    vae, truth = linear_vae(3.0), exact(x)[0]
    means = []
    for samples in (2, 10, 100):
        found = vae.log_likelihood(x, rng=0, samples=samples).log_likelihood
        means.append(found.mean())
    error = found.std() / np.sqrt(300)
    assert means[0] < means[1] < means[2] < truth + Z_LIMIT * error
    assert means[2] == pytest.approx(truth, abs=0.05)


def test_an_estimate_says_what_it_is():
    estimate = ImportanceEstimate(
        np.array([-16.0, -17.0]), np.array([0.03, 0.04]), np.array([812.3, 90.0])
    )
    assert estimate.mean.value == -16.5
    assert estimate.mean.standard_error == pytest.approx(0.025)
    said = "ImportanceEstimate(log p = -16.500 +- 0.025 nats an example, at least 90 "
    assert repr(estimate) == said + "effective weights)"


def test_gray_has_no_probability():
    with pytest.raises(
        ValueError, match=r"from 0 to 0.5 that are neither 0 nor 1.*X >"
    ):
        bits().log_likelihood(np.eye(6) / 2, rng=0)


@pytest.mark.parametrize("X", [np.zeros(6), np.zeros((2, 5)), np.full((1, 6), np.nan)])
def test_what_is_no_example_is_refused(X):
    with pytest.raises(ValueError, match="X"):
        bits().log_likelihood(X, rng=0)


@pytest.mark.parametrize("samples", [1, 0, 2.5])
def test_one_draw_has_no_error(samples):
    with pytest.raises(ValueError, match=r"samples is .* at least 2"):
        bits().log_likelihood(np.eye(6), rng=0, samples=samples)


def test_a_weight_that_is_no_number_is_refused():
    vae = bits()
    vae.decoder.network.layers[0].weights[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"is not a number.*lower the learning"):
        vae.log_likelihood(np.eye(6), rng=0, samples=2)
