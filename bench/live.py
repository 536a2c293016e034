#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Live figures: the real daemon against the fake venue on this machine.

    live.py --bin DIR lateness [--lapses 2000]                 how late verdicts are, beside a bare timerfd
    live.py --bin DIR looks [--looks 300]                      how late a spinning reader on a CPU of its own sees a lapse
    live.py --bin DIR sigstop [--trials 50] [--seconds 5]      the side-car stopped behind a full window: who is accused?
    live.py --bin DIR engine [--trials 200]                    how soon a stopped, blocked, panicked, killed engine is found
    live.py --bin DIR drills [--trials 100]                    drills of two engines: reactions, and what carries DRILL
    live.py --bin DIR behind [--trials 50]                     how soon an engine that falls behind is found
    live.py --bin DIR sockets [--trials 50]                    how soon an engine that stops reading is found by its socket alone
"""
import argparse
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import live_drills
import live_engine
import live_sockets
from lab import Lab, LabError

USDM = "binance-usdm"


def thin_streams(count):
    """Streams that get a frame a few times a second and lapse 100 ms after each."""
    return [f"{USDM}/{chr(65 + i // 26)}{chr(65 + i % 26)}CUSDT/bookTicker" for i in range(count)]


def start_lapsing(lab, threads):
    """A daemon whose streams lapse a few times a second each, all the time."""
    streams = thin_streams(60)
    lab.start_venue()
    for stream in streams:
        lab.command(f"rate {stream.split('/')[1]} 4")
    body = "streams:\n" + "\n".join(f"  - {{name: {s}, stale_after: 100ms}}" for s in streams)
    lab.start_sentinel(lab.write_config(f"{body}\nthreads: {{{threads}}}", [USDM]))
    time.sleep(3.0)


def bench_lateness(lab, lapses, looks):
    return subprocess.run([str(lab.bin / "bench_lateness"), str(lab.segment), str(lapses), str(looks)], check=False).returncode


def lateness(options):
    with Lab(options.bin) as lab:
        start_lapsing(lab, f"wait: {options.wait}")
        return bench_lateness(lab, options.lapses, 0)


def looks(options):
    """The engine's thread has a CPU of its own, as in production; all else shares the others."""
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        print("looks: needs two CPUs")
        return 1
    os.sched_setaffinity(0, set(cpus[:-1]))
    with Lab(options.bin) as lab:
        start_lapsing(lab, "wait: block")
        os.sched_setaffinity(0, {cpus[-1]})
        return bench_lateness(lab, 0, options.looks)


def sigstop_round(lab, names, seconds):
    """Stops every daemon at once for `seconds`; returns a list of (self stalls, lapses, other faults), one a daemon."""
    watches = [lab.watch_of(name) for name in names]
    since_ns = time.monotonic_ns()
    for name in names:
        lab.daemons[name].signal(signal.SIGSTOP)
    time.sleep(seconds)
    for name in names:
        lab.daemons[name].signal(signal.SIGCONT)
    time.sleep(4.0)
    results = []
    for watch in watches:
        records = watch.since(since_ns)
        faults = [r for r in records if r["type"] == "fault"]
        stalls = sum(r["kind"] == "SELF_STALL" for r in faults)
        lapses = len({r["stream"] for r in records if r["type"] == "lapse"})
        others = [(r["kind"], r["scope"], r.get("stream")) for r in faults if r["kind"] != "SELF_STALL"]
        results.append((stalls, lapses, others))
        watch.stop()
    return results


class SigstopLab(Lab):
    """Several daemons against one venue, each with a segment of its own."""

    def __init__(self, bin_dir):
        super().__init__(bin_dir)
        self.daemons = {}

    def start_daemon(self, name, streams):
        body = "streams:\n" + "\n".join(f"  - {s}" for s in streams)
        path = self.folder / f"{name}.yaml"
        venues = sorted({s.split("/")[0] for s in streams})
        path.write_text(f"{body}\n{self.venues_yaml(venues)}\nsegment: {{directory: {self.folder}, name: {name}}}\n")
        self.segment = self.folder / name
        self.daemons[name] = self.start_sentinel(path, name)

    def watch_of(self, name):
        self.segment = self.folder / name
        return self.watch()

    def fresh_all(self):
        for name in self.daemons:
            self.segment = self.folder / name
            self.wait_fresh(30)


def sigstop(options):
    streams = [f"{USDM}/BTCUSDT/depth@100ms", f"{USDM}/BTCUSDT/bookTicker", "okx/BTC-USDT-SWAP/books", "okx/BTC-USDT-SWAP/bbo-tbt"]
    at_once = min(5, options.trials)
    good = trials = 0
    with SigstopLab(options.bin) as lab:
        lab.start_venue()
        for symbol in ("BTCUSDT", "BTC-USDT-SWAP"):
            lab.command(f"rate {symbol} 1000")  # in 5 s far more than a receive window holds
        for i in range(at_once):
            lab.start_daemon(f"sidecar{i}", streams)
        while trials < options.trials:
            lab.fresh_all()
            names = list(lab.daemons)[: options.trials - trials]
            for stalls, lapses, others in sigstop_round(lab, names, options.seconds):
                trials += 1
                right = stalls >= 1 and lapses == len(streams) and not others
                good += right
                if not right:
                    print(f"trial {trials}: {stalls} SELF_STALL, {lapses} of {len(streams)} lapsed, accused: {others}")
    print(f"SIGSTOP {options.seconds} s: SELF_STALL, every lease lapsed, nobody else accused in {good} of {trials} trials")
    return 0 if good == trials else 1


def engine(options):
    with Lab(options.bin) as lab:
        return live_engine.measure(lab, options.trials)


def sockets(options):
    with Lab(options.bin) as lab:
        return live_sockets.measure(lab, options.trials)


def drills(options):
    with Lab(options.bin) as lab:
        return live_drills.drills(lab, options.trials)


def behind(options):
    with Lab(options.bin) as lab:
        return live_drills.behind(lab, options.trials)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True)
    parser.add_argument("what", choices=("lateness", "looks", "sigstop", "engine", "sockets", "drills", "behind"))
    parser.add_argument("--lapses", type=int, default=2000)
    parser.add_argument("--looks", type=int, default=300)
    parser.add_argument("--wait", choices=("block", "spin"), default="block")
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    try:
        return {"lateness": lateness, "looks": looks, "sigstop": sigstop, "engine": engine, "sockets": sockets, "drills": drills, "behind": behind}[options.what](options)
    except LabError as error:
        print(f"live: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
