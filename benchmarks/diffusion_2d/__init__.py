"""Parts of the experiment "diffusion-2d"."""
