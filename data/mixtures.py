"""Mixtures of Gaussians: the ring of eight, the grid of twenty-five, and any other.

p(x) = sum_k w_k N(x; m_k, s_k^2 I)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from data.sample import Sample, require_draw, require_points

# Numbers in one table of points against components, so that memory stays bounded.
TABLE = 2**20


@dataclass(frozen=True, eq=False)
class GaussianMixture:
    """The density sum_k w_k N(x; m_k, s_k^2 I).

    Parameters
    ----------
    weights : (K,), w > 0, with sum 1
    means : (K, d), m; or (K,) on a line, which is kept as (K, 1)
    sds : (K,), s > 0, in the units of x

    Raises ValueError if they do not fit or are out of range.
    """

    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    sds: NDArray[np.float64]

    def __post_init__(self):
        weights = np.array(self.weights, np.float64)
        means = np.array(self.means, np.float64)
        means = means[:, np.newaxis] if means.ndim == 1 else means
        sds = np.array(self.sds, np.float64)
        fits = means.ndim == 2 and weights.shape == sds.shape == means.shape[:1]
        if not fits or 0 in means.shape:
            raise ValueError(
                f"weights of shape {weights.shape}, means {means.shape} and sds "
                f"{sds.shape} are no mixture; K components have weights (K,), means "
                "(K, d) or (K,), and sds (K,)"
            )
        if not (np.all(weights > 0) and abs(weights.sum() - 1) < 1e-9):
            raise ValueError(
                f"weights sum to {weights.sum()}, the smallest is {weights.min()}; "
                "they are probabilities, positive with sum 1: write weights / "
                "sum(weights) and leave out what never occurs"
            )
        if not (np.all((sds > 0) & (sds < np.inf)) and np.isfinite(means).all()):
            raise ValueError(
                "means and sds must be finite and sds positive: at 0 all mass sits on "
                "one point, which has no density"
            )
        for name, array in [("weights", weights), ("means", means), ("sds", sds)]:
            object.__setattr__(self, name, array)

    def sample(self, n: int, *, rng, dtype: DTypeLike = np.float64) -> Sample:
        """Draw n points: a component k by its weight, then m_k + s_k times noise."""
        require_draw(n, dtype)
        rng = np.random.default_rng(rng)
        labels = rng.choice(len(self.weights), size=n, p=self.weights)
        noise = rng.standard_normal((n, self.means.shape[1]))
        X = self.means[labels] + self.sds[labels, np.newaxis] * noise
        return Sample(X.astype(dtype), labels, self)

    def log_density(self, x):
        """Return log p(x) for x : (n, d), of shape (n,), in nats.

            log p(x) = logsumexp_k [ log w_k - d log s_k - |x - m_k|^2 / (2 s_k^2) ]
                       - (d/2) log(2 pi)

        In plain NumPy operations, so that autodiff's grad gives the score.
        Raises ValueError or TypeError if x is not an array of finite points.
        """
        require_points(x, self.means.shape[1])
        rows = max(1, TABLE // len(self.weights))
        starts = range(0, max(len(x), 1), rows)
        return np.concatenate([self._log_density(x[i : i + rows]) for i in starts])

    def _log_density(self, x):
        d = self.means.shape[1]
        log_peaks = np.log(self.weights) - d * np.log(np.sqrt(2 * np.pi) * self.sds)
        means, log_peaks = self.means.astype(x.dtype), log_peaks.astype(x.dtype)
        sds = self.sds.astype(x.dtype)
        squares = [((x[:, j, np.newaxis] - means[:, j]) / sds) ** 2 for j in range(d)]
        exponents = log_peaks - sum(squares) / 2
        # The largest exponent taken out, no sum is zero far away from all means. Where
        # all squares overflow it is -inf, which taken out of itself would be nan.
        top = np.max(exponents, axis=1, keepdims=True)
        top = np.maximum(top, np.finfo(x.dtype).min)
        return top[:, 0] + np.log(np.sum(np.exp(exponents - top), axis=1))


def make_gaussian_mixture(
    n: int,
    *,
    weights: ArrayLike,
    means: ArrayLike,
    sds: ArrayLike,
    rng,
    dtype: DTypeLike = np.float64,
) -> Sample:
    """Draw n points of any mixture; labels are the components.

    >>> weights, means, sds = [0.5, 0.3, 0.2], [-2, 0, 1.5], [0.5, 0.1, 0.3]
    >>> data = make_gaussian_mixture(
    ...     1000, weights=weights, means=means, sds=sds, rng=0
    ... )
    >>> data.X.shape
    (1000, 1)

    See GaussianMixture for the parameters.
    """
    density = GaussianMixture(np.array(weights), np.array(means), np.array(sds))
    return density.sample(n, rng=rng, dtype=dtype)


def make_eight_gaussians(
    n: int,
    *,
    rng,
    radius: float = 2.0 / 1.414,
    sd: float = 0.02 / 1.414,
    dtype: DTypeLike = np.float64,
) -> Sample:
    """Draw n points of eight equal Gaussians on a ring; labels count them from angle 0.

    m_k = radius (cos(k pi / 4), sin(k pi / 4)), for k = 0 to 7. On a ring of radius 2
    each coordinate has the variance 2; 1.414, as published, makes it one.

    Reference: I. Gulrajani et al., Improved training of Wasserstein GANs, NeurIPS 2017,
    whose toy experiments have these numbers.
    """
    angles = np.arange(8) * np.pi / 4
    means = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    density = GaussianMixture(np.full(8, 1 / 8), means, np.full(8, sd))
    return density.sample(n, rng=rng, dtype=dtype)


def make_twenty_five_gaussians(
    n: int,
    *,
    rng,
    step: float = 2.0 / 2.828,
    sd: float = 0.05 / 2.828,
    dtype: DTypeLike = np.float64,
) -> Sample:
    """Draw n points of 25 equal Gaussians on a grid; labels count its rows.

    m = step (i, j) for i and j from -2 to 2. On a grid of step 2 each coordinate has
    the variance 8; 2.828, as published, makes it one. Reference: as for
    `make_eight_gaussians`.
    """
    ticks = step * np.arange(-2, 3)
    means = np.array([(x, y) for y in ticks for x in ticks])
    density = GaussianMixture(np.full(25, 1 / 25), means, np.full(25, sd))
    return density.sample(n, rng=rng, dtype=dtype)
