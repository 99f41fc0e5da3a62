"""Parts of the experiment "gibbs-exact"."""
