"""Parts of the experiment "rbm-digits"."""
