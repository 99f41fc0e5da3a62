"""Speed: our kernels beside those of other libraries, `python -m benchmarks speed`.

Reading order: row.py (what is compared), worker.py (a contestant, alone in its
process), contestant.py (the other end of its pipe), agreement.py (only equal work is
timed), race.py (the protocol), floor.py (what no program can beat), outcome.py and
table.py (what is told). rows/ holds one kernel a file, peers/ the same work in other
libraries; mlp.py and random_numbers.py are what several rows share, threads.py is how
those of ours that are split among threads are given them, and later.py what is found
after the clock has stopped.
"""
