#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares the tables of docs/EVIDENCE.md with FLATLINE_FAULTS in include/flatline/layout.h: kinds, keys, order, units.

usage: check_evidence.py REPOSITORY
"""
import pathlib
import re
import sys

ROW = re.compile(r'K\((\d+), (\w+), "(\w+)", ("\w*"(?:, "\w*"){5})\)')
WORD = re.compile(r"^\| ([A-Z_]+) \| `(\w+)` \| ([^|]+) \| ([^|]+) \|$")
KIND = re.compile(r"^\| ([A-Z_]+) \| ([a-z, ]+) \| ([^|]+) \| ([^|]+) \|$")


def main():
    root = pathlib.Path(sys.argv[1])
    header = (root / "include/flatline/layout.h").read_text().replace("\\\n", " ")
    page = (root / "docs/EVIDENCE.md").read_text()
    header = re.sub(r"\s+", " ", header)
    complaints = []

    faults = {}
    for number, name, text, keys in ROW.findall(header):
        if int(number) > 0:
            faults[name] = [key for key in re.findall(r'"(\w*)"', keys) if key]
            if name != text:
                complaints.append(f"layout.h: {name} is called {text}")
    if len(faults) != int(re.search(r"FLATLINE_FAULT_COUNT (\d+)U", header).group(1)) - 1:
        complaints.append("layout.h: its rows of FLATLINE_FAULTS were not all understood")

    words = {name: [] for name in faults}
    told = set()
    for line in page.splitlines():
        word, kind = WORD.match(line), KIND.match(line)
        if word:
            name, key, unit, _ = (part.strip() for part in word.groups())
            words.setdefault(name, []).append(key)
            if key.endswith("_ns") != unit.startswith("ns"):
                complaints.append(f"EVIDENCE.md: {name} {key} has the unit {unit}")
        elif kind:
            told.add(kind.group(1))
    told |= set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", page.split("nothing raises them")[0].rsplit("\n\n", 1)[1]))

    for name, keys in faults.items():
        if words[name] != keys:
            complaints.append(f"{name}: layout.h has {keys}, EVIDENCE.md has {words[name]}")
        if name not in told:
            complaints.append(f"EVIDENCE.md says nothing about {name}")
    for name in (set(words) | told) - set(faults):
        complaints.append(f"EVIDENCE.md tells of {name}, which layout.h does not know")

    print("\n".join(complaints) or f"{len(faults)} kinds, {sum(map(len, faults.values()))} words: the same")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
