"""Parts of the experiment "ising"."""
