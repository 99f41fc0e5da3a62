"""A hierarchy with a fixed encoder is the forward chain of a diffusion."""

from itertools import pairwise

import numpy as np
import pytest

from autodiff import tree_leaves
from models.hierarchical_vae import diffusion_chain
from samplers.chains import Chains
from samplers.forward import Forward, diffuse, jump
from samplers.schedules import cosine, linear
from tests.models.hierarchies import joint_moments, units


def test_the_encoders_are_the_steps_of_the_forward_chain():
    """h_t against x_t of samplers/forward.py, step by step, at the same noise."""
    schedule = cosine(7)
    model = diffusion_chain(schedule, 3, hidden=(), rng=0)
    x, noise = np.random.default_rng(1).standard_normal((4, 3)), model.draw_noise(4, 2)
    h, state = model.reparameterize(x, noise), x.ravel().copy()
    for t in range(1, 8):
        scale, spread = np.sqrt(schedule.alpha[t]), np.sqrt(schedule.beta[t])
        diffuse(state, noise[t - 1].ravel(), scale, spread)
        np.testing.assert_allclose(h[t - 1].ravel(), state, rtol=1e-13, atol=1e-14)


def test_the_encoders_follow_a_chain_that_was_drawn():
    schedule = linear(20, first=5e-3, last=0.6)
    model = diffusion_chain(schedule, 2, hidden=(), rng=0)
    x = np.random.default_rng(1).standard_normal((4, 2))
    chain = Chains(Forward(schedule, 2), state=x, rng=0).run(20)
    states = [x, *(chain[:, t] for t in range(20))]
    noise = tuple(
        (after - np.sqrt(schedule.alpha[t]) * before) / np.sqrt(schedule.beta[t])
        for t, (before, after) in enumerate(pairwise(states), 1)
    )
    for found, expected in zip(model.reparameterize(x, noise), states[1:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def test_the_levels_have_the_marginals_of_the_forward_chain():
    """q(h_t | x) = N(sqrt(abar_t) x, (1 - abar_t) I), and jump leads to the same."""
    schedule = cosine(6)
    model = diffusion_chain(schedule, 2, hidden=(), rng=0)
    noise = units(model.latents)
    x = np.tile([1.5, -0.5], (len(noise[0]), 1))
    h = model.reparameterize(x, noise)
    mean, covariance = joint_moments(h)
    for t in range(1, 7):
        here = slice(2 * t - 2, 2 * t)
        np.testing.assert_allclose(mean[here], schedule.signal[t] * x[0], atol=1e-14)
        expected = schedule.noise[t] ** 2 * np.eye(2)
        np.testing.assert_allclose(covariance[here, here], expected, atol=1e-14)
        total = (h[t - 1] - schedule.signal[t] * x) / schedule.noise[t]
        found = jump(x, t, schedule, total)
        np.testing.assert_allclose(found, h[t - 1], rtol=1e-13, atol=1e-14)


def test_a_diffusion_that_is_undone_exactly_loses_only_what_is_left_at_the_end():
    """For x ~ N(0, s^2) the steps back are Gaussian and known, and with them

    log w = log p(x) + log N(h_T; 0, 1) - log q(h_T),     whatever the noise.
    """
    schedule, s2 = cosine(5), 2.5
    model = diffusion_chain(schedule, 1, hidden=(), rng=0)
    variance = schedule.abar * s2 + schedule.noise**2
    for t, decoder in enumerate(model.decoders, 1):
        (layer,) = decoder.network.layers
        layer.weights[:] = np.sqrt(schedule.alpha[t]) * variance[t - 1] / variance[t]
        decoder.log_variance[...] = np.log(
            variance[t - 1] * schedule.beta[t] / variance[t]
        )
    x, noise = np.linspace(-3, 3, 7)[:, np.newaxis], model.draw_noise(7, 0, samples=4)

    def log_normal(x, v):
        return -0.5 * (x**2 / v + np.log(2 * np.pi * v))[..., 0]

    end = model.reparameterize(x, noise)[-1]
    left = log_normal(end, 1.0) - log_normal(end, variance[-1])
    expected = log_normal(x, s2) + left
    np.testing.assert_allclose(model.log_weights(x, noise), expected, atol=1e-11)
    assert np.any(np.abs(left) > 1e-5)


def test_a_diffusion_starts_as_ho_et_al_and_learns_its_decoders_alone():
    schedule = cosine(4)
    model = diffusion_chain(schedule, 2, hidden=(5, 3), rng=0, dtype=np.float32)
    assert model.dtype == np.float32
    assert model.latents == (2, 2, 2, 2)
    for t, decoder in enumerate(model.decoders, 1):
        sizes = [layer.weights.shape for layer in decoder.network.layers]
        assert sizes == [(2, 3), (3, 5), (5, 2)]
        np.testing.assert_allclose(
            np.exp(decoder.log_variance), schedule.beta[t], rtol=1e-6
        )
    X = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)
    fixed = [leaf.copy() for leaf in tree_leaves(model.encoders)]
    model.fit(X, steps=100, rng=0, batch_size=60, learning_rate=0.03)
    losses = model.history_["loss"]
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) - 1
    for a, b in zip(fixed, tree_leaves(model.encoders), strict=True):
        np.testing.assert_array_equal(a, b)
    for t, decoder in enumerate(model.decoders, 1):
        assert abs(decoder.log_variance - np.log(schedule.beta[t])) > 1e-3


def test_a_diffusion_without_a_dimension_or_a_schedule_is_refused():
    for dimension in (0, 2.0):
        with pytest.raises(ValueError, match="dimension is"):
            diffusion_chain(cosine(4), dimension, rng=0)
    with pytest.raises(TypeError, match="schedule is 4, which says nothing"):
        diffusion_chain(4, 2, rng=0)
