"""One step of Adam on the mean squared error of a diffusion's guess of the noise.

The batch stays the same, noise and times are drawn at each step; a turn begins at the
given weights. Ours is the step that `Diffusion.fit` takes, without its moving average;
it looks for numbers that are not finite, which the peers do not.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from autodiff import grad
from benchmarks.speed.peers import diffusion_step as peers
from benchmarks.speed.peers.diffusion_step import LAYERS, LEARNING_RATE, judged
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from models.denoising_network import DenoisingNetwork
from models.diffusion import Diffusion
from models.diffusion_training import diffusion_descent, simple_loss
from models.log_snr import LinearLogSNR
from models.mlp import MLP, Dense
from optim import Adam

DIMENSION, FEATURES = 2, 32


@dataclass(frozen=True)
class Size:
    """Examples in a batch, and units of each of the two hidden layers."""

    batch: int
    width: int


FIRST = Size(batch=256, width=128)
# Of the difference of two results, relative; where more steps or units make it larger,
# the largest that is seen.
STANDARD_ERRORS = {"loss": 0.02, "moved": 0.02}


def shapes(size: Size) -> list[tuple[int, int]]:
    """Return the shapes of the three weights."""
    widths = DIMENSION + FEATURES, size.width, size.width, DIMENSION
    return list(pairwise(widths))


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw data in four heaps, a network, and noise and times to judge results by."""
    network = DenoisingNetwork.create(
        DIMENSION,
        hidden=2 * (size.width,),
        features=FEATURES,
        rng=rng,
        dtype=np.float32,
    )
    x, noise = rng.standard_normal((2, size.batch, DIMENSION), np.float32)
    arrays: Problem = {
        "x": np.sign(x) + x / 5,
        "noise": noise,
        "u": rng.random(size.batch, np.float32),
        "frequencies": network.frequencies,
    }
    for i, layer in zip(LAYERS, network.network.layers, strict=True):
        arrays |= {f"W{i}": layer.weights, f"b{i}": layer.bias}
    return arrays


def ours(problem: Problem) -> Run:
    """Train a Diffusion of ours by the step that `fit` takes."""
    batch, step = (problem["x"],), diffusion_descent()

    def begin():
        layers = [
            Dense(problem[f"W{i}"].copy(), problem[f"b{i}"].copy(), activation)
            for i, activation in zip(LAYERS, ("relu", "relu", "identity"), strict=True)
        ]
        network = DenoisingNetwork(MLP(layers), "noise", problem["frequencies"])
        return Diffusion(network, LinearLogSNR(peers.FIRST, peers.LAST))

    def run(repetitions):
        model = begin()
        state, rng = (model, Adam(LEARNING_RATE)), np.random.default_rng(1)
        for _ in range(repetitions):
            state, _ = step(state, batch, rng)
        layers = model.denoiser.network.layers
        weights, biases = ([getattr(a, n) for a in layers] for n in ("weights", "bias"))
        return judged(problem, slope, weights, biases)

    given = (problem[name] for name in peers.JUDGED)
    gradient = grad(simple_loss)(begin(), problem["x"], *given)
    slope = gradient.denoiser.network.layers[0].bias
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
    title=f"one step of Adam on a diffusion, network {DIMENSION + FEATURES}-"
    f"{FIRST.width}-{FIRST.width}-{DIMENSION} of relu, batch {FIRST.batch}",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x batch": replace(FIRST, batch=SCALE * FIRST.batch),
        f"{SCALE}x width": replace(FIRST, width=SCALE * FIRST.width),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "eager, Adam(fused=True)"),
        "JAX": Peer(peers.jax, "jax", "one jitted step, donated buffers"),
    },
    tolerance={"slope": 1e-4}
    | {name: 6 * error for name, error in STANDARD_ERRORS.items()},
    work=work,
)
