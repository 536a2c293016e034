# SPDX-License-Identifier: MIT
"""Goal: every synchronising edge has both its ends, and docs/MEMORY-ORDER.md tells of each.

Method: collects the tags `ORDER name, release|acquire|seq_cst` of the sources; a release needs an acquire and the other way
round, a seq_cst needs a second site; the document's tables must name the same tags, and at each tag the files it stands in.
usage: check_memory_order.py SOURCE_DIR
"""
import collections
import pathlib
import re
import sys

TAG = re.compile(r"ORDER ([a-z_]+\.[a-z_]+), (release|acquire|seq_cst)")
ROW = re.compile(r"^\| ([a-z_]+\.[a-z_]+) \| ([^|]*) \| ([^|]*) \|", re.M)
FOLDERS = ("include", "core", "feeds", "sentinel", "tools", "examples")


def collect(top):
    """{tag: {order: {file, ...}}} and {tag: number of sites}"""
    files, sites = collections.defaultdict(lambda: collections.defaultdict(set)), collections.Counter()
    for folder in FOLDERS:
        for path in sorted((top / folder).rglob("*.[ch]")):
            for tag, order in TAG.findall(path.read_text()):
                files[tag][order].add(str(path.relative_to(top)))
                sites[tag] += 1
    return files, sites


def problems(top):
    files, sites = collect(top)
    document = (top / "docs/MEMORY-ORDER.md").read_text()
    rows = {tag: (left, right) for tag, left, right in ROW.findall(document)}
    for tag, orders in sorted(files.items()):
        if "seq_cst" in orders:
            if sites[tag] < 2:
                yield f"{tag}: a seq_cst access alone orders nothing"
        else:
            for order in ("release", "acquire"):
                if order not in orders:
                    yield f"{tag}: no {order} anywhere in {', '.join(FOLDERS)}"
        if tag not in rows:
            yield f"{tag}: not in docs/MEMORY-ORDER.md ({'; '.join(f'{o} in ' + ', '.join(sorted(f)) for o, f in orders.items())})"
            continue
        for column, order in ((0, "release"), (1, "acquire")):
            told = set(rows[tag][column].replace(" ", "").split(","))
            real = orders.get(order, orders.get("seq_cst", set()))
            if told != real:
                yield f"{tag}: docs/MEMORY-ORDER.md puts its {order} in {sorted(told)}, the sources in {sorted(real)}"
    for tag in sorted(rows.keys() - files.keys()):
        yield f"{tag}: in docs/MEMORY-ORDER.md, but nowhere in the sources"
    if not files:
        yield "no tags found at all"


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    for problem in found:
        print(problem)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
