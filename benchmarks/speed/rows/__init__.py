"""The rows of the speed table, one kernel a file."""
