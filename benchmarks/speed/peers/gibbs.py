"""Block Gibbs sampling of a binary Boltzmann machine, in PyTorch and in JAX.

Both keep the state of the visible units after every sweep, and in float32, in which the
next product needs them. The states of the last SWEEPS sweeps are judged.
"""

import numpy as np

SWEEPS = 100  # of a repetition


def judged(draws):
    """Return the mean activations over draws : (..., M), in any order of the others."""
    return {"mean x": np.mean(draws, axis=tuple(range(draws.ndim - 1)))}


def pytorch(problem):
    """In place: addmm, sigmoid, uniform numbers, and a comparison to floats."""
    import torch

    W, a, b, state = (torch.tensor(problem[name]) for name in ("W", "a", "b", "state"))
    chains, (visible, hidden) = len(state), W.shape
    draws = torch.empty(SWEEPS, chains, visible)
    p_h, u_h, h = (torch.empty(chains, hidden) for _ in range(3))
    p_x, u_x = (torch.empty(chains, visible) for _ in range(2))

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        x = state.float()
        for _ in range(repetitions):
            for new in draws:
                torch.addmm(b, x, W, out=p_h).sigmoid_()
                torch.lt(u_h.uniform_(), p_h, out=h)
                torch.addmm(a, h, W.T, out=p_x).sigmoid_()
                x = torch.lt(u_x.uniform_(), p_x, out=new)
        return judged(draws.numpy())

    return run


def jax(problem):
    """A compiled scan over the sweeps, each with two keys of its own."""
    import jax
    import jax.numpy as jnp

    W, a, b = (jnp.array(problem[name]) for name in ("W", "a", "b"))

    def drawn(key, states, W, bias):
        p = jax.nn.sigmoid(states @ W + bias)
        return (jax.random.uniform(key, p.shape) < p).astype(p.dtype)

    @jax.jit
    def sweeps(key, x, W, a, b):
        def sweep(x, keys):
            h = drawn(keys[0], x, W, b)
            x = drawn(keys[1], h, W.T, a)
            return x, x

        key, other = jax.random.split(key)
        x, draws = jax.lax.scan(sweep, x, jax.random.split(other, (SWEEPS, 2)))
        return key, x, draws

    def run(repetitions):
        key, x = jax.random.key(1), jnp.array(problem["state"], jnp.float32)
        for _ in range(repetitions):
            key, x, draws = sweeps(key, x, W, a, b)
        return judged(np.asarray(draws))

    return run
