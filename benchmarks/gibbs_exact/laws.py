"""A machine of 6 visible and 4 hidden units, and many block Gibbs chains of it.

Random couplings W, and the biases a_i = -1/2 sum_j W_ij, b_j = -1/2 sum_i W_ij: in the
units 2 x - 1 and 2 h - 1 there are no fields, and a state and its mirror image have the
same energy. The colder it is, the longer chains stay in the half of the states where
they began. All start in the most probable state.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.transition_matrices import (
    bound,
    chi_square_score,
    laws,
    sampled_distances,
    spectrum,
    transition_matrix,
)
from models import total_variation
from samplers.chains import Chains
from samplers.exact import joint_probabilities, log_partition
from samplers.gibbs import Gibbs
from samplers.machine import Machine, binary_states

M, N = 6, 4
BETAS = (0.5, 1.0, 2.0, 3.0)
SWEEPS = 40
LONG = 1500  # sweeps whose laws are computed
REPEATS = 400  # of the sampling noise


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known exactly of the chains at one inverse temperature.

    log_Z : by enumeration; brute_force : by the sum over all states
    T, pi : the transition matrix and the law that it leaves as it is
    values, vectors : of the symmetric form of T
    start : the most probable state
    laws : (LONG + 1, 2^M), after each sweep
    """

    log_Z: float
    brute_force: float
    T: NDArray
    pi: NDArray
    values: NDArray
    vectors: NDArray
    start: int
    laws: NDArray

    @property
    def distances(self) -> NDArray:
        """The total variation distance to pi after each sweep, (LONG + 1,)."""
        return total_variation(self.laws, self.pi)

    @property
    def bounds(self) -> NDArray:
        """What the second eigenvalue says about it, (LONG + 1,)."""
        return bound(self.pi[self.start], self.values[1], LONG)


@dataclass(frozen=True, eq=False)
class Sampled:
    """What the chains at one inverse temperature gave, for sweeps 1 to SWEEPS.

    distances : (SWEEPS,), from pi, of the shares of the chains in each state
    mean, sd : (SWEEPS,), of the distances of as many independent draws from the exact
        laws p_k
    scores : (SWEEPS,), of chi-square against p_k
    """

    distances: NDArray
    mean: NDArray
    sd: NDArray
    scores: NDArray

    @property
    def z(self) -> NDArray:
        """How far the distances are from those of independent draws, in sd."""
        return (self.distances - self.mean) / self.sd


def make_machine() -> Machine:
    """Return the machine: normal couplings, and biases that take all fields away."""
    W = np.random.default_rng(6).standard_normal((M, N))
    return Machine(W, -W.sum(axis=1) / 2, -W.sum(axis=0) / 2)


def solve(machine: Machine, beta: float) -> Truth:
    """Return what is known exactly at an inverse temperature."""
    tempered = machine.tempered(beta)
    pi = joint_probabilities(tempered).sum(axis=1)
    x, h = binary_states(M), binary_states(N)
    energies = machine.energy(x[:, np.newaxis], h)
    T = transition_matrix(tempered)
    values, vectors = spectrum(T, pi)
    # Of a state and its mirror image, equal but for rounding, the first.
    start = int(np.argmax(pi > (1 - 1e-9) * pi.max()))
    return Truth(
        log_Z=log_partition(machine, beta),
        brute_force=float(np.log(np.sum(np.exp(-beta * energies)))),
        T=T,
        pi=pi,
        values=values,
        vectors=vectors,
        start=start,
        laws=laws(T, start, LONG),
    )


def numbers(x):
    """Return the numbers of states x : (..., M), their rows in binary_states(M)."""
    return x @ (1 << np.arange(M, dtype=np.uint8)[::-1])


def sample(machine: Machine, truths: dict[float, Truth], chains: int, rng):
    """Run so many chains at each inverse temperature; return a Sampled for each."""
    start = [binary_states(M)[truth.start] for truth in truths.values()]
    run = Chains(
        Gibbs(machine, beta=np.repeat(list(truths), chains)),
        state=np.repeat(start, chains, axis=0),
        rng=rng,
        statistic=numbers,
    )
    states = run.run(SWEEPS).reshape(len(truths), chains, SWEEPS)
    return {
        beta: compare(drawn, truth, rng)
        for drawn, (beta, truth) in zip(states, truths.items(), strict=True)
    }


def compare(states, truth: Truth, rng) -> Sampled:
    """Hold the states of chains, (chain, sweep), to the laws after each sweep."""
    chains, sweeps = states.shape
    p = truth.laws[1 : sweeps + 1]
    counts = np.stack([np.bincount(drawn, minlength=2**M) for drawn in states.T])
    noise = [sampled_distances(law, truth.pi, chains, REPEATS, rng) for law in p]
    return Sampled(
        distances=total_variation(counts / chains, truth.pi),
        mean=np.mean(noise, axis=1),
        sd=np.std(noise, axis=1, ddof=1),
        scores=np.array(
            [chi_square_score(*pair) for pair in zip(counts, p, strict=True)]
        ),
    )
