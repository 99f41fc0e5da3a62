"""How probable data are to an energy-based model of a network, and its log Z.

    log p_T(x) = -E(x) / T - log Z(T),   E(x) = f(x) + |x|^2 / (2 s^2).

On a line or in a plane Z is an integral by quadrature, over a box that misses nothing.
Let f change by no more than L |x - y| between two points: L is at most the product of
the layers' spectral norms and of the largest slopes of their activations. With r = |x|,

    E(x) >= f(0) - L r + r^2 / (2 s^2),

which grows for r > s^2 L. On the other hand Z is at least what f(x) <= f(0) + L r
leaves, by Jensen's inequality with the mean over the Gaussian N(0, s^2 T I), where the
mean of r is at most s sqrt(d T):

    log Z >= -f(0) / T - L s sqrt(d / T) + (d / 2) log(2 pi s^2 T).

So p_T(x) is below e^-c of the Gaussian's peak as soon as r^2 / (2 s^2) - L r reaches
L s sqrt(d T) + c T, that is, for all x outside of the box |x_i| <= R with

    R = s^2 L + sqrt(s^4 L^2 + 2 s^2 (L s sqrt(d T) + c T)).

In more dimensions Z is estimated by annealed importance sampling, by the path

    E_beta(x) / T = |x|^2 / (2 s^2 T) + beta f(x) / T

from that Gaussian, whose Z is known, to p_T: it turns the network on.

Source for the second: R. M. Neal, Statistics and Computing 11 (2001), 125.
"""

import math
from concurrent.futures import Executor
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff import tree_map
from models.ebm_training import require_temperature
from models.estimate import Estimate, require_log_partition
from models.estimator import checked_examples
from models.mlp import MLP
from samplers.annealing import annealed_importance
from samplers.chains import require_count
from samplers.energy_path import EnergyPath
from samplers.gaussian import gaussian_target
from samplers.quadrature import Quadrature, quadrature

METHODS = "auto", "quadrature", "ais"
SLOPES = {"sigmoid": 0.25}  # the largest ones; those of other activations are 1
TOLERANCE = 1e-8  # of Z by quadrature
VANISHED = 60.0  # c above: e^-60 = 1e-26
ROWS = 4096  # points at a time, so that the layers of a network stay in a cache


def law(ebm, temperature: float, tolerance: float) -> Quadrature:
    """See EBM.law."""
    if ebm.dimension > 2:
        raise ValueError(
            f"x has {ebm.dimension} coordinates, and quadrature takes one or two: "
            'write log_partition(method="ais", rng=0), an estimate'
        )
    require_temperature(temperature)
    side = reach(ebm, temperature)
    return quadrature(
        energy_in_float64(ebm),
        [(-side, side)] * ebm.dimension,
        temperature=temperature,
        tolerance=tolerance,
    )


def log_partition(
    ebm,
    method: str,
    temperature: float,
    tolerance: float,
    rng,
    temperatures: int,
    particles: int,
    step_size: float,
    executor: Executor | None,
) -> Estimate:
    """See EBM.log_partition."""
    if method not in METHODS:
        raise ValueError(
            f"there is no method {method!r}; the names are {', '.join(METHODS)}"
        )
    if method == "auto":
        method = "quadrature" if ebm.dimension <= 2 else "ais"
    if method == "quadrature":
        return Estimate(float(law(ebm, temperature, tolerance).log_partition))
    if rng is None:
        raise ValueError(
            f"log Z of {ebm.dimension} coordinates is estimated by annealed importance "
            "sampling, which draws random numbers: write log_partition(rng=0)"
        )
    path = path_to(ebm, temperature, step_size)
    betas = np.linspace(0, 1, require_count("temperatures", temperatures, 1) + 1)
    weights = annealed_importance(path, betas, particles, rng=rng, executor=executor)
    return Estimate(weights.log_partition, weights.standard_error)


def log_likelihood(
    ebm, X: ArrayLike, temperature: float, log_Z: float | Estimate | None
) -> NDArray[np.float64]:
    """See EBM.log_likelihood."""
    X = points(ebm, X)
    require_temperature(temperature)
    if log_Z is None:
        if ebm.dimension > 2:
            raise ValueError(
                f"log Z of {ebm.dimension} coordinates has to be estimated: write "
                "log_partition=ebm.log_partition(rng=0)"
            )
        log_Z = law(ebm, temperature, TOLERANCE).log_partition
    with np.errstate(over="ignore"):  # an energy of infinity, so far out
        energies = energy_in_float64(ebm)(X.astype(np.float64))
    return -energies / temperature - require_log_partition(log_Z)


def points(ebm, X: ArrayLike) -> NDArray:
    """Return X as (n, d) finite numbers of the model's dtype, or raise."""
    X = checked_examples(X, ebm.dtype)
    if X.shape[1] != ebm.dimension:
        raise ValueError(
            f"X has shape {X.shape} and this model is one of {ebm.dimension} "
            f"coordinates; X is (n, {ebm.dimension}), a row an example"
        )
    return X


def energy_in_float64(ebm):
    """Return the energy of x : (n, d) in float64, (n,), computed some rows at a time.

    The parameters may be rounded to float32, but the sums are not.
    """
    exact = tree_map(lambda array: array.astype(np.float64), ebm)

    def energy(x):
        parts = [exact.energy(x[k : k + ROWS]) for k in range(0, len(x), ROWS)]
        return np.concatenate(parts)

    return energy


def reach(ebm, temperature: float) -> float:
    """Return R, half the side of a box beyond which p_T has vanished."""
    s, L = ebm.prior_sd, lipschitz(ebm.network)
    rise = L * s * math.sqrt(ebm.dimension * temperature) + VANISHED * temperature
    return s * (s * L + math.sqrt((s * L) ** 2 + 2 * rise))


def lipschitz(network: MLP) -> float:
    """Return a bound of |f(x) - f(y)| / |x - y|."""
    slopes = (SLOPES.get(layer.activation, 1.0) for layer in network.layers)
    norms = (np.linalg.norm(layer.weights, 2) for layer in network.layers)
    return math.prod(slopes) * float(math.prod(norms))


def path_to(ebm, temperature: float, step_size: float) -> EnergyPath:
    """Return the path from N(0, s^2 T I) to p_T.

    The path knows no temperature; what it leads to is E / T, with the step size in
    units of x^2.
    """
    require_temperature(temperature)
    sd = ebm.prior_sd * math.sqrt(temperature)
    *inner, last = ebm.network.layers
    last = replace(
        last, weights=last.weights / temperature, bias=last.bias / temperature
    )
    target = replace(ebm, network=MLP([*inner, last]), prior_sd=sd).target()
    base = gaussian_target(
        np.zeros(ebm.dimension), sd**2 * np.eye(ebm.dimension), dtype=ebm.dtype
    )
    return EnergyPath(target, base, step_size * temperature)
