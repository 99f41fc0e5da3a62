"""The partition function of a Boltzmann machine, by annealed importance sampling.

    p(x) = f(x) / Z,  Z = sum_x f(x),  f(x) = exp(a.x) prod_j (1 + exp(b_j + (x W)_j)).

A Markov chain draws from p without knowing Z. But how likely are the data? For that Z
is needed, a sum over 2^M states. It can be estimated: as the mean weight of states that
come from a law whose Z is known, and are led to p step by step. To be read from top to
bottom; every statement is an assertion. The machines are so small that the estimates
can be averaged over everything that could happen. Numbers like T23 are those of the
list in README.md.

Sources: R. M. Neal, Statistics and Computing 11 (2001), 125; C. Jarzynski, Physical
Review Letters 78 (1997), 2690; R. Salakhutdinov and I. Murray, ICML (2008).
"""

from itertools import pairwise

import numpy as np
import pytest

from samplers.annealing import annealed_importance, reverse_annealed_importance
from samplers.exact import exact_draws, log_partition, visible_probabilities
from samplers.machine import Machine, binary_states
from samplers.machine_path import MachinePath
from tests.lecture.machines import some_machine
from tests.samplers.kernels import law_of_units

BASE = 4 * np.log(2) + 3 * np.log(2)  # log Z of 4 visible and 3 hidden fair coins


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def log_f(machine, x, beta):
    """log f of the machine with beta W, beta a and beta b: at beta = 0, fair coins."""
    t = machine.b + x @ machine.W
    return beta * (x @ machine.a) + np.log(1 + np.exp(beta * t)).sum(axis=-1)


def gibbs_step(machine, beta):
    """T(x -> x') of drawing h given x, and x' given h, at beta; (2^M, 2^M)."""
    x, h = map(binary_states, machine.W.shape)
    h_given_x = law_of_units(sigmoid(beta * (machine.b + x @ machine.W)))
    x_given_h = law_of_units(sigmoid(beta * (machine.a + h @ machine.W.T)))
    return h_given_x @ x_given_h


# 1. Weights


def test_the_mean_weight_is_the_ratio_of_two_partition_functions():
    """sum_x p_0(x) f(x) / f_0(x) = Z / Z_0 (T23).

    For p_0 = f_0 / Z_0 cancels the f_0. Here p_0 are fair coins, of Z_0 = 2^(M + N).
    """
    for seed in range(10):
        machine, x = some_machine(scale=2, seed=seed), binary_states(4)
        w = np.exp(log_f(machine, x, 1) - log_f(machine, x, 0))
        ratio = np.exp(log_partition(machine) - BASE)
        np.testing.assert_allclose(np.mean(w), ratio, rtol=1e-12)


def test_a_base_that_is_the_machine_leaves_no_variance():
    """Then every weight is one, and one state tells Z exactly (T23)."""
    a = np.array([0.5, -1.0, 2.0, 0.0])
    machine = Machine(np.zeros((4, 3)), a, np.zeros(3))
    weights = annealed_importance(MachinePath(machine, a), [0, 1], 20, rng=0)
    assert not weights.log_weights.any()
    assert weights.log_partition == pytest.approx(log_partition(machine), rel=1e-14)


def relative_variance(w, p):
    """Of w : (n,) under p, in units of the square of the mean."""
    return p @ w**2 / (p @ w) ** 2 - 1


def test_the_variance_grows_with_what_the_two_laws_differ_by():
    """<w^2> / <w>^2 - 1 = sum_x (p - p_0)^2 / p_0, the chi-square divergence.

    So 1000 states give Z of weak couplings to 3 %, and of strong ones not at all.
    """
    x, p_0, found = binary_states(8), np.full(256, 2.0**-8), []
    for scale in (0.1, 0.5, 1, 2, 4):
        machine = some_machine(8, 4, scale)
        w = np.exp(log_f(machine, x, 1) - log_f(machine, x, 0))
        p = visible_probabilities(machine)
        found.append(relative_variance(w, p_0))
        assert found[-1] == pytest.approx(np.sum((p - p_0) ** 2 / p_0), rel=1e-9)
    assert np.all(np.diff(found) > 0)
    assert np.sqrt(found[0] / 1000) < 0.03
    assert found[-1] > 100


# 2. Temperatures in between


def mean_over_paths(machine, betas, step, power=1):
    """The mean of w^power over all paths x_1, x_2, ... of a run, exactly.

    step : the matrix by which particles move at a beta

    Each factor of the weight stands before the transition at its beta.
    """
    x = binary_states(len(machine.a))
    flow = np.full(len(x), 1 / len(x))
    for before, after in pairwise(betas):
        flow = flow * np.exp(
            power * (log_f(machine, x, after) - log_f(machine, x, before))
        )
        flow = flow @ step(machine, after)
    return flow.sum()


