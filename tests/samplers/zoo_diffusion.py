"""Faults in the chains of diffusion: their schedules, coefficients, times and noise."""

from tests.samplers import diffusion_checks, schedule_checks
from tests.samplers.zoo import faults

FAULTS = [
    *faults(
        "schedules",
        schedule_checks.check_posterior,
        {
            "the two factors of the posterior are swapped": (
                "return a, np.exp(log_alpha / 2) * (before / after), beta",
                "return np.exp(log_alpha / 2) * (before / after), a, beta",
            ),
            "the variance of the posterior is beta": (
                "beta * (before / after)\n",
                "beta\n",
            ),
            "the posterior has alpha for its root": (
                "np.exp(log_alpha / 2)",
                "np.exp(log_alpha)",
            ),
            "the posterior has the abar of the later time": (
                "self.signal[s] * (beta",
                "self.signal[t] * (beta",
            ),
        },
    ),
    *faults(
        "schedules",
        schedule_checks.check_closed_forms,
        {
            "the noise is the variance": (
                "np.sqrt(complement(self.log_abar))",
                "complement(self.log_abar)",
            ),
            "log abar adds betas": ("np.cumsum(np.log1p(-betas))", "np.cumsum(-betas)"),
            "the cosine has no square": ("/ np.cos(u) ** 2", "/ np.cos(u)"),
        },
    ),
    *faults(
        "schedules",
        schedule_checks.check_round_trip,
        {
            "the log of 1 - abar loses its digits": (
                "np.log(complement(x))",
                "np.log(1 - np.exp(x))",
            ),
        },
    ),
    *faults(
        "forward",
        diffusion_checks.check_forward_moments,
        {
            "the mean of a step is not scaled": ("scale * x[i] +", "x[i] +"),
            "a step has the factor of abar": (
                "self.schedule.alpha[now]",
                "self.schedule.abar[now]",
            ),
            "a step has the beta of the one before": (
                "self.schedule.beta[now]",
                "self.schedule.beta[step : step + total]",
            ),
            "the noise has the variance for its deviation": (
                "np.sqrt(self.schedule.beta[now])",
                "self.schedule.beta[now]",
            ),
        },
    ),
    *faults(
        "forward",
        diffusion_checks.check_jump,
        {
            "the jump has alpha for abar": (
                "schedule.signal[t].astype",
                "np.sqrt(schedule.alpha[t]).astype",
            ),
            "the jump is a step ahead": (
                "schedule.noise[t].astype",
                "schedule.noise[np.minimum(t + 1, schedule.steps)].astype",
            ),
        },
    ),
    *faults(
        "forward",
        diffusion_checks.check_forward_addresses,
        {
            "all steps have the same noise": (
                "fill_normals(key, step + k,",
                "fill_normals(key, step,",
            ),
            "a call begins with the noise of step 0": (
                "fill_normals(key, step + k,",
                "fill_normals(key, k,",
            ),
            "the first of some chains has the noise of chain 0": (
                "addresses_of(chain, noise)",
                "addresses_of(0, noise)",
            ),
        },
    ),
    *faults(
        "forward",
        diffusion_checks.check_forward_company,
        {
            "each block of chains has the noise of the first": (
                "chain + first, step",
                "chain, step",
            ),
            "the first of thin steps is kept": ("(k + 1) % thin", "k % thin"),
            "the state is not brought up to date": (
                "state[here] = x[:, : self.dimension]",
                "pass",
            ),
        },
    ),
    *faults(
        "reverse",
        diffusion_checks.check_reverse_moments,
        {
            "the factor of x has no root": (
                "b = np.sqrt(u / v * ((alpha * u + (1 - eta) * (1 + eta) * beta) / v))",
                "b = u / v * ((alpha * u + (1 - eta) * (1 + eta) * beta) / v)",
            ),
            "eta is not squared": (
                "(1 - eta) * (1 + eta) * beta",
                "(1 - eta) * beta",
            ),
            "the noise has eta for its square root's factor": (
                "eta * np.sqrt(u / v * beta)",
                "np.sqrt(eta * u / v * beta)",
            ),
            "the variance of a step is beta, also at the last": (
                "eta * np.sqrt(u / v * beta)",
                "eta * np.sqrt(beta)",
            ),
            "alpha stands for its root": ("np.exp(log_alpha / 2) * b", "alpha * b"),
            "the guess has the abar of the time before": (
                "schedule.signal[s]",
                "schedule.signal[t]",
            ),
            "times are those of one step later": (
                "numbers = (each[now] for each in self.numbers)",
                "numbers = (np.roll(each, -1)[now] for each in self.numbers)",
            ),
        },
    ),
    *faults(
        "reverse",
        diffusion_checks.check_reverse_addresses,
        {
            "the denoiser is told the time that comes": (
                "return times[:-1],",
                "return times[1:],",
            ),
            "the denoiser sees the time of the first step": (
                "denoise(x.T, times[k],",
                "denoise(x.T, times[0],",
            ),
            "the noise is that of the step before": (
                '"step": now.start',
                '"step": now.start - 1',
            ),
            "the noise of all chains is that of chain 0": (
                '"chain": chain,',
                '"chain": 0,',
            ),
        },
    ),
    *faults(
        "reverse",
        diffusion_checks.check_reverse_company,
        {
            "each piece of steps begins at the time of the first": (
                "now = slice(step + done, step + min(done + steps, total))",
                "now = slice(step, step + min(steps, total - done))",
            ),
            "draws of all pieces are kept as the first": (
                "noise, done, thin, draws)\n            if",
                "noise, 0, thin, draws)\n            if",
            ),
            "the state is not brought up to date": ("state[:] = x.T", "pass"),
        },
    ),
    *faults(
        "mixture_denoiser",
        diffusion_checks.check_mixture_denoiser,
        {
            "the noised components are not moved to the origin": (
                "signal[t] * means[k, j]",
                "means[k, j]",
            ),
            "the noise has alpha for abar": (
                "require_schedule(schedule).log_abar[:",
                "np.log(schedule.alpha)[:",
            ),
            "the responsibilities are those of the time before": (
                "precisions[t], terms",
                "precisions[max(t - 1, 0)], terms",
            ),
            "sd stands for its square": (
                "np.exp(log_abar / 2) * s**2",
                "np.exp(log_abar / 2) * s",
            ),
            "the peaks have no dimension": ("- d / 2 *", "- 1 / 2 *"),
        },
    ),
]
