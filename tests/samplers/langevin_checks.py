"""What samplers.langevin has to fulfil, and samplers.mala with it.

A check takes a module, or one with a fault. It works on the sampler of the module, and
most of them inject the noise: `walk` of a sampler takes it as an argument.
"""

from unittest import mock

import numpy as np
import pytest
from scipy.linalg import solve_discrete_lyapunov

from samplers import philox
from samplers.errors import DivergenceError
from samplers.target import Target

KEY = np.uint64(0x0123456789ABCDEF)


def gaussian(covariance, dtype=np.float64):
    """A Target in plain Python: a Gaussian of mean zero."""
    P = np.linalg.inv(covariance).astype(dtype)

    def score(x, out):
        out[:] = -x @ P

    def energy(x, out):
        out[:] = np.sum(x * (x @ P), axis=1) / 2

    return Target(score, len(P), energy, dtype=dtype)


def well_score(x, out):
    out[:] = 4 * x * (1 - x**2)


def well_energy(x, out):
    out[:] = (x[:, 0] ** 2 - 1) ** 2


CORRELATED = np.array([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])
WELL = Target(well_score, 1, well_energy)


def sampler_of(module):
    """MALA of samplers.mala, or Langevin of samplers.langevin."""
    return getattr(module, "MALA", module.Langevin)


def stepped(sampler, x, *noise, chain=0):
    """The states after each step of given noise, (chains, steps, d)."""
    draws = np.empty((len(x), noise[0].shape[1], x.shape[1]), x.dtype)
    assert sampler.walk(x.T.copy(), chain)(*noise, 0, 1, draws) == (0, 0, 0)
    return draws


def proposed(sampler, x, xi, *, chain=0):
    """y(xi) : (chains, d), of a step from x with the noise xi, both (chains, d).

    Whatever is not impossible is accepted, if the sampler is one that can refuse.
    """
    u = [np.zeros((1, len(x)))] if type(sampler).__name__ == "MALA" else []
    xi = np.broadcast_to(xi, x.shape).astype(x.dtype)
    return stepped(sampler, x, xi.T[:, np.newaxis].copy(), *u, chain=chain)[:, 0]


def affine(sampler, x, *, chain=0):
    """y(0) : (chains, d), and the columns y(e_i) - y(0) : (d, chains, d)."""
    mean = proposed(sampler, x, 0.0, chain=chain)
    columns = [proposed(sampler, x, e, chain=chain) - mean for e in np.eye(x.shape[1])]
    return mean, np.array(columns)


def check_affine_map(module):
    """A proposal is x + eta s(x) + sqrt(2 eta T) xi, chain by chain, to 1e-14."""
    rng = np.random.default_rng(0)
    x, xi = rng.normal(size=(2, 6, 3))
    eta, T = rng.uniform(0.05, 0.3, 9), rng.uniform(0.5, 3, 9)
    target = gaussian(CORRELATED)
    sampler = sampler_of(module)(target, eta, T)
    mean, columns = affine(sampler, x, chain=3)
    expected = x + eta[3:, np.newaxis] * target.score_at(x)
    np.testing.assert_allclose(mean, expected, rtol=0, atol=1e-14)
    scale = np.sqrt(2 * eta * T)[3:, np.newaxis]
    for i, column in enumerate(columns):
        expected = scale * np.eye(3)[i]
        np.testing.assert_allclose(column, expected, rtol=0, atol=1e-14)
    y = proposed(sampler, x, xi, chain=3)
    np.testing.assert_allclose(y, mean + scale * xi, rtol=0, atol=1e-14)


def stationary_covariance(sampler, d):
    """V = A V A^T + B B^T of the affine map x' = A x + B xi that the code is."""
    mean, columns = affine(sampler, np.concatenate([np.zeros((1, d)), np.eye(d)]))
    A, B = (mean[1:] - mean[0]).T, columns[:, 0].T
    return solve_discrete_lyapunov(A, B @ B.T)


