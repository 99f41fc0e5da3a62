"""Experiments, their records and the report: `python -m benchmarks --help`.

Reading order: experiment.py (what an experiment returns), experiments/ (one a file),
record.py (the full runs), quick.py (a quick run held to its record), report.py and
page.py (what is written), __main__.py (the command line). speed/ is the table of times
beside other libraries: row.py, race.py, then one row a file in speed/rows.
"""
