"""A diffusion model that learns the 4 x 4 Ising model.

What it has to guess is known. Noise makes of the spins x = alpha s + sigma eps, and by
Bayes' rule, up to a factor that does not depend on s,

    p(s | x)  ~  p(s) exp(h.s),   h = alpha x / sigma^2.

That is the Ising model in a field on each site, and the best guess of s is its
magnetization <s>_h. Without couplings it is tanh h, from which the network starts: what
is left to it is what the neighbors say. The sum over all states is one over two bytes,

    <s>_h = sum_ab s L_a(h) p_ab R_b(h) / sum_ab L_a(h) p_ab R_b(h),

for n points a product of matrices (n, 256) (256, 256). So what a guess s^ misses is
known, and with it the gap of the bound of continuous time. Of the squared error E|s -
s^|^2 the best guess has a part too, and the integral of that is the entropy of p; the
rest, over the log SNR l, is

    E_p[log p - bound] = 1/2 int e^l E|s^ - <s>_h|^2 dl  >=  KL(p || q),

but for the ends, where nearly nothing is left to tell, or nothing is told yet; at T = 2
they are some 5e-4 nats. It is the KL of the whole way to the spins, and more than that
of the spins alone. The T steps of a chain add an error of order 1/T to all averages,
and read the spins off after the last of them, at a log SNR below that of the line's
beginning.

To turn all spins changes no energy, and <s>_-h = -<s>_h. The network is not made odd,
and unlike those of vae.py the examples are not turned to one side: two hills are no
obstacle to a chain that starts at noise, is symmetric there, and takes a side on its
way. The examples are learned together with their reverse, and a coin turns what was
generated. KL(q || p) is convex in q, so that it is at most as large as without.

q has no sum that one could do. It is known by its draws alone, which cost T times the
network, and are fewer than those of other families.

Sources: D. Guo, S. Shamai and S. Verdu, IEEE Transactions on Information Theory 51
(2005), for the integral; G. Raya and L. Ambrogioni, NeurIPS (2023), for the symmetry.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.ising4.law import (
    EXAMPLES,
    GROUPS,
    SITES,
    STATES,
    Generated,
    Truth,
    state_numbers,
    units,
)
from benchmarks.ising4.vae import byte_laws
from models.diffusion import Diffusion
from models.diffusion_forms import signal_and_noise
from models.levels import level_log_probabilities
from models.log_snr import LinearLogSNR
from optim import CosineDecay
from samplers.machine import binary_states

LEVELS = -1, 1
HIDDEN = {"quick": (64, 64), "full": (128, 128)}
ENDS = 3.0, -6.0  # of the log SNR
BATCH = 256
RATES = 3e-3, 3e-5  # of Adam, the first and the last
STEPS = {"quick": 300, "full": 15_000}
CHAIN = {"quick": 24, "full": 40}  # T
POINTS = {"quick": 4000, "full": 20_000}  # at which the guess is held to the best
LOOKS = {"quick": 3, "full": 12}  # at the learning network


def generate(truth: Truth, draws: int, size: str, rng) -> Generated:
    """Train on draws of the exact law, and draw spins by the reverse chain."""
    x = spins(truth.draw(EXAMPLES, rng))
    model, curves = train(np.concatenate([x, -x]), truth, size, rng)
    numbers = turned_draws(model, draws, CHAIN[size], rng).reshape(GROUPS, -1)
    layers = model.denoiser.network.layers
    parameters = sum(layer.weights.size + layer.bias.size for layer in layers)
    return Generated(numbers, parameters, curves=curves)


def spins(numbers: NDArray) -> NDArray[np.float32]:
    """Return states by number as spins of -1 and +1, (n, 16)."""
    return 2 * units(numbers).astype(np.float32) - 1


def train(X, truth: Truth, size: str, rng):
    """Return a model that learned from X : (n, 16) float32, and its learning curve.

    That is the gap of the bound after some steps.
    """
    steps = STEPS[size]
    curves: dict[str, list[float]] = {"steps": [], "gap": []}
    due = set(np.geomspace(steps / 20, steps, LOOKS[size]).astype(int).tolist())

    def look(info):
        if info.step in due:
            model, _, average = info.state
            seen = average.averaged(model)
            curves["steps"].append(info.step)
            curves["gap"].append(gap(seen, truth, POINTS[size], info.step))

    model = Diffusion.create(
        SITES,
        levels=LEVELS,
        log_snr=LinearLogSNR(*ENDS),
        hidden=HIDDEN[size],
        activation="tanh",
        form="x0",
        prior=level_log_probabilities(X, LEVELS),
        rng=rng,
        dtype=np.float32,
    )
    model.fit(
        X,
        steps=steps,
        rng=rng,
        loss="bound",
        decay=1 - 20 / steps,
        batch_size=BATCH,
        learning_rate=CosineDecay(RATES[0], steps, RATES[1]),
        callbacks=[look],
    )
    if vars(model)["history_"].interrupted:
        raise KeyboardInterrupt
    return model, curves


def turned_draws(model: Diffusion, draws: int, T: int, rng) -> NDArray[np.uint16]:
    """Return the numbers of states that are drawn from q, (draws,)."""
    numbers = state_numbers(model.sample(draws, rng, steps=T))
    # To turn all spins is to turn all bits of the number.
    return np.where(rng.random(draws) < 0.5, numbers, STATES - 1 - numbers)


def gap(model: Diffusion, truth: Truth, n: int, rng) -> float:
    """Return the gap of the bound in nats, by n points, evenly over the log SNR."""
    rng = np.random.default_rng(rng)
    s = spins(truth.draw(n, rng))
    log_snr = model.log_snr(((np.arange(n) + rng.random(n)) / n).astype(np.float32))
    alpha, sigma = (row[:, np.newaxis] for row in signal_and_noise(log_snr))
    x = alpha * s + sigma * model.draw_noise(n, rng)
    off = model.denoise(x, log_snr) - magnetizations(truth, alpha / sigma**2 * x)
    weight = (ENDS[0] - ENDS[1]) / 2 * np.exp(log_snr)
    return float(np.mean(weight * np.sum(off**2, axis=1), dtype=np.float64))


def magnetizations(truth: Truth, h: NDArray) -> NDArray:
    """Return the mean of each spin in the fields h : (n, 16), over T, (n, 16)."""
    p = truth.p.reshape(256, 256).astype(h.dtype)
    left, right = byte_laws(2 * h[:, :8]), byte_laws(2 * h[:, 8:])
    of_left, of_right = left * (right @ p.T), right * (left @ p)
    byte = 2 * binary_states(8).astype(h.dtype) - 1
    sums = np.concatenate([of_left @ byte, of_right @ byte], axis=1)
    return sums / of_left.sum(axis=1, keepdims=True)
