"""Annealed importance sampling: Z of a law, by way of laws in between.

Let f_k = exp(-E_k), k = 0, ..., K, lead from a law f_0 / Z_0 that can be drawn from to
the law f_K / Z_K, at inverse temperatures 0 = beta_0 < beta_1 < ... < beta_K = 1 of a
path. A particle starts at x_1 ~ f_0 / Z_0 and is moved on by transitions T_k that leave
f_k as it is, x_k+1 ~ T_k(x_k -> .), for k = 1, ..., K - 1. Before each of them, and at
the end, its weight takes a factor:

    w = f_1(x_1) / f_0(x_1)  f_2(x_2) / f_1(x_2)  ...  f_K(x_K) / f_K-1(x_K).

The mean of w over all paths is Z_K / Z_0, for any number of temperatures and however
slowly the transitions mix. For the sum over x_1 of the law of x_1 times the first
factor and T_1 is f_1 T_1 / Z_0 = f_1 / Z_0 as a function of x_2, by stationarity; then
the second factor turns this into f_2 / Z_0; and so on, up to the sum of f_K / Z_0. So
these are importance weights, of samplers/importance.py; K = 1 is the plain kind, and
with K the variance falls, as long as the particles keep up with the law.

Backwards the same holds with the order of the temperatures reversed: from x ~ f_K / Z_K
particles go down to beta_0, by transitions for which the f_k are stationary too, and
the mean of w is Z_0 / Z_K. (The two runs are each other's time reversal if T_k is in
detailed balance with f_k, as those of both paths are: then a path has in one run the
probability that it has in the other, times the weight, times a constant.) Since the
mean of log w is at most log of the mean of w, the one run bounds log Z_K from below in
the mean, and the other from above, if its states were equilibrium ones.

Sources: R. M. Neal, Statistics and Computing 11 (2001), 125; C. Jarzynski, Physical
Review Letters 78 (1997), 2690; G. E. Crooks, Physical Review E 61 (2000), 2361; for
Boltzmann machines R. Salakhutdinov and I. Murray, ICML (2008); for the bounds from both
sides R. Grosse, Z. Ghahramani and R. Adams (2015), arXiv:1511.02543.
"""

import time
from concurrent.futures import Executor
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from samplers.blocks import spread
from samplers.chains import next_steps, require_count
from samplers.errors import DivergenceError
from samplers.importance import Weights
from samplers.philox import draw_key
from samplers.progress import Meter

WEIGHT = "the logarithm of a weight"


