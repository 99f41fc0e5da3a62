"""Uniform numbers in float64, of which each takes twice as many random bits."""

from benchmarks.speed.random_numbers import row

ROW = row("random", "float64")
