"""Faults in the laws that are sampled, in their noise, and in numbers by chain."""

from tests.samplers import target_checks
from tests.samplers.zoo import faults

FAULTS = [
    *faults(
        "gaussian",
        target_checks.check_score,
        {
            "the score points uphill": (
                "force[i] -= w * row[i]",
                "force[i] += w * row[i]",
            ),
            "W is not transposed on the way back": (
                "whitening[k, j]",
                "whitening[j, k]",
            ),
            "Cholesky's factor in place of its inverse": (
                "precisions=W",
                "precisions=A",
            ),
            "the diagonal of W is left out": ("range(j + 1)", "range(j)"),
            "the mean is added": ("column[i] - m", "column[i] + m"),
        },
    ),
    *faults(
        "gaussian",
        target_checks.check_energy,
        {
            "the energy is twice as large": (
                "half * row[i] * row[i]",
                "row[i] * row[i]",
            ),
            "only the last coordinate has an energy": (
                "out[i] += half",
                "out[i] = half",
            ),
        },
    ),
    *faults(
        "gaussian",
        target_checks.check_log_partition,
        {
            "log Z has half of the log det": (
                "np.sum(np.log(np.diag(A)))",
                "np.sum(np.log(np.diag(A))) / 2",
            ),
            "log Z of one dimension in all": ("m.size / 2 *", "0.5 *"),
        },
    ),
    *faults(
        "mixture",
        target_checks.check_score,
        {
            "responsibilities without the weights": (
                "np.log(w / w.sum()) - d",
                "-d",
            ),
            "peaks of wide components are as high as of narrow ones": (
                "- d * np.log(np.sqrt(2 * np.pi) * s)",
                "",
            ),
            "the peaks of one dimension in all": ("- d * np.log(", "- np.log("),
            "1 / s in place of 1 / s^2": ("s**-2", "1 / s"),
            "terms are not divided by their sum": ("force[i] /= total[i]", "pass"),
            "each component pulls alike": ("row[i] * (precision", "(precision"),
            "only the last coordinate counts": ("(row[i] if j else peak)", "peak"),
            "the sum has the last term only": ("(total[i] if k else 0)", "0"),
        },
    ),
    *faults(
        "mixture",
        target_checks.check_energy,
        {
            "the largest exponent is not put back": (
                "-(top[i] + log(out[i]))",
                "-log(out[i])",
            ),
            "p is as high at any distance": (
                "peak) - stiffness * away * away",
                "peak)",
            ),
            "the weights are not divided by their sum": ("w / w.sum()", "2 * w"),
        },
    ),
    *faults(
        "mixture",
        target_checks.check_far,
        {
            "the first exponent in place of the largest": (
                "row[i] if k == 0 or row[i] > top[i] else top[i]",
                "row[i] if k == 0 else top[i]",
            ),
            "all terms vanish where exponents overflow": (
                "below if below > LEAST else LEAST",
                "LEAST if below < LEAST else below",
            ),
        },
    ),
    *faults(
        "double_well",
        target_checks.check_score,
        {
            "half the slope": ("type(4)", "type(2)"),
            "the slope by u, not by x": ("barrier / minimum", "barrier"),
            "uphill": ("one - u * u", "u * u - one"),
            "no barrier": ("one - u * u", "-u * u"),
        },
    ),
    *faults(
        "double_well",
        target_checks.check_energy,
        {
            "a barrier of half the height": ("type(2)", "type(1)"),
            "x in units of one": (
                "column[i] / minimum\n        out",
                "column[i]\n        out",
            ),
        },
    ),
    *faults(
        "double_well",
        target_checks.check_far,
        {
            "infinity less infinity far away": (
                "u * u * (u * u - two)",
                "u * u * u * u - two * u * u",
            ),
        },
    ),
    *faults(
        "double_well",
        target_checks.check_log_partition,
        {
            "Z of u, not of x": ("math.pi / 2 * minimum", "math.pi / 2"),
            "one of the two Bessel functions": ("ive(-0.25, z) +", "2 *"),
            "the factor that keeps Bessel functions small is left out": (
                "+ barrier +",
                "+ barrier / 2 +",
            ),
        },
    ),
    *faults(
        "ring",
        target_checks.check_score,
        {
            "away from the ring": ("radius / r - one", "one - radius / r"),
            "all are drawn to the center": ("radius / r - one", "-one"),
            "1 / w in place of 1 / w^2": ("(width * width)", "width"),
            "both coordinates have the force of the first": (
                "pull * second[i]",
                "pull * first[i]",
            ),
        },
    ),
    *faults(
        "ring",
        target_checks.check_energy,
        {
            "a disc": ("(r - radius) / width", "r / width"),
            "twice the energy": ("half * away * away", "away * away"),
        },
    ),
    *faults(
        "ring",
        target_checks.check_center,
        {
            "nan at the center": ("if r > 0 else zero", "if r >= 0 else zero"),
        },
    ),
    *faults(
        "ring",
        target_checks.check_far,
        {
            "where the distance overflows infinity is divided by it": (
                "radius / r - one if",
                "(radius - r) / r if",
            ),
        },
    ),
    *faults(
        "ring",
        target_checks.check_log_partition,
        {
            "the tail beyond the center is counted": (
                "math.erfc(-q / math.sqrt(2))",
                "2",
            ),
            "without the curvature of circles": (
                "math.exp(-q * q / 2) + strip",
                "strip",
            ),
        },
    ),
    *faults(
        "noise",
        target_checks.check_noise,
        {
            "all steps have the numbers of the first": ("= step + k", "= step"),
            "all chains have the numbers of the first": ("= chain + c", "= chain"),
            "steps and chains are exchanged": (
                "chains, steps = addresses[0], addresses[1]",
                "steps, chains = addresses[0], addresses[1]",
            ),
            "all coordinates have the block of the first": ("first // sites", "0"),
            "a block of float64 counts for two": (
                "sites = 16 // out.itemsize",
                "sites = 4",
            ),
            "the last two of four are the first two": (
                "x[0], x[1], x[-2], x[-1]",
                "x[0], x[1], x[0], x[1]",
            ),
            "one purpose for all": (
                "np.uint64(key), purpose, addresses, out)\n    return out[: shape[0]]"
                ".reshape(shape)\n\n\ndef draw_uniforms",
                "np.uint64(key), 0, addresses, out)\n    return out[: shape[0]]"
                ".reshape(shape)\n\n\ndef draw_uniforms",
            ),
            "normals where uniforms are due": (
                "fill(block_uniforms,",
                "fill(block_normals,",
            ),
        },
    ),
    *faults(
        "per_chain",
        target_checks.check_per_chain,
        {
            "each block of chains has the numbers of the first": (
                "numbers[chain : chain + chains]",
                "numbers[:chains]",
            ),
            "the first of some chains is not counted": (
                "len(numbers) < chain + chains",
                "len(numbers) < chains",
            ),
            "zero is positive": ("numbers > 0", "numbers >= 0"),
            "infinity is finite": ("numbers < np.inf", "numbers <= np.inf"),
        },
    ),
]
