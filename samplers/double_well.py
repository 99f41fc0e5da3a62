"""The double well: two minima, and a barrier that a chain has to cross.

    E(x) = B (u^4 - 2 u^2) = B (u^2 - 1)^2 - B,   u = x / a,
    -grad E(x) = (4 B / a) u (1 - u^2).

The minima are x = +a and -a, with E = -B and the curvature E'' = 8 B / a^2; between
them, at x = 0 with E = 0 and E'' = -4 B / a^2, is the barrier of height B. Langevin
dynamics with short steps, at a temperature T well below B, cross it from either side at
the rate

    sqrt(8 * 4) B / (2 pi a^2) exp(-B / T) = (2 sqrt(2) / pi) (B / a^2) exp(-B / T)

per unit of time, where a step lasts eta (H. A. Kramers, Physica 7 (1940), 284). So the
time in one well grows as exp(B / T).

    Z = a int exp(-B (u^4 - 2 u^2)) du = (pi / 2) a e^(B / 2) (I_-1/4 + I_1/4)(B / 2).

To see it, expand exp(2 B u^2) in powers of u^2 and integrate each with exp(-B u^4): the
even and the odd terms are the series of the two modified Bessel functions.
"""

import math

import numpy as np
from numpy.typing import DTypeLike
from scipy.special import ive

from samplers.kernel import kernel
from samplers.points import require_scale
from samplers.target import Target

LARGE = 1e8  # where sqrt(z) e^-z I(z) is as at infinity, up to 3 / (32 z)


@kernel
def score(x, out, barrier, minimum):
    """Write (4 B / a) u (1 - u^2) : (points, 1) to out, for numbers B and a."""
    one = x.dtype.type(1)
    slope = x.dtype.type(4) * barrier / minimum
    column, force = x[:, 0], out[:, 0]
    for i in range(len(x)):
        u = column[i] / minimum
        force[i] = slope * (u * (one - u * u))


@kernel
def energy(x, out, barrier, minimum):
    """Write B u^2 (u^2 - 2) : (points,) to out, which overflows to infinity."""
    two = x.dtype.type(2)
    column = x[:, 0]
    for i in range(len(x)):
        u = column[i] / minimum
        out[i] = barrier * (u * u * (u * u - two))


def double_well_target(
    barrier: float = 1.0, minimum: float = 1.0, *, dtype: DTypeLike = np.float64
) -> Target:
    """Return the target for B, in units of E, and a, in units of x.

    >>> target = double_well_target(barrier=1.0, minimum=2.0)
    >>> target.energy_at([[2.0], [4.0]]), target.score_at([[2.0], [-4.0]])
    (array([-1.,  8.]), array([[ 0.],
           [12.]]))
    >>> float(np.exp(double_well_target().log_partition))
    5.3651602378

    Raises ValueError if one is not positive, or too small or large for the dtype.
    """
    params = (
        require_scale("barrier", barrier, dtype),
        require_scale("minimum", minimum, dtype),
    )
    log_Z = log_partition(float(barrier), float(minimum))
    return Target(score, 1, energy, params, dtype, log_Z)


def log_partition(barrier: float, minimum: float) -> float:
    """Return log Z, with e^-z I(z), z = B / 2, so that large B do not overflow."""
    z = min(barrier / 2, LARGE)
    bessel = math.sqrt(z / (barrier / 2)) * float(ive(-0.25, z) + ive(0.25, z))
    return math.log(math.pi / 2 * minimum) + barrier + math.log(bessel)
