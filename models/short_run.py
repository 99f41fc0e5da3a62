"""The short-run sampler of well-known notebooks, under its own name.

There a few tens of steps

    x <- x + noise xi,   x <- x - step_size grad E(x),   xi ~ N(0, I),

lead from random numbers to "samples" of an energy, with step_size = 10 and noise =
0.005. Seen after the first half, before the gradient, a step is one of Langevin's,

    x' = x - eta grad E(x) + sqrt(2 eta T) xi,   eta = step_size, sqrt(2 eta T) = noise,

so that its temperature is T = noise^2 / (2 step_size) = 1.25e-6. In place of
p = exp(-E) / Z it samples p^(1 / T), up to a constant: the minima of E, and no more
than thousandths of the width of p about them. For E = x^2 / (2 s^2) the variance that
stays is

    noise^2 / (1 - (1 - eta / s^2)^2) = s^2 T / (1 - eta / (2 s^2)),

and after the second half (1 - eta / s^2)^2 times that. With s = 10, where exp(-E) has
the standard deviation 10, these are 0.0115 and 0.0103.

What it finds within few steps depends on where it began and on how many there are. So
it may serve to look for minima, or to train a generator of so many steps, but it draws
no samples of the model, and no likelihood goes with it. For these take
samplers.langevin.Langevin or samplers.mala.MALA at the temperature of the model.

Sources: Y. Du and I. Mordatch, NeurIPS (2019), from whose code the two numbers have
spread; E. Nijkamp, M. Hill, S.-C. Zhu and Y. N. Wu, NeurIPS (2019), for the name.
"""

from samplers.langevin import Langevin
from samplers.target import Target


def short_run(
    target: Target, step_size: float = 10.0, noise: float = 0.005
) -> Langevin:
    """Return Langevin dynamics at T = noise^2 / (2 step_size), far below that of p.

    target : whose energy is E
    step_size : eta, in units of x^2 / E; noise : in units of x

    >>> from samplers.gaussian import gaussian_target
    >>> float(short_run(gaussian_target([0.0], [[100.0]])).temperature)
    1.25e-06

    Raises ValueError if step_size or noise is not positive, or too small or large for
    the dtype of the target.
    """
    if not (step_size > 0 and noise > 0):
        raise ValueError(
            f"step_size is {step_size} and noise {noise}; both are positive, or else "
            "there is no temperature: without noise this is plain descent, x -= "
            "step_size * gradient"
        )
    return Langevin(target, step_size, noise**2 / (2 * step_size))
