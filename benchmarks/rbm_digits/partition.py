"""log Z of trained machines: annealed up and down, and counted where that is possible.

Runs of a hundred particles go up from independent pixels like those of the data, and
are too low in the mean; others go down from draws of the machine, and are too high. For
20 hidden units log Z can be counted and the draws are exact; those of a larger machine
are the ends of long chains, and what is between the two bounds tells what is not known.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.annealing.laws import PARTICLES, mean_and_error, weights_of
from models.rbm import RBM
from samplers.importance import FewWeightsWarning, Weights

COUNTED = 20  # hidden units of the machine whose log Z is counted


@dataclass(frozen=True, eq=False)
class Annealed:
    """log Z by runs of one number of temperatures, in nats.

    K : the number of temperatures
    up, down : (runs, 2), log Z by each run of a direction, with its standard error
    pooled : the same by all particles of each direction, (2, 2)
    """

    K: int
    up: NDArray
    down: NDArray
    pooled: NDArray

    def errors(self, log_Z: float) -> list[tuple[float, float]]:
        """Return the mean error of a run up and of one down, with standard errors."""
        return [mean_and_error(runs[:, 0] - log_Z) for runs in (self.up, self.down)]

    def share_within(self, log_Z: float, errors: float) -> float:
        """Return the share of all runs that have log Z within so many errors."""
        runs = np.concatenate([self.up, self.down])
        return float(np.mean(np.abs(runs[:, 0] - log_Z) <= errors * runs[:, 1]))


def anneal(
    rbm: RBM, means: NDArray, numbers: Sequence[int], runs: int, rng
) -> list[Annealed]:
    """Anneal up and down, by each number of temperatures.

    means : (M,), of the data
    """
    found = []
    for K in numbers:
        with warnings.catch_warnings():
            # A run of few temperatures is meant to fail here.
            warnings.simplefilter("ignore", FewWeightsWarning)
            both = rbm.log_partition_bounds(
                rng=rng, temperatures=K, particles=runs * PARTICLES, means=means
            )
        up, down = (by_run(weights, runs) for weights in both)
        pooled = np.array([(w.log_partition, w.standard_error) for w in both])
        found.append(Annealed(K, up, down, pooled))
    return found


def by_run(weights: Weights, runs: int) -> NDArray:
    """Return log Z by each run, with its standard error, (runs, 2)."""
    sign = -1 if weights.reverse else 1
    alone = weights.log_base + sign * weights.log_weights
    each = [weights_of(part, weights.reverse) for part in np.split(alone, runs)]
    return np.array([(one.log_partition, one.standard_error) for one in each])
