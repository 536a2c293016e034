#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The smallest market maker that respects a gate, in Python: examples/c/toy_engine.c says what it does.

usage: toy_engine.py [SEGMENT] GATE
"""
import json
import pathlib
import re
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings/python"))
import flatline
from flatline import Advice

TURN_NS = 1_000_000


class Asked:
    """What the signals have asked for."""

    stop = panic = block = False

    def __init__(self):
        for number, what in ((signal.SIGINT, "stop"), (signal.SIGTERM, "stop"), (signal.SIGUSR1, "panic"), (signal.SIGUSR2, "block")):
            signal.signal(number, lambda *_, what=what: setattr(self, what, True))


class Toy:
    def __init__(self, reader, gate, engine):
        self.gate, self.told = gate, engine.gate(gate.name)
        gate.bind(engine.own_id)
        self.feeds = [(reader.stream(name), engine.stream(name)) for name in gate.streams]
        self.obeyed = {kind: engine.advice(kind.meaning) for kind in (Advice.BREAKER, Advice.PAUSE)}
        self.serials = dict.fromkeys(self.obeyed, 0)
        self.quotes, self.open = 0, False

    def turn(self):
        """Looks, and quotes while it may; the moment it may not, it pulls."""
        for stream, told in self.feeds:
            self.echo(stream, told)
        may = self.gate.look_quote()
        if may != self.open:
            self.open = may
            self.change(flatline.monotonic_ns())
        for kind, told in self.obeyed.items():
            self.acknowledge(kind, told)
        self.quotes += self.open

    @staticmethod
    def echo(stream, told):
        """Having no feed of its own, it takes what the sentinel has seen."""
        stream.look()
        try:
            seen = stream.snapshot().detail
            told.echo(seen.frontier_id, seen.last_recv_mono_ns)
        except flatline.Error:
            pass  # torn, or the sentinel has gone: next time

    def acknowledge(self, kind, told):
        serial = self.gate.advice_serial(kind)
        if serial != self.serials[kind]:
            self.serials[kind] = serial
            told.done(serial)

    def change(self, now):
        self.told.seen(self.open, now)
        if self.open:
            self.told.quoting()
        else:
            self.told.pulled(now)
        line = {"mono_ns": now, "gate": "open" if self.open else "closed", "why": self.gate.quote_why(now).name,
                "stream": self.gate.culprit(now) or "", "quotes": self.quotes}
        print(json.dumps(line, separators=(",", ":")), flush=True)


def quote(toy, loop, asked):
    """Turns, one a millisecond, until it is asked to stop."""
    following = flatline.monotonic_ns()
    while not asked.stop:
        loop.beat()
        toy.turn()
        if asked.panic:
            raise RuntimeError("asked to panic")
        if asked.block:
            asked.block = False
            time.sleep(2.0)
        now = flatline.monotonic_ns()
        following = max(following + TURN_NS, now)  # turns that were missed stay missed
        time.sleep((following - now) / 1e9)


def attach_patiently(segment, asked):
    """The sentinel may start after us: keep asking. None: asked to stop meanwhile."""
    while not asked.stop:
        try:
            return flatline.attach(segment)
        except flatline.Error:
            time.sleep(0.01)
    return None


def run(segment, gate_name, asked):
    reader = attach_patiently(segment, asked)
    if reader is None:
        return 0
    try:
        gate = reader.gate(gate_name)
        name = re.sub("[^0-9A-Za-z]", "-", f"toy-{gate_name[:27]}")
        with flatline.engine(name, segment) as engine:
            try:
                with engine.worker("loop", 0.02) as loop:
                    quote(Toy(reader, gate, engine), loop, asked)
            except RuntimeError:
                while not asked.stop:
                    time.sleep(0.001)
    except flatline.UnknownName as error:
        print(f"no gate {gate_name}; nearest: {error.nearest or 'none'}", file=sys.stderr)
        return 2
    except flatline.Error as error:
        print(f"gate {gate_name}: {error.code.meaning}", file=sys.stderr)
        return 1
    return 0


def main():
    if not 2 <= len(sys.argv) <= 3:
        print("usage: toy_engine.py [SEGMENT] GATE", file=sys.stderr)
        return 2
    return run(sys.argv[1] if len(sys.argv) == 3 else None, sys.argv[-1], Asked())


if __name__ == "__main__":
    sys.exit(main())
