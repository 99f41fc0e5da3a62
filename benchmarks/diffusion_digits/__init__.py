"""Parts of the experiment "diffusion-digits"."""
