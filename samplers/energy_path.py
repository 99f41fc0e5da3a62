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

Source: R. M. Neal, Statistics and Computing 11 (2001), 125.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from samplers import gaussian
from samplers.annealing import WEIGHT, failure
from samplers.chains import require_count
from samplers.kernel import kernel
from samplers.langevin import FAILURES, STATE, move
from samplers.layers import first_not_finite
from samplers.mala import Point, accept, first_nan, log_acceptance
from samplers.noise import draw_normals, draw_uniforms, pieces
from samplers.philox import ACCEPT, PROPOSAL, START
from samplers.points import require_points
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


@kernel
def weigh(base, law, difference, log_weights):
    """Add -difference (E - E_0) to log_weights : (particles,).

    base, law : Points of E_0 and E, of the same x
    difference : of the next beta and the one before, float64

    Returns the first particle whose weight is nan or infinite, or -1.
    """
    for c in range(log_weights.size):
        away = np.float64(law.energy[c]) - np.float64(base.energy[c])
        log_weights[c] -= difference * away
        if not log_weights[c] < np.inf:
            return c
    return -1


def blend(base: Point, law: Point, beta: np.floating) -> Point:
    """Return the Point of E_beta, for beta between 0 and 1, of the same x."""
    rest = 1 - beta
    # What is not finite is met by the step from here, or where it ends.
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        score = rest * base.score + beta * law.score
        energy = rest * base.energy + beta * law.energy
    return Point(base.x, score, energy)


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

    Raises ValueError or TypeError if they do not fit.
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
        betas, sizes = betas.astype(state.dtype), self._sizes(len(betas))
        d, moves = self.target.dimension, self.moves
        particles, _ = pieces(len(state), moves, d)
        for first in range(0, len(state), particles):
            here, chain = slice(first, first + particles), particle + first
            base, law = self.evaluate(np.ascontiguousarray(state[here].T))
            for old, new in pairwise(rungs.tolist()):
                difference = float(betas[new]) - float(betas[old])
                lost = weigh(base, law, difference, log_weights[here])
                if lost >= 0:
                    raise failure(WEIGHT, betas[new], chain + lost, new, key)
                if not 0 < betas[new] < 1:
                    continue
                shape, step = (d, moves, base.energy.size), new * moves
                address = {"chain": chain, "step": step}
                noise = draw_normals(
                    key, PROPOSAL, shape=shape, dtype=state.dtype, **address
                )
                [u] = draw_uniforms(key, ACCEPT, shape=(1, *shape[1:]), **address)
                failed, where = self.transition(
                    base, law, betas[new], sizes[new], noise, u
                )
                if failed:
                    what = str(FAILURES[failed])
                    raise failure(what, betas[new], chain + where, new, key)
            state[here] = law.x.T

    def evaluate(self, x: NDArray) -> tuple[Point, Point]:
        """Return the Points of x : (d, particles) for the base and for the target."""
        points = []
        for target in (self.base, self.target):
            point = Point(x, np.empty_like(x), np.empty_like(x[0]))
            target.score(x.T, point.score.T, *target.params)
            target.energy(x.T, point.energy, *target.params)  # type: ignore[misc]
            points.append(point)
        return points[0], points[1]

    def transition(self, base, law, beta, step_size, noise, u) -> tuple[int, int]:
        """Take steps of MALA at one beta, with given noise.

        Parameters
        ----------
        base, law : Points of the same x : (d, particles), changed in place
        beta, step_size : of the dtype of x
        noise : (d, moves, particles), normals
        u : (moves, particles), uniforms in [0, 1), float64

        Returns 0, 0; or what is not finite, STATE, ENERGY or SCORE, of which particle.
        """
        eta = np.full_like(base.energy, step_size)
        spread, log_a = np.sqrt(2 * eta), np.empty(eta.size)
        for m in range(noise.shape[1]):
            at = blend(base, law, beta)
            y = at.x.copy()
            if move(y, at.score, noise, m, eta, spread):
                return STATE, first_not_finite(y.T)
            base_to, law_to = self.evaluate(y)
            to = blend(base_to, law_to, beta)
            if log_acceptance(at, to, eta, np.ones_like(eta), log_a):
                return first_nan(at, to, log_a)
            accept(base, base_to, log_a, u[m])
            accept(law, law_to, log_a, u[m])
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
