"""Binary patterns, all equally likely: XOR, parity, bars and stripes.

    log p(x) = -log K if x is one of the K patterns, else -inf

The smallest laws that a model of binary variables can fail at, with the best mean
log-likelihood known: -log K nats.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import DTypeLike, NDArray

from data.sample import Sample, require_draw, require_points
from samplers.machine import binary_states


@dataclass(frozen=True, eq=False)
class Patterns:
    """The uniform law on some binary patterns.

    patterns : (K, d) of 0 and 1, no two rows the same; kept as uint8

    Raises ValueError if they are not.
    """

    patterns: NDArray[np.uint8]

    def __post_init__(self):
        patterns = np.asarray(self.patterns)
        if (
            patterns.ndim != 2
            or 0 in patterns.shape
            or not np.isin(patterns, (0, 1)).all()
        ):
            raise ValueError(
                f"patterns of shape {patterns.shape} must be (K, d), with K and d at "
                "least 1 and entries 0 or 1"
            )
        object.__setattr__(self, "patterns", patterns.astype(np.uint8))
        if len(self._known) < len(patterns):
            raise ValueError(
                f"{len(patterns) - len(self._known)} patterns stand there twice, and "
                "would be twice as likely as log p says: write np.unique(patterns, "
                "axis=0)"
            )

    @cached_property
    def _known(self) -> set[bytes]:
        return {row.tobytes() for row in self.patterns.astype(bool)}

    def sample(self, n: int, *, rng, dtype: DTypeLike = np.float64) -> Sample:
        """Draw n patterns, X : (n, d); labels are their rows in `patterns`."""
        require_draw(n, dtype)
        labels = np.random.default_rng(rng).integers(len(self.patterns), size=n)
        return Sample(self.patterns[labels].astype(dtype), labels, self)

    def log_density(self, x):
        """Return log p(x) for x : (n, d), of shape (n,): a probability, in nats.

        Raises ValueError or TypeError if x is not an array of finite points.
        """
        require_points(x, self.patterns.shape[1])
        on = x == 1
        known = np.array([row.tobytes() in self._known for row in on], dtype=bool)
        known &= np.all(on | (x == 0), axis=1)
        log_p = np.where(known, -np.log(len(self.patterns)), -np.inf)
        return log_p.astype(x.dtype)


def even_parity(bits: int) -> Patterns:
    """Return the law of `bits` bits of which an even number is on.

    The last bit is the parity of those before it, so XOR is three bits, with K = 4
    patterns; in general K = 2^(bits - 1).
    """
    every = binary_states(bits)
    return Patterns(every[every.sum(axis=1) % 2 == 0])


def bars_and_stripes(size: int) -> Patterns:
    """Return the law of images of whole columns (bars), or of whole rows (stripes).

    patterns : (2^(size + 1) - 2, size^2), images of size x size pixels as rows. Any
    columns may be on, or any rows, bars come first. All off and all on are both bars
    and stripes and count once.

    Reference: D. J. C. MacKay, Information Theory, Inference, and Learning Algorithms
    (2003), chapter 43.

    Raises ValueError unless size, the bits of a row, is from 1 to 20.
    """
    columns = binary_states(size)
    bars = np.repeat(columns[:, np.newaxis, :], size, axis=1)
    stripes = np.swapaxes(bars, 1, 2)[1:-1]  # not all off and all on again
    return Patterns(np.concatenate([bars, stripes]).reshape(-1, size**2))


def make_xor(n: int, *, rng, dtype: DTypeLike = np.float64) -> Sample:
    """Draw n of the four points (a, b) of bits; labels are a XOR b.

    No line separates the two classes (M. Minsky and S. Papert, Perceptrons, 1969). This
    is `make_parity` with two bits.
    """
    return make_parity(n, bits=2, rng=rng, dtype=dtype)


def make_parity(n: int, *, bits: int, rng, dtype: DTypeLike = np.float64) -> Sample:
    """Draw n words of some bits; labels are 1 where an odd number of bits is on.

    To learn words and labels together, as one law, draw from `even_parity(bits + 1)`.
    """
    sample = Patterns(binary_states(bits)).sample(n, rng=rng, dtype=dtype)
    return replace(sample, labels=(sample.X.sum(axis=1) % 2).astype(np.int64))


def make_bars_and_stripes(
    n: int, *, size: int = 4, rng, dtype: DTypeLike = np.float64
) -> Sample:
    """Draw n images of bars or of stripes, X : (n, size^2); labels count the patterns.

    >>> data = make_bars_and_stripes(100, rng=0)
    >>> data.density.patterns.shape
    (30, 16)
    """
    return bars_and_stripes(size).sample(n, rng=rng, dtype=dtype)
