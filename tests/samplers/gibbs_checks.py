"""What samplers.gibbs has to fulfil; a check takes the module, or one with a fault."""

import numpy as np
import pytest
from scipy.special import expit

from samplers import philox
from samplers.errors import DivergenceError
from samplers.exact import exact_draws, visible_probabilities
from samplers.machine import Machine, binary_states
from tests.data.agreement import chi_square
from tests.samplers.kernels import (
    forcing,
    irreversibility,
    law_of_units,
    number,
    probabilities,
    stationarity,
)
from tests.samplers.test_machine import make_machine

KEY = np.uint64(0x0123456789ABCDEF)
NOBODY = np.zeros(0, np.int64)


def step(gibbs, machine, x, noise_h, noise_x, beta=1.0, clamped=NOBODY):
    """One step from x : (chains, M) with the given noise: h and the new x."""
    hidden, visible = gibbs.layers_of(machine)
    (M, N), dtype, chains = machine.W.shape, machine.W.dtype, len(x)

    def room(values, layer, dtype):
        filled = np.zeros((chains, layer.bias.size), dtype)
        filled[:, : values.shape[1]] = values
        return filled

    x = room(x, visible, np.uint8 if machine.sigma is None else dtype)
    noise_h, noise_x = room(noise_h, hidden, dtype), room(noise_x, visible, dtype)
    h, new = np.zeros_like(noise_h, np.uint8), np.zeros_like(x)
    t_h, t_x = np.empty_like(noise_h), np.empty_like(noise_x)
    beta = np.broadcast_to(np.asarray(beta, dtype), chains).copy()
    failed = gibbs.sweep(
        hidden, visible, x, beta, clamped, noise_h, noise_x, t_h, t_x, h, new
    )
    assert failed == 0
    return h[:, :N], new[:, :M]


def hidden_means(gibbs, machine, x, beta=1.0):
    """p(h_j = 1 | x), (chains, N), by which the kernel decides."""
    zeros = np.zeros((len(x), len(machine.a)))

    def decide(u):
        return step(gibbs, machine, x, u, zeros, beta)[0]

    return probabilities(decide, (len(x), len(machine.b)), machine.W.dtype)


def visible_means(gibbs, machine, x, h, beta=1.0, clamped=NOBODY):
    """p(x_i = 1 | h), (chains, M), by which the kernel decides, with h forced."""

    def decide(u):
        drawn, new = step(gibbs, machine, x, forcing(h), u, beta, clamped)
        assert np.array_equal(drawn, h)
        return new

    return probabilities(decide, (len(h), len(machine.a)), machine.W.dtype)


def transition_matrix(gibbs, machine, beta=1.0, clamped=NOBODY):
    """P(x -> x'), (2^M, 2^M), of a step, as the kernel does it."""
    x, h = map(binary_states, machine.W.shape)
    p_h = law_of_units(hidden_means(gibbs, machine, x, beta))
    from_x, from_h = np.repeat(x, len(h), axis=0), np.tile(h, (len(x), 1))
    p_x = law_of_units(visible_means(gibbs, machine, from_x, from_h, beta, clamped))
    return np.einsum("xh,xhy->xy", p_h, p_x.reshape(len(x), len(h), len(x)))


def check_conditionals(gibbs):
    """Both layers decide by the sigmoids of the machine, to 1e-12, at any beta."""
    machine = make_machine(4, 3, scale=2)
    x, h = map(binary_states, machine.W.shape)
    for beta in (0.3, 1.0, 2.5):
        W, a, b = beta * machine.W, beta * machine.a, beta * machine.b
        p_h = hidden_means(gibbs, machine, x, beta)
        p_x = visible_means(gibbs, machine, np.zeros((8, 4)), h, beta)
        np.testing.assert_allclose(p_h, expit(b + x @ W), rtol=0, atol=1e-12)
        np.testing.assert_allclose(p_x, expit(a + h @ W.T), rtol=0, atol=1e-12)


def check_transition_matrix(gibbs):
    """exp(-beta F) stays, in detailed balance, to 1e-12."""
    for M, N, beta in ((4, 3, 1.0), (2, 3, 0.4), (3, 1, 2.0)):
        machine = make_machine(M, N, seed=M)
        pi = visible_probabilities(machine.tempered(beta))
        P = transition_matrix(gibbs, machine, beta)
        assert stationarity(P, pi) < 1e-12
        assert irreversibility(P, pi) < 1e-12


def check_clamped(gibbs):
    """p(x_free | x_clamped) stays, and no clamped unit moves."""
    machine, clamped = make_machine(4, 2), np.array([0, 2])
    P = transition_matrix(gibbs, machine, clamped=clamped)
    x, pi = binary_states(4), visible_probabilities(machine)
    for values in binary_states(2):
        same = np.all(x[:, clamped] == values, axis=1)
        inside = P[np.ix_(same, same)]
        assert stationarity(inside, pi[same] / pi[same].sum()) < 1e-12
        assert irreversibility(inside, pi[same]) < 1e-12


