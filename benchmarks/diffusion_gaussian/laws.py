"""Gaussian data, models of which everything is known, and means without draws.

All terms of the bound are quadratic in x_0 and in the noise if the denoiser is linear.
Over 2 k points, sqrt(k) times the unit vectors of both signs, the mean of a quadratic
function is that over N(0, I) in k dimensions. So estimates can be averaged over all
noise, and over all data, to rounding.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autodiff import static
from models.diffusion_likelihood import log_likelihood_at_start
from models.gaussian_denoiser import GaussianDenoiser
from models.linear_diffusion import LinearDiffusion
from models.log_snr import LinearLogSNR
from samplers.schedules import Schedule, linear

LINE = GaussianDenoiser(np.zeros(1), np.eye(1))
SPACE = GaussianDenoiser(
    np.array([0.5, -1.0, 0.0]),
    np.array([[1.0, 0.8, -0.3], [0.8, 1.0, 0.0], [-0.3, 0.0, 0.5]]),
)
LAWS = {"N(0, 1)": LINE, "3-D": SPACE}
FIRST, LAST = 10.0, -10.0  # log SNR next to the data, and next to noise
STRAIGHT = LinearLogSNR(FIRST, LAST)


def ddpm(T: int) -> Schedule:
    """Return T betas in equal steps from 0.1 / T to 20 / T, or 0.999 if that is less.

    For T = 1000 these are 1e-4 to 0.02, those of Ho et al. (2020).
    """
    return linear(T, first=0.1 / T, last=min(20 / T, 0.999))


@dataclass(frozen=True, eq=False)
class Levels:
    """The log SNR of a schedule, as the function of u = t / T that a bound asks for."""

    schedule: Schedule

    def __call__(self, u) -> NDArray:
        """Return the log SNR at t = u T, of the shape of u."""
        return self.schedule.log_snr[np.rint(u * self.schedule.steps).astype(int)]


@dataclass(eq=False)
class ExactModel:
    """A diffusion model whose denoiser is that of the data, as bounds ask for it.

    log_snr : a function of u in [0, 1], with a slope `derivative` for continuous time
    """

    log_snr: Any
    data: GaussianDenoiser = static()
    levels: NDArray | None = static(default=None)

    @property
    def dimension(self) -> int:
        """d."""
        return self.data.mean.size

    def denoise(self, x, log_snr):
        """Return E[x_0 | x]."""
        return self.data.denoise(x, log_snr)

    def draw_noise(self, n: int, rng) -> NDArray:
        """Return standard normals, (n, d)."""
        return np.random.default_rng(rng).standard_normal((n, self.dimension))

    log_likelihood_at_start = log_likelihood_at_start


def exact(data: GaussianDenoiser, T: int) -> LinearDiffusion:
    """Return the model in closed form, of T steps along the straight log SNR."""
    return LinearDiffusion.of(data, STRAIGHT.schedule(T))


def cubature(k: int) -> NDArray:
    """Return points (2 k, k) over which quadratic functions have their mean."""
    return np.sqrt(k) * np.concatenate([np.eye(k), -np.eye(k)])


def points_of(data: GaussianDenoiser) -> NDArray:
    """Return x_0 : (2 d, d) with the mean and the covariance of the data."""
    root = np.linalg.cholesky(data.covariance)
    return data.mean + cubature(data.mean.size) @ root.T


def draw(data: GaussianDenoiser, n: int, rng: np.random.Generator) -> NDArray:
    """Return draws of the data, (n, d)."""
    root = np.linalg.cholesky(data.covariance)
    return data.mean + rng.standard_normal((n, len(root))) @ root.T


def mean_log_density(data: GaussianDenoiser) -> float:
    """Return E log N(x_0; m, S) = -log det(2 pi e S) / 2, in nats."""
    _, log_det = np.linalg.slogdet(2 * np.pi * np.e * data.covariance)
    return -0.5 * float(log_det)
