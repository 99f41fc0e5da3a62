"""Parts of the experiment "universal-approximation"."""