def check_gaussian(gibbs):
    """h by sigmoids of b + (x / sigma^2).W; x about a + W h with sigma / sqrt(beta)."""
    machine = make_machine(4, 3, gaussian=True)
    W, a, b, sigma = machine.W, machine.a, machine.b, machine.sigma
    x, h = np.random.default_rng(3).normal(size=(8, 4)), binary_states(3)
    for beta in (0.5, 1.0, 2.0):
        p_h = hidden_means(gibbs, machine, x, beta)
        expected = expit(beta * (b + (x / sigma**2) @ W))
        np.testing.assert_allclose(p_h, expected, rtol=0, atol=1e-12)
        for z in (np.zeros((8, 4)), np.random.default_rng(4).normal(size=(8, 4))):
            drawn, new = step(gibbs, machine, x, forcing(h), z, beta)
            assert np.array_equal(drawn, h)
            expected = a + h @ W.T + sigma / np.sqrt(beta) * z
            np.testing.assert_allclose(new, expected, rtol=1e-13, atol=1e-13)


@np.errstate(over="ignore", invalid="ignore")  # exp(1000), and zero times it
def check_extreme_weights(gibbs):
    """Pre-activations of +-1000 decide for sure, and those of 0 by a fair coin."""
    for dtype in (np.float32, np.float64):
        W = np.array([[1000, -1000, 0], [0, 0, 1000]], dtype)
        machine = Machine(W, np.zeros(2, dtype), np.array([0, 0, -1000], dtype))
        x = np.array([[1, 0], [0, 1], [1, 1]])
        expected = [[1, 0, 0], [0.5, 0.5, 0.5], [1, 0, 0.5]]
        assert np.array_equal(hidden_means(gibbs, machine, x), expected)


def reference_chain(machine, x, chain, steps, beta=1.0):
    """The states after each step, as the addresses of the random numbers say."""
    machine, sigma = machine.tempered(beta), machine.sigma
    (M, N), dtype = machine.W.shape, machine.W.dtype
    noise_h, noise_x = np.empty(N, dtype), np.empty(M, dtype)
    states = []
    for k in range(*steps):
        philox.uniforms(KEY, chain, k, philox.HIDDEN, noise_h)
        h = noise_h < machine.mean_h_given_x(x)
        fill = philox.uniforms if sigma is None else philox.normals
        fill(KEY, chain, k, philox.VISIBLE, noise_x)
        mean = machine.mean_x_given_h(h)
        x = noise_x < mean if sigma is None else mean + machine.sigma * noise_x
        states.append(x)
    return np.array(states)


def advanced(gibbs, sampler, state, n, *, chain=0, step=0, thin=1):
    """State and draws after n thin steps."""
    state = state.copy()
    draws = np.empty((len(state), n, state.shape[1]), state.dtype)
    sampler.advance(state, draws, key=KEY, chain=chain, step=step, thin=thin)
    return state, draws


def check_addresses(gibbs):
    """Chain 5 + c at step 7 + k uses the numbers of that chain and step, by purpose."""
    for gaussian in (False, True):
        for M, N in ((6, 5), (3, 34), (34, 3)):
            machine = make_machine(M, N, gaussian=gaussian, scale=0.7)
            sampler = gibbs.Gibbs(machine, beta=1.5)
            state = sampler.start(KEY, 3)
            _, draws = advanced(gibbs, sampler, state, 6, chain=5, step=7)
            for c in range(3):
                expected = reference_chain(machine, state[c], 5 + c, (7, 13), 1.5)
                np.testing.assert_allclose(draws[c], expected, rtol=1e-10, atol=1e-10)


def check_layers_drawn_alone(gibbs):
    """sample_hidden and sample_visible draw what a step draws."""
    for gaussian in (False, True):
        machine = make_machine(5, 6, gaussian=gaussian)
        sampler = gibbs.Gibbs(machine, beta=np.linspace(0.5, 2, 9))
        x = sampler.start(KEY, 9)[4:]
        after, _ = advanced(gibbs, sampler, x, 1, chain=4, step=3)
        h = sampler.sample_hidden(x, key=KEY, chain=4, step=3)
        assert h.shape == (5, 6)
        assert h.dtype == np.uint8
        drawn = sampler.sample_visible(h, key=KEY, chain=4, step=3)
        assert np.array_equal(drawn, after)
        assert drawn.dtype == after.dtype


