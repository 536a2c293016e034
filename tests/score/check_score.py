#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: the detector gets no worse. A virtual clock counts, so every figure is exact and the same on every machine.

Method: `flatline score --quick --json` against the counts of baseline.txt, row by row: found, in time and blamed rightly may
not fall, faults beside what is right may not rise, and no row may go; SILENT's false alarms stay within a factor 2 of the stated ones. Rows that got better are told, and pass: renew then.
And docs/SCORECARD.md must tell the oracle as the program has it: a changed table wants a new scorecard.

    check_score.py --flatline PROGRAM --scorecard FILE            compare; exit 1 if anything is worse
    check_score.py --flatline PROGRAM --scorecard FILE --update   write the baseline anew, to be reviewed with `git diff`
"""
import argparse
import json
import pathlib
import subprocess
import sys

BASELINE = pathlib.Path(__file__).resolve().parent / "baseline.txt"
COLUMNS = ("trials", "found", "in_time", "blame_right", "other")
SLOWER = 1.1  # a median of 50 cuts may move that much with the tail it is drawn from


def run(program, *options):
    return subprocess.run([program, "score", *options], check=True, capture_output=True, text=True).stdout


def measured(program):
    """Rows of trials by market and injection; rows of silence by rate: cuts, found, median exposure in ms."""
    rows, wrong = {}, []
    for line in run(program, "--quick", "--json").splitlines():
        row = json.loads(line)
        if row["type"] == "score":
            rows[row["market"], row["injected"]] = tuple(row[c] for c in COLUMNS)
        elif row["type"] == "silence":
            exposure = row["exposure_ns"]["p50"] if row["exposure_ns"] else 0
            rows["silence", row["frames"]] = (row["cuts"], row["found"], exposure // 10**6)
            stated = row["test_ns"] / row["stated_every_ns"]
            if not stated / 2 <= row["false_alarms"] <= stated * 2:
                wrong.append(f"silence {row['frames']}: {row['false_alarms']} false alarms where {stated:.0f} are stated")
    return rows, wrong


def kept():
    rows = {}
    for line in BASELINE.read_text().splitlines():
        if line and not line.startswith("#"):
            market, injected, *counts = line.split()
            rows[market, injected] = tuple(int(c) for c in counts)
    return rows


def worse(old, new):
    """What got worse of one row, as words."""
    if len(old) == 3:
        slower = new[2] > old[2] * SLOWER
        return [f"{what} {o} -> {n}" for what, o, n, bad in zip(("cuts", "found", "exposure, ms"), old, new,
                                                               (new[0] < old[0], new[1] < old[1], slower)) if bad]
    trials, found, in_time, right, other = (n - o for n, o in zip(new, old))
    return [f"{name} {o} -> {n}" for name, o, n, bad in zip(COLUMNS, old, new, (trials < 0, found < 0, in_time < 0, right < 0, other > 0))
            if bad]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--flatline", required=True)
    parser.add_argument("--scorecard", required=True, type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    new, wrong = measured(options.flatline)
    if options.update:
        lines = [f"# market injected {' '.join(COLUMNS)}"]
        lines += [f"{m} {i} {' '.join(map(str, counts))}" for (m, i), counts in new.items()]
        BASELINE.write_text("\n".join(lines) + "\n")
        return 0
    old, bad, better = kept(), wrong, 0
    for key, counts in old.items():
        if key not in new:
            bad.append(f"{' '.join(key)}: gone")
            continue
        bad += [f"{' '.join(key)}: {text}" for text in worse(counts, new[key])]
        better += counts != new[key] and not worse(counts, new[key])
    if not options.scorecard.read_text().endswith(run(options.flatline, "--oracle")):
        bad.append(f"{options.scorecard}: another oracle than the program's; make the scorecard anew (docs/SCORE.md)")
    print("\n".join(bad))
    print(f"{len(old)} rows, {len(bad)} worse, {better} better or with more trials, {len(new.keys() - old.keys())} new")
    if bad:
        print("If this is right, renew with --update and say why in the commit.")
    return 1 if bad or len(old) < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
