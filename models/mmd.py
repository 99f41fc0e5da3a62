"""The maximum mean discrepancy: how far apart two samples look to a kernel.

With k(x, y) = exp(-|x - y|^2 / (2 h^2)), x and x' from one law, y and y' from the
other, all independent,

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y),

the squared distance between the mean features of the two laws in the space of the
kernel; for this kernel it is zero for equal laws only.

Source: A. Gretton, K. Borgwardt, M. Rasch, B. Schoelkopf and A. Smola, Journal of
Machine Learning Research 13 (2012), 723: lemma 6, equations 3 and 5.
"""

import numpy as np
from scipy.spatial.distance import pdist

from autodiff import stop_gradient, value_only
from models.arguments import require_precision


def squared_mmd(x, y, bandwidth="median", *, unbiased=True):
    """Estimate MMD^2 from two samples.

    The means run over all pairs. Unbiased, E k(x, x') leaves out the pairs of a point
    with itself, and the estimate can be negative. Biased, it keeps them and is the
    squared distance between two averages of features, never negative, too large by
    about E[1 - k(x, x')] / n + E[1 - k(y, y')] / m.

    Parameters
    ----------
    x, y : (n, d) and (m, d)
    bandwidth : h > 0, in the units of x; a sequence of several, whose kernels are
        averaged; or "median", the median distance between points of the two samples
        together, a constant under differentiation
    unbiased : whether to leave out the pairs of a point with itself

    Returns a number. Raises ValueError or TypeError if the samples do not fit, or a
    bandwidth is not positive.
    """
    _check(x, y, 2 if unbiased else 1)
    if isinstance(bandwidth, str) and bandwidth == "median":
        bandwidths = [median_distance(x, y)]
    else:
        bandwidths = _checked(bandwidth)
    # Squared distances as |x|^2 + |y|^2 - 2 x y lose digits far from the origin, so it
    # is put amid the points; no distance depends on it.
    center = stop_gradient(np.mean(np.concatenate([x, y]), axis=0))
    x, y = x - center, y - center
    within = [_mean_within(points, bandwidths, unbiased) for points in (x, y)]
    return sum(within) - 2 * np.mean(_kernel(x, y, bandwidths))


@value_only
def median_distance(x, y):
    """Return the median distance between two points of both samples together.

    x, y : (n, d) and (m, d). No derivative passes through it. Raises ValueError or
    TypeError if the samples do not fit, or most of the points are the same.
    """
    _check(x, y, 1)
    distance = np.median(pdist(np.concatenate([x, y]))).astype(x.dtype)
    if distance == 0:
        raise ValueError(
            "the median distance between the points is zero, most of them are the same "
            "point, and no kernel can be that narrow: give a bandwidth"
        )
    return distance


def _mean_within(x, bandwidths, unbiased):
    """Return the mean of k(x_i, x_j) over all pairs, or over those with i != j."""
    n, k = len(x), _kernel(x, x, bandwidths)
    # k(x_i, x_i) is one, whatever rounding makes of it where the kernel is narrow.
    others = np.sum(k) - np.trace(k)
    return others / (n * (n - 1)) if unbiased else (others + n) / n**2


def _kernel(x, y, bandwidths):
    """Return the mean of the kernels for each pair, (n, m)."""
    squares = np.sum(x**2, axis=1, keepdims=True) + np.sum(y**2, axis=1) - 2 * (x @ y.T)
    # Rounded below zero, a square would make a narrow kernel huge; the derivative is
    # that of the square.
    squares = squares + stop_gradient(np.maximum(squares, 0) - squares)
    return sum(np.exp(squares * (-0.5 / h**2)) for h in bandwidths) / len(bandwidths)


def _checked(given) -> list[float]:
    bandwidths = np.atleast_1d(np.asarray(given))
    if (
        bandwidths.dtype.kind not in "fiu"
        or bandwidths.ndim != 1
        or bandwidths.size == 0
        or not np.all((bandwidths > 0) & np.isfinite(bandwidths))
    ):
        raise ValueError(
            f"bandwidth is {given!r}; a kernel has a positive, finite width in the "
            'units of x: give one, a sequence of several, or "median"'
        )
    return bandwidths.tolist()


def _check(x, y, least: int) -> None:
    require_precision(x=x, y=y)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or x.shape[1] == 0:
        raise ValueError(
            f"x and y have shapes {x.shape} and {y.shape}; they must be (n, d) and "
            "(m, d), one point a row: numbers on a line are x[:, np.newaxis]"
        )
    if min(len(x), len(y)) < least:
        raise ValueError(
            f"x and y have {len(x)} and {len(y)} points; the estimate needs at least "
            f"{least} of each, two if it is unbiased, for a pair of different ones"
        )
    for name, points in (("x", x), ("y", y)):
        if isinstance(points, np.ndarray) and not np.all(np.isfinite(points)):
            raise ValueError(
                f"{name} holds numbers that are not finite, which have no distance to "
                "others"
            )