def check_chains_are_independent_of_company(gibbs):
    """Many chains, each at its own beta: the same as each alone, bit for bit."""
    for gaussian in (False, True):
        dtype = np.float64 if gaussian else np.float32
        machine = make_machine(7, 5, gaussian=gaussian, dtype=dtype)
        beta = np.linspace(0.5, 2, 5)
        sampler = gibbs.Gibbs(machine, beta, clamped=np.arange(7) == 2)
        state = sampler.start(KEY, 5)
        together, draws = advanced(gibbs, sampler, state, 4, step=3)
        for c in range(5):
            alone, own = advanced(gibbs, sampler, state[c : c + 1], 4, chain=c, step=3)
            assert np.array_equal(together[c], alone[0])
            assert np.array_equal(draws[c], own[0])
            one = gibbs.Gibbs(machine, float(beta[c]), clamped=np.arange(7) == 2)
            same, _ = advanced(gibbs, one, state[c : c + 1], 4, chain=c, step=3)
            assert np.array_equal(same, alone)
        assert np.array_equal(together[:, 2], state[:, 2])


def check_steps_can_be_split(gibbs):
    """12 steps in one call, in calls of 5 and 7, and thinned: the same, bit for bit."""
    machine = make_machine(6, 5)
    sampler = gibbs.Gibbs(machine)
    start = sampler.start(KEY, 4)
    end, draws = advanced(gibbs, sampler, start, 12, step=2)
    middle, first = advanced(gibbs, sampler, start, 5, step=2)
    last, second = advanced(gibbs, sampler, middle, 7, step=7)
    assert np.array_equal(end, last)
    assert np.array_equal(draws, np.concatenate([first, second], axis=1))
    thinned, kept = advanced(gibbs, sampler, start, 4, step=2, thin=3)
    assert np.array_equal(thinned, end)
    assert np.array_equal(kept, draws[:, 2::3])


def check_parameters_may_change(gibbs):
    """A step is that of the machine as it is then, as persistent chains need it."""
    for gaussian in (False, True):
        machine = make_machine(5, 3, gaussian=gaussian)
        sampler = gibbs.Gibbs(machine)
        state = sampler.start(KEY, 2)
        for step in range(4):
            for array in (machine.W, machine.a, machine.b):
                array *= -0.9
            pairs = enumerate(state)
            expected = [
                reference_chain(machine, x, c, (step, step + 1)) for c, x in pairs
            ]
            state, _ = advanced(gibbs, sampler, state, 1, step=step)
            np.testing.assert_allclose(state, np.concatenate(expected), rtol=1e-10)


def check_divergence(gibbs):
    """What is not finite stops the chain that meets it, at the step that does."""
    huge = np.full((2, 2), 1e308)
    state = np.array([[0, 1], [1, 1], [1, 1]], np.uint8)
    # Two units on make infinity of the hidden layer.
    machine = Machine(huge, np.full(2, 50.0), np.full(2, -1e308))
    with pytest.raises(DivergenceError, match="hidden unit") as error:
        advanced(gibbs, gibbs.Gibbs(machine, 1e-300), state, 1, chain=5, step=9)
    assert (error.value.chain, error.value.step) == (6, 9)
    # Without a visible unit that is on, only the visible layer meets it.
    machine = Machine(huge, np.full(2, -50.0), np.full(2, 50.0))
    with pytest.raises(DivergenceError, match="visible unit") as error:
        advanced(gibbs, gibbs.Gibbs(machine), 0 * state, 1, chain=5, step=9)
    assert (error.value.chain, error.value.step, error.value.key) == (5, 9, KEY)
    # x / sigma^2 overflows, where sigma^2 vanishes.
    machine = Machine(huge, np.ones(2), np.ones(2), np.full(2, 1e-200))
    with pytest.raises(DivergenceError, match="hidden unit"):
        advanced(gibbs, gibbs.Gibbs(machine), np.ones((1, 2)), 1)
    # The noise overflows.
    machine = Machine(0 * huge, np.ones(2), np.ones(2), np.full(2, 1e200))
    with pytest.raises(DivergenceError, match="visible unit"):
        advanced(gibbs, gibbs.Gibbs(machine, 1e-300), np.ones((1, 2)), 1)


def check_invariance(gibbs, n=200_000):
    """Exact draws, three steps on, have the exact law still, by chi-square."""
    machine = make_machine(4, 3)
    x, _ = exact_draws(machine, n, rng=0)
    state, _ = advanced(gibbs, gibbs.Gibbs(machine), x.astype(np.uint8), 1, thin=3)
    counts = np.bincount(number(state), minlength=16)
    assert chi_square(counts, n * visible_probabilities(machine)) < 1


def check_a_power_of_the_matrix(gibbs, n=200_000):
    """From one state, the counts after two steps are those of its row of P^2."""
    machine = make_machine(4, 3, scale=1.5)
    P = np.linalg.matrix_power(transition_matrix(gibbs, machine), 2)
    start = np.tile(np.array([1, 0, 1, 1], np.uint8), (n, 1))
    state, _ = advanced(gibbs, gibbs.Gibbs(machine), start, 1, thin=2)
    counts = np.bincount(number(state), minlength=16)
    assert chi_square(counts, n * P[number(start[0])]) < 1
