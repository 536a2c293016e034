#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The Python reader answers: one command a line on standard input, one JSON object a line on standard output."""
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings/python"))
import flatline


UNPROVEN = flatline.Detail._fields.index("unproven")


class Asked:
    """What the commands work on: one reader, one stream, one gate."""

    def __init__(self):
        self.reader = self.held_stream = self.held_gate = None
        self.ids = {}

    def attach(self, path):
        if self.reader is not None:
            self.reader.close()
            self.reader = None
        try:
            self.reader = flatline.attach(path)
        except flatline.Error as error:
            return {"attach": error.code.name}
        return {"attach": "OK", "epoch": self.reader.epoch, "streams": self.reader.streams, "gates": self.reader.gates}

    def find(self, name):
        try:
            self.held_stream = self.reader.stream(name)
        except flatline.UnknownName as error:
            return {"find": error.code.name, "nearest": error.nearest}
        return {"find": "OK"}

    def find_gate(self, name):
        try:
            self.held_gate = self.reader.gate(name)
        except flatline.UnknownName as error:
            return {"find": error.code.name, "nearest": error.nearest}
        return {"find": "OK"}

    def own(self, name, last_id):
        self.ids[name] = int(last_id)
        return {"own": "OK"}

    def bind(self):
        self.held_gate.bind(lambda stream: self.ids.get(stream, 0))
        return {"bind": "OK"}

    def ask(self, now, last_id):
        held = self.held_stream
        return {"fresh": held.fresh(int(now)), "why": held.why(int(now)).name, "due_id": held.due_id,
                "own_fresh": held.own_fresh(int(last_id), int(now)), "revoked_by": int(held.revoked_by)}

    def ask_gate(self, now):
        held = self.held_gate
        return {"fresh": held.fresh(int(now)), "why": held.why(int(now)).name, "culprit": held.culprit(int(now))}

    def ask_quote(self, now):
        held, now = self.held_gate, int(now)
        return {"may_quote": held.may_quote(now), "why": held.quote_why(now).name,
                "advised": [int(held.advised(kind, now)) for kind in range(5)],
                "serials": [held.advice_serial(kind) for kind in range(5)]}

    def snapshot(self):
        try:
            copy = self.held_stream.snapshot()
        except flatline.Error as error:
            return {"snapshot": error.code.name}
        return {"snapshot": "OK", "detail": copy.detail, "lease": copy.lease}

    def reattach(self):
        try:
            return {"reattach": "ANEW" if self.reader.reattach() else "NO"}
        except flatline.Error as error:
            return {"reattach": error.code.name}

    def look(self):
        return {"look": self.held_stream.look()}

    def look_gate(self):
        return {"look": self.held_gate.look()}

    def stress(self, seconds):
        held = self.held_stream
        end = flatline.monotonic_ns() + int(seconds) * 10**9
        snapshots = torn = again = changes = last = 0
        while flatline.monotonic_ns() < end:
            due = held.due_id
            torn += due >> 32 != due & 0xffffffff
            try:
                detail = held.snapshot().detail
            except flatline.Error:
                again += 1
                continue
            snapshots += 1
            torn += len(set(detail[1:UNPROVEN])) != 1  # what the stress writer writes ends there
            changes += detail.frames != last
            last = detail.frames
        return {"snapshots": snapshots, "torn": torn, "again": again, "changes": changes}

    @staticmethod
    def _time(held, count):
        fresh = 0
        start = flatline.monotonic_ns()
        for _ in range(int(count)):
            fresh += held.fresh()
        return {"ns": flatline.monotonic_ns() - start, "fresh": fresh}

    def time(self, count):
        return self._time(self.held_stream, count)

    def time_gate(self, count):
        return self._time(self.held_gate, count)


def main():
    asked = Asked()
    for line in sys.stdin:
        command, *arguments = line.split()
        print(json.dumps(getattr(asked, command)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
