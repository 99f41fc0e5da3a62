"""Arrays of draws, (chain, draw, *dims): checked, and a few quantities at a time.

A quantity is what one place of dims holds in all chains and draws: a magnetization, the
third weight. Diagnostics treat every quantity by itself, as x : (k, chain, draw), in
float64 whatever the draws are stored in, and so many at once that memory stays bounded.
"""

import numpy as np

# Numbers in one x, unless a single quantity has more.
BLOCK = 2**20
LEAST = 4


def each_quantity(function, draws):
    """Return function(x) for every quantity of the draws.

    Parameters
    ----------
    function : takes x : (k, chain, draw), float64 and finite, and returns (k, ...), a
        result for each of the k quantities
    draws : (chain, draw, *dims), real, integer or boolean

    Returns (*dims, ...). Raises ValueError or TypeError if there are fewer than 4
    draws, or a draw is not a finite real number.
    """
    draws = np.asarray(draws)
    require_draws(draws)
    chains, n, *dims = draws.shape
    flat = draws.reshape(chains, n, -1)
    size = max(1, BLOCK // (chains * n))
    results = []
    for start in range(0, flat.shape[2], size):
        block = np.moveaxis(flat[:, :, start : start + size], 2, 0)
        x = np.array(block, np.float64, order="C")
        require_finite(x, start, dims)
        results.append(function(x))
    result = np.concatenate(results)
    return result.reshape((*dims, *result.shape[1:]))[()]


def centered(x):
    """Return x less its mean over the last axis, exactly zero where x is constant.

    The mean of n equal numbers can be off by a rounding error, and a constant would
    seem to vary; the first number is therefore taken out before the mean.
    """
    x = x - x[..., :1]
    return x - x.mean(axis=-1, keepdims=True)


def require_draws(draws) -> None:
    """Raise unless draws are (chain, draw, ...) of real numbers, four or more."""
    if draws.dtype.kind not in "biuf":
        raise TypeError(
            f"draws are {draws.dtype}; diagnostics compare real numbers: give the real "
            "and the imaginary part, or whatever you measure, as quantities of their "
            "own"
        )
    if draws.ndim < 2 or 0 in draws.shape or draws.shape[1] < LEAST:
        raise ValueError(
            f"draws have shape {draws.shape}; they are (chain, draw, ...) with at "
            f"least {LEAST} draws, two for each half of a chain: a single chain is "
            "draws[np.newaxis]"
        )


def require_finite(x, start: int, dims) -> None:
    """Raise if x, the quantities from the start-th of dims on, is not finite."""
    bad = np.argwhere(~np.isfinite(x))
    if len(bad):
        quantity, chain, draw = bad[0]
        place = (chain, draw, *np.unravel_index(start + quantity, dims))
        at = ", ".join(str(i) for i in place)
        raise ValueError(
            f"draws[{at}] is {x[tuple(bad[0])]}: chain {chain} is not finite at draw "
            f"{draw}, and no average over it means anything; find out what the sampler "
            "did there, leaving such draws out would hide it"
        )
