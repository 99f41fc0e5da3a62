"""Boltzmann machines as the 4 x 4 Ising model: one by hand, and one that learns it.

In spins of -1 and +1 for all units, a hidden unit that is coupled by w to two visible
spins s and s' gives them, summed over its two states, the factor

    2 cosh(w (s + s')) = 2 cosh(2 w) if s = s', else 2,

which is a bond exp(K s s') up to a constant if exp(2 K) = cosh(2 w). A hidden unit for
each of the 32 bonds makes a machine whose law is that of the Ising model, K = 1 / T
(the decoration transformation of M. Fisher, Physical Review 113, 1959, 969). So that
many units suffice.

The other machine has as many and learns from draws, by persistent contrastive
divergence with three precautions. Its gradient is centered: that of a machine in the
units x - 1/2 and h - 1/2, in which to flip all spins turns no coupling into a bias (J.
Melchior, A. Fischer and L. Wiskott, Journal of Machine Learning Research 17, 2016, no.
99). It starts with couplings that break the permutations of the hidden units, without a
field on any spin. And it is the average of the parameters along the end of the run:
while they move, they favor now the states up and now the states down, whose balance
chains learn last.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.ising4.law import (
    EXAMPLES,
    GROUPS,
    SHAPE,
    SITES,
    Generated,
    Truth,
    state_numbers,
    units,
)
from models import kl_divergence
from models.contrastive_divergence import persistent_contrastive_divergence
from models.rbm import RBM
from models.rbm_gradient import gap_value_and_gradient
from optim import SGD, Batches, CosineDecay, MovingAverage, fit
from samplers.chains import Chains
from samplers.exact import visible_probabilities
from samplers.gibbs import Gibbs

HIDDEN = 32
BATCH, PERSISTENT = 200, 500
RATES = 2.0, 0.02  # the first and the last
SPREAD = 0.3  # of the first couplings
STEPS = {"quick": 2000, "full": 20_000}
LOOKS = 16  # at the learning machine
CHAINS = 20_000  # that draw, with burn-in and thinning by size:
SWEEPS = {"quick": (60, 2), "full": (200, 4)}
PARAMETERS = SITES * HIDDEN + SITES + HIDDEN


def generate(truth: Truth, draws: int, size: str, rng) -> Generated:
    """Train a machine on draws of the exact law, and draw from it by Gibbs chains."""
    numbers = truth.draw(EXAMPLES, rng)
    rbm, curves = train(units(numbers).astype(np.float32), truth, STEPS[size], rng)
    burn_in, thin = SWEEPS[size]
    return Generated(
        gibbs_draws(rbm, draws, burn_in, thin, rng),
        PARAMETERS,
        visible_probabilities(rbm.machine),
        curves,
    )


def by_hand(T: float) -> RBM:
    """Return the machine that is the Ising model at a temperature."""
    sites = np.arange(SITES).reshape(SHAPE)
    pairs = [(sites, np.roll(sites, -1, axis)) for axis in (0, 1)]
    w = np.arccosh(np.exp(2 / T)) / 2
    W = np.zeros((SITES, HIDDEN))
    for ends in zip(*pairs, strict=True):
        W[np.ravel(ends), np.arange(HIDDEN)] = 4 * w
    return without_fields(W)


def without_fields(W: NDArray) -> RBM:
    """Return the machine of these couplings that has no field on any unit as a spin.

    x.W h with x = (1 + s) / 2 and h = (1 + t) / 2 has the fields W 1 / 4 and 1 W / 4,
    which the biases take away.
    """
    return RBM(W, -W.sum(axis=1) / 2, -W.sum(axis=0) / 2)


def centered(rbm: RBM, x, y):
    """Return the free-energy gap and its centered gradient, see the module.

    With x - 1/2 and h - 1/2 in the energy the biases are a' = a + W 1 / 2 and b' = b +
    1 W / 2. A step along the gradient by W, a' and b' is, in W, a and b, what is
    returned.
    """
    value, slopes = gap_value_and_gradient(rbm, x, y)
    slopes.W -= (slopes.a[:, np.newaxis] + slopes.b) / 2
    slopes.a -= slopes.W.sum(axis=1) / 2
    slopes.b -= slopes.W.sum(axis=0) / 2
    return value, slopes


def train(X, truth: Truth, steps: int, rng):
    """Return a machine that learned from X : (n, 16) float32, and its curves.

    These are KL(q || p) after some steps, by all states, of the machine that moves and
    of its average.
    """
    W = SPREAD * rng.standard_normal((SITES, HIDDEN), np.float32)
    rbm, average = without_fields(W), MovingAverage(1 - 8 / steps)
    curves: dict[str, list[float]] = {"steps": [], "moving": [], "average": []}
    due = set(np.geomspace(steps / 100, steps, LOOKS).astype(int).tolist())

    def look(info):
        moving = info.state[0]
        average.update(moving)
        if info.step in due:
            curves["steps"].append(info.step)
            for name, seen in (
                ("moving", moving),
                ("average", average.averaged(moving)),
            ):
                q = visible_probabilities(seen.machine)
                curves[name].append(float(kl_divergence(q, truth.p)))

    optimizer = SGD(CosineDecay(RATES[0], steps, RATES[1]))
    _, history = fit(
        persistent_contrastive_divergence(gradient=centered),
        (rbm, optimizer, X[:PERSISTENT].copy()),
        Batches(X, size=BATCH, rng=rng),
        steps=steps,
        rng=rng,
        callbacks=[look],
    )
    if history.interrupted:
        raise KeyboardInterrupt
    return average.averaged(rbm), curves


def gibbs_draws(rbm: RBM, draws: int, burn_in: int, thin: int, rng) -> NDArray:
    """Return the numbers of states of chains that start at random, (group, draw)."""
    chains = Chains(
        Gibbs(rbm.machine),
        CHAINS,
        rng=rng,
        burn_in=burn_in,
        thin=thin,
        statistic=state_numbers,
    )
    return chains.run(draws // CHAINS).reshape(GROUPS, -1)
