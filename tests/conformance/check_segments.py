#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: the golden segments that the readers are asked about are what the publisher of this layout makes.

usage: check_segments.py SITUATIONS DATA_DIR [--write]
"""
import pathlib
import subprocess
import sys
import tempfile


def main():
    kept = pathlib.Path(sys.argv[2])
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="flatline-segments-") as folder:
        subprocess.run([sys.argv[1], folder], check=True)
        made = sorted(pathlib.Path(folder).iterdir())
        for path in made:
            if "--write" in sys.argv:
                (kept / path.name).write_bytes(path.read_bytes())
            elif not (kept / path.name).exists() or (kept / path.name).read_bytes() != path.read_bytes():
                wrong += 1
                print(f"{path.name}: not what the publisher makes; renew with --write if that is meant")
    print(f"{len(made)} segments, {wrong} wrong")
    return 1 if wrong or not made else 0


if __name__ == "__main__":
    sys.exit(main())
