"""A Boltzmann machine given by its arrays: energy, free energy, conditional means.

x are M visible units, h are N hidden binary units, W couples the two layers and neither
layer to itself. With binary visible units

    E(x, h) = -a.x - b.h - x.W h,

and with Gaussian ones, of standard deviation sigma_i about a mean set by h,

    E(x, h) = sum_i (x_i - a_i)^2 / (2 sigma_i^2) - b.h - (x / sigma^2).W h.

The law is p(x, h) = exp(-E(x, h)) / Z. Given one layer, the units of the other are
independent, and what that layer contributes can be summed in closed form. These lines
are plain NumPy: the truth that the kernels are held to.

Sources: P. Smolensky, Parallel Distributed Processing 1 (1986), chapter 6; for Gaussian
units, M. Welling, M. Rosen-Zvi and G. Hinton, NIPS 17 (2004), and K. Cho, A. Ilin and
T. Raiko, ICANN (2011), whose sigma scales as here.
"""

import operator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_BITS = 20


@dataclass(frozen=True, eq=False)
class Machine:
    """The parameters of a machine: float32 or float64 arrays, all of one dtype.

    Parameters
    ----------
    W : (M, N), the couplings; with Gaussian units in the units of x
    a : (M,), visible biases; with Gaussian units their means at h = 0
    b : (N,), hidden biases
    sigma : (M,), positive, the standard deviations of Gaussian visible units given h;
        None for binary ones

    The arrays are kept, not copied. Raises TypeError or ValueError if they do not fit
    or are not finite.
    """

    W: NDArray
    a: NDArray
    b: NDArray
    sigma: NDArray | None = None

    def __post_init__(self):
        arrays = {"W": self.W, "a": self.a, "b": self.b}
        if self.sigma is not None:
            arrays["sigma"] = self.sigma
        require_precision(arrays)
        if self.W.ndim != 2 or 0 in self.W.shape:
            raise ValueError(
                f"W of shape {self.W.shape} must be (M, N): a row for each of M "
                "visible units, a column for each of N hidden units, at least one of "
                "both"
            )
        M, N = self.W.shape
        for name, units in {"a": M, "b": N, "sigma": M}.items():
            if name in arrays and arrays[name].shape != (units,):
                raise ValueError(
                    f"{name} of shape {arrays[name].shape} does not fit W of shape "
                    f"({M}, {N}): a and sigma are (M,), for the visible units, and b "
                    f"is (N,), for the hidden ones; one value for all is "
                    f"np.full({units}, value)"
                )
        for name, array in arrays.items():
            if not np.isfinite(array).all():
                raise ValueError(
                    f"{name} holds nan or infinity, so that no energy is defined; "
                    "go back to the last parameters that were finite"
                )
        if self.sigma is not None and not np.all(self.sigma > 0):
            raise ValueError(
                f"the smallest sigma is {self.sigma.min()}; these are standard "
                "deviations, positive: write np.exp(log_sigma) to learn them freely, "
                "and sigma=None for binary units"
            )

    def tempered(self, beta: float) -> "Machine":
        """Return the machine whose energy is beta E: this one at temperature 1 / beta.

        Binary units: beta W, beta a, beta b. Gaussian units: W, a, beta b and
        sigma / sqrt(beta), since 1 / sigma^2 is a factor of all terms with an x.

        Raises ValueError unless beta > 0 and finite.
        """
        beta = float(beta)
        if not 0 < beta < np.inf:
            raise ValueError(
                f"beta is {beta}; an inverse temperature is positive and finite: "
                "toward 0 all states become equally likely, toward infinity only "
                "those of lowest energy are left"
            )
        if self.sigma is None:
            return Machine(beta * self.W, beta * self.a, beta * self.b)
        return Machine(self.W, self.a, beta * self.b, self.sigma / beta**0.5)

    def energy(self, x, h):
        """Return E(x, h) for x : (..., M) and h : (..., N), of shape (...)."""
        require_units("x", x, len(self.a))
        require_units("h", h, len(self.b))
        return self._visible_energy(x) - np.sum(self._input_to_h(x) * h, axis=-1)

    def free_energy(self, x):
        """Return F(x) = -log sum_h exp(-E(x, h)) for x : (..., M), of shape (...).

        The sum over h is a product of N sums of two terms, so

            F(x) = -a.x - sum_j softplus(b_j + (x.W)_j),

        with sum_i (x_i - a_i)^2 / (2 sigma_i^2) for -a.x and x / sigma^2 for x in x.W
        when x is Gaussian. Then p(x) = exp(-F(x)) / Z. Finite for weights of any size
        that leaves the sums finite.
        """
        require_units("x", x, len(self.a))
        softplus = np.logaddexp(0, self._input_to_h(x))
        return self._visible_energy(x) - np.sum(softplus, axis=-1)

    def mean_h_given_x(self, x):
        """Return p(h_j = 1 | x) = sigmoid(b_j + (x.W)_j) for x : (..., M), (..., N)."""
        require_units("x", x, len(self.a))
        return sigmoid(self._input_to_h(x))

    def mean_x_given_h(self, h):
        """Return E[x_i | h] for h : (..., N), of shape (..., M).

        Binary units: p(x_i = 1 | h) = sigmoid(a_i + (W h)_i). Gaussian units:
        a_i + (W h)_i, about which x_i has the standard deviation sigma_i.
        """
        require_units("h", h, len(self.b))
        field = self.a + h @ self.W.T
        return sigmoid(field) if self.sigma is None else field

    def _visible_energy(self, x):
        """The part of the energy without h."""
        if self.sigma is None:
            return -(x @ self.a)
        return np.sum(((x - self.a) / self.sigma) ** 2, axis=-1) / 2

    def _input_to_h(self, x):
        """What each hidden unit is told: b_j + (x.W)_j."""
        return self.b + (x if self.sigma is None else x / self.sigma**2) @ self.W


