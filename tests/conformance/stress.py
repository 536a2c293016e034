#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: no reader in any language ever takes half of one publication and half of another.

Method: a writer publishes number after number, each in every word; the readers snapshot it one after the other, and count what does
not agree. A reader that saw nothing change has proven nothing, and fails.
usage: stress.py BIN_DIR [SECONDS]
"""
import pathlib
import sys
import tempfile

from readers import Program, Reader, commands


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="flatline-stress-", dir="/dev/shm") as folder:
        with Program([str(bin_dir / "conformance_stress_writer"), folder, "stress"]) as writer:
            assert writer.answer() == "ok"
            for language, command in commands(bin_dir).items():
                with Reader(command) as reader:
                    assert reader.ask(f"attach {folder}/stress")["attach"] == "OK"
                    assert reader.ask("find stress")["find"] == "OK"
                    seen = reader.ask(f"stress {seconds}")
                print(f"{language:6} {seen}")
                wrong += seen["torn"] != 0 or seen["changes"] < 10
            print(f"published {writer.leave().strip()}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
