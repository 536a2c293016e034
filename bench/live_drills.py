# SPDX-License-Identifier: MIT
"""live.py drills and behind: what a drill of two engines tells, a hundred times; and how soon an engine that falls behind knows it.

drills: the toy engine and engine_puppet behind one gate, drills of 150 ms, each with its report. Every tenth time the puppet does not pull
its quotes: that drill must not pass, and the sentinel must find it, marked DRILL. All that the event ring tells in between must carry
DRILL; what this busy machine adds of its own (SELF_STALL and the lapses it brings) is left out and counted.

behind: engine_puppet echoes each id as soon as the segment shows it, then echoes no more. Counted from the first id it missed, less the
stream's allowance: when its own_fresh turned false, when its gate with `require: both` closed, and when the judge wrote ENGINE_BEHIND.
"""
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests/scenario"))
from engine_scenarios import Puppet, start
from live_trials import quantile
from shape import BBO

ALLOWANCE_NS = 150_000_000
SPAN = "150ms"
STUBBORN_EVERY = 10


def spread(values_ns):
    return " ".join(f"{name} {quantile(values_ns, share) / 1e6:.3f}" for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)))


def one_drill(lab, puppet, stubborn):
    puppet.tell("stubborn" if stubborn else "quote")
    time.sleep(0.05)
    code, text = lab.flatline("drill", "quote", "--for", SPAN, "--yes", "--json", "--report", str(lab.folder / "reports"))
    told = json.loads(text)
    if stubborn:
        puppet.tell("pull")
    return code, told


def is_own_trouble(record):
    """Of this machine, not of the drill: our stall, and what it explains."""
    return record.get("kind") == "SELF_STALL" or record["type"] in ("lapse", "renew")


def drills(lab, trials):
    watch = start(lab)
    toy = lab.start("toy", "toy_engine", str(lab.segment), "quote")
    seen, pulled = {"toy-quote": [], "puppet": []}, {"toy-quote": [], "puppet": []}
    complaints, found = [], 0
    since_ns = time.monotonic_ns()
    with Puppet(lab, "puppet", BBO, "quote") as puppet:
        puppet.tell("follow")
        puppet.tell("quote")
        time.sleep(0.6)
        for number in range(trials):
            stubborn = number % STUBBORN_EVERY == STUBBORN_EVERY - 1
            code, told = one_drill(lab, puppet, stubborn)
            reactions = {e["engine"]: e for e in told["engines"]}
            for name, engine in reactions.items():
                seen[name] += [engine["seen_closed_after_ns"]] if engine["seen_closed_after_ns"] is not None else []
                pulled[name] += [engine["pulled_after_ns"]] if engine["pulled_after_ns"] is not None else []
            marked = [f for f in told["faults"] if f["kind"] == "ENGINE_QUOTING" and f["drill"]]
            found += len(marked)
            if set(reactions) != set(seen) or code != (1 if stubborn else 0) or len(marked) != (1 if stubborn else 0):
                complaints.append(f"drill {number}: exit {code}, {told}")
        time.sleep(0.5)
    toy.stop()
    records = watch.since(since_ns)
    own = [r for r in records if is_own_trouble(r)]
    types = {}
    for record in records:
        if not is_own_trouble(record):
            types[record["type"]] = types.get(record["type"], 0) + 1
    bare = [r for r in records if not is_own_trouble(r) and not r.get("drill")]
    for name in seen:
        print(f"drills {trials}, engine {name:9}: saw it {len(seen[name])} times, ms {spread(seen[name])}; "
              f"quotes gone {len(pulled[name])} times, ms {spread(pulled[name])}", flush=True)
    print(f"drills {trials}: of them {trials // STUBBORN_EVERY} with quotes left standing, ENGINE_QUOTING found and marked {found}; "
          f"reports written {len(list((lab.folder / 'reports').glob('*.json')))}")
    print(f"drills {trials}: events " + ", ".join(f"{kind} {count}" for kind, count in sorted(types.items()))
          + f"; without DRILL {len(bare)}; this machine's own left out {len(own)}")
    for complaint in complaints[:5] + [str(r) for r in bare[:5]]:
        print(complaint)
    return 0 if not complaints and not bare else 1


def one_fall(watch, puppet):
    puppet.tell("follow")
    time.sleep(0.4)
    since_ns = time.monotonic_ns()
    fell = puppet.tell("fall")
    record = watch.wait(lambda r: r["type"] == "fault" and r["kind"] == "ENGINE_BEHIND", since_ns, 3.0)
    stalls = [r for r in watch.since(since_ns) if r.get("kind") == "SELF_STALL"]
    return fell, record, bool(stalls)


def behind(lab, trials):
    watch = start(lab, ", require: both")
    late = {"own_fresh false": [], "its gate closed": [], "ENGINE_BEHIND": []}
    missed = excluded = 0
    with Puppet(lab, "puppet", BBO, "quote") as puppet:
        while len(late["ENGINE_BEHIND"]) + missed < trials:
            fell, record, stalled = one_fall(watch, puppet)
            if stalled:
                excluded += 1
            elif record is None or not fell["missed_ns"] or not fell["own_ns"] or not fell["gate_ns"]:
                missed += 1
            else:
                due_ns = fell["missed_ns"] + ALLOWANCE_NS
                for what, at_ns in zip(late, (fell["own_ns"], fell["gate_ns"], record["seen_ns"])):
                    late[what].append(at_ns - due_ns)
    for what, values in late.items():
        print(f"behind {what:15} {len(values)} trials, ms after the allowance of the first id missed: {spread(values)}; "
              f"missed {missed}, own stalls left out {excluded}", flush=True)
    return 0 if missed == 0 and all(quantile(values, 0.99) <= 10e6 for values in late.values()) else 1
