"""Learning to guess the noise of a diffusion: one step of Adam in PyTorch and in JAX.

At times u_i = (u + i / n) mod 1, with a u that is drawn anew as the noise is,

    lambda = FIRST - (FIRST - LAST) u_i,   alpha^2 = s(lambda),   sigma^2 = s(-lambda),
    x = alpha x_0 + sigma noise,   f = [sin(w lambda), cos(w lambda)],
    guess = relu(relu([x, f] W0 + b0) W1 + b1) W2 + b2 + sigma x,
    loss = mean (guess - noise)^2,

with the sigmoid s. At the first weights, and at the noise and times of the problem, the
slope of the loss by b0 is compared to a few roundings. But libraries cannot draw the
same numbers. So what has been learned is judged by the loss at that noise, and by how
far the weights between the hidden layers have moved: many steps that see one noise move
them further.
"""

import numpy as np

from benchmarks.speed.later import Later
from benchmarks.speed.peers.adam import BETA1, BETA2, EPSILON, jax_adam, moved

LEARNING_RATE = 2e-4
FIRST, LAST = 10.0, -10.0
LAYERS = range(3)
JUDGED = "u", "noise"


def judged(problem, slope, weights, biases):
    """Return the slope, the loss at given noise, and how far W1 has moved, by its rms.

    slope : of the loss by b0, at the first weights and that noise
    """
    return {
        "slope": np.asarray(slope),
        "loss": Later(loss, problem, weights, biases),
        "moved": Later(moved, problem["W1"], weights[1]),
    }


def loss(problem, weights, biases):
    """Return the loss at the noise and the times of the problem, in float64."""
    W, b = ([np.asarray(array, float) for array in each] for each in (weights, biases))
    names = "x", "noise", "u", "frequencies"
    x_0, noise, u, w = (problem[name].astype(float) for name in names)
    level = FIRST - (FIRST - LAST) * u[:, np.newaxis]
    sigma = np.sqrt(1 / (1 + np.exp(level)))
    x = np.sqrt(1 - sigma**2) * x_0 + sigma * noise
    hidden = np.hstack([x, np.sin(w * level), np.cos(w * level)])
    for i in LAYERS[:-1]:
        hidden = np.maximum(hidden @ W[i] + b[i], 0)
    return np.mean((hidden @ W[-1] + b[-1] + sigma * x - noise) ** 2)


def pytorch(problem):
    """Eager mode, the layers as addmm, and Adam's fused form: the fastest on a CPU."""
    import torch

    x_0, w = torch.tensor(problem["x"]), torch.tensor(problem["frequencies"])
    even = torch.arange(len(x_0)) / len(x_0)

    def loss(W0, W1, W2, b0, b1, b2, u, noise):
        level = FIRST - (FIRST - LAST) * u[:, None]
        sigma = torch.sigmoid(-level).sqrt()
        x, angles = torch.sigmoid(level).sqrt() * x_0 + sigma * noise, level * w
        hidden = torch.cat([x, angles.sin(), angles.cos()], dim=1)
        hidden = torch.addmm(b0, hidden, W0).relu()
        hidden = torch.addmm(b1, hidden, W1).relu()
        guess = torch.addmm(b2, hidden, W2) + sigma * x
        return torch.nn.functional.mse_loss(guess, noise)

    def begin():
        names = [f"{name}{i}" for name in "Wb" for i in LAYERS]
        return [torch.tensor(problem[name]).requires_grad_() for name in names]

    def run(repetitions):
        torch.manual_seed(1)
        parameters = begin()
        adam = torch.optim.Adam(
            parameters, LEARNING_RATE, (BETA1, BETA2), EPSILON, fused=True
        )
        for _ in range(repetitions):
            u, noise = (torch.rand(1) + even) % 1, torch.randn_like(x_0)
            adam.zero_grad(set_to_none=True)
            loss(*parameters, u, noise).backward()
            adam.step()
        arrays = [array.detach().numpy() for array in parameters]
        return judged(problem, slope, arrays[:3], arrays[3:])

    parameters = begin()
    loss(*parameters, *(torch.tensor(problem[name]) for name in JUDGED)).backward()
    slope = parameters[3].grad.numpy()
    return run


def jax(problem):
    """One compiled step that overwrites its buffers, launched without waiting."""
    import jax
    import jax.numpy as jnp

    x_0, w = jnp.array(problem["x"]), jnp.array(problem["frequencies"])

    def loss(theta, x_0, u, noise):
        W, b = theta
        level = FIRST - (FIRST - LAST) * u[:, None]
        sigma = jnp.sqrt(jax.nn.sigmoid(-level))
        x = jnp.sqrt(jax.nn.sigmoid(level)) * x_0 + sigma * noise
        hidden = jnp.hstack([x, jnp.sin(w * level), jnp.cos(w * level)])
        hidden = jax.nn.relu(hidden @ W[0] + b[0])
        hidden = jax.nn.relu(hidden @ W[1] + b[1])
        return jnp.mean((hidden @ W[2] + b[2] + sigma * x - noise) ** 2)

    def step(state, x_0):
        theta, m, v, t, key = state
        key, of_time, of_noise = jax.random.split(key, 3)
        u = (jax.random.uniform(of_time) + jnp.arange(len(x_0)) / len(x_0)) % 1
        g = jax.grad(loss)(theta, x_0, u, jax.random.normal(of_noise, x_0.shape))
        return *jax_adam(theta, g, m, v, t, LEARNING_RATE), key

    compiled = jax.jit(step, donate_argnums=0)

    def begin():
        return tuple([jnp.array(problem[f"{a}{i}"]) for i in LAYERS] for a in "Wb")

    def run(repetitions):
        theta = begin()
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        state = theta, m, v, jnp.float32(0), jax.random.key(1)
        for _ in range(repetitions):
            state = compiled(state, x_0)
        jax.block_until_ready(state)
        return judged(problem, slope, *state[0])

    given = (jnp.array(problem[name]) for name in JUDGED)
    slope = jax.grad(loss)(begin(), x_0, *given)[1][0]
    return run
