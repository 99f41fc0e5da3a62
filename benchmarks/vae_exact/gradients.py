"""Two estimators of the gradient of the ELBO, and their variances.

For q(h) = N(m, s^2) and h = m + s eps, both of

    reparameterized     d/dm E_q[f] = E[ f'(h) ],
                        d/dv E_q[f] = E[ f'(h) s eps / 2 ],         v = log s^2,
    score function      d/dm E_q[f] = E[ f(h) eps / s ],
                        d/dv E_q[f] = E[ f(h) (eps^2 - 1) / 2 ]

are means over eps. The second has no derivative of f, and so no knowledge of which way
f rises; that E_q[f] may be taken away from f, a baseline, makes it better. Here f(h) =
log p(x|h), for every feature of h, and the KL is exact in both. For f = (h - c)^2 and
D = m - c the variances of the three estimators of d/dm are

    4 s^2,      D^4 / s^2 + 14 D^2 + 15 s^2,      8 D^2 + 10 s^2,

of which only the first vanishes with s.

Sources: R. J. Williams, Machine Learning 8, 229 (1992), for the score function and the
baseline; D. P. Kingma and M. Welling, ICLR (2014); S. Mohamed, M. Rosca, M. Figurnov
and A. Mnih, Journal of Machine Learning Research 21, 132 (2020), for comparisons.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autodiff import grad, jvp, tree_leaves, tree_map, vjp
from benchmarks.vae_exact.gaps import Known
from benchmarks.vae_exact.quadrature import (
    exact_elbo,
    expected_log_likelihood,
    hermite,
)
from models.gaussian_divergences import kl_standard_normal

REPARAMETERIZED, SCORE, BASELINE = (
    "reparameterized",
    "score function",
    "with a baseline",
)
ESTIMATORS = (REPARAMETERIZED, SCORE, BASELINE)
DIRECTIONS = 20  # in the space of the encoder's parameters
ORDER = 100  # of the nodes of Gauss and Hermite for the exact gradient
GRADIENTS = {"quick": 1000, "full": 10_000}  # draws of h for each point
CHUNK = 100  # draws at a time
CENTER = 0.5  # c, of the parabola
PARABOLA = {  # variances of the estimators of d/dm E(h - c)^2, by D and s
    REPARAMETERIZED: lambda D, s: 4 * s**2,
    SCORE: lambda D, s: D**4 / s**2 + 14 * D**2 + 15 * s**2,
    BASELINE: lambda D, s: 8 * D**2 + 10 * s**2,
}
WIDTHS = np.geomspace(0.05, 2, 16)
ORDERS = {1: 100, 2: 24}  # and for these


def estimates(f, slope, mean, v, noise, baseline=0.0):
    """Return what all estimators say of d/dm and d/dv, at each draw.

    f, slope : values of f, (L, n), and its derivatives, (L, n, d), at h
    mean, v : (n, d); noise : (L, n, d); baseline : E_q[f], (n,)
    Returns a name -> the two derivatives, (L, n, d) each.
    """
    s = np.exp(0.5 * v)
    f, lowered = f[..., np.newaxis], (f - baseline)[..., np.newaxis]
    score = noise / s, 0.5 * (noise**2 - 1)
    return {
        REPARAMETERIZED: (slope, 0.5 * slope * s * noise),
        SCORE: (f * score[0], f * score[1]),
        BASELINE: (lowered * score[0], lowered * score[1]),
    }


def model_estimates(known: Known, moments, noise, baseline):
    """Return `estimates` for f = log p(x|h) at the points of a model."""
    mean, v = moments
    x, h = known.problem.x, mean + np.exp(0.5 * v) * noise
    f, pullback = vjp(lambda h: known.vae.decoder.log_density(x, h), h)
    (slope,) = pullback(np.ones_like(f))
    return estimates(f, slope, mean, v, noise, baseline)


@dataclass(frozen=True, eq=False)
class Noise:
    """Gradients of the mean ELBO by the encoder's parameters, along some directions.

    exact : (DIRECTIONS,), by Gauss and Hermite
    draws : name -> (L, DIRECTIONS), from one draw of h for each x
    """

    exact: NDArray[np.float64]
    draws: dict[str, NDArray[np.float64]]

    def score(self, name: str) -> float:
        """Return the largest error of a mean over all draws, in standard errors."""
        found = self.draws[name]
        error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
        return float(np.max(np.abs(found.mean(axis=0) - self.exact) / error))

    def variance(self, name: str, samples: int = 1) -> float:
        """Return E |g - E g|^2 of a mean over some draws, the trace of its covariance.

        Directions are standard normals, so that the mean over them of the variance
        along one is the trace.
        """
        found = self.draws[name]
        means = found[: len(found) // samples * samples].reshape(
            -1, samples, DIRECTIONS
        )
        return float(means.mean(axis=1).var(axis=0, ddof=1).mean())


def encoder_noise(known: Known, draws: int, rng) -> Noise:
    """Estimate the encoder's gradient many times, at the points of a model."""
    rng = np.random.default_rng(rng)
    vae, x = known.vae, known.problem.x
    mean, v = known.moments
    rest = -mean, -0.5 * np.expm1(v)  # of minus the KL
    expected = known.elbo + kl_standard_normal(mean, v)

    def mean_elbo(encoder):
        return np.mean(exact_elbo(vae, x, encoder.moments(x), ORDER))

    gradient = tree_leaves(grad(mean_elbo)(vae.encoder))
    exact, slopes = [], []
    for _ in range(DIRECTIONS):
        u = tree_map(lambda leaf: rng.standard_normal(leaf.shape), vae.encoder)
        exact.append(
            sum(np.vdot(*p) for p in zip(gradient, tree_leaves(u), strict=True))
        )
        slopes.append(jvp(lambda e: e.moments(x), (vae.encoder,), (u,))[1])
    along_m, along_v = (np.stack(part) / len(x) for part in zip(*slopes, strict=True))
    found: dict[str, list] = {name: [] for name in ESTIMATORS}
    for first in range(0, draws, CHUNK):
        noise = vae.draw_noise(len(x), rng, min(CHUNK, draws - first))
        parts = model_estimates(known, known.moments, noise, expected)
        for name, (by_m, by_v) in parts.items():
            found[name].append(
                np.tensordot(by_m + rest[0], along_m, ((1, 2), (1, 2)))
                + np.tensordot(by_v + rest[1], along_v, ((1, 2), (1, 2)))
            )
    return Noise(np.array(exact), {k: np.concatenate(a) for k, a in found.items()})