def check_stationary_variance(langevin):
    """Of a Gaussian, T (P - eta P^2 / 2)^-1; s^2 T / (1 - eta / (2 s^2)) for d = 1."""
    for s, eta, T in ((1.0, 0.4, 1.0), (0.5, 0.9, 2.0), (3.0, 0.1, 0.3)):
        sampler = langevin.Langevin(gaussian([[s**2]]), eta, T)
        expected = s**2 * T / (1 - eta / (2 * s**2))
        np.testing.assert_allclose(stationary_covariance(sampler, 1), expected, 1e-12)
    P, T = np.linalg.inv(CORRELATED), 0.7
    for eta in (0.01, 0.3):
        sampler = langevin.Langevin(gaussian(CORRELATED), eta, T)
        expected = T * np.linalg.inv(P - eta / 2 * P @ P)
        V = stationary_covariance(sampler, 3)
        np.testing.assert_allclose(V, expected, rtol=0, atol=1e-12)


def stationary_law(sampler, x):
    """The law on a grid x : (n, d) that stays under the Gaussian steps of the code."""
    mean, columns = affine(sampler, x)
    scale = columns[0, :, :1]
    log_q = -sum((y - m[:, np.newaxis]) ** 2 for y, m in zip(x.T, mean.T, strict=True))
    P = np.exp(log_q / (2 * scale**2))
    P /= P.sum(axis=1, keepdims=True)  # as good as the integral, for a smooth q
    return np.linalg.solve(np.eye(len(x)) - P.T + 1, np.ones(len(x)))


def first_order_law(target, laplacian, x, eta, T):
    """p (1 + eta (f - <f>)) on a grid x : (n, d), and p."""
    p = np.exp(-target.energy_at(x) / T)
    p /= p.sum()
    f = np.sum(target.score_at(x) ** 2, axis=1) / (4 * T) - laplacian / 2
    return p * (1 + eta * (f - p @ f)), p


def assert_first_order(langevin, target, laplacian, x, etas, T):
    """What the formula leaves is little, and a quarter at half the step size."""
    distances = []
    for eta in etas:
        law = stationary_law(langevin.Langevin(target, eta, T), x)
        expected, p = first_order_law(target, laplacian, x, eta, T)
        distances.append(np.abs(law - expected).sum())
        assert distances[-1] < np.abs(law - p).sum() / 5
    ratios = np.array(distances[:-1]) / distances[1:]
    np.testing.assert_allclose(ratios, 4, atol=0.5)


def check_first_order_bias(langevin):
    """In the double well, p_eta is that of the formula up to eta^2."""
    x = np.linspace(-2.6, 2.6, 261)
    for T in (0.5, 1.0):
        laplacian, etas = 12 * x**2 - 4, (0.008, 0.004, 0.002)
        assert_first_order(langevin, WELL, laplacian, x[:, np.newaxis], etas, T)


def advanced(sampler, state, n, *, chain=0, step=0, thin=1):
    """State and draws after n thin steps."""
    state = state.copy()
    draws = np.empty((len(state), n, state.shape[1]), state.dtype)
    sampler.advance(state, draws, key=KEY, chain=chain, step=step, thin=thin)
    return state, draws


def reference_step(sampler, x, chain, step):
    """One chain at x : (d,), a step on, as the addresses and the textbook say."""
    eta, T = sampler.step_size[chain], sampler.temperature[chain]
    target, xi, u = sampler.target, np.empty_like(x), np.empty(1)

    def score(x):
        return target.score_at(x[np.newaxis])[0]

    def log_q(y, x):
        return -np.sum((y - x - eta * score(x)) ** 2) / (4 * eta * T)

    philox.normals(KEY, chain, step, philox.PROPOSAL, xi)
    y = x + eta * score(x) + np.sqrt(2 * eta * T) * xi
    if type(sampler).__name__ == "Langevin":
        return y
    philox.uniforms(KEY, chain, step, philox.ACCEPT, u)
    energy_x, energy_y = target.energy_at(np.array([x, y]))
    log_a = (energy_x - energy_y) / T + log_q(x, y) - log_q(y, x)
    return y if np.log(u[0]) < log_a else x


