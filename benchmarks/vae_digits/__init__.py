"""Parts of the experiment "vae-digits"."""
