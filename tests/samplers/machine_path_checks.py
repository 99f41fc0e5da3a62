"""What samplers.machine_path has to fulfil; a check takes it, or one with a fault."""

from itertools import pairwise

import numpy as np
from scipy.special import expit

from samplers import philox
from samplers.exact import log_partition, visible_probabilities
from samplers.machine import Machine, binary_states
from tests.samplers.annealing_checks import KEY, annealed, check_company
from tests.samplers.kernels import (
    forcing,
    irreversibility,
    law_of_units,
    probabilities,
    stationarity,
)
from tests.samplers.test_machine import make_machine

BETAS = np.array([0, 0.2, 0.7, 1])


def some_path(machine_path, M=3, N=2, **options):
    """A path to a machine of normal parameters, from biases that are normal too."""
    machine = make_machine(M, N, **options)
    bias = np.random.default_rng(9).standard_normal(M)
    return machine_path.MachinePath(machine, bias)


def log_f(path, x, beta):
    """log f_beta(x), term by term as it is written."""
    machine, mix = path.machine, (1 - beta) * path.bias + beta * path.machine.a
    if machine.sigma is None:
        visible, t = x @ mix, machine.b + x @ machine.W
    else:
        from_a, from_bias = (
            ((x - m) / machine.sigma) ** 2 for m in (machine.a, path.bias)
        )
        visible = -np.sum(beta * from_a + (1 - beta) * from_bias, axis=-1) / 2
        t = machine.b + (x / machine.sigma**2) @ machine.W
    return visible + np.sum(np.logaddexp(0, beta * t), axis=-1)


def step(machine_path, path, x, before, after, noise_h=0, noise_x=0):
    """One step from x : (particles, M): h, the new x, and what log w grew by."""
    (M, N), dtype = path.machine.W.shape, path.machine.W.dtype
    hidden, visible = (machine_path.make_rows(layer, len(x)) for layer in path.layers)
    hidden.noise[:], visible.noise[:] = 0, 0
    hidden.noise[:, :N], visible.noise[:, :M] = noise_h, noise_x
    visible.units[:, :M] = x
    gains = np.zeros(len(x))
    before, after = dtype.type(before), dtype.type(after)
    assert path.step(visible, hidden, before, after, gains) == (0, 0)
    return hidden.units[:, :N], visible.units[:, :M], gains


def hidden_means(machine_path, path, x, beta):
    """p(h_j = 1 | x), (particles, N), by which the path decides at beta."""

    def decide(u):
        return step(machine_path, path, x, 0.1, beta, u)[0]

    return probabilities(decide, (len(x), len(path.machine.b)))


def visible_means(machine_path, path, h, beta):
    """p(x_i = 1 | h), (particles, M), by which the path decides, with h forced."""
    x = np.zeros((len(h), len(path.machine.a)))

    def decide(u):
        drawn, new, _ = step(machine_path, path, x, 0.1, beta, forcing(h), u)
        assert np.array_equal(drawn, h)
        return new

    return probabilities(decide, x.shape)


def transition_matrix(machine_path, path, beta):
    """P(x -> x'), (2^M, 2^M), of a transition at beta, as the path does it."""
    x, h = map(binary_states, path.machine.W.shape)
    p_h = law_of_units(hidden_means(machine_path, path, x, beta))
    return p_h @ law_of_units(visible_means(machine_path, path, h, beta))


def check_gains(machine_path):
    """log w grows by log f_beta'(x) - log f_beta(x), up and down, to 1e-13."""
    for gaussian in (False, True):
        path = some_path(machine_path, 5, 6, gaussian=gaussian, scale=2)
        x = binary_states(5) * (1 if not gaussian else 1.7)
        for before, after in [(0, 1), (1, 0), (0.3, 0.4), (0.7, 0.2), (0.5, 0.5)]:
            gains = step(machine_path, path, x, before, after)[2]
            expected = log_f(path, x, after) - log_f(path, x, before)
            np.testing.assert_allclose(gains, expected, rtol=1e-13, atol=1e-13)


