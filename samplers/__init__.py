"""Markov chains and other ways to draw from a distribution, compiled by Numba."""
