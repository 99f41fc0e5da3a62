"""Chains between a mixture and noise: where they go, and how far from the exact laws.

The schedule is the cosine one without an offset, of steps equal in the angle phi with
cos(phi)^2 = abar: a sequence of K of its times, evenly spaced, is the same schedule
with K steps, but for rounding.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_mixture.gaussian import final_sd
from benchmarks.diffusion_mixture.laws import (
    MIXTURE,
    denoised,
    flow,
    mode_counts,
    noised,
    sliced_distance,
)
from samplers.chains import Chains
from samplers.forward import Forward, jump
from samplers.mixture_denoiser import mixture_denoiser
from samplers.reverse import Reverse
from samplers.schedules import cosine

LAST = 1000  # the number of steps of the schedule
SCHEDULE = cosine(LAST, offset=0.0)
LAST_ANGLE = float(np.arccos(SCHEDULE.signal[LAST]))
DENOISER = mixture_denoiser(MIXTURE.weights, MIXTURE.means, MIXTURE.sds, SCHEDULE)
ETAS = {"DDIM": 0.0, "eta = 0.5": 0.5, "ancestral": 1.0}
STEPS = (2, 5, 10, 20, 50, 100, 200, 500, 1000)
THIN = 50  # steps from one kept state to the next
KEPT = tuple(range(0, LAST + 1, THIN))  # times t
WIDTH = 0.25  # the standard deviation of the single Gaussian
REPEATS = 20  # of as many exact draws


@dataclass(frozen=True, eq=False)
class Strips:
    """States at the times KEPT, (chain, 21, 2) each, and of the jump x_t given x_0."""

    forward: NDArray
    jumped: NDArray
    reverse: dict[str, NDArray]


@dataclass(frozen=True, eq=False)
class Convergence:
    """What reverse chains end in, for each name of ETAS and each number of STEPS.

    distances : (9,), sliced Wasserstein, in units of x
    counts : (9, 5), of the chains that end in each mode
    """

    distances: NDArray
    counts: NDArray


def evenly(steps: int):
    """Return so many steps' times, (steps + 1,), from LAST to 0."""
    return np.rint(np.linspace(LAST, 0, steps + 1)).astype(int)


def laws():
    """Return the exact laws of x_t at the times KEPT."""
    return [noised(SCHEDULE.signal[t], SCHEDULE.noise[t]) for t in KEPT]


def denoiser_error(rng: np.random.Generator) -> float:
    """Return the largest deviation from Tweedie's formula, at the times KEPT.

    Where the signal is small the formula divides rounding by it, so errors are taken
    times the signal.
    """
    errors = []
    for t, law in zip(KEPT, laws(), strict=True):
        x, signal = law.sample(200, rng=rng).X, SCHEDULE.signal[t]
        truth = denoised(x, signal, SCHEDULE.noise[t])
        errors.append(signal * np.abs(DENOISER.estimate_at(x, t) - truth).max())
    return float(np.max(errors))


def strips(chains: int, rng: np.random.Generator) -> Strips:
    """Run chains forward from the data, and back from noise, and keep their states."""
    x_0 = MIXTURE.sample(chains, rng=rng).X
    forward = Chains(Forward(SCHEDULE, 2), state=x_0, rng=rng, thin=THIN)
    return Strips(
        forward=np.stack([x_0, *np.moveaxis(forward.run(LAST // THIN), 1, 0)], axis=1),
        jumped=np.stack(
            [jump(x_0, t, SCHEDULE, rng.standard_normal(x_0.shape)) for t in KEPT],
            axis=1,
        ),
        reverse={
            name: path(rng.standard_normal((chains, 2)), ETAS[name], THIN, rng)[:, ::-1]
            for name in ("ancestral", "DDIM")
        },
    )


def path(x_T, eta: float, thin: int, rng: np.random.Generator):
    """Return reverse chains from x_T : (n, 2), (n, LAST / thin + 1, 2), x_T first."""
    chains = Chains(Reverse(DENOISER, SCHEDULE, eta=eta), state=x_T, rng=rng, thin=thin)
    return np.concatenate([x_T[:, np.newaxis], chains.run(LAST // thin)], axis=1)


def ends(
    eta: float, steps: int, rng: np.random.Generator, denoiser=DENOISER, **start
) -> NDArray:
    """Return where reverse chains of so many steps end, (n, d).

    start : `chains`, a number, or `state`, x_T
    """
    sampler = Reverse(denoiser, SCHEDULE, eta=eta, times=evenly(steps))
    return Chains(sampler, rng=rng, burn_in=steps - 1, **start).run(1)[:, 0]


def converge(eta: float, chains: int, rng: np.random.Generator) -> Convergence:
    """Run so many chains for each number of steps, and hold their ends to the data."""
    found = [ends(eta, steps, rng, chains=chains) for steps in STEPS]
    return Convergence(
        distances=np.array([sliced_distance(x, MIXTURE) for x in found]),
        counts=np.array([mode_counts(x) for x in found]),
    )


def floor(chains: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return mean and sd of the sliced distance of as many exact draws."""
    found = [
        sliced_distance(MIXTURE.sample(chains, rng=rng).X, MIXTURE)
        for _ in range(REPEATS)
    ]
    return float(np.mean(found)), float(np.std(found, ddof=1))


def flow_errors(points: int, rng: np.random.Generator) -> NDArray:
    """Return how far from the probability flow DDIM ends, (9,): the median of points.

    The median, because the few points between two modes come to lie in the other one.
    """
    x_T = rng.standard_normal((points, 2))
    exact = flow(x_T, LAST_ANGLE)
    found = [ends(0.0, steps, rng, state=x_T) for steps in STEPS]
    return np.array([np.median(np.linalg.norm(x - exact, axis=1)) for x in found])


def gaussian_ends(chains: int, rng: np.random.Generator) -> dict[str, NDArray]:
    """Return sampled sds over the exact ones less one, (9,), of a single Gaussian.

    Ancestral chains start from noise; those of DDIM, which are linear and have none,
    are one chain from x_T = 1.
    """
    denoiser = mixture_denoiser([1.0], [[0.0]], [WIDTH], SCHEDULE)
    starts: dict[str, dict[str, Any]] = {
        "ancestral": {"chains": chains},
        "DDIM": {"state": np.ones((1, 1))},
    }
    return {
        name: np.array(
            [
                np.sqrt(np.mean(ends(ETAS[name], steps, rng, denoiser, **start) ** 2))
                / final_sd(WIDTH, SCHEDULE, evenly(steps), ETAS[name])
                - 1
                for steps in STEPS
            ]
        )
        for name, start in starts.items()
    }
