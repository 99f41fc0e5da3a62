"""The forward chain of a diffusion, which turns data into noise step by step.

    q(x_t | x_t-1) = N(sqrt(alpha_t) x_t-1, beta_t I),   alpha_t + beta_t = 1,

so that coordinates of variance 1 keep it. All steps up to t together are one jump,

    q(x_t | x_0) = N(sqrt(abar_t) x_0, (1 - abar_t) I),   abar_t = alpha_1 ... alpha_t:

factors multiply, and if x_t-1 has the noise 1 - abar_t-1, then x_t has alpha_t (1 -
abar_t-1) + 1 - alpha_t = 1 - abar_t. Training draws x_t by the jump; the chain shows
what the reverse one, samplers/reverse.py, has to undo.

Source: J. Ho, A. Jain and P. Abbeel, Denoising diffusion probabilistic models, NeurIPS
(2020), section 2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from samplers.kernel import kernel
from samplers.layers import addresses_of, fill_normals
from samplers.noise import NUMBERS
from samplers.philox import FORWARD
from samplers.points import require_dimension, require_float, require_points
from samplers.schedules import Schedule, require_schedule


def jump(x_0: NDArray, t: ArrayLike, schedule: Schedule, noise: NDArray) -> NDArray:
    """Return sqrt(abar_t) x_0 + sqrt(1 - abar_t) noise, a draw from q(x_t | x_0).

    x_0 : (n, ...), float32 or float64, such as (n, d) or (n, height, width)
    t : the time, 0 to T; or (n,), one for each x_0
    noise : of the shape and dtype of x_0, independent N(0, 1)

    Raises ValueError or TypeError if these do not fit.
    """
    t = schedule.times(t)
    if noise.shape != x_0.shape or t.shape not in ((), x_0.shape[:1]):
        raise ValueError(
            f"x_0 {x_0.shape}, noise {noise.shape} and t {t.shape} do not fit; noise "
            "has the shape of x_0, so that no two numbers share theirs, and t is one "
            "time or (n,)"
        )
    if noise.dtype != require_float(x_0.dtype):
        raise TypeError(
            f"noise is {noise.dtype} and x_0 {x_0.dtype}, and x_t can have but one of "
            "them; write rng.standard_normal(x_0.shape, x_0.dtype)"
        )
    shape = t.shape + (1,) * (x_0.ndim - 1 if t.ndim else 0)
    scale = schedule.signal[t].astype(x_0.dtype).reshape(shape)
    spread = schedule.noise[t].astype(x_0.dtype).reshape(shape)
    return scale * x_0 + spread * noise


@kernel
def diffuse(x, noise, scale, spread):
    """Set x : (n,) to scale x + spread noise, for two numbers and noise : (n,)."""
    for i in range(x.size):
        x[i] = scale * x[i] + spread * noise[i]


@kernel
def keep(x, draws, n):
    """Write x : (chains, sites) to draws : (chains, n, d), as draw n."""
    for c in range(len(draws)):
        row, out = x[c], draws[c, n]
        for j in range(out.size):
            out[j] = row[j]


@kernel
def take_steps(x, scale, spread, key, chain, step, thin, draws):
    """Take all steps, and keep every state of which thin is due.

    x : (chains, sites), changed in place; sites from d on fill up a block of Philox
    scale, spread : (steps,), sqrt(alpha_t) and sqrt(beta_t)
    key, chain, step, thin, draws : as for Forward.advance

    All chains are one row for the loops, be they many of two sites or a single image.
    """
    noise = np.empty_like(x)
    addresses = addresses_of(chain, noise)
    for k in range(scale.size):
        fill_normals(key, step + k, FORWARD, addresses, noise)
        diffuse(x.reshape(-1), noise.reshape(-1), scale[k], spread[k])
        if (k + 1) % thin == 0:
            keep(x, draws, k // thin)


@dataclass(frozen=True, eq=False)
class Forward:
    """One step is x_t = sqrt(alpha_t) x_t-1 + sqrt(beta_t) xi; after k steps t is k.

    schedule : of alpha and beta
    dimension : d; the state is (chain, d)
    dtype : in which chains compute, float32 or float64

    >>> from samplers.chains import Chains
    >>> from samplers.schedules import cosine
    >>> x_0 = np.full((1000, 1), 3.0)
    >>> chains = Chains(Forward(cosine(100), 1), state=x_0, rng=0)

    Draw k is at t = k + 1; with thin = 20 it would be at t = 20 (k + 1).

    >>> x = chains.run(100)
    >>> x[:, [0, 49, 99], 0].mean(axis=0), x[:, [0, 49, 99], 0].std(axis=0)
    (array([ 3.00, 2.13, -0.04]), array([0.02, 0.70, 0.99]))

    Raises ValueError or TypeError if schedule, dimension or dtype are none.
    """

    schedule: Schedule
    dimension: int
    dtype: DTypeLike = np.float64

    def __post_init__(self):
        require_schedule(self.schedule)
        object.__setattr__(self, "dimension", require_dimension(self.dimension))
        object.__setattr__(self, "dtype", require_float(self.dtype))

    def start(self, key: np.uint64, chains: int) -> NDArray:
        """Raise ValueError: a forward chain starts from data."""
        raise ValueError(
            "a forward chain starts from data, which only you have; write "
            "Chains(forward, state=x_0, rng=0), with x_0 : (chain, d)"
        )

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (chain, d), in the dtype, or raise ValueError."""
        return require_points(state, self.dimension, self.dtype)

    def advance(
        self,
        state: NDArray,
        draws: NDArray,
        *,
        key: np.uint64,
        chain: int,
        step: int,
        thin: int,
    ) -> None:
        """Take n times `thin` steps and keep the state after each `thin` of them.

        state : (chain, d), as `check` returns it, changed in place
        draws : (chain, n, d), of the same dtype, written
        chain, step : the number of the first chain, and of the steps done before

        Raises ValueError beyond T.
        """
        total = draws.shape[1] * thin
        require_end(step + total, self.schedule.steps)
        now = slice(step + 1, step + total + 1)
        scale = np.sqrt(self.schedule.alpha[now]).astype(state.dtype)
        spread = np.sqrt(self.schedule.beta[now]).astype(state.dtype)
        sites = self.dimension + -self.dimension % (16 // state.itemsize)
        chains = max(1, NUMBERS // sites)
        for first in range(0, len(state), chains):
            here = slice(first, first + chains)
            x = np.zeros((len(state[here]), sites), state.dtype)
            x[:, : self.dimension] = state[here]
            address = np.uint64(key), chain + first, step
            take_steps(x, scale, spread, *address, thin, draws[here])
            state[here] = x[:, : self.dimension]


def require_end(last: int, steps: int) -> None:
    """Raise ValueError if the last step is beyond the number of those there are."""
    if last > steps:
        raise ValueError(
            f"this would be step {last} of a diffusion that has {steps}; let burn_in + "
            f"draws * thin be at most {steps}, as in Chains(..., thin={steps}).run(1) "
            "for the end alone"
        )
