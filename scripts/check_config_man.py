#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares flatlined.conf(5) with the tables of the configuration: every key, every range, every kind of fault.

usage: check_config_man.py REPOSITORY
"""
import pathlib
import re
import sys

UNIT = {"NS_PER_MS": 10**6, "NS_PER_S": 10**9}
SPELLED = (("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9), ("ms", 10**6))
SIZES = (("MiB", 1 << 20), ("KiB", 1 << 10))


def number(expression):
    """A constant of the tables: products, shifts and the two units."""
    plain = re.sub(r"\bNS_PER_M?S\b", lambda match: str(UNIT[match.group()]), expression)
    plain = re.sub(r"(\d)U\b", r"\1", plain)
    if not re.fullmatch(r"[\d\s*<]+", plain):
        raise ValueError(expression)
    return eval(plain)  # digits, * and << alone, by the line above


def spell(value, units):
    return next((f"{value // size}{name}" for name, size in units if value and value % size == 0), str(value))


def tables(root):
    """{key: set of "min to max"} of every table."""
    fields = {}
    for path in sorted((root / "sentinel").glob("config*.c")):
        text = path.read_text()
        for key, least, most in re.findall(r'DURATION\("(\w+)",\s*[\w.]+,\s*([^,]+),\s*([^,]+),', text):
            fields.setdefault(key, set()).add(f"{spell(number(least), SPELLED)} to {spell(number(most), SPELLED)}")
        for row in re.findall(r"\{(\.key = \"[\w-]+\"(?:[^{}\"]|\"[^\"]*\")*)\}", text):
            key, read = re.search(r'\.key = "([\w-]+)"', row).group(1), re.search(r"\.read = (\w+)", row)
            bounds = re.search(r"\.min = ([^,]+),\s*\.max = ([^,]+),", row)
            ranges = fields.setdefault(key, set())
            if bounds and read:
                units = SPELLED if "duration" in read.group(1) else SIZES if "size" in read.group(1) else ()
                ranges.add(" to ".join(spell(number(bound), units) for bound in bounds.groups()))
    return fields


def main():
    root = pathlib.Path(sys.argv[1])
    page = (root / "docs/man/flatlined.conf.5").read_text()
    header = (root / "include/flatline/layout.h").read_text()
    fields = tables(root)
    fields.update((name, set()) for name in re.findall(r'E\(\d, [A-Z_]+, "((?:binance-|okx)[a-z]*)"\)', header))
    told = set(re.findall(r"^\.I[tc] (?:Ic )?([a-z][\w-]*)", page, re.MULTILINE))
    flat = re.sub(r"\s+", " ", page)
    complaints = [f"the page says nothing of {key}" for key in sorted(set(fields) - told)]
    complaints += [f"the page tells of {key}, which no table has" for key in sorted(told - set(fields))]
    for key, ranges in sorted(fields.items()):
        complaints += [f"{key}: the page does not say {each}" for each in ranges if each not in flat]
    kinds = re.findall(r'^\s+K\(\d+, (\w+), "\1"', header, re.MULTILINE)
    complaints += [f"the page does not name {kind}" for kind in kinds if not re.search(rf"\b{kind}\b", page)]
    print("\n".join(complaints) or f"{len(fields)} keys and {len(kinds)} faults: the same")
    return 1 if complaints or len(fields) < 40 or not kinds else 0


if __name__ == "__main__":
    sys.exit(main())
