"""One step of Adam on the ELBO of a variational autoencoder.

The batch stays the same and the noise is drawn at each step; a turn begins at the given
weights. Ours is the step that `VAE.fit` takes, which tells both terms of the bound and
looks for numbers that are not finite; the peers do neither.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from benchmarks.speed.peers import vae as peers
from benchmarks.speed.peers.vae import LAYERS, LEARNING_RATE, judged
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from models import MLP, Dense
from models.conditionals import Bernoulli, Gaussian
from models.vae import VAE
from models.vae_training import bound_ascent
from optim import Adam


@dataclass(frozen=True)
class Size:
    """Examples in a batch, entries of x, units of the hidden layers, and of h."""

    batch: int
    visible: int
    hidden: int
    latent: int


FIRST = Size(batch=128, visible=784, hidden=400, latent=20)
# Of the difference of two results, relative.
STANDARD_ERRORS = {"reconstruction": 1.3e-3, "divergence": 0.03, "moved": 8e-3}


def shapes(size: Size) -> list[tuple[int, int]]:
    """Return the shapes of the four weights, two of the encoder first."""
    up = size.visible, size.hidden, 2 * size.latent
    down = size.latent, size.hidden, size.visible
    return [*pairwise(up), *pairwise(down)]


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw sparse data, first weights, and the noise by which results are judged."""
    arrays: Problem = {
        "x": (rng.random((size.batch, size.visible)) < 0.2).astype(np.float32),
        "noise": rng.standard_normal((size.batch, size.latent), np.float32),
    }
    for i, (n_in, n_out) in enumerate(shapes(size)):
        W = rng.standard_normal((n_in, n_out), np.float32)
        arrays[f"W{i}"] = W / np.float32(n_in**0.5)
        arrays[f"b{i}"] = np.zeros(n_out, np.float32)
    arrays["W1"] *= 2  # so that means and variances of h differ from example to example
    return arrays


def ours(problem: Problem) -> Run:
    """Train a VAE of ours by the step that `fit` takes."""
    batch, step = (problem["x"],), bound_ascent()

    def run(repetitions):
        layers = [
            Dense(problem[f"W{i}"].copy(), problem[f"b{i}"].copy(), activation)
            for i, activation in zip(LAYERS, 2 * ("relu", "identity"), strict=True)
        ]
        vae = VAE(Gaussian(MLP(layers[:2])), Bernoulli(MLP(layers[2:])))
        state, rng = (vae, Adam(LEARNING_RATE)), np.random.default_rng(1)
        for _ in range(repetitions):
            state, _ = step(state, batch, rng)
        weights, biases = ([getattr(a, n) for a in layers] for n in ("weights", "bias"))
        return judged(problem, weights, biases)

    return run


def work(size: Size, result) -> Work:
    """Count the operations of the matrix products, and the bytes of the update.

    Each weight is in a product forward and in two backward, but for the first, since x
    has no gradient. Adam reads and writes the parameters and two moments.
    """
    entries = [n_in * n_out for n_in, n_out in shapes(size)]
    products = 3 * sum(entries) - entries[0]
    parameters = sum(entries) + sum(n_out for _, n_out in shapes(size))
    return Work(flops=2 * size.batch * products, bytes=6 * 4 * parameters)


ROW = Row(
    title=f"one step of Adam on the ELBO, VAE {FIRST.visible}-{FIRST.hidden}-"
    f"{FIRST.latent} of relu, Bernoulli, batch {FIRST.batch}",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x batch": replace(FIRST, batch=SCALE * FIRST.batch),
        f"{SCALE}x width": replace(FIRST, hidden=SCALE * FIRST.hidden),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "eager, Adam(fused=True)"),
        "JAX": Peer(peers.jax, "jax", "one jitted step, donated buffers"),
    },
    tolerance={name: 6 * error for name, error in STANDARD_ERRORS.items()},
    work=work,
)
