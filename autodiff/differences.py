"""One derivative along a direction, by finite differences that know their error.

Central differences D(h) = [phi(h) - phi(-h)] / 2h have the error c2 h^2 + c4 h^4 + ...
Romberg's scheme combines D(h), D(h/2), D(h/4), ... so that one term after the other
cancels, to about 1e-13. The last two differences in its tableau and the rounding noise
eps sum |v_i f_i| / h bound the error, so no tolerance has to be guessed.

Source: W. Romberg (1955), Vereinfachte numerische Integration.
"""

from collections.abc import Sequence

import numpy as np

LEVELS = 7
EPSILON = float(np.finfo(np.float64).eps)


def inner(xs: Sequence, ys: Sequence) -> tuple[float, float]:
    """The inner product of two lists of arrays, and the sum of absolute terms."""
    terms = [np.multiply(x, y, dtype=np.float64) for x, y in zip(xs, ys, strict=True)]
    return sum(float(t.sum()) for t in terms), sum(float(abs(t).sum()) for t in terms)


class Comparison:
    """v^T J u by the pull-back, against the derivative of phi(h) = v . f(x + h u)."""

    def __init__(self, flat, leaves, u, v, pulled):
        self.flat, self.leaves, self.u, self.v = flat, leaves, u, v
        self.analytic = inner(pulled, u)[0]

    def measure(self, wanted: float) -> None:
        """Find numeric and bound; unless bound <= wanted, by finer stencils as well.

        A kink within a stencil can give a small bound on a wrong number. The finest
        is believed, and a coarser one only if it agrees with what is believed.
        """
        self.numeric, self.bound = coarse = self.romberg(0.125)
        if self.bound > wanted or self.error > wanted:
            believed = [self.romberg(2.0**-23)]
            for numeric, bound in (self.romberg(2.0**-13), coarse):
                if all(abs(numeric - x) <= 10 * (bound + b) for x, b in believed):
                    believed.append((numeric, bound))
            self.numeric, self.bound = min(believed, key=lambda pair: pair[1])

    @property
    def error(self) -> float:
        return abs(self.numeric - self.analytic)

    def outputs(self, h: float) -> list:
        moved = [x + h * u for x, u in zip(self.leaves, self.u, strict=True)]
        return self.flat(*moved)

    def phi(self, h: float) -> tuple[float, float]:
        """v . f(x + h u), and the sum of the absolute terms."""
        return inner(self.outputs(h), self.v)

    def decisive(self, size: float, scale: float) -> float:
        """The bound that decides: 1e-4 of the derivative or 1e-12 of f, and 1e-6 of f
        if the derivative is zero but for rounding."""
        phi = self.phi(0)[1]
        zero = size <= 1e3 * EPSILON * phi
        return max(1e-4 * scale, (1e-6 if zero else 1e-12) * phi)

    def romberg(self, h0: float) -> tuple[float, float]:
        """Central differences at h0, h0/2, h0/4, ... extrapolated: the best entry of
        the tableau, by its last two differences and rounding noise, and that bound."""
        best, bound = 0.0, np.inf
        row: list[float] = []
        with np.errstate(all="ignore"):
            for level in range(LEVELS):
                h = h0 / 2**level
                (above, size), (below, other) = self.phi(h), self.phi(-h)
                if not np.isfinite(above - below):
                    row = []
                    continue
                previous, row = row, [(above - below) / (2 * h)]
                noise = 4 * EPSILON * (size + other) / h
                for k, coarse in enumerate(previous, start=1):
                    row.append(row[-1] + (row[-1] - coarse) / (4**k - 1))
                    error = max(abs(row[k] - row[k - 1]), abs(row[k] - coarse)) + noise
                    if error < bound:
                        best, bound = row[k], error
        return best, bound

    def kink(self) -> bool:
        """Whether f bends or jumps within the finest stencil: then its second
        differences do not shrink with h as h**2, or its first not as h."""
        h = 2.0**-16
        bend, jump = self.spread(h)
        near_bend, near_jump = self.spread(h / 64)
        noise = 1e3 * EPSILON * self.phi(0)[1]
        return near_bend > max(noise, bend / 256) or near_jump > max(noise, jump / 16)

    def spread(self, h: float) -> tuple[float, float]:
        """Sums over all outputs of |f(x + hu) - 2 f(x) + f(x - hu)| and of
        |f(x + hu) - f(x - hu)|: here kinks of several outputs cannot cancel."""
        up, middle, down = (self.outputs(s) for s in (h, 0.0, -h))
        triples = list(zip(up, middle, down, strict=True))
        bend = sum(float(np.sum(abs(a - 2 * b + c))) for a, b, c in triples)
        return bend, sum(float(np.sum(abs(a - c))) for a, _, c in triples)
