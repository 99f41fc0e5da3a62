"""The restricted Boltzmann machine: visible units x, hidden units h, an energy.

    E(x, h) = -a.x - b.h - x.W h,        p(x, h) = exp(-E(x, h)) / Z,

with x of M and h of N units, each 0 or 1, and Z the sum of exp(-E) over all 2^(M + N)
states. W couples the two layers and neither layer to itself, so that, given one layer,
the units of the other are independent. Collect what h_j multiplies,

    E(x, h) = -a.x - sum_j h_j t_j,      t_j = b_j + (x W)_j.

Given x the law of h is proportional to exp(sum_j h_j t_j), a product of one factor for
each unit, which is e^t_j at h_j = 1 and 1 at h_j = 0. So p(h_j = 1 | x) = s(t_j), with
the sigmoid s, and the sum over all h is the product of the sums of two terms each:

    sum_h exp(-E(x, h)) = exp(a.x) prod_j (1 + e^t_j) = exp(-F(x)),
    F(x) = -a.x - sum_j softplus(t_j),   p(x) = exp(-F(x)) / Z.

F is the free energy. The energy is symmetric in the two layers, and so is the rest:
with u_i = a_i + (W h)_i,

    p(x_i = 1 | h) = s(u_i),   F(h) = -b.h - sum_i softplus(u_i),   p(h) = exp(-F(h))/Z.

So Z is a sum over the smaller layer only. A visible unit whose state is a real number
takes another energy: models/gaussian_rbm.py.

Sources: P. Smolensky, Parallel Distributed Processing 1 (1986), chapter 6; Y. Freund
and D. Haussler, NIPS 4 (1991), for the sum over h; G. Hinton, Neural Computation 14
(2002), 1771.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import sigmoid, softplus
from models import rbm_likelihood, rbm_sampling, rbm_training
from models.rbm_data import as_given, as_means, as_rows, log_odds
from models.stored import Stored
from samplers.machine import Machine


@dataclass(eq=False)
class RBM(Stored):
    """A restricted Boltzmann machine of binary units.

    Parameters
    ----------
    W : (M, N), the couplings
    a : (M,), visible biases
    b : (N,), hidden biases

    All of float32 or of float64. Energies and probabilities can be differentiated by
    the parameters and by real x; they take states of integers or booleans too.

    Three units that are like each other, and one that is unlike them:

    >>> X = np.repeat([[0, 0, 0, 1], [1, 1, 1, 0]], 10, axis=0)
    >>> rbm = RBM.create(4, 2, rng=0)
    >>> rbm = rbm.fit(X, method="exact", steps=1000, learning_rate=0.5, rng=0)
    >>> rbm.log_likelihood([[0, 0, 0, 1], [1, 1, 1, 0]]), float(-np.log(2))
    (array([-0.7, -0.7]), -0.7)
    >>> known = np.array([True, False, False, False])
    >>> np.round(rbm.inpaint([[0, 0, 0, 0], [1, 0, 0, 0]], known, rng=0))
    array([[0., 0., 0., 1.],
           [1., 1., 1., 0.]])

    Raises ValueError or TypeError if the arrays do not fit together.
    """

    W: NDArray
    a: NDArray
    b: NDArray

    def __post_init__(self):
        Machine(self.W, self.a, self.b)

    @classmethod
    def create(
        cls,
        visible: int,
        hidden: int,
        *,
        rng,
        means: ArrayLike | None = None,
        scale: float = 0.01,
        dtype: DTypeLike = np.float64,
    ) -> "RBM":
        """Return a machine with random couplings, W ~ N(0, scale^2), centered:

            E(x, h) = -u.x - (x - m).W (h - 1/2) + a constant,   u = log(m / (1 - m)),

        so that a = u - W 1/2 and b = -m.W: at x = m each h_j is a fair coin, and at
        h = 1/2 the x_i have the means m_i.

        Parameters
        ----------
        visible, hidden : M and N
        rng : int, SeedSequence or Generator
        means : (M,), m, of the data; kept to [0.01, 0.99], by default 1/2
        scale : of the couplings. At W = 0, and at the means of the data, the gradient
            vanishes; small couplings grow with the correlations of pairs of units.
            Where the data have none, as in XOR, they stay small: write scale=1

        Raises ValueError for means that are none.

        References: G. Hinton, A practical guide to training restricted Boltzmann
        machines (2010), section 8; G. Montavon and K.-R. Mueller, Deep Boltzmann
        machines and the centering trick (2012), for centered units.
        """
        W = scale * np.random.default_rng(rng).standard_normal((visible, hidden))
        m = as_means(np.full(visible, 0.5) if means is None else means, visible)
        a, b = log_odds(m) - W.sum(axis=1) / 2, -(m @ W)
        return cls(W.astype(dtype), a.astype(dtype), b.astype(dtype))

    @property
    def machine(self) -> Machine:
        """The machine of the same arrays, for the samplers and for exact results."""
        return Machine(self.W, self.a, self.b)

    def energy(self, x, h):
        """Return E(x, h) for x : (..., M) and h : (..., N), of shape (...)."""
        x, h = as_given(self, "x", x), as_given(self, "h", h)
        return self._visible_energy(x) - np.sum(h * self._input_to_h(x), axis=-1)

    def free_energy(self, x):
        """Return F(x) = -log sum_h exp(-E(x, h)) for x : (..., M), of shape (...)."""
        x = as_given(self, "x", x)
        return self._visible_energy(x) - np.sum(softplus(self._input_to_h(x)), axis=-1)

    def hidden_free_energy(self, h):
        """Return F(h) = -log sum_x exp(-E(x, h)) for h : (..., N), of shape (...)."""
        h = as_given(self, "h", h)
        return -(h @ self.b) - np.sum(softplus(self._input_to_x(h)), axis=-1)

    def prob_h_given_x(self, x):
        """Return p(h_j = 1 | x) for x : (..., M), of shape (..., N)."""
        return sigmoid(self._input_to_h(as_given(self, "x", x)))

    def prob_x_given_h(self, h):
        """Return p(x_i = 1 | h) for h : (..., N), of shape (..., M)."""
        return sigmoid(self._input_to_x(as_given(self, "h", h)))

    def transform(self, X: ArrayLike) -> NDArray:
        """Return the features of examples X : (n, M), p(h_j = 1 | x), (n, N)."""
        return self.prob_h_given_x(as_rows(self, X))

    def reconstruct(self, X: ArrayLike) -> NDArray:
        """Return E[x | h] at h = p(h | x), by mean field, for X : (n, M), (n, M).

        That it is close to X says that the units can copy, not that p(X) is large.
        """
        return self.prob_x_given_h(self.transform(X))

    # Methods that have files of their own.
    fit = rbm_training.fit
    gibbs = rbm_sampling.gibbs
    sample = rbm_sampling.sample
    inpaint = rbm_sampling.inpaint
    log_partition = rbm_likelihood.log_partition
    log_partition_bounds = rbm_likelihood.log_partition_bounds
    log_likelihood = rbm_likelihood.log_likelihood
    pseudo_log_likelihood = rbm_likelihood.pseudo_log_likelihood

    def _visible_energy(self, x):
        """The part of the energy without h."""
        return -(x @ self.a)

    def _input_to_h(self, x):
        """t : (..., N)."""
        return self.b + x @ self.W

    def _input_to_x(self, h):
        """u : (..., M)."""
        return self.a + h @ self.W.T
