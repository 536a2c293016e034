# SPDX-License-Identifier: MIT
"""Scenarios of what keeps a gate or a lease where one stream or one connection falls silent: `quiet_hold`, twins."""
import json
import re
import time

from lab import Lab
from shape import BBO, BOOK, ETH_BBO, OKX_BOOKS, SPOT_BOOK, STALE, USDM, healthy


def gates_over(lab, seconds):
    """{gate: every why seen while time passed, in the order of its first}."""
    seen = {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for gate in lab.status()["gates"]:
            whys = seen.setdefault(gate["gate"], [])
            whys += [gate["why"]] if gate["why"] not in whys else []
    return seen


def a_quiet_stream_keeps_a_gate_that_waits_for_it_and_a_dead_connection_does_not(bin_dir, keep):
    """`mute` of one stream: LAPSED_QUIET, and a gate with `quiet_hold: 2s` stays open so long; then of its whole connection: suspect, closed at once."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.start_sentinel(lab.write_config(
            f"streams:\n  - {{name: {ETH_BBO}, stale_after: {STALE}}}\n  - {{name: {BBO}, stale_after: {STALE}}}\n"
            f"gates:\n  plain: [{BBO}]\n  patient: {{streams: [{BBO}], quiet_hold: 2s}}\n"
            f"  strict: {{streams: [{BBO}], stale_after: 300ms, quiet_hold: 1h}}", [USDM]))
        lab.wait_fresh()
        lab.command(f"mute {BBO}")
        whys = gates_over(lab, 1.8)
        if whys != {"plain": ["FRESH", "LAPSED_QUIET"], "patient": ["FRESH"], "strict": ["FRESH"]}:
            complaints.append(f"muted: {whys}")
        lab.wait_until(lambda: {g["gate"]: g["why"] for g in lab.status()["gates"]} ==
                       {"plain": "LAPSED_QUIET", "patient": "LAPSED_QUIET", "strict": "FRESH"}, "the patience ends", None, 5)
        lab.command(f"mute {USDM}/public")
        lab.wait_until(lambda: all(g["why"] == "LAPSED_SUSPECT" for g in lab.status()["gates"]), "the connection's silence is suspect", None, 5)
        lab.command(f"unmute {USDM}/public")
        lab.command(f"unmute {BBO}")
        lab.wait_fresh()
        if any(record["kind"] != "SELF_STALL" for record in json.loads(lab.flatline("faults", "--json")[1])):
            complaints.append("somebody was accused")
    return complaints


def connections_up(lab):
    """{name of a line's side: its record} of what is up."""
    return {c["name"]: c for c in json.loads(lab.flatline("dump", "--json")[1])["CONNECTIONS"] if c["state"] == 2}


def connection_troubles(lab):
    """What the fault table says of connections: {(kind, connection, legs left)}."""
    return {(f["kind"], f["connection"], f["evidence"].get("legs_left"))
            for f in json.loads(lab.flatline("faults", "--json")[1]) if f["kind"] not in ("SELF_STALL", "NOTICE")}


def held_back(watch, since_ns):
    """What a blackhole held comes at once when it ends: BACKLOG of the connection, for a second. Complaints, none once it is over."""
    told = watch.wait(lambda r: r["type"] == "fault" and r["kind"] == "BACKLOG", since_ns, 10)
    if not told or told["scope"] != "connection" or not told["evidence"].get("held_ns", 0) > 0:
        return [f"not told that data was held back: {told}"]
    over = watch.wait(lambda r: r["type"] == "clear" and r["kind"] == "BACKLOG", since_ns, 10)
    return [] if over else ["what was held back has come, and BACKLOG stands"]


def what_happens_to_one_twin_names_it_and_breaks_no_lease(bin_dir, keep):
    """`connections: 2`: one of the two reset, closed, muted, held in a blackhole, in turn: no lapse, no revocation, faults of that connection alone."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.venue_options = "connections: 2"
        lab.start_venue()
        lab.start_sentinel(lab.write_config(
            f"streams:\n  - {{name: {BOOK}, stale_after: {STALE}}}\n  - {{name: {BBO}, stale_after: {STALE}}}\n  - {{name: {OKX_BOOKS}, stale_after: {STALE}}}",
            [USDM, "okx"]))
        watch = lab.watch()
        lab.wait_fresh()
        names = {f"{USDM}/public/1a", f"{USDM}/public/1.2a", "okx/public/1a", "okx/public/1.2a"}
        lab.wait_until(lambda: set(connections_up(lab)) == names and all(c["data"] > 10 for c in connections_up(lab).values()), "four connections", None, 10)
        if any(s["legs"] != 2 for s in lab.status()["streams"]):
            complaints.append(f"legs: {[(s['stream'], s.get('legs')) for s in lab.status()['streams']]}")
        since_ns = time.monotonic_ns()
        for verb in ("rst", "close", "mute", "blackhole"):
            one = re.search(r"conn:\d+(?==okx/public)", lab.ask("list")).group()
            begun_ns = lab.command(f"{verb} {one}" + {"rst": "", "close": " 1012 restart"}.get(verb, " for 1500ms"))
            time.sleep(2.5)
            lab.wait_until(lambda: set(connections_up(lab)) == names, f"both are up again after {verb}", None, 20)
            lab.wait_fresh()
        complaints += held_back(watch, begun_ns)
        told = connection_troubles(lab)
        complaints += [f"of another connection: {told}"] if {c for _, c, _ in told} - {"okx/public/1a", "okx/public/1.2a"} else []
        complaints += [f"not DOWN with a leg left: {told}"] if not {(k, n) for k, _, n in told} >= {("DOWN", 1)} else []
        dump = json.loads(lab.flatline("dump", "--json")[1])
        behind = [dump["CONNECTION_HISTOGRAMS"][c["first_histogram"] + 1]["total"] for c in dump["CONNECTIONS"]]
        complaints += [f"frames behind their twins: {behind}"] if sum(behind) < 100 else []
        lost = [r for r in watch.since(since_ns) if r["type"] == "lapse"]
        complaints += [f"a lease was lost: {lost}"] if lost else []
        complaints += ["not all is well in the end"] if not healthy(lab) else []
    return complaints


def twins_rotate_in_turn_and_no_lease_is_lost(bin_dir, keep):
    """`connections: 2, max_age: 3s`: each rotates many times, the two never within a third of a second of each other, nobody is accused."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.venue_options = "connections: 2, max_age: 3s"
        lab.start_venue()
        lab.start_sentinel(lab.write_config(
            f"streams:\n  - {{name: {BOOK}, stale_after: {STALE}}}\n  - {{name: {SPOT_BOOK}, stale_after: {STALE}}}",
            [USDM, "binance-spot"]))
        watch = lab.watch()
        lab.wait_fresh()
        since_ns = time.monotonic_ns()
        ups = {}
        end = time.monotonic() + 13
        while time.monotonic() < end:
            for name, record in connections_up(lab).items():
                ups.setdefault(name[:-1], set()).add(record["up_since_mono_ns"])
            time.sleep(0.05)
        for line in (f"{USDM}/public/1", "binance-spot/stream/1"):
            one, other = sorted(ups[line]), sorted(ups[line + ".2"])
            complaints += [f"{line}: {len(one)} and {len(other)} connections"] if min(len(one), len(other)) < 4 else []
            near = min(abs(a - b) for a in one[1:] for b in other[1:])
            complaints += [f"{line}: its twins rotated within {near / 1e6:.0f} ms"] if near < 0.3e9 else []
        told = [r for r in watch.since(since_ns) if r["type"] in ("lapse", "fault") and r.get("kind") != "SELF_STALL"]
        complaints += [f"told: {told}"] if told else []
    return complaints


SCENARIOS = (
    a_quiet_stream_keeps_a_gate_that_waits_for_it_and_a_dead_connection_does_not,
    what_happens_to_one_twin_names_it_and_breaks_no_lease,
    twins_rotate_in_turn_and_no_lease_is_lost,
)
