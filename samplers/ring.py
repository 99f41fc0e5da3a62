"""A ring in the plane: a valley along which a chain may wander, between steep sides.

    E(x) = (r - R)^2 / (2 w^2),   r = |x|,   -grad E(x) = (R / r - 1) x / w^2.

At the center, where E has the tip of a cone and no gradient, the score is 0, the mean
of the directions around it. Integrated over circles of length 2 pi r,

    Z = 2 pi (w^2 exp(-q^2 / 2) + R w sqrt(pi / 2) erfc(-q / sqrt(2))),   q = R / w:

a Gaussian of width w for w >> R, and for w << R a strip of length 2 pi R.
"""

import math

import numpy as np
from numpy.typing import DTypeLike

from samplers.kernel import kernel
from samplers.points import require_scale
from samplers.target import Target


@kernel
def score(x, out, radius, width):
    """Write (R / r - 1) x / w^2 : (points, 2) to out, for numbers R and w."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    precision = one / (width * width)
    first, second, force, other = x[:, 0], x[:, 1], out[:, 0], out[:, 1]
    for i in range(len(x)):
        r = np.sqrt(first[i] * first[i] + second[i] * second[i])
        # Where r overflows this is -1, the force of a spring.
        pull = radius / r - one if r > 0 else zero
        force[i] = pull * first[i] * precision
        other[i] = pull * second[i] * precision


@kernel
def energy(x, out, radius, width):
    """Write (r - R)^2 / (2 w^2) : (points,) to out, which overflows to infinity."""
    half = x.dtype.type(0.5)
    first, second = x[:, 0], x[:, 1]
    for i in range(len(x)):
        r = np.sqrt(first[i] * first[i] + second[i] * second[i])
        away = (r - radius) / width
        out[i] = half * away * away


def ring_target(
    radius: float, width: float, *, dtype: DTypeLike = np.float64
) -> Target:
    """Return the target for R and w, both in units of x.

    >>> target = ring_target(radius=2.0, width=0.5)
    >>> target.energy_at([[3.0, 4.0]]), target.score_at([[3.0, 4.0], [0.0, 0.0]])
    (array([18.]), array([[-7.2, -9.6],
           [ 0. ,  0. ]]))

    Raises ValueError if one is not positive, or too small or large for the dtype.
    """
    params = (
        require_scale("radius", radius, dtype),
        require_scale("width", width, dtype),
    )
    log_Z = log_partition(float(radius), float(width))
    return Target(score, 2, energy, params, dtype, log_Z)


def log_partition(radius: float, width: float) -> float:
    """Return log Z, the sum of two positive terms, neither of which overflows."""
    q = radius / width
    strip = q * math.sqrt(math.pi / 2) * math.erfc(-q / math.sqrt(2))
    return math.log(2 * math.pi * width**2 * (math.exp(-q * q / 2) + strip))
