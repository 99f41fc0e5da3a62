"""Networks that guess the noise in gray digits, without the input skip and with it.

Pixels are scaled to [-1, 1]. The networks have one hidden layer, of w units, and learn
the noise at all log SNR from 10 to -10. Nothing but the skip differs between two
networks of one width.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data import load_digits
from models.diffusion import Diffusion
from models.log_snr import LinearLogSNR
from optim import CosineDecay

D = 64
LEVELS = LinearLogSNR(10.0, -10.0)
RATE = 1e-2  # of Adam, at first


@dataclass(frozen=True)
class Plan:
    """How networks are trained and measured.

    widths : w of each, without the skip and with it
    wide : w of one more, with it
    steps : of Adam
    draws : of noise, for a loss
    chain, samples : steps of the reverse chains, and how many there are
    """

    widths: tuple[int, ...]
    wide: int
    steps: int
    draws: int
    chain: int
    samples: int


def digits() -> NDArray[np.float32]:
    """Return the training digits, (1437, D), of pixels from -1 to 1."""
    X, _ = load_digits(dtype=np.float32).train_set
    return 2 * X - 1


def learn(X: NDArray, width: int, *, skip: bool, steps: int, rng) -> Diffusion:
    """Train a noise network of one hidden layer.

    Raises KeyboardInterrupt if that was interrupted: half a training is no result.
    """
    rng = np.random.default_rng(rng)
    model = Diffusion.create(
        D, log_snr=LEVELS, hidden=(width,), skip=skip, rng=rng, dtype=X.dtype
    )
    model.fit(X, steps=steps, rng=rng, learning_rate=CosineDecay(RATE, steps))
    if vars(model)["history_"].interrupted:
        raise KeyboardInterrupt
    return model
