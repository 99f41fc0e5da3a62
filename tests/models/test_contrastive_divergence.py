"""The steps of learning: each a plain loop of Gibbs steps, and its law."""

from itertools import product

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import chi2

from autodiff import tree_leaves, tree_map, value_and_grad
from models.contrastive_divergence import (
    contrastive_divergence,
    gibbs,
    gibbs_step,
    maximum_likelihood,
    persistent_contrastive_divergence,
)
from models.rbm_gradient import (
    free_energy_gap,
    input_to_hidden,
    negative_log_likelihood,
)
from optim import SGD, Adam, Batches, Checkpoint, Momentum, NonFiniteError, fit
from samplers import philox
from samplers.exact import exact_draws, visible_probabilities
from samplers.machine import binary_states
from samplers.philox import draw_key
from tests.models.machines import KINDS, make_rbm, make_states

RATE = 0.125
STEPS = {
    "exact": maximum_likelihood,
    "cd": contrastive_divergence,
    "pcd": persistent_contrastive_divergence,
}
DRAWING = pytest.mark.parametrize("name", ["cd", "pcd"])
ALL = pytest.mark.parametrize("name", STEPS)


def draws():
    return np.random.default_rng(0)


def make_state(name, rbm, optimizer=None):
    """The state of a step, with seven chains if it has some."""
    state = rbm, optimizer or SGD(RATE)
    return (*state, make_states(rbm, 7, seed=3)) if name == "pcd" else state


def plain_step(rbm, x, noise_h, noise_x):
    """One Gibbs step of one chain after the other, unit by unit."""
    sigma = np.exp(getattr(rbm, "log_sigma", np.zeros(len(rbm.a))))
    W = rbm.machine.W
    new = np.empty_like(x)
    for c, state in enumerate(x):
        seen = state / sigma**2
        h = [
            float(noise_h[c, j] < expit(rbm.b[j] + seen @ W[:, j]))
            for j in range(len(rbm.b))
        ]
        for i in range(len(rbm.a)):
            u = rbm.a[i] + W[i] @ h
            if hasattr(rbm, "log_sigma"):
                new[c, i] = u + sigma[i] * noise_x[c, i]
            else:
                new[c, i] = noise_x[c, i] < expit(u)
    return new


def plain_chains(rbm, x, k, key):
    """k steps of chains from x, with the numbers of Philox at their addresses."""
    fill = philox.normals if hasattr(rbm, "log_sigma") else philox.uniforms
    for step in range(k):
        noise_h, noise_x = np.empty((len(x), len(rbm.b)), x.dtype), np.empty_like(x)
        philox.uniforms(key, 0, step, philox.HIDDEN, noise_h.reshape(-1))
        fill(key, 0, step, philox.VISIBLE, noise_x.reshape(-1))
        x = plain_step(rbm, x, noise_h, noise_x)
    return x


@KINDS
def test_a_gibbs_step_with_given_noise(kind):
    rbm, rng = make_rbm(kind, 5, 6), np.random.default_rng(2)
    x = make_states(rbm, 200)
    noise_h, noise_x = rng.random((200, 6)), rng.random((200, 5))
    noise_h[0], noise_x[0] = 0, 0
    found = np.empty_like(x)
    gibbs_step(rbm, input_to_hidden(rbm, x), noise_h, noise_x, found)
    expected = plain_step(rbm, x, noise_h, noise_x)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


def test_each_unit_is_on_with_its_probability():
    """It switches where its uniform number crosses p, to 1e-13."""
    rbm = make_rbm("binary", 5, 6)
    x = make_states(rbm, 20)
    t, new = input_to_hidden(rbm, x), np.empty_like(x)
    for h_is_on, x_is_on in product((0, 1), repeat=2):
        h = np.full((20, 6), h_is_on)
        noise_h = rbm.prob_h_given_x(x) + (-1e-13 if h_is_on else 1e-13)
        noise_x = rbm.prob_x_given_h(h) + (-1e-13 if x_is_on else 1e-13)
        gibbs_step(rbm, t, noise_h, noise_x, new)
        assert np.all(new == x_is_on)


