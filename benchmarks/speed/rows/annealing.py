"""Annealed importance sampling of a restricted Boltzmann machine, from fair coins.

A repetition is a whole run, over all temperatures. The estimates of log Z of the last
one are compared: that of a machine whose couplings are weak, so that its log-weights
lie close together.
"""

from dataclasses import dataclass, replace

import numpy as np

from benchmarks.speed.peers import annealing as peers
from benchmarks.speed.row import SCALE, Peer, Problem, Row, Run, Work
from benchmarks.speed.threads import executor
from samplers.annealing import annealed_importance
from samplers.machine import Machine
from samplers.machine_path import MachinePath


@dataclass(frozen=True)
class Size:
    """Particles, temperatures after the first one, and the units of both layers."""

    particles: int
    temperatures: int
    visible: int
    hidden: int


FIRST = Size(particles=100, temperatures=100, visible=784, hidden=500)
COUPLING, BIAS = 0.02, 0.3
# In nats: of the difference of two estimates, and log Z itself, or less.
STANDARD_ERROR, LOG_Z = 0.08, 900


def problem(size: Size, rng: np.random.Generator) -> Problem:
    """Draw a machine of weak couplings; the number of particles is an array, (1,)."""
    visible, hidden = size.visible, size.hidden
    normal = rng.standard_normal
    return {
        "W": np.float32(COUPLING) * normal((visible, hidden), np.float32),
        "a": np.float32(BIAS) * normal(visible, np.float32),
        "b": np.float32(BIAS) * normal(hidden, np.float32),
        "betas": np.linspace(0, 1, size.temperatures + 1, dtype=np.float32),
        "particles": np.array(size.particles),
    }


def ours(problem: Problem) -> Run:
    """Call annealed_importance, its threads by an executor."""
    machine = Machine(*(problem[name] for name in ("W", "a", "b")))
    betas, particles = problem["betas"], int(problem["particles"])
    path, threads = MachinePath(machine), executor()

    def run(repetitions):
        for rng in range(repetitions):
            weights = annealed_importance(
                path, betas, particles, rng=rng, executor=threads
            )
        return {"log Z": weights.log_partition}

    return run


def work(size: Size, result) -> Work:
    """Count the matrix products: one a weight, and a second one a move but the last.

    Sums over binary units can be looked up in a table in part, which is less.
    """
    product = 2 * size.particles * size.visible * size.hidden
    return Work((2 * size.temperatures - 1) * product, bytes=0)


ROW = Row(
    title=f"annealed importance sampling, RBM {FIRST.visible}x{FIRST.hidden}, "
    f"{FIRST.particles} particles, {FIRST.temperatures} temperatures",
    dtype="float32",
    cases={"1x": FIRST},
    scaled={f"{SCALE}x particles": replace(FIRST, particles=SCALE * FIRST.particles)},
    problem=problem,
    ours=ours,
    peers={
        "PyTorch": Peer(peers.pytorch, "torch", "addmm, softplus, uniform_, lt"),
        "JAX": Peer(peers.jax, "jax", "jitted scan over the temperatures"),
    },
    tolerance={"log Z": 6 * STANDARD_ERROR / LOG_Z},
    work=work,
)
