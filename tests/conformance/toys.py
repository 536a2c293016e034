#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: the toy engines of examples/ do the same in each language: the same lines, the same facts, the same ends.

Method: each is put behind the gate of a puppet's segment, started before it and outliving it. The puppet closes and opens the gate in
every way there is; what the engine says is compared with LINES, what it tells with TOLD. Nothing depends on a time: each step waits.
usage: toys.py BIN_DIR
"""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

from readers import HERE, Program

sys.path.insert(0, str(HERE.parents[1] / "scripts"))
from lab import TOY_LANGUAGES, LabSkip, toy_engine  # noqa: E402

GATE, STREAM, WAIT_SECONDS = "okx/BTC-USDT", "okx/BTC-USDT/books", 20
IN_USE = "a live engine writes the file of this name\n"
OPEN = ("open", "FRESH", "")
LINES = (  # what the puppet is told, and what the engine then says
    (("beat 9000", "lease 1 60000"), OPEN),
    (("revoke 1 1",), ("closed", "REVOKED", STREAM)),
    (("beat 9000", "lease 1 60000"), OPEN),
    (("advise 1 0 60000",), ("closed", "BREAKER", "")),
    (("beat 9000", "advise 1 0 0"), OPEN),
    (("advise 1 1 60000",), ("closed", "PAUSED", "")),
    (("beat 9000", "advise 1 1 0"), OPEN),
    (("lease 1 -1",), ("closed", "LAPSED", STREAM)),
    (("beat 9000", "lease 1 60000"), OPEN),
    (("beat 0",), ("closed", "SENTINEL_DEAD", STREAM)),
)
FORM = re.compile(r'{"mono_ns":(\d+),"gate":"(\w+)","why":"(\w+)","stream":"([^"]*)","quotes":(\d+)}')


class Toy:
    def __init__(self, bin_dir, command, folder):
        self.bin_dir, self.folder = bin_dir, folder
        self.output = open(folder / "said", "w+b")
        self.process = subprocess.Popen([*command, folder / "segment", GATE], stdout=self.output, stderr=subprocess.STDOUT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.output.close()

    def said(self):
        return (self.folder / "said").read_text().splitlines()

    def told(self):
        """What `flatline engines` says of it: (name of the engine, its slots by name); None: nothing."""
        command = [self.bin_dir / "flatline", "engines", "--json", "--segment", self.folder / "segment"]
        listed = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout)
        return (listed[0]["engine"], {(slot["kind"], slot["name"]): slot for slot in listed[0]["slots"]}) if listed else None

    def wait(self, condition, what):
        end = time.monotonic() + WAIT_SECONDS
        while not condition():
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"waited in vain until {what}; it said {self.said()}, exit {self.process.poll()}")
            time.sleep(0.01)

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(timeout=WAIT_SECONDS)


def shapes(lines):
    """(gate, why, stream) of each line; times and quotes must not go back."""
    found = [FORM.fullmatch(line) for line in lines]
    assert all(found), lines
    for before, after in zip(found, found[1:]):
        assert int(before[1]) < int(after[1]) and int(before[5]) <= int(after[5]), lines
    return [(match[2], match[3], match[4]) for match in found]


def play(puppet, toy, steps, so_far):
    for number, (commands, _) in enumerate(steps, so_far + 1):
        for command in commands:
            assert puppet.answer(command) == "ok"
        toy.wait(lambda number=number: len(toy.said()) == number, f"line {number} comes")


def facts(told):
    """What it told, times left out."""
    name, slots = told
    gate = slots["gate", GATE]
    return {
        "engine": name, "kinds": sorted({kind for kind, _ in slots}), "loop": slots["worker", "loop"]["state"],
        "interval_ns": slots["worker", "loop"]["interval_ns"], "last_id": slots["stream", STREAM]["last_id"],
        "quoting": gate["quoting"], "pulled": gate["pulled_after_ns"] is not None, "opened": gate["seen_open_mono_ns"] > 0,
        "acknowledged": [slots["advice", kind]["sequence"] for kind in ("breaker", "pause")],
    }


TOLD = {"engine": "toy-okx-BTC-USDT", "kinds": ["advice", "gate", "stream", "worker"], "loop": "running", "interval_ns": 20_000_000,
        "last_id": 42, "quoting": False, "pulled": True, "opened": True, "acknowledged": [2, 4]}


def judge(bin_dir, command, folder):
    """Complaints about one language's engine."""
    complaints = []

    def expect(got, wanted, what):
        if got != wanted:
            complaints.append(f"{what}: {got} instead of {wanted}")

    with Toy(bin_dir, command, folder) as toy:
        with Program([str(bin_dir / "segment_puppet"), str(folder), "segment"]) as puppet:
            puppet.answer()
            play(puppet, toy, LINES, 0)
            expect(shapes(toy.said()), [line for _, line in LINES], "lines")
            toy.wait(lambda: toy.told()[1]["advice", "pause"]["sequence"] == 4, "the last advice is acknowledged")
            expect(facts(toy.told()), TOLD, "facts")
            wrong = subprocess.run([*command, folder / "segment", "bath"], capture_output=True, text=True, timeout=20, check=False)
            expect((wrong.returncode, wrong.stderr), (2, "no gate bath; nearest: both\n"), "an unknown gate")
            second = subprocess.run([*command, folder / "segment", GATE], capture_output=True, text=True, timeout=20, check=False)
            expect((second.returncode, second.stderr.startswith(f"gate {GATE}: "), second.stderr.endswith(IN_USE)), (1, True, True),
                   f"a second one says {second.stderr}")
            puppet.kill()
        with Program([str(bin_dir / "segment_puppet"), str(folder), "segment"]) as successor:
            successor.answer()
            play(successor, toy, (LINES[0],), len(LINES))
            expect(shapes(toy.said())[-1], OPEN, "with a successor")
            toy.process.send_signal(signal.SIGUSR1)
            toy.wait(lambda: toy.told()[1]["worker", "loop"]["state"] == "panicked", "the loop has panicked")
            loop = toy.told()[1]["worker", "loop"]
            expect((loop["errors"], "asked to panic" in loop["error"]), (1, True), f"the panic {loop}")
            expect((toy.end(signal.SIGTERM), toy.told()), (0, None), "stopped")
            successor.kill()
    return complaints


def main():
    bin_dir = pathlib.Path(sys.argv[1]).resolve()
    wrong = 0
    for language in TOY_LANGUAGES:
        try:
            command = toy_engine(bin_dir, language)
        except LabSkip as why:
            print(f"{language}: left out: {why}")
            continue
        with tempfile.TemporaryDirectory(prefix="flatline-toys-", dir="/dev/shm") as folder:
            complaints = judge(bin_dir, [str(word) for word in command], pathlib.Path(folder))
        print(f"{language}: {'; '.join(complaints) or 'the same'}")
        wrong += len(complaints)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
