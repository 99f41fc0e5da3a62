"""What a sampler is: the parameters of one step of a Markov chain, and how to take it.

The samplers of this package are Gibbs, Metropolis and Wolff; any class with these three
methods will do.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Sampler(Protocol):
    """A Markov kernel: a frozen dataclass of the parameters of one step.

    What `advance` does must depend on these, the key, and the numbers of the chain and
    the step, and on nothing else; chains then do not depend on how they are run.
    """

    def start(self, key: np.uint64, chains: int) -> NDArray:
        """Return states, (chain, ...), for chains to which none were given."""

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (chain, ...), as `advance` takes them, or raise."""

    def advance(
        self,
        state: NDArray,
        draws: NDArray,
        *,
        key: np.uint64,
        chain: int,
        step: int,
        thin: int,
    ) -> None:
        """Take n times thin steps, and keep the state after each thin of them.

        state : (chain, ...), changed in place
        draws : (chain, n, ...), of the same dtype, is written
        chain, step : the number of the first chain, and of the steps done before

        Raises DivergenceError; then state and draws are of no use.
        """
