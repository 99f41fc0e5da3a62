"""The double well in steps of finite size: where Langevin chains are, exactly.

In one dimension an unadjusted step from x ends in y with the probability density

    q(x, y) = N(y; x + eta f(x), 2 eta T),    f = -E',

which is smooth. Integrals over x by sums over a grid of spacing h (Nystrom's method)
then err by about exp(-2 pi^2 s^2 / h^2), s^2 = 2 eta T: nothing, for h = s / 2. So the
law p_eta that the chain leaves as it is, p_eta(y) = int p_eta(x) q(x, y) dx, is the
solution of a few hundred linear equations.

To first order in eta it follows from a Taylor expansion. The mean of phi after a step
from x is

    phi + eta (f phi' + T phi'') + eta^2 (f^2 phi'' / 2 + T f phi''' + T^2 phi'''' / 2).

Average it over p (1 + eta g), p = exp(-E / T) / Z, and integrate by parts. The terms in
eta vanish, as f p = T p'. Those in eta^2 are the integral of phi times

    (T p g')' - (T / 2) (f' p)'',

which is zero for every phi if p g' = (f' p)' / 2. Hence g' = f'' / 2 + f' f / (2 T) and

    g = E'^2 / (4 T) - E'' / 2 + E_p[E''] / 4,      p_eta = p (1 + eta g) + O(eta^2),

with mean zero, because E_p[E'^2] = T E_p[E'']. B. Leimkuhler and C. Matthews, Applied
Mathematics Research eXpress 2013, 34, have it for any dimension.

As E grows faster than x^2, a step from |x| > (1 + 1 / (2 eta))^(1/2) overshoots by more
than it should have gone, and the chain is lost. It gets there so rarely that no run
meets it: `Unadjusted.lost` says how rarely.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from samplers.double_well import double_well_target
from samplers.quadrature import Quadrature, quadrature

WELL = double_well_target()  # E = x^4 - 2 x^2
BEYOND = 45.0  # (E - min E) / T at the ends of a grid


def slope(x):
    """Return E'(x)."""
    return 4 * x**3 - 4 * x


def curvature(x):
    """Return E''(x)."""
    return 12 * x**2 - 4


def end(T: float) -> float:
    """Return the x > 0 with E(x) = E(1) + BEYOND T."""
    return float(np.sqrt(1 + np.sqrt(BEYOND * T)))


def boltzmann(T: float) -> Quadrature:
    """Return p = exp(-E / T) / Z."""
    return quadrature(WELL.energy_at, (-end(T), end(T)), temperature=T, tolerance=1e-12)


def normal(z):
    """Return the density of N(0, 1)."""
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


