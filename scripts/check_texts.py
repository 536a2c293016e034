#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What we say ourselves of the end of a connection is read whole: the fault that tells it has room for it.

An event carries EVENT_TEXT_BYTES - 1 bytes of text. Every text of ours that ends a connection must fit, numbers and short
names in the place of its conversions; what a peer or a library says may be longer, and is whole in the log.

usage: check_texts.py REPOSITORY
"""
import pathlib
import re
import sys

# who ends a connection, or refuses what it sent, with a text of ours
CALL = re.compile(r"\b(?:connection_end|refuse|fail|fail_socket|answer_with)\(([^;]*?)\);", re.DOTALL)
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')
RETURNED = re.compile(r'(?:return|\?|:) "((?:[^"\\]|\\.)*)"')
LONGEST = {"%s": 7, "%u": 5, "%llu": 5, "%.*s": 0}  # "upgrade"; five digits; a peer's


def length_of(text):
    filled = text
    for conversion, length in LONGEST.items():
        filled = filled.replace(conversion, "x" * length)
    return len(filled)


def main():
    root = pathlib.Path(sys.argv[1])
    room = int(re.search(r"#define EVENT_TEXT_BYTES\s+(\d+)", (root / "core/event.h").read_text()).group(1)) - 1
    texts, wrong = 0, 0
    for path in sorted([*root.glob("feeds/connection*.c"), *root.glob("feeds/websocket*.c"), *root.glob("sentinel/ingest*.c")]):
        source = path.read_text()
        found = [t for call in CALL.findall(source) for t in TEXT.findall(call) if t not in ("%s", "%s: %s")]
        if path.name == "ingest_slot.c":
            found += RETURNED.findall(source)
        for text in found:
            texts += 1
            if length_of(text) > room:
                wrong += 1
                print(f"{path.relative_to(root)}: {length_of(text)} bytes, {room} are told: {text}")
    print(f"{texts} texts, {wrong} too long")
    return 1 if wrong or texts < 20 else 0


if __name__ == "__main__":
    sys.exit(main())
