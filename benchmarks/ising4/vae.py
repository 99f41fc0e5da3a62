"""A variational autoencoder that learns the 4 x 4 Ising model.

But for the prior there is one that has this law in it. With J = (A + 4) / T, of the
matrix A that couples neighbors, and spins s of -1 and +1,

    exp(-E(s) / T) ~ exp(s.J s / 2) ~ int exp(-g.J^-1 g / 2 + s.g) dg

(J. Hubbard, Physical Review Letters 3, 1959, 77). J has no eigenvalue below zero, and
one that is zero, of the chessboard, in whose direction g is zero. Given g the spins are
independent, each up with the odds e^(2 g_i); given s the field g is Gaussian, N(J s,
J), of a variance that is diagonal in plane waves and the same for all s. So a latent
for each spin suffices, and a linear encoder. What is left to the networks is to bend
the law of g to the prior N(0, I), and then the posterior is no longer quite a Gaussian.

In the ordered phase that law has two hills, which a network can hardly make of one
without a trace between them. But the lattice has a symmetry: to turn all spins changes
no energy. The examples are turned so that most of their spins are up (by a coin where
as many are down), the autoencoder learns the law r of these, and a coin turns the spins
that it generates:

    q(s) = (r(s) + r(-s)) / 2.

It learns by the importance-weighted bound L_k, which asks less of the encoder than the
ELBO does.

r is an integral over the latents, here the mean over n draws of them: with 2^17 the KL
of trained networks is known to about 4e-4 nats, with 2^20 to 1.5e-4. For each h the law
of 16 spins is the product of those of two bytes, so that 65,536 sums over h are one
product of matrices, (256, n) (n, 256).
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
from models import kl_divergence
from models.likelihoods import bernoulli_log_likelihood
from models.vae import VAE
from optim import CosineDecay
from samplers.machine import binary_states

LATENT, HIDDEN = 16, (64,)
BATCH, WEIGHTS = 200, 10  # examples of a step, and k of L_k
RATES = 1e-2, 1e-4  # of Adam, the first and the last
STEPS = {"quick": 120, "full": 5000}
LATENTS = {"quick": 2**15, "full": 2**20}  # from which r is summed
LOOKS = {"quick": 3, "full": 12}  # at the learning networks
BLOCK = 2**14


def generate(truth: Truth, draws: int, size: str, rng) -> Generated:
    """Train on draws of the exact law, and draw spins from what was learned."""
    X = most_up(units(truth.draw(EXAMPLES, rng)), rng)
    vae, curves = train(X, truth, size, rng)
    numbers = turned_draws(vae, draws, rng).reshape(GROUPS, -1)
    return Generated(
        numbers, decoder_parameters(vae), law(vae, LATENTS[size], rng), curves
    )


def most_up(x: NDArray, rng) -> NDArray[np.float32]:
    """Return units x : (n, 16), all turned where most are 0, or by a coin at a tie."""
    up = x.sum(axis=1, dtype=np.int64) - SITES // 2
    turned = up + rng.choice((-0.5, 0.5), len(x)) < 0
    return np.where(turned[:, np.newaxis], 1 - x, x).astype(np.float32)


def train(X, truth: Truth, size: str, rng):
    """Return a VAE that learned from X : (n, 16) float32, and its learning curve.

    That is KL(q || p) after some steps, by all states.
    """
    steps = STEPS[size]
    curves: dict[str, list[float]] = {"steps": [], "KL": []}
    due = set(np.geomspace(steps / 20, steps, LOOKS[size]).astype(int).tolist())

    def look(info):
        if info.step in due:
            q = law(info.state[0], LATENTS["quick"], info.step)
            curves["steps"].append(info.step)
            curves["KL"].append(float(kl_divergence(q, truth.p)))

    vae = VAE.create(
        SITES,
        LATENT,
        hidden=HIDDEN,
        activation="tanh",
        means=X.mean(axis=0),
        rng=rng,
        dtype=np.float32,
    )
    vae.fit(
        X,
        steps=steps,
        rng=rng,
        bound="iwae",
        samples=WEIGHTS,
        batch_size=BATCH,
        learning_rate=CosineDecay(RATES[0], steps, RATES[1]),
        callbacks=[look],
    )
    if vars(vae)["history_"].interrupted:
        raise KeyboardInterrupt
    return vae, curves


def decoder_parameters(vae: VAE) -> int:
    """Return how many numbers decide the law of x."""
    layers = vae.decoder.network.layers
    return sum(layer.weights.size + layer.bias.size for layer in layers)


def turned_draws(vae: VAE, draws: int, rng) -> NDArray[np.uint16]:
    """Return the numbers of states that are drawn from q, (draws,)."""
    numbers = np.empty(draws, np.uint16)
    for start in range(0, draws, BLOCK):
        part = numbers[start : start + BLOCK]
        part[:] = state_numbers(vae.sample(len(part), rng))
    # To turn all spins is to turn all bits of the number.
    return np.where(rng.random(draws) < 0.5, numbers, STATES - 1 - numbers)


def law(vae: VAE, n: int, rng) -> NDArray[np.float64]:
    """Return q of all states, (65536,), summed over n draws of the latents.

    n is a multiple of BLOCK.
    """
    r, rng = np.zeros((256, 256)), np.random.default_rng(rng)
    for _ in range(n // BLOCK):
        logits = vae.decoder.output(vae.draw_noise(BLOCK, rng))
        r += byte_laws(logits[:, :8]).T @ byte_laws(logits[:, 8:])
    r = r.ravel() / r.sum()
    return (r + r[::-1]) / 2


def byte_laws(logits: NDArray) -> NDArray:
    """Return the probabilities of 8 units' states from their logits, (n, 256)."""
    silent = bernoulli_log_likelihood(np.zeros_like(logits), logits)
    states = binary_states(8).astype(logits.dtype)
    return np.exp(logits @ states.T + silent[:, np.newaxis])
