"""One step of Adam on a multilayer perceptron, in PyTorch and in JAX."""

from benchmarks.speed.peers.adam import BETA1, BETA2, EPSILON, jax_adam

LEARNING_RATE = 1e-3


def pytorch(problem):
    """Eager mode, the layers as addmm, and Adam's fused form: the fastest on a CPU."""
    import torch

    x, labels = torch.tensor(problem["x"]), torch.tensor(problem["labels"])
    depth = sum(name.startswith("W") for name in problem)
    activation = getattr(torch, str(problem["activation"]))

    def run(repetitions):
        weights = [torch.tensor(problem[f"W{i}"]) for i in range(depth)]
        biases = [torch.tensor(problem[f"b{i}"]) for i in range(depth)]
        parameters = [array.requires_grad_() for array in weights + biases]
        adam = torch.optim.Adam(
            parameters, LEARNING_RATE, (BETA1, BETA2), EPSILON, fused=True
        )
        for _ in range(repetitions):
            h = x
            for W, b in zip(weights[:-1], biases[:-1], strict=True):
                h = activation(torch.addmm(b, h, W))
            logits = torch.addmm(biases[-1], h, weights[-1])
            loss = torch.nn.functional.cross_entropy(logits, labels)
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        return {"loss": loss.item()}

    return run


def jax(problem):
    """One compiled step that overwrites its buffers, launched without waiting."""
    import jax
    import jax.numpy as jnp

    x, labels = jnp.array(problem["x"]), jnp.array(problem["labels"])
    depth = sum(name.startswith("W") for name in problem)
    activation = {"tanh": jnp.tanh, "relu": jax.nn.relu}[str(problem["activation"])]

    def loss(layers, x, labels):
        h = x
        for W, b in layers[:-1]:
            h = activation(h @ W + b)
        W, b = layers[-1]
        log_p = jax.nn.log_softmax(h @ W + b)
        return -jnp.mean(log_p[jnp.arange(len(labels)), labels])

    def step(state, x, labels):
        layers, m, v, t = state
        value, g = jax.value_and_grad(loss)(layers, x, labels)
        return jax_adam(layers, g, m, v, t, LEARNING_RATE), value

    compiled = jax.jit(step, donate_argnums=0)

    def run(repetitions):
        pairs = [(problem[f"W{i}"], problem[f"b{i}"]) for i in range(depth)]
        layers = jax.tree.map(jnp.array, pairs)
        m, v = (jax.tree.map(jnp.zeros_like, layers) for _ in range(2))
        state = layers, m, v, jnp.float32(0)
        for _ in range(repetitions):
            state, value = compiled(state, x, labels)
        jax.block_until_ready(state)
        return {"loss": value}

    return run
