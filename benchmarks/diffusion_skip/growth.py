"""What a reverse chain does to the noise that nobody guesses.

Without a skip the guess of the noise is epshat = g W + c, for the last hidden layer g :
(w,), the weights W : (w, D) and the bias c of the output: a point of the plane through
c that the rows of W span. Let Q be the projection on the D - w directions orthogonal to
it. There nothing depends on x but x itself,

    Q epshat = Q c,     Q x0hat = (Q x - sigma Q c) / alpha,

with alpha^2 = abar_t and sigma^2 = 1 - abar_t: the guess of x_0 is all of x, rescaled.
With the skip, sigma x is added to epshat, and

    Q epshat = sigma Q x + Q c,     Q x0hat = alpha Q x - sigma / alpha Q c,

as if these directions of the data were standard normals. Either way the guess is linear
there, whatever the network learned. A step x_s = a x0hat + b x_t + e xi of
samplers/reverse.py takes Q x_t = factor Q x_T + shift Q c + noise to a line of the same
form, so that x_0 in these directions is Gaussian, with numbers that the schedule alone
says.

They can be summed without the skip. The step has a / alpha_t + b = alpha_s / alpha_t,
since a + b alpha_t = alpha_s. So z = x / alpha is a random walk: z_s = z_t + e xi /
alpha_s, if c = 0. It starts at x_T / alpha_T, and with N = (1 - abar) / abar, noise to
signal,

    factor = 1 / alpha_T,
    Var z_0 = 1 + N_T + eta^2 sum over steps of N_s (1 - N_s / N_t).

If steps are fine, the sum is N_T nearly: the integral of dN from 0 to N_T. DDIM, eta =
0, leaves the noise of x_T divided by alpha_T, 148 standard deviations if the log SNR
ends at -10, and ancestral chains, eta = 1, add as much again, so that there are 210.
Of D pixels, D - w directions have them:

    rms of x_0 = sqrt((D - w) / D  Var z_0), without a skip.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from samplers.reverse import coefficients
from samplers.schedules import Schedule


@dataclass(frozen=True)
class Outside:
    """The law of x_0 outside the plane, Q x_0 = factor Q x_T + shift Q c + noise.

    variance : of x_0 in each direction, for x_T of variance one
    """

    factor: float
    shift: float
    variance: float


def outside_law(schedule: Schedule, *, eta: float, skip: bool) -> Outside:
    """Return what the chain makes of directions in which nothing is guessed.

    >>> from samplers.schedules import linear
    >>> law = outside_law(linear(1000), eta=1.0, skip=False)
    >>> round(law.factor), round(law.variance**0.5)
    (157, 222)
    """
    times = np.arange(schedule.steps, -1, -1)
    factor, shift, variance = 1.0, 0.0, 1.0
    for t, a, b, e in zip(times, *coefficients(schedule, times, eta), strict=False):
        alpha, sigma = schedule.signal[t], schedule.noise[t]
        slope = a * (alpha if skip else 1 / alpha) + b
        factor *= slope
        shift = slope * shift - a * sigma / alpha
        variance = slope**2 * variance + e**2
    return Outside(float(factor), float(shift), float(variance))


def predicted_rms(law: Outside, D: int, w: int) -> float:
    """Return sqrt((D - w) / D variance), the size of a pixel if only these count."""
    return float(np.sqrt(max(D - w, 0) / D * law.variance))


def typical_largest(sd: float, count: int) -> float:
    """Return the median of the largest of |x|, for count draws of N(0, sd^2).

    >>> round(typical_largest(1.0, 1), 4)
    0.6745
    """
    return float(-sd * ndtri(-0.5 * np.expm1(np.log(0.5) / count)))
