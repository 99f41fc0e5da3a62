"""Denoisers learn the laws in the plane from examples.

Each is a network of x and the log SNR that guesses the noise, trained by the mean
squared error of its guess. As the log SNR falls along a line, each of its values counts
as much as in the bound of log p, and the loss is the bound up to a factor and terms
without parameters. The line begins where the noise is a seventh of the narrowest width
in the data, and ends where the signal is a thirtieth of x.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_2d.laws import Problem
from models.diffusion import Diffusion
from models.log_snr import LinearLogSNR
from optim.schedules import CosineDecay

FIRST, LAST = 9.0, -7.0  # log SNR
HIDDEN = (128, 128)
STEPS = {"quick": 900, "full": 20_000}
RATE, BATCH = 5e-3, 256
LOOKS = 50  # points of a learning curve


@dataclass(frozen=True, eq=False)
class Learned:
    """One training.

    steps, loss : (LOOKS,), the ends of equal parts of it, and the mean loss in each
    """

    problem: Problem
    model: Diffusion
    steps: NDArray[np.int64]
    loss: NDArray[np.float64]


def learn(problem: Problem, size: str, rng: np.random.Generator) -> Learned:
    """Train a denoiser.

    Raises KeyboardInterrupt if that was interrupted: half a training is no result.
    """
    steps = STEPS[size]
    model: Any = Diffusion.create(
        2,
        log_snr=LinearLogSNR(FIRST, LAST),
        hidden=HIDDEN,
        rng=rng,
        dtype=np.float32,
    )
    model.fit(
        problem.X,
        steps=steps,
        rng=rng,
        batch_size=BATCH,
        learning_rate=CosineDecay(RATE, steps),
    )
    if model.history_.interrupted:
        raise KeyboardInterrupt
    loss = np.reshape(model.history_["loss"], (LOOKS, -1)).mean(axis=1)
    ends = np.arange(1, LOOKS + 1) * (steps // LOOKS)
    return Learned(problem, model, ends, loss)
