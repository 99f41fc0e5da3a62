"""All states of one layer of a machine, counted through with the other summed out.

Given one layer the units of the other are independent and can be summed in closed form.
What is left is a sum over the 2^n words s of one layer, Z = sum_s exp(log w(s)). If the
units summed out are binary

    log w(s) = bias.s + sum_k softplus(start_k + (s.R)_k),

with R = W for s = x and R = W^T for s = h. If they are Gaussian

    log w(h) = bias.h + |h.R|^2 / 2 + sum_i log(sqrt(2 pi) sigma_i),

with R_ji = W_ij / sigma_i, and bias = b + R (a / sigma) from completing the square: x
is a mixture of 2^N Gaussians of which these are the weights.

The words are counted upwards in binary. A word without its lowest bit came earlier, so
its fields, start + s.R, are fields already known plus one row of R. In the order of a
Gray code, where one bit changes at a time, a step costs one row too, added to or taken
from the fields of the word before: after t steps they carry t rounding errors, which
depend on where the counting began. Here a field is a sum of no more than n + 1 rows,
always in the same order. So rounding does not drift, blocks of words can be counted by
any executor, and every bit of the result stays the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samplers.elementary import sigmoid, softplus
from samplers.kernel import kernel
from samplers.machine import Machine

BLOCK = 2**12
MAX_UNITS = 26


@kernel
def place(word):
    """Return 1 + the place of the lowest bit that is on, and 0 for the word 0."""
    found = 0
    if word > 0:
        found = 1
        while word & 1 == 0:
            word >>= 1
            found += 1
    return found


@kernel
def visit(word, rows, fields):
    """Write the fields of a word, and return their row: the place of its lowest bit.

    rows : (1 + n, 1 + m), the row at 0 what the word 0 has, the others what the bits
        add, the lowest first; the column at 0 is summed as it is
    fields : (1 + n, 1 + m), at the place of each other bit of the word the fields of
        the word cut off below that bit, and at 0 those of the word 0
    """
    here, before = place(word), place(word & (word - 1))
    if here > 0:
        for k in range(rows.shape[1]):
            fields[here, k] = fields[before, k] + rows[here, k]
    return here


@kernel
def visit_from_above(word, rows, fields):
    """Write the fields of a word of which nothing is known, bit by bit; see visit."""
    for bit in range(len(rows) - 2, 0, -1):
        visit(word >> bit << bit, rows, fields)
    return visit(word, rows, fields)


@kernel
def fold(terms):
    """Return the sum, by halves, which overwrites the terms."""
    size = terms.size
    while size > 1:
        half = size // 2
        for k in range(half):
            terms[k] += terms[size - half + k]
        size -= half
    return terms[0]


@kernel
def fill_log_weights(first, rows, gaussian, log_weights):
    """Write log w(s) of the words from the first one on."""
    fields, terms = rows.copy(), np.empty(rows.shape[1] - 1)
    visit_from_above(first, rows, fields)
    for i in range(log_weights.size):
        here = visit(first + i, rows, fields)
        for k in range(terms.size):
            z = fields[here, 1 + k]
            terms[k] = 0.5 * z * z if gaussian else softplus(z)
        log_weights[i] = fields[here, 0] + fold(terms)


@kernel
def add_slopes(first, p, rows, gaussian, slopes):
    """Add to slopes, shaped as rows, sum_s p(s) d log w(s) / d rows.

    The slope of a term in its field is the mean of the unit summed out: the sigmoid of
    the field of a binary unit, the field itself of a Gaussian one.
    """
    fields, slope = rows.copy(), np.empty(rows.shape[1])
    visit_from_above(first, rows, fields)
    for i in range(p.size):
        here = visit(first + i, rows, fields)
        slope[0] = p[i]
        for k in range(1, slope.size):
            z = fields[here, k]
            slope[k] = p[i] * (z if gaussian else sigmoid(z))
        for row in range(len(rows)):
            if row == 0 or (first + i) >> (row - 1) & 1:
                for k in range(slope.size):
                    slopes[row, k] += slope[k]


@dataclass(frozen=True, eq=False)
class Enumeration:
    """The words of one layer, the other one summed out.

    rows : (1 + n, 1 + m), float64: bias and R of the module's equation, below the
        constant and start; the last unit is the lowest bit and comes first
    gaussian : whether the units summed out are

    Raises ValueError for more than 26 units, FloatingPointError for log weights that
    could overflow.
    """

    rows: NDArray[np.float64]
    gaussian: bool

    def __post_init__(self):
        units = len(self.rows) - 1
        if units > MAX_UNITS:
            raise ValueError(
                f"the layer to enumerate has {units} units and so 2^{units} states; up "
                f"to {MAX_UNITS} can be counted through in reasonable time: estimate "
                "log Z by annealed importance sampling, or take a smaller machine"
            )
        with np.errstate(over="ignore"):
            largest = np.sum(np.abs(self.rows), axis=0) ** (2 if self.gaussian else 1)
            finite = np.isfinite(np.sum(largest))
        if not finite:
            raise FloatingPointError(
                "the energies of this machine overflow, so that log Z would be nan: "
                "training diverged, or a sigma is so small that W / sigma is too "
                "large; go back to parameters of a sensible size"
            )

    @property
    def starts(self) -> range:
        """The first word of each block."""
        return range(0, 2 ** (len(self.rows) - 1), BLOCK)

    def log_weights(self, first: int) -> NDArray[np.float64]:
        """Return log w of the words of a block."""
        log_weights = np.empty(min(BLOCK, self.starts.stop))
        fill_log_weights(first, self.rows, self.gaussian, log_weights)
        return log_weights

    def log_sum(self, first: int) -> float:
        """Return the logarithm of the summed weights of a block."""
        return log_sum_exp(self.log_weights(first))

    def slopes(self, log_Z: float, first: int) -> NDArray[np.float64]:
        """Return the part of d log Z / d rows that comes from a block."""
        slopes = np.zeros_like(self.rows)
        p = np.exp(self.log_weights(first) - log_Z)
        add_slopes(first, p, self.rows, self.gaussian, slopes)
        return slopes


def over_visible(machine: Machine) -> Enumeration:
    """Return the words x of a binary machine, h summed out."""
    return Enumeration(as_rows(machine.W, machine.a, machine.b), False)


@np.errstate(over="ignore", invalid="ignore")  # which Enumeration refuses
def over_hidden(machine: Machine) -> Enumeration:
    """Return the words h, x summed out."""
    if machine.sigma is None:
        return Enumeration(as_rows(machine.W.T, machine.b, machine.a), False)
    a, sigma = machine.a.astype(np.float64), machine.sigma.astype(np.float64)
    R = machine.W.T / sigma
    rows = as_rows(R, machine.b + np.sum(R * (a / sigma), axis=1), np.zeros(len(a)))
    rows[0, 0] = np.sum(np.log(np.sqrt(2 * np.pi) * sigma))
    return Enumeration(rows, True)


def as_rows(R, bias, start) -> NDArray[np.float64]:
    """Return ((0, start), (bias, R)), the last row first, as one array in float64."""
    rows = np.zeros((1 + len(bias), 1 + len(start)))
    rows[0, 1:] = start
    rows[1:, 0] = bias[::-1]
    rows[1:, 1:] = R[::-1]
    return rows


def log_sum_exp(x) -> float:
    """Return log sum exp(x), with the largest taken out, lest exp overflows."""
    top = np.max(x)
    return float(top + np.log(np.sum(np.exp(x - top))))
