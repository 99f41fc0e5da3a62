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

while with it nothing is left to learn where x is all noise. For bits, data of -1 and 1,
the best guess of independent ones takes its place. With the prior log-odds l of each,

    log p(1 | x) / p(-1 | x) = l + 2 alpha x / sigma^2,
    E[x_0 | x] = tanh(l / 2 + alpha x / sigma^2),

and what the network says is added to l.

Sources: D. P. Kingma, T. Salimans, B. Poole and J. Ho, NeurIPS (2021), for networks of
the log SNR; A. Vaswani et al., NeurIPS (2017), for the waves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import static
from models.diffusion_forms import (
    coefficients,
    regression_slope,
    require_form,
    require_log_snr,
    signal_and_noise,
)
from models.mlp import MLP, Dense
from models.stored import Stored

SLOWEST, FASTEST = np.pi / 40, np.pi  # waves, in radians for each unit of log SNR


@dataclass(eq=False)
class DenoisingNetwork(Stored):
    """A guess of the data in x : (..., n, d), by a network of x and the log SNR.

    Parameters
    ----------
    network : from d + 2 m numbers, x and then f(lambda), to d
    form : what it guesses, a name in FORMS
    frequencies : (m,), w, no parameters
    skip : whether the best guess of standard normals is added
    prior : (d,), log-odds of data that are bits of -1 and 1, to add their best guess
        instead, in the form x0; no parameters

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
        given, waves = len(self.network.layers[0].weights), self.frequencies.size
        if given != self.dimension + 2 * waves:
            raise ValueError(
                f"the network goes from {given} numbers to {self.dimension}, and there "
                f"are {waves} frequencies; it takes x and two waves of each, here "
                f"{self.dimension + 2 * waves} numbers"
            )
        if self.prior is None:
            return
        self._require_static("prior", (self.dimension,))
        if self.form != "x0" or not self.skip:
            raise ValueError(
                f"a prior was given to a network of the form {self.form!r} with "
                f"skip={self.skip}; it is the guess of bits, to which the network's "
                "is added: write form='x0' and skip=True"
            )

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
        skip, prior : as above
        rng : int, SeedSequence or Generator

        Raises ValueError if a name is unknown or sizes do not fit.
        """
        if features < 2 or features % 2:
            raise ValueError(
                f"features is {features!r}; the log SNR is told by a sine and a cosine "
                "of each frequency: write an even number, such as 32"
            )
        sizes = (dimension + features, *hidden, dimension)
        network = MLP.create(sizes, activation=activation, rng=rng, dtype=dtype)
        frequencies = np.geomspace(SLOWEST, FASTEST, features // 2).astype(dtype)
        prior = None if prior is None else np.array(prior, dtype)
        return cls(network, form, frequencies, skip, prior)

    @property
    def dimension(self) -> int:
        """d, the number of entries of x."""
        return self.network.layers[-1].bias.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.network.layers[0].weights.dtype

    def __call__(self, x, log_snr):
        """Return the guess, in its form, for x : (..., n, d) and log_snr : (n,).

        log_snr may be (..., n) too, or a number for all. Raises ValueError or TypeError
        if they do not fit.
        """
        log_snr = self._require_fit(x, log_snr)
        output = self._output(x, log_snr)
        if self.prior is not None:
            alpha, sigma = signal_and_noise(log_snr)
            evidence = (alpha / sigma**2)[..., np.newaxis] * x
            return np.tanh(0.5 * (self.prior + output) + evidence)
        if not self.skip:
            return output
        return output + regression_slope(self.form, log_snr)[..., np.newaxis] * x

    def denoise(self, x, log_snr):
        """Return x0hat, the guess of the data, (..., n, d).

        What is added is alpha x in any form: as such it loses no digit where alpha is
        small, as it would on the way from sigma x or -x.
        """
        if self.form == "x0":
            return self(x, log_snr)
        log_snr = self._require_fit(x, log_snr)
        A, B = coefficients(self.form, "x0", log_snr)
        if self.skip:
            A, _ = signal_and_noise(log_snr)
        output = self._output(x, log_snr)
        return A[..., np.newaxis] * x + B[..., np.newaxis] * output

    def time_features(self, log_snr):
        """Return f(lambda), sines and then cosines: (..., 2 m) for log_snr : (...)."""
        angles = log_snr[..., np.newaxis] * self.frequencies
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)

    def _output(self, x, log_snr):
        """The network's answer to each row of x and its level, of the shape of x."""
        features = self.time_features(log_snr)
        features = np.broadcast_to(features, (*x.shape[:-1], features.shape[-1]))
        given = np.concatenate([x, features], axis=-1)
        if x.ndim == 2:
            return self.network(given)
        return self.network(given.reshape(-1, given.shape[-1])).reshape(x.shape)

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
                "numbers: a prior is the log-odds of bits with means inside (-1, 1)"
            )
