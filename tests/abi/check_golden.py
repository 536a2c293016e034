# SPDX-License-Identifier: MIT
"""Goal: a segment of any released version of this major is decoded to the very text it was decoded to then.

Method: `flatline dump` of every golden segment against the text beside it.
usage: check_golden.py FLATLINE DATA_DIR
"""
import difflib
import pathlib
import subprocess
import sys


def main():
    goldens = sorted(pathlib.Path(sys.argv[2]).glob("segment-*.bin"))
    wrong = 0
    for golden in goldens:
        done = subprocess.run([sys.argv[1], "dump", "--segment", str(golden)], capture_output=True, text=True, check=False)
        wanted = golden.with_suffix(".dump").read_text()
        if done.returncode != 3 or done.stdout != wanted:  # 3: nobody beats in it any more
            wrong += 1
            print(f"{golden}: exit {done.returncode} {done.stderr}")
            sys.stdout.writelines(list(difflib.unified_diff(wanted.splitlines(True), done.stdout.splitlines(True)))[:40])
    print(f"{len(goldens)} golden segments, {wrong} wrong")
    return 1 if wrong or not goldens else 0


if __name__ == "__main__":
    sys.exit(main())
