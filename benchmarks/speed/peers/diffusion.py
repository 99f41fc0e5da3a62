"""Diffusion of points to noise, and back by an exact denoiser, in PyTorch and in JAX.

Forward, x_t = keep_t x_(t-1) + spread_t xi for t = 1, 2..., the coefficients (T,).
Backward, x_s = a_t x0hat + b_t x_t + c_t xi from t = T to s = t - 1 = 0, where x0hat is
the mean of x_0 given x_t, with x_0 from a ring of Gaussians (mixture.py). As x_t is one
of Gaussians too, with the means signal_t m_k and the variance_t, signal_t^2 SD^2 +
1 - signal_t^2, the logits are as there, and

    x0hat = (signal_t SD^2 x_t + (1 - signal_t^2) sum_k r_k m_k) / variance_t.
"""

import numpy as np

from benchmarks.speed.peers.mixture import SD, judged

FORWARD = "keep", "spread"
REVERSE = "slope", "offset", "stay", "pull", "spread"


def judged_forward(x_0, x):
    """Return the share of x_0 in x, by regression, and the variance of the rest."""
    signal = np.vdot(x, x_0) / np.vdot(x_0, x_0)
    return {"signal": signal, "noise": np.mean((x - signal * x_0) ** 2)}


def forward_pytorch(problem):
    """Normal numbers into one array, mul_ and add_ in place."""
    import torch

    keep, spread = (problem[name].tolist() for name in FORWARD)
    xi = torch.empty(problem["state"].shape)

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        for _ in range(repetitions):
            x = torch.tensor(problem["state"])
            for a, b in zip(keep, spread, strict=True):
                x.mul_(a).add_(xi.normal_(), alpha=b)
        return judged_forward(problem["state"], x.numpy())

    return run


def forward_jax(problem):
    """A compiled scan over the steps, each with a key of its own."""
    import jax
    import jax.numpy as jnp

    x_0 = jnp.array(problem["state"])
    coefficients = [jnp.array(problem[name]) for name in FORWARD]

    @jax.jit
    def steps(key, x, keep, spread):
        def step(x, given):
            a, b, key = given
            return a * x + b * jax.random.normal(key, x.shape), None

        keys = jax.random.split(key, len(keep))
        return jax.lax.scan(step, x, (keep, spread, keys))[0]

    def run(repetitions):
        for key in jax.random.split(jax.random.key(1), repetitions):
            x = steps(key, x_0, *coefficients).block_until_ready()
        return judged_forward(problem["state"], np.asarray(x))

    return run


def in_one_line(problem):
    """Return what makes a step x_s = stay x_t + pull sum_k r_k m_k + spread xi.

    r_k = softmax over k of slope m_k.x_t + offset |m_k|^2 / 2 + log w_k. Each is (T,),
    from t = T down to 1.
    """
    names = "signal", "variance", "a", "b", "c"
    signal, variance, a, b, c = (np.float64(problem[name][::-1]) for name in names)
    slope, offset = signal / variance, -(signal**2) / variance
    found = slope, offset, a * slope * SD**2 + b, a * (1 - signal**2) / variance, c
    return dict(zip(REVERSE, np.float32(found), strict=True))


def reverse_pytorch(problem):
    """Two products and a softmax a step; all noise in one call, x is (2, points)."""
    import torch

    lines = in_one_line(problem)
    steps = list(zip(*(lines[name].tolist() for name in REVERSE), strict=True))
    m = torch.tensor(problem["means"])
    half_squares = (m**2).sum(1, keepdim=True) / 2
    log_w = torch.tensor(problem["weights"]).log()[:, None]
    x_T = torch.tensor(problem["state"].T.copy())

    @torch.inference_mode()
    def run(repetitions):
        torch.manual_seed(1)
        for _ in range(repetitions):
            x, noise = x_T, torch.randn(len(steps), *x_T.shape)
            for xi, (slope, offset, stay, pull, spread) in zip(
                noise, steps, strict=True
            ):
                biases = torch.add(log_w, half_squares, alpha=offset)
                r = torch.softmax(torch.addmm(biases, m, x, alpha=slope), 0)
                x = torch.addmm(x, m.T, r, beta=stay, alpha=pull)
                x.add_(xi, alpha=spread)
        return judged(x.T.numpy(), problem["means"])

    return run


def reverse_jax(problem):
    """A compiled scan over the steps; all noise in one call, x is (2, points)."""
    import jax
    import jax.numpy as jnp

    lines = [jnp.array(line) for line in in_one_line(problem).values()]
    m, w = jnp.array(problem["means"]), jnp.array(problem["weights"])
    x_T = jnp.array(problem["state"].T)

    @jax.jit
    def steps(key, x, lines, m, w):
        half_squares, log_w = (m**2).sum(axis=1) / 2, jnp.log(w)

        def step(x, given):
            (slope, offset, stay, pull, spread), xi = given
            biases = offset * half_squares + log_w
            r = jax.nn.softmax((slope * m) @ x + biases[:, None], axis=0)
            return stay * x + (pull * m).T @ r + spread * xi, None

        noise = jax.random.normal(key, (len(lines[0]), *x.shape))
        return jax.lax.scan(step, x, (lines, noise))[0]

    def run(repetitions):
        for key in jax.random.split(jax.random.key(1), repetitions):
            x = steps(key, x_T, lines, m, w).block_until_ready()
        return judged(x.T, problem["means"])

    return run
