"""Faults in the Ising model: its averages, Metropolis sweeps, Wolff clusters."""

from tests.samplers import test_metropolis, test_wolff, zoo_checks
from tests.samplers.zoo import faults

FAULTS = [
    *faults(
        "ising",
        zoo_checks.check_energy,
        {
            "rows are not periodic": ("(row[0] + below[last])", "below[last]"),
            "heat capacity by T, not T squared": ("variance * K**2", "variance * K"),
            "susceptibility of M, not of its absolute value": (
                "fluctuation(np.abs(magnetizations),",
                "fluctuation(magnetizations,",
            ),
        },
    ),
    *faults(
        "jackknife",
        zoo_checks.check_jackknife,
        {
            "blocks left out in turn count as independent": (
                "* (len(blocks) - 1)",
                "/ (len(blocks) - 1)",
            ),
        },
    ),
    *faults(
        "ising_states",
        zoo_checks.check_density_of_states,
        {
            "a row ends in the next one": (
                "(a % rows) * columns + b % columns",
                "(a * columns + b) % (rows * columns)",
            ),
            "the flipped half has the magnetization of the other": (
                "counts + counts[:, ::-1]",
                "2 * counts",
            ),
        },
    ),
    *faults(
        "ising_sampler",
        zoo_checks.check_start,
        {
            "all chains start from one state": (
                "words(np.uint64(key), chain, 0",
                "words(np.uint64(key), 0, 0",
            ),
        },
    ),
    *faults(
        "ising_sampler",
        test_metropolis.check_plain,
        {
            "a later chain has the temperature of an earlier": (
                "T, chain, chains)",
                "T, 0, chains)",
            ),
        },
        given="metropolis",
    ),
    *faults(
        "metropolis",
        test_metropolis.check_plain,
        {
            "to the left of a row is the row before": (
                "others[half + back + half - 1]",
                "others[half + back - 1]",
            ),
            "to the right of a row is the row after": (
                "others[half + front]",
                "others[half + front + half]",
            ),
            "the fourth neighbor is on the wrong side": ("% 2 == 1", "% 2 == 0"),
            "the rows repeated at the edge are those of the sweep before": (
                "    wrap(colors[color], half)",
                "    pass",
            ),
            "the odd sites see a stale copy of the even ones": (
                "    shift(colors[1 - color]",
                "    color or shift(colors[1 - color]",
            ),
            "both colors have the same numbers": (
                "words(key, chain + c, t, ODD, bits)",
                "words(key, chain + c, t, EVEN, bits)",
            ),
            "all chains have the numbers of the first": (
                "words(key, chain + c, t, EVEN, bits)",
                "words(key, chain, t, EVEN, bits)",
            ),
            "each call begins at step 0": (
                "range(step + n * thin, step + (n + 1) * thin)",
                "range(n * thin, (n + 1) * thin)",
            ),
            "dE is half of what it is": ("[0, 4, 8]", "[0, 2, 4]"),
            "dE = 4 is accepted always": (
                "uphill if along > 0",
                "uphill if along > 2",
            ),
        },
    ),
    *faults(
        "metropolis",
        zoo_checks.check_metropolis_balance,
        {
            "dE = 8 is accepted as dE = 4": (
                "if_8 if along == 4",
                "if_4 if along == 4",
            ),
            "one word too many is accepted": (
                "if bits[f] < threshold",
                "if bits[f] <= threshold",
            ),
        },
    ),
    *faults(
        "wolff",
        test_wolff.check_balance,
        {
            "the bond probability has no factor 2": ("-2 * np", "-1 * np"),
            "one word too many opens a bond": (
                "bits[bond] < threshold",
                "bits[bond] <= threshold",
            ),
            "both bonds of a site have one number": ("2 * site + 1\n", "2 * site\n"),
            "the bond to the left is that to the right": (
                "2 * neighbor\n",
                "2 * site\n",
            ),
            "clusters do not grow upwards": (
                "for direction in range(4)",
                "for direction in range(3)",
            ),
        },
    ),
    *faults(
        "wolff",
        test_wolff.check_plain,
        {
            "a row ends in the next one": (
                "site + 1 if column + 1 < columns else site + 1 - columns",
                "(site + 1) % sites",
            ),
            "the first site is always the same": (
                "np.int64((word * np.uint64(sites)) >> np.uint64(32))",
                "0",
            ),
            "the first spin stays as it is": ("spins[seed] = -spin", "pass"),
            "the first site has the number of a bond": (
                "t, SEED, 0)",
                "t, BOND, 0)",
            ),
            "a step uses the numbers of the one before": (
                "drawn[:] = False",
                "drawn[:] = t > step",
            ),
        },
    ),
]
