"""Chains of digits: to noise, and back, with the guess of the data on the way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.diffusion import Diffusion
from models.network_denoiser import network_denoiser
from samplers.chains import Chains
from samplers.forward import Forward
from samplers.reverse import Reverse

STEPS = 1000  # T
KEPT = 100  # steps from one state to the next
TIMES = tuple(range(0, STEPS + 1, KEPT))


@dataclass(frozen=True, eq=False)
class Strips:
    """States of chains at the times TIMES, and what the denoiser makes of them.

    log_snr : (k,), infinite at t = 0
    forward : (k, n, M), of chains that begin at images
    reverse : (k, n, M), of chains that begin at noise, the last of these states
    guesses : (k, n, M), of x_0, at the states of the reverse chains
    """

    log_snr: NDArray
    forward: NDArray
    reverse: NDArray
    guesses: NDArray


def strips(model: Diffusion, x: NDArray, rng) -> Strips:
    """Run chains from images x : (n, M) to noise, and as many from noise to images."""
    rng, schedule = np.random.default_rng(rng), model.log_snr.schedule(STEPS)
    denoiser = network_denoiser(model.denoiser, schedule)
    forth = Forward(schedule, x.shape[1], x.dtype)
    there = Chains(forth, state=x, rng=rng, thin=KEPT).run(len(TIMES) - 1)
    back = Chains(Reverse(denoiser, schedule), len(x), rng=rng, thin=KEPT)
    start, states = back.state, back.run(len(TIMES) - 1)
    reverse = np.concatenate([start[:, np.newaxis], states], axis=1)[:, ::-1]
    reverse = reverse.swapaxes(0, 1)
    return Strips(
        log_snr=schedule.log_snr[list(TIMES)],
        forward=np.concatenate([x[np.newaxis], there.swapaxes(0, 1)]),
        reverse=reverse,
        guesses=np.stack(
            [denoiser.estimate_at(reverse[k], t) for k, t in enumerate(TIMES)]
        ),
    )
