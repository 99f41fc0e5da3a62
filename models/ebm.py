"""An energy-based model whose energy is a network's, and a Gaussian about it.

    p_T(x) = exp(-E(x) / T) / Z(T),   E(x) = f(x) + |x|^2 / (2 s^2),   x : (d,),

with a multilayer perceptron f from d numbers to one, the standard deviation s of the
Gaussian factor, and the temperature T. Of activations that grow no faster than their
argument a network is made that does not either, |f(x)| <= |f(0)| + L |x|; so the square
wins far out, and Z = int exp(-E / T) dx is finite whatever the parameters. At f = 0 the
model is the Gaussian N(0, s^2 T I), which f then tilts.

The network is free to be any function, and only differences of E mean anything: a
constant in f, such as its last bias, changes Z and not p. The price of this freedom is
Z, for which there is no formula. models/ebm_training.py has a gradient that does
without it, and models/ebm_likelihood.py computes it.

Sources: Y. LeCun, S. Chopra, R. Hadsell, M. Ranzato and F. J. Huang, in Predicting
Structured Data (2006); J. Xie, Y. Lu, S.-C. Zhu and Y. N. Wu, ICML (2016), for a
network that tilts a Gaussian.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from models import ebm_likelihood
from models.ebm_training import energy_descent
from models.estimate import Estimate
from models.mlp import MLP, Dense
from models.network_target import network_target
from models.replay_buffer import ReplayBuffer
from models.stored import Stored
from optim import Adam, Batches, fit
from optim.checkpoint import Checkpoint
from optim.schedules import Schedule
from samplers.chains import Chains, require_count
from samplers.mala import MALA
from samplers.philox import draw_key
from samplers.points import require_scale
from samplers.quadrature import Quadrature
from samplers.target import Target


@dataclass(eq=False)
class EBM(Stored):
    """The model p_T(x) = exp(-E(x) / T) / Z(T), for E = f + |x|^2 / (2 s^2).

    Parameters
    ----------
    network : f, an MLP that returns one number
    prior_sd : s > 0, in units of x: about as far out as the data go

    Raises ValueError or TypeError if they do not fit.

    >>> ebm = EBM.create((1, 16, 16, 1), prior_sd=2.0, rng=0)
    >>> x = np.random.default_rng(0).normal(1.0, 0.5, (1000, 1))
    >>> ebm = ebm.fit(x, steps=300, learning_rate=0.01, rng=0)
    >>> float(ebm.log_likelihood(x).mean())
    -0.7

    As log p of the Gaussian of which they are draws.
    """

    network: MLP
    prior_sd: float

    parts = (MLP, Dense)

    def __post_init__(self):
        if not isinstance(self.network, MLP):
            raise TypeError(
                f"network is a {type(self.network).__name__}; it is an MLP, such as "
                "MLP.create((2, 64, 1), rng=0)"
            )
        for part in (*self.network.layers, self.network):
            part.__post_init__()
        outputs = self.network.layers[-1].bias.size
        if outputs != 1:
            raise ValueError(
                f"the network returns {outputs} numbers, and an energy is one: end its "
                "sizes with 1, as in (2, 64, 64, 1)"
            )
        self.prior_sd = float(self.prior_sd)
        require_scale("prior_sd", self.prior_sd, self.dtype)

    @classmethod
    def create(
        cls,
        sizes: Sequence[int],
        *,
        prior_sd: float,
        activation: str = "softplus",
        rng,
        dtype: DTypeLike = np.float64,
    ) -> "EBM":
        """Draw a network of the given sizes, from d to 1: (2, 64, 64, 1).

        activation : of the hidden layers; smooth ones, "softplus" or "tanh", have an
            energy with a slope that is continuous, as the samplers need it
        """
        network = MLP.create(sizes, activation=activation, rng=rng, dtype=dtype)
        return cls(network, prior_sd)

    @property
    def dimension(self) -> int:
        """d, the number of coordinates of x."""
        return len(self.network.layers[0].weights)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.network.layers[0].weights.dtype

    def energy(self, x):
        """Return E(x) for x : (n, d), of shape (n,), by T in nats.

        It can be differentiated by the parameters and by x.
        """
        return self.network(x)[:, 0] + np.sum((x / self.prior_sd) ** 2, axis=1) / 2

    def target(self) -> Target:
        """Return the law exp(-E) of the parameters as they are now, for samplers.

        These take the temperature besides. A target holds a copy of the parameters:
        after a step of training ask for another.
        """
        return network_target(self.network, prior_sd=self.prior_sd)

    def fit(
        self,
        X: ArrayLike,
        *,
        steps: int,
        rng,
        sampler: str = "mala",
        moves: int = 20,
        step_size: float = 0.02,
        temperature: float = 1.0,
        buffer: int = 1000,
        restart: float = 0.0,
        batch_size: int = 256,
        learning_rate: float | Schedule = 5e-3,
        callbacks: Iterable[Callable] = (),
        checkpoint: Checkpoint | None = None,
    ) -> "EBM":
        """Raise the likelihood of X : (n, d) at temperature T by Adam; return self.

        Parameters
        ----------
        steps : of the optimizer, counted from the beginning of a run that is resumed
        rng : int, SeedSequence or Generator
        sampler, moves, step_size, temperature, restart : of the negatives, see
            `energy_descent`
        buffer : the number of chains that are kept
        batch_size : examples, and negatives, of a step; all of X if there are fewer
        learning_rate : of Adam, a number or a schedule
        callbacks, checkpoint : see optim.fit

        The defaults are for data of standard deviation one with no part narrower than
        sqrt(step_size). Unadjusted chains, "langevin", ask for shorter steps than MALA:
        their law is not the model's, and a network learns to play on the difference.

        The loss says little; look at history_["acceptance"] and, for d = 1 or 2, at the
        exact log_likelihood of examples held out. Where acceptance is near one,
        step_size may be larger, so that chains keep pace. Where it falls to zero they
        stand still, the energy is raised under them without end, and the likelihood
        collapses: begin again with a smaller step_size and learning_rate.

        Sets history_, of the metrics of each step. Raises ValueError or TypeError if
        data or settings do not fit, and NonFiniteError, with the parameters of the last
        good step, if the training diverges.
        """
        X = ebm_likelihood.points(self, X)
        step = energy_descent(
            moves=moves,
            step_size=step_size,
            sampler=sampler,
            temperature=temperature,
            restart=restart,
        )
        rng, size = np.random.default_rng(rng), min(batch_size, len(X))
        chains = ReplayBuffer.create(
            buffer,
            self.dimension,
            start_sd=self.prior_sd * math.sqrt(temperature),
            rng=rng,
            dtype=self.dtype,
        )
        (trained, _, _), self.history_ = fit(
            step,
            (replace(self), Adam(learning_rate), chains),
            Batches(X, size=size, rng=rng),
            steps=steps,
            rng=rng,
            callbacks=callbacks,
            checkpoint=checkpoint,
        )
        self.network = trained.network
        return self

    def sample(
        self,
        n: int,
        rng,
        *,
        steps: int = 1000,
        step_size: float = 0.01,
        temperature: float = 1.0,
    ) -> NDArray:
        """Return the ends of n chains of MALA at temperature T, (n, d).

        They begin at draws of N(0, s^2 T I). MALA leaves p_T exactly as it is; but how
        many steps it takes to forget the start depends on the energy, and where peaks
        lie far apart, each may keep the share of chains that fell to it.
        """
        n, steps = require_count("n", n, 1), require_count("steps", steps, 1)
        sampler = MALA(self.target(), step_size, temperature)
        sd = self.dtype.type(self.prior_sd * math.sqrt(temperature))
        state = sd * sampler.start(draw_key(rng), n)
        return Chains(sampler, state=state, rng=rng, thin=steps).run(1)[:, 0]

    def law(
        self, *, temperature: float = 1.0, tolerance: float = ebm_likelihood.TOLERANCE
    ) -> Quadrature:
        """Return p_T by quadrature, for d = 1 or 2: density, means, and log Z.

        tolerance : relative, of Z

        Raises ValueError for other d, and ArithmeticError if four million points do not
        reach the tolerance.
        """
        return ebm_likelihood.law(self, temperature, tolerance)

    def log_partition(
        self,
        method: str = "auto",
        *,
        temperature: float = 1.0,
        tolerance: float = ebm_likelihood.TOLERANCE,
        rng=None,
        temperatures: int = 1000,
        particles: int = 100,
        step_size: float = 0.01,
        executor: Executor | None = None,
    ) -> Estimate:
        """Return log Z(T), in nats.

        Parameters
        ----------
        method : "quadrature"; "ais", an estimate by annealed importance sampling; or
            "auto": quadrature for d = 1 and 2, else the other
        temperature : T
        tolerance : of quadrature, relative, of Z; a network of relu has kinks, in the
            plane along curves, and asks for a larger one, such as 1e-3
        rng, temperatures, particles, executor : of "ais", see samplers/annealing.py
        step_size : eta of its moves, which decides about the error only

        Raises ValueError for other names or settings, or if rng is needed and missing;
        ArithmeticError if the tolerance is not reached.
        """
        return ebm_likelihood.log_partition(
            self,
            method,
            temperature,
            tolerance,
            rng,
            temperatures,
            particles,
            step_size,
            executor,
        )

    def log_likelihood(
        self,
        X: ArrayLike,
        *,
        temperature: float = 1.0,
        log_partition: float | Estimate | None = None,
    ) -> NDArray[np.float64]:
        """Return log p_T(x) for X : (n, d), of shape (n,), in nats.

        log_partition : log Z(T); by default that of the method of this name, for d = 1
            or 2

        Raises ValueError if X does not fit, or if log Z has to be given or is not
        finite; ArithmeticError as that method does: give it another tolerance.
        """
        return ebm_likelihood.log_likelihood(self, X, temperature, log_partition)
