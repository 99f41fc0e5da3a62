"""log Z of a Boltzmann machine in NumPy and in PyTorch, by counting hidden states.

The visible units are summed out. The states of the lower hidden units, at most 2^LOW,
make one matrix product, and those of the others a second one: a field of a state is a
sum of two entries, one of each, so that a chunk of states needs no product of its own.
"""

import numpy as np

LOW = 10  # hidden units whose states are one chunk: 0.5 MB with 64 visible units


def layers(problem):
    """Yield W h and b.h for all states h of the higher hidden units, then the lower."""
    W, b = problem["W"], problem["b"]
    high = max(0, len(b) - LOW)
    for units in (slice(high), slice(high, None)):
        n = len(b[units])
        states = (np.arange(2**n)[:, np.newaxis] >> np.arange(n) & 1).astype(W.dtype)
        yield states @ W[:, units].T, states @ b[units]


def numpy(problem):
    """In place, softplus by exp and log1p, which are far faster than logaddexp."""

    def run(repetitions):
        for _ in range(repetitions):
            (high, high_bias), (low, low_bias) = layers(problem)
            high += problem["a"]
            fields, softplus = np.empty_like(low), np.empty_like(low)
            log_weights = np.empty((len(high), len(low)))
            for i, row in enumerate(high):
                np.add(low, row, out=fields)
                np.abs(fields, out=softplus)
                np.negative(softplus, out=softplus)
                np.log1p(np.exp(softplus, out=softplus), out=softplus)
                softplus += np.maximum(fields, 0, out=fields)
                np.sum(softplus, axis=1, out=log_weights[i])
            log_weights += high_bias[:, np.newaxis] + low_bias
            top = log_weights.max()
            np.exp(np.subtract(log_weights, top, out=log_weights), out=log_weights)
        return {"log Z": top + np.log(log_weights.sum())}

    return run


def pytorch(problem):
    """softplus, whose threshold is raised so that float64 is exact, and logsumexp."""
    import torch

    def run(repetitions):
        for _ in range(repetitions):
            pairs = [map(torch.from_numpy, pair) for pair in layers(problem)]
            (high, high_bias), (low, low_bias) = pairs
            high += torch.from_numpy(problem["a"])
            log_weights = torch.empty((len(high), len(low)), dtype=torch.float64)
            fields = torch.empty_like(low)
            for i, row in enumerate(high):
                torch.add(low, row, out=fields)
                softplus = torch.nn.functional.softplus(fields, threshold=40)
                torch.sum(softplus, 1, out=log_weights[i])
            log_weights += high_bias[:, None] + low_bias
        return {"log Z": torch.logsumexp(log_weights.ravel(), 0).item()}

    return run
