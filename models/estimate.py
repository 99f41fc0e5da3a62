"""A number that is known, or estimated with a standard error."""

import math
from dataclasses import dataclass

ROUNDING = 1e-15  # relative, of float64


@dataclass(frozen=True)
class Estimate:
    """A number and how far it may be off.

    Parameters
    ----------
    value : the number
    standard_error : the standard deviation of value over repetitions, in its unit;
        0 for one that is exact up to rounding

    >>> Estimate(-16.91, 0.02)
    Estimate(-16.910 +- 0.020)
    """

    value: float
    standard_error: float = 0.0

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        if self.standard_error <= ROUNDING * abs(self.value):
            return f"Estimate({self.value:.7g}, exact)"
        if not math.isfinite(self.standard_error):
            return f"Estimate({self.value:.6g} +- {self.standard_error})"
        places = max(0, 1 - math.floor(math.log10(self.standard_error)))
        value, error = (f"{x:.{places}f}" for x in (self.value, self.standard_error))
        return f"Estimate({value} +- {error})"


def require_log_partition(log_partition: float | Estimate) -> float:
    """Return the number, or raise ValueError unless it is finite."""
    number = float(log_partition)
    if not math.isfinite(number):
        raise ValueError(
            f"log_partition is {number}, and no probability can be told with it; give "
            "what model.log_partition() returns"
        )
    return number
