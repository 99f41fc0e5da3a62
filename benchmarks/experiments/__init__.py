"""One experiment a module: its first docstring line is its title, BUDGET its seconds.

`run(seed, size)` with size "quick" or "full" returns a `benchmarks.experiment.Result`;
`picture(series)`, where there is one, draws the record of all seeds.
"""
