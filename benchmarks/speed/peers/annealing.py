"""Annealed importance sampling of a binary Boltzmann machine, in PyTorch and in JAX.

    log p_beta(x) = beta a.x + sum_j softplus(beta t_j) - log Z_beta,   t = x W + b.

Particles are fair coins at beta = 0. Each next temperature adds to a log-weight what
log p_beta gains without its log Z, and then draws h and x by a sweep at that beta, but
for the last, after whose gain the particles are of no use.
"""

from itertools import pairwise

import numpy as np


def judged(problem, log_weights):
    """Return log Z in nats: the log of the mean weight, and that of 2^(M + N)."""
    log_weights = np.asarray(log_weights, np.float64)
    top = log_weights.max()
    log_mean = top + np.log(np.mean(np.exp(log_weights - top)))
    return {"log Z": log_mean + sum(problem["W"].shape) * np.log(2)}


def pytorch(problem):
    """addmm, uniform numbers and comparisons in place, and softplus of both betas."""
    import torch
    from torch.nn.functional import softplus

    W, a, b = (torch.tensor(problem[name]) for name in ("W", "a", "b"))
    betas = problem["betas"].tolist()
    particles, (visible, hidden) = int(problem["particles"]), W.shape
    t, h, u_h = (torch.empty(particles, hidden) for _ in range(3))
    x, p_x, u_x = (torch.empty(particles, visible) for _ in range(3))

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        for _ in range(repetitions):
            log_weights = torch.zeros(particles)
            torch.lt(u_x.uniform_(), 0.5, out=x)
            for before, beta in pairwise(betas):
                torch.addmm(b, x, W, out=t)
                log_weights.add_(x @ a, alpha=beta - before)
                log_weights += (softplus(t * beta) - softplus(t * before)).sum(1)
                if beta < 1:
                    torch.lt(u_h.uniform_(), t.mul_(beta).sigmoid_(), out=h)
                    torch.addmm(a, h, W.T, out=p_x).mul_(beta).sigmoid_()
                    torch.lt(u_x.uniform_(), p_x, out=x)
        return judged(problem, log_weights.numpy())

    return run


def jax(problem):
    """A compiled scan over the temperatures, each with two keys of its own."""
    import jax
    import jax.numpy as jnp

    W, a, b = (jnp.array(problem[name]) for name in ("W", "a", "b"))
    betas, particles = jnp.array(problem["betas"]), int(problem["particles"])

    def drawn(key, p):
        return (jax.random.uniform(key, p.shape) < p).astype(p.dtype)

    @jax.jit
    def anneal(key, betas, W, a, b):
        def gains(x, before, beta):
            t = x @ W + b
            hidden = jax.nn.softplus(beta * t) - jax.nn.softplus(before * t)
            return (beta - before) * (x @ a) + hidden.sum(axis=1), t

        def temperature(carried, given):
            x, log_weights = carried
            before, beta, keys = given
            gain, t = gains(x, before, beta)
            h = drawn(keys[0], jax.nn.sigmoid(beta * t))
            x = drawn(keys[1], jax.nn.sigmoid(beta * (h @ W.T + a)))
            return (x, log_weights + gain), None

        key, first, other = jax.random.split(key, 3)
        x = drawn(first, jnp.full((particles, len(a)), 0.5))
        keys = jax.random.split(other, (len(betas) - 2, 2))
        (x, log_weights), _ = jax.lax.scan(
            temperature, (x, jnp.zeros(particles)), (betas[:-2], betas[1:-1], keys)
        )
        return key, log_weights + gains(x, betas[-2], betas[-1])[0]

    def run(repetitions):
        key = jax.random.key(1)
        for _ in range(repetitions):
            key, log_weights = anneal(key, betas, W, a, b)
        return judged(problem, log_weights)

    return run
