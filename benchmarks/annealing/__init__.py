"""Parts of the experiment "annealing"."""