def check_conditionals(machine_path):
    """Both layers are those of the energy at the beta that is reached, to 1e-12."""
    path = some_path(machine_path, 4, 3, scale=2)
    x, h = map(binary_states, path.machine.W.shape)
    W, a, b = path.machine.W, path.machine.a, path.machine.b
    for beta in (0.25, 0.9):
        p_h = hidden_means(machine_path, path, x, beta)
        np.testing.assert_allclose(p_h, expit(beta * (b + x @ W)), rtol=0, atol=1e-12)
        p_x = visible_means(machine_path, path, h, beta)
        expected = expit((1 - beta) * path.bias + beta * (a + h @ W.T))
        np.testing.assert_allclose(p_x, expected, rtol=0, atol=1e-12)


def check_gaussian_conditionals(machine_path):
    """x about (1 - beta) bias + beta (a + W h), with the same sigma at every beta."""
    path = some_path(machine_path, 4, 3, gaussian=True)
    W, a, sigma = path.machine.W, path.machine.a, path.machine.sigma
    x, h = np.random.default_rng(3).normal(size=(8, 4)), binary_states(3)
    for beta in (0.25, 0.9):
        p_h = hidden_means(machine_path, path, x, beta)
        t = path.machine.b + (x / sigma**2) @ W
        np.testing.assert_allclose(p_h, expit(beta * t), rtol=0, atol=1e-12)
        z = np.random.default_rng(4).normal(size=(8, 4))
        drawn, new, _ = step(machine_path, path, x, 0.1, beta, forcing(h), z)
        assert np.array_equal(drawn, h)
        expected = (1 - beta) * path.bias + beta * (a + h @ W.T) + sigma * z
        np.testing.assert_allclose(new, expected, rtol=1e-13, atol=1e-13)


def check_ends(machine_path):
    """At beta = 0 and 1 nothing moves, whatever the noise."""
    for gaussian in (False, True):
        path = some_path(machine_path, 5, 3, gaussian=gaussian)
        x = binary_states(5)
        for before, after in ((0.5, 0), (0.5, 1), (0, 1)):
            noise = np.full((32, 5), 0.25)
            _, new, _ = step(machine_path, path, x, before, after, 0.25, noise)
            assert np.array_equal(new, x)


def check_base(machine_path):
    """Its log Z is that of the machine without couplings, and its states are drawn."""
    for gaussian in (False, True):
        path = some_path(machine_path, 6, 5, gaussian=gaussian)
        W, b, sigma = 0 * path.machine.W, np.zeros(5), path.machine.sigma
        expected = log_partition(Machine(W, path.bias, b, sigma))
        np.testing.assert_allclose(path.log_base, expected, rtol=1e-14)
        x, noise = path.start(KEY, 7), np.empty(6)
        for c in range(7):
            if gaussian:
                philox.normals(KEY, c, 0, philox.START, noise)
                expected = path.bias + sigma * noise
                np.testing.assert_allclose(x[c], expected, rtol=1e-14)
            else:
                philox.uniforms(KEY, c, 0, philox.START, noise)
                assert np.array_equal(x[c], noise < expit(path.bias))


def matrices(machine_path, path, betas):
    """What a run is made of, from the path's own decisions.

    Returns the laws at both ends, the transition matrix at each inner beta, and the
    factors of a weight from each beta to the next.
    """
    x = binary_states(len(path.machine.a))
    first = law_of_units(expit(path.bias))
    last = visible_probabilities(path.machine)
    P = [transition_matrix(machine_path, path, beta) for beta in betas[1:-1]]
    up = [np.exp(step(machine_path, path, x, *pair)[2]) for pair in pairwise(betas)]
    return first, last, P, up


