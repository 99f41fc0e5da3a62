"""Parts of the experiment "ising4"."""