def check_reference(module):
    """Each chain by itself, with the numbers of its addresses, as the textbook says."""
    eta, T = np.linspace(0.1, 0.6, 7), np.linspace(0.5, 2, 7)
    sampler = sampler_of(module)(gaussian(CORRELATED), eta, T)
    state = np.random.default_rng(0).normal(size=(2, 3))
    _, draws = advanced(sampler, state, 20, chain=5, step=7)
    for c in range(2):
        x = state[c]
        for k in range(20):
            x = reference_step(sampler, x, 5 + c, 7 + k)
            np.testing.assert_allclose(draws[c, k], x, rtol=1e-11, atol=1e-11)


def check_company(module):
    """Many chains, each with its own eta and T: the same as each alone, bit for bit."""
    eta, T = np.linspace(0.1, 0.9, 5), np.linspace(2, 0.5, 5)
    make, target = sampler_of(module), Target(well_score, 1, well_energy)
    sampler = make(target, eta, T)
    state = sampler.start(KEY, 5) / 2
    assert np.array_equal(sampler.start(KEY, 3), 2 * state[:3])
    together, draws = advanced(sampler, state, 4, step=3)
    for c in range(5):
        here = state[c : c + 1]
        for one in (sampler, make(target, float(eta[c]), float(T[c]))):
            alone, own = advanced(one, here, 4, chain=c, step=3)
            assert np.array_equal(together[c], alone[0])
            assert np.array_equal(draws[c], own[0])


def check_splitting(module):
    """12 steps in one call, in calls of 5 and 7, and thinned: the same, bit for bit."""
    sampler = sampler_of(module)(gaussian(CORRELATED), 0.3, 1.5)
    start = sampler.start(KEY, 4)
    end, draws = advanced(sampler, start, 12, step=2)
    assert np.array_equal(end, draws[:, -1])
    middle, first = advanced(sampler, start, 5, step=2)
    last, second = advanced(sampler, middle, 7, step=7)
    assert np.array_equal(end, last)
    assert np.array_equal(draws, np.concatenate([first, second], axis=1))
    thinned, kept = advanced(sampler, start, 4, step=2, thin=3)
    assert np.array_equal(thinned, end)
    assert np.array_equal(kept, draws[:, 2::3])


def globals_of(Langevin):
    """The names of samplers.noise that `advance` sees."""
    return Langevin.advance.__globals__["pieces"].__globals__


def check_pieces(module):
    """In blocks of 4 chains and of 1 or 2 steps, the same bits, thinned or not."""
    sampler = sampler_of(module)(gaussian(CORRELATED), np.linspace(0.1, 0.5, 10))
    state = sampler.start(KEY, 10)
    for n, thin in ((7, 1), (3, 5)):
        expected = advanced(sampler, state, n, step=2, thin=thin)
        with mock.patch.dict(globals_of(module.Langevin), NUMBERS=12):
            found = advanced(sampler, state, n, step=2, thin=thin)
        for a, b in zip(expected, found, strict=True):
            assert np.array_equal(a, b)


@np.errstate(over="ignore", invalid="ignore")
def check_a_state_that_overflows(module):
    """It stops the chains, with the chain and the step in which it did."""
    sampler = sampler_of(module)(gaussian([[1.0]]), [0.1, 0.1, 1e200, 1e200])
    state = np.array([[1.0], [0.0], [1e150]])
    with pytest.raises(DivergenceError, match="the state is not finite") as error:
        advanced(sampler, state, 9, chain=1, step=5)
    assert (error.value.chain, error.value.step, error.value.key) == (3, 5, KEY)
