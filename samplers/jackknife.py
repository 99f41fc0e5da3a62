"""The error bar of what is no mean, such as a heat capacity, by leaving out blocks.

Of draws in B blocks let t_b be the statistic of all blocks but b. For a mean, the t_b
scatter by 1 / (B - 1) of what single blocks scatter by, so that

    error^2 = (B - 1) / B  sum_b (t_b - mean_b t_b)^2

is the usual square of its standard error. A smooth function of means is as good as
linear in changes that small, and so it holds for that too. The blocks are to be
independent: chains, or stretches of one chain that are much longer than its
autocorrelation time.

Source: R. G. Miller, The jackknife: a review, Biometrika 61 (1974), 1.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike


def jackknife(statistic: Callable, blocks: ArrayLike):
    """Return statistic(blocks) and its standard error, each of the statistic's shape.

    statistic : of an array like blocks, with any number of them; a number or an array
    blocks : (B, ...), such as energies (chain, draw)

    >>> from samplers.ising import heat_capacity
    >>> energies = np.random.default_rng(0).normal(-700, 30, size=(16, 1000))
    >>> C, error = jackknife(lambda E: heat_capacity(E, 2.0, 400), energies)
    >>> float(C), float(error)
    (0.559, 0.0056)

    Raises ValueError for fewer than two blocks.
    """
    blocks = np.asarray(blocks)
    if blocks.ndim == 0 or len(blocks) < 2:
        raise ValueError(
            f"blocks of shape {blocks.shape} cannot be left out in turn; the first "
            "axis counts them, two or more: write draws.reshape(20, -1) for one chain"
        )
    without = [statistic(np.delete(blocks, b, axis=0)) for b in range(len(blocks))]
    return statistic(blocks), np.sqrt(np.var(without, axis=0) * (len(blocks) - 1))
