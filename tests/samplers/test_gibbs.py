"""Block Gibbs sampling: its exact transition matrix, its addresses, its refusals."""

import pickle
from itertools import product

import numpy as np
import pytest
from scipy.special import expit, log_ndtr

from samplers import gibbs, layers, philox
from samplers.chains import Chains
from samplers.exact import exact_draws, hidden_probabilities, visible_probabilities
from samplers.gibbs import Gibbs
from samplers.machine import Machine, binary_states
from tests.kolmogorov import LIMIT, distance
from tests.samplers import gibbs_checks
from tests.samplers.gibbs_checks import KEY, advanced, hidden_means
from tests.samplers.kernels import number
from tests.samplers.test_machine import make_machine
from tests.samplers.without_jit import bits_without_jit

EXACT = [
    gibbs_checks.check_conditionals,
    gibbs_checks.check_transition_matrix,
    gibbs_checks.check_clamped,
    gibbs_checks.check_gaussian,
    gibbs_checks.check_extreme_weights,
    gibbs_checks.check_addresses,
    gibbs_checks.check_layers_drawn_alone,
    gibbs_checks.check_chains_are_independent_of_company,
    gibbs_checks.check_steps_can_be_split,
    gibbs_checks.check_parameters_may_change,
]


@pytest.mark.exact
@pytest.mark.parametrize("check", EXACT, ids=lambda check: check.__name__)
def test_exactly(check):
    check(gibbs)


@pytest.mark.exact
@np.errstate(over="ignore", invalid="ignore")  # as an undecorated kernel warns
def test_what_is_not_finite_stops_the_chain():
    gibbs_checks.check_divergence(gibbs)


def test_invariance_from_exact_draws():
    """200,000 chains; sees a probability that is off by 0.01, or a correlation."""
    gibbs_checks.check_invariance(gibbs)


def test_two_steps_from_one_state():
    """200,000 chains; sees a probability off by 0.01, or numbers used twice."""
    gibbs_checks.check_a_power_of_the_matrix(gibbs)


def test_gaussian_invariance_from_exact_draws():
    """50,000 chains; sees a mean or sd that is off by 0.02, by Kolmogorov-Smirnov."""
    n, machine = 50_000, make_machine(2, 2, gaussian=True)
    x, _ = exact_draws(machine, n, rng=0)
    state, _ = advanced(gibbs, Gibbs(machine), x, 1, thin=3)
    p, means = hidden_probabilities(machine), machine.mean_x_given_h(binary_states(2))
    for i in range(2):
        z = (state[:, i, np.newaxis] - means[:, i]) / machine.sigma[i]
        assert distance(np.exp(log_ndtr(z)) @ p) < LIMIT


# One layer


