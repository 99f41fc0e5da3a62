"""The learned score beside the true one, at every level of noise.

What the network says is a guess of the score, s(x), of the law of x at a log SNR
lambda; the true score s* is known. At draws x = alpha x_0 + sigma eps of that law,

    error = E|s - s*|^2 / E|s*|^2,     loss = E|eps - epshat|^2 / 2,

with epshat = -sigma s, the loss for each of the two entries. That of s* is the least
there is: the part of the noise that x does not show.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.diffusion_2d.laws import score
from benchmarks.diffusion_2d.training import FIRST, LAST, Learned
from models.diffusion import Diffusion
from models.diffusion_forms import convert, signal_and_noise

LEVELS = np.arange(FIRST, LAST - 0.5, -1.0)  # log SNR
SHOWN = (4.0, 2.0, -1.0)  # whose fields are drawn
DRAWS = {"quick": 1000, "full": 5000}  # at each level


@dataclass(frozen=True, eq=False)
class Scores:
    """What was found at LEVELS, (levels,) each.

    error : relative, of the learned score
    learned, least : the loss, of the learned and of the true score
    """

    error: NDArray[np.float64]
    learned: NDArray[np.float64]
    least: NDArray[np.float64]

    def error_at(self, log_snr: float) -> float:
        """Return the error at one of LEVELS."""
        return float(self.error[log_snr == LEVELS].item())


def learned_score(model: Diffusion, x: NDArray, log_snr: float) -> NDArray[np.float64]:
    """Return s(x) for x : (n, 2), (n, 2)."""
    rows = np.full(len(x), log_snr, model.dtype)
    x = x.astype(model.dtype)
    guess = model.denoiser(x, rows)
    found = convert(guess, model.denoiser.form, "score", x, rows)
    return found.astype(np.float64)


def compare(learned: Learned, draws: int, rng: np.random.Generator) -> Scores:
    """Hold the learned score to the true one, with new examples and noise."""
    law = learned.problem.law
    found = []
    for log_snr in LEVELS:
        alpha, sigma = signal_and_noise(log_snr)
        eps = rng.standard_normal((draws, 2))
        x = alpha * law.sample(draws, rng=rng).X + sigma * eps
        s, truth = learned_score(learned.model, x, log_snr), score(law, x, log_snr)
        error = np.sum((s - truth) ** 2) / np.sum(truth**2)
        losses = (np.mean((eps + sigma * one) ** 2) for one in (s, truth))
        found.append((error, *losses))
    return Scores(*np.transpose(found))
