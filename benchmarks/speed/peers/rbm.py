"""Learning by a restricted Boltzmann machine: one update in PyTorch and in JAX.

From p(h|x) for the data, one Gibbs step x -> h -> y and p(h|y),

    v <- MOMENTUM v + RATE ((x^T p - y^T q) / n - DECAY W),   W <- W + v,

and so for the biases, by x - y and p - q, without the decay. All is done in place, and
nothing else is computed: no loss. Libraries cannot draw the same numbers, so that the
means of what has moved are compared, and how far W has moved along what it was, which
tells draws from means and one Gibbs step from two.
"""

import numpy as np

from benchmarks.speed.later import Later

RATE, MOMENTUM, DECAY = 0.01, 0.5, 0.01


def judged(problem, W, a, b):
    """Return the mean change of each parameter, and that of W along W, per |W|^2."""
    theta = {"W": W, "a": a, "b": b}
    means = {
        name: Later(mean_change, array, problem[name]) for name, array in theta.items()
    }
    return means | {"along W": Later(change_along, W, problem["W"])}


def mean_change(new, old):
    """Return the mean of new - old."""
    return np.mean(np.asarray(new, float) - old)


def change_along(new, old):
    """Return (new - old).old / |old|^2."""
    old = old.astype(float)
    return np.vdot(np.asarray(new, float) - old, old) / np.vdot(old, old)


def pytorch(problem):
    """In place, without a graph: addmm, uniform_, lt, the gradient into the velocity.

    bernoulli takes longer than uniform numbers and a comparison.
    """
    import torch

    x = torch.tensor(problem["x"])
    (n, visible), hidden = x.shape, len(problem["b"])
    p, q, h, u_h = (torch.empty(n, hidden) for _ in range(4))
    y, u_y = (torch.empty(n, visible) for _ in range(2))

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        W, a, b = theta = [torch.tensor(problem[name]) for name in ("W", "a", "b")]
        v_W, v_a, v_b = velocities = [torch.zeros_like(array) for array in theta]
        for _ in range(repetitions):
            torch.addmm(b, x, W, out=p).sigmoid_()
            torch.lt(u_h.uniform_(), p, out=h)
            torch.addmm(a, h, W.T, out=y).sigmoid_()
            torch.lt(u_y.uniform_(), y, out=y)
            torch.addmm(b, y, W, out=q).sigmoid_()
            v_W.addmm_(x.T, p, beta=MOMENTUM, alpha=RATE / n)
            v_W.addmm_(y.T, q, alpha=-RATE / n).add_(W, alpha=-RATE * DECAY)
            v_a.mul_(MOMENTUM).add_(x.sum(0) - y.sum(0), alpha=RATE / n)
            v_b.mul_(MOMENTUM).add_(p.sum(0) - q.sum(0), alpha=RATE / n)
            for array, velocity in zip(theta, velocities, strict=True):
                array.add_(velocity)
        return judged(problem, W, a, b)

    return run


def jax(problem):
    """One compiled update that overwrites its buffers, launched without waiting.

    Its other generator, rbg, takes longer here than threefry, which fuses with the
    comparison.
    """
    import jax
    import jax.numpy as jnp

    x = jnp.array(problem["x"])

    def drawn(key, p):
        return (jax.random.uniform(key, p.shape) < p).astype(p.dtype)

    def update(state, x):
        (W, a, b), velocities, key = state
        key, key_h, key_y = jax.random.split(key, 3)
        p = jax.nn.sigmoid(x @ W + b)
        y = drawn(key_y, jax.nn.sigmoid(drawn(key_h, p) @ W.T + a))
        q = jax.nn.sigmoid(y @ W + b)
        g_W = (x.T @ p - y.T @ q) / len(x) - DECAY * W
        g = g_W, (x - y).mean(axis=0), (p - q).mean(axis=0)
        v = jax.tree.map(lambda v, g: MOMENTUM * v + RATE * g, velocities, g)
        return jax.tree.map(jnp.add, (W, a, b), v), v, key

    compiled = jax.jit(update, donate_argnums=0)

    def run(repetitions):
        theta = tuple(jnp.array(problem[name]) for name in ("W", "a", "b"))
        velocities = jax.tree.map(jnp.zeros_like, theta)
        state = theta, velocities, jax.random.key(1)
        for _ in range(repetitions):
            state = compiled(state, x)
        jax.block_until_ready(state)
        return judged(problem, *state[0])

    return run
