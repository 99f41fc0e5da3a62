"""Parts of the experiment "diffusion-mixture"."""
