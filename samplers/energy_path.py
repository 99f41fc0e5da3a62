"""A path from a Gaussian to any continuous law, for annealed importance sampling.

At inverse temperature beta the law is that of the energy

    E_beta(x) = (1 - beta) E_0(x) + beta E(x),

with E_0 that of a Gaussian, whose states are drawn exactly, as m + A xi with Cholesky's
factor A of its covariance. One step from beta to beta' adds

    log f_beta'(x) - log f_beta(x) = -(beta' - beta) (E(x) - E_0(x))

to the logarithm of a weight, and then takes steps of samplers/mala.py, which leave the
law at beta' as it is, whatever their size: that decides about the variance only.

Where E is infinite a weight becomes zero for good; the particle goes on, so that the
score should be finite there (zero will do). A base that is narrower than the law misses
its tails, and the weights then have no variance: rather too broad than too narrow.
Downwards it is the base whose tails are missed, by the last step. From a Gaussian of
variance s^2 to a base of s_0^2, the weights of that step have a variance only if

    beta_1 < s^2 / (s_0^2 - s^2),

so that 1 / variance is at beta_1 less than twice that of the base. For a broad base let
the betas lie close to each other near zero, as np.linspace(0, 1, K + 1)**3 does.

Source: R. M. Neal, Statistics and Computing 11 (2001), 125.
"""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from samplers import gaussian
from samplers.annealing import WEIGHT, failure
from samplers.chains import require_count
from samplers.kernel import kernel
from samplers.langevin import FAILURES, STATE, move
from samplers.mala import Point, accept, first_nan, log_acceptance
from samplers.noise import draw_normals, draw_uniforms, pieces
from samplers.philox import ACCEPT, PROPOSAL, START
from samplers.points import first_not_finite, require_points
from samplers.target import Target


@kernel
def spread_out(noise, mean, factor, x):
    """Write m + A xi to x, both (d, particles), for a lower triangle A : (d, d)."""
    for j in range(len(mean)):
        row = x[j]
        for c in range(row.size):
            row[c] = mean[j]
        for k in range(j + 1):
            xi, a = noise[k], factor[j, k]
            for c in range(row.size):
                row[c] += a * xi[c]


class Ends(NamedTuple):
    """Where some particles are, and what both ends of the path say of these places.

    x : (d, particles)
    scores : (2, d, particles), -grad E_0 and -grad E
    energies : (2, particles), E_0 and E
    """

    x: NDArray
    scores: NDArray
    energies: NDArray


@kernel
def weigh(ends, difference, log_weights):
    """Add -difference (E - E_0) to log_weights : (particles,).

    ends : Ends
    difference : of the next beta and the one before, float64

    Returns the first particle whose weight is nan or infinite, or -1.
    """
    base, law = ends.energies[0], ends.energies[1]
    for c in range(log_weights.size):
        away = np.float64(law[c]) - np.float64(base[c])
        log_weights[c] -= difference * away
        if not log_weights[c] < np.inf:
            return c
    return -1


@kernel
def blend(ends, beta):
    """Return the Point of E_beta, for beta between 0 and 1, from Ends."""
    rest = ends.x.dtype.type(1) - beta
    at = Point(ends.x, np.empty_like(ends.x), np.empty_like(ends.energies[0]))
    for j in range(len(at.x)):
        score, base, law = at.score[j], ends.scores[0, j], ends.scores[1, j]
        for c in range(score.size):
            score[c] = rest * base[c] + beta * law[c]
    energy, base, law = at.energy, ends.energies[0], ends.energies[1]
    for c in range(energy.size):
        energy[c] = rest * base[c] + beta * law[c]
    return at


@kernel
def propose(ends, beta, step_size, noise, m):
    """Return where noise[:, m] leads : (d, particles), and what `move` counts there.

    noise : (d, moves, particles), normals; the others: as for `decide`
    """
    at = blend(ends, beta)
    y, eta = at.x.copy(), np.full_like(at.energy, step_size)
    spread = np.full_like(at.energy, np.sqrt(2 * np.float64(step_size)))
    return y, move(y, at.score, noise, m, eta, spread)


@kernel
def decide(here, there, beta, step_size, u):
    """Go from here to there with the probability min(1, a) at E_beta.

    here, there : Ends, of x and y; here is changed in place
    beta, step_size : of the dtype of x
    u : (particles,), uniforms in [0, 1), float64

    Returns 0, 0; or ENERGY or SCORE, if it is nan, and of which particle.
    """
    at, to = blend(here, beta), blend(there, beta)
    eta, log_a = np.full_like(at.energy, step_size), np.empty(u.size)
    if log_acceptance(at, to, eta, np.ones_like(eta), log_a):
        return first_nan(at, to, log_a)
    for k in range(2):
        old = Point(here.x, here.scores[k], here.energies[k])
        new = Point(there.x, there.scores[k], there.energies[k])
        accept(old, new, log_a, u)
    return 0, 0


