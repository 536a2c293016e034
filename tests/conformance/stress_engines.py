#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: no reader ever finds half of one value and half of another in a word that an engine writes, in any language.

Method: the engine of each language echoes numbers whose halves are alike, as fast as it can; read_words.c reads them by a mapping, and
as the sentinel does. A word that hardly changed has proven nothing, and fails.
usage: stress_engines.py BIN_DIR [READS]: the figure of the project is of 10000000 reads
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from readers import Program, engines

READS_A_CHANGE = 1_000  # of a word that hardly changes, many looks prove little
SPAN_MS = 100


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    reads = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    changes = reads // READS_A_CHANGE
    wrong = 0
    for language, command in engines(bin_dir).items():
        with tempfile.TemporaryDirectory(prefix="flatline-words-", dir="/dev/shm") as folder, Program(command) as engine:
            engine.answer(f"create {folder}/segment mm1")
            engine.answer("declare stream 0 a/b/c")
            engine.answer("echo 0 4294967297 4294967297")
            reader = subprocess.Popen([str(bin_dir / "read_words"), f"{folder}/segment.engine.mm1", str(reads), str(changes)],
                                      stdout=subprocess.PIPE, text=True)
            while reader.poll() is None:
                engine.answer(f"stress 0 {SPAN_MS}")
            seen = json.loads(reader.communicate()[0])
        print(f"{language:6} {seen}")
        wrong += seen["torn"] != 0 or seen["reads"] < reads or seen["changes"] < changes or seen["copies"] < reads // 10
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
