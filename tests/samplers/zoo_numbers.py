"""Faults in random numbers, elementary functions and sums over all states."""

from tests.samplers import zoo_checks
from tests.samplers.zoo import faults

FAULTS = [
    *faults(
        "elementary",
        zoo_checks.check_elementary,
        {
            "sigmoid far below zero is one less almost one": (
                "(ONE if x > 0 else e) / (ONE + e)",
                "ONE - (e if x > 0 else ONE) / (ONE + e)",
            ),
        },
    ),
    *faults(
        "elementary32",
        zoo_checks.check_elementary,
        {
            "the low digits of ln 2 are added, not subtracted": (
                "k * LN2_HIGH - ((s * (f - R) - k * LN2_LOW) - f)",
                "k * LN2_HIGH - ((s * (f - R) + k * LN2_LOW) - f)",
            ),
        },
        given="elementary",
    ),
    *faults(
        "elementary64",
        zoo_checks.check_elementary,
        {
            "log1p forgets what 1 + x rounded away": (
                "(m - ONE) + scale * lost",
                "(m - ONE) + 0 * lost",
            ),
        },
        given="elementary",
    ),
    *faults(
        "philox",
        zoo_checks.check_philox,
        {
            "nine rounds in place of ten": ("range(9)", "range(8)"),
            "both words of the key take the same step": (
                "+ KEY_STEP_1",
                "+ KEY_STEP_0",
            ),
            "two words of the counter are swapped": (
                "(p1 >> HALF) ^ c1 ^ k0, p1 & LOW, (p0 >> HALF) ^ c3 ^ k1",
                "(p1 >> HALF) ^ c3 ^ k0, p1 & LOW, (p0 >> HALF) ^ c1 ^ k1",
            ),
            "all chains share one stream": ("np.uint64(chain) & LOW", "np.uint64(0)"),
            "the last sites repeat the block before": (
                "block_words(key, chain, step, purpose, whole)",
                "block_words(key, chain, step, purpose, whole - 1)",
            ),
            "23 bits in place of 24": ("HALF = np.uint64(8)", "HALF = np.uint64(9)"),
            "one uniform for both radius and angle": (
                "sincos_turns(v)",
                "sincos_turns(u)",
            ),
            "angles of half a turn": ("sincos_turns(v)", "sincos_turns(v / TWO)"),
            "the distance squared has mean 1": (
                "TWO * -log(u + half)",
                "-log(u + half)",
            ),
        },
    ),
    *faults(
        "philox",
        zoo_checks.check_choices,
        {
            "ones where u exceeds p": ("u[i] < p[i]", "u[i] > p[i]"),
            "a border belongs to the outcome before": (
                "cumulative[middle] > u",
                "cumulative[middle] >= u",
            ),
        },
    ),
    *faults(
        "enumeration",
        zoo_checks.check_sums,
        {
            "the bias of the enumerated layer is missing": (
                "rows[1:, 0] = bias[::-1]",
                "rows[1:, 0] = 0",
            ),
            "the bias of the layer summed out is missing": (
                "rows[0, 1:] = start",
                "rows[0, 1:] = 0",
            ),
            "the last word is left out": (
                "min(BLOCK, self.starts.stop)",
                "min(BLOCK, self.starts.stop - 1)",
            ),
            "a word builds on another than the one without its lowest bit": (
                "fields[before, k] + rows[here, k]",
                "fields[here - 1, k] + rows[here, k]",
            ),
            "moments count the neighbor of the bit": (
                "(first + i) >> (row - 1) & 1",
                "(first + i) >> row & 1",
            ),
        },
        given="exact",
    ),
    *faults(
        "enumeration",
        zoo_checks.check_large_sums,
        {
            "log sum exp does not take out the largest": (
                "float(top + np.log(np.sum(np.exp(x - top))))",
                "float(np.log(np.sum(np.exp(x))))",
            ),
        },
        given="exact",
    ),
    *faults(
        "enumeration",
        zoo_checks.check_gaussian_sums,
        {
            "the integral of a Gaussian has no sqrt(2 pi)": (
                "np.log(np.sqrt(2 * np.pi) * sigma)",
                "np.log(sigma)",
            ),
            "the square is not completed in the bias": (
                "machine.b + np.sum(R * (a / sigma), axis=1)",
                "machine.b",
            ),
        },
        given="exact",
    ),
    *faults(
        "exact",
        zoo_checks.check_sums,
        {
            "hidden probabilities are those of the visible layer": (
                "return probabilities(over_hidden(machine))",
                "return probabilities(over_visible(machine))",
            ),
        },
    ),
    *faults(
        "exact",
        zoo_checks.check_gaussian_sums,
        {
            "the mean square of x has no variance given h": (
                "sigma**2 * (1 + uu)",
                "sigma**2 * uu",
            ),
        },
    ),
    *faults(
        "exact",
        zoo_checks.check_draws,
        {
            "units share the number of their word": (
                "fill_noise(key, 1, layer.gaussian, noise)",
                "fill_noise(key, 0, layer.gaussian, noise)",
            ),
            "units are on above their mean": (
                "noise[i, k] < sigmoid(z)",
                "noise[i, k] > sigmoid(z)",
            ),
        },
    ),
]
