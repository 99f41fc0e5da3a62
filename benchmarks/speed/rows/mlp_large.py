"""A network for 28x28 images: nearly all its time is in the matrix products."""

from benchmarks.speed.mlp import Size, row

ROW = row(Size(batch=128, widths=(784, 256, 256, 10), activation="relu"))
