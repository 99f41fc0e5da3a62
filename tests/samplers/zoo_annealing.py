"""Faults in annealed importance sampling."""

from tests.samplers import annealing_checks, energy_path_checks, machine_path_checks
from tests.samplers.zoo import faults

FAULTS = [
    *faults(
        "machine_path",
        machine_path_checks.check_gains,
        {
            "the hidden units are not summed out of the weights": (
                "+ total(gains)",
                "+ 0 * total(gains)",
            ),
            "the difference of the visible biases is missing": (
                "(level + total(products))",
                "level",
            ),
            "a weight takes the visible part of the whole energy at each step": (
                "np.float64(after) - np.float64(before)",
                "np.float64(after)",
            ),
            "weights fall where they should grow": (
                "softplus_gain(row[j], before, after)",
                "softplus_gain(row[j], after, before)",
            ),
            "the softplus of a pre-activation forgets its sign": (
                "positive = HALF * (t + size)",
                "positive = size",
            ),
            "the squares of the Gaussian means are missing": (
                "in_fours(slope), float(level)",
                "in_fours(slope), 0.0",
            ),
            "one unit of four is not added": ("(s2 + s3)", "s2"),
        },
    ),
    *faults(
        "machine_path",
        machine_path_checks.check_mean_weight,
        {
            "the transition is that of the temperature before": (
                "beta = np.full(log_weights.size, after)",
                "beta = np.full(log_weights.size, before)",
            ),
            "the hidden units are drawn at beta = 1": (
                "b, None, beta, *h",
                "b, None, 0 * beta + 1, *h",
            ),
            "the base has no hidden units": (
                " + len(machine.b) * np.log(2)",
                "",
            ),
        },
    ),
    *faults(
        "machine_path",
        machine_path_checks.check_stationary,
        {
            "the visible units have the biases of the machine only": (
                "rest * bias[i] + beta * row[i]",
                "beta * row[i]",
            ),
            "the visible units have the biases of the base in full": (
                "rest * bias[i] + beta * row[i]",
                "bias[i] + beta * row[i]",
            ),
        },
    ),
    *faults(
        "machine_path",
        machine_path_checks.check_gaussian_conditionals,
        {
            "sigma grows with the temperature": (
                "draw_gaussian(t, ones, sigma",
                "draw_gaussian(t, beta * ones, sigma",
            ),
        },
    ),
    *faults(
        "machine_path",
        machine_path_checks.check_ends,
        {"the last transition is done": ("0 < after < 1", "0 < after <= 1")},
    ),
    *faults(
        "machine_path",
        machine_path_checks.check_base,
        {
            "the particles start as fair coins": (
                "rows.t[:] = self.base[0]",
                "rows.t[:] = 0",
            ),
            "all particles start alike": (
                "at = addresses_of(0, rows.noise)",
                "at = 0 * addresses_of(0, rows.noise)",
            ),
        },
    ),
    *faults(
        "machine_path",
        machine_path_checks.check_machine_run,
        {
            "each temperature has the numbers of the first": (
                "fill_noise(np.uint64(key), new, VISIBLE",
                "fill_noise(np.uint64(key), 1, VISIBLE",
            ),
            "the first of some particles has the numbers of particle 0": (
                "addresses_of(chain, rows",
                "addresses_of(0, rows",
            ),
            "a step leads from the base, not from the rung before": (
                "x, h, betas[old], betas[new]",
                "x, h, betas[0], betas[new]",
            ),
            "the particles are not brought up to date": (
                "state[here] = x.units[:, :M]",
                "pass",
            ),
        },
    ),
    *faults(
        "energy_path",
        energy_path_checks.check_transition,
        {
            "the base is forgotten in the energy": (
                "energy[c] = rest * base[c] + beta * law[c]",
                "energy[c] = beta * law[c]",
            ),
            "the score is that of the law at beta = 1": (
                "score[c] = rest * base[c] + beta * law[c]",
                "score[c] = law[c]",
            ),
            "sqrt(eta) stands for sqrt(2 eta)": (
                "np.sqrt(2 * np.float64(step_size))",
                "np.sqrt(np.float64(step_size))",
            ),
            "the energy of the base is that of the point before": (
                "for k in range(2)",
                "for k in range(1, 2)",
            ),
        },
    ),
    *faults(
        "energy_path",
        energy_path_checks.check_energy_run,
        {
            "weights grow with the energy": (
                "log_weights[c] -= difference",
                "log_weights[c] += difference",
            ),
            "a weight is that of the law alone": (
                "np.float64(law[c]) - np.float64(base[c])",
                "np.float64(law[c])",
            ),
            "a weight changes by the whole of beta": (
                "float(betas[new]) - float(betas[old])",
                "float(betas[new])",
            ),
            "the step size is that of the rung before": ("sizes[new]", "sizes[old]"),
            "the transition is that of the temperature before": (
                "ends, betas[new], sizes",
                "ends, betas[old], sizes",
            ),
            "two rungs share some of their numbers": (
                '"step": new * moves',
                '"step": new',
            ),
        },
    ),
    *faults(
        "energy_path",
        energy_path_checks.check_energy_start,
        {
            "the factor is transposed": ("factor[j, k]", "factor[k, j]"),
            "the mean is missing": ("row[c] = mean[j]", "row[c] = 0"),
        },
    ),
    *faults(
        "annealing",
        annealing_checks.check_run,
        {
            "between two chunks a temperature is left out": (
                "done += len(here) - 1",
                "done += len(here)",
            ),
            "each chunk begins with weights of one": (
                "= spread(task, executor, state, log_weights)",
                "= spread(task, executor, state, 0 * log_weights)",
            ),
            "a run down is weighed as one up": (", reverse=True", ""),
            "a run down goes up": (
                "np.arange(len(betas))[::-1]",
                "np.arange(len(betas))",
            ),
            "a run moves the states that it was given": (
                "state, log_weights = state.copy(), log_weights.copy()",
                "log_weights = log_weights.copy()",
            ),
        },
    ),
    *faults(
        "importance",
        annealing_checks.check_weights,
        {
            "the weights are added, not averaged": (
                "float(np.mean(np.exp(self.log_weights - top)))",
                "float(np.sum(np.exp(self.log_weights - top)))",
            ),
            "the mean of the logarithms stands for that of the weights": (
                "top + float(np.log(mean))",
                "np.mean(self.log_weights)",
            ),
            "the error is that of a single weight": ("mean * np.sqrt(n)", "mean"),
            "the error is one of the weights, not of their logarithm": (
                "sd / (mean * np.sqrt(n))",
                "sd / np.sqrt(n)",
            ),
            "a run down gives the ratio upside down": (
                "(-log_ratio if self.reverse",
                "(log_ratio if self.reverse",
            ),
            "the base is not added": ("float(self.log_base) +", "0 * self.log_base +"),
        },
    ),
]
