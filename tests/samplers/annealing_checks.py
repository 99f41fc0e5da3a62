"""What annealed runs and importance weights have to fulfil; checks take a module."""

from itertools import pairwise

import numpy as np

KEY = np.uint64(0x0123456789ABCDEF)


def annealed(path, state, betas, rungs, particle=0):
    """States and log weights after some rungs."""
    state, log_weights = state.copy(), np.zeros(len(state))
    address = {"key": KEY, "particle": particle}
    path.anneal(state, log_weights, betas, np.array(rungs), **address)
    return state, log_weights


def check_company(path):
    """Alone or in company, in one go or in two: the same particles, bit for bit."""
    betas, start = np.linspace(0, 1, 8), path.start(KEY, 5)
    x, log_w = annealed(path, start, betas, range(8))
    middle, first = annealed(path, start, betas, range(4))
    log_weights, rungs = first.copy(), np.arange(3, 8)
    path.anneal(middle, log_weights, betas, rungs, key=KEY, particle=0)
    assert np.array_equal(middle, x)
    assert np.array_equal(log_weights, log_w)
    assert np.array_equal(path.start(KEY, 2), start[:2])
    for c in range(5):
        alone, own = annealed(path, start[c : c + 1], betas, range(8), particle=c)
        assert np.array_equal(alone[0], x[c])
        assert own[0] == log_w[c]


class Ledger:
    """A path that keeps books: log w grows by a rate times what beta does.

    The state counts the rungs; each is entered in `seen`.
    """

    log_base = 7.0

    def __init__(self):
        self.seen = []

    def start(self, key, particles):
        return np.zeros((particles, 1))

    def check(self, state):
        return state

    def anneal(self, state, log_weights, betas, rungs, *, key, particle):
        for old, new in pairwise(rungs):
            self.seen.append((particle, int(old), int(new)))
            rates = (particle + np.arange(len(state))) / 10
            log_weights += rates * (betas[new] - betas[old])
            state += 1


def check_run(annealing):
    """Each pair of neighbors once and in order, in however many chunks."""
    betas, K = np.linspace(0, 1, 31) ** 2, 30
    path, rates = Ledger(), np.arange(24) / 10
    weights = annealing.annealed_importance(path, betas, 24, rng=0)
    np.testing.assert_allclose(weights.log_weights, rates, rtol=1e-12)
    assert path.seen == [(0, k, k + 1) for k in range(K)]
    expected = 7 + np.log(np.mean(np.exp(rates)))
    np.testing.assert_allclose(weights.log_partition, expected, rtol=1e-13)
    path, state = Ledger(), np.zeros((24, 1))
    weights = annealing.reverse_annealed_importance(path, betas, state, rng=0)
    np.testing.assert_allclose(weights.log_weights, -rates, rtol=1e-12)
    assert path.seen == [(0, k + 1, k) for k in range(K)[::-1]]
    expected = 7 - np.log(np.mean(np.exp(-rates)))
    np.testing.assert_allclose(weights.log_partition, expected, rtol=1e-13)
    assert not state.any()


def check_weights(importance):
    """Mean, error and effective size of weights of any scale, by their definitions."""
    w = np.tile([1.0, 2, 3, 4], 10)
    error = np.std(w, ddof=1) / (2.5 * np.sqrt(40))
    for shift in (-1000, 0, 1000):
        for reverse, sign in ((False, 1), (True, -1)):
            weights = importance.Weights(np.log(w) + shift, 5.0, reverse)
            expected = 5 + sign * (shift + np.log(2.5))
            np.testing.assert_allclose(weights.log_partition, expected, rtol=1e-14)
            np.testing.assert_allclose(weights.standard_error, error, rtol=1e-11)
            size = weights.effective_sample_size
            np.testing.assert_allclose(size, 100 / 30 * 10, rtol=1e-11)