def nothing(machine, beta):
    return np.eye(2 ** len(machine.a))


def fresh(machine, beta):
    """A transition to an independent draw: the best that there is."""
    f = np.exp(log_f(machine, binary_states(len(machine.a)), beta))
    return np.tile(f / f.sum(), (f.size, 1))


@pytest.mark.parametrize("K", [1, 2, 5, 20])
@pytest.mark.parametrize("step", [nothing, gibbs_step, fresh])
def test_the_mean_is_exact_at_any_number_of_temperatures(step, K):
    """And whether the particles keep up with the law or not (T23).

    All that counts is that f_k stays under the transition at beta_k. Then, from one
    temperature to the next, f_k / Z_0 becomes f_k+1 / Z_0 by weighing, and stays that
    by moving. Particles that never move are weighed by f / f_0, in parts.
    """
    machine = some_machine(scale=2)
    ratio = np.exp(log_partition(machine) - BASE)
    mean = mean_over_paths(machine, np.linspace(0, 1, K + 1), step)
    assert mean == pytest.approx(ratio, rel=1e-12)


def test_to_weigh_after_the_move_is_biased():
    """The weight of a step is that of the state before it: f_1 / f_0, and then T_1.

    The other way round x_2, which has the law f_0 T_1, would be weighed as if it had
    that of f_0.
    """
    machine, betas = some_machine(scale=2), np.linspace(0, 1, 6)
    x, flow = binary_states(4), np.full(16, 1 / 16)
    for before, after in pairwise(betas):
        flow = flow @ gibbs_step(machine, after)
        flow = flow * np.exp(log_f(machine, x, after) - log_f(machine, x, before))
    assert abs(np.log(flow.sum()) + BASE - log_partition(machine)) > 0.05


def test_more_temperatures_make_the_variance_small():
    """As 1 / K at last, if the particles move; if they do not, it stays as it was."""
    machine, Ks = some_machine(scale=2), [1, 4, 16, 64, 128]

    def variance(K, step):
        betas = np.linspace(0, 1, K + 1)
        square = mean_over_paths(machine, betas, step, power=2)
        return square / mean_over_paths(machine, betas, step) ** 2 - 1

    for step in (gibbs_step, fresh):
        found = [variance(K, step) for K in Ks]
        assert np.all(np.diff(found) < 0)
        assert found[-2] / found[-1] == pytest.approx(2, rel=0.05)
    still = [variance(K, nothing) for K in Ks]
    np.testing.assert_allclose(still, still[0], rtol=1e-9)


# 3. In a few lines


def anneal(machine, betas, n, rng):
    """log w of n particles: all of annealed importance sampling."""
    M, N = machine.W.shape
    x, log_w = rng.integers(2, size=(n, M)), np.zeros(n)
    for before, after in pairwise(betas):
        log_w += log_f(machine, x, after) - log_f(machine, x, before)
        h = rng.random((n, N)) < sigmoid(after * (machine.b + x @ machine.W))
        x = rng.random((n, M)) < sigmoid(after * (machine.a + h @ machine.W.T))
    return log_w


def test_these_lines_and_the_sampler_have_the_mean_and_variance_of_all_paths():
    """50,000 particles, 5 temperatures, within 5.03 standard errors (T23).

    On w, which is what has no bias. Sees an error of Z of 2 %, and of sd of w of 10 %.
    """
    n, machine, betas = 50_000, some_machine(), np.linspace(0, 1, 6)
    mean = mean_over_paths(machine, betas, gibbs_step)
    sd = np.sqrt(mean_over_paths(machine, betas, gibbs_step, power=2) - mean**2)
    plain = anneal(machine, betas, n, np.random.default_rng(0))
    ours = annealed_importance(MachinePath(machine), betas, n, rng=1)
    for log_w in (plain, ours.log_weights):
        w = np.exp(log_w)
        assert abs(w.mean() - mean) < 5.03 * sd / np.sqrt(n)
        assert w.std() == pytest.approx(sd, rel=0.1)
    assert 5.03 * sd / np.sqrt(n) / mean < 0.02
    expected = sd / mean / np.sqrt(n)
    assert ours.standard_error == pytest.approx(expected, rel=0.1)


# 4. Bounds


def mean_log_weight(machine, law, betas):
    """<log w> of a run by Gibbs steps, exactly, from a law : (2^M,) of the start."""
    x, total = binary_states(len(machine.a)), 0.0
    for before, after in pairwise(betas):
        total += law @ (log_f(machine, x, after) - log_f(machine, x, before))
        law = law @ gibbs_step(machine, after)
    return total


