"""Importance weights: an estimate of log Z, its error, and whether to trust it.

States x_i drawn from a law p_0 = f_0 / Z_0, and weighed by w_i = f(x_i) / f_0(x_i),
have the mean weight

    <w> = sum_x p_0(x) f(x) / f_0(x) = Z / Z_0,

provided that f_0 > 0 wherever f > 0. Annealed runs (samplers/annealing.py) give weights
of the same mean and of a smaller variance.

The mean of n weights is unbiased, its logarithm is not: by Jensen's inequality that is
too small in the mean, by about a half of the square of its standard error. Where few
weights outweigh all others, the largest that could occur probably did not, so that both
the mean and its error come out too small.

Sources: A. Kong, J. Liu and W. Wong, Journal of the American Statistical Association 89
(1994), 278, for the effective sample size; A. Owen, Monte Carlo theory, methods and
examples (2013), chapter 9.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEW = 10  # effective weights, below which an error bar means nothing


class FewWeightsWarning(UserWarning):
    """A few weights outweigh all others: neither the estimate nor its error is good."""


@dataclass(frozen=True, eq=False)
class Weights:
    """Independent importance weights, by their logarithms.

    Parameters
    ----------
    log_weights : (n,), in nats; -inf for a weight of zero
    log_base : log Z of the law that the states were drawn from; or, if reverse, of the
        one that they were weighed for
    reverse : whether log Z is wanted of the law that the states were drawn from, so
        that the weights have the mean Z_base / Z

    A base of sd 2 for a target of sd 1, both without their factors 1 / (sqrt(2 pi) s):

    >>> x = 2 * np.random.default_rng(0).standard_normal(10_000)
    >>> weights = Weights(x**2 / 8 - x**2 / 2, log_base=np.log(np.sqrt(2 * np.pi) * 2))
    >>> weights.log_partition, weights.standard_error, float(np.log(2 * np.pi) / 2)
    (0.914, 0.007, 0.919)
    >>> weights
    Weights(log Z = 0.914 +- 0.007 nats, by 6626 effective of 10000)

    Warns (FewWeightsWarning) if the effective sample size is below 10. Raises
    ValueError unless the logarithms are a row of numbers, none of them nan or +inf.
    """

    log_weights: NDArray[np.float64]
    log_base: float
    reverse: bool = False

    def __post_init__(self):
        log_weights = np.array(self.log_weights, np.float64)
        if log_weights.ndim != 1 or not log_weights.size:
            raise ValueError(
                f"log_weights of shape {log_weights.shape} are no row; write one for "
                "each particle, log_weights.ravel()"
            )
        if not np.all(log_weights < np.inf):
            raise ValueError(
                "log_weights holds nan or +inf, which would make the mean of all "
                "weights the same; a state of p_0 = 0 cannot have been drawn from p_0"
            )
        object.__setattr__(self, "log_weights", log_weights)
        self._warn_of_few()

    def __repr__(self) -> str:
        return (
            f"Weights(log Z = {self.log_partition:.4f} +- {self.standard_error:.2g} "
            f"nats, by {self.effective_sample_size:.4g} effective of "
            f"{self.log_weights.size})"
        )

    @property
    def log_partition(self) -> float:
        """Return the estimate of log Z in nats, log_base + log <w>.

        In the mean it is a lower bound. If reverse it is log_base - log <w>, an upper
        one.
        """
        top, mean = self._top_and_mean()
        log_ratio = top + float(np.log(mean)) if mean else -np.inf
        return float(self.log_base) + (-log_ratio if self.reverse else log_ratio)

    @property
    def standard_error(self) -> float:
        """Return that of log_partition, sd(w) / (<w> sqrt(n)), in nats.

        By the slope of the logarithm at the mean, so for errors well below one. One
        particle, or weights that are all zero, have none: nan.
        """
        top, mean = self._top_and_mean()
        n = self.log_weights.size
        if n == 1 or not mean:
            return np.nan
        sd = np.std(np.exp(self.log_weights - top), ddof=1)
        return float(sd / (mean * np.sqrt(n)))

    @property
    def effective_sample_size(self) -> float:
        """Return (sum w)^2 / sum w^2: n for equal weights, 1 if only one counts."""
        top, mean = self._top_and_mean()
        if not mean:
            return 0.0
        squares = np.sum(np.exp(2 * (self.log_weights - top)))
        return float((self.log_weights.size * mean) ** 2 / squares)

    def _top_and_mean(self) -> tuple[float, float]:
        """Return the largest log w, and the mean of all w in units of that weight.

        So that exp(1000) does not overflow, nor exp(-1000) vanish.
        """
        top = float(np.max(self.log_weights))
        if top == -np.inf:
            return 0.0, 0.0
        return top, float(np.mean(np.exp(self.log_weights - top)))

    def _warn_of_few(self) -> None:
        """Warn if a few weights outweigh the others."""
        size = self.effective_sample_size
        if size < FEW:
            side = "high" if self.reverse else "low"
            warnings.warn(
                f"{self.log_weights.size} weights are worth {size:.1f} equal ones, so "
                f"log_partition is probably too {side}, and by more than its standard "
                "error says: anneal by more temperatures, or else with more particles",
                FewWeightsWarning,
                stacklevel=4,
            )
