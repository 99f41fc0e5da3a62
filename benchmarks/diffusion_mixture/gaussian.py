"""Reverse diffusion of a single Gaussian: its error at every number of steps, exactly.

For data x_0 ~ N(0, s^2) the best denoiser is linear, E[x_0 | x_t] = a s^2 x_t / V with
V = a^2 s^2 + sigma^2, so a step of the reverse chain from t to an earlier time r is

    x_r = rho x_t + c xi,   c^2 = eta^2 (sigma_r / sigma_t)^2 (1 - (a_t / a_r)^2),
    rho = a_r g + sqrt(sigma_r^2 - c^2) (1 - a_t g) / sigma_t,   g = a_t s^2 / V_t,

and the variance of the chain follows v_r = rho^2 v_t + c^2. At the end it is too small:
each step takes the mean of x_0 for x_0 itself.

For eta = 0 this can be seen. With the vectors u_t = (a_t s, sigma_t) rho is u_r.u_t /
|u_t|^2, where the exact flow has |u_r| / |u_t|. So a step loses the cosine of the angle
theta between u_r and u_t, and the standard deviation s the product of all cosines,
about 1 - sum theta^2 / 2. With K steps equal in phi, a = cos(phi), as those of the
cosine schedule are but for its offset, tan(psi) = tan(phi) / s is the direction of u,
and

    K sum theta^2 -> pi/2 integral_0^(pi/2) (dpsi/dphi)^2 dphi = pi^2 (1 + s^2) / (8 s).

For eta = 1 a step leaves out the variance of x_0 given x_t, s^2 sigma_t^2 / V_t, times
(a_r (1 - (a_t / a_r)^2) / sigma_t^2)^2 -> (2 dphi / sin(phi))^2; of what is left out at
r the end sees the share corr(x_0, x_r)^2 = a_r^2 s^2 / V_r. The sum over steps becomes
an integral in tan(phi), and the relative error of the standard deviation is

    eta = 0, deterministic:  -pi^2 (1 + s^2) / (16 s K),
    eta = 1, ancestral:      -pi^2 (3 + s^2) / (16 s K),

both of first order in 1 / K.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from samplers.schedules import Schedule


def final_sd(s: float, schedule: Schedule, times, eta: float) -> float:
    """Return the standard deviation at t = 0 of the chain that starts from N(0, 1).

    s : of the data
    times : (K + 1,), from T to 0
    """
    variance = 1.0
    for t, r in pairwise(times):
        a, sigma = schedule.signal[[t, r]], schedule.noise[[t, r]]
        g = a[0] * s**2 / (a[0] ** 2 * s**2 + sigma[0] ** 2)
        c = eta * sigma[1] / sigma[0] * np.sqrt(1 - (a[0] / a[1]) ** 2)
        rho = a[1] * g + np.sqrt(sigma[1] ** 2 - c**2) * (1 - a[0] * g) / sigma[0]
        variance = rho**2 * variance + c**2
    return float(np.sqrt(variance))


def sd_by_angles(s: float, schedule: Schedule, times) -> float:
    """Return the same for eta = 0: s / |u_T| times the cosines of all angles."""
    psi = np.arctan2(schedule.noise[times], s * schedule.signal[times])
    start = np.hypot(schedule.noise[times[0]], s * schedule.signal[times[0]])
    return float(s / start * np.prod(np.cos(np.diff(psi))))


def leading_error(s: float, eta: int) -> float:
    """Return K times the relative error of s for many steps K, for eta = 0 or 1."""
    return -(np.pi**2) * (1 + 2 * eta + s**2) / (16 * s)


def relative_errors(s: float, schedule: Schedule, paths, eta: float) -> NDArray:
    """Return final_sd / s - 1 for each of the paths, sequences of times."""
    return np.array([final_sd(s, schedule, times, eta) / s - 1 for times in paths])
