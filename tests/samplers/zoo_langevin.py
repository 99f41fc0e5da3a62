"""Faults in Langevin dynamics, unadjusted and adjusted."""

from tests.samplers import langevin_checks, mala_checks
from tests.samplers.zoo import faults

FAULTS = [
    *faults(
        "langevin",
        langevin_checks.check_affine_map,
        {
            "the noise is sqrt(eta T), not sqrt(2 eta T)": (
                "np.sqrt(2 * eta",
                "np.sqrt(eta",
            ),
            "the noise has 2 eta T, not its root": ("np.sqrt(2 * eta", "(2 * eta"),
            "the noise has no temperature": (
                "eta.astype(np.float64) * T)",
                "eta.astype(np.float64))",
            ),
            "steps go up the slope": ("+= step_size[c]", "+= -step_size[c]"),
            "all chains have the step of the first": (
                "+= step_size[c]",
                "+= step_size[0]",
            ),
            "a later chain has the step of an earlier": (
                "np.asarray(self.step_size), chain,",
                "np.asarray(self.step_size), 0,",
            ),
            "a later chain has the temperature of an earlier": (
                "np.asarray(self.temperature), chain,",
                "np.asarray(self.temperature), 0,",
            ),
        },
    ),
    *faults(
        "per_chain",
        langevin_checks.check_affine_map,
        {
            "later chains have the numbers of earlier ones": (
                "numbers[chain : chain + chains]",
                "numbers[:chains]",
            ),
        },
        given="langevin",
    ),
    *faults(
        "langevin",
        langevin_checks.check_stationary_variance,
        {
            "the slope counts half": (
                "step_size[c] * force[c]",
                "step_size[c] / 2 * force[c]",
            ),
        },
    ),
    *faults(
        "langevin",
        langevin_checks.check_reference,
        {
            "the slope is that of the start": (
                "range(noise.shape[1]):\n        score(x.T, force.T, *params)",
                "range(noise.shape[1]):\n        if k == 0:\n"
                "            score(x.T, force.T, *params)",
            ),
            "all steps have the noise of the first": ("noise[j, k]", "noise[j, 0]"),
            "all coordinates have the noise of the first": (
                "noise[j, k]",
                "noise[0, k]",
            ),
            "the noise is that of the start": (
                "draw_normals(key, PROPOSAL",
                "draw_normals(key, START",
            ),
            "a call begins with the numbers of step 0": (
                "step + done, shape",
                "done, shape",
            ),
            "the first of some chains has the numbers of chain 0": (
                "self.numbers(key, chain + first",
                "self.numbers(key, first",
            ),
        },
    ),
    *faults(
        "langevin",
        langevin_checks.check_pieces,
        {
            "each block of chains has the numbers of the first": (
                "self.numbers(key, chain + first",
                "self.numbers(key, chain",
            ),
            "each block of chains has the steps of the first": (
                "self.walk(x, chain + first)",
                "self.walk(x, chain)",
            ),
            "each block writes the draws of the first": ("draws[here]", "draws"),
            "each piece of steps has the numbers of the first": (
                "step + done, shape",
                "step, shape",
            ),
            "each piece of steps writes the first draws": (
                "(done + k) // thin",
                "k // thin",
            ),
            "each piece of steps counts to thin anew": (
                "(done + k + 1) % thin",
                "(k + 1) % thin",
            ),
        },
    ),
    *faults(
        "langevin",
        langevin_checks.check_splitting,
        {
            "the first of thin steps is kept": (
                "(done + k + 1) % thin",
                "(done + k) % thin",
            ),
            "the state is not brought up to date": ("state[here] = x.T", "pass"),
        },
    ),
    *faults(
        "langevin",
        langevin_checks.check_a_state_that_overflows,
        {
            "a chain that diverged goes on": ("if failed:", "if False:"),
            "an infinite state is no failure": ("not abs(place[c]) < np.inf", "False"),
            "the chain that failed is counted from zero": (
                "where, when = chain + first + where,",
                "where, when = first + where,",
            ),
        },
    ),
    *faults(
        "points",
        langevin_checks.check_reference,
        {"each draw is written to the first": ("draws[c, n, j]", "draws[c, 0, j]")},
        given="langevin",
    ),
    *faults(
        "points",
        langevin_checks.check_a_state_that_overflows,
        {
            "whoever failed, the first chain is named": ("return c\n", "return 0\n"),
            "what is finite is blamed": ("not np.isfinite(rows", "np.isfinite(rows"),
        },
        given="langevin",
    ),
    *faults(
        "mala",
        mala_checks.check_detailed_balance,
        {
            "the rule is that of a symmetric proposal": (
                "out[c] -= (a + b)",
                "out[c] -= 0 * (a + b)",
            ),
            "the rule has no energy": (
                "np.float64(at.energy[c]) - np.float64(to.energy[c])",
                "0.0",
            ),
            "the rule has no temperature": (
                "out[c] / np.float64(temperature[c])",
                "out[c]",
            ),
            "the way back starts with the score of the way there": (
                "np.float64(old[c]), np.float64(new[c])",
                "np.float64(old[c]), np.float64(old[c])",
            ),
            "a factor of two in the term of eta": ("(b - a) / 4", "(b - a) / 2"),
            "the term of eta has the wrong sign": ("(b - a) / 4", "(a - b) / 4"),
            "a factor of two in the trapezoid": (
                "np.float64(x[c])) / 2",
                "np.float64(x[c]))",
            ),
            "the rule has the step of another chain": ("step_size[c]", "step_size[0]"),
        },
    ),
    *faults(
        "mala",
        mala_checks.check_stable_form,
        {
            "scores are added in their own precision": (
                "a, b = np.float64(old[c]), np.float64(new[c])",
                "a, b = old[c], new[c]",
            ),
        },
    ),
    *faults(
        "mala",
        mala_checks.check_rejection,
        {
            "what is refused is taken": ("y[c] if taken[c] else x[c]", "y[c]"),
            "the chain goes on with the score of what was refused": (
                "new[c] if taken[c] else old[c]",
                "new[c]",
            ),
            "the chain goes on with the energy of what was refused": (
                "to.energy[c] if taken[c] else at.energy[c]",
                "to.energy[c]",
            ),
            "the chain goes on with the score of where it was": (
                "old[c] = new[c] if taken[c] else old[c]",
                "pass",
            ),
            "the chain goes on with the energy of where it was": (
                "at.energy[c] = to.energy[c] if taken[c] else at.energy[c]",
                "pass",
            ),
            "a proposal starts where the one before ended": (
                "copy(at.x, to.x)",
                "if k == 0:\n            copy(at.x, to.x)",
            ),
        },
    ),
    *faults(
        "mala",
        mala_checks.check_ties,
        {"what is impossible happens once in 2^53": ("u[c] < exp", "u[c] <= exp")},
    ),
    *faults(
        "mala",
        langevin_checks.check_reference,
        {
            "the numbers that accept have made the proposal": (
                "draw_uniforms(key, ACCEPT",
                "draw_uniforms(key, 3",
            ),
            "all steps have one number that accepts": ("log_a, u[k])", "log_a, u[0])"),
            "all chains have one number that accepts": (
                "taken[c] = u[c]",
                "taken[c] = u[0]",
            ),
            "each call accepts by the numbers of step 0": (
                '"step": step,',
                '"step": 0,',
            ),
            "chains accept by the numbers of chain 0": (
                'address = {"chain": chain',
                'address = {"chain": 0',
            ),
        },
    ),
    *faults(
        "mala",
        mala_checks.check_walls,
        {
            "where the energy is nan, nothing is told": (
                "np.int32(np.isnan(out[c]))",
                "np.int32(0)",
            ),
            "an energy of inf is where to go": (
                "np.inf else -height",
                "np.inf else height",
            ),
            "an energy of -inf is where to go": (
                "log_a if height != -np.inf else np.nan",
                "log_a",
            ),
            "the score is blamed for the energy": (
                "return ENERGY if",
                "return SCORE if",
            ),
            "the first chain is blamed": ("else SCORE, c", "else SCORE, 0"),
        },
    ),
]
