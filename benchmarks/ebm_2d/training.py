"""Network energies trained in the plane, watched by their exact KL.

All networks are of one size and see the same examples. What differs is where the
negatives come from, that is, the draws of the model whose energy is raised:

    MALA        chains that go on from one step of training to the next, and leave the
                law of the model exactly as it is;
    Langevin    the same, without the test that makes them exact, and so with shorter
                steps: at those of MALA the network learns to play on their error, its
                energy grows beyond all bounds, and the training is lost;
    short runs  chains that begin anew each time, from a broad Gaussian, and are moved
                too briefly to forget it.

KL(p || q) = E_p[log p - log q] with log q = -E - log Z. While a network learns, log Z
is a sum over the grid, good to 1e-3 nats where E has the kinks of a relu, and at the
end it is computed adaptively.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from benchmarks.ebm_2d.data import GRID, STEP, Problem
from models.ebm import EBM
from optim.schedules import CosineDecay
from samplers.quadrature import Quadrature

PRIOR_SD = 1.5
WIDTH, BATCH, CHAINS = 64, 128, 10_000
STEPS = {"quick": 600, "full": 6000}
RATES = {"quick": 1e-2, "full": 5e-3}
LOOKS = 20
TOLERANCE = 1e-3  # of Z, estimated from above


@dataclass(frozen=True)
class Method:
    """Where negatives come from; see models/ebm_training.py.

    step_size : in units of s^2, the square of the width of the law
    """

    sampler: str
    step_size: float
    moves: int
    restart: float
    activation: str


METHODS = {
    "MALA": Method("mala", 1.0, 10, 0.0, "relu"),
    "Langevin": Method("langevin", 0.2, 10, 0.0, "relu"),
    # Whose energy would run away if its slope had jumps.
    "short runs": Method("langevin", 0.5, 20, 1.0, "softplus"),
}


@dataclass(frozen=True, eq=False)
class Learned:
    """One training.

    steps, kl : (looks,), after which it was looked at, and KL(p || q) on the grid
    law : q at the end, by quadrature
    log_q : (len(GRID),), log q on the grid, by this law
    """

    problem: Problem
    method: Method
    ebm: EBM
    steps: NDArray[np.int64]
    kl: NDArray[np.float64]
    law: Quadrature
    log_q: NDArray[np.float64]

    @property
    def final(self) -> float:
        """KL(p || q) at the end, in nats."""
        return self.problem.kl(self.log_q)

    @property
    def cross_entropy(self) -> float:
        """The mean of -log q over held out examples, in nats."""
        return float(-np.mean(self.law.log_density(self.problem.held_out)))


def learn(problem: Problem, name: str, size: str, rng: np.random.Generator) -> Learned:
    """Train a network by one of METHODS."""
    method, steps = METHODS[name], STEPS[size]
    ebm = EBM.create(
        (2, WIDTH, WIDTH, 1),
        prior_sd=PRIOR_SD,
        activation=method.activation,
        rng=rng,
        dtype=np.float32,
    )
    looks, watch = looking(problem, steps)
    ebm.fit(
        problem.X,
        steps=steps,
        rng=rng,
        sampler=method.sampler,
        moves=method.moves,
        step_size=method.step_size * problem.width**2,
        buffer=CHAINS,
        restart=method.restart,
        batch_size=BATCH,
        learning_rate=CosineDecay(RATES[size], steps=steps),
        callbacks=[watch],
    )
    at, kl = np.array(looks).T
    law = ebm.law(tolerance=TOLERANCE)
    log_q = law.log_density(GRID)
    return Learned(problem, method, ebm, at.astype(int), kl, law, log_q)


def looking(problem: Problem, steps: int) -> tuple[list, Callable]:
    """Return a list, and a callback that adds (step, KL) to it LOOKS times."""
    looks: list[tuple[int, float]] = []

    def watch(info: Any) -> None:
        if info.step % (steps // LOOKS) == 0:
            looks.append((info.step, problem.kl(log_density(info.state[0]))))

    return looks, watch


def log_density(ebm: EBM) -> NDArray[np.float64]:
    """Return log q on the grid, with log Z from the same grid."""
    E = ebm.target().energy_at(GRID).astype(np.float64)
    return -E - logsumexp(-E) - 2 * np.log(STEP)