class Path(Protocol):
    """Laws at inverse temperatures from 0 to 1, such as MachinePath and EnergyPath.

    log_base : log Z of the law at beta = 0
    """

    @property
    def log_base(self) -> float: ...

    def start(self, key: np.uint64, particles: int) -> NDArray:
        """Return independent states, (particle, ...), of the law at beta = 0."""

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (particle, ...), as `anneal` takes them, or raise."""

    def anneal(
        self,
        state: NDArray,
        log_weights: NDArray[np.float64],
        betas: NDArray[np.float64],
        rungs: NDArray[np.int64],
        *,
        key: np.uint64,
        particle: int,
    ) -> None:
        """Go from one rung to the next: weigh the states there, and then move them.

        state : (particle, ...), changed in place
        log_weights : (particle,), to which is added log f(x) at each next beta, less
            that at the one before
        betas : (K + 1,), of the whole run
        rungs : (n + 1,), numbers of neighbors in betas, upwards or downwards. The
            random numbers of a transition are those of its rung. None is done at
            beta = 0 or 1, where runs end
        particle : the number of the first one

        Raises DivergenceError, with the particle as chain and the rung as step.
        """


def annealed_importance(
    path: Path,
    betas: ArrayLike,
    particles: int,
    *,
    rng,
    executor: Executor | None = None,
    progress: str | None = None,
) -> Weights:
    """Return weights whose mean is Z of the path's law at beta = 1, over its base.

    Parameters
    ----------
    path : samplers.machine_path.MachinePath, samplers.energy_path.EnergyPath
    betas : (K + 1,), increasing from 0 to 1, such as np.linspace(0, 1, K + 1)
    particles : how many independent weights
    rng : int, SeedSequence or Generator; two runs of the same int share their numbers
    executor : with the interface of concurrent.futures, to spread the particles over;
        the result has the same bits
    progress : a label, with which the count of temperatures is shown on stderr

    Warns (FewWeightsWarning) if the effective sample size is below 10. Raises
    ValueError for other betas or particles, TypeError for what is no path, and
    DivergenceError where a weight or a state is not finite.

    >>> from samplers.exact import log_partition
    >>> from samplers.machine import Machine
    >>> from samplers.machine_path import MachinePath
    >>> normal = np.random.default_rng(0).standard_normal
    >>> machine = Machine(normal((8, 4)), normal(8), normal(4))
    >>> betas = np.linspace(0, 1, 101)
    >>> weights = annealed_importance(MachinePath(machine), betas, 100, rng=0)
    >>> weights.log_partition, weights.standard_error, log_partition(machine)
    (12.33, 0.014, 12.35)
    """
    require_path(path)
    betas = require_betas(betas)
    particles = require_count("particles", particles, 1)
    key, rungs = draw_key(rng), np.arange(len(betas))
    state = path.check(path.start(key, particles))
    log_weights = run(path, betas, rungs, state, key, executor, progress)
    return Weights(log_weights, path.log_base)


def reverse_annealed_importance(
    path: Path,
    betas: ArrayLike,
    state: NDArray,
    *,
    rng,
    executor: Executor | None = None,
    progress: str | None = None,
) -> Weights:
    """Return weights whose mean is Z of the path's base, over that at beta = 1.

    state : (particle, ...), draws of the law at beta = 1: exact ones
        (samplers.exact.exact_draws), or the ends of chains that have forgotten their
        start. States of another law, such as data, give no bound

    The other parameters, and what is raised: as for annealed_importance. It is left as
    it is, and its log_partition is in the mean an upper bound of log Z.
    """
    require_path(path)
    betas = require_betas(betas)
    key, rungs = draw_key(rng), np.arange(len(betas))[::-1]
    state = path.check(np.asarray(state))
    log_weights = run(path, betas, rungs, state, key, executor, progress)
    return Weights(log_weights, path.log_base, reverse=True)


def run(path, betas, rungs, state, key, executor, progress) -> NDArray[np.float64]:
    """Return log w : (particle,) after a run in chunks of a tenth of a second."""
    log_weights, last = np.zeros(len(state)), len(rungs) - 1
    meter = Meter(progress, "temperature", last) if progress else None
    start, done, steps = time.perf_counter(), 0, 1
    try:
        while done < last:
            began = time.perf_counter()
            here = rungs[done : done + steps + 1]
            task = partial(anneal_block, path, betas, here, key)
            state, log_weights = spread(task, executor, state, log_weights)
            now = time.perf_counter()
            done += len(here) - 1
            steps = next_steps(len(here) - 1, now - began)
            if meter:
                meter.show(done, now - start)
    finally:
        if meter:
            meter.close()
    return log_weights


def anneal_block(path, betas, rungs, key, state, log_weights, particle):
    """Return state and log_weights after these rungs; for any thread or process."""
    state, log_weights = state.copy(), log_weights.copy()
    path.anneal(state, log_weights, betas, rungs, key=key, particle=particle)
    return state, log_weights


def require_path(path: Path) -> None:
    """Raise TypeError for a machine or a target, to which there are many paths."""
    if not hasattr(path, "anneal"):
        raise TypeError(
            f"path is a {type(path).__name__}, which does not say where particles "
            "begin; write MachinePath(machine), or EnergyPath(target, base, step_size)"
        )


def require_betas(betas: ArrayLike) -> NDArray[np.float64]:
    """Return inverse temperatures as an array, or raise ValueError."""
    betas = np.array(betas, np.float64)
    ladder = betas.ndim == 1 and betas.size > 1 and np.all(np.diff(betas) > 0)
    if not ladder or betas[0] != 0 or betas[-1] != 1:
        raise ValueError(
            f"betas of shape {betas.shape} do not lead from the base to the law: they "
            "are (K + 1,), increase, begin with 0 and end with 1, as "
            "np.linspace(0, 1, K + 1) does"
        )
    return betas


def failure(what: str, beta: float, particle: int, rung: int, key) -> DivergenceError:
    """Return the error of a path that met a number that is not finite."""
    return DivergenceError(f"{what} (at beta = {beta:.6g})", particle, rung, key)
