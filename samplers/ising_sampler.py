"""What the two samplers of the Ising model share: lattice, temperatures, the start."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.ising import inverse_temperature, require_lattice, require_spins
from samplers.per_chain import per_chain, require_positive
from samplers.philox import START, words

UP = np.uint32(2**31)  # half of all words are less


@dataclass(frozen=True, eq=False)
class IsingSampler:
    """A periodic lattice of shape (L1, L2), of one temperature or one a chain.

    shape : (L1, L2), each at least 2
    temperature : T, a number, or (chain,) with one for each chain by its number

    States are (chain, L1, L2) int8, +1 or -1. The two samplers have the same start, so
    that chains of one key can be compared.

    Raises ValueError if a side is shorter than two, or T is not positive and finite.
    """

    shape: tuple[int, int]
    temperature: float | NDArray[np.float64]

    def __post_init__(self):
        inverse_temperature(self.temperature)  # which says what T may be
        temperature = require_positive("temperature", self.temperature)
        object.__setattr__(self, "shape", require_lattice(self.shape))
        object.__setattr__(self, "temperature", temperature)

    def start(self, key: np.uint64, chains: int) -> NDArray[np.int8]:
        """Return spins that are up or down with probability 1/2 each: T = infinity.

        The other end is the ground state, np.ones((chains, L1, L2), np.int8), nearer
        to the law below T_c, where from a hot start large domains may last.
        Raises ValueError if there are not as many temperatures as chains.
        """
        self.inverse_temperatures(0, chains)
        state = np.empty((chains, *self.shape), np.int8)
        bits = np.empty(state[0].size, np.uint32)
        for chain, spins in enumerate(state):
            words(np.uint64(key), chain, 0, START, bits)
            spins[:] = np.where(bits < UP, 1, -1).reshape(self.shape)
        return state

    def check(self, state: NDArray) -> NDArray[np.int8]:
        """Return states (chain, L1, L2) in C order; raise if they are none of this.

        Raises TypeError or ValueError.
        """
        state = require_spins(state)
        if state.ndim != 3 or state.shape[1:] != self.shape:
            raise ValueError(
                f"a state of shape {state.shape} does not fit; it is (chain, L1, L2) = "
                f"(chain, {self.shape[0]}, {self.shape[1]}): a single lattice is "
                "spins[np.newaxis]"
            )
        self.inverse_temperatures(0, len(state))
        return state

    def inverse_temperatures(self, chain: int, chains: int) -> NDArray[np.float64]:
        """Return 1 / T, (chains,), from the chain of this number on."""
        T = np.asarray(self.temperature)
        return 1 / per_chain("temperature", T, chain, chains)
