"""Normal numbers in float64: twice the random bits, and longer polynomials."""

from benchmarks.speed.random_numbers import row

ROW = row("standard_normal", "float64")
