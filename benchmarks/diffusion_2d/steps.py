"""How far draws are from the data, by the number of steps back.

With the exact denoiser all error is that of the steps: each takes the guess of x_0 as
right for as long as it lasts. A learned denoiser adds its own. Both run on the same
times, equal steps in the log SNR, ancestral (new noise in each step) and DDIM (none).

Draws from q are held to the law p of the data twice. KL(q || p), by their counts in
cells, sees what lies where p is small; it is corrected for the number of draws as
benchmarks/ising4/law.py derives. The sliced Wasserstein distance sees how far mass has
to go. Neither is zero for draws of p: what as many exact draws have is the floor.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_2d.laws import Problem, cell_counts, cell_probabilities
from benchmarks.diffusion_2d.training import Learned
from benchmarks.diffusion_mixture.laws import sliced_distance
from benchmarks.ising4.law import bias_of_kl, kl_from_counts
from data import GaussianMixture
from models.network_denoiser import network_denoiser
from samplers.chains import Chains
from samplers.denoiser import Denoiser
from samplers.mixture_denoiser import mixture_denoiser
from samplers.reverse import Reverse
from samplers.schedules import Schedule

STEPS = (2, 5, 10, 20, 50, 100, 200, 500)
ENDS = (10, 500)  # of which the metrics tell
KINDS = {"ancestral": 1.0, "DDIM": 0.0}  # eta
WHOSE = ("learned", "exact")  # denoisers
DRAWS = {"quick": 1200, "full": 40_000}
REPEATS = {"mixture": 20, "moons": 2, "swiss roll": 2}  # of as many exact draws


@dataclass(frozen=True, eq=False)
class Draws:
    """Draws x : (n, 2) of q, and how far it is from p.

    kl : KL(q || p), in nats, between cells
    distance : sliced Wasserstein, in units of x
    """

    x: NDArray
    kl: float
    distance: float


def denoiser_of(learned: Learned, whose: str, schedule: Schedule) -> Denoiser:
    """Return the learned denoiser or the exact one, a name in WHOSE, in float32."""
    if whose == "learned":
        return network_denoiser(learned.model.denoiser, schedule)
    law = learned.problem.law
    numbers = law.weights, law.means, law.sds
    return mixture_denoiser(*numbers, schedule, dtype=np.float32)


def draw(learned: Learned, whose: str, kind: str, steps: int, n: int, rng) -> Draws:
    """Return so many draws by so many steps, of a denoiser and a kind of chain."""
    schedule = learned.model.log_snr.schedule(steps)
    denoiser = denoiser_of(learned, whose, schedule)
    reverse = Reverse(denoiser, schedule, KINDS[kind])
    x = Chains(reverse, n, rng=rng, thin=steps).run(1)[:, 0]
    return hold(x, learned.problem.law)


def sweep(
    learned: Learned, whose: str, n: int, rng, numbers: Iterable[int] = STEPS
) -> dict[tuple[str, int], Draws]:
    """Return draws by both kinds of chains and each number of steps."""
    return {
        (kind, steps): draw(learned, whose, kind, steps, n, rng)
        for kind in KINDS
        for steps in numbers
    }


def hold(x: NDArray, law: GaussianMixture) -> Draws:
    """Hold draws to a law."""
    kl = kl_from_counts(cell_counts(x), cell_probabilities(law))
    return Draws(x, kl, sliced_distance(x, law))


@dataclass(frozen=True)
class Floor:
    """What so many exact draws have, the mean and sd of each distance."""

    kl: float
    kl_sd: float
    distance: float
    distance_sd: float


def floor(problem: Problem, n: int, rng) -> Floor:
    """Return the floor of n draws; all but the mean of KL by repeating them."""
    law, repeats = problem.law, REPEATS[problem.name]
    found = [hold(law.sample(n, rng=rng).X, law) for _ in range(repeats)]
    kl, distance = np.transpose([(one.kl, one.distance) for one in found])
    return Floor(
        bias_of_kl(cell_probabilities(law), n),
        float(kl.std(ddof=1)),
        float(distance.mean()),
        float(distance.std(ddof=1)),
    )


def paths(
    learned: Learned, whose: str, kind: str, start: NDArray, steps: int, rng
) -> NDArray:
    """Return chains of a denoiser from x_T : (n, 2), (n, steps + 1, 2)."""
    schedule = learned.model.log_snr.schedule(steps)
    denoiser = denoiser_of(learned, whose, schedule)
    x_T = start.astype(np.float32)
    chains = Chains(Reverse(denoiser, schedule, KINDS[kind]), state=x_T, rng=rng)
    return np.concatenate([x_T[:, np.newaxis], chains.run(steps)], axis=1)
