"""A mixture of independent binary pixels, by expectation maximization.

    p(x) = sum_k w_k prod_i m_ki^x_i (1 - m_ki)^(1 - x_i)

The plainest model of binary images with a likelihood in closed form: a component is a
blurred image, and one alone is the law of independent pixels. With the shares r_nk of
image n, which are the probabilities that it came from component k, a step is

    c_k = sum_n r_nk + 2 c,  w_k = c_k / sum_k c_k,  m_ki = (sum_n r_nk x_ni + c) / c_k,

as if each component had seen 2 c images more, c with pixel i on and c with it off. For
c = 0 a pixel that is off in all images of a component could never be on, and one such
pixel makes a new image impossible.

Source: C. Bishop, Pattern Recognition and Machine Learning (2006), section 9.3.3.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

IMAGINED = 0.2  # c
STEPS = 50


@dataclass(frozen=True, eq=False)
class BernoulliMixture:
    """The parameters: w : (K,), positive with sum 1, and m : (K, M), inside (0, 1)."""

    w: NDArray[np.float64]
    m: NDArray[np.float64]

    def joint(self, x: NDArray) -> NDArray[np.float64]:
        """Return log p(x, k) for x : (n, M), of shape (n, K), in nats."""
        on, off = np.log(self.m), np.log1p(-self.m)
        return np.log(self.w) + np.sum(off, axis=1) + x @ (on - off).T

    def log_likelihood(self, x: NDArray) -> NDArray[np.float64]:
        """Return log p(x) for x : (n, M), of shape (n,), in nats."""
        return logsumexp(self.joint(x), axis=1)

    def fill(self, x: NDArray, known: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return p(x_i = 1 | the known pixels of x) for x : (n, M), of shape (n, M).

        known : (M,)
        """
        seen = BernoulliMixture(self.w, self.m[:, known]).joint(x[:, known])
        return np.exp(seen - logsumexp(seen, axis=1, keepdims=True)) @ self.m

    def step(self, x: NDArray) -> "BernoulliMixture":
        """Return the mixture after one step, for x : (n, M)."""
        joint = self.joint(x)
        return maximized(np.exp(joint - logsumexp(joint, axis=1, keepdims=True)), x)


def maximized(shares: NDArray, x: NDArray) -> BernoulliMixture:
    """Return the best mixture for shares : (n, K) of the images x : (n, M)."""
    counts = shares.sum(axis=0) + 2 * IMAGINED
    m = (shares.T @ x + IMAGINED) / counts[:, np.newaxis]
    return BernoulliMixture(counts / counts.sum(), m)


def fit_mixture(x: NDArray, components: int, *, rng) -> BernoulliMixture:
    """Return a mixture after STEPS steps from random shares, for x : (n, M)."""
    rng = np.random.default_rng(rng)
    mixture = maximized(rng.dirichlet(np.ones(components), size=len(x)), x)
    for _ in range(STEPS):
        mixture = mixture.step(x)
    return mixture


def independent_pixels(x: NDArray) -> BernoulliMixture:
    """Return the mixture of one component."""
    return maximized(np.ones((len(x), 1)), x)
