"""Training a multilayer perceptron: the work of the rows mlp-small and mlp-large.

One repetition is one step of Adam on the mean cross-entropy of one batch: forward,
backward, and the update of every weight. The batch stays the same; a turn begins at the
given weights. The result is the loss at which the last step began.
"""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from benchmarks.speed.peers import mlp as peers
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from models import MLP, Dense, cross_entropy
from optim import Adam, descent


@dataclass(frozen=True)
class Size:
    """Examples in a batch, widths of the layers from the input on, their activation."""

    batch: int
    widths: tuple[int, ...]
    activation: str


def row(size: Size) -> Row:
    """Return the row of a network of this size, and of 4 times the batch or width."""
    n_in, *inner, n_out = size.widths
    wide = (n_in, *(SCALE * width for width in inner), n_out)
    return Row(
        title=f"one step of Adam, MLP {'-'.join(map(str, size.widths))} of "
        f"{size.activation}, batch {size.batch}",
        dtype="float32",
        cases={"1x": size},
        scaled={
            f"{SCALE}x batch": replace(size, batch=SCALE * size.batch),
            f"{SCALE}x width": replace(size, widths=wide),
        },
        problem=problem,
        ours=ours,
        peers={
            "PyTorch": Peer(peers.pytorch, "torch", "eager, Adam(fused=True)"),
            "JAX": Peer(peers.jax, "jax", "one jitted step, donated buffers"),
        },
        tolerance={"loss": 1e-5},
        work=work,
    )


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw inputs, labels and first weights, all of order one layer after layer."""
    arrays: Problem = {
        "x": rng.standard_normal((size.batch, size.widths[0]), np.float32),
        "labels": rng.integers(size.widths[-1], size=size.batch),
        "activation": np.array(size.activation),
    }
    for i, (n_in, n_out) in enumerate(pairwise(size.widths)):
        W = rng.standard_normal((n_in, n_out), np.float32)
        arrays[f"W{i}"] = W / np.float32(n_in**0.5)
        arrays[f"b{i}"] = np.zeros(n_out, np.float32)
    return arrays


def work(size: Size, result) -> Work:
    """Count the operations of the matrix products, and the bytes of the update.

    Every layer multiplies batch x n_in by n_in x n_out in the forward pass and once
    more for the gradient of its weights; every layer but the first, a third time for
    the gradient of its input. Adam reads and writes the weights and two moments.
    """
    shapes = list(pairwise(size.widths))
    entries = [n_in * n_out for n_in, n_out in shapes]
    products = 3 * sum(entries) - entries[0]
    parameters = sum(entries) + sum(size.widths[1:])
    return Work(flops=2 * size.batch * products, bytes=6 * 4 * parameters)


def ours(problem: Problem) -> Run:
    """Train an MLP of ours by the step that `fit` takes."""
    batch = problem["x"], problem["labels"]
    depth = sum(name.startswith("W") for name in problem)
    names = [str(problem["activation"])] * (depth - 1) + ["identity"]
    step = descent(loss)

    def run(repetitions):
        layers = [
            Dense(problem[f"W{i}"].copy(), problem[f"b{i}"].copy(), name)
            for i, name in enumerate(names)
        ]
        state = MLP(layers), Adam(learning_rate=1e-3)
        for _ in range(repetitions):
            state, metrics = step(state, batch, None)
        return metrics

    return run


def loss(model, x, labels):
    """Return the mean cross-entropy in nats."""
    return cross_entropy(model(x), labels)
