#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a look costs an engine, its clock included, in each language a reader exists for.

Method: one segment, kept alive; the little programs of tests/conformance look at it in a loop of their own language, taking turns round
by round, so that a busy neighbour meets all of them. A figure is the time of a round by its looks, loop included; the median over the
rounds, the best and the worst beside it. Every look must say fresh.
usage: bench_bindings.py BIN_DIR [--rounds N] [--json]
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/conformance"))
from readers import Program, Reader, commands

LOOKS = {"C": 2_000_000, "C++": 2_000_000, "Go": 1_000_000, "Python": 200_000}
TARGET_NS = {"C": 30, "Go": 60, "Python": 300}
QUESTIONS = {"time": "stream", "time_gate": "gate of 2"}


def measure(readers, puppet, rounds):
    """{(language, question): [ns a look, one a round]}"""
    figures = {(language, question): [] for question in QUESTIONS for language in readers}
    for _ in range(rounds):
        for language, question in figures:
            assert puppet.answer("beat 9000") == "ok"
            count = LOOKS[language]
            said = readers[language].ask(f"{question} {count}")
            if said["fresh"] != count:
                raise SystemExit(f"{language}: {count - said['fresh']} of {count} looks were not fresh")
            figures[language, question].append(said["ns"] / count)
    return figures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flatline-bench-", dir="/dev/shm") as folder:
        with Program([str(options.bin / "segment_puppet"), folder, "bench"]) as puppet:
            puppet.answer()
            for stream in (0, 1):
                puppet.answer(f"lease {stream} 3600000")
            readers = {language: Reader(command) for language, command in commands(options.bin).items()}
            for reader in readers.values():
                for line in (f"attach {folder}/bench", "find okx/BTC-USDT/books", "find_gate both"):
                    reader.ask(line)
            figures = measure(readers, puppet, options.rounds)
            for reader in readers.values():
                reader.leave()
    if not options.json:
        print(f"{'look at a':10} {'in':8} {'median':>8} {'best':>8} {'worst':>8} {'target':>8}   ns, clock included")
    for (language, question), ns in figures.items():
        row = {"look": QUESTIONS[question], "in": language, "median_ns": round(statistics.median(ns), 1),
               "best_ns": round(min(ns), 1), "worst_ns": round(max(ns), 1)}
        target = TARGET_NS.get(language, "") if question == "time" else ""
        print(json.dumps(row) if options.json else
              f"{row['look']:10} {language:8} {row['median_ns']:8.1f} {row['best_ns']:8.1f} {row['worst_ns']:8.1f} {target:>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