@KINDS
@pytest.mark.parametrize(("dtype", "rtol"), [("f4", 2e-5), ("f8", 1e-12)])
@pytest.mark.parametrize("k", [1, 3])
@DRAWING
def test_a_step_is_a_plain_loop_and_a_gradient_by_the_engine(
    name, k, dtype, rtol, kind
):
    rbm = make_rbm(kind, 5, 6, dtype=np.dtype(dtype))
    before, x = tree_map(np.copy, rbm), make_states(rbm, 4)
    state = make_state(name, rbm)
    start = state[2].copy() if name == "pcd" else x
    y = plain_chains(rbm, start, k, draw_key(np.random.default_rng(5)))
    gap, gradient = value_and_grad(free_energy_gap)(rbm, x, y)
    new, metrics = STEPS[name](k)(state, (x,), np.random.default_rng(5))
    assert metrics == {"loss": pytest.approx(float(gap), rel=rtol)}
    assert all(one is other for one, other in zip(new, state, strict=True))
    assert_moved(rbm, before, gradient, rtol)
    assert {a.dtype for a in (*tree_leaves(rbm), *new[2:])} == {np.dtype(dtype)}
    if name == "pcd":
        np.testing.assert_allclose(new[2], y, rtol=0, atol=10 * rtol)


def assert_moved(rbm, before, gradient, tolerance):
    leaves = (tree_leaves(tree) for tree in (rbm, before, gradient))
    for theta, old, g in zip(*leaves, strict=True):
        moved = old - RATE * g
        scale = max(1, np.abs(moved).max())
        np.testing.assert_allclose(theta, moved, rtol=0, atol=tolerance * scale)


@KINDS
def test_the_exact_step_goes_down_the_likelihood(kind):
    rbm, x = make_rbm(kind), make_states(make_rbm(kind))
    before = tree_map(np.copy, rbm)
    loss, gradient = value_and_grad(negative_log_likelihood)(rbm, x)
    state = rbm, SGD(RATE)
    new, metrics = maximum_likelihood()(state, (x,), np.random.default_rng(0))
    assert new == state
    assert metrics == {"loss": pytest.approx(float(loss), rel=1e-12)}
    assert_moved(rbm, before, gradient, 1e-12)


@KINDS
@ALL
def test_the_gradient_can_be_that_of_the_engine(name, kind):
    function = negative_log_likelihood if name == "exact" else free_energy_gap
    found = []
    for settings in ({}, {"gradient": value_and_grad(function)}):
        rbm, rng = make_rbm(kind), np.random.default_rng(0)
        state = make_state(name, rbm)
        for _ in range(3):
            state, metrics = STEPS[name](**settings)(state, (make_states(rbm),), rng)
        found.append([*tree_leaves(rbm), *state[2:], metrics["loss"]])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-11)


def test_persistent_chains_go_on_from_where_they_are():
    rbm = make_rbm("binary")
    state = make_state("pcd", rbm)
    chains, expected = state[2], state[2].copy()
    step = persistent_contrastive_divergence(2)
    for number in range(3):
        before = tree_map(np.copy, rbm)
        key = draw_key(np.random.default_rng([7, number]))
        step(state, (make_states(rbm),), np.random.default_rng([7, number]))
        expected = plain_chains(before, expected, 2, key)
        assert np.array_equal(chains, expected)


# The law of the draws


def test_the_mean_of_contrastive_divergence_is_that_of_the_kth_law():
    """100,000 rows; sees a mean of p_k off by 0.01, or noise used in two steps.

    The gradient of CD-2 against E_{p_0} - E_{p_0 T^2}, with T from all states.
    """
    rbm = make_rbm("binary", 3, 2, scale=1.5)
    x, h = binary_states(3).astype(float), binary_states(2)
    on_h, on_x = rbm.prob_h_given_x(x), rbm.prob_x_given_h(h)
    to_h = np.prod(np.where(h, on_h[:, np.newaxis], 1 - on_h[:, np.newaxis]), axis=-1)
    to_x = np.prod(np.where(x, on_x[:, np.newaxis], 1 - on_x[:, np.newaxis]), axis=-1)
    T_2 = np.linalg.matrix_power(to_h @ to_x, 2)
    counts = 5000 * np.array([1, 6, 2, 4, 0, 3, 1, 3])
    n, rows = counts.sum(), np.repeat(x, counts, axis=0)
    moved = tree_map(np.copy, rbm)
    contrastive_divergence(2)((moved, SGD(1.0)), (rows,), draws())
    xh = x[:, :, np.newaxis] * on_h[:, np.newaxis]
    for name, slope in {"W": xh, "a": x, "b": on_h}.items():
        mean, square = (np.tensordot(T_2, array, 1) for array in (slope, slope**2))
        expected = np.tensordot(counts / n, slope - mean, 1)
        error = np.sqrt(np.tensordot(counts / n, square - mean**2, 1) / n)
        z = (getattr(moved, name) - getattr(rbm, name) - expected) / error
        assert np.all(np.abs(z) < 5.03)