def test_the_mean_logarithm_is_a_bound():
    """<log w> <= log <w>, by Jensen: below upwards, and above downwards (T23).

    So one run without bias in Z never has the mean log Z, but the two of them bracket
    it, closer the more temperatures: as 1 / K.
    """
    machine = some_machine(scale=2)
    exact, pi, gaps = log_partition(machine), visible_probabilities(machine), []
    for K in (1, 4, 16, 64, 128):
        betas = np.linspace(0, 1, K + 1)
        below = BASE + mean_log_weight(machine, np.full(16, 1 / 16), betas)
        above = BASE - mean_log_weight(machine, pi, betas[::-1])
        assert below < exact < above
        gaps.append(above - below)
    assert np.all(np.diff(gaps) < 0)
    assert gaps[-2] / gaps[-1] == pytest.approx(2, rel=0.05)


def test_so_is_the_estimate_of_a_few_particles():
    """The mean over 2000 runs of 10 particles, by 5.03 standard errors (T23).

    It is nearer to log Z than <log w>, by about half of the variance of log w.
    """
    machine, betas = some_machine(scale=1.5), np.linspace(0, 1, 4)
    log_w = annealed_importance(MachinePath(machine), betas, 20_000, rng=0).log_weights
    runs = np.log(np.exp(log_w.reshape(2000, 10)).mean(axis=1)) + BASE
    error = runs.std() / np.sqrt(2000)
    exact = log_partition(machine)
    assert BASE + log_w.mean() < runs.mean()
    assert runs.mean() < exact - 5.03 * error


def test_a_path_and_its_reverse():
    """p(path) w = p(the path backwards) Z / Z_0, path by path.

    In physics, w = exp(-work), and the law of the work in one direction gives that in
    the other (Crooks). Summed over all paths it is the mean weight again.
    """
    machine, (low, high) = some_machine(2, 2, scale=2), (0.3, 0.7)
    x, betas = binary_states(2), (0, low, high, 1)
    up = [
        np.exp(log_f(machine, x, after) - log_f(machine, x, before))
        for before, after in pairwise(betas)
    ]
    P, Q = gibbs_step(machine, low), gibbs_step(machine, high)
    forwards = np.einsum("xy,yz->xyz", P, Q) / 4
    pi = visible_probabilities(machine)
    backwards = np.einsum("z,zy,yx->xyz", pi, Q, P)
    ratio = np.exp(log_partition(machine) - 4 * np.log(2))
    w = np.einsum("x,y,z->xyz", *up)
    np.testing.assert_allclose(forwards * w, backwards * ratio, rtol=1e-12)


# 5. At work


def test_a_machine_of_64_visible_units():
    """No sum over 2^64 states; over the 2^16 of the hidden layer it can be checked.

    100 particles and 1000 temperatures; sees an error of 0.15 nats.
    """
    machine = some_machine(64, 16, scale=0.4)
    exact, path = log_partition(machine), MachinePath(machine)
    betas = np.linspace(0, 1, 1001)
    x, _ = exact_draws(machine, 100, rng=0)
    up = annealed_importance(path, betas, 100, rng=1)
    down = reverse_annealed_importance(path, betas, x, rng=2)
    for run in (up, down):
        assert run.standard_error < 0.03
        assert abs(run.log_partition - exact) < 5.03 * run.standard_error


def test_a_base_that_is_nearer_needs_fewer_temperatures():
    """Coins as biased as the units of the machine: a variance of a tenth."""
    machine = some_machine(8, 4, scale=0.5)
    machine.a[:] += 2
    x, pi = binary_states(8), visible_probabilities(machine)
    mean = pi @ x
    sizes = [
        annealed_importance(MachinePath(machine, bias), [0, 0.5, 1], 1000, rng=0)
        for bias in (None, np.log(mean / (1 - mean)))
    ]
    assert sizes[1].standard_error ** 2 < 0.1 * sizes[0].standard_error ** 2


def test_draws_of_the_machine_alone_do_not_tell_z():
    """<1 / f> under p is 2^M / Z, without bias: the harmonic mean, and no estimate.

    Its mean comes from the states of smallest f, which p hardly ever draws. The error
    of 1000 draws is hundreds of times the mean, and what they give is Z too large.
    """
    machine, x = some_machine(10, 5, scale=2), binary_states(10)
    pi, inverse = visible_probabilities(machine), np.exp(-log_f(machine, x, 1))
    log_Z = log_partition(machine)
    assert pi @ inverse == pytest.approx(2**10 * np.exp(-log_Z), rel=1e-9)
    assert np.sqrt(relative_variance(inverse, pi) / 1000) > 100
    drawn, _ = exact_draws(machine, 1000, rng=0)
    harmonic = 10 * np.log(2) - np.log(np.mean(np.exp(-log_f(machine, drawn, 1))))
    betas = np.linspace(0, 1, 201)
    annealed = annealed_importance(MachinePath(machine), betas, 1000, rng=1)
    assert harmonic - log_Z > 1
    assert abs(annealed.log_partition - log_Z) < 0.1
