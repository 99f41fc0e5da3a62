"""Faults in block Gibbs sampling, and in whatever runs many chains."""

from tests.samplers import gibbs_checks, zoo_checks
from tests.samplers.zoo import faults

FAULTS = [
    *faults(
        "gibbs",
        gibbs_checks.check_addresses,
        {
            "the hidden units are drawn given the state of the step before": (
                "draw_layer(x, W,",
                "draw_layer(new, W,",
            ),
            "the hidden units are never drawn anew": (
                "noise_h, t_h, h):",
                "noise_h, t_h, h.copy()):",
            ),
            "the visible units see the hidden ones of another chain": (
                "draw_layer(h, W,",
                "draw_layer(h[::-1], W,",
            ),
            "a step begins where the one before began": ("x, new = new, x", "pass"),
            "both layers have the same numbers": (
                "make_layer(W.T, a, VISIBLE)",
                "make_layer(W.T, a, HIDDEN)",
            ),
            "a call begins with the numbers of step 0": (
                "fill_noise(key, step + k, hidden.",
                "fill_noise(key, k, hidden.",
            ),
            "the first of some chains has the numbers of chain 0": (
                "addresses_of(chain, noise_x)",
                "addresses_of(0, noise_x)",
            ),
        },
    ),
    *faults(
        "gibbs",
        gibbs_checks.check_conditionals,
        {
            "the hidden bias is missing": (
                "make_layer(W, b, HIDDEN)",
                "make_layer(W, 0 * b, HIDDEN)",
            ),
            "the visible bias is missing": (
                "make_layer(W.T, a, VISIBLE)",
                "make_layer(W.T, 0 * a, VISIBLE)",
            ),
            "W is not transposed": (
                "make_layer(W.T, a, VISIBLE)",
                "make_layer(W, a, VISIBLE)",
            ),
            "the visible layer has no beta": (
                "a, sigma, beta, noise_x",
                "a, sigma, 1 + 0 * beta, noise_x",
            ),
        },
    ),
    *faults(
        "gibbs",
        gibbs_checks.check_gaussian,
        {
            "sigma stands for its square": (
                "W / sigma[:, np.newaxis] ** 2",
                "W / sigma[:, np.newaxis]",
            ),
        },
    ),
    *faults(
        "gibbs",
        zoo_checks.check_blocks_of_gibbs,
        {
            "clamped units move": ("new[c, i] = x[c, i]", "pass"),
            "a later chain has the beta of an earlier": (
                'per_chain("beta", np.asarray(self.beta), chain,',
                'per_chain("beta", np.asarray(self.beta), 0,',
            ),
            "each block of chains has the numbers of the first": (
                "chain + first, step, thin",
                "chain, step, thin",
            ),
        },
    ),
    *faults(
        "gibbs",
        gibbs_checks.check_steps_can_be_split,
        {
            "the first of thin steps is kept": ("(k + 1) % thin", "k % thin"),
            "the state is not brought up to date": ("state[:] = x[:, :M]", "pass"),
        },
    ),
    *faults(
        "gibbs",
        gibbs_checks.check_divergence,
        {
            "a chain that diverged goes on": (
                "if failed:\n            rows",
                "if False:\n            rows",
            ),
        },
    ),
    *faults(
        "layers",
        zoo_checks.check_gibbs_balance,
        {
            "units are on where u exceeds p": ("< one", "> one"),
            "a sum of the table has only its last unit": (
                "table[g, s, j] + weights[i, j]",
                "weights[i, j]",
            ),
            "two units of four are swapped": (
                "4 * states[c, i + 2] + 8 * states[c, i + 3]",
                "4 * states[c, i + 3] + 8 * states[c, i + 2]",
            ),
        },
        given="gibbs",
    ),
    *faults(
        "layers",
        gibbs_checks.check_addresses,
        {
            "all chains share one stream": ("] = chain + c", "] = chain"),
            "the last four units are not looked up": (
                "states.shape[1] // GROUP",
                "states.shape[1] // GROUP - 1",
            ),
            "the last four units are not multiplied": (
                "range(0, len(weights), GROUP)",
                "range(0, len(weights) - GROUP, GROUP)",
            ),
        },
        given="gibbs",
    ),
    *faults(
        "layers",
        gibbs_checks.check_gaussian,
        {
            "noise by beta, not by its root": ("/ np.sqrt(beta[c])", "/ beta[c]"),
            "noise without sigma": ("sigma[j] * scale * z[j]", "scale * z[j]"),
        },
        given="gibbs",
    ),
    *faults(
        "layers",
        zoo_checks.check_blocks_of_gibbs,
        {
            "beta is that of the chain before": (
                "out[c], beta[c]",
                "out[c], beta[c - 1]",
            ),
        },
        given="gibbs",
    ),
    *faults(
        "chains",
        zoo_checks.check_chains,
        {
            "the first draw is one thinning too early": (
                "self.burn_in + (taken + 1) * self.thin",
                "self.burn_in + taken * self.thin",
            ),
            "each chunk has the numbers of the first steps": (
                "state, step, max(n, 1)",
                "state, 0, max(n, 1)",
            ),
        },
    ),
    *faults(
        "blocks",
        zoo_checks.check_chains,
        {
            "each block of chains has the numbers of the first": (
                "[block.start for block in blocks]",
                "[0 for block in blocks]",
            ),
        },
        given="chains",
    ),
    *faults(
        "chains",
        zoo_checks.check_chains_that_failed,
        {
            "places without a draw are taken for draws": (
                "self._kept[:, : self._position[2]]",
                "self._kept",
            ),
        },
    ),
    *faults(
        "blocks",
        zoo_checks.check_chains_that_failed,
        {
            "an unfinished chunk has moved the chains": (
                "state = state.copy()",
                "pass",
            ),
        },
        given="chains",
    ),
]
