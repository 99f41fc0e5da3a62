"""Unadjusted Langevin dynamics in the energy of a network, in PyTorch and in JAX.

    E(x) = f(x) + |x|^2 / (2 PRIOR_SD^2),   f(x) = tanh(tanh(x W0 + b0) W1 + b1) W2 + b2

A step is x' = x - STEP_SIZE grad E + sqrt(2 STEP_SIZE) noise, of which a repetition
makes STEPS for each chain. x is (chains, 2); with chains in columns JAX takes a little
longer. All noise of a repetition is drawn in one call before it.
"""

import numpy as np

STEPS = 60  # of a repetition
STEP_SIZE = 0.05
PRIOR_SD = 2.0
SPREAD = (2 * STEP_SIZE) ** 0.5
WEIGHTS, BIASES = ("W0", "W1", "W2"), ("b0", "b1", "b2")


def judged(score, x):
    """Return -grad E at the first states, and the mean square of the last, (chains, 2).

    No two libraries draw the same noise, so only the first of these is exact.
    """
    square = np.mean(np.sum(np.asarray(x, np.float64) ** 2, axis=1))
    return {"score": np.asarray(score), "mean square": square}


def pytorch(problem):
    """By hand, forwards and backwards: addmm, tanh_ and mul_, most of it in place."""
    import torch

    W0, W1, W2 = (torch.tensor(problem[name]) for name in WEIGHTS)
    b0, b1, _ = (torch.tensor(problem[name]) for name in BIASES)
    one = torch.ones(())

    def gradient(x):
        a = torch.addmm(b0, x, W0).tanh_()
        delta = torch.addmm(b1, a, W1).tanh_()
        delta = torch.addcmul(one, delta, delta, value=-1).mul_(W2.T)
        delta = torch.addcmul(one, a, a, value=-1).mul_(torch.mm(delta, W1.T))
        return torch.addmm(x, delta, W0.T, beta=PRIOR_SD**-2)

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        x = torch.tensor(problem["state"])
        for _ in range(repetitions):
            for noise in torch.randn(STEPS, *x.shape):
                x = torch.add(x, gradient(x), alpha=-STEP_SIZE)
                x.add_(noise, alpha=SPREAD)
        return judged(score, x)

    with torch.inference_mode():
        score = -gradient(torch.tensor(problem["state"])).numpy()
    return run


def jax(problem):
    """The gradient by jax.grad, in a compiled scan over the steps."""
    import jax
    import jax.numpy as jnp

    weights = [jnp.array(problem[name]) for name in WEIGHTS + BIASES]

    def energy(x, W0, W1, W2, b0, b1, b2):
        f = jnp.tanh(jnp.tanh(x @ W0 + b0) @ W1 + b1) @ W2 + b2
        return jnp.sum(f) + jnp.sum(x**2) / (2 * PRIOR_SD**2)

    gradient = jax.grad(energy)

    @jax.jit
    def steps(key, x, weights):
        def step(x, noise):
            return x - STEP_SIZE * gradient(x, *weights) + SPREAD * noise, None

        key, other = jax.random.split(key)
        noise = jax.random.normal(other, (STEPS, *x.shape))
        x, _ = jax.lax.scan(step, x, noise)
        return key, x

    state = jnp.array(problem["state"])
    score = -gradient(state, *weights)

    def run(repetitions):
        key, x = jax.random.key(1), state
        for _ in range(repetitions):
            key, x = steps(key, x, weights)
        return judged(score, x)

    return run
