"""One update of a restricted Boltzmann machine by contrastive divergence, CD-1.

The batch stays the same; a turn begins at the given parameters. Ours is the step that
`RBM.fit` takes, which tells the free-energy gap and looks for numbers that are not
finite; the peers do neither.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.peers import rbm as peers
from benchmarks.speed.peers.rbm import DECAY, MOMENTUM, RATE, judged
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from models.contrastive_divergence import contrastive_divergence
from models.rbm import RBM
from optim import Momentum


@dataclass(frozen=True)
class Size:
    """Examples in a batch, and the units of both layers."""

    batch: int
    visible: int
    hidden: int


FIRST = Size(batch=100, visible=784, hidden=500)
# Of the difference of two results of one update, relative.
STANDARD_ERRORS = {"W": 0.006, "a": 0.006, "b": 0.07, "along W": 0.013}


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw sparse data, and couplings that lean to one side, so that all means move."""
    shape = size.visible, size.hidden
    W = 2 * (rng.standard_normal(shape) - 0.02) / size.visible**0.5
    return {
        "W": W.astype(np.float32),
        "a": np.zeros(size.visible, np.float32),
        "b": np.zeros(size.hidden, np.float32),
        "x": (rng.random((size.batch, size.visible)) < 0.2).astype(np.float32),
    }


def ours(problem: Problem) -> Run:
    """Take steps of contrastive_divergence with Momentum."""
    batch = (problem["x"],)
    step = contrastive_divergence(1, weight_decay=DECAY)

    def run(repetitions):
        rbm = RBM(*(problem[name].copy() for name in ("W", "a", "b")))
        state, rng = (rbm, Momentum(RATE, MOMENTUM)), np.random.default_rng(1)
        for _ in range(repetitions):
            state, _ = step(state, batch, rng)
        return judged(problem, rbm.W, rbm.a, rbm.b)

    return run


def work(size: Size, result) -> Work:
    """Count five matrix products, and the bytes of W and its velocity.

    The products: W times x, h and y, and the two of the gradient; the update reads and
    writes both arrays.
    """
    couplings = size.visible * size.hidden
    return Work(flops=5 * 2 * size.batch * couplings, bytes=4 * 4 * couplings)


ROW = Row(
    title=f"one update by CD-1 with momentum and weight decay, RBM {FIRST.visible}x"
    f"{FIRST.hidden}, batch {FIRST.batch}",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={
        f"{SCALE}x batch": replace(FIRST, batch=SCALE * FIRST.batch),
        f"{SCALE}x width": replace(
            FIRST, visible=SCALE * FIRST.visible, hidden=SCALE * FIRST.hidden
        ),
    },
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "addmm, uniform_, lt, all in place"),
        "JAX": Peer(peers.jax, "jax", "one jitted update, donated buffers"),
    },
    tolerance={name: 6 * error for name, error in STANDARD_ERRORS.items()},
    work=work,
)
