"""Parts of the experiment "optimizers"."""
