# SPDX-License-Identifier: MIT
"""live.py engine: how soon the sentinel finds an engine that was stopped, killed, blocked, or whose worker panicked.

Toy engines, several at a time, each behind a gate of its own. A trial is one engine and one trouble. Killed and panicked count from
the signal; stopped and blocked from the deadline, last beat + max(250 ms, 3 x interval), as the fault's own evidence gives it. The end is
`seen_ns`, when the judge wrote the fault. A trial in which this machine itself stood still (a gap above 50 ms in a thread that sleeps 5 ms,
or a SELF_STALL) is left out and counted.
"""
import signal
import time

from live_trials import Hiccups, quantile

USDM = "binance-usdm"
STREAM = f"{USDM}/BTCUSDT/bookTicker"
AT_ONCE = 8

TROUBLES = {  # name: (signal, fault, counts from its deadline)
    "stopped": (signal.SIGSTOP, "ENGINE_STALLED", True),
    "blocked": (signal.SIGUSR2, "ENGINE_STALLED", True),
    "panicked": (signal.SIGUSR1, "ENGINE_STALLED", False),
    "killed": (signal.SIGKILL, "ENGINE_GONE", False),
}


def start_toys(lab, gates, toys):
    for gate in gates:
        if gate not in toys or not toys[gate].alive():
            toys[gate] = lab.start_toy(f"toy-{gate}-{time.monotonic_ns()}", gate)
    time.sleep(0.7)  # found within 250 ms, and a few beats


def late_ns(record, event_ns, from_deadline):
    if not from_deadline:
        return record["seen_ns"] - event_ns
    evidence = record["evidence"]
    return record["seen_ns"] - (record["at_ns"] - evidence["beat_age_ns"] + evidence["limit_ns"])


def end_trouble(toys, gates, number):
    for gate in gates:
        if number in (signal.SIGUSR1, signal.SIGKILL):
            toys[gate].stop()
        elif number == signal.SIGSTOP:
            toys[gate].signal(signal.SIGCONT)
    time.sleep(2.2 if number == signal.SIGUSR2 else 0.1)


def one_round(lab, watch, toys, gates, trouble):
    """[(late_ns or None, begin, end)], one an engine."""
    number, kind, from_deadline = TROUBLES[trouble]
    start_toys(lab, gates, toys)
    results, events = [], {}
    for gate in gates:
        events[gate] = time.monotonic_ns()
        toys[gate].signal(number)
        time.sleep(0.003)
    for gate in gates:
        def is_it(record, gate=gate):
            return record["type"] == "fault" and record["kind"] == kind and record["text"].split("/")[0].split(":")[0] == f"toy-{gate}"

        record = watch.wait(is_it, events[gate], 3.0)
        end_ns = record["seen_ns"] if record else time.monotonic_ns()
        results.append((late_ns(record, events[gate], from_deadline) if record else None, events[gate], end_ns))
    end_trouble(toys, gates, number)
    return results


def measure(lab, trials):
    gates = [f"g{i}" for i in range(AT_ONCE)]
    body = f"streams:\n  - {STREAM}\ngates:\n" + "\n".join(f"  {gate}: {{streams: [{STREAM}]}}" for gate in gates)
    lab.start_venue()
    lab.start_sentinel(lab.write_config(body, [USDM]))
    watch = lab.watch()
    lab.wait_fresh()
    hiccups, toys, good = Hiccups(), {}, True
    for trouble in TROUBLES:
        late, excluded, missed = [], 0, 0
        while len(late) + missed < trials:
            for value, begin_ns, end_ns in one_round(lab, watch, toys, gates, trouble):
                if hiccups.disturbed(watch, begin_ns, end_ns):
                    excluded += 1
                elif value is None:
                    missed += 1
                else:
                    late.append(value)
        milliseconds = [f"{quantile(late, share) / 1e6:.2f}" for share in (0.5, 0.9, 0.99, 1.0)]
        since = "its deadline" if TROUBLES[trouble][2] else "the event"
        print(f"engine {trouble:9} {len(late)} trials, ms after {since}: p50 {milliseconds[0]} p90 {milliseconds[1]} "
              f"p99 {milliseconds[2]} max {milliseconds[3]}; missed {missed}, own hiccups left out {excluded}", flush=True)
        good = good and missed == 0 and quantile(late, 0.99) <= 50e6
    hiccups.stopped = True
    return 0 if good else 1
