"""The exact denoiser of Gaussian data, which is linear.

    x_0 ~ N(m, S),   x = alpha x_0 + sigma eps,   alpha^2 + sigma^2 = 1,

are jointly Gaussian, so that the mean of x_0 given x is its regression on x,

    E[x_0 | x] = m + A (x - alpha m),   A = alpha S (alpha^2 S + sigma^2 I)^-1.

Along the axes of S = U diag(v) U^T each coordinate is on its own: A = U diag(g) U^T,

    g_j = alpha v_j / (alpha^2 v_j + sigma^2).

For a given x_0, with coordinates y counted from m along these axes, it errs by what it
pulls to the mean and by what noise it lets through. With s = alpha^2 / sigma^2, the
signal-to-noise ratio (SNR),

    E |x_0 - E[x_0 | x]|^2 = sum_j (y_j^2 + v_j^2 s) / (1 + v_j s)^2.

The bound in continuous time counts half of it for each unit by which s falls, from s_0
to s_1, and the integral is closed,

    1/2 int E |x_0 - E[x_0 | x]|^2 ds =
        1/2 sum_j [ (y_j^2 - v_j) (s_0 - s_1) / (p_j q_j) + log(p_j / q_j) ],
    p_j = 1 + v_j s_0,   q_j = 1 + v_j s_1.

Sources: C. E. Rasmussen and C. K. I. Williams (2006), Gaussian Processes for Machine
Learning, equation A.6; D. P. Kingma, T. Salimans, B. Poole and J. Ho, Variational
diffusion models, NeurIPS (2021), section 5.1.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from autodiff import sigmoid, static
from models.arguments import require_features
from models.diffusion_forms import require_log_snr
from samplers.schedules import Schedule, read_only, require_schedule


@dataclass(frozen=True, eq=False)
class GaussianDenoiser:
    """The denoiser E[x_0 | x] for data from N(m, S); it has no parameters to learn.

    mean : (d,), m, in float64
    covariance : (d, d), S, in float64; an eigenvalue may be zero

    Without noise x is x_0, and without signal it says nothing:

    >>> denoiser = GaussianDenoiser(np.ones(2), np.diag([4.0, 1.0]))
    >>> denoiser.denoise(np.array([[9.0, 9.0]]), np.array([50.0]))
    array([[9.0, 9.0]])
    >>> denoiser.denoise(np.array([[9.0, 9.0]]), np.array([-50.0]))
    array([[1.0, 1.0]])

    Raises ValueError or TypeError if they do not fit or S is no covariance.
    """

    mean: NDArray[np.float64] = static()
    covariance: NDArray[np.float64] = static()

    def __post_init__(self):
        for name in ("mean", "covariance"):
            array = read_only(np.array(getattr(self, name), np.float64))
            object.__setattr__(self, name, array)
        require_covariance(self.mean, self.covariance)

    @cached_property
    def variances(self) -> NDArray[np.float64]:
        """v : (d,), the eigenvalues of S, of which rounding makes none negative."""
        return np.maximum(np.linalg.eigh(self.covariance)[0], 0)

    @cached_property
    def axes(self) -> NDArray[np.float64]:
        """U : (d, d), whose columns are the eigenvectors of S."""
        return np.linalg.eigh(self.covariance)[1]

    def denoise(self, x, log_snr):
        """Return E[x_0 | x], (..., n, d), for x : (..., n, d) at log SNR (..., n).

        log_snr may be (n,) too, or a number. Raises ValueError or TypeError if they do
        not fit.
        """
        m, x = require_features(mean=self.mean, x=x)
        log_snr = require_log_snr(x, log_snr)
        alpha = np.sqrt(sigmoid(log_snr))[..., np.newaxis]
        noise = sigmoid(-log_snr)[..., np.newaxis]
        g = alpha * self.variances / (alpha**2 * self.variances + noise)
        return m + (((x - alpha * m) @ self.axes) * g) @ self.axes.T

    def at_times(self, schedule: Schedule) -> tuple[NDArray, NDArray]:
        """Return A, (T + 1, d, d), and b, (T + 1, d): E[x_0 | x_t] = A_t x_t + b_t.

        At t = 0, where there is no noise, A is I and b is 0. Raises TypeError for what
        is no Schedule.
        """
        require_schedule(schedule)
        alpha = schedule.signal[1:, np.newaxis]
        noise = schedule.noise[1:, np.newaxis] ** 2
        total = alpha**2 * self.variances + noise
        start = np.ones((1, len(self.mean)))
        g = np.concatenate([start, alpha * self.variances / total])
        kept = np.concatenate([0 * start, noise / total]) * (self.mean @ self.axes)
        return (self.axes * g[:, np.newaxis]) @ self.axes.T, kept @ self.axes.T

    def expected_error(self, x_0, log_snr) -> NDArray:
        """Return E |x_0 - E[x_0 | x]|^2 over the noise, (...), for x_0 : (..., d).

        log_snr : a number, or (...)
        """
        squares, v = self._squares(x_0), self.variances
        s = np.exp(log_snr)[..., np.newaxis]
        w = 1 + v * s
        return np.sum((squares + v**2 * s) / w / w, axis=-1)

    def continuous_term(self, x_0, first: float, last: float) -> NDArray:
        """Return 1/2 int E |x_0 - E[x_0 | x]|^2 d SNR in nats, (n,), for x_0 : (n, d).

        first, last : the log SNR where it is largest, at the data, and at the end

        It does not depend on the way that the log SNR takes between these ends.
        """
        squares, v = self._squares(x_0), self.variances
        p, q = 1 + v * np.exp(first), 1 + v * np.exp(last)
        shrunk = (np.exp(first) - np.exp(last)) / (p * q)
        return 0.5 * np.sum((squares - v) * shrunk + np.log(p / q), axis=-1)

    def _squares(self, x_0) -> NDArray:
        """Return y^2 : (..., d), the squares of x_0 - m along the axes."""
        m, x_0 = require_features(mean=self.mean, x_0=x_0)
        return ((x_0 - m) @ self.axes) ** 2


def require_covariance(mean: NDArray, covariance: NDArray) -> None:
    """Raise ValueError if shapes, numbers, symmetry or signs are not those of one."""
    d = mean.size
    if mean.ndim != 1 or d == 0 or covariance.shape != (d, d):
        raise ValueError(
            f"the shapes {mean.shape} of mean and {covariance.shape} of covariance do "
            "not fit; they are (d,) and (d, d): write np.diag(variances) for entries "
            "that are independent"
        )
    if not np.all(np.isfinite(mean)) or not np.all(np.isfinite(covariance)):
        raise ValueError(
            "mean or covariance hold numbers that are not finite, and so would every "
            "estimate: leave such examples out before X.mean(axis=0) and np.cov(X.T)"
        )
    skew = np.max(np.abs(covariance - covariance.T))
    lowest = np.linalg.eigvalsh(covariance)[0]
    rounding = np.sqrt(np.finfo(np.float64).eps) * np.max(np.abs(covariance))
    if skew > rounding or lowest < -rounding:
        raise ValueError(
            f"covariance has the eigenvalue {lowest:.3g}, and entries differ by up to "
            f"{skew:.3g} from their mirror images; a covariance is symmetric and no "
            "variance is negative: write L @ L.T, or np.cov(X.T, bias=True)"
        )
