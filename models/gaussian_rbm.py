"""The restricted Boltzmann machine of real visible units: a mixture of Gaussians.

    E(x, h) = sum_i (x_i - a_i)^2 / (2 sigma_i^2) - b.h - (x / sigma^2).W h

for x_i real and h_j 0 or 1. As before, t_j = b_j + sum_i x_i W_ij / sigma_i^2 gives
p(h_j = 1 | x) = s(t_j) and F(x) = sum_i (x_i - a_i)^2 / (2 sigma_i^2) - sum_j
softplus(t_j). Given h, complete the square: with the mean m_i = a_i + (W h)_i,

    (x_i - a_i)^2 - 2 x_i (W h)_i = (x_i - m_i)^2 + a_i^2 - m_i^2,

so that x_i is Gaussian, of mean m_i and standard deviation sigma_i, and the integral
over x leaves

    F(h) = -b.h - sum_i (m_i^2 - a_i^2) / (2 sigma_i^2) - sum_i log(sqrt(2 pi) sigma_i).

The law of x is therefore a mixture of 2^N Gaussians of the same width, one about the
mean a + W h for each h, with the weight p(h) = exp(-F(h)) / Z, Z = sum_h exp(-F(h)).
Without couplings it is the one Gaussian N(a, sigma^2).

Others write the coupling as x_i W'_ij h_j / sigma_i. It is the same law for W = sigma
W', row by row, and then m = a + sigma W' h. What differs is how a step of learning
moves it: `scaled` chooses W'. The standard deviation is kept by its logarithm, which
may take any value.

Sources: M. Welling, M. Rosen-Zvi and G. Hinton, NIPS 17 (2004); K. Cho, A. Ilin and T.
Raiko, ICANN (2011), for x / sigma^2 and log sigma; A. Krizhevsky, Learning multiple
layers of features from tiny images (2009), for x / sigma.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import stop_gradient
from models.rbm import RBM
from models.rbm_data import as_given, as_means
from models.rbm_gradient import LOG_SQRT_2PI
from samplers.machine import Machine, require_precision


@dataclass(eq=False)
class GaussianRBM(RBM):
    """A restricted Boltzmann machine of real visible and binary hidden units.

    Parameters
    ----------
    W : (M, N), the couplings: in units of x, or W' without a unit if scaled
    a : (M,), the means of the visible units at h = 0
    b : (N,), hidden biases
    log_sigma : (M,), of their standard deviations given h
    learn_sigma : whether log_sigma has a derivative; else it stays as it is
    scaled : whether W is the W' above

    Two Gaussians of the same width, at 0 and at 4, and of the same weight for
    b = -W^2 / (2 sigma^2), with a = 0:

    >>> rbm = GaussianRBM(*map(np.array, ([[4.0]], [0.0], [-8.0], [0.0])))
    >>> rbm.log_partition().value, float(np.log(2 * np.sqrt(2 * np.pi)))
    (1.61, 1.61)
    >>> density = np.exp(rbm.log_likelihood([[0.0], [4.0]]))
    >>> density, float(0.5 / np.sqrt(2 * np.pi))
    (array([0.1995, 0.1995]), 0.1995)

    Raises ValueError or TypeError if the arrays do not fit together.
    """

    log_sigma: NDArray
    learn_sigma: bool = False
    scaled: bool = False

    def __post_init__(self):
        require_precision({"W": self.W, "log_sigma": self.log_sigma})
        with np.errstate(over="ignore", under="ignore"):
            sigma = np.exp(self.log_sigma)
        if not np.all((sigma > 0) & (sigma < np.inf)):
            raise ValueError(
                f"log_sigma runs from {self.log_sigma.min():g} to "
                f"{self.log_sigma.max():g}, and sigma = exp(log_sigma) is then zero, "
                "infinite or no number; sigma is a standard deviation, in the unit of "
                "x: write np.log(X.std(axis=0)) for units that vary"
            )
        Machine(self.W, self.a, self.b, sigma)

    @classmethod
    def create(  # type: ignore[override]
        cls,
        visible: int,
        hidden: int,
        *,
        rng,
        means: ArrayLike | None = None,
        scale: float = 0.01,
        sigma: ArrayLike = 1.0,
        learn_sigma: bool = False,
        scaled: bool = False,
        dtype: DTypeLike = np.float64,
    ) -> "GaussianRBM":
        """Return a machine with random couplings, W' ~ N(0, scale^2), centered:

            E(x, h) = |y|^2 / 2 - y.W' (h - 1/2) + a constant,   y = (x - m) / sigma,

        so that a = m - sigma W' 1/2 and b = -(m / sigma).W'.

        Parameters
        ----------
        visible, hidden : M and N
        rng : int, SeedSequence or Generator
        means : (M,), m, of the data; by default zero
        scale : of the couplings. Small ones grow with the correlations of pairs of
            units, and with the variances as far as sigma^2 is smaller. A sigma that is
            learned takes the variances in, so that clusters are missed: write scale=1
        sigma : (M,), or a number for all units; best the standard deviations of the
            data, or, to find clusters, those of a cluster
        learn_sigma, scaled : see the class
        """
        W = scale * np.random.default_rng(rng).standard_normal((visible, hidden))
        m = as_means(np.zeros(visible) if means is None else means, visible, False)
        with np.errstate(divide="ignore", invalid="ignore"):
            log_sigma = np.log(np.asarray(sigma, np.float64))
        if log_sigma.ndim == 0:
            log_sigma = np.full(visible, log_sigma)
        arrays = (W, m, np.zeros(hidden), log_sigma)
        W, a, b, log_sigma = (array.astype(dtype) for array in arrays)
        rbm = cls(W, a, b, log_sigma, learn_sigma, True)
        rbm.b -= (rbm.a / rbm.sigma) @ W
        rbm.a -= rbm.sigma * W.sum(axis=1) / 2
        return rbm.in_form(scaled=scaled)

    @property
    def sigma(self):
        """The standard deviations of the visible units given h, (M,)."""
        log_sigma = self.log_sigma
        return np.exp(log_sigma if self.learn_sigma else stop_gradient(log_sigma))

    @property
    def machine(self) -> Machine:
        """The same law with W in units of x, for the samplers and for exact results."""
        sigma = np.exp(self.log_sigma)
        W = sigma[:, np.newaxis] * self.W if self.scaled else self.W
        return Machine(W, self.a, self.b, sigma)

    def in_form(self, *, scaled: bool) -> "GaussianRBM":
        """Return a machine of the same law with W' = W / sigma, or with W = sigma W'.

        Arrays that are the same in both are copied.
        """
        sigma = np.exp(self.log_sigma)[:, np.newaxis]
        factor = sigma ** (int(self.scaled) - int(scaled))
        a, b, log_sigma = (v.copy() for v in (self.a, self.b, self.log_sigma))
        return GaussianRBM(self.W * factor, a, b, log_sigma, self.learn_sigma, scaled)

    def hidden_free_energy(self, h):
        """Return F(h) = -log of the integral of exp(-E(x, h)) dx, of shape (...)."""
        h = as_given(self, "h", h)
        sigma = self.sigma
        shift = self._input_to_x(h) - self.a
        gain = np.sum(shift * (shift + 2 * self.a) / (2 * sigma**2), axis=-1)
        log_norm = len(self.a) * LOG_SQRT_2PI + np.sum(np.log(sigma))
        return -(h @ self.b) - gain - log_norm

    def prob_x_given_h(self, h):
        """Return m = E[x | h] for h : (..., N), of shape (..., M).

        About it x_i has the standard deviation sigma_i.
        """
        return self._input_to_x(as_given(self, "h", h))

    def _visible_energy(self, x):
        return np.sum(((x - self.a) / self.sigma) ** 2, axis=-1) / 2

    def _input_to_h(self, x):
        sigma = self.sigma
        return self.b + (x / (sigma if self.scaled else sigma**2)) @ self.W

    def _input_to_x(self, h):
        """m, the mean of x given h."""
        shift = h @ self.W.T
        return self.a + (self.sigma * shift if self.scaled else shift)
