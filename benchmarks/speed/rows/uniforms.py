"""Uniform numbers in float32: what every sampler consumes."""

from benchmarks.speed.random_numbers import row

ROW = row("random")