def check_mean_weight(machine_path):
    """Summed over all paths, p w is Z_1 / Z_0, and downwards Z_0 / Z_1, to 1e-12."""
    for M, N in ((2, 2), (3, 2)):
        path = some_path(machine_path, M, N, scale=1.5)
        x, Z_0 = binary_states(M), np.exp(path.log_base)
        Z_1 = np.exp(log_partition(path.machine))
        first, last, P, up = matrices(machine_path, path, BETAS)
        mean = first * up[0]
        for matrix, factor in zip(P, up[1:], strict=True):
            mean = (mean @ matrix) * factor
        np.testing.assert_allclose(mean.sum(), Z_1 / Z_0, rtol=1e-12)
        backwards = BETAS[::-1]
        down = [step(machine_path, path, x, *pair)[2] for pair in pairwise(backwards)]
        mean = last * np.exp(down[0])
        for matrix, gain in zip(P[::-1], down[1:], strict=True):
            mean = (mean @ matrix) * np.exp(gain)
        np.testing.assert_allclose(mean.sum(), Z_0 / Z_1, rtol=1e-12)


def check_reversal(machine_path):
    """p(path) w Z_0 / Z_1 is the probability of the path taken backwards, to 1e-12."""
    path = some_path(machine_path, 2, 2, scale=1.5)
    log_ratio = log_partition(path.machine) - path.log_base
    first, last, (P, Q), up = matrices(machine_path, path, BETAS)
    w = np.einsum("x,y,z->xyz", *up)
    forwards = np.einsum("x,xy,yz->xyz", first, P, Q)
    backwards = np.einsum("z,zy,yx->xyz", last, Q, P)
    np.testing.assert_allclose(
        forwards * w, backwards * np.exp(log_ratio), rtol=1e-12, atol=1e-15
    )


def check_stationary(machine_path):
    """A transition leaves f_beta as it is, in detailed balance, to 1e-12."""
    path = some_path(machine_path, 3, 2, scale=1.5)
    for beta in (0.2, 0.7):
        f = np.exp(log_f(path, binary_states(3), beta))
        P = transition_matrix(machine_path, path, beta)
        assert stationarity(P, f / f.sum()) < 1e-12
        assert irreversibility(P, f / f.sum()) < 1e-12


def plain_run(path, x, betas, rungs, particle):
    """The same for one particle, as the addresses of the random numbers say."""
    machine, log_w = path.machine, 0.0
    W, a, b, sigma = machine.W, machine.a, machine.b, machine.sigma
    noise_h, noise_x = np.empty(len(b)), np.empty(len(a))
    for old, new in pairwise(rungs):
        beta = betas[new]
        log_w += log_f(path, x, beta) - log_f(path, x, betas[old])
        if new in (0, len(betas) - 1):
            continue
        philox.uniforms(KEY, particle, new, philox.HIDDEN, noise_h)
        t = b + (x if sigma is None else x / sigma**2) @ W
        h = noise_h < expit(beta * t)
        fill = philox.uniforms if sigma is None else philox.normals
        fill(KEY, particle, new, philox.VISIBLE, noise_x)
        mean = (1 - beta) * path.bias + beta * (a + W @ h)
        x = noise_x < expit(mean) if sigma is None else mean + sigma * noise_x
    return x, log_w


def check_machine_run(machine_path):
    """Up and down, weighing first, with the numbers of each particle and rung."""
    betas = np.linspace(0, 1, 6) ** 2
    for gaussian in (False, True):
        path = some_path(machine_path, 6, 5, gaussian=gaussian, scale=0.7)
        start = path.start(KEY, 3)
        for rungs in (range(6), range(5, -1, -1), range(2, 5)):
            x, log_w = annealed(path, start, betas, rungs, particle=5)
            for c in range(3):
                expected, log_weight = plain_run(path, start[c], betas, rungs, 5 + c)
                np.testing.assert_allclose(x[c], expected, rtol=1e-11, atol=1e-11)
                np.testing.assert_allclose(log_w[c], log_weight, rtol=1e-11, atol=1e-11)


def check_machine_company(machine_path):
    for gaussian, dtype in ((True, np.float64), (False, np.float32)):
        check_company(some_path(machine_path, 7, 5, gaussian=gaussian, dtype=dtype))
