"""How long Metropolis and Wolff chains of the Ising model remember, at T_c.

The autocorrelation time grows as tau ~ L^z. Metropolis turns domains of all sizes spin
by spin: z = 2.17. A cluster is a domain as a whole: for Wolff's algorithm z = 0.25. To
compare them both are counted in sweeps, of as many spins looked at or flipped as there
are: a cluster has <M^2> / N sites on average, and is <M^2> / N^2 sweeps.

Sources: M. Nightingale and H. Bloete, Physical Review B 62 (2000), 1089, z = 2.1667(5);
P. Coddington and C. Baillie, Physical Review Letters 68 (1992), 962, z = 0.25(1).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.ising.averages import energy_and_magnetization
from samplers import kaufman
from samplers.autocorrelation import autocorrelation, autocorrelation_time
from samplers.chains import Chains
from samplers.convergence import r_hat
from samplers.metropolis import Metropolis
from samplers.onsager import CRITICAL_TEMPERATURE
from samplers.philox import draw_key
from samplers.wolff import Wolff

ALGORITHMS: dict[str, type[Metropolis] | type[Wolff]] = {
    "Metropolis": Metropolis,
    "Wolff": Wolff,
}
EXPONENTS = {"Metropolis": 2.1667, "Wolff": 0.25}
CHAINS = 16
DRAWS = {
    "quick": {"Metropolis": 8_000, "Wolff": 2_000},
    "full": {"Metropolis": 20_000, "Wolff": 10_000},
}
QUANTITIES = ("E", "|M|")
SHOWN = 32  # the side of the lattice on which both algorithms are compared
LAGS = 400  # of the autocorrelation function that are kept


@dataclass(frozen=True, eq=False)
class Memory:
    """What was found about the chains of one algorithm on one lattice, at T_c.

    sweeps : in one step
    tau, tau_error : (2,), of E and |M|, in sweeps
    rho : (LAGS, 2), autocorrelations of E and |M|; lags : (LAGS,), in sweeps
    r_hat : (2,)
    score : (<E> - Kaufman's) / standard error
    seconds : for a step of one chain
    """

    L: int
    sweeps: float
    tau: NDArray[np.float64]
    tau_error: NDArray[np.float64]
    lags: NDArray[np.float64]
    rho: NDArray[np.float64]
    r_hat: NDArray[np.float64]
    score: float
    seconds: float

    @property
    def updates(self) -> float:
        """How many spins are updated in a second."""
        return self.sweeps * self.L**2 / self.seconds

    @property
    def effective(self) -> NDArray[np.float64]:
        """Effective draws of E and |M| in a second, (2,)."""
        return self.sweeps / (self.tau * self.seconds)


def remember(name: str, L: int, size: str, rng: np.random.Generator) -> Memory:
    """Run chains at T_c, every other one from a hot start, and measure their memory."""
    sampler = ALGORITHMS[name]((L, L), CRITICAL_TEMPERATURE)
    state = sampler.start(draw_key(rng), CHAINS)
    state[::2] = 1
    # About as many tau, however large the lattice is.
    thin = max(1, L**2 // 512) if name == "Metropolis" else 1
    chains = Chains(
        sampler,
        state=state,
        rng=rng,
        burn_in=L**2,
        thin=thin,
        statistic=energy_and_magnetization,
    )
    kept = chains.run(DRAWS[size][name])
    kept[..., 1] = np.abs(kept[..., 1])
    sweeps = 1.0 if name == "Metropolis" else np.mean((kept[..., 1] / L**2) ** 2)
    tau, unit = autocorrelation_time(kept), thin * sweeps
    E, truth = kept[..., 0], L**2 * kaufman.energy(CRITICAL_TEMPERATURE, (L, L))
    error = np.std(E) * np.sqrt(tau[0] / E.size)
    return Memory(
        L=L,
        sweeps=float(sweeps),
        tau=tau * unit,
        # The window of the sum is about 5/2 tau.
        tau_error=tau * unit * np.sqrt((8 * tau + 2) / E.size),
        lags=unit * np.arange(LAGS, dtype=np.float64),
        rho=autocorrelation(kept)[:LAGS],
        r_hat=r_hat(kept),
        score=float((E.mean() - truth) / error),
        seconds=seconds_of_a_step(sampler, chains.state),
    )


def seconds_of_a_step(sampler: Metropolis | Wolff, state: NDArray[np.int8]) -> float:
    """Time a step of one chain, without what is measured of it: the best of five."""
    steps = max(10, 2**21 // state.size)
    out = np.empty_like(state[:, np.newaxis])
    times = []
    for _ in range(5):
        start = time.perf_counter()
        sampler.advance(state, out, key=np.uint64(0), chain=0, step=0, thin=steps)
        times.append(time.perf_counter() - start)
    return min(times) / (steps * len(state))


def exponent(memories: Sequence[Memory], quantity: str) -> float:
    """Return z from tau on the two largest lattices, one twice as long as the other."""
    k = QUANTITIES.index(quantity)
    small, large = memories[-2:]
    return float(np.log(large.tau[k] / small.tau[k]) / np.log(large.L / small.L))


def of_side(L: int, memories: Sequence[Memory]) -> Memory:
    """Return the one on the L x L lattice."""
    return next(memory for memory in memories if memory.L == L)