@dataclass(frozen=True)
class Unadjusted:
    """The unadjusted chain of one step size and temperature.

    eta, T : step size and temperature
    """

    eta: float
    T: float

    @property
    def width(self) -> float:
        """The standard deviation s of a step."""
        return float(np.sqrt(2 * self.eta * self.T))

    @cached_property
    def x(self) -> NDArray:
        """The grid, (n,), symmetric about zero."""
        half = int(np.ceil(2 * end(self.T) / self.width))
        return np.arange(-half, half + 1) * self.width / 2

    @property
    def spacing(self) -> float:
        """The distance of two points of the grid, h."""
        return self.width / 2

    @cached_property
    def means(self) -> NDArray:
        """Where a step from each point of the grid ends in the mean, (n,)."""
        return self.x - self.eta * slope(self.x)

    @cached_property
    def matrix(self) -> NDArray:
        """Return h q(x_i, x_j), (n, n): a step as a matrix that acts on the right."""
        return self.density_after(self.x) * self.spacing

    def density_after(self, y):
        """Return q(x_i, y) for y : (m,), (n, m)."""
        return normal((y - self.means[:, np.newaxis]) / self.width) / self.width

    @cached_property
    def weights(self) -> NDArray:
        """The law that a step leaves as it is: (n,), of sum 1."""
        equations = self.matrix.T - np.eye(len(self.x))
        equations[len(self.x) // 2] = 1
        return np.linalg.solve(equations, self.x == 0)

    @property
    def lost(self) -> float:
        """The probability that a step from this law leaves the grid."""
        return float(1 - (self.weights @ self.matrix).sum())

    def density(self, y):
        """Return p_eta(y) for y : (m,)."""
        return self.weights @ self.density_after(y)

    def cdf(self, y):
        """Return the probability to be left of y : (m,)."""
        return self.weights @ ndtr((y - self.means[:, np.newaxis]) / self.width)

    def mean(self, statistic) -> float:
        """Return the mean of statistic(x)."""
        return float(self.weights @ statistic(self.x))

    def crossed(self, start: float, steps: int) -> NDArray:
        """Return the probability of x > 0 after 1, ..., steps, from x = start."""
        to_right = ndtr(self.means / self.width)
        first = start - self.eta * slope(start)
        law = normal((self.x - first) / self.width) / 2
        found = [ndtr(first / self.width)]
        for _ in range(steps - 1):
            found.append(law @ to_right)
            law = law @ self.matrix
        return np.array(found)

    def rate(self) -> float:
        """Return at which rate, in 1 / time, a difference of the two wells decays.

        Time is the number of steps times eta. The second eigenvalue of the matrix, of
        an odd function: that of its odd half.
        """
        half = len(self.x) // 2
        right = self.matrix[half + 1 :, half + 1 :]
        odd = right - self.matrix[half + 1 :, half - 1 :: -1]
        return float(-np.log(np.abs(np.linalg.eigvals(odd)).max()) / self.eta)


def kramers(T: float) -> float:
    """Return the rate of that decay by H. Kramers, Physica 7 (1940), 284, in 1 / time.

    Two crossing rates, each (E''(1) |E''(0)|)^(1/2) / (2 pi) exp(-(E(0) - E(1)) / T):
    right for T -> 0.
    """
    return float(np.sqrt(curvature(1.0) * -curvature(0.0)) / np.pi * np.exp(-1 / T))


def first_order(law: Quadrature, statistic) -> float:
    """Return the change of the mean of statistic(x) per eta, to first order."""
    x = law.nodes[:, 0]
    g, values = correction(law, x), statistic(x)
    return float(law.probabilities @ (g * values))


def correction(law: Quadrature, x):
    """Return g(x), with p_eta = p (1 + eta g) to first order."""
    T = law.temperature
    mean = law.expectation(lambda nodes: curvature(nodes[:, 0]))
    return slope(x) ** 2 / (4 * T) - curvature(x) / 2 + mean / 4


def excess(chain: Unadjusted, law: Quadrature) -> NDArray:
    """Return where p_eta - p changes its sign, in ascending order.

    It is positive at both ends. The probability of where it is positive differs by as
    much as any: by the total variation distance.
    """
    y = np.linspace(-end(chain.T), end(chain.T), 4001)
    difference = chain.density(y) - np.exp(law.log_density(y[:, np.newaxis]))
    y, difference = y[np.abs(difference) > 1e-9], difference[np.abs(difference) > 1e-9]
    [k] = np.nonzero(np.diff(np.sign(difference)))
    share = difference[k] / (difference[k] - difference[k + 1])
    return y[k] + share * (y[k + 1] - y[k])


def in_excess(x, roots):
    """Say of each x whether it is left of the first root, or beyond an even number."""
    return np.searchsorted(roots, x) % 2 == 0


def probability_of_excess(cdf, roots) -> float:
    """Return the probability that in_excess(x, roots)."""
    steps = np.diff(cdf(roots), prepend=0, append=1)
    return float(steps[::2].sum())


def acceptance(eta: float, T: float, law: Quadrature, points: int = 600) -> float:
    """Return how often MALA accepts, int int min(p(x) q(x, y), p(y) q(y, x)) dx dy.

    The integrand has a kink where both are equal: for 600 points the error is below
    1e-5.
    """
    x = np.linspace(-end(T), end(T), points)
    width = np.sqrt(2 * eta * T)
    means = x - eta * slope(x)
    there = normal((x - means[:, np.newaxis]) / width) / width
    flow = np.exp(law.log_density(x[:, np.newaxis]))[:, np.newaxis] * there
    return float(np.minimum(flow, flow.T).sum() * (x[1] - x[0]) ** 2)
