"""A variational diffusion model: data, noised step by step, and a way back.

Forward nothing is learned. At the time u in [0, 1] the data x_0 : (d,) have become

    x_u = alpha x_0 + sigma eps,     eps ~ N(0, I),
    alpha^2 = s(lambda),  sigma^2 = s(-lambda),     s the sigmoid,

where lambda(u) = log(alpha^2 / sigma^2), the logarithm of the signal-to-noise ratio,
falls from nearly clean data to nearly noise. Back leads a chain over u = t / T, t = T,
..., 1, that starts from N(0, I). A denoiser guesses x_0 from x_u and lambda, and each
step draws from q(x_{t-1} | x_t, x_0) with the guess in the place of x_0, until a law
p(x_0 | x_1) without parameters reads the data off the last of them.

It is a hierarchy of latent variables, each of the size of x, whose encoder is fixed and
linear: models/diffusion_bounds.py derives the bound of log p(x_0) that belongs to it.
The number of steps T is no part of the model. The bound is taken for a T, or in the
limit of infinitely many, and so are draws.

Sources: J. Sohl-Dickstein, E. Weiss, N. Maheswaranathan and S. Ganguli, ICML (2015); J.
Ho, A. Jain and P. Abbeel, NeurIPS (2020); D. P. Kingma, T. Salimans, B. Poole and J.
Ho, NeurIPS (2021), whose notation this is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from autodiff import static
from models import diffusion_likelihood, diffusion_training
from models.denoising_network import DenoisingNetwork
from models.estimator import checked_examples
from models.levels import draw_levels, require_known, require_levels
from models.log_snr import LearnedLogSNR, LinearLogSNR
from models.mlp import MLP, Dense
from models.network_denoiser import network_denoiser
from models.stored import Stored
from samplers.chains import Chains, require_count
from samplers.reverse import Reverse


@dataclass(eq=False)
class Diffusion(Stored):
    """A denoiser, the log SNR over time, and the values that data can have.

    Parameters
    ----------
    denoiser : the guess of x_0, a DenoisingNetwork
    log_snr : lambda(u), a LinearLogSNR or a LearnedLogSNR
    levels : (K,), the only values of an entry of x_0, rising; None if x_0 is real. They
        say what p(x_0 | x_1) is, see `log_likelihood_at_start`

    Two bits, which are equal, and draws of the model that has learned it:

    >>> from models.levels import draw_levels, level_log_probabilities
    >>> X = np.repeat([[-1.0, -1.0], [1.0, 1.0]], 50, axis=0)
    >>> model = Diffusion.create(
    ...     2,
    ...     levels=(-1, 1),
    ...     log_snr=LinearLogSNR(4.0, -6.0),
    ...     hidden=(32,),
    ...     form="x0",
    ...     prior=level_log_probabilities(X, (-1, 1)),
    ...     rng=0,
    ... )
    >>> model = model.fit(X, steps=500, loss="bound", learning_rate=0.01, rng=0)
    >>> model.bound(X, rng=0, samples=400).mean, round(float(-np.log(2)), 3)
    (Estimate(-0.689 +- 0.014), -0.693)
    >>> x = model.sample(1000, rng=0)
    >>> float(np.mean(x[:, 0] == x[:, 1]))
    1.0

    Raises ValueError or TypeError if the parts do not fit together.
    """

    denoiser: DenoisingNetwork
    log_snr: LinearLogSNR | LearnedLogSNR
    levels: NDArray | None = static(default=None)

    parts = (DenoisingNetwork, MLP, Dense, LinearLogSNR, LearnedLogSNR)

    def __post_init__(self):
        for name, classes in (
            ("denoiser", (DenoisingNetwork,)),
            ("log_snr", (LinearLogSNR, LearnedLogSNR)),
        ):
            part = getattr(self, name)
            if type(part) not in classes:
                names = " or a ".join(c.__name__ for c in classes)
                raise TypeError(
                    f"{name} is a {type(part).__name__}, and it is a {names}: write "
                    "Diffusion.create(2, rng=0) for one of each"
                )
            part.__post_init__()
        if self.log_snr.dtype not in (None, self.dtype):
            raise TypeError(
                f"log_snr is {self.log_snr.dtype} and the denoiser {self.dtype}; a "
                f"model has one precision: create both with dtype=np.{self.dtype}"
            )
        if self.levels is not None:
            self.levels = require_levels(self.levels, self.dtype)
        known = self.denoiser.levels
        if known is not None and not np.array_equal(known, self.levels):
            raise ValueError(
                f"the levels are {self.levels} and those of the denoiser {known}; its "
                "guesses would be of other data than those of the model: write "
                "Diffusion.create(d, levels=levels, prior=prior, ...) for both"
            )

    @classmethod
    def create(
        cls,
        dimension: int,
        *,
        levels: ArrayLike | None = None,
        log_snr: LinearLogSNR | LearnedLogSNR | None = None,
        hidden: Sequence[int] = (128, 128),
        activation: str = "relu",
        form: str = "noise",
        features: int = 32,
        skip: bool = True,
        prior: ArrayLike | None = None,
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "Diffusion":
        """Draw the network of a model of x_0 : (dimension,).

        Parameters
        ----------
        levels : see above; (-1, 1) for bits
        log_snr : by default a line from 10 to -10: for data of standard deviation one,
            from a noise of 0.007 to a signal of 0.007
        hidden, activation, form, features, skip, prior : of the network, see
            DenoisingNetwork.create; a prior is one of the levels, as by
            level_log_probabilities(X, levels)
        rng : int, SeedSequence or Generator

        Raises ValueError if a name is unknown or sizes do not fit.
        """
        denoiser = DenoisingNetwork.create(
            dimension,
            hidden=hidden,
            activation=activation,
            form=form,
            features=features,
            skip=skip,
            prior=prior,
            levels=None if prior is None else levels,
            rng=rng,
            dtype=dtype,
        )
        line = LinearLogSNR(10.0, -10.0) if log_snr is None else log_snr
        return cls(denoiser, line, None if levels is None else np.array(levels, dtype))

    @property
    def dimension(self) -> int:
        """d, the number of entries of x."""
        return self.denoiser.dimension

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.denoiser.dtype

    def denoise(self, x, log_snr):
        """Return the guess of x_0 at x : (n, d) and log SNR : (n,), (n, d)."""
        return self.denoiser.denoise(x, log_snr)

    def draw_noise(self, n: int, rng) -> NDArray:
        """Return standard normals for n examples, (n, d), in the model's dtype."""
        shape = require_count("n", n, 1), self.dimension
        return np.random.default_rng(rng).standard_normal(shape, self.dtype)

    def examples(self, X: ArrayLike) -> NDArray:
        """Return X as (n, d) in the dtype of the model.

        Raises ValueError or TypeError if it holds no examples of this model: of another
        d, not finite, or with an entry that is none of the levels.
        """
        X = checked_examples(X, self.dtype)
        if X.shape[1] != self.dimension:
            raise ValueError(
                f"X has {X.shape[1]} columns and the model is one of {self.dimension} "
                f"entries of x: make it for these data, by create({X.shape[1]}, ...)"
            )
        return X if self.levels is None else require_known(X, self.levels)

    def sample(
        self,
        n: int,
        rng,
        *,
        steps: int = 500,
        eta: float = 1.0,
        times: ArrayLike | None = None,
    ) -> NDArray:
        """Return n draws of x_0, (n, d), by the reverse chain of samplers/reverse.py.

        Parameters
        ----------
        rng : int, SeedSequence or Generator
        steps : T, by which time is divided
        eta : 1 for ancestral sampling, 0 for the chain without noise, DDIM
        times : integers that fall from T to 0, to take some of the steps only

        With levels x_0 is drawn from p(x_0 | x_t) at the last time t > 0; so that with
        eta = 1 and all times these are draws of the very model whose bound is
        bound(steps=T). Real x_0 are the guess at that time. The model's own would be
        x_t / alpha, and noise of the standard deviation exp(-lambda / 2) besides.

        Raises ValueError if a setting does not fit, and DivergenceError if a chain does
        not stay finite.
        """
        n, rng = require_count("n", n, 1), np.random.default_rng(rng)
        schedule = self.log_snr.schedule(steps)
        denoiser = network_denoiser(self.denoiser, schedule)
        reverse = Reverse(denoiser, schedule, eta, times)
        last = len(np.asarray(reverse.times)) - 1
        if self.levels is None:
            return Chains(reverse, n, rng=rng, thin=last).run(1)[:, 0]
        if last < 2:
            raise ValueError(
                "times lead from T to 0 in one step, and draws of levels are read off "
                "a state in between: give more steps, or times with one more"
            )
        x = Chains(reverse, n, rng=rng, thin=last - 1).run(1)[:, 0]
        log_snr = float(schedule.log_snr[np.asarray(reverse.times)[-2]])
        return draw_levels(self.levels, x, log_snr, rng.random(x.shape))

    # Methods that have files of their own.
    fit = diffusion_training.fit
    bound = diffusion_likelihood.bound
    log_likelihood_at_start = diffusion_likelihood.log_likelihood_at_start
