"""A network that guesses the data in the noise, at any level of noise.

Given x = alpha x_0 + sigma eps and lambda, the log SNR, a network of both says one of
the forms of models/diffusion_forms.py. It is told lambda by waves,

    f(lambda) = [sin(w_k lambda), cos(w_k lambda)],   k = 1, ..., m,

and by nothing else: it knows no schedule and no number of steps. Two levels l apart
are at the distance |f - f'| = 2 sqrt(sum_k sin^2(w_k l / 2)), which depends on l alone.
The w are in geometric progression from pi / 40, which makes it at least l / 20 on
[-20, 20], at whose ends alpha^2 or sigma^2 is 2e-9: no two levels look alike. The
highest w is pi, a wave every two units.

To what the network says, the best guess of an x_0 of independent standard normals is
added: alpha x, sigma x, -x or 0 (see `regression_slope`). This is no detail. A last
hidden layer of w < d numbers gives guesses in a plane of w dimensions, which is the
same for all x and lambda, and of the noise, as much lies along each of the d - w others
as along these. Without the skip, therefore, for any weights and any data,

    E|eps - epshat|^2 / d  >=  (d - w) / d,

while with it nothing is left to learn where x is all noise. For data of the levels v_k
(models/levels.py), the best guess of independent ones takes its place. If an entry is
v_k with the probability p_k, then after x, by Bayes' rule, with

    w_k  ~  p_k exp(-r_k^2 / 2),   r_k = (x - alpha v_k) / sigma.

What the other entries tell is left to the network. It says two numbers g and h for
each entry, which tilt p_k as a Gaussian would, and the guess is the mean of that law,

    x0hat = sum_k v_k w_k,   w_k  ~  exp(log p_k + g v_k + h v_k^2 - r_k^2 / 2).

Of r_k^2 / 2 only -alpha x v_k / sigma^2 and alpha^2 v_k^2 / (2 sigma^2) depend on k: g
and h say the same of the others, where they expect the entry, and how surely. At 0 it
is E[x_0 | x] of independent entries, at any g and h it is among the levels. Of two
levels g alone says all there is to say: for -1 and 1, with the log-odds l of 1 to -1,
x0hat = tanh(l / 2 + g + alpha x / sigma^2).

Sources: D. P. Kingma, T. Salimans, B. Poole and J. Ho, NeurIPS (2021), for networks of
the log SNR; A. Vaswani et al., NeurIPS (2017), for the waves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import static, stop_gradient
from models.diffusion_forms import (
    coefficients,
    regression_slope,
    require_form,
    require_log_snr,
    signal_and_noise,
)
from models.levels import level_logits, require_levels
from models.mlp import MLP, Dense
from models.stored import Stored

SLOWEST, FASTEST = np.pi / 40, np.pi  # waves, in radians for each unit of log SNR


@dataclass(eq=False)
class DenoisingNetwork(Stored):
    """A guess of the data in x : (..., n, d), by a network of x and the log SNR.

    Parameters
    ----------
    network : from d + 2 m numbers, x and then f(lambda), to d; with a prior of more
        than two levels to 2 d, g and h of one entry after the other
    form : what it guesses, a name in FORMS
    frequencies : (m,), w, no parameters
    skip : whether the best guess of standard normals is added
    prior : (d, K), log p of the levels of each entry, to tilt this law instead, in the
        form x0; no parameters
    levels : (K,), v, the values of data that have a prior, rising; no parameters

    >>> denoiser = DenoisingNetwork.create(2, hidden=(16,), features=8, rng=0)
    >>> denoiser(np.ones((5, 2)), np.linspace(10, -10, 5)).shape
    (5, 2)

    Raises ValueError or TypeError if they do not fit together.
    """

    network: MLP
    form: str
    frequencies: NDArray = static()
    skip: bool = True
    prior: NDArray | None = static(default=None)
    levels: NDArray | None = static(default=None)

    parts = (MLP, Dense)

    def __post_init__(self):
        if not isinstance(self.network, MLP):
            raise TypeError(
                f"network is a {type(self.network).__name__}; it is an MLP: write "
                "DenoisingNetwork.create(2, rng=0)"
            )
        for part in (*self.network.layers, self.network):
            part.__post_init__()
        require_form(self.form)
        self._require_static("frequencies", (np.size(self.frequencies),))
        given, said = len(self.network.layers[0].weights), self.outputs
        waves, d = self.frequencies.size, self.dimension
        if given != d + 2 * waves or said != d * tilts(self.levels):
            raise ValueError(
                f"the network goes from {given} numbers to {said}, and there are "
                f"{waves} frequencies; it takes x and two waves of each, here "
                f"{d + 2 * waves} numbers, and says one of each entry of x, or two if "
                "there are more than two levels"
            )
        if (self.prior is None) != (self.levels is None):
            raise ValueError(
                "a prior and levels were not given together; a prior says how probable "
                "each of the levels is: write levels=levels, "
                "prior=level_log_probabilities(X, levels)"
            )
        if self.prior is not None and self.levels is not None:
            self._require_prior(self.prior, self.levels)

    @classmethod
    def create(
        cls,
        dimension: int,
        *,
        hidden: Sequence[int] = (128, 128),
        activation: str = "relu",
        form: str = "noise",
        features: int = 32,
        skip: bool = True,
        prior: ArrayLike | None = None,
        levels: ArrayLike | None = None,
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "DenoisingNetwork":
        """Draw a network for data of d numbers.

        Parameters
        ----------
        dimension : d
        hidden : sizes of the hidden layers, the first next to x
        activation : of the hidden layers, a name in ACTIVATIONS
        form : a name in FORMS
        features : 2 m, how many numbers say the log SNR, an even number
        skip, prior, levels : as above
        rng : int, SeedSequence or Generator

        Raises ValueError if a name is unknown or sizes do not fit.
        """
        if features < 2 or features % 2:
            raise ValueError(
                f"features is {features!r}; the log SNR is told by a sine and a cosine "
                "of each frequency: write an even number, such as 32"
            )
        sizes = (dimension + features, *hidden, dimension * tilts(levels))
        network = MLP.create(sizes, activation=activation, rng=rng, dtype=dtype)
        frequencies = np.geomspace(SLOWEST, FASTEST, features // 2).astype(dtype)
        given = (None if a is None else np.array(a, dtype) for a in (prior, levels))
        return cls(network, form, frequencies, skip, *given)

    @property
    def dimension(self) -> int:
        """d, the number of entries of x."""
        return self.outputs // tilts(self.levels)

    @property
    def outputs(self) -> int:
        """How many numbers the network says, d or 2 d."""
        return self.network.layers[-1].bias.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.network.layers[0].weights.dtype

    def __call__(self, x, log_snr, seen=None):
        """Return the guess, in its form, for x : (..., n, d) and log_snr : (n,).

        log_snr may be (..., n) too, or a number for all; seen is what the network is
        shown in the place of x, while what is added to its answer is of x. Raises
        ValueError or TypeError if they do not fit.
        """
        log_snr = self._require_fit(x, log_snr)
        output = self._output(x if seen is None else seen, log_snr)
        if self.prior is not None:
            return self._tilted_mean(output, level_logits(self.levels, x, log_snr))
        if not self.skip:
            return output
        return output + regression_slope(self.form, log_snr)[..., np.newaxis] * x

    def denoise(self, x, log_snr, seen=None):
        """Return x0hat, the guess of the data, (..., n, d).

        What is added is alpha x in any form: as such it loses no digit where alpha is
        small, as it would on the way from sigma x or -x.
        """
        if self.form == "x0":
            return self(x, log_snr, seen)
        log_snr = self._require_fit(x, log_snr)
        A, B = coefficients(self.form, "x0", log_snr)
        if self.skip:
            A, _ = signal_and_noise(log_snr)
        output = self._output(x if seen is None else seen, log_snr)
        return A[..., np.newaxis] * x + B[..., np.newaxis] * output

    def time_features(self, log_snr):
        """Return f(lambda), sines and then cosines: (..., 2 m) for log_snr : (...)."""
        angles = log_snr[..., np.newaxis] * self.frequencies
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)

    def _output(self, x, log_snr):
        """The network's answer to each row of x and its level, (..., n, d or 2 d)."""
        features = self.time_features(log_snr)
        features = np.broadcast_to(features, (*x.shape[:-1], features.shape[-1]))
        given = np.concatenate([x, features], axis=-1)
        if x.ndim == 2:
            return self.network(given)
        output = self.network(given.reshape(-1, given.shape[-1]))
        return output.reshape(*x.shape[:-1], self.outputs)

    def _tilted_mean(self, output, logits):
        """Return sum_k v_k w_k for g and h, and -r_k^2 / 2 : (..., d, K), (..., d).

        The largest exponent is subtracted first, so that no exponential overflows.
        """
        numbers = output.reshape(*logits.shape[:-1], tilts(self.levels))
        logits = self.prior + numbers @ powers(self.levels) + logits
        top = np.max(stop_gradient(logits), axis=-1, keepdims=True)
        w = np.exp(logits - top)
        return w @ self.levels / (w @ np.ones_like(self.levels))

    def _require_fit(self, x, log_snr):
        """Return log_snr, or raise unless both fit, in the dtype of the network.

        Without this float32 and float64 would meet in silence, at the frequencies.
        """
        log_snr = require_log_snr(x, log_snr)
        if x.shape[-1] != self.dimension:
            raise ValueError(
                f"x of shape {x.shape} does not fit a denoiser of {self.dimension} "
                f"numbers: it is (..., n, {self.dimension}), one example a row; images "
                "are images.reshape(len(images), -1)"
            )
        if x.dtype != self.dtype:
            raise TypeError(
                f"x is {x.dtype} and the network is {self.dtype}; one of the two "
                f"precisions would be lost: write x.astype(np.{self.dtype})"
            )
        return log_snr

    def _require_static(self, name: str, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless it has this shape, our dtype, and is finite."""
        array = np.asarray(getattr(self, name))
        if array.shape != shape or array.dtype != self.dtype:
            raise ValueError(
                f"{name} is {array.dtype} of shape {array.shape}; here it is "
                f"{self.dtype} of shape {shape}, as the network has {self.dimension} "
                f"outputs of {self.dtype}"
            )
        if not np.isfinite(array).all():
            raise ValueError(
                f"{name} holds nan or infinity, and so would all guesses; write finite "
                "numbers: level_log_probabilities gives no level the probability zero"
            )

    def _require_prior(self, prior: NDArray, levels: NDArray) -> None:
        """Raise ValueError unless the prior is a law of the levels, in its place."""
        require_levels(levels, self.dtype)
        self._require_static("levels", np.shape(levels))
        self._require_static("prior", (self.dimension, np.size(levels)))
        if self.form != "x0" or not self.skip:
            raise ValueError(
                f"a prior was given to a network of the form {self.form!r} with "
                f"skip={self.skip}; it is the guess of x_0 which the network tilts: "
                "write form='x0' and skip=True"
            )
        sums = np.sum(np.exp(prior), axis=-1)
        if not np.allclose(sums, 1, atol=1e-3):
            raise ValueError(
                f"the probabilities exp(prior) of an entry add up to {sums[0]:.4g}, "
                "not to one; a prior holds their logarithms, (d, K): write np.log(p)"
            )


def tilts(levels: ArrayLike | None) -> int:
    """Return how many numbers tilt the law of an entry: two, or one of two levels."""
    return 1 if levels is None or np.size(levels) <= 2 else 2


def powers(levels: NDArray) -> NDArray:
    """Return v and v^2, (2, K), which the numbers of an entry multiply; v of two."""
    return np.stack([levels, levels**2])[: tilts(levels)]
