"""Parts of the experiment "diffusion-gaussian"."""
