"""Networks of one hidden layer, built, fitted and trained, and how far off they are.

    f(x) = c + sum_k v_k sigma(w_k . x + b_k),    k = 1 ... m,    x in [0, 1]^d.

    built    a staircase through values of F: no computation, and a proven error
    fitted   units drawn at random; v and c by linear least squares
    trained  the same units to begin with; then w, b, v and c all by L-BFGS

That the error can be made small is in G. Cybenko, Math. Control Signals Systems 2, 303
(1989), and K. Hornik, Neural Networks 4, 251 (1991); how small it is in the mean
square, in A. R. Barron, IEEE Trans. Inf. Theory 39, 930 (1993).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models import MLP, Dense, mean_squared_error
from optim import LBFGS, minimize

STEEPNESS = 40.0  # of a staircase: lambda = 40 m
SLOPE = 5.0  # of random units: the standard deviation of an entry of w
RADIUS = 0.15  # of the bump


def sine(x: np.ndarray) -> np.ndarray:
    """Return sin 2 pi x; x : (n, 1)."""
    return np.sin(2 * np.pi * x)


def step(x: np.ndarray) -> np.ndarray:
    """Return 1 where x > 1/2 and 0 elsewhere; x : (n, 1)."""
    return (x > 0.5).astype(float)


def bump(x: np.ndarray) -> np.ndarray:
    """Return exp(-|x - center|^2 / 2 r^2) on the square; x : (n, 2)."""
    squares = np.sum((x - 0.5) ** 2, axis=1, keepdims=True)
    return np.exp(-squares / (2 * RADIUS**2))


def lattice(n: int, d: int) -> np.ndarray:
    """Return the centers of n^d equal cells of the unit cube, as (n^d, d)."""
    axis = (np.arange(n) + 0.5) / n
    return np.stack(np.meshgrid(*[axis] * d), axis=-1).reshape(-1, d)


def line() -> np.ndarray:
    """Return 20001 points of [0, 1] and the first number after 1/2, as (20002, 1).

    Between 1/2 and its neighbor the step jumps, and a network does not.
    """
    points = np.append(np.linspace(0, 1, 20001), np.nextafter(0.5, 1))
    return np.sort(points)[:, np.newaxis]


@dataclass(frozen=True)
class Target:
    """A function F, the points where it is learned, and those where it is judged."""

    F: Callable[[np.ndarray], np.ndarray]
    learned: np.ndarray
    judged: np.ndarray

    @property
    def dimension(self) -> int:
        """Return d."""
        return self.learned.shape[1]

    def errors(self, network: MLP) -> tuple[float, float]:
        """Return sup |F - f| and the root of the mean of (F - f)^2."""
        gap = self.F(self.judged) - network(self.judged)
        return float(np.max(abs(gap))), float(np.sqrt(np.mean(gap**2)))


TARGETS = {
    "sine": Target(sine, lattice(200, 1), line()),
    "step": Target(step, lattice(200, 1), line()),
    "bump": Target(bump, lattice(28, 2), lattice(101, 2)),
}


def built(target: Target, m: int) -> MLP:
    """Return F(0) + sum_k [F(k/m) - F((k-1)/m)] sigma(lambda (x - (k - 1/2)/m)).

    That is a mean of the values F(k/m), k = 0 ... m, in which all but 2 exp(-20) of the
    weight lies within 1/m of x: the error for a continuous F is at most omega(1/m), and
    2 exp(-20) of the range of F.
    """
    values = target.F(np.arange(m + 1)[:, np.newaxis] / m)
    rate, middles = STEEPNESS * m, (np.arange(m) + 0.5) / m
    return MLP(
        [
            Dense(np.full((1, m), rate), -rate * middles, "sigmoid"),
            Dense(np.diff(values, axis=0), values[0]),
        ]
    )


def random_units(d: int, m: int, rng) -> Dense:
    """Return units tanh(w . (x - center)), w normal, the centers uniform in the cube.

    A tanh is a sigmoid: tanh z = 2 sigma(2 z) - 1.
    """
    weights = SLOPE * rng.normal(size=(d, m))
    centers = rng.uniform(size=(m, d))
    return Dense(weights, -np.sum(weights * centers.T, axis=0), "tanh")


def fitted(target: Target, units: Dense) -> MLP:
    """Return the units with the output weights and bias of least squares."""
    features = np.column_stack([units(target.learned), np.ones(len(target.learned))])
    weights = np.linalg.lstsq(features, target.F(target.learned))[0]
    return MLP([units, Dense(weights[:-1], weights[-1])])


def trained(target: Target, units: Dense, *, rng, steps: int) -> MLP:
    """Return a network that began with the units and took steps of L-BFGS."""
    m = units.bias.size
    network = MLP(
        [
            Dense(units.weights.copy(), units.bias.copy(), units.activation),
            Dense(rng.normal(size=(m, 1)) / np.sqrt(m), np.zeros(1)),
        ]
    )
    values = target.F(target.learned)

    def loss(network):
        return mean_squared_error(network(target.learned), values)

    optimizer = LBFGS(gradient_tolerance=0.0)
    if minimize(loss, network, optimizer, steps=steps).reason == "interrupted":
        raise KeyboardInterrupt
    return network


# What theory says of the errors.


def modulus_of_the_sine(distance):
    """Return omega(d) = 2 sin(pi d), the most that sin 2 pi x changes over d <= 1/2."""
    return 2 * np.sin(np.pi * np.asarray(distance))


def laws_of_the_sine() -> tuple[float, float]:
    """Return what m sup |F - f| and m (mean (F - f)^2)^(1/2) of the staircase tend to.

    At u/m from one of its steps, |u| <= 1/2, and where F has the slope s, the staircase
    is off by (s/m) g, g(u) = u + 1/2 - sigma(40 u). The largest g has sigma (1 - sigma)
    = 1/40, and the mean of g^2 is 1/12 - 1/40 + pi^2 / (3 40^2), up to exp(-20); the
    largest s is 2 pi, and the mean of s^2 half of (2 pi)^2.
    """
    s = (1 - np.sqrt(1 - 4 / STEEPNESS)) / 2
    largest = 0.5 - s + np.log(s / (1 - s)) / STEEPNESS
    mean_square = 1 / 12 - 1 / STEEPNESS + np.pi**2 / (3 * STEEPNESS**2)
    return 2 * np.pi * largest, 2 * np.pi * np.sqrt(mean_square / 2)


def law_of_the_step(m):
    """Return the root mean square error of the staircase at the step, for even m.

    Its one step is 1/(2m) late, less 1/lambda for its slope: (0.475 / m)^(1/2).
    """
    return np.sqrt((0.5 - 1 / STEEPNESS) / m)


def bound_of_barron(m):
    """Return 2 C / m^(1/2), which some network of width m keeps to in the mean square.

    C is the mean of |w|_1 / 2 under the Fourier transform of F as a density of wave
    vectors w; for the bump they are normal, of variance 1/r^2.
    """
    return 2 * np.sqrt(2 / np.pi) / RADIUS / np.sqrt(m)
