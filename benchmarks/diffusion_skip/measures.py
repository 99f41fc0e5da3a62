"""What a network that guesses noise misses, and how large its samples are.

The loss is the mean of |eps - epshat|^2 / D over all levels of noise, and for any
network without a path around its last hidden layer, of w units,

    E |eps - epshat|^2 / D >= (D - w) / D.

It can come near where there is hardly anything but noise: where noise is small beside
the data, it has to be told from them, which these networks do not learn, and is missed
inside the plane of the guesses too. So the loss is also measured at the end, at a log
SNR of -10. Outside the plane all is known beforehand, at any level and for any weights:
with Q and c of growth.py,

    E |Q (eps - epshat)|^2 = E |Q (eps - c)|^2 = D - w + |Q c|^2,

as eps has the mean zero, and the variance one in each direction. Of planes that are
parallel, the one through the origin has the least; the floor is for this one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_skip.growth import Outside, outside_law
from benchmarks.diffusion_skip.training import LEVELS, D, Plan, learn
from models.diffusion import Diffusion
from models.diffusion_forms import signal_and_noise
from models.diffusion_training import even_times
from models.estimate import Estimate
from models.network_denoiser import network_denoiser
from samplers.chains import Chains
from samplers.reverse import Reverse
from samplers.schedules import Schedule

POINTS = 50  # of a curve


@dataclass(frozen=True, eq=False)
class Row:
    """A trained network, and what was measured.

    loss, noise_loss : over all levels, and where there is hardly anything but noise
    by_level : (POINTS,), the loss at equal parts of the range of log SNR, from its top
    learning : (POINTS,), the mean loss of the batches in equal parts of the training
    samples : (n, D), by the ancestral chain
    law : of these, outside the plane
    missed : standard errors from the error outside the plane to what is known of it;
        None with the skip, where it is not
    spread : the same from the variance of samples there to that of the law
    followed : largest error there of DDIM, given x_T, relative to the sd of x_0

    The last three are None if nothing lies outside, w >= D.
    """

    width: int
    skip: bool
    loss: Estimate
    noise_loss: Estimate
    by_level: NDArray
    learning: NDArray
    samples: NDArray
    law: Outside
    missed: float | None
    spread: float | None
    followed: float | None

    @property
    def floor(self) -> float:
        """(D - w) / D, of the loss without a skip."""
        return max(D - self.width, 0) / D

    @property
    def rms(self) -> float:
        """The root of the mean square of the pixels of samples."""
        return rms(self.samples)

    @property
    def largest(self) -> float:
        """The largest |x| of the pixels of samples."""
        return float(np.max(np.abs(self.samples)))


@dataclass(frozen=True)
class Data:
    """What is known of the digits.

    rms : the root of the mean square of their pixels
    skip_alone : the loss of epshat = sigma x, of a network that adds nothing to it
    """

    rms: float
    skip_alone: float

    @classmethod
    def of(cls, X: NDArray) -> "Data":
        """Measure examples, for the levels of noise that networks are trained for.

        eps - sigma x = alpha (alpha eps - sigma x_0), and the mean of its square is
        alpha^2 (alpha^2 + sigma^2 E x_0^2).
        """
        alpha, sigma = signal_and_noise(LEVELS(even_times(10_000, 0.0)))
        missed = alpha**2 * (alpha**2 + sigma**2 * rms(X) ** 2)
        return cls(rms(X), float(np.mean(missed)))


def learn_all(X: NDArray, plan: Plan, rng) -> list[Row]:
    """Train and measure all networks of a plan."""
    kinds = [(w, skip) for w in plan.widths for skip in (False, True)]
    return [
        measured(learn(X, w, skip=skip, steps=plan.steps, rng=rng), X, plan, rng)
        for w, skip in (*kinds, (plan.wide, True))
    ]


def measured(model: Diffusion, X: NDArray, plan: Plan, rng) -> Row:
    """Measure a trained network."""
    skip, width = model.denoiser.skip, len(model.denoiser.network.layers[-1].weights)
    u = even_times(plan.draws, rng.random()).astype(X.dtype)
    error = noise_errors(model, X, np.sort(u), rng)
    pure = noise_errors(model, X, np.ones_like(u), rng)
    schedule = model.log_snr.schedule(plan.chain)
    samples = model.sample(plan.samples, rng, steps=plan.chain)
    law, blind = outside_law(schedule, eta=1.0, skip=skip), width < D
    return Row(
        width=width,
        skip=skip,
        loss=mean(squares(error) / D),
        noise_loss=mean(squares(pure) / D),
        by_level=in_parts(squares(error) / D),
        learning=in_parts(np.array(vars(model)["history_"]["loss"])),
        samples=samples,
        law=law,
        missed=missed(model, error) if blind and not skip else None,
        spread=spread(model, samples, law) if blind else None,
        followed=followed(model, schedule, plan.samples, rng) if blind else None,
    )


def outside(model: Diffusion) -> tuple[NDArray, NDArray]:
    """Return Q : (D, D), which projects out of the plane of the guesses, and c : (D,).

    The singular vectors of W are found in float64, so that Q is a projection.
    """
    last = model.denoiser.network.layers[-1]
    W = last.weights.astype(np.float64)
    return np.eye(D) - np.linalg.pinv(W) @ W, last.bias.astype(np.float64)


def noise_errors(model: Diffusion, X: NDArray, u: NDArray, rng) -> NDArray[np.float64]:
    """Return eps - epshat, (n, D), on fresh noise at the times u : (n,)."""
    log_snr = model.log_snr(u)
    alpha, sigma = (row[:, np.newaxis] for row in signal_and_noise(log_snr))
    noise = model.draw_noise(len(u), rng)
    x = alpha * X[rng.integers(len(X), size=len(u))] + sigma * noise
    return (noise - model.denoiser(x, log_snr)).astype(np.float64)


def missed(model: Diffusion, error: NDArray) -> float:
    """Return how far |Q error|^2 is from D - w + |Q c|^2, in standard errors."""
    Q, c = outside(model)
    return score(mean(squares(error @ Q)), np.trace(Q) + c @ Q @ c)


def spread(model: Diffusion, samples: NDArray, law: Outside) -> float:
    """Return how far |Q x_0|^2 of samples is from its law, in standard errors.

    Over n samples it is the variance of the law times chi-square of n (D - w).
    """
    Q, c = outside(model)
    count = len(samples) * np.trace(Q)
    total = np.sum(squares((samples - law.shift * c) @ Q)) / law.variance
    return float((total - count) / np.sqrt(2 * count))


def followed(model: Diffusion, schedule: Schedule, n: int, rng) -> float:
    """Return the largest error of the law of DDIM, which says Q x_0 for each x_T."""
    Q, c = outside(model)
    law = outside_law(schedule, eta=0.0, skip=model.denoiser.skip)
    sampler = Reverse(network_denoiser(model.denoiser, schedule), schedule, eta=0.0)
    x_T = model.draw_noise(n, rng)
    x_0 = Chains(sampler, state=x_T, rng=rng, thin=schedule.steps).run(1)[:, 0]
    error = (x_0 - law.factor * x_T.astype(np.float64) - law.shift * c) @ Q
    return float(np.max(np.abs(error)) / np.sqrt(law.variance))


def rms(x: NDArray) -> float:
    """Return the root of the mean square of all numbers."""
    return float(np.sqrt(np.mean(x.astype(np.float64) ** 2)))


def squares(x: NDArray) -> NDArray:
    """Return |x|^2 of each row."""
    return np.sum(x**2, axis=-1)


def mean(values: NDArray) -> Estimate:
    """Return the mean of independent draws."""
    error = np.std(values, ddof=1) / np.sqrt(len(values))
    return Estimate(float(np.mean(values)), float(error))


def score(estimate: Estimate, truth: float) -> float:
    """Return how many standard errors an estimate lies above the truth."""
    return (estimate.value - truth) / estimate.standard_error


def in_parts(values: NDArray) -> NDArray:
    """Return the means over POINTS equal parts of values, (POINTS,)."""
    return np.array([part.mean() for part in np.array_split(values, POINTS)])
