"""Unadjusted Langevin dynamics on a mixture of Gaussians, in PyTorch and in JAX.

A step is x' = x + STEP_SIZE score + sqrt(2 STEP_SIZE) noise, of which a repetition
makes STEPS for each chain. As one writes it first, x is (chains, 2), and each step
draws its noise. Both libraries are several times as fast where x is (2, chains), so
that the softmax is not over the shorter axis; the logits are a product of matrices,
which takes equal sds; and all noise of a repetition is drawn in one call before it.
"""

import numpy as np

from benchmarks.speed.peers.mixture import SD, judged

STEPS = 100  # of a repetition
STEP_SIZE = 0.04
SPREAD = (2 * STEP_SIZE) ** 0.5


def linear_logits(problem):
    """Return slopes : (K, 2) and offsets : (K, 1) of the logits of a ring."""
    w, m = problem["weights"], problem["means"]
    offsets = np.log(w) - (m**2).sum(axis=1) / (2 * SD**2)
    return (m / SD**2).astype(np.float32), offsets.astype(np.float32)[:, np.newaxis]


def pytorch(problem):
    """Two products and a softmax, and the update in place."""
    import torch

    slopes, offsets = map(torch.tensor, linear_logits(problem))
    pull = torch.tensor(STEP_SIZE / SD**2 * problem["means"].T)
    chains = len(problem["state"])
    r = torch.empty(len(slopes), chains)

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        x = torch.tensor(problem["state"].T.copy())
        for _ in range(repetitions):
            for noise in torch.randn(STEPS, 2, chains):
                torch.softmax(torch.addmm(offsets, slopes, x), 0, out=r)
                x = torch.addmm(x, pull, r, beta=1 - STEP_SIZE / SD**2)
                x.add_(noise, alpha=SPREAD)
        return judged(x.T.numpy(), problem["means"])

    return run


def jax_as_written(problem):
    """A compiled scan over the steps, with chains in rows."""
    import jax
    import jax.numpy as jnp

    log_w, means = jnp.log(problem["weights"]), jnp.array(problem["means"])

    @jax.jit
    def steps(key, x, log_w, means):
        def step(x, key):
            away = means - x[:, None]
            r = jax.nn.softmax(log_w - (away**2).sum(axis=2) / (2 * SD**2), axis=1)
            score = (r[:, :, None] * away).sum(axis=1) / SD**2
            noise = jax.random.normal(key, x.shape)
            return x + STEP_SIZE * score + SPREAD * noise, None

        key, other = jax.random.split(key)
        x, _ = jax.lax.scan(step, x, jax.random.split(other, STEPS))
        return key, x

    def run(repetitions):
        key, x = jax.random.key(1), jnp.array(problem["state"])
        for _ in range(repetitions):
            key, x = steps(key, x, log_w, means)
        return judged(x, problem["means"])

    return run


def jax(problem):
    """A compiled scan over the steps, with chains in columns."""
    import jax
    import jax.numpy as jnp

    slopes, offsets = map(jnp.array, linear_logits(problem))
    means = jnp.array(problem["means"].T)

    @jax.jit
    def steps(key, x, slopes, offsets, means):
        def step(x, noise):
            r = jax.nn.softmax(slopes @ x + offsets, axis=0)
            score = (means @ r - x) / SD**2
            return x + STEP_SIZE * score + SPREAD * noise, None

        key, other = jax.random.split(key)
        noise = jax.random.normal(other, (STEPS, *x.shape))
        x, _ = jax.lax.scan(step, x, noise)
        return key, x

    def run(repetitions):
        key, x = jax.random.key(1), jnp.array(problem["state"].T)
        for _ in range(repetitions):
            key, x = steps(key, x, slopes, offsets, means)
        return judged(x.T, problem["means"])

    return run
