"""BFGS: the inverse Hessian, learned from gradients.

Where a step s has changed the gradient by y, the inverse Hessian, averaged along the
step, maps y to s: the secant equation, H y = s. Of all symmetric matrices that satisfy
it the update

    H <- V H V^T + s s^T / s^T y,      V = I - s y^T / s^T y,

is the one nearest to H in a norm that no linear change of variables alters. It keeps H
positive definite, since the line search sees to s^T y > 0.

The update is linear in H, so that an H which began as gamma I is at any time

    H = gamma R + C,

where R is what the V have left of the identity and C is what the pairs have taught.
This allows gamma to be chosen late. s^T y / y^T y lies between the least and the
greatest eigenvalue of the inverse Hessian, and gamma is the greatest of these ratios so
far: in directions of which nothing is known a step that is too long costs one more
trial of the line search, while steps that are too short are accepted, one after the
other. On a quadratic, with exact line searches, R = 0 after n steps and C is the
inverse Hessian.

References: C. G. Broyden, J. Inst. Math. Appl. 6, 76 (1970); R. Fletcher, Comput. J.
13, 317 (1970); D. Goldfarb, Math. Comp. 24, 23 (1970); D. F. Shanno, Math. Comp. 24,
647 (1970); J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed. (2006), section
6.1, where gamma is the ratio of the first pair (6.20).
"""

from dataclasses import dataclass, field

import numpy as np

from optim.quasi_newton import QuasiNewton


@dataclass(eq=False)
class BFGS(QuasiNewton):
    """BFGS, for up to a few thousand parameters n: it keeps two matrices of (n, n).

    Parameters
    ----------
    gradient_tolerance, decrease_tolerance, c1, c2 : see `QuasiNewton`

    Attributes
    ----------
    remainder, learned : (n, n), R and C; empty without a pair, which is R = I, C = 0
    """

    remainder: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), init=False)
    learned: np.ndarray = field(default_factory=lambda: np.empty((0, 0)), init=False)

    def inverse_hessian(self) -> np.ndarray:
        """Return H = gamma R + C : (n, n)."""
        if not self.learned.size:
            return self.scale * np.eye(self.gradient.size)
        return self.scale * self.remainder + self.learned

    def direction(self) -> np.ndarray:
        """Return -H g : (n,)."""
        g = self.gradient
        if not self.learned.size:
            return -self.scale * g
        return -self.scale * (self.remainder @ g) - self.learned @ g

    def learn(self, s: np.ndarray, y: np.ndarray, sy: float, yy: float) -> None:
        """Update R and C by a pair, and gamma by s^T y / y^T y."""
        if not self.learned.size:
            n = s.size
            self.scale, self.remainder, self.learned = 0.0, np.eye(n), np.zeros((n, n))
        self.scale = max(self.scale, sy / yy)
        self.remainder = congruent(self.remainder, s, y, sy)
        self.learned = congruent(self.learned, s, y, sy) + np.outer(s, s) / sy

    def forget(self) -> bool:
        """Drop R and C."""
        had = self.learned.size > 0
        self.remainder = self.learned = np.empty((0, 0))
        return had


def congruent(H: np.ndarray, s: np.ndarray, y: np.ndarray, sy: float) -> np.ndarray:
    """Return V H V^T for V = I - s y^T / s^T y and a symmetric H, exactly symmetric.

    Multiplied out it is H + s w^T + w s^T with w = (y^T H y / 2 s^T y) s / s^T y -
    H y / s^T y: one product with H instead of two between matrices.
    """
    Hy = H @ y
    w = (y @ Hy / (2 * sy) * s - Hy) / sy
    sw = np.outer(s, w)
    return H + (sw + sw.T)
