"""The error of finite differences against their step: a V on logarithmic axes.

With phi(t) = L(theta + t u) along a direction u, the schemes estimate phi'(0) by

    forward       [phi(h) - phi(0)] / h       error  |phi''| h / 2    + eps |phi| / h
    central       [phi(h) - phi(-h)] / 2h     error  |phi'''| h^2 / 6 + eps |phi| / h
    complex step  Im phi(i h) / h             error  |phi'''| h^2 / 6

The first term is what the Taylor series leaves out, the second the rounding of two
close numbers that are subtracted; eps is the spacing of floating-point numbers at 1.
The complex step subtracts nothing (J. N. Lyness and C. B. Moler, SIAM J. Numer. Anal.
4, 1967), but needs phi to be analytic: tanh is, relu and abs are not.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

EPS = float(np.finfo(np.float64).eps)
Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Scheme:
    """A way to estimate phi'(0), and its error terms.

    estimate : (phi, h) -> the estimate, where phi is called as phi(t, dtype)
    order : of the truncation error in h
    eps : of the subtraction; 0 where nothing is subtracted
    """

    estimate: Callable[[Callable, float], float]
    order: int
    eps: float


def forward(phi: Callable, h: float) -> float:
    """Return the forward difference in float64."""
    return (phi(h, np.float64) - phi(0.0, np.float64)) / h


def central(phi: Callable, h: float, dtype: type = np.float64) -> float:
    """Return the central difference in a precision."""
    return (float(phi(h, dtype)) - float(phi(-h, dtype))) / (2 * h)


def central_float32(phi: Callable, h: float) -> float:
    """Return the central difference in float32."""
    return central(phi, h, np.float32)


def complex_step(phi: Callable, h: float) -> float:
    """Return the complex step."""
    return phi(1j * h, np.complex128).imag / h


SCHEMES = {
    "forward": Scheme(forward, 1, EPS),
    "central": Scheme(central, 2, EPS),
    "central, float32": Scheme(central_float32, 2, float(np.finfo(np.float32).eps)),
    "complex step": Scheme(complex_step, 2, 0.0),
}


def along(
    loss: Callable, gradient: Callable, theta: Arrays, u: Arrays
) -> tuple[Callable, Callable]:
    """Return phi(t, dtype) = L(theta + t u) and its derivative phi'(t)."""

    def moved(t, dtype):
        return [(a + t * v).astype(dtype) for a, v in zip(theta, u, strict=True)]

    def phi(t, dtype):
        return loss(moved(t, dtype))

    def slope(t):
        g = gradient(moved(t, np.float64))
        return sum(float(np.sum(a * v)) for a, v in zip(g, u, strict=True))

    return phi, slope


def v_curve(
    loss: Callable[[Arrays], complex],
    gradient: Callable[[Arrays], Arrays],
    theta: Arrays,
    *,
    steps: np.ndarray,
    directions: int,
    rng,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Measure the error of every scheme along random directions.

    Each entry of a direction u is +1 or -1, so that every parameter moves by h.

    Parameters
    ----------
    loss : arrays of float32, float64 or complex128 -> a number of that dtype
    gradient : float64 arrays -> the derivative of the loss by each of them
    theta : float64 arrays, the point
    steps : (n,), h
    directions : how many
    rng : int, SeedSequence or Generator, draws the directions

    Returns
    -------
    errors : name of the scheme -> (n,), root mean square of the error over the
        directions, divided by that of phi'(0)
    taylor : (4,), root mean squares of phi, phi', phi'', phi''' at 0; the last two are
        central differences of the gradient
    """
    rng = np.random.default_rng(rng)
    squares = {name: np.zeros(len(steps)) for name in SCHEMES}
    taylor = np.zeros(4)
    d = 1e-3
    for _ in range(directions):
        u = [rng.choice([-1.0, 1.0], size=array.shape) for array in theta]
        phi, slope = along(loss, gradient, theta, u)
        low, exact, high = slope(-d), slope(0.0), slope(d)
        second, third = (high - low) / (2 * d), (high - 2 * exact + low) / d**2
        taylor += np.square([phi(0.0, np.float64), exact, second, third])
        for name, scheme in SCHEMES.items():
            found = np.array([scheme.estimate(phi, h) for h in steps])
            squares[name] += (found - exact) ** 2
    errors = {name: np.sqrt(total / taylor[1]) for name, total in squares.items()}
    return errors, np.sqrt(taylor / directions)


def expected_error(scheme: Scheme, steps: np.ndarray, taylor) -> np.ndarray:
    """Return the relative error that theory expects of a scheme.

    steps : (n,), h; taylor : (4,), phi and its first three derivatives. Nothing is
    fitted, and no estimate comes closer than eps.
    """
    value, slope, second, third = np.abs(np.asarray(taylor, dtype=float))
    truncation = second / 2 * steps if scheme.order == 1 else third / 6 * steps**2
    return (truncation + scheme.eps * value / steps) / slope + EPS


def worst_entry(
    loss: Callable[[Arrays], complex],
    derivative: Arrays,
    theta: Arrays,
    *,
    entries: int,
    rng,
) -> float:
    """Compare entries of a gradient, chosen at random, with complex steps.

    Returns the largest difference, as a part of the largest entry of the gradient.
    """
    parameters = [array.astype(np.complex128) for array in theta]
    places = [(k, i) for k, array in enumerate(theta) for i in range(array.size)]
    chosen = np.random.default_rng(rng).choice(len(places), entries, replace=False)
    worst = 0.0
    for k, i in (places[index] for index in chosen):
        real = parameters[k].flat[i]
        parameters[k].flat[i] = real + 1e-20j
        step = loss(parameters).imag / 1e-20
        parameters[k].flat[i] = real
        worst = max(worst, abs(step - derivative[k].flat[i]))
    return worst / max(float(np.abs(array).max()) for array in derivative)
