"""Parts of the experiment "rbm-toy"."""
