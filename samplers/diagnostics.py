"""What to look at before a mean over draws is believed, in one table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.convergence import rank_normalized_r_hat
from samplers.draws import each_quantity
from samplers.effective import ess_bulk, ess_tail, standard_deviation, standard_error

ROWS = 20


@dataclass(frozen=True, eq=False)
class Summary:
    """Means with their standard errors, and whether to trust them; print it.

    mean, mcse, sd : (*dims), in the units of the draws
    ess_bulk, ess_tail : (*dims), effective sample sizes, to be 100 a chain or more
    r_hat : (*dims), to be below 1.01
    chains, draws : how many

    As text it has a line for each quantity; of more than 20, for those with the largest
    R-hat.
    """

    mean: NDArray[np.float64]
    mcse: NDArray[np.float64]
    sd: NDArray[np.float64]
    ess_bulk: NDArray[np.float64]
    ess_tail: NDArray[np.float64]
    r_hat: NDArray[np.float64]
    chains: int
    draws: int

    def __str__(self):
        shape, count = np.shape(self.mean), np.size(self.mean)
        title = f"chains: {self.chains}, draws of each: {self.draws}"
        shown = np.arange(count)
        if count > ROWS:
            title += f"; the {ROWS} of {count} quantities with the largest R-hat"
            shown = np.argsort(-np.ravel(self.r_hat), kind="stable")[:ROWS]
        head = ("", "mean", "mcse", "sd", "ess bulk", "ess tail", "R-hat")
        rows = [head, *(self._row(np.unravel_index(i, shape)) for i in shown)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join([title, *lines])

    def _row(self, index):
        mean, mcse = self.mean[index], self.mcse[index]
        return (
            f"[{', '.join(map(str, index))}]" if index else "",
            f"{mean:.{significant_digits(mean, mcse)}g}",
            f"{mcse:.2g}",
            f"{self.sd[index]:.3g}",
            f"{self.ess_bulk[index]:.0f}",
            f"{self.ess_tail[index]:.0f}",
            f"{self.r_hat[index]:.3f}",
        )


def summary(draws):
    """Return the Summary of draws : (chain, draw, *dims).

    Raises ValueError or TypeError if there are fewer than 4 draws, or a draw is not a
    finite real number.

    >>> rng = np.random.default_rng(0)
    >>> print(summary(rng.normal([100, 0], [1, 10], size=(4, 1000, 2))))
    chains: 4, draws of each: 1000
           mean   mcse    sd  ess bulk  ess tail  R-hat
    [0]  99.998  0.018  1.01      3230      3812  1.000
    [1]    0.03   0.16  9.96      3887      4145  1.000
    """
    columns = np.moveaxis(each_quantity(_columns, draws), -1, 0)
    return Summary(*columns, *np.shape(draws)[:2])


def significant_digits(mean: float, error: float) -> int:
    """Return how many digits of a mean show the first two digits of its error."""
    if not (0 < error < np.inf and mean):
        return 4
    return max(1, int(np.floor(np.log10(abs(mean))) - np.floor(np.log10(error))) + 2)


def _columns(x):
    columns = (
        np.mean(x, axis=(1, 2)),
        standard_error(x),
        standard_deviation(x),
        ess_bulk(x),
        ess_tail(x),
        rank_normalized_r_hat(x),
    )
    return np.stack(columns, axis=1)
