"""Scalar functions whose code is copied into every kernel that calls them.

A loop around a call does not vectorize; a loop around the copied code does.
"""

from numba.extending import register_jitable

# Not "contract" and not "reassoc": rounding errors are computed here and subtracted.
# The function stays plain Python outside of kernels, with the same bits.
inlined = register_jitable(forceinline=True, error_model="numpy", fastmath={"nsz"})
