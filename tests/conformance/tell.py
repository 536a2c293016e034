#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An engine in Python tells: one command a line on standard input, one JSON object a line on standard output."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings/python"))
import flatline

# command: the record's method.
METHODS = {"echo": "echo", "beat": "beat", "idle": "idle", "exit": "exit", "restart": "restart", "quote": "quote",
           "action": "order_action", "position": "position", "count": "add", "gauge": "set", "latency": "record", "sent": "sent",
           "seen": "seen", "extended": "extended", "failed": "failed", "proven": "proven", "gate_seen": "seen", "quoting": "quoting",
           "pulled": "pulled", "done": "done"}


class Told:
    """What the commands work on: one engine, its records in the order they were declared in."""

    def __init__(self):
        self.engine = None
        self.records = []

    def create(self, line):
        segment, _, name = line.partition(" ")
        self.close()
        try:
            self.engine = flatline.engine(name, segment)
        except flatline.Error as error:
            return {"create": error.code.name}
        return {"create": "OK"}

    def declare(self, line):
        kind, parameter, name = line.split(" ", 2)
        extra = [int(parameter) / 1e9] if kind in ("worker", "latency") else []
        self.records.append(getattr(self.engine, kind)(name, *extra))
        return {"declare": self.engine.error.code.name if self.engine.error else "OK"}

    def error(self, line):
        number, text = line.split(" ", 1)
        self.records[int(number)].error(text)

    def panic(self, line):
        number, now, text = line.split(" ", 2)
        self.records[int(number)].panic(text, int(now))

    def stress(self, line):
        """Both halves alike, n for both words, for so many ms."""
        number, span_ms = line.split()
        record, n = self.records[int(number)], 1
        end = flatline.monotonic_ns() + int(span_ms) * 10**6
        while flatline.monotonic_ns() < end:
            for _ in range(1000):
                word = n << 32 | n
                record.echo(word, word)
                n = n % 0x7fffffff + 1

    def time(self, line):
        number, count = line.split()
        record, start = self.records[int(number)], flatline.monotonic_ns()
        for i in range(int(count)):
            record.echo(i, start)
        return {"ns": flatline.monotonic_ns() - start}

    def close(self, _line=""):
        if self.engine is not None:
            self.engine.close()
        self.engine, self.records = None, []

    def obey(self, line):
        command, _, rest = line.partition(" ")
        if command not in METHODS:
            return getattr(self, command)(rest) or {command: "OK"}
        number, *values = rest.split()
        getattr(self.records[int(number)], METHODS[command])(*map(int, values))
        return {command: "OK"}


def main():
    told = Told()
    for line in sys.stdin:
        print(json.dumps(told.obey(line.rstrip("\n")), separators=(",", ":")), flush=True)
    told.close()


if __name__ == "__main__":
    main()
