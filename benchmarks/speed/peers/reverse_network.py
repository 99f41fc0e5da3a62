"""The reverse chain of a diffusion through a network, in PyTorch and in JAX.

    N = relu(relu([x, f_t] W0 + b0) W1 + b1) W2 + b2,
    xi_hat = N + noise_t x,   x0hat = (x - noise_t xi_hat) / signal_t,
    x_s = a_t x0hat + b_t x + c_t xi   from t = T to s = t - 1 = 0,

where f_t, (32,), says the time, and signal_t^2 + noise_t^2 = 1. As f_t is the same for
all points, f W0' + b0 is found for all t at once, in each repetition. x is (points, 2);
all noise of a repetition is drawn in one call before it.
"""

import numpy as np

WEIGHTS, BIASES = ("W0", "W1", "W2"), ("b0", "b1", "b2")


def judged(guesses, x):
    """Return xi_hat at x_T for three t, and mean square and variance of x_0.

    guesses : (3, points, 2), at `judged_times`
    x : (points, 2), x_0
    No two libraries draw the same noise, so only the first of these is exact.
    """
    x = np.asarray(x, np.float64)
    square, variance = np.mean(x**2, axis=0), np.var(x, axis=0)
    return {"guess": np.asarray(guesses), "square": square, "variance": variance}


def judged_times(steps):
    """Return the three times at which xi_hat is judged."""
    return [1, steps // 2, steps]


def in_one_line(problem):
    """Return what makes a step x_s = stay_t x + pull_t N + spread_t xi.

    Each of the three is (T,), from t = T down to 1.
    """
    names = "signal", "noise", "a", "b", "c"
    signal, noise, a, b, c = (np.float64(problem[name][::-1]) for name in names)
    return np.float32([a * signal + b, -a * noise / signal, c])


def pytorch(problem):
    """Three addmm with relu_ between, the step in place."""
    import torch

    W0, W1, W2 = (torch.tensor(problem[name]) for name in WEIGHTS)
    b0, b1, b2 = (torch.tensor(problem[name]) for name in BIASES)
    features, x_T = torch.tensor(problem["features"]), torch.tensor(problem["state"])
    lines, sigma = in_one_line(problem).T.tolist(), problem["noise"].tolist()
    Wx, Wf = W0[:2].clone(), W0[2:].clone()

    def answer(x, bias):
        hidden = torch.addmm(bias, x, Wx).relu_()
        hidden = torch.addmm(b1, hidden, W1).relu_()
        return torch.addmm(b2, hidden, W2)

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        for _ in range(repetitions):
            x, noise = x_T, torch.randn(len(lines), *x_T.shape)
            biases = torch.addmm(b0, features, Wf).flip(0)
            for (stay, pull, spread), bias, xi in zip(
                lines, biases, noise, strict=True
            ):
                x = torch.add(x * stay, answer(x, bias), alpha=pull)
                x.add_(xi, alpha=spread)
        return judged(guesses, x.numpy())

    with torch.inference_mode():
        biases = torch.addmm(b0, features, Wf)
        times = [t - 1 for t in judged_times(len(lines))]
        guesses = [(answer(x_T, biases[t]) + sigma[t] * x_T).numpy() for t in times]
    return run


def jax(problem):
    """A compiled scan over the steps."""
    import jax
    import jax.numpy as jnp

    weights = [jnp.array(problem[name]) for name in WEIGHTS + BIASES]
    features, x_T = jnp.array(problem["features"]), jnp.array(problem["state"])
    lines, sigma = jnp.array(in_one_line(problem)), problem["noise"]

    def answer(x, bias, W0, W1, W2, b1, b2):
        hidden = jax.nn.relu(x @ W0[:2] + bias)
        return jax.nn.relu(hidden @ W1 + b1) @ W2 + b2

    @jax.jit
    def steps(key, x, lines, features, W0, W1, W2, b0, b1, b2):
        biases = features @ W0[2:] + b0

        def step(x, given):
            (stay, pull, spread), bias, xi = given
            N = answer(x, bias, W0, W1, W2, b1, b2)
            return stay * x + pull * N + spread * xi, None

        noise = jax.random.normal(key, (len(biases), *x.shape))
        return jax.lax.scan(step, x, (lines.T, biases[::-1], noise))[0]

    def run(repetitions):
        for key in jax.random.split(jax.random.key(1), repetitions):
            x = steps(key, x_T, lines, features, *weights).block_until_ready()
        return judged(guesses, x)

    W0, W1, W2, b0, b1, b2 = weights
    guesses = [
        answer(x_T, problem["features"][t] @ W0[2:] + b0, W0, W1, W2, b1, b2)
        + sigma[t] * x_T
        for t in (t - 1 for t in judged_times(len(features)))
    ]
    return run
