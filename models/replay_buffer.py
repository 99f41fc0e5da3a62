"""A replay buffer: the chains of a training run, of which each step moves a few.

Between two steps of training the model changes little, so that a state drawn from it
before is nearly one of it now, and a few moves from there make up for the difference.
Chains that go on in this way are persistent. They begin as draws of the Gaussian factor
of the model, which is the model itself as long as the network is small; from then on
they have to keep pace with it. The more there are, the less two steps of training have
in common, and the longer each of them rests while the model goes on.

With a chance of `restart` a chain that is drawn begins anew, so that none stays for
good where it has no way out. Those that began a short time ago are no draws of the
model, though. If they linger where no data are, each step raises the energy there, for
which nothing makes up, and the likelihood falls. So restarts want to be rare, and
chains to be long compared to the time in which a start is forgotten: where the network
is flat, some start_sd^2 / (step_size T) moves.

Sources: T. Tieleman, ICML (2008), for persistent chains; Y. Du and I. Mordatch, NeurIPS
(2019), for a buffer of many, with restarts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from samplers.chains import require_count


@dataclass(eq=False)
class ReplayBuffer:
    """Where the chains are. It belongs to a run of training, not to a model.

    Parameters
    ----------
    x : (size, d), a row for each chain, changed in place
    start_sd : chains begin at draws of N(0, start_sd^2 I)

    >>> buffer = ReplayBuffer.create(1000, 2, start_sd=3.0, rng=0)
    >>> float(buffer.x.std())
    3.0
    """

    x: NDArray
    start_sd: float

    @classmethod
    def create(
        cls,
        size: int,
        dimension: int,
        *,
        start_sd: float,
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "ReplayBuffer":
        """Return so many chains where they begin; `size` is at least 1."""
        buffer = cls(np.empty((require_count("size", size, 1), dimension), dtype), 0.0)
        buffer.start_sd = float(start_sd)
        buffer.x[:] = buffer.begin(size, np.random.default_rng(rng))
        return buffer

    def draw(
        self, n: int, restart: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray]:
        """Return the numbers of n different chains, (n,), and their states, (n, d).

        restart : the probability, for each by itself, that it begins anew

        Raises ValueError if there are fewer chains than n.
        """
        if n > len(self.x):
            raise ValueError(
                f"a buffer of {len(self.x)} chains has no {n} different ones, one for "
                f"each example of a batch; make it {n} or larger, best many times that"
            )
        rows = rng.choice(len(self.x), n, replace=False)
        states = self.x[rows]
        anew = np.flatnonzero(rng.random(n) < restart)
        states[anew] = self.begin(len(anew), rng)
        return rows, states

    def put(self, rows: NDArray[np.int64], states: NDArray) -> None:
        """Put the states of chains, (n, d), back in their rows, (n,)."""
        self.x[rows] = states

    def begin(self, n: int, rng: np.random.Generator) -> NDArray:
        """Return n draws of N(0, start_sd^2 I), (n, d)."""
        return self.start_sd * rng.standard_normal((n, self.x.shape[1]), self.x.dtype)
