"""Draws of a trained network's law, true ones and those of short runs.

MALA leaves the law q as it is: chains that begin at draws of q have it after any number
of moves, and their counts in cells of the plane follow q up to noise. Chains that begin
at a broad Gaussian have it only once they have forgotten that.

Short runs at the temperature of well-known notebooks, 1.25e-6, walk down the energy to
where it is least. Their law is not q: they sit at its peaks, and their energy is far
below the mean of q. Where the network was trained by short runs, it is the other way:
the runs that it was trained by end where the data are, and q is not their law.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from benchmarks.ebm_2d.data import GRID, SIDE, STEP, grid
from benchmarks.ebm_2d.training import PRIOR_SD, Learned
from benchmarks.transition_matrices import chi_square_score
from models.ebm_training import SAMPLERS
from models.short_run import short_run
from samplers.chains import Chains
from samplers.mala import MALA
from samplers.target import Target

CELLS = np.linspace(-SIDE, SIDE, 17)
FINE = STEP / 4
NUMBER = {"quick": 2000, "full": 10_000}  # of chains
MOVES = 200  # of MALA
SHORT = 60  # steps of a short run
SHOWN = 6  # chains whose paths are drawn
NOISE = 0.005**2 / 10  # noise^2 / step_size of the notebooks, 2 T
NAMES = ("exact", "MALA", "short run", "as trained")


@dataclass(frozen=True, eq=False)
class Draws:
    """Ends and paths of chains of one law q, by NAMES; all but "exact" begin broadly.

    exact : independent draws of q; MALA : after MOVES; short run : at 2 T = NOISE;
    as trained : the chains whose ends were the negatives, begun anew

    ends : (n, 2) each
    paths : (SHOWN, steps, 2) each, but of "exact"
    score : chi-square of the counts of chains of MALA that began at "exact", as a
        normal z
    from_q, from_p : the distances from q and from the data's law, total variation over
        the cells
    energies : the mean of -log q, less that at the highest peak
    mean_energy : the same, of q itself by quadrature
    """

    ends: dict[str, NDArray]
    paths: dict[str, NDArray]
    score: float
    from_q: dict[str, float]
    from_p: dict[str, float]
    energies: dict[str, float]
    mean_energy: float


def draw(learned: Learned, size: str, rng: np.random.Generator) -> Draws:
    """Run chains of a trained network."""
    method, n, eta = learned.method, NUMBER[size], learned.problem.width**2
    target = learned.ebm.target()
    start = PRIOR_SD * rng.standard_normal((n, 2))
    exact, q = exact_draws(target, n, rng)
    adjusted, cold = (
        MALA(target, eta),
        short_run(target, eta / 2, (NOISE * eta / 2) ** 0.5),
    )
    trained = SAMPLERS[method.sampler](target, method.step_size * eta)
    paths = {
        "MALA": walk(adjusted, start, MOVES, rng),
        "short run": walk(cold, start, SHORT, rng),
        "as trained": walk(trained, start, method.moves, rng),
    }
    ends = {"exact": exact} | {name: path[:, -1] for name, path in paths.items()}
    p = cell_probabilities(GRID, learned.problem.p)
    kept = walk(adjusted, exact, MOVES, rng)[:, -1]
    below = learned.log_q.max() - learned.log_q
    return Draws(
        ends,
        {name: path[:SHOWN] for name, path in paths.items()},
        chi_square_score(cell_counts(kept), q),
        {name: distance(x, q) for name, x in ends.items()},
        {name: distance(x, p) for name, x in ends.items()},
        {name: height(learned, x) for name, x in ends.items()},
        float(STEP**2 * np.exp(learned.log_q) @ below),
    )


def exact_draws(target: Target, n: int, rng) -> tuple[NDArray, NDArray[np.float64]]:
    """Return n draws of q, and its cell probabilities, by sums over a fine grid."""
    x = grid(np.arange(-SIDE + FINE / 2, SIDE, FINE))
    E = target.energy_at(x).astype(np.float64)
    p = np.exp(-E - logsumexp(-E))
    near = x[rng.choice(len(x), n, p=p)]
    return near + rng.uniform(-FINE / 2, FINE / 2, (n, 2)), cell_probabilities(x, p)


def height(learned: Learned, x) -> float:
    """Return the mean energy of x : (n, 2) above the least, in nats."""
    return float(learned.log_q.max() - learned.law.log_density(x).mean())


def walk(sampler, state, steps: int, rng) -> NDArray[np.float64]:
    """Return the states of chains after 0, 1, ..., steps moves, (n, steps + 1, 2)."""
    moved = Chains(sampler, state=state, rng=rng).run(steps)
    return np.concatenate([state[:, np.newaxis], moved], axis=1)


def cell_counts(x) -> NDArray[np.int64]:
    """Return how many of x : (n, 2) are in each cell, and last how many in none."""
    return np.rint(cell_probabilities(x, np.ones(len(x)))).astype(int)


def cell_probabilities(x, weights) -> NDArray[np.float64]:
    """Return the weight of x : (n, 2) in each cell, and last of what is in none."""
    inside, _ = np.histogramdd(x, bins=(CELLS, CELLS), weights=weights)
    return np.append(inside, max(0.0, np.sum(weights) - inside.sum()))


def distance(x, p) -> float:
    """Return the total variation distance of the shares of x in the cells from p."""
    return float(np.abs(cell_counts(x) / len(x) - p).sum() / 2)
