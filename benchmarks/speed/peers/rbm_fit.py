"""Training a restricted Boltzmann machine by scikit-learn, and how good a machine is.

Its BernoulliRBM learns by persistent contrastive divergence, one Gibbs step an update,
with as many chains as a batch has examples.
"""

from itertools import pairwise

import numpy as np

from benchmarks.speed.later import Later

HIDDEN, BATCH, EPOCHS = 100, 10, 10
# Its best among 0.01, 0.02, 0.05, 0.1 and 0.2, and its default.
RATE = 0.1
PARTICLES, TEMPERATURES = 100, 300


def scikit_learn(problem):
    """Fit with all settings at their defaults but the number of hidden units."""
    from sklearn.neural_network import BernoulliRBM

    X = problem["X"]

    def run(repetitions):
        for seed in range(repetitions):
            rbm = BernoulliRBM(
                n_components=HIDDEN,
                learning_rate=RATE,
                batch_size=BATCH,
                n_iter=EPOCHS,
                random_state=seed,
            ).fit(X)
        theta = rbm.components_.T, rbm.intercept_visible_, rbm.intercept_hidden_
        return judged(*theta, X)

    return run


def judged(W, a, b, X):
    """Return the mean of log p(x) over the rows of X, in nats."""
    return {"mean log p": Later(mean_log_likelihood, W, a, b, X)}


def mean_log_likelihood(W, a, b, X):
    """Return the mean of log p(x) = a.x + sum_j log(1 + exp(b_j + (x W)_j)) - log Z."""
    W, a, b, X = (np.asarray(array, float) for array in (W, a, b, X))
    log_f = X @ a + np.logaddexp(0, X @ W + b).sum(axis=1)
    return log_f.mean() - log_partition(W, a, b, X.mean(axis=0))


def log_partition(W, a, b, means):
    """Return log Z by annealed importance sampling from independent units.

    As R. Salakhutdinov and I. Murray, ICML (2008), who begin at the means of the data.
    Here the standard error is 0.1 nats.
    """
    rng = np.random.default_rng(0)
    p = np.clip(means, 0.01, 0.99)
    base = np.log(p / (1 - p))
    x = (rng.random((PARTICLES, len(a))) < p).astype(float)
    log_w = np.full(PARTICLES, len(b) * np.log(2) - np.log(1 - p).sum())
    for last, beta in pairwise(np.linspace(0, 1, TEMPERATURES + 1)):
        t = x @ W + b
        log_w += (beta - last) * (x @ (a - base))
        log_w += np.logaddexp(0, beta * t).sum(axis=1)
        log_w -= np.logaddexp(0, last * t).sum(axis=1)
        h = rng.random(t.shape) < sigmoid(beta * t)
        u = (1 - beta) * base + beta * (a + h @ W.T)
        x = (rng.random(u.shape) < sigmoid(u)).astype(float)
    top = log_w.max()
    return top + np.log(np.exp(log_w - top).mean())


def sigmoid(z):
    """Return 1 / (1 + exp(-z)), without an overflow."""
    return (1 + np.tanh(z / 2)) / 2
