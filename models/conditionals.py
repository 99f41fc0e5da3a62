"""Laws of one layer given another: what encoders and decoders are made of.

A network is a function: given x it always says the same. A conditional law is what it
says the parameters of,

    Bernoulli                 p(y_j = 1 | x) = s(z_j),          z = network(x)
    Gaussian                  y | x ~ N(m, diag(e^v)),     [m, v] = network(x)
    HomoscedasticGaussian     y | x ~ N(m, diag(e^v)),          m = network(x)

where s is the sigmoid and [m, v] one output of twice the length. In the last law v is
the same for all x: with a network of one linear layer it is linear regression, and with
a given v its log-density is, up to a constant, a squared error.

A draw is a function of x and of noise, whose law depends on nothing: m + e^(v/2) noise
for a Gaussian. That is differentiated by the parameters of the network at given noise
(D. P. Kingma and M. Welling, ICLR 2014); the draw of a bit, u < s(z), is not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import sigmoid, stop_gradient
from models.arguments import require_floating
from models.likelihoods import (
    HIGHEST,
    LOWEST,
    bernoulli_log_likelihood,
    clamp_log_variance,
    gaussian_log_likelihood,
)
from models.mlp import MLP
from samplers.philox import HIDDEN, draw_key, normals, uniforms


@dataclass(eq=False)
class Conditional:
    """The law of y given x, by what a network says of x.

    Parameters
    ----------
    network : from the numbers of x to the parameters of the law

    x is (..., n_in) everywhere, in the dtype of the network.
    """

    network: MLP

    outputs_each: ClassVar[int] = 1  # of the network for each number of y

    def __post_init__(self):
        if not isinstance(self.network, MLP):
            raise TypeError(
                f"network is a {type(self.network).__name__}; it is an MLP, such as "
                "MLP.create((64, 128, 20), rng=0)"
            )
        for part in (*self.network.layers, self.network):
            part.__post_init__()
        outputs = self.network.layers[-1].bias.size
        if outputs % self.outputs_each:
            raise ValueError(
                f"the network returns {outputs} numbers, and this law takes a mean and "
                "a log-variance for each of y: end its sizes with an even number"
            )

    @property
    def size(self) -> int:
        """The number of entries of y."""
        return self.network.layers[-1].bias.size // self.outputs_each

    @property
    def given(self) -> int:
        """The number of entries of x."""
        return len(self.network.layers[0].weights)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.network.layers[0].weights.dtype

    def output(self, x):
        """Return network(x) for x : (..., n_in), of shape (..., n_out)."""
        if getattr(x, "ndim", 0) in (0, 2):
            return self.network(x)  # which refuses a single number
        rows = self.network(x.reshape(-1, x.shape[-1]))
        return rows.reshape(*x.shape[:-1], rows.shape[-1])


@dataclass(eq=False)
class Bernoulli(Conditional):
    """Independent zeros and ones, y_j = 1 with the probability s(z_j)."""

    def mean(self, x):
        """Return E[y | x] = s(z), (..., n)."""
        return sigmoid(self.output(x))

    def draw(self, x, noise):
        """Return y = 1 where noise < s(z), else 0, for uniforms : (..., n).

        Raises ValueError where s(z) is not a number.
        """
        p = self.mean(x)
        if not np.all(p >= 0):
            raise ValueError(
                "the mean of y is nan, and no noise is less than that, so that all "
                "bits would be zero: the parameters of the network or x hold nan or "
                "infinity; load the model of the last good step"
            )
        return (noise < p).astype(self.dtype)

    def draw_noise(self, shape: tuple[int, ...], rng) -> NDArray:
        """Return uniforms in [0, 1) for `draw`, in the dtype of the law."""
        return _fill(uniforms, np.empty(shape, self.dtype), rng)

    def log_density(self, y, x):
        """Return log p(y | x) for y : (..., n), of zeros and ones, in nats, (...)."""
        return bernoulli_log_likelihood(y, self.output(x))


class _Gaussian(Conditional):
    """What both Gaussian laws have in common: `moments` is theirs."""

    def mean(self, x):
        """Return m = E[y | x], (..., n)."""
        return self.moments(x)[0]

    def draw(self, x, noise):
        """Return y = m + e^(v/2) noise, for standard normals : (..., n)."""
        return reparameterize(*self.moments(x), noise)

    def draw_noise(self, shape: tuple[int, ...], rng) -> NDArray:
        """Return standard normals for `draw`, in the dtype of the law."""
        return _fill(normals, np.empty(shape, self.dtype), rng)

    def log_density(self, y, x):
        """Return log p(y | x) for y : (..., n), in nats, (...)."""
        return gaussian_log_likelihood(y, *self.moments(x))


@dataclass(eq=False)
class Gaussian(_Gaussian):
    """Independent Gaussians, whose means and variances both depend on x.

    The network returns 2 n numbers: n means, then n log-variances, which are kept to
    [-30, 20] as `clamp_log_variance` says.
    """

    outputs_each = 2

    def moments(self, x):
        """Return m and v, each (..., n)."""
        output = self.output(x)
        return output[..., : self.size], clamp_log_variance(output[..., self.size :])


@dataclass(eq=False)
class HomoscedasticGaussian(_Gaussian):
    """Independent Gaussians, whose variances are the same for all x.

    Parameters
    ----------
    network : x -> m
    log_variance : v, (n,), or () for one that all entries share
    learn_variance : whether log_variance has a derivative; else it stays as it is

    A learned v may leave [-30, 20], and counts as `clamp_log_variance` says.
    """

    log_variance: NDArray
    learn_variance: bool = False

    def __post_init__(self):
        super().__post_init__()
        require_floating("log_variance", self.log_variance)
        v, n = self.log_variance, self.size
        if v.shape not in ((), (n,)) or v.dtype != self.dtype:
            raise ValueError(
                f"log_variance is {v.dtype} of shape {v.shape}, and the network has "
                f"{n} outputs of {self.dtype}: write np.zeros({n}, np.{self.dtype}), "
                "or one of shape () for all"
            )
        kept = np.isfinite(v) if self.learn_variance else (v >= LOWEST) & (v <= HIGHEST)
        if not np.all(kept):
            raise ValueError(
                f"log_variance runs from {np.min(v):g} to {np.max(v):g}; it is kept to "
                f"[{LOWEST:g}, {HIGHEST:g}], standard deviations from 3e-7 to 2e4: "
                "rescale the data"
            )
        if isinstance(v, np.generic):
            self.log_variance = np.asarray(v)  # which an optimizer can write to

    def moments(self, x):
        """Return m and v, of shapes (..., n) and () or (n,)."""
        v = self.log_variance
        if not self.learn_variance:
            v = stop_gradient(v)
        return self.output(x), clamp_log_variance(v)


def reparameterize(mean, log_variance, noise):
    """Return h = m + e^(v/2) noise, a draw of N(m, diag(e^v)) for standard normals.

    dh_j / dm_j = 1,        dh_j / dv_j = (h_j - m_j) / 2
    """
    return mean + np.exp(0.5 * log_variance) * noise


def log_variance_of(
    variance: ArrayLike, size: int, dtype: DTypeLike
) -> NDArray[np.floating]:
    """Return log(variance) as (size,) or () numbers, or raise ValueError."""
    given = np.asarray(variance, np.float64)
    if given.shape not in ((), (size,)) or not np.all((given > 0) & (given < np.inf)):
        raise ValueError(
            f"variance is {given}; it is a positive number, in the unit of x "
            f"squared, or one for each of {size} entries: write X.var(axis=0) for "
            "entries that vary"
        )
    return np.asarray(np.log(given), dtype)


def _fill(numbers: Callable, out: NDArray, rng) -> NDArray:
    """Return out, filled with numbers of a key drawn from rng."""
    numbers(draw_key(rng), 0, 0, HIDDEN, out.reshape(-1))
    return out
