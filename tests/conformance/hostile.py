#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: no segment, however damaged, crashes a reader or makes two of them disagree.

Method: copies of the golden segment with a few words changed at random (seeded: the same every time), in the header, the section table,
the gates, the members and the live words; each reader attaches, and is asked about every name it says there is.
usage: hostile.py BIN_DIR [SEGMENTS] [SEED]
"""
import json
import pathlib
import random
import sys
import tempfile

from readers import HERE, Reader, commands

GOLDEN = (HERE.parents[1] / "tests/data/segments/running.bin").read_bytes()
LAYOUT = json.loads((HERE.parents[1] / "docs/layout.json").read_text())
NOW = 1_100_000_000
# Not the names: they would have to survive JSON. transcript.txt damages those.
NAMED = {"flatline_directory_entry", "flatline_gate_entry", "flatline_connection", "flatline_counter"}


def places():
    """Byte offsets of the 32-bit halves that may be changed."""
    header = next(r for r in LAYOUT["records"] if r["name"] == "flatline_header")
    table = next(f for f in header["fields"] if f["name"] == "sections")["offset"]
    found = [offset for offset in range(0, header["bytes"], 4)]
    for section in LAYOUT["sections"]:
        at = table + 16 * section["number"]
        offset, stride, count = (int.from_bytes(GOLDEN[at + a:at + b], "little") for a, b in ((0, 8), (8, 12), (12, 16)))
        first = 64 if section["record"] in NAMED else 0
        if section["name"] in ("LEASES", "DETAILS", "GATES", "GATE_MEMBERS"):
            found += [offset + stride * i + k for i in range(count) for k in range(first, min(stride, 160), 4)]
    return found


def damaged(chance, where):
    data = bytearray(GOLDEN)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.choice(where)
        was = int.from_bytes(data[at:at + 4], "little")
        now = chance.choice((0, 1, 2, 7, 0x7fffffff, 0x80000000, 0xffffffff, was + 1, was - 1, was ^ 1 << chance.randrange(32),
                             was + 8, len(GOLDEN), chance.getrandbits(32)))
        data[at:at + 4] = (now & 0xffffffff).to_bytes(4, "little")
    return bytes(data[:chance.randrange(len(data))] if chance.random() < 0.05 else data)


def answers_of(reader, path):
    said = [reader.ask(f"attach {path}")]
    for name in said[0].get("streams", ()):
        said += [reader.ask(line) for line in (f"find {name}", f"ask {NOW} 42", "snapshot")]
    for name in said[0].get("gates", ()):
        said += [reader.ask(line) for line in (f"find_gate {name}", f"ask_gate {NOW}")]
    return said


def main():
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 400
    chance = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 1)
    where = places()
    wrong, attached = 0, 0
    with tempfile.TemporaryDirectory(prefix="flatline-hostile-", dir="/dev/shm") as folder:
        readers = {language: Reader(command) for language, command in commands(pathlib.Path(sys.argv[1])).items()}
        for number in range(count):
            path = pathlib.Path(folder, f"segment-{number}")
            path.write_bytes(damaged(chance, where))
            said = {language: answers_of(reader, path) for language, reader in readers.items()}
            attached += said["C"][0]["attach"] == "OK"
            for language, answers in said.items():
                different = [(a, b) for a, b in zip(said["C"], answers) if a != b]
                wrong += bool(different)
                for a, b in different[:2]:
                    print(f"segment {number}: C says {a}\n  {language} says {b}")
            path.unlink()
        for reader in readers.values():
            reader.leave()
    print(f"{count} damaged segments, {attached} of them attached all the same; {wrong} times two readers disagreed")
    return 1 if wrong or not 0 < attached < count else 0


if __name__ == "__main__":
    sys.exit(main())
