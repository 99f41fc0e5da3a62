"""L-BFGS: BFGS from the last few pairs, without any matrix.

With m pairs, rho_i = 1 / s_i^T y_i and V_i = I - rho_i s_i y_i^T, the matrix of `bfgs`
that has begun as gamma I and has been updated by these pairs alone is a product,

    H = V_k ... V_1 (gamma I) V_1^T ... V_k^T + ... + rho_k s_k s_k^T.

Multiplied to g from the right to the left, and back again, it takes two loops over the
pairs, 4 m n multiplications:

    q = g;        for i = newest ... oldest:  a_i = rho_i s_i^T q,  q <- q - a_i y_i
    r = gamma q;  for i = oldest ... newest:  r <- r + (a_i - rho_i y_i^T r) s_i
    H g = r.

gamma = s^T y / y^T y of the newest pair.

References: J. Nocedal, Math. Comp. 35, 773 (1980); D. C. Liu and J. Nocedal, Math.
Programming 45, 503 (1989); J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed.
(2006), algorithm 7.4.
"""

import operator
from dataclasses import dataclass, field

import numpy as np

from optim.quasi_newton import QuasiNewton
from samplers.kernel import kernel


@dataclass(eq=False)
class LBFGS(QuasiNewton):
    """L-BFGS, for any number of parameters.

    Parameters
    ----------
    memory : m >= 1, the number of pairs that are kept
    gradient_tolerance, decrease_tolerance, c1, c2 : see `QuasiNewton`

    Attributes
    ----------
    pairs : how many pairs have come since all were dropped; pair i is in row i % m
    s, y : (m, n), the pairs; empty before the first
    sy : (m,), s_i^T y_i
    """

    memory: int = 10
    pairs: int = field(default=0, init=False)
    s: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), init=False)
    y: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), init=False)
    sy: np.ndarray = field(default_factory=lambda: np.empty(0), init=False)

    def __post_init__(self):
        super().__post_init__()
        if operator.index(self.memory) < 1:
            raise ValueError(
                f"memory is {self.memory}; without a pair nothing is known of the "
                "curvature: keep at least 1, 5 to 20 as a rule"
            )

    def direction(self) -> np.ndarray:
        """Return -H g : (n,)."""
        if not self.pairs:
            return -self.scale * self.gradient
        return two_loops(self.gradient, self.s, self.y, self.sy, self.pairs, self.scale)

    def learn(self, s: np.ndarray, y: np.ndarray, sy: float, yy: float) -> None:
        """Keep a pair in the place of the oldest one."""
        if not self.pairs:
            shape = self.memory, s.size
            self.s, self.y = np.zeros(shape), np.zeros(shape)
            self.sy = np.zeros(self.memory)
        row = self.pairs % self.memory
        self.s[row], self.y[row], self.sy[row] = s, y, sy
        self.pairs += 1
        self.scale = sy / yy

    def forget(self) -> bool:
        """Drop all pairs."""
        had, self.pairs = self.pairs > 0, 0
        return had


def reference_two_loops(g, s, y, sy, pairs, scale):
    """Return -H g, as the kernel `two_loops` does."""
    rows = [pair % len(s) for pair in range(max(0, pairs - len(s)), pairs)]
    a = np.zeros(len(s))
    r = -g
    for i in reversed(rows):
        a[i] = s[i] @ r / sy[i]
        r -= a[i] * y[i]
    r *= scale
    for i in rows:
        r += (a[i] - y[i] @ r / sy[i]) * s[i]
    return r


@kernel(fastmath={"nsz", "reassoc"})
def two_loops(g, s, y, sy, pairs, scale):
    """Return -H g : (n,), for g : (n,), s and y : (m, n), sy : (m,).

    By "reassoc" a product is summed in several strands, three times as fast.
    """
    memory, n = s.shape
    oldest = max(0, pairs - memory)
    a = np.empty(memory)
    r = -g
    for pair in range(pairs - 1, oldest - 1, -1):
        i = pair % memory
        product = 0.0
        for j in range(n):
            product += s[i, j] * r[j]
        a[i] = product / sy[i]
        for j in range(n):
            r[j] -= a[i] * y[i, j]
    for j in range(n):
        r[j] *= scale
    for pair in range(oldest, pairs):
        i = pair % memory
        product = 0.0
        for j in range(n):
            product += y[i, j] * r[j]
        factor = a[i] - product / sy[i]
        for j in range(n):
            r[j] += factor * s[i, j]
    return r
