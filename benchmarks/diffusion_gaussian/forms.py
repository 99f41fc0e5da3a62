"""One bound in three forms: means that agree, one that does not, and their scatter.

Along the betas of Ho et al. (2020), for data N(0, 1) and the exact denoiser, the bound
is the mean of the joint form, of the consistency form, and of the denoising form. If
the consistency terms are read as divergences, as they often are, it is not.

Which form scatters less depends on the estimate: from one random t of each example,
scaled by their number, or from all t along one chain.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_gaussian.laws import (
    LINE,
    ExactModel,
    Levels,
    cubature,
    ddpm,
    draw,
    points_of,
)
from models.diffusion_bounds import denoising_terms, prior_term, reconstruction_term
from models.diffusion_chain_bounds import (
    consistency_form,
    consistency_terms,
    forward_chain,
    joint_form,
)
from models.gaussian_divergences import kl_gaussian
from models.linear_consistency import (
    chain_variances,
    consistency_moments,
    denoising_moments,
    independence_gap,
    one_time_variance,
)
from models.linear_diffusion import LinearDiffusion
from samplers.schedules import Schedule

COMPARED = 50  # steps of the forms that are averaged over all noise
DRAWN = (5, 10, 50)  # steps of the chains that are drawn
LONG = (5, 10, 20, 50, 100, 200, 500, 1000)
UNIT = np.eye(1)


@dataclass(frozen=True, eq=False)
class Forms:
    """Means over the data and all noise at one number of steps, in nats.

    exact : the bound in closed form
    joint, consistency, denoising : the library's three estimates of it
    divergences : the consistency form with divergences in the place of its terms
    predicted, measured : (T - 1,), what each of them is too large by: closed form, and
        the library's terms beside divergences at the states of the chains
    """

    exact: float
    joint: float
    consistency: float
    denoising: float
    divergences: float
    predicted: NDArray
    measured: NDArray

    def disagreement(self) -> float:
        """Return the largest difference of an estimate from the closed form."""
        found = self.joint, self.consistency, self.denoising
        return max(abs(each - self.exact) for each in found)

    def gap_error(self) -> float:
        """Return the largest difference of predicted and measured gaps."""
        return float(np.max(np.abs(self.predicted - self.measured)))


def compare(T: int = COMPARED) -> Forms:
    """Return what the three forms are on average: for N(0, 1) along T betas."""
    model = LinearDiffusion.of(LINE, ddpm(T))
    x_0, z = points_of(LINE), cubature(T)
    rows = np.repeat(x_0, len(z), axis=0)
    noise = np.tile(z.T, len(x_0))[..., np.newaxis]
    found = along_chains(model.schedule, rows, noise)
    stated = ExactModel(Levels(model.schedule), LINE)
    chain = forward_chain(stated, rows, noise)
    terms = np.mean(consistency_terms(stated, chain), axis=1)
    measured = divergences(model, chain) - terms
    return Forms(
        exact=float(np.mean(model.bound(x_0))),
        joint=float(np.mean(found["joint"])),
        consistency=float(np.mean(found["consistency"])),
        denoising=float(np.mean(found["denoising"])),
        divergences=float(np.mean(found["joint"]) - np.sum(measured)),
        predicted=independence_gap(model),
        measured=measured,
    )


def divergences(model: LinearDiffusion, chain) -> NDArray:
    """Return the means of KL(q(x_t | x_t-1) || p(x_t | x_t+1)) along chains, (T - 1,).

    chain : (T + 1, n, d)
    """
    s, found = model.schedule, []
    for t in range(1, s.steps):
        M, n, v = model.step(t + 1)
        forth = np.sqrt(s.alpha[t]) * chain[t - 1], np.log(s.beta[t])
        found.append(np.mean(kl_gaussian(*forth, chain[t + 1] @ M.T + n, np.log(v))))
    return np.array(found)


def along_chains(schedule: Schedule, x_0, noise) -> dict[str, NDArray]:
    """Return the library's estimates of the bound from whole chains, (n,) each.

    x_0 : (n, 1); noise : (T, n, 1)
    The joint and the consistency form are one number for each chain.
    """
    model, T = ExactModel(Levels(schedule), LINE), schedule.steps
    chain = forward_chain(model, x_0, noise)
    sigma = schedule.noise[1:, np.newaxis, np.newaxis]
    signal = schedule.signal[1:, np.newaxis, np.newaxis]
    # The noise of x_t in one piece, as denoising terms ask for it.
    eps = (chain[1:] - signal * x_0) / sigma
    times = np.broadcast_to(np.arange(2, T + 1)[:, np.newaxis], (T - 1, len(x_0)))
    start = reconstruction_term(model, x_0, eps[0], T)
    terms = denoising_terms(model, x_0, times, eps[1:], T)
    prior = prior_term(x_0, schedule.log_snr[-1])
    return {
        "joint": joint_form(model, chain),
        "consistency": consistency_form(model, chain).bound,
        "denoising": start - prior - np.sum(terms, axis=0),
        "consistency terms": consistency_terms(model, chain),
        "denoising terms": terms,
    }


@dataclass(frozen=True, eq=False)
class Scatter:
    """Variances of four estimates of the bound, in nats^2, (k,) each, for k numbers T.

    consistency, denoising : of the sum of their terms, from one random t
    chain_consistency, chain_denoising : of the bound, from all t of one chain
    """

    consistency: NDArray
    denoising: NDArray
    chain_consistency: NDArray
    chain_denoising: NDArray

    @property
    def ratio(self) -> NDArray:
        """Variance of consistency over that of denoising, from one random t."""
        return self.consistency / self.denoising

    @property
    def chain_ratio(self) -> NDArray:
        """The same along one chain."""
        return self.chain_consistency / self.chain_denoising

    def __iter__(self):
        """Go through the four."""
        yield from (self.consistency, self.denoising)
        yield from (self.chain_consistency, self.chain_denoising)


def one_time(T: int) -> list[float]:
    """Return both variances from one random t, consistency first, in closed form."""
    model, zero = LinearDiffusion.of(LINE, ddpm(T)), np.zeros((1, 1))
    return [
        float(one_time_variance(*moments(model, zero, UNIT))[0])
        for moments in (consistency_moments, denoising_moments)
    ]


def one_chain(T: int) -> list[float]:
    """Return both variances along one chain, consistency first, in closed form."""
    model = LinearDiffusion.of(LINE, ddpm(T))
    return [float(v[0]) for v in chain_variances(model, np.zeros((1, 1)), UNIT)]


def exact_scatter(steps) -> Scatter:
    """Return the variances in closed form, for each number of steps."""
    return Scatter(*np.array([one_time(T) + one_chain(T) for T in steps]).T)


def drawn_scatter(n: int, rng: np.random.Generator) -> tuple[Scatter, Scatter]:
    """Return the variances among n chains for each of DRAWN, and standard errors."""
    values, errors = zip(*(scatter_of(T, n, rng) for T in DRAWN), strict=True)
    return Scatter(*np.array(values).T), Scatter(*np.array(errors).T)


def scatter_of(T: int, n: int, rng: np.random.Generator) -> tuple[list, list]:
    """Return four variances among n chains of T steps, and their standard errors."""
    x_0, noise = draw(LINE, n, rng), rng.standard_normal((T, n, 1))
    found = along_chains(ddpm(T), x_0, noise)
    each = rng.integers(T - 1, size=n), np.arange(n)
    estimates = [
        (T - 1) * found["consistency terms"][each],
        (T - 1) * found["denoising terms"][each],
        found["consistency"],
        found["denoising"],
    ]
    squares = [(y - y.mean()) ** 2 for y in estimates]
    return [y.mean() for y in squares], [y.std() / np.sqrt(n) for y in squares]


def scores(n: int, rng: np.random.Generator) -> tuple[Scatter, NDArray]:
    """Return drawn variances, and their distances from exact ones in errors, (4, 3)."""
    found, errors = drawn_scatter(n, rng)
    expected = exact_scatter(DRAWN)
    z = [(a - b) / e for a, b, e in zip(found, expected, errors, strict=True)]
    return found, np.array(z)


@dataclass(frozen=True, eq=False)
class Valley:
    """A consistency term and the divergence for it, by the factor c of a step back.

    p(x_t | x_t+1) = N(c x_t+1, v), at the variance v of the model. Means over N(0, 1).

    factors : (k,), c; term, divergence : (k,), in nats
    minima : c of the least term and of the least divergence, by the parabolas
    predicted : what these are: sqrt(1 - beta_t+1), and that times 1 - beta_t
    """

    factors: NDArray
    term: NDArray
    divergence: NDArray
    minima: tuple[float, float]
    predicted: tuple[float, float]


def valley(T: int = 10, t: int = 4) -> Valley:
    """Return what the step back from x_t+1 to x_t would be asked for, for N(0, 1)."""
    schedule = ddpm(T)
    a, b, _ = schedule.posterior(t + 1)
    factors = np.linspace(0.2, 1.2, 41)

    def terms(c: float) -> tuple[float, float]:
        gains, offsets = LINE.at_times(schedule)
        gains[t + 1] = (c - b) / a
        model = LinearDiffusion(schedule, gains, offsets)
        term = consistency_moments(model, np.zeros((1, 1)), UNIT)[0][t - 1, 0]
        return term, term + independence_gap(model)[t - 1]

    term, divergence = np.array([terms(c) for c in factors]).T
    r = float(np.sqrt(schedule.alpha[t + 1]))
    return Valley(
        factors,
        term,
        divergence,
        minima=(lowest(lambda c: terms(c)[0]), lowest(lambda c: terms(c)[1])),
        predicted=(r, r * float(schedule.alpha[t])),
    )


def lowest(parabola: Callable[[float], float]) -> float:
    """Return where a parabola has its minimum, from three of its values."""
    low, middle, high = (parabola(c) for c in (-1.0, 0.0, 1.0))
    return float(0.5 * (low - high) / (low - 2 * middle + high))
