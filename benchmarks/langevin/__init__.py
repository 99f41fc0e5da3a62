"""Parts of the experiment "langevin"."""