def variances_by_width(known: Known, widths) -> dict[str, NDArray[np.float64]]:
    """Return the variances of d/dm of all estimators for q of other widths.

    Means over the points and features, by Gauss and Hermite; widths : s, (W,)
    """
    mean = known.moments[0]
    nodes, weights = hermite(known.vae.latent, ORDERS[known.vae.latent])
    noise = np.broadcast_to(nodes[:, np.newaxis], (len(nodes), *mean.shape))
    found: dict[str, list] = {name: [] for name in ESTIMATORS}
    for s in widths:
        moments = mean, np.full_like(mean, 2 * np.log(s))
        expected = expected_log_likelihood(known.vae, known.problem.x, moments)
        for name, (g, _) in model_estimates(known, moments, noise, expected).items():
            average = np.tensordot(weights, g, 1)
            found[name].append(np.tensordot(weights, (g - average) ** 2, 1).mean())
    return {name: np.array(values) for name, values in found.items()}


def parabola_draws(s: float, draws: int, rng) -> dict[str, NDArray[np.float64]]:
    """Return draws of d/dm E (h - c)^2 at m = 0 by all estimators, (draws,) each."""
    noise = np.random.default_rng(rng).standard_normal((draws, 1, 1))
    h, at = s * noise, np.zeros((1, 1))
    f, slope = ((h - CENTER) ** 2)[..., 0], 2 * (h - CENTER)
    found = estimates(f, slope, at, at + 2 * np.log(s), noise, CENTER**2 + s**2)
    return {name: by_m.ravel() for name, (by_m, _) in found.items()}


def parabola_score(s: float, draws: int, rng) -> float:
    """Return the largest error of a mean or variance on the parabola, as a normal z."""
    scores = []
    for name, g in parabola_draws(s, draws, rng).items():
        squares = (g + 2 * CENTER) ** 2
        for found, truth in ((g, -2 * CENTER), (squares, PARABOLA[name](CENTER, s))):
            scores.append((found.mean() - truth) / found.std(ddof=1) * np.sqrt(draws))
    return float(np.max(np.abs(scores)))
