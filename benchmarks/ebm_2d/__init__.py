"""Parts of the experiment "ebm-2d"."""
