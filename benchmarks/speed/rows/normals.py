"""Normal numbers in float32: a logarithm, a root, a sine and a cosine for each two."""

from benchmarks.speed.random_numbers import row

ROW = row("standard_normal")
