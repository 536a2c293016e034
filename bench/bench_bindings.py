#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a look costs an engine, its clock included, and what an echo, in each language.

Method: one segment, kept alive, and an engine's file a language beside it; the little programs of tests/conformance look and echo in a
loop of their own language, taking turns round by round, so that a busy neighbour meets all of them. A figure is the time of a round by its
looks or echoes, loop included; the median over the rounds, the best and the worst beside it. Every look must say fresh. An echo is of
an id that is new each time, with a time that was read before.
usage: bench_bindings.py BIN_DIR [--rounds N] [--json]
"""
import argparse
import json
import pathlib
import statistics
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/conformance"))
from readers import Program, Reader, commands, engines

COUNT = {"C": 20_000, "C++": 20_000, "Go": 20_000, "Python": 2_000}  # a round ends before the scheduler looks
LOOKS = {"time": "look at a stream", "time_gate": "look at a gate of 2"}
ECHO = "echo"
TARGET_NS = {("look at a stream", "C"): 30, ("look at a stream", "Go"): 60, ("look at a stream", "Python"): 300,
             (ECHO, "C"): 5, (ECHO, "C++"): 5, (ECHO, "Go"): 20, (ECHO, "Python"): 200}


def look(reader, question, count):
    """ns of so many looks."""
    said = reader.ask(f"{question} {count}")
    if said["fresh"] != count:
        raise SystemExit(f"{count - said['fresh']} of {count} looks were not fresh")
    return said["ns"]


def measure(readers, writers, puppet, rounds):
    """{(what, language): [ns each, one a round]}"""
    figures = {(what, language): [] for what in (*LOOKS.values(), ECHO) for language in readers}
    for _ in range(rounds):
        for question, what in LOOKS.items():
            for language, reader in readers.items():
                assert puppet.answer("beat 9000") == "ok"
                figures[what, language].append(look(reader, question, COUNT[language]) / COUNT[language])
        for language, writer in writers.items():
            figures[ECHO, language].append(writer.ask(f"time 0 {COUNT[language]}")["ns"] / COUNT[language])
    return figures


def started(programs, lines):
    """{language: its program, told these lines}; LANGUAGE in a line is an engine's name."""
    readers = {language: Reader(command) for language, command in programs.items()}
    for number, reader in enumerate(readers.values()):
        for line in lines:
            reader.ask(line.replace("LANGUAGE", f"engine{number}"))
    return readers


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=301)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flatline-bench-", dir="/dev/shm") as folder:
        with Program([str(options.bin / "segment_puppet"), folder, "bench"]) as puppet:
            puppet.answer()
            for stream in (0, 1):
                puppet.answer(f"lease {stream} 3600000")
            readers = started(commands(options.bin), (f"attach {folder}/bench", "find okx/BTC-USDT/books", "find_gate both"))
            writers = started(engines(options.bin), (f"create {folder}/bench LANGUAGE", "declare stream 0 okx/BTC-USDT/books"))
            figures = measure(readers, writers, puppet, options.rounds)
            for program in (*readers.values(), *writers.values()):
                program.leave()
    if not options.json:
        print(f"{'':20} {'in':8} {'median':>8} {'best':>8} {'worst':>8} {'target':>8}   ns; a look with its clock")
    for (what, language), ns in figures.items():
        row = {"what": what, "in": language, "median_ns": round(statistics.median(ns), 1),
               "best_ns": round(min(ns), 1), "worst_ns": round(max(ns), 1)}
        print(json.dumps(row) if options.json else f"{what:20} {language:8} {row['median_ns']:8.1f} {row['best_ns']:8.1f} "
              f"{row['worst_ns']:8.1f} {TARGET_NS.get((what, language), ''):>8}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