def sigmoid(z):
    """Return 1 / (1 + exp(-z)), without the overflow of exp(-z) for z far below 0."""
    small = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, small) / (1 + small)


def binary_states(units: int) -> NDArray[np.uint8]:
    """Return all states of binary units, (2^units, units), counting upwards in binary.

    Row t is the number t; its first column is the highest bit.

    >>> binary_states(2).tolist()
    [[0, 0], [0, 1], [1, 0], [1, 1]]

    Raises ValueError unless units is from 1 to 20.
    """
    if not 1 <= operator.index(units) <= MAX_BITS:
        raise ValueError(
            f"{units} units are asked for; the table of their 2^units states is made "
            f"for 1 to {MAX_BITS}"
        )
    places = np.arange(units, dtype=np.uint32)[::-1]
    states = np.arange(2**units, dtype=np.uint32)[:, np.newaxis] >> places & 1
    return states.astype(np.uint8)


def require_precision(arrays) -> None:
    """Raise TypeError unless all are arrays, all float32 or all float64."""
    for name, array in arrays.items():
        if getattr(array, "dtype", None) not in (np.float32, np.float64):
            given = getattr(array, "dtype", type(array).__name__)
            raise TypeError(
                f"{name} is {given}; the parameters of a machine are float32 or "
                f"float64 arrays: write np.asarray({name}, np.float64)"
            )
        if array.dtype != arrays["W"].dtype:
            raise TypeError(
                f"W is {arrays['W'].dtype} and {name} is {array.dtype}; a machine "
                f"computes in one precision: write {name}.astype(W.dtype)"
            )


def require_units(name: str, states, units: int) -> None:
    """Raise ValueError unless the states are (..., units)."""
    shape = np.shape(states)
    if shape[-1:] != (units,):
        raise ValueError(
            f"{name} of shape {shape} is no state of this machine, whose {name} is "
            f"(..., {units}): one unit a column"
        )
