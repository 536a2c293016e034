#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""As looker.c, in Python: looks at a gate until SIGTERM and prints one JSON object.

usage: looker.py SEGMENT GATE STREAM
"""
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bindings/python"))
import flatline  # noqa: E402

LOOKS_A_BURST = 16
KEPT = 8


def main():
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
    reader = flatline.attach(sys.argv[1])
    gate, stream = reader.gate(sys.argv[2]), reader.stream(sys.argv[3])
    told = {"language": "Python", "looks": 0, "closed": 0, "errors": 0, "first_epoch": reader.epoch, "last_epoch": reader.epoch,
            "moves": 0, "skipped": 0, "longest_move_us": 0, "whys": []}
    while not stop:
        for _ in range(LOOKS_A_BURST):
            start = time.monotonic_ns()
            if not gate.look():
                told["closed"] += 1
                if len(told["whys"]) < KEPT:
                    told["whys"].append(f"{gate.why()} in epoch {reader.epoch} at {start}")
            took = time.monotonic_ns() - start
            told["looks"] += 1
            epoch = reader.epoch
            if epoch != told["last_epoch"]:
                told["moves"] += 1
                told["skipped"] += epoch != told["last_epoch"] + 1
                told["last_epoch"] = epoch
                told["longest_move_us"] = max(told["longest_move_us"], took // 1000)
        told["closed"] += not stream.look()
        try:
            stream.snapshot()
        except flatline.Error as error:
            told["errors"] += error.code not in (flatline.Code.AGAIN, flatline.Code.SUPERSEDED)
        time.sleep(0.0001)
    print(json.dumps(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
