"""Learning by a variational autoencoder: one step of Adam in PyTorch and in JAX.

With one hidden layer of relu each way, and standard normals that are drawn anew,

    [m, v] = relu(x W0 + b0) W1 + b1,   h = m + e^(v/2) noise,
    z = relu(h W2 + b2) W3 + b3,
    loss = mean over x of sum_i [softplus(z_i) - x_i z_i]
         + mean over x of 1/2 sum_j (m_j^2 + e^v_j - 1 - v_j).

Libraries cannot draw the same numbers. So what has been learned is judged by both terms
of the loss at the same noise, that of the problem, and by how far the weights of h have
moved: many steps that see one noise move them further.
"""

import numpy as np

from benchmarks.speed.later import Later
from benchmarks.speed.peers.adam import BETA1, BETA2, EPSILON, jax_adam, moved

LEARNING_RATE = 1e-3
LAYERS = range(4)


def judged(problem, weights, biases):
    """Return both terms of the loss, in nats, and how far W2 has moved, by its rms."""
    theta = problem, weights, biases
    return {
        "reconstruction": Later(lambda: terms(*theta)[0]),
        "divergence": Later(lambda: terms(*theta)[1]),
        "moved": Later(moved, problem["W2"], weights[2]),
    }


def terms(problem, weights, biases):
    """Return the two terms of the loss at the noise of the problem, in float64."""
    W, b = ([np.asarray(array, float) for array in each] for each in (weights, biases))
    x, noise = (problem[name].astype(float) for name in ("x", "noise"))
    m, v = np.split(np.maximum(x @ W[0] + b[0], 0) @ W[1] + b[1], 2, axis=1)
    h = m + np.exp(v / 2) * noise
    z = np.maximum(h @ W[2] + b[2], 0) @ W[3] + b[3]
    reconstruction = np.sum(np.logaddexp(0, z) - x * z, axis=1)
    divergence = np.sum(m**2 + np.expm1(v) - v, axis=1) / 2
    return reconstruction.mean(), divergence.mean()


def pytorch(problem):
    """Eager mode, the layers as addmm, and Adam's fused form: the fastest on a CPU."""
    import torch

    x = torch.tensor(problem["x"])
    n, latent = problem["noise"].shape
    functional = torch.nn.functional

    def run(repetitions):
        torch.manual_seed(1)
        weights = [torch.tensor(problem[f"W{i}"]) for i in LAYERS]
        biases = [torch.tensor(problem[f"b{i}"]) for i in LAYERS]
        parameters = [array.requires_grad_() for array in weights + biases]
        adam = torch.optim.Adam(
            parameters, LEARNING_RATE, (BETA1, BETA2), EPSILON, fused=True
        )
        for _ in range(repetitions):
            hidden = torch.addmm(biases[0], x, weights[0]).relu()
            m, v = torch.addmm(biases[1], hidden, weights[1]).chunk(2, dim=1)
            h = m + torch.exp(0.5 * v) * torch.randn(n, latent)
            hidden = torch.addmm(biases[2], h, weights[2]).relu()
            z = torch.addmm(biases[3], hidden, weights[3])
            reconstruction = functional.binary_cross_entropy_with_logits(
                z, x, reduction="sum"
            )
            divergence = 0.5 * torch.sum(m**2 + torch.exp(v) - 1 - v)
            loss = (reconstruction + divergence) / n
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        arrays = [array.detach().numpy() for array in parameters]
        return judged(problem, arrays[:4], arrays[4:])

    return run


def jax(problem):
    """One compiled step that overwrites its buffers, launched without waiting."""
    import jax
    import jax.numpy as jnp

    x = jnp.array(problem["x"])
    shape = problem["noise"].shape

    def loss(theta, x, noise):
        W, b = theta
        m, v = jnp.split(jax.nn.relu(x @ W[0] + b[0]) @ W[1] + b[1], 2, axis=1)
        h = m + jnp.exp(0.5 * v) * noise
        z = jax.nn.relu(h @ W[2] + b[2]) @ W[3] + b[3]
        reconstruction = jnp.sum(jax.nn.softplus(z) - x * z)
        divergence = 0.5 * jnp.sum(m**2 + jnp.expm1(v) - v)
        return (reconstruction + divergence) / len(x)

    def step(state, x):
        theta, m, v, t, key = state
        key, own = jax.random.split(key)
        g = jax.grad(loss)(theta, x, jax.random.normal(own, shape))
        return *jax_adam(theta, g, m, v, t, LEARNING_RATE), key

    compiled = jax.jit(step, donate_argnums=0)

    def run(repetitions):
        theta = tuple([jnp.array(problem[f"{a}{i}"]) for i in LAYERS] for a in "Wb")
        m, v = (jax.tree.map(jnp.zeros_like, theta) for _ in range(2))
        state = theta, m, v, jnp.float32(0), jax.random.key(1)
        for _ in range(repetitions):
            state = compiled(state, x)
        jax.block_until_ready(state)
        return judged(problem, *state[0])

    return run