@pytest.mark.exact
@pytest.mark.parametrize(("m", "n"), [(1, 1), (4, 4), (33, 6), (6, 33)])
def test_the_table_adds_what_the_products_add(m, n):
    """With the same bits, and the units filled in change nothing, on or off."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        W = rng.normal(size=(m, n)).astype(dtype)
        states = np.ones((3, m + -m % 4), np.uint8)
        states[:, :m] = rng.integers(2, size=(3, m))
        by_table, by_products = np.ones((2, 3, n + -n % 4), dtype)
        layer = layers.make_layer(W, W[0], philox.HIDDEN)
        layers.add_from_table(states, layer.table, by_table)
        layers.add_products(states, layers.in_fours(W), by_products)
        assert np.array_equal(by_table, by_products)
        expected = 1 + states[:, :m] @ W
        np.testing.assert_allclose(by_table[:, :n], expected, rtol=2e-5, atol=2e-5)


@pytest.mark.exact
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_is_that_of_each_chain_alone(dtype):
    noise, row = np.empty((3, 8), dtype), np.empty(8, dtype)
    addresses = layers.addresses_of(6, noise)
    for sigma, fill in ((None, philox.uniforms), (row, philox.normals)):
        layers.fill_noise(KEY, 11, philox.VISIBLE, addresses, sigma, noise)
        for c in range(3):
            fill(KEY, 6 + c, 11, philox.VISIBLE, row)
            assert np.array_equal(noise[c], row)


@pytest.mark.exact
def test_float32_decides_as_float64_up_to_its_precision():
    machine = make_machine(4, 3, scale=2, dtype=np.float32)
    x = binary_states(4)
    p = hidden_means(gibbs, machine, x)
    expected = expit(machine.b + x @ machine.W.astype(float))
    np.testing.assert_allclose(p, expected, rtol=0, atol=3e-7)


@pytest.mark.exact
def test_units_from_pre_activations_that_are_made_elsewhere():
    """As when a matrix product has made them already: the units that a chain draws."""
    machine = make_machine(6, 8)
    x = binary_states(6)
    t, beta, h = machine.b + x @ machine.W, np.ones(64), np.empty((64, 8), np.uint8)
    noise = np.empty_like(t)
    layers.fill_uniforms(KEY, 3, philox.HIDDEN, layers.addresses_of(5, noise), noise)
    assert layers.draw_binary(t, beta, noise, h) == 0
    expected = Gibbs(machine).sample_hidden(x, key=KEY, step=3, chain=5)
    assert np.array_equal(h, expected)


# Starts


def test_starts_are_fair_coins():
    """100,000 units; sees a bias of 0.01, and chains that share their numbers."""
    state = Gibbs(make_machine(5, 3)).start(KEY, 20_000)
    assert state.dtype == np.uint8
    covariance = np.cov(state.T, ddof=0) * 4
    assert np.all(np.abs(state.mean(axis=0) - 0.5) * 2 * np.sqrt(20_000) < 5.03)
    errors = (covariance - np.eye(5)) * np.sqrt(20_000)
    assert np.all(np.abs(errors) < 5.03)


def test_gaussian_starts_have_the_spread_of_uncoupled_units():
    """20,000 chains; sees sigma^2 for sigma, and beta for its root."""
    machine = make_machine(3, 2, gaussian=True, dtype=np.float32)
    beta = np.tile([0.25, 4.0], 10_000)
    state = Gibbs(machine, beta).start(KEY, 20_000)
    assert state.dtype == np.float32
    z = (state - machine.a) / machine.sigma * np.sqrt(beta)[:, np.newaxis]
    for rows in (z[::2], z[1::2]):
        assert np.all(np.abs(rows.mean(axis=0)) * 100 < 5.03)
        assert np.all(np.abs((rows**2).mean(axis=0) - 1) * 100 / np.sqrt(2) < 5.03)


def test_the_key_may_be_an_int():
    sampler = Gibbs(make_machine(5, 3))
    state = sampler.start(KEY, 3)
    assert np.array_equal(sampler.start(int(KEY), 3), state)
    x, address = state.copy(), {"key": int(KEY), "step": 4}
    sampler.advance(x, x[:, np.newaxis].copy(), chain=0, thin=1, **address)
    assert np.array_equal(x, advanced(gibbs, sampler, state, 1, step=4)[0])
    h = sampler.sample_hidden(state, **address)
    assert np.array_equal(sampler.sample_visible(h, **address), x)


def test_chains_do_not_depend_on_how_many_there_are(monkeypatch):
    """Nor on the blocks in which they go."""
    sampler = Gibbs(make_machine(6, 4))
    state = sampler.start(KEY, 10)
    assert np.array_equal(sampler.start(KEY, 4), state[:4])
    _, draws = advanced(gibbs, sampler, state, 5)
    monkeypatch.setattr(gibbs, "BLOCK", 3)
    _, in_blocks = advanced(gibbs, sampler, state, 5)
    assert np.array_equal(draws, in_blocks)


def test_it_runs_as_chains_and_can_be_sent_to_another_process():
    clamped = np.array([True, False, False, False, False])
    sampler = pickle.loads(pickle.dumps(Gibbs(make_machine(5, 3), 0.5, clamped)))
    chains = Chains(sampler, 6, rng=0, burn_in=3, thin=2)
    draws = chains.run(20)
    assert draws.shape == (6, 20, 5)
    assert np.all(draws[:, :, 0] == draws[:, :1, 0])
    state = sampler.start(chains.key, 6)
    first, others = np.empty((6, 1, 5), np.uint8), np.empty((6, 19, 5), np.uint8)
    sampler.advance(state, first, key=chains.key, chain=0, step=0, thin=5)
    sampler.advance(state, others, key=chains.key, chain=0, step=5, thin=2)
    assert np.array_equal(draws, np.concatenate([first, others], axis=1))


def test_persistent_chains_learn():
    """A machine that follows its own chains comes to the law of another, nearly.

    The means of x, h and x h in 2000 chains, a step after each change of parameters,
    stand for those of the model: chains that are not of the machine lead elsewhere.
    """
    data = visible_probabilities(make_machine(4, 2, scale=2))
    machine, x = make_machine(4, 2, scale=0.1, seed=1), binary_states(4)
    sampler, n = Gibbs(machine), 2000
    state = sampler.start(KEY, n)
    draws = state[:, np.newaxis].copy()

    def divergence():
        return data @ np.log(data / visible_probabilities(machine))

    before = divergence()
    for step in range(1500):
        sampler.advance(state, draws, key=KEY, chain=0, step=step, thin=1)
        p = np.bincount(number(state), minlength=16) / n
        on, change = machine.mean_h_given_x(x), 0.3 * (data - p)
        for array, gradient in (
            (machine.W, (x.T * change) @ on),
            (machine.a, change @ x),
            (machine.b, change @ on),
        ):
            array += gradient
    assert before > 0.3
    assert divergence() < 0.01


def bits():
    """Draws of machines of all kinds, as bytes."""
    found = b""
    for gaussian, dtype in product((False, True), ("f4", "f8")):
        machine = make_machine(6, 5, gaussian=gaussian, dtype=np.dtype(dtype))
        sampler = Gibbs(machine, beta=1.5)
        found += advanced(gibbs, sampler, sampler.start(KEY, 3), 8)[1].tobytes()
    return found


@pytest.mark.skipif(not hasattr(gibbs.sweeps, "py_func"), reason="is undecorated")
def test_the_undecorated_kernels_give_the_same_bits():
    assert bits_without_jit(__name__) == bits()


# Refusals


def test_states_are_taken_in_any_dtype():
    sampler = Gibbs(make_machine(3, 2))
    for state in (np.eye(3), np.eye(3, dtype=bool), np.eye(3, dtype=np.int64).T):
        taken = sampler.check(state)
        assert taken.dtype == np.uint8
        assert taken.flags.c_contiguous
        assert np.array_equal(taken, np.eye(3))
    gaussian = Gibbs(make_machine(3, 2, gaussian=True, dtype=np.float32))
    assert gaussian.check(np.eye(3)).dtype == np.float32


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (np.zeros(3), r"shape \(3,\); it is \(chain, 3\)"),
        (np.zeros((2, 4)), r"shape \(2, 4\); it is \(chain, 3\)"),
        (np.zeros((0, 3)), r"shape \(0, 3\); it is"),
        (np.full((1, 3), 2), "neither 0 nor 1, and the units are binary"),
        (np.full((1, 3), 0.5), "neither 0 nor 1"),
        (np.full((1, 3), np.nan), "neither 0 nor 1"),
    ],
)
def test_what_is_no_state_is_refused(state, words):
    sampler = Gibbs(make_machine(3, 2))
    with pytest.raises(ValueError, match=words):
        sampler.check(state)
    with pytest.raises(ValueError, match=words):
        sampler.sample_hidden(state, key=KEY, step=0)


def test_other_refusals():
    gaussian = Gibbs(make_machine(3, 2, gaussian=True))
    with pytest.raises(ValueError, match=r"nan or infinity, .* Gibbs.start"):
        gaussian.check(np.full((1, 3), np.inf))
    machine = make_machine(3, 2)
    for beta in (0, -1.0, np.nan, np.inf, np.array([1.0, 0]), np.ones((2, 2)), []):
        with pytest.raises(
            ValueError, match=r"positive and finite in float64, .* or an"
        ):
            Gibbs(machine, beta)
    with pytest.raises(ValueError, match="positive and finite in float32"):
        Gibbs(make_machine(3, 2, dtype=np.float32), 1e-60)
    for clamped in (np.zeros(2, bool), np.zeros(3), [0, 1]):
        with pytest.raises(ValueError, match=r"clamped .* \(3,\), of dtype bool"):
            Gibbs(machine, clamped=clamped)
    tempered = Gibbs(machine, np.array([1.0, 0.5]))
    for call in (lambda: tempered.start(KEY, 3), lambda: tempered.check(np.eye(3))):
        with pytest.raises(ValueError, match="chain 2 has no beta, as there are 2"):
            call()
    with pytest.raises(ValueError, match="h has values that are neither"):
        gaussian.sample_visible(np.full((1, 2), 0.5), key=KEY, step=0)
    for h in (np.zeros((1, 3)), np.zeros(2), np.zeros((0, 2))):
        with pytest.raises(ValueError, match=r"h has shape .*; it is \(chain, 2\)"):
            gaussian.sample_visible(h, key=KEY, step=0)


def test_a_layer_that_is_not_finite_is_refused():
    machine = Machine(np.full((2, 2), 1e308), np.zeros(2), np.zeros(2))
    ones = np.ones((1, 2))
    with pytest.raises(
        gibbs.DivergenceError, match=r"hidden unit .* chain 3 at step 4"
    ):
        Gibbs(machine).sample_hidden(ones, key=KEY, step=4, chain=3)
    with pytest.raises(gibbs.DivergenceError, match="visible unit"):
        Gibbs(machine).sample_visible(ones, key=KEY, step=4)