@dataclass(frozen=True, eq=False)
class EnergyPath:
    """From a Gaussian, by steps of MALA, to a law that is given by its energy.

    Parameters
    ----------
    target : with an energy; the state x is (particle, d), of its dtype
    base : a samplers.gaussian.gaussian_target of the same d and dtype
    step_size : eta, positive: a number, or (K + 1,), one for each of the betas, of
        which those at 0 and 1 are not used
    moves : steps at each temperature

    >>> from samplers.annealing import annealed_importance
    >>> from samplers.double_well import double_well_target
    >>> from samplers.gaussian import gaussian_target
    >>> target, base = double_well_target(), gaussian_target([0.0], [[1.0]])
    >>> path = EnergyPath(target, base, step_size=0.1)
    >>> weights = annealed_importance(path, np.linspace(0, 1, 51), 1000, rng=0)
    >>> weights.log_partition, weights.standard_error, target.log_partition
    (1.68, 0.01, 1.68)

    Raises ValueError if they do not fit.
    """

    target: Target
    base: Target
    step_size: float | NDArray
    moves: int = 1
    factor: NDArray = field(init=False, repr=False)

    def __post_init__(self):
        target, base = self.target, self.base
        if target.energy is None:
            raise ValueError(
                "this target has no energy, by which particles are weighed; write "
                "Target(score, dimension, energy=energy)"
            )
        if base.score is not gaussian.score:
            raise ValueError(
                "the base is not Gaussian, so that no exact draws of it are known; "
                "write samplers.gaussian.gaussian_target(mean, covariance)"
            )
        if (base.dimension, base.dtype) != (target.dimension, target.dtype):
            raise ValueError(
                f"the base has d = {base.dimension} in {base.dtype}, and the target "
                f"{target.dimension} in {target.dtype}; a path has one of both: write "
                "gaussian_target(mean, covariance, dtype=target.dtype)"
            )
        require_count("moves", self.moves, 1)
        with np.errstate(over="ignore", under="ignore"):
            sizes = np.array(self.step_size, target.dtype)
        if sizes.ndim > 1 or not np.all((sizes > 0) & (sizes < np.inf)):
            raise ValueError(
                f"step_size is {self.step_size!r}; it is positive and finite in "
                f"{target.dtype}: a number, or one for each of the betas, (K + 1,)"
            )
        object.__setattr__(self, "step_size", sizes)
        whitening = base.params[1].astype(np.float64)
        factor = np.linalg.inv(whitening).astype(target.dtype)
        object.__setattr__(self, "factor", factor)

    @property
    def log_base(self) -> float:
        """Return log Z of the Gaussian, in nats."""
        assert self.base.log_partition is not None
        return self.base.log_partition

    def start(self, key: np.uint64, particles: int) -> NDArray:
        """Return states of the base, (particle, d)."""
        shape = (self.target.dimension, 1, particles)
        dtype = self.target.dtype
        noise = draw_normals(key, START, chain=0, step=0, shape=shape, dtype=dtype)
        x = np.empty((shape[0], particles), dtype)
        spread_out(noise[:, 0], self.base.params[0], self.factor, x)
        return np.ascontiguousarray(x.T)

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (particle, d), in the dtype and order of `anneal`.

        Raises ValueError for another shape, where state or score are not finite, or
        where the energy is nan.
        """
        state = require_points(state, self.target.dimension, self.target.dtype)
        self.target.score_at(state)
        self.target.energy_at(state)
        return state

    def anneal(
        self,
        state: NDArray,
        log_weights: NDArray[np.float64],
        betas: NDArray[np.float64],
        rungs: NDArray[np.int64],
        *,
        key: np.uint64,
        particle: int,
    ) -> None:
        """Go from one rung to the next, as samplers.annealing.Path says."""
        d, moves, dtype = self.target.dimension, self.moves, state.dtype
        betas, sizes = betas.astype(dtype), self._sizes(len(betas))
        particles, _ = pieces(len(state), 1, d * moves)
        for first in range(0, len(state), particles):
            here, chain = slice(first, first + particles), particle + first
            ends = self.evaluate(np.ascontiguousarray(state[here].T))
            for old, new in pairwise(rungs.tolist()):
                difference = float(betas[new]) - float(betas[old])
                lost = weigh(ends, difference, log_weights[here])
                if lost >= 0:
                    raise failure(WEIGHT, betas[new], chain + lost, new, key)
                if not 0 < betas[new] < 1:
                    continue
                shape = d, moves, ends.x.shape[1]
                address = {"chain": chain, "step": new * moves}
                noise = draw_normals(key, PROPOSAL, shape=shape, dtype=dtype, **address)
                [u] = draw_uniforms(key, ACCEPT, shape=(1, *shape[1:]), **address)
                failed, where = self.transition(ends, betas[new], sizes[new], noise, u)
                if failed:
                    what = FAILURES[failed]
                    raise failure(what, betas[new], chain + where, new, key)
            state[here] = ends.x.T

    def evaluate(self, x: NDArray) -> Ends:
        """Return the Ends of x : (d, particles); nothing is compiled anew for a law."""
        energies = np.empty((2, x.shape[1]), x.dtype)
        ends = Ends(x, np.empty((2, *x.shape), x.dtype), energies)
        for k, law in enumerate((self.base, self.target)):
            law.score(x.T, ends.scores[k].T, *law.params)
            law.energy(x.T, ends.energies[k], *law.params)  # type: ignore[misc]
        return ends

    def transition(self, ends, beta, step_size, noise, u) -> tuple[int, int]:
        """Take steps of MALA at one beta, with given noise.

        Parameters
        ----------
        ends : Ends of x, changed in place
        beta, step_size : of the dtype of x
        noise : (d, moves, particles), normals
        u : (moves, particles), uniforms in [0, 1), float64

        Returns 0, 0; or what is not finite, STATE, ENERGY or SCORE, of which particle.
        """
        for m in range(noise.shape[1]):
            y, infinite = propose(ends, beta, step_size, noise, m)
            if infinite:
                return STATE, first_not_finite(y.T)
            failed, where = decide(ends, self.evaluate(y), beta, step_size, u[m])
            if failed:
                return failed, where
        return 0, 0

    def _sizes(self, number: int) -> NDArray:
        """Return the step size at each of so many temperatures."""
        sizes = np.asarray(self.step_size)
        if sizes.ndim and len(sizes) != number:
            raise ValueError(
                f"there are {len(sizes)} step sizes for {number} betas; give one for "
                "each of them, those at 0 and 1 too, or a number for all"
            )
        return np.broadcast_to(sizes, number).copy()
