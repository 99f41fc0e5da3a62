"""The reverse chain of a diffusion, through a network of two hidden layers.

The network guesses the noise, besides what its skip does, and is told the time by 32
waves; its weights are drawn, not learned. Each repetition is a whole chain, from the
given x_T. At three times the guess is compared to a few roundings; of the chains, which
draw other noise in each library, mean square and variance of x_0.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from benchmarks.speed.peers import reverse_network as peers
from benchmarks.speed.peers.reverse_network import BIASES, WEIGHTS
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from models.denoising_network import DenoisingNetwork
from models.mlp import MLP, Dense
from models.network_denoiser import network_denoiser
from samplers.chains import Chains
from samplers.reverse import Reverse
from samplers.schedules import sigmoid

STEPS = 100
FEATURES = 32


@dataclass(frozen=True)
class Size:
    """Points, and the units of each of the two hidden layers."""

    points: int
    width: int


FIRST = Size(points=1000, width=128)
# Of the difference of two variances over n points, relative to them, where x is
# Gaussian; that of two mean squares is no larger.
STANDARD_ERROR = (4 / FIRST.points) ** 0.5


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw a network and x_T, and write for the peers the numbers of each t."""
    network = DenoisingNetwork.create(
        2, hidden=2 * (size.width,), features=FEATURES, rng=rng, dtype=np.float32
    )
    schedule, times = sigmoid(STEPS), np.arange(1, STEPS + 1)
    a, b, variance = schedule.posterior(times)
    numbers = {
        "features": network.time_features(schedule.log_snr[1:]),
        "signal": schedule.signal[1:],
        "noise": schedule.noise[1:],
        "a": a,
        "b": b,
        "c": np.sqrt(variance),
        "state": rng.standard_normal((size.points, 2)),
    }
    for W, bias, layer in zip(WEIGHTS, BIASES, network.network.layers, strict=True):
        numbers[W] = layer.weights
        numbers[bias] = rng.standard_normal(layer.bias.shape) / 2
    return {name: array.astype(np.float32) for name, array in numbers.items()}


def ours(problem: Problem) -> Run:
    """Run Chains of Reverse, its threads by an executor."""
    names = zip(WEIGHTS, BIASES, ("relu", "relu", "identity"), strict=True)
    network = DenoisingNetwork.create(2, features=FEATURES, rng=0, dtype=np.float32)
    layers = [Dense(problem[W], problem[b], name) for W, b, name in names]
    network = replace(network, network=MLP(layers))
    schedule, state, threads = sigmoid(STEPS), problem["state"], executor()
    denoiser = network_denoiser(network, schedule)
    sampler = Reverse(denoiser, schedule)
    guesses = [
        (state - schedule.signal[t] * denoiser.estimate_at(state, t))
        / schedule.noise[t]
        for t in peers.judged_times(STEPS)
    ]

    def run(repetitions):
        for rng in range(repetitions):
            chains = Chains(sampler, state=state, rng=rng, thin=STEPS)
            draws = chains.run(1, executor=threads)
        return peers.judged(guesses, draws[:, 0])

    return run


def work(size: Size, result) -> Work:
    """Count the products of a point; those of the time are the same for all points."""
    layers = 2, size.width, size.width, 2
    weights = sum(n_in * n_out for n_in, n_out in pairwise(layers))
    return Work(2 * weights * size.points * STEPS, bytes=0)


ROW = Row(
    title=f"reverse diffusion, network {2 + FEATURES}-{FIRST.width}-{FIRST.width}-2, "
    f"{FIRST.points} points, {STEPS} steps",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x points": replace(FIRST, points=SCALE * FIRST.points),
        f"{SCALE}x width": replace(FIRST, width=SCALE * FIRST.width),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "addmm and relu in place"),
        "JAX": Peer(peers.jax, "jax", "jitted scan over the steps, all noise at once"),
    },
    tolerance={
        "guess": 1e-4,
        "square": 6 * STANDARD_ERROR,
        "variance": 6 * STANDARD_ERROR,
    },
    work=work,
)
