"""Averages of the Ising model, sampled at many temperatures and held to exact ones.

Far from T_c single flips do well, and near it clusters do: Metropolis takes SWEEPS, a
Wolff chain flips some clusters from one draw to the next. Every chain has a temperature
of its own and starts in the ground state. The chains of a temperature are independent,
so leaving out one after the other, the jackknife, gives the error of each average, and
(average - truth) / error has Student's t distribution.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr

from samplers import kaufman, onsager
from samplers.chains import Chains
from samplers.ising import (
    energy,
    heat_capacity,
    magnetization,
    susceptibility,
)
from samplers.ising_states import density_of_states
from samplers.jackknife import jackknife
from samplers.metropolis import Metropolis
from samplers.onsager import CRITICAL_TEMPERATURE
from samplers.wolff import Wolff

FAR = np.array([1.5, 1.7, 1.9, 2.05, 2.5, 2.7, 3.0, 3.5])
NEAR = np.array([2.15, 2.2, CRITICAL_TEMPERATURE, 2.3, 2.35, 2.4])
CHAINS = 16
DRAWS = {"quick": 150, "full": 500}
SWEEPS, CLUSTERS = 10, 4  # from one draw to the next
OBSERVABLES = ("energy", "heat capacity", "magnetization", "susceptibility")
ENUMERATED = 4  # the side of the lattice whose states are counted
# Where the correlation length is below 2, and all finite sizes from 16 on are infinite.
COLD = 1.95


@dataclass(frozen=True, eq=False)
class Averages:
    """What was sampled on one lattice, L x L.

    temperatures : (T,), ascending
    values, errors : (4, T), as in OBSERVABLES, per site
    """

    L: int
    temperatures: NDArray[np.float64]
    values: NDArray[np.float64]
    errors: NDArray[np.float64]


def energy_and_magnetization(states):
    """Return E and M of states (..., L, L), of shape (..., 2)."""
    return np.stack([energy(states), magnetization(states)], axis=-1)


def sample(L: int, size: str, rng: np.random.Generator) -> Averages:
    """Sample a lattice at all temperatures, in a run of a size."""
    far = Metropolis((L, L), np.tile(FAR, CHAINS))
    near = Wolff((L, L), np.tile(NEAR, CHAINS))
    draws = DRAWS[size]
    parts = [
        measure(far, FAR, draws, burn_in=100 * SWEEPS, thin=SWEEPS, rng=rng),
        measure(near, NEAR, draws, burn_in=10 * L, thin=CLUSTERS, rng=rng),
    ]
    temperatures = np.concatenate([FAR, NEAR])
    values, errors = np.concatenate(parts, axis=-1)
    order = np.argsort(temperatures)
    return Averages(L, temperatures[order], values[:, order], errors[:, order])


def measure(sampler, temperatures, draws: int, *, burn_in: int, thin: int, rng):
    """Run CHAINS chains a temperature; return averages and errors, (2, 4, T)."""
    chains = Chains(
        sampler,
        state=np.ones((sampler.temperature.size, *sampler.shape), np.int8),
        rng=rng,
        burn_in=burn_in,
        thin=thin,
        statistic=energy_and_magnetization,
    )
    kept = chains.run(draws).reshape(CHAINS, len(temperatures), draws, 2)
    sites = sampler.shape[0] * sampler.shape[1]
    return np.stack(jackknife(lambda x: observables(x, temperatures, sites), kept))


def observables(draws, temperatures, sites: int):
    """Return the OBSERVABLES, (4, T), of draws of E and M, (chain, T, draw, 2)."""
    E, M = draws[..., 0], draws[..., 1]
    chain_and_draw = (0, 2)
    return np.stack(
        [
            np.mean(E, axis=chain_and_draw) / sites,
            heat_capacity(E, temperatures, sites, axis=chain_and_draw),
            np.mean(np.abs(M), axis=chain_and_draw) / sites,
            susceptibility(M, temperatures, sites, axis=chain_and_draw),
        ]
    )


def exact(name: str, temperatures, L: int):
    """Return an observable of the L x L lattice, (T,); None where no formula is known.

    Energy and heat capacity for any L, magnetization and susceptibility by counting.
    """
    if name == "energy":
        return kaufman.energy(temperatures, (L, L))
    if name == "heat capacity":
        return kaufman.heat_capacity(temperatures, (L, L))
    if L == ENUMERATED:
        return getattr(density_of_states((L, L)), name)(temperatures)
    return None


def scores(averages: Averages, name: str):
    """Return the normal scores of (average - truth) / error, (T,) or fewer.

    The magnetization of large cold lattices is held to that of the infinite one.
    """
    row = OBSERVABLES.index(name)
    T, value, error = (
        averages.temperatures,
        averages.values[row],
        averages.errors[row],
    )
    truth = exact(name, T, averages.L)
    if truth is None and name == "magnetization" and averages.L >= 16:
        cold = T < COLD
        T, value, error = T[cold], value[cold], error[cold]
        truth = onsager.magnetization(T)
    if truth is None:
        return np.empty(0)
    return normal_score((value - truth) / error, CHAINS - 1)


def normal_score(t, degrees: int):
    """Return the normal quantile that is as rare as t, which has Student's law.

    >>> normal_score([1.0, -5.0], 15)
    array([ 0.97, -3.78])
    """
    t = np.asarray(t)
    return -np.sign(t) * ndtri(stdtr(degrees, -np.abs(t)))
