#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""golden.py - the verdicts of the small recordings, compared with the reviewed ones.

Goal:   any change of a verdict is seen, line by line, and must be explained before it is accepted.
Method: `flatline replay --json` on each file of tests/data/captures, with the options its golden file begins with, compared with
        tests/replay/golden as a set of lines (their order is free by contract). tests/replay/README.md works each verdict out by hand.

    golden.py --flatline PROGRAM            compare; exit 1 on a difference
    golden.py --flatline PROGRAM --update   write them anew, to be reviewed with `git diff`
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CAPTURES = HERE.parent / "data" / "captures"
CASES = {  # golden file -> arguments
    "spot.json": ["spot.tsv"],
    "usdm.json": ["usdm.tsv"],
    "coinm.json": ["coinm.tsv"],
    "okx.json": ["okx.tsv"],
    "usdm-1s.json": ["--stale-after", "1s", "usdm.tsv"],
    "spot-as-okx.json": ["--venue", "okx", "spot.tsv"],
    "both.json": ["spot.tsv", "okx.tsv"],
}


def replay(flatline, arguments):
    done = subprocess.run([flatline, "replay", "--json", *arguments], cwd=CAPTURES, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit(f"{arguments}: exit {done.returncode}: {done.stderr.decode()}")
    lines = done.stdout.decode().splitlines()
    for line in lines:
        check_numbers(json.loads(line), line)
    return lines


def check_numbers(value, line):
    """Times are JSON integers: never a fraction, never an exponent."""
    if isinstance(value, float):
        sys.exit(f"a number that is not an integer: {line}")
    for item in value.values() if isinstance(value, dict) else ():
        check_numbers(item, line)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flatline", required=True)
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    different = 0
    for name, arguments in CASES.items():
        path = HERE / "golden" / name
        got = replay(str(pathlib.Path(options.flatline).resolve()), arguments)
        if options.update:
            path.write_text("\n".join(sorted(got)) + "\n", encoding="utf-8")
            continue
        expected = path.read_text(encoding="utf-8").splitlines()
        missing = collections.Counter(expected) - collections.Counter(got)
        unexpected = collections.Counter(got) - collections.Counter(expected)
        for mark, lines in (("-", missing), ("+", unexpected)):
            for line in lines.elements():
                print(f"{name}: {mark}{line}")
        different += bool(missing or unexpected)
    print(f"{len(CASES)} cases, {different} different")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
