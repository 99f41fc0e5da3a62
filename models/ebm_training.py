"""Maximum likelihood for an energy that is known up to log Z: data against draws.

For p_T(x) = exp(-E(x) / T) / Z the mean of -log p_T over data is E_data[E] / T + log Z.
By the parameters Theta of E, log Z has the derivative

    grad log Z = (1 / Z) int -(grad E / T) exp(-E / T) dx = -E_model[grad E] / T,

with the mean over p_T itself, so that

    grad(-E_data[log p_T]) = (E_data[grad E] - E_model[grad E]) / T.

A step down this slope lowers the energy where the data are and raises it where the
model's own draws are, until both have the same mean of grad E. With given draws y, the
negatives, it is the gradient of

    gap(Theta) = (mean E(x) - mean E(y)) / T,

in which y is held fixed: that y depends on Theta too has been counted already, in the
derivative of Z. The gap is no likelihood. It is near zero whether the model is good or
has not begun to learn; if it falls and falls, the energy of the negatives is raised and
they do not follow: the learning rate is too high for so few moves.

The negatives are chains at the temperature T, moved a little at each step: see
models/replay_buffer.py. As far as these have reached p_T, and as far as the moves leave
it as it is, the gradient is that of the likelihood. Moves of Langevin dynamics leave a
law with an error of order step_size, which the model then makes up for by an energy
that is not the one of the data; MALA has no such error. And if chains are begun anew
each time, and moved too briefly to reach p_T, what is fitted to the data is the law at
the end of those moves: a generator, whose energy is no longer that of a density.

Sources: G. Hinton and T. Sejnowski, in Parallel Distributed Processing 1 (1986),
chapter 7; L. Younes, Stochastics 65 (1999), 177; T. Tieleman, ICML (2008); E. Nijkamp,
M. Hill, S.-C. Zhu and Y. N. Wu, NeurIPS (2019), and AAAI (2020), for short chains.
"""

import math
from collections.abc import Callable

import numpy as np

from autodiff import value_and_grad
from optim.finite import NonFiniteError, require_finite
from samplers.chains import require_count
from samplers.errors import DivergenceError
from samplers.langevin import Langevin
from samplers.mala import MALA, acceptance_rate
from samplers.philox import draw_key

SAMPLERS: dict[str, type[Langevin]] = {"langevin": Langevin, "mala": MALA}


def energy_gap(ebm, x, y, temperature: float = 1.0):
    """Return (mean E(x) - mean E(y)) / T for data x and negatives y, (n, d) each."""
    return (np.mean(ebm.energy(x)) - np.mean(ebm.energy(y))) / temperature


def energy_descent(
    *,
    moves: int,
    step_size: float,
    sampler: str = "mala",
    temperature: float = 1.0,
    restart: float = 0.0,
) -> Callable:
    """Return the step of `fit` that lowers the gap to the negatives of a buffer.

    The state is (ebm, optimizer, buffer), with a ReplayBuffer, and a batch (x,), of
    x : (n, d). A step draws n chains of the buffer, moves them, puts them back, and
    steps down the gradient of the gap:

        rows, y = buffer.draw(n, restart, rng)
        y = y after so many moves at T
        buffer.put(rows, y)
        optimizer.step(ebm, grad(energy_gap)(ebm, x, y, T))

    Parameters
    ----------
    moves : steps of the sampler, at least 1
    step_size : eta of samplers/langevin.py, in units of x^2 / E
    sampler : "langevin", or "mala", which is exact and computes energies besides
    temperature : T, in units of E, that of the law whose likelihood is raised
    restart : the chance of a chain to begin anew at this step

    The metrics hold "loss", the gap in nats, and with MALA "acceptance", the share of
    the moves that were taken. Raises NonFiniteError, with the parameters and the buffer
    as they were, if a chain or the gap is not finite; ValueError for settings out of
    range.
    """
    kind = require_sampler(sampler)
    require_count("moves", moves, 1)
    require_temperature(temperature)
    require_restart(restart)
    differentiate = value_and_grad(energy_gap)

    def step(state, batch, rng):
        ebm, optimizer, buffer = state
        (x,) = batch
        chains = kind(ebm.target(), step_size, temperature)
        rows, y = buffer.draw(len(x), restart, rng)
        accepted = walk(chains, y, moves, rng)
        gap, gradient = differentiate(ebm, x, y, temperature)
        require_finite("the gap", gap)
        optimizer.step(ebm, gradient)
        buffer.put(rows, y)
        return state, {"loss": float(gap), **accepted}

    return step


def walk(sampler: Langevin, state, moves: int, rng) -> dict[str, float]:
    """Move the chains, (n, d), in place; return the share of moves taken, of MALA."""
    start, is_adjusted = state[:, np.newaxis].copy(), isinstance(sampler, MALA)
    thin = 1 if is_adjusted else moves
    draws = np.empty((len(state), moves // thin, state.shape[1]), state.dtype)
    key = draw_key(rng)
    try:
        sampler.advance(state, draws, key=key, chain=0, step=0, thin=thin)
    except DivergenceError as error:
        raise NonFiniteError(
            f"the negatives left the numbers: {error}. The parameters are those of the "
            "last good step. Lower step_size, or the learning rate"
        ) from error
    if not is_adjusted:
        return {}
    path = np.concatenate([start, draws], axis=1)
    return {"acceptance": float(acceptance_rate(path).mean())}


def require_sampler(name: str) -> type[Langevin]:
    """Return the class of a sampler by its name, or raise ValueError."""
    if name not in SAMPLERS:
        raise ValueError(
            f"there is no sampler {name!r}; the names are {', '.join(SAMPLERS)}"
        )
    return SAMPLERS[name]


def require_temperature(temperature: float) -> None:
    """Raise ValueError unless it is positive and finite."""
    if not 0 < temperature < math.inf:
        raise ValueError(
            f"temperature is {temperature}; exp(-E / T) needs T positive and finite, "
            "in the units of E"
        )


def require_restart(restart: float) -> None:
    """Raise ValueError unless it is a probability."""
    if not 0 <= restart <= 1:
        raise ValueError(
            f"restart is {restart}; it is the probability that a chain begins anew, "
            "from 0, for chains that go on for ever, to 1, for short runs"
        )
