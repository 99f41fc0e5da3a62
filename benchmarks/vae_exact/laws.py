"""Autoencoders so small that everything about them is an integral in one or two h.

    horseshoe           points around an open ring in the plane; one latent, Gaussian x.
                        Between the two ends of the ring, and at its center, x has come
                        from several h, and no Gaussian is the posterior.
    bars and stripes    the 14 patterns of 3 x 3 pixels; two latents, binary x. Their
                        law is known, and all 512 images can be asked for log p(x).

Both learn by stochastic gradients of the ELBO, from one draw of h for each example; the
horseshoe also with KL(q(h|x) || p(h)) times a factor beta that is not one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.curves import NoisyCurves
from data.patterns import bars_and_stripes
from data.sample import Density
from models.vae import VAE
from optim.schedules import Constant, CosineDecay, WarmUp

CURVE, PATTERNS = "horseshoe", "bars and stripes"
NOISE = 0.15  # around a ring of radius 1
EXAMPLES = 5000
BETAS = (0.25, 1.0, 4.0)
STEPS = {"quick": 800, "full": 8000}
RATES = {"quick": 2e-2, "full": 1e-2}
POINTS = {"quick": 50, "full": 200}  # of the horseshoe, at which models are looked at
HIDDEN = (32, 32)
BATCH = 112  # of the patterns all, 8 times


@dataclass(frozen=True, eq=False)
class Problem:
    """What is learned.

    density : the law of the data
    X : (N, M), the examples
    x : (n, M), the points at which models are looked at: others of the same law, or all
        there are of it
    latent : d
    settings : of VAE.create
    """

    name: str
    density: Density
    X: NDArray[np.float64]
    x: NDArray[np.float64]
    latent: int
    settings: dict[str, Any]


def horseshoe(t: NDArray) -> NDArray:
    """Map t in [0, 1] to the unit circle without the 60 degrees around (-1, 0)."""
    angle = (2 * t - 1) * np.pi * 5 / 6
    return np.column_stack([np.cos(angle), np.sin(angle)])


def make_problem(name: str, size: str, rng) -> Problem:
    """Draw the examples, and the points to look at."""
    if name == PATTERNS:
        law = bars_and_stripes(3)
        x = law.patterns.astype(np.float64)
        binary = {"activation": "softplus", "likelihood": "bernoulli"}
        return Problem(name, law, np.tile(x, (BATCH // len(x), 1)), x, 2, binary)
    ring = NoisyCurves((horseshoe,), NOISE)
    settings: dict[str, Any] = {
        "activation": "tanh",
        "likelihood": "gaussian",
        "variance": 0.1,
        "learn_variance": True,
    }
    X, x = (ring.sample(n, rng=rng).X for n in (EXAMPLES, POINTS[size]))
    return Problem(name, ring, X, x, 1, settings)


def learn(problem: Problem, size: str, rng, *, beta: float = 1.0) -> VAE:
    """Train an autoencoder on a problem, at a rate that falls to zero.

    beta : the weight of the KL, which rises to it over the first half of the steps.
        Without the rise some runs leave a latent unused: at first it tells nothing of
        x, and to make q the prior costs nothing
    """
    visible, steps = problem.X.shape[1], STEPS[size]
    rng = np.random.default_rng(rng)
    vae = VAE.create(
        visible, problem.latent, hidden=HIDDEN, rng=rng, **problem.settings
    )
    vae.fit(
        problem.X,
        steps=steps,
        rng=rng,
        beta=WarmUp(steps // 2, Constant(beta)),
        batch_size=BATCH,
        learning_rate=CosineDecay(RATES[size], steps),
    )
    if vars(vae)["history_"].interrupted:
        raise KeyboardInterrupt
    return vae
