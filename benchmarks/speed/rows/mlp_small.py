"""The network that reads the 8x8 digits: too small to hide what a call costs."""

from benchmarks.speed.mlp import Size, row

ROW = row(Size(batch=64, widths=(64, 128, 10), activation="tanh"))
