"""The double well: a law of one variable with two peaks, and draws from it.

    p(x) = exp(-E(x) / T) / Z,   E(x) = B (u^4 - 2 u^2),   u = x / a

with minima at x = +a and -a and a barrier of height B between them. A Markov chain has
to cross it; these draws are independent: x = F^-1(v), with v uniform in [0, 1) and the
distribution function F of p, by quadrature.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike

from data.sample import Sample, require_draw, require_points
from samplers.quadrature import Quadrature, quadrature

ROWS = 4096  # points at a time, few enough for a cache
VANISHED = 60.0  # -log p where p is nothing, against the peaks: e^-60 = 1e-26


@dataclass(frozen=True, eq=False)
class DoubleWell:
    """The density exp(-E / T) / Z.

    Parameters
    ----------
    barrier : B > 0, its height, in units of E
    minimum : a > 0, where the right minimum is, in units of x
    temperature : T > 0, in units of E

    Raises ValueError if one is not positive and finite, or if B / T is not between
    1e-6 and 1e6, beyond which there is one hollow, or two points.
    """

    barrier: float = 1.0
    minimum: float = 1.0
    temperature: float = 1.0

    def __post_init__(self):
        for name in ("barrier", "minimum", "temperature"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(
                    f"{name} is {getattr(self, name)}; it must be positive and finite, "
                    "or there are no two wells to draw from"
                )
            object.__setattr__(self, name, float(getattr(self, name)))
        if not 1e-6 <= self.barrier / self.temperature <= 1e6:
            raise ValueError(
                f"barrier / temperature is {self.barrier / self.temperature:.1e}; from "
                "1e-6 to 1e6 the density is resolved. Far below it has no barrier, far "
                "above it is two points: draw Gaussians of variance a^2 T / (8 B) there"
            )

    @cached_property
    def law(self) -> Quadrature:
        """The law of u, by quadrature of exp(-(B / T) (u^2 - 1)^2)."""
        far = np.sqrt(1 + np.sqrt(VANISHED * self.temperature / self.barrier))
        return quadrature(self.height, (-far, far), tolerance=1e-12)

    def height(self, u):
        """Return (B / T) (u^2 - 1)^2, that is (E + B) / T, for u : (n, 1)."""
        return (self.barrier / self.temperature) * (u[:, 0] ** 2 - 1) ** 2

    def sample(self, n: int, *, rng, dtype: DTypeLike = np.float64) -> Sample:
        """Draw n points; labels are 0 in the left well and 1 in the right one."""
        require_draw(n, dtype)
        v, starts = np.random.default_rng(rng).random(n), range(0, n, ROWS)
        u = np.concatenate([self.law.quantile(v[i : i + ROWS]) for i in starts])
        X = (self.minimum * u[:, np.newaxis]).astype(dtype)
        return Sample(X, (u >= 0).astype(np.int64), self)

    def log_density(self, x):
        """Return log p(x) for x : (n, 1), of shape (n,), in nats.

            log p(x) = -(B / T) (u^2 - 1)^2 - log a - log Z_u

        In plain NumPy operations, so that autodiff's grad gives the score.
        Raises ValueError or TypeError if x is not an array of finite points.
        """
        require_points(x, 1)
        log_Z = float(self.law.log_partition + np.log(self.minimum))
        return -self.height(x / self.minimum) - log_Z


def make_double_well(
    n: int,
    *,
    rng,
    barrier: float = 1.0,
    minimum: float = 1.0,
    temperature: float = 1.0,
    dtype: DTypeLike = np.float64,
) -> Sample:
    """Draw n points of the double well; labels 0 the left well, 1 the right one.

    >>> wells = make_double_well(1000, rng=0, barrier=4.0)
    >>> wells.X.shape, wells.density.log_density(np.array([[0.0], [1.0]]))
    ((1000, 1), array([-3.94643,  0.05357]))

    See DoubleWell for the parameters.
    """
    density = DoubleWell(barrier, minimum, temperature)
    return density.sample(n, rng=rng, dtype=dtype)
