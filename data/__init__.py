"""The data that the models learn from.

`load_*` reads what is shipped here and needs no network. `fetch_*` reads published
files from a folder, and downloads them only when asked to. `make_*` draws toy data, and
the density that they are drawn from comes with them.

Read digits and images first, then sample, mixtures, curves, checkerboard, double_well,
patterns and regression for densities that are known; transforms and split for what is
done to any data; mnist, idx and fetch for files that others publish. Spins of the Ising
model are drawn by compiled kernels, which this package does not load before they are
asked for: write `from data.ising import make_ising`.
"""

from data.checkerboard import Checkerboard, make_checkerboard
from data.curves import NoisyCurves, make_swiss_roll, make_two_moons
from data.digits import Digits, load_digits
from data.double_well import DoubleWell, make_double_well
from data.errors import DataError
from data.idx import read_idx
from data.images import LabeledImages
from data.mixtures import (
    GaussianMixture,
    make_eight_gaussians,
    make_gaussian_mixture,
    make_twenty_five_gaussians,
)
from data.mnist import fetch_fashion_mnist, fetch_mnist
from data.patterns import (
    Patterns,
    bars_and_stripes,
    even_parity,
    make_bars_and_stripes,
    make_parity,
    make_xor,
)
from data.regression import NoisySine, make_noisy_sine
from data.sample import Density, Sample
from data.split import split
from data.transforms import Standardizer, binarize, binarize_randomly, nudge

__all__ = [
    "Checkerboard",
    "DataError",
    "Density",
    "Digits",
    "DoubleWell",
    "GaussianMixture",
    "LabeledImages",
    "NoisyCurves",
    "NoisySine",
    "Patterns",
    "Sample",
    "Standardizer",
    "bars_and_stripes",
    "binarize",
    "binarize_randomly",
    "even_parity",
    "fetch_fashion_mnist",
    "fetch_mnist",
    "load_digits",
    "make_bars_and_stripes",
    "make_checkerboard",
    "make_double_well",
    "make_eight_gaussians",
    "make_gaussian_mixture",
    "make_noisy_sine",
    "make_parity",
    "make_swiss_roll",
    "make_twenty_five_gaussians",
    "make_two_moons",
    "make_xor",
    "nudge",
    "read_idx",
    "split",
]
