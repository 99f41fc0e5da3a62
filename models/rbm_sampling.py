"""States of a restricted Boltzmann machine: chains, draws, and what fills a gap.

The functions whose first argument is the machine are its methods: rbm.sample(n, rng) is
sample(rbm, n, rng).
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.rbm_data import as_states, is_binary
from samplers.chains import Chains, require_count
from samplers.enumeration import MAX_UNITS
from samplers.exact import enumerates_hidden, exact_draws
from samplers.gibbs import Gibbs
from samplers.machine import Machine

MAX_WORK = 10**8  # terms of a sum, which take about half a second


def gibbs(
    rbm, x: ArrayLike, steps: int = 1, *, rng, clamped: NDArray | None = None
) -> NDArray:
    """Return the states that so many Gibbs steps lead to from x, (n, M).

    Parameters
    ----------
    x : (n, M), states, one for each chain
    rng : int, SeedSequence or Generator
    clamped : (M,) bool, the units that keep their values

    Raises ValueError if x or clamped does not fit, DivergenceError if a chain meets a
    number that is not finite.
    """
    x = as_states(rbm, x)
    sampler = Gibbs(rbm.machine, clamped=clamped)
    thin = require_count("steps", steps, 1)
    draws = Chains(sampler, rng=rng, state=x, thin=thin).run(1)
    return draws[:, 0].astype(x.dtype, copy=False)


def sample(rbm, n: int, rng, *, method: str = "auto", steps: int = 1000) -> NDArray:
    """Return n draws of x, (n, M), in the dtype of the machine.

    Parameters
    ----------
    rng : int, SeedSequence or Generator
    method : "exact" sums over all states of the smaller layer (of the hidden one beside
        Gaussian units), of at most 26 units. "gibbs" takes the ends of n chains. "auto"
        is exact where Z is a sum of at most 10^8 terms
    steps : of each chain, from a random state. They are enough if twice as many lead to
        draws of the same kind; chains of a machine with well-separated modes may need
        more than there is time for

    Raises ValueError for another method, or if there are too many states for "exact".
    """
    n, machine = require_count("n", n, 1), rbm.machine
    if resolve(method, "gibbs", machine) == "exact":
        return exact_draws(machine, n, rng=rng)[0]
    thin = require_count("steps", steps, 1)
    draws = Chains(Gibbs(machine), n, rng=rng, thin=thin).run(1)
    return draws[:, 0].astype(rbm.a.dtype, copy=False)


def inpaint(
    rbm,
    x: ArrayLike,
    known: NDArray[np.bool_],
    *,
    rng,
    steps: int = 1000,
    burn_in: int = 100,
) -> NDArray:
    """Return x, with E[x_i | known units] in the place of what is not known, (n, M).

    With the known units clamped, block Gibbs sampling has p(x_rest | x_known) as its
    law. The mean is taken over E[x_i | h], which for binary units is p(x_i = 1 | h):
    that of x_i has the same expectation, and by var(x_i | h) more variance.

    Parameters
    ----------
    x : (n, M); it does not matter what it holds where units are not known
    known : (M,), some True and some False
    rng : int, SeedSequence or Generator
    steps, burn_in : of each chain, in the mean and before it

    Raises ValueError if x or known does not fit.

    Reference: A. Gelfand and A. Smith, Journal of the American Statistical Association
    85 (1990), 398.
    """
    known = require_known(known, len(rbm.a))
    steps = require_count("steps", steps, 1)
    burn_in = require_count("burn_in", burn_in, 0)
    if np.shape(x)[-1:] == known.shape:
        x = np.where(known, x, 0)
    x = as_states(rbm, x)
    rng = np.random.default_rng(rng)
    mean = rbm.prob_x_given_h(np.zeros((len(x), len(rbm.b)), x.dtype))
    total = np.zeros(x.shape)
    for step in range(burn_in + steps):
        state = np.where(known, x, draw_visible(rbm, mean, rng))
        p = rbm.prob_h_given_x(state)
        mean = rbm.prob_x_given_h(rng.random(p.shape, p.dtype) < p)
        if step >= burn_in:
            total += mean
    return np.where(known, x, (total / steps).astype(x.dtype))


def draw_visible(rbm, mean, rng) -> NDArray:
    """Return visible units of given means, (n, M), in their dtype."""
    if is_binary(rbm):
        return (rng.random(mean.shape, mean.dtype) < mean).astype(mean.dtype)
    return mean + rbm.sigma * rng.standard_normal(mean.shape, mean.dtype)


def require_known(known, units: int) -> NDArray[np.bool_]:
    """Return known as an array, or raise unless it is (units,), of both kinds."""
    known = np.asarray(known)
    if known.shape != (units,) or known.dtype != bool:
        raise ValueError(
            f"known of shape {known.shape} and dtype {known.dtype} does not fit; it "
            f"is ({units},), of dtype bool, and says of each visible unit whether its "
            "value in x is known"
        )
    if known.all():
        raise ValueError(
            "all units are known, so that there is nothing to fill in; known is True "
            "for units that keep their value, and False for those to be found"
        )
    if not known.any():
        raise ValueError(
            "no unit is known, so that the result would not depend on x; the machine "
            "by itself is drawn from by sample(n, rng)"
        )
    return known


def resolve(method: str, estimate: str, machine: Machine) -> str:
    """Return "exact" or the name of what estimates, or raise if method names neither.

    "auto" is exact if Z is countable.
    """
    if method not in ("auto", "exact", estimate):
        raise ValueError(
            f"there is no method {method!r}; the names are auto, exact, {estimate}"
        )
    if method == "auto":
        return "exact" if is_countable(machine) else estimate
    units = units_to_enumerate(machine)
    if method == "exact" and units > MAX_UNITS:
        raise ValueError(
            f"Z is a sum over 2^{units} states at least, and up to 2^{MAX_UNITS} can "
            f"be counted in reasonable time: write method={estimate!r} and rng=0"
        )
    return method


def units_to_enumerate(machine: Machine) -> int:
    """Return n, of which Z has 2^n states to sum over."""
    M, N = machine.W.shape
    return N if enumerates_hidden(machine) else M


def is_countable(machine: Machine) -> bool:
    """Whether Z has at most MAX_WORK terms: m for each state, of the m other units."""
    n = units_to_enumerate(machine)
    return (sum(machine.W.shape) - n) * 2**n <= MAX_WORK
