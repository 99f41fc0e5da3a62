"""Parts of the experiment "diffusion-skip"."""
