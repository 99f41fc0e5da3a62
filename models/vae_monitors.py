"""What to watch while a variational autoencoder learns.

The bound on examples that are held out chooses one of the models of a run. With
optim.EarlyStopping it is measured every 200 steps here, and the run ends if ten
measurements in a row are no better than the best one before them:

    stopping = EarlyStopping(held_out_loss(V, rng=1), patience=10, every=200)
    vae.fit(X, steps=20_000, rng=0, callbacks=[stopping])
    best, _ = stopping.state

Then vae is the last model, with history_, and best a copy of the best one.

The divergence of each latent tells which of them are in use. That of an unused one is
zero: q(h_j | x) = p(h_j) whatever x is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.vae_bounds import latent_divergences
from models.vae_training import as_data, require_bound
from optim import Info
from samplers.chains import require_count
from samplers.philox import draw_key


def held_out_loss(
    X: ArrayLike, *, rng, bound: str = "elbo", samples: int = 1
) -> Callable:
    """Return the measure Info -> minus the mean bound on X in nats, for EarlyStopping.

    The noise is the same at each measurement, so that two models are told apart by less
    than their bounds change with the noise.

    Parameters
    ----------
    X : (n, M), examples that are not learned from
    bound, samples : as of `bound_ascent`
    """
    require_bound(bound, samples)
    seed = int(draw_key(rng))

    def loss(info: Info) -> float:
        model = info.state[0]
        x = as_data(model, X)
        noise = model.draw_noise(len(x), seed, samples)
        bounds = model.elbo if bound == "elbo" else model.importance_weighted_bound
        return -float(np.mean(bounds(x, noise), dtype=np.float64))

    return loss


@dataclass(eq=False)
class LatentDivergences:
    """A callback of `VAE.fit` that records the mean of KL(q(h_j | x) || p(h_j)) over X.

    Parameters
    ----------
    X : (n, M), examples
    every : the steps from one record to the next

    Attributes
    ----------
    steps : after which it was recorded
    values : in nats, (d,) each
    cursor : both, for a checkpoint
    """

    X: ArrayLike
    every: int = field(kw_only=True)
    steps: list[int] = field(default_factory=list, init=False)
    values: list[NDArray] = field(default_factory=list, init=False)

    def __post_init__(self):
        require_count("every", self.every, 1)

    def __call__(self, info: Info) -> None:
        """Record, if it is time."""
        if info.step % self.every == 0:
            model = info.state[0]
            mean, v = model.encode(as_data(model, self.X))
            each = latent_divergences(mean, v)
            self.steps.append(info.step)
            self.values.append(each.mean(axis=0, dtype=np.float64))

    @property
    def cursor(self) -> dict[str, Any]:
        return {"every": self.every, "steps": self.steps, "values": self.values}

    @cursor.setter
    def cursor(self, cursor: dict[str, Any]) -> None:
        self.steps, self.values = cursor["steps"], cursor["values"]
