"""How probable data are to a restricted Boltzmann machine, and its log Z.

    log p(x) = -F(x) - log Z.

F is a sum of N terms, and Z one over all states of the smaller layer, or an estimate by
annealed importance sampling (samplers/annealing.py). Sums are taken in float64, for a
machine of float32 too: its parameters are rounded and nothing else is, but for AIS,
which runs in the precision of the machine and is off by some 1e-4 nats for that.

The functions whose first argument is the machine are its methods: rbm.log_likelihood(X)
is log_likelihood(rbm, X).
"""

from concurrent.futures import Executor
from dataclasses import fields, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models import pseudo_likelihood
from models.estimate import Estimate, require_log_partition
from models.rbm_data import as_means, as_states, is_binary, log_odds
from models.rbm_sampling import is_countable, resolve, sample, units_to_enumerate
from samplers import exact
from samplers.annealing import annealed_importance, reverse_annealed_importance
from samplers.chains import require_count
from samplers.importance import Weights
from samplers.machine_path import MachinePath

CHUNK = 2**20  # numbers of an array that is made on the way


def log_partition(
    rbm,
    method: str = "auto",
    *,
    rng=None,
    temperatures: int = 1000,
    particles: int = 100,
    means: ArrayLike | None = None,
    executor: Executor | None = None,
) -> Estimate:
    """Return log Z in nats, counted or estimated.

    Parameters
    ----------
    method : "exact" sums over all states of the smaller layer (of the hidden one beside
        Gaussian units), of at most 26 units. "ais" is annealed importance sampling, in
        the mean too low. "auto" is exact where Z is a sum of at most 10^8 terms
    rng : int, SeedSequence or Generator, for "ais"
    temperatures, particles : of "ais"; its error falls with both
    means : (M,), of the visible units where "ais" begins, best those of the data; by
        default E[x | h] at h = 1/2
    executor : with the interface of concurrent.futures, to share the work; the result
        has the same bits

    Warns (FewWeightsWarning) if few particles outweigh all others. Raises ValueError
    for another method, for "ais" without rng, or if there are too many states.
    """
    if resolve(method, "ais", rbm.machine) == "exact":
        machine = in_float64(rbm).machine
        return Estimate(exact.log_partition(machine, executor=executor))
    if rng is None:
        M, N = rbm.W.shape
        raise ValueError(
            f"log Z of {M} visible and {N} hidden units is estimated by annealed "
            "importance sampling, which draws random numbers: write "
            "log_partition(rng=0)"
        )
    path, betas = MachinePath(rbm.machine, base_of(rbm, means)), ladder(temperatures)
    weights = annealed_importance(path, betas, particles, rng=rng, executor=executor)
    return Estimate(weights.log_partition, weights.standard_error)


def log_partition_bounds(
    rbm,
    *,
    rng,
    temperatures: int = 1000,
    particles: int = 100,
    means: ArrayLike | None = None,
) -> tuple[Weights, Weights]:
    """Return two estimates, in the mean below and above log Z.

    By AIS to the machine, and by AIS back from draws of it. These are exact, or the
    ends of chains with as many Gibbs steps as there are temperatures, as in `sample`:
    then the upper bound holds as far as the chains have forgotten their start.

    Parameters, warnings and errors: as for log_partition.
    """
    rng = np.random.default_rng(rng)
    path, betas = MachinePath(rbm.machine, base_of(rbm, means)), ladder(temperatures)
    lower = annealed_importance(path, betas, particles, rng=rng)
    state = sample(rbm, particles, rng, steps=temperatures)
    return lower, reverse_annealed_importance(path, betas, state, rng=rng)


def log_likelihood(
    rbm, X: ArrayLike, *, log_partition: float | Estimate | None = None
) -> NDArray[np.float64]:
    """Return log p(x) = -F(x) - log Z for X : (n, M), (n,), in nats.

    Of Gaussian units it is the logarithm of a density.

    log_partition : log Z, if known; by default it is counted, anew for each call, if
        it is a sum of at most 10^8 terms

    Raises ValueError if it has more terms or is given and not finite, or if X holds
    what is no state.
    """
    X = as_states(rbm, X)
    if log_partition is None:
        if not is_countable(rbm.machine):
            units = units_to_enumerate(rbm.machine)
            raise ValueError(
                f"log Z of this machine is a sum over 2^{units} states, too many to be "
                "counted at each call: write log_Z = rbm.log_partition(rng=0), and "
                "log_likelihood(X, log_partition=log_Z)"
            )
        log_partition = exact.log_partition(in_float64(rbm).machine)
    log_Z = require_log_partition(log_partition)
    return -free_energies(in_float64(rbm), X) - log_Z


def pseudo_log_likelihood(rbm, X: ArrayLike) -> NDArray[np.float64]:
    """Return sum_i log p(x_i | all other units of x) for X : (n, M), (n,), in nats.

    See models/pseudo_likelihood.py. It needs no Z. Raises TypeError if the visible
    units are Gaussian, ValueError if X holds what is no state.
    """
    if not is_binary(rbm):
        raise TypeError(
            "the visible units are Gaussian, and the pseudo-likelihood is computed "
            "for binary ones: log_likelihood(X) takes both"
        )
    X, wide = as_states(rbm, X), in_float64(rbm)
    return pseudo_likelihood.pseudo_log_likelihood(wide.W, wide.a, wide.b, X)


def free_energies(rbm, X) -> NDArray[np.float64]:
    """Return F(x), (n,), in float64, of some rows of X at a time."""
    rows = max(1, CHUNK // max(rbm.W.shape))
    chunks = (X[first : first + rows] for first in range(0, len(X), rows))
    return np.concatenate([rbm.free_energy(x.astype(np.float64)) for x in chunks])


def in_float64(rbm):
    """Return the machine with its parameters in float64."""
    arrays = {field.name: getattr(rbm, field.name) for field in fields(rbm)}
    arrays = {name: v for name, v in arrays.items() if isinstance(v, np.ndarray)}
    return replace(rbm, **{name: v.astype(np.float64) for name, v in arrays.items()})


def base_of(rbm, means: ArrayLike | None) -> NDArray:
    """Return the biases of independent visible units of some means, for MachinePath.

    By default the means at h = 1/2, since the hidden units of the base are fair coins:
    where the machine has two phases, this base prefers neither.
    """
    M, N = rbm.W.shape
    if means is None:
        means = rbm.prob_x_given_h(np.full(N, 0.5, rbm.a.dtype))
    m = as_means(means, M, is_binary(rbm))
    return (log_odds(m) if is_binary(rbm) else m).astype(rbm.a.dtype)


def ladder(temperatures: int) -> NDArray[np.float64]:
    """Return inverse temperatures from 0 to 1, (temperatures + 1,)."""
    return np.linspace(0, 1, require_count("temperatures", temperatures, 1) + 1)
