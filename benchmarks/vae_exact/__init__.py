"""Parts of the experiment "vae-exact"."""
