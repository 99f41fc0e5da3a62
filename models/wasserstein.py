"""The Wasserstein distance between laws on a line, exactly.

Between laws on the line with distribution functions F and G the cheapest transport
never lets two masses pass each other, so it moves the u-quantile of one to that of the
other:

    W_r^r = integral over u from 0 to 1 of |F^-1(u) - G^-1(u)|^r.

Between samples both quantile functions are steps. The integral is a sum over the
intervals between all jumps of either, and for two samples of one size, without
weights, the mean of |x_(i) - y_(i)|^r over the sorted values.

Source: C. Villani (2003), Topics in Optimal Transportation, theorem 2.18.
"""

import numpy as np

from autodiff import stop_gradient
from models.arguments import require_precision, require_probabilities


def wasserstein_1d(x, y, x_weights=None, y_weights=None, *, power=1):
    """Return W_r of two samples on a line, in the units of x and y; r is `power`.

    It is a metric for every r >= 1, grows with r, and moves with a shift by just that:
    W_r(x, x + c) = |c|. It can be differentiated by the values and by the weights.
    Equal values keep their order, and where two quantiles meet, or all do, the
    derivative of their distance is taken to be zero.

    Sums of weights are rounded, and a mass of eps that has to move by s for that costs
    eps^(1/r) s: 1e-8 s for r = 2, half of s for r = 50.

    Parameters
    ----------
    x, y : (n,) and (m,)
    x_weights, y_weights : (n,) and (m,), probabilities; equal ones if not given
    power : r, from 1

    Returns a number. Raises ValueError or TypeError if the arrays do not fit or hold
    numbers that are not finite.
    """
    if not 1 <= power < np.inf:
        raise ValueError(
            f"power is {power}; it must be finite and at least 1, below which the "
            "triangle inequality fails: 1 for the earth mover's distance, 2 for the "
            "root of a mean square"
        )
    power = float(power)  # a NumPy number would take float32 to float64
    x, x_levels = _quantiles("x", x, x_weights)
    y, y_levels = _quantiles("y", y, y_weights)
    require_precision(x=x, y=y)
    levels = np.sort(np.concatenate([np.zeros(1, x.dtype), x_levels, y_levels]))
    gaps = np.abs(_at(x, x_levels, levels[1:]) - _at(y, y_levels, levels[1:]))
    widths = levels[1:] - levels[:-1]
    if power == 1:
        return np.sum(widths * gaps)
    # The largest gap is taken out, lest a power of a gap overflows or vanishes; a
    # constant factor taken out and put back is not differentiated.
    largest = stop_gradient(np.max(gaps))
    largest = np.where(largest == 0, 1, largest)
    mean = np.sum(widths * (gaps / largest) ** power)
    apart = mean > 0
    return largest * np.where(apart, np.where(apart, mean, 1) ** (1 / power), 0)


def _quantiles(name, values, weights):
    """Return the values in ascending order and F at each of them."""
    require_precision(**{name: values})
    if values.ndim != 1 or values.size == 0:
        raise ValueError(
            f"{name} has shape {values.shape}; it must be (n,), numbers on a line, "
            "with n at least 1; points in a space take transport_cost or squared_mmd"
        )
    if isinstance(values, np.ndarray) and not np.all(np.isfinite(values)):
        raise ValueError(
            f"{name} holds numbers that are not finite, to which no mass can be moved"
        )
    order = np.argsort(values, kind="stable")
    if weights is None:
        levels = (np.arange(1, values.size + 1) / values.size).astype(values.dtype)
        return values[order], levels
    require_precision(**{name: values, f"{name}_weights": weights})
    require_probabilities(**{f"{name}_weights": weights})
    if weights.shape != values.shape:
        raise ValueError(
            f"{name} has shape {values.shape} and {name}_weights {weights.shape}; "
            "there must be one weight a value"
        )
    return values[order], np.cumsum(weights[order])


def _at(values, levels, u):
    """Return F^-1(u), the first value at which F reaches u; the last one for u = 1."""
    reached = np.searchsorted(levels, u)
    return values[np.minimum(reached, values.size - 1)]
