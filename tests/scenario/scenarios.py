#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Live scenarios: the real daemon against the fake venue, one fault each, with everything that must and must not follow.

    scenarios.py --bin DIR NAME     run one (what ctest does)
    scenarios.py --list             names
    scenarios.py --table            the table of tests/scenario/TABLE.md

They stand in *_scenarios.py, by subject; shape.py says when one passes.
"""
import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import advice_scenarios
import debt_scenarios
import engine_scenarios
import fault_scenarios
import lease_scenarios
import sentinel_scenarios
import socket_scenarios
import venue_scenarios
from lab import LabError, LabSkip
from shape import run

SCENARIOS = fault_scenarios.SCENARIOS
SPECIAL = (  # the common shape does not fit them
    *sentinel_scenarios.SCENARIOS,
    *venue_scenarios.SCENARIOS,
    *lease_scenarios.SCENARIOS,
    *advice_scenarios.SCENARIOS,
    *engine_scenarios.SCENARIOS,
    *socket_scenarios.SCENARIOS,
    *debt_scenarios.SCENARIOS,
)


def expectation(scenario):
    words = [f"{kind} ({scope})" for kind, scope in sorted(scenario.faults)] or ["no fault"]
    if scenario.lapses:
        words.append("lapses: " + ", ".join(sorted(s.split("/", 1)[1] for s in scenario.lapses)))
    if scenario.revoked:
        words.append("revoked: " + ", ".join(sorted(s.split("/", 1)[1] for s in scenario.revoked)))
    if scenario.well_again:
        words.append("well again")
    return "; ".join(words)


def done_to(scenario):
    words = [f"before start: `{c}`" for c in scenario.before_start]
    words += [f"`{step}`" if isinstance(step, str) else "SIGSTOP, SIGCONT" for step in scenario.when if isinstance(step, str) or "stop" in step.__qualname__]
    options = scenario.detect or scenario.policy or scenario.venue_options
    return ", ".join(words) + (f" ({options})" if options else "")


def table():
    rows = ["<!-- made by scenarios.py --table; ctest compares -->", "| scenario | what is done | what must follow, and nothing else |", "|---|---|---|"]
    rows += [f"| {s.name.replace('_', ' ')} | {done_to(s)} | {expectation(s)} |" for s in SCENARIOS]
    rows += [f"| {f.__name__.replace('_', ' ')} | {f.__doc__} | as said |" for f in SPECIAL]
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", help="folder of the built programs")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the laboratory's folder")
    parser.add_argument("name", nargs="?")
    options = parser.parse_args()
    if options.list:
        print("\n".join([s.name for s in SCENARIOS] + [f.__name__ for f in SPECIAL]))
        return 0
    if options.table:
        print(table(), end="")
        return 0
    special = {f.__name__: f for f in SPECIAL}
    by_name = {s.name: s for s in SCENARIOS}
    try:
        if options.name in special:
            complaints = special[options.name](options.bin, options.keep)
        else:
            complaints = run(by_name[options.name], options.bin, options.keep)
    except LabSkip as why:
        print(f"{options.name}: skipped: {why}")
        return 77
    except LabError as error:
        complaints = [str(error)]
    for complaint in complaints:
        print(f"{options.name}: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
