"""Laws of every kind, each as a target and as a function of plain NumPy, and checks.

A check takes a module of samplers, compiled or not, and holds its targets to the twins.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from autodiff import grad
from data import GaussianMixture
from samplers import philox
from samplers.philox import ACCEPT, PROPOSAL
from samplers.quadrature import quadrature

KEY = np.uint64(0x9E3779B97F4A7C15)
TARGETS = {
    "gaussian": "gaussian_target",
    "mixture": "mixture_target",
    "double_well": "double_well_target",
    "ring": "ring_target",
}


@dataclass(frozen=True, eq=False)
class Law:
    """What a constructor of a target takes, and the same law in another way.

    twin : E of x : (n, d), which autodiff differentiates
    log_partition : log Z by SciPy, or None for what quadrature says
    stiffness : a bound on the second derivatives of E near the points
    """

    module: str
    numbers: tuple
    dimension: int
    twin: Callable
    stiffness: float
    reach: float = 3.0
    log_partition: float | None = None

    def target(self, module, dtype=np.float64):
        """Return the target, made by a module, maybe a mutant."""
        return getattr(module, TARGETS[self.module])(*self.numbers, dtype=dtype)

    def points(self, n, seed=0):
        """Return points (n, d) that are exact in float32."""
        x = np.random.default_rng(seed).uniform(-1, 1, (n, self.dimension))
        return np.float64(np.float32(self.reach * x))

    @property
    def is_compiled_in_float32(self):
        """Whether to: Numba compiles once more for d = 1, which the wells need."""
        return self.dimension > 1 or self.module == "double_well"


def make_gaussian(d):
    rng = np.random.default_rng(d)
    mean, A = rng.standard_normal(d), rng.standard_normal((d, d))
    C = A @ A.T / d + np.eye(d) / 2
    C = (C + C.T) / 2
    P = np.linalg.inv(C)

    def twin(x):
        return np.sum((x - mean) @ P * (x - mean), axis=1) / 2

    log_Z = -multivariate_normal(mean, C).logpdf(mean)
    stiffness = np.linalg.norm(P, 2)
    return Law("gaussian", (mean, C), d, twin, stiffness, log_partition=log_Z)


def make_mixture(K, d):
    rng = np.random.default_rng(10 * K + d)
    weights, means = rng.dirichlet(np.ones(K)), rng.uniform(-2, 2, (K, d))
    numbers = weights, means, rng.uniform(0.3, 1.5, K)
    density = GaussianMixture(*numbers)
    pulls = 100 * d  # (|m - x| / s^2)^2, where components compete
    return Law(
        "mixture", numbers, d, lambda x: -density.log_density(x), pulls, log_partition=0
    )


def make_double_well(barrier, minimum):
    def twin(x):
        u = x[:, 0] / minimum
        return barrier * (u**4 - 2 * u**2)

    stiffness = 44 * barrier / minimum**2  # at u = 2
    return Law("double_well", (barrier, minimum), 1, twin, stiffness, 2 * minimum)


def make_ring(radius, width):
    def twin(x):
        return (np.sqrt(np.sum(x**2, axis=1)) - radius) ** 2 / (2 * width**2)

    return Law("ring", (radius, width), 2, twin, width**-2, radius + 4 * width)


LAWS = {
    **{f"gaussian {d}": make_gaussian(d) for d in (1, 2, 5)},
    **{f"mixture {K}, {d}": make_mixture(K, d) for K in (1, 3, 8) for d in (1, 2, 3)},
    "double well": make_double_well(1.0, 1.0),
    "steep double well": make_double_well(2.5, 0.7),
    "ring": make_ring(1.0, 0.2),
    "wide ring": make_ring(0.5, 2.0),
    "narrow ring": make_ring(2.0, 0.05),
}


def laws_of(module):
    """Return the laws that a module makes targets of."""
    return [law for law in LAWS.values() if module.__name__ == f"samplers.{law.module}"]


def check_energy(module):
    """E is that of the twin."""
    for law in laws_of(module):
        x = law.points(5)
        found, expected = law.target(module).energy_at(x), law.twin(x)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


def check_score(module):
    """The score is minus the gradient of the twin, as autodiff has it."""
    for law in laws_of(module):
        x = law.points(5)
        expected = -grad(lambda x, law=law: np.sum(law.twin(x)))(x)
        found = law.target(module).score_at(x)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def check_log_partition(module):
    """Log Z is that of SciPy, or of quadrature."""
    for law in laws_of(module):
        expected, far = law.log_partition, 3 * law.reach + 6
        if expected is None:
            bounds = [(-far, far)] * law.dimension
            expected = quadrature(law.twin, bounds, tolerance=1e-9).log_partition
        np.testing.assert_allclose(
            law.target(module).log_partition, expected, rtol=0, atol=1e-9
        )


def raw(function, x, params, shape=None, order="F"):
    """Return what a function writes for x in either order, whatever it is."""
    out = np.full(x.shape if shape is None else shape, np.nan, x.dtype, order=order)
    with np.errstate(all="ignore"):  # undecorated; compiled code does not warn
        function(np.array(x, order=order), out, *params)
    return out


def far_points(law, dtype):
    """Return points along axes, diagonals and in between, near and very far."""
    scales = [1e3, 1e10, 1e150, 1e200] if dtype == np.float64 else [1e3, 1e10, 1e30]
    d = law.dimension
    ways = [np.ones(d), -np.ones(d), *np.eye(d), *-np.eye(d)]
    ways += list(np.random.default_rng(0).standard_normal((3, d)))
    return np.concatenate([scale * np.array(ways) for scale in scales]).astype(dtype)


def check_far(module):
    """Far away E is a number or infinity, never nan, and the score finite with E."""
    for law in laws_of(module):
        for dtype in (np.float64, np.float32)[: 1 + law.is_compiled_in_float32]:
            target, x = law.target(module, dtype), far_points(law, dtype)
            E = raw(target.energy, x, target.params, len(x))
            score = raw(target.score, x, target.params)
            assert not np.isnan(E).any()
            assert np.isfinite(E[np.max(np.abs(x), axis=1) < 1e9]).all()
            assert np.isfinite(score[np.isfinite(E)]).all()
            assert not np.isnan(score).any()


def expected_numbers(name, key, purpose, chain, step, shape, dtype):
    """Return a row of philox for each chain and step, turned to (d, steps, chains)."""
    d, steps, chains = shape
    rows = np.empty((steps, chains, d), dtype)
    for k in range(steps):
        for c in range(chains):
            getattr(philox, name)(key, chain + c, step + k, purpose, rows[k, c])
    return np.moveaxis(rows, 2, 0)


def check_noise(noise):
    """Numbers are those of philox at each coordinate, step and chain."""
    for d in (1, 2, 3, 4, 5, 6, 9):
        at, shape = {"chain": 3, "step": 11}, (d, 2, 3)
        for dtype in (np.float32, np.float64):
            found = noise.draw_normals(KEY, PROPOSAL, shape=shape, dtype=dtype, **at)
            expected = expected_numbers("normals", KEY, PROPOSAL, 3, 11, shape, dtype)
            assert np.array_equal(found, expected)
        found = noise.draw_uniforms(KEY, ACCEPT, shape=shape, **at)
        expected = expected_numbers("uniforms", KEY, ACCEPT, 3, 11, shape, np.float64)
        assert np.array_equal(found, expected)


def check_per_chain(module):
    """A number is for all chains; of several each chain has that of its own number."""
    assert module.per_chain("T", np.array(0.5), 7, 3).tolist() == [0.5, 0.5, 0.5]
    numbers = np.array([1.0, 2.0, 3.0, 4.0])
    assert module.per_chain("T", numbers, 1, 2).tolist() == [2.0, 3.0]
    assert module.per_chain("T", numbers, 2, 2).tolist() == [3.0, 4.0]
    with pytest.raises(ValueError, match="chain 4 has no T"):
        module.per_chain("T", numbers, 3, 2)
    for bad in (0.0, -1.0, np.inf, np.nan, [1.0, 0.0]):
        with pytest.raises(ValueError, match="positive and finite"):
            module.require_positive("T", bad)
    assert module.require_positive("T", numbers).tolist() == [1.0, 2.0, 3.0, 4.0]


def check_center(ring):
    """At the center of a ring, and there alone, the force is zero by convention."""
    target = ring.ring_target(2.0, 0.5)
    x = np.array([[0.0, 0.0], [1e-9, 0.0], [0.0, -1e-9]])
    score = raw(target.score, x, target.params)
    np.testing.assert_allclose(score, [[0, 0], [8, 0], [0, -8]], rtol=1e-6, atol=0)
