"""Parts of the experiment "vae-linear"."""
