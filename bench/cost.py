# SPDX-License-Identifier: MIT
"""Compares the turns that two builds took: lines `ROUND before|now FILE FRAMES MEDIAN BEST`, as
scripts/bench makes them of bench_cost's. Prints the median of the medians, and the best, ns a frame."""
import statistics
import sys

turns = {}
for line in sys.stdin:
    _, build, name, frames, median_ns, best_ns = line.split()
    turns.setdefault((name, frames), {}).setdefault(build, []).append((float(median_ns), float(best_ns)))

print(f"{'ns a frame, all on':30} {'frames':>7}         {sys.argv[1]:>8} {'now':>8} {'more':>7} {'ratio':>7}")
for (name, frames), builds in turns.items():
    for title, pick in (("median", lambda t: statistics.median(m for m, _ in t)),
                        ("best", lambda t: min(b for _, b in t))):
        before, now = pick(builds["before"]), pick(builds["now"])
        print(f"{name:30} {frames:>7} {title:6}  {before:8.1f} {now:8.1f} {now - before:7.1f} {now / before:7.3f}")