def test_persistent_chains_keep_the_law_of_a_machine_that_stands_still():
    """100,000 chains from exact draws; sees a probability of a state off by 0.01."""
    n, rbm = 100_000, make_rbm("binary", 3, 2, scale=1.5)
    chains, _ = exact_draws(rbm.machine, n, rng=0)
    state, step = (rbm, SGD(1e-300), chains), persistent_contrastive_divergence(2)
    rng = np.random.default_rng(1)
    for _ in range(2):
        step(state, (make_states(rbm),), rng)
    counts = np.bincount((chains @ [4, 2, 1]).astype(int), minlength=8)
    expected = n * visible_probabilities(rbm.machine)
    assert expected.min() > 50
    assert np.sum((counts - expected) ** 2 / expected) < chi2.isf(5e-7, 7)


def test_gaussian_chains_keep_the_moments_of_a_machine_that_stands_still():
    """100,000 chains from exact draws; sees a mean or a mean square off by 0.03."""
    n, rbm = 100_000, make_rbm("learned-scaled", 2, 2)
    x, _ = exact_draws(rbm.machine, n, rng=0)
    y, _ = exact_draws(rbm.machine, n, rng=1)
    new = np.empty_like(x)
    gibbs(rbm, input_to_hidden(rbm, x), 2, np.uint64(3), new)
    for power in (1, 2):
        difference = np.mean(new**power, axis=0) - np.mean(y**power, axis=0)
        error = np.sqrt((np.var(new**power, axis=0) + np.var(y**power, axis=0)) / n)
        assert np.all(np.abs(difference / error) < 5.03)


# Weight decay, precision, resumption, refusals


@ALL
def test_weight_decay_pulls_at_the_couplings_alone(name):
    machines = []
    for decay in (0.0, 0.5):
        rbm = make_rbm("learned")
        step = STEPS[name](weight_decay=decay)
        _, metrics = step(make_state(name, rbm), (make_states(rbm),), draws())
        machines.append((rbm, metrics))
    (free, one), (decayed, other) = machines
    pull = RATE * 0.5 * make_rbm("learned").W
    np.testing.assert_allclose(decayed.W, free.W - pull, rtol=1e-14)
    for array in ("a", "b", "log_sigma"):
        assert np.array_equal(getattr(free, array), getattr(decayed, array))
    assert one == other


@pytest.mark.parametrize("make", [SGD, Adam, lambda rate: Momentum(rate, 0.5)])
@pytest.mark.parametrize("kind", ["binary", "learned"])
@ALL
def test_a_resumed_run_has_the_same_bits(tmp_path, name, kind, make):
    def run(steps, checkpoint=None):
        rbm, rng = make_rbm(kind), np.random.default_rng(0)
        state = make_state(name, rbm, make(0.05))
        batches = Batches(make_states(rbm, 20), size=6, rng=rng)
        step = STEPS[name](weight_decay=0.01)
        state, history = fit(
            step, state, batches, steps=steps, rng=rng, checkpoint=checkpoint
        )
        return [*tree_leaves(state[0]), *state[2:], history["loss"]]

    checkpoint = Checkpoint(tmp_path / "run.npz", resume=True)
    run(3, checkpoint)
    for one, other in zip(run(7, checkpoint), run(7), strict=True):
        assert np.array_equal(one, other)


@ALL
def test_what_is_not_finite_stops_before_anything_moves(name):
    for rate, broken in ((RATE, np.nan), (RATE, np.inf), (1e308, None)):
        rbm = make_rbm("learned")
        state = make_state(name, rbm, SGD(rate))
        if broken is not None:
            rbm.a[1] = broken
        kept = [array.copy() for array in (*tree_leaves(rbm), *state[2:])]
        words = "loss is" if broken is not None else "no parameter has been changed"
        with (
            np.errstate(all="ignore"),
            pytest.raises(NonFiniteError, match=words),
        ):
            STEPS[name]()(state, (100 * make_states(rbm),), draws())
        for array, before in zip((*tree_leaves(rbm), *state[2:]), kept, strict=True):
            assert np.array_equal(array, before, equal_nan=True)


def test_refusals():
    for make in (contrastive_divergence, persistent_contrastive_divergence):
        for k in (0, -1, 1.5):
            with pytest.raises(ValueError, match=rf"k is {k}; it counts, .* at least"):
                make(k)
    for make in STEPS.values():
        with pytest.raises(
            ValueError, match=r"weight_decay is -1; .* zero or positive"
        ):
            make(weight_decay=-1)
    rbm = make_rbm("binary")
    for name, make in STEPS.items():
        with pytest.raises(ValueError, match=r"x of shape \(2, 3\) is no state of"):
            make()(make_state(name, rbm), (np.zeros((2, 3)),), draws())
    chains = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"x of shape \(2, 3\) is no state of"):
        persistent_contrastive_divergence()(
            (rbm, SGD(RATE), chains), (make_states(rbm),), draws()
        )
