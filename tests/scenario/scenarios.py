#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Live scenarios: the real daemon against the fake venue, one fault each, with everything that must and must not follow.

    scenarios.py --bin DIR NAME     run one (what ctest does)
    scenarios.py --list             names
    scenarios.py --table            the table of tests/scenario/TABLE.md

A scenario passes when exactly the expected faults open (no kind more, no kind less), exactly the expected streams
lapse or are revoked, and everything is well again once the fault is over. Nothing asserts a time: lateness is
measured in bench/.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import socket_scenarios
from lab import Lab, LabError, LabSkip, stop_thread

ATTEMPTS = 3
SETTLE_SECONDS = 0.6  # how long after the expected findings an unexpected one may still show up
USDM = "binance-usdm"
BOOK = f"{USDM}/BTCUSDT/depth@100ms"
BBO = f"{USDM}/BTCUSDT/bookTicker"
ETH_BBO = f"{USDM}/ETHUSDT/bookTicker"
MARK = f"{USDM}/BTCUSDT/markPrice@1s"
AGG = f"{USDM}/BTCUSDT/aggTrade"
USER = f"{USDM}/main/user"
SPOT_BOOK = "binance-spot/BTCUSDT/depth@100ms"
SPOT_BBO = "binance-spot/BTCUSDT/bookTicker"
COIN_BOOK = "binance-coinm/BTCUSD_PERP/depth@100ms"
OKX_BOOKS = "okx/BTC-USDT-SWAP/books"
OKX_BBO = "okx/BTC-USDT-SWAP/bbo-tbt"
STALE = "600ms"


@dataclasses.dataclass
class Scenario:
    name: str
    streams: tuple  # names, or (name, "yaml options")
    when: tuple  # venue commands, or callables taking (lab, state)
    faults: frozenset = frozenset()  # {(kind, scope)}: exactly these open
    lapses: frozenset = frozenset()  # exactly these streams lapse
    revoked: frozenset = frozenset()  # exactly these streams are revoked
    evidence: dict = dataclasses.field(default_factory=dict)  # {kind: {key: value or predicate}}
    end: tuple = ()  # venue commands that end the fault
    well_again: bool = True  # all streams are fresh and no fault open in the end
    detect: str = ""  # configuration
    policy: str = ""
    venue_options: str = ""  # of each venue: configuration
    user_data: bool = False
    before_start: tuple = ()  # venue commands before the daemon starts
    starts_fresh: bool = True
    seconds: float = 12.0  # how long to wait for the expectations
    note: str = ""


def venue_of(stream):
    return stream.split("/")[0]


def plain(stream):
    return stream if isinstance(stream, str) else stream[0]


def config_text(scenario, lab):
    lines = ["streams:"]
    for stream in scenario.streams:
        name, options = (stream, f"stale_after: {STALE}") if isinstance(stream, str) else stream
        lines.append(f"  - {{name: {name}, {options}}}")
    if scenario.user_data:
        key = lab.folder / "api.key"
        key.write_text("test-api-key\n")
        key.chmod(0o600)
        lines.append(f"user_data:\n  {USDM}: {{account: main, api_key_file: {key}, extend_interval: 1s}}")
    if scenario.detect:
        lines.append(f"detect: {{{scenario.detect}}}")
    if scenario.policy:
        lines.append(f"policy: {{{scenario.policy}}}")
    return "\n".join(lines)


def do(lab, state, steps):
    """Runs venue commands and callables in order; returns a time just before the last took effect."""
    at_ns = time.monotonic_ns()
    for step in steps:
        at_ns = time.monotonic_ns()  # before, not after: the daemon may have found it before the venue's answer is here
        if callable(step):
            at_ns = step(lab, state) or at_ns
        else:
            lab.command(step)
    return at_ns


def sleep(seconds):
    """Venue and side-car left to themselves."""

    def step(_lab, _state):
        time.sleep(seconds)

    return step


def stop_and_continue(seconds):
    """SIGSTOP of the side-car, as a debugger, a hypervisor or a full disk would do it."""

    def step(lab, state):
        start_ns = time.monotonic_ns()
        state["sentinel"].signal(signal.SIGSTOP)
        time.sleep(seconds)
        state["sentinel"].signal(signal.SIGCONT)
        return start_ns

    return step


@dataclasses.dataclass
class Findings:
    """What the segment's event ring told."""

    faults: set = dataclasses.field(default_factory=set)  # {(kind, scope)}
    lapses: set = dataclasses.field(default_factory=set)  # {stream}: by time
    revoked: set = dataclasses.field(default_factory=set)  # {stream}: by a fault
    evidence: dict = dataclasses.field(default_factory=dict)  # {kind: {key: value}} of the first of its kind

    def hold(self, scenario):
        return scenario.faults <= self.faults and scenario.lapses <= self.lapses and scenario.revoked <= self.revoked


def findings(watch, since_ns, stalls_count=False):
    """A busy machine stops every program for 50 ms now and then: SELF_STALL counts only where it is what is tested."""
    found = Findings()
    for record in watch.since(since_ns):
        if record["type"] == "fault" and (record["kind"] != "SELF_STALL" or stalls_count):
            found.faults.add((record["kind"], record["scope"]))
            found.evidence.setdefault(record["kind"], {**record["evidence"], "text": record["text"]})
        elif record["type"] == "lapse" and record["revoked_by"]:
            found.revoked.add(record["stream"])
        elif record["type"] == "lapse":
            found.lapses.add(record["stream"])
    return found


def observe(scenario, watch, since_ns):
    """Waits until all that is expected has come, then a little longer for what is not."""
    stalls_count = ("SELF_STALL", "host") in scenario.faults
    deadline = time.monotonic() + scenario.seconds
    while time.monotonic() < deadline and not findings(watch, since_ns, stalls_count).hold(scenario):
        time.sleep(0.03)
    time.sleep(SETTLE_SECONDS)
    return findings(watch, since_ns, stalls_count)


def compare(what, got, expected, complaints):
    for item in sorted(expected - got, key=str):
        complaints.append(f"missing {what}: {item}")
    for item in sorted(got - expected, key=str):
        complaints.append(f"unexpected {what}: {item}")


def compare_evidence(scenario, evidence, complaints):
    for kind, keys in scenario.evidence.items():
        for key, wanted in keys.items():
            got = evidence.get(kind, {}).get(key)
            good = wanted(got) if callable(wanted) and got is not None else got == wanted
            if not good:
                complaints.append(f"{kind}: evidence {key} is {got!r}")


def run(scenario, bin_dir, keep):
    """Runs a scenario, again where this machine itself stalled: the daemon then says SELF_STALL, and rightly so."""
    for attempt in range(1, ATTEMPTS + 1):
        complaints, disturbed = run_once(scenario, bin_dir, keep)
        if not complaints or not disturbed:
            break
        print(f"{scenario.name}: the machine stalled (attempt {attempt} of {ATTEMPTS})")
    return complaints


def run_once(scenario, bin_dir, keep):
    """Returns (complaints, was there a stall of ours that is not part of the scenario)."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        state = {}
        lab.venue_options = scenario.venue_options
        lab.start_venue()
        do(lab, state, scenario.before_start)
        venues = sorted({venue_of(plain(s)) for s in scenario.streams})
        config = lab.write_config(config_text(scenario, lab), venues)
        born_ns = time.monotonic_ns()
        state["sentinel"] = lab.start_sentinel(config)
        state["config"] = config
        watch = lab.watch()
        if scenario.starts_fresh:
            lab.wait_fresh()
            time.sleep(0.3)
        calm = findings(watch, born_ns)
        if scenario.starts_fresh:
            compare("fault before anything was done", calm.faults, set(), complaints)
        since_ns = time.monotonic_ns() if scenario.when else born_ns
        do(lab, state, scenario.when)
        found = observe(scenario, watch, since_ns)
        compare("fault", found.faults, scenario.faults, complaints)
        compare("lapse", found.lapses, scenario.lapses, complaints)
        compare("revocation", found.revoked, scenario.revoked, complaints)
        compare_evidence(scenario, found.evidence, complaints)
        do(lab, state, scenario.end)
        if scenario.well_again:
            lab.wait_until(lambda: healthy(lab), "all is well again", None, 20)
        if not state["sentinel"].alive():
            complaints.append("the daemon died")
        if complaints:
            print(json.dumps(watch.since(born_ns), indent=None)[:6000])
            print(state["sentinel"].text()[-3000:])
        # Its end alone is seen where the stall was over before anybody watched.
        stalled = any(record.get("kind") == "SELF_STALL" for record in watch.since(born_ns))
    return complaints, stalled and ("SELF_STALL", "host") not in scenario.faults


def healthy(lab):
    status = lab.status()
    return bool(status["streams"]) and all(s["fresh"] and not s["faults"] for s in status["streams"])


# ---- special scenarios: the shape above does not fit them ----------------------------------------------------------


def wrong_route_is_refused_at_load(bin_dir, keep):
    """A stream on a route that never serves it: file:line:col, exit 2, nothing started."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        config = lab.write_config(f"streams:\n  - {{name: {MARK}, route: public}}", [USDM])
        done = subprocess.run([str(lab.bin / "flatlined"), "-c", str(config)], capture_output=True, text=True, timeout=10, check=False)
        complaints = []
        if done.returncode != 2:
            complaints.append(f"exit {done.returncode} instead of 2")
        if f"{config}:2:" not in done.stderr or "market" not in done.stderr:
            complaints.append(f"no place or no suggestion in: {done.stderr!r}")
        if lab.segment.exists():
            complaints.append("a segment was made all the same")
        return complaints


def killed_sentinel_closes_every_gate_by_time_alone(bin_dir, keep):
    """kill -9 of the side-car: nobody publishes anything, and within alive_for every look says not fresh."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        config = lab.write_config(f"streams:\n  - {BOOK}\n  - {BBO}", [USDM])
        sentinel = lab.start_sentinel(config)
        lab.wait_fresh()
        sentinel.signal(signal.SIGKILL)
        sentinel.child.wait(5)
        time.sleep(0.4)
        status = lab.status()
        complaints = []
        if status["alive"]:
            complaints.append("alive after kill -9")
        if any(s["fresh"] for s in status["streams"]) or any(g["fresh"] for g in status["gates"]):
            complaints.append("something is fresh after kill -9")
        code, _ = lab.flatline("check")
        if code != 3:
            complaints.append(f"check says {code} instead of 3")
        lab.start_sentinel(config, "flatlined-again")
        lab.wait_fresh()
        if lab.status()["epoch"] != status["epoch"] + 1:
            complaints.append("the successor's epoch is not one more")
        return complaints


def troubles_of_an_engine(bin_dir, keep, language):
    """What is wrong with the findings. An engine whose loop stands still falls behind, too."""
    troubles = (
        (signal.SIGSTOP, "ENGINE_STALLED", lambda e: e["process"] == 1 and e["worker_state"] == 1, signal.SIGCONT),
        (signal.SIGUSR2, "ENGINE_STALLED", lambda e: e["process"] == 0 and e["worker_state"] == 1, None),
        (signal.SIGUSR1, "ENGINE_STALLED", lambda e: e["worker_state"] == 3, None),
        (signal.SIGKILL, "ENGINE_GONE", lambda e: e["workers"] == 1, None),
        (signal.SIGTERM, None, None, None),
    )
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.start_sentinel(lab.write_config(f"streams:\n  - {BOOK}\ngates:\n  quote: {{streams: [{BOOK}]}}", [USDM]))
        watch = lab.watch()
        lab.wait_fresh()
        for number, kind, proves, after in troubles:
            toy = lab.start_toy(f"toy-{number}", "quote", language)
            lab.wait_until(lambda toy=toy: '"open"' in toy.text(), "the toy engine quotes", toy)
            time.sleep(0.5)  # found within 250 ms, and a few beats
            listed = [(e["engine"], e["process"]) for e in json.loads(lab.flatline("engines", "--json")[1])]
            complaints += [] if listed == [("toy-quote", "alive")] else [f"listed: {listed}"]
            since_ns = time.monotonic_ns()
            toy.signal(number)
            ignored = {"SELF_STALL", "ENGINE_BEHIND"} if kind == "ENGINE_STALLED" else {"SELF_STALL"}
            found = watch.wait(lambda r, ignored=ignored: r["type"] == "fault" and r["kind"] not in ignored, since_ns, 3.0 if kind else 1.0)
            told = (found["kind"], found["text"]) if found else (None, "")
            if told[0] != kind or (kind and (not told[1].startswith("toy-quote") or not proves(found["evidence"]))):
                complaints.append(f"after signal {number}: {found}")
            if after:
                toy.signal(after)
            toy.stop()
            time.sleep(0.5)
            others = {r["kind"] for r in faults_since(watch, since_ns)} - {kind, *ignored}
            complaints += [f"after signal {number}, too: {others}"] if others else []
        if any(r["kind"].startswith("ENGINE") for r in json.loads(lab.flatline("faults", "--open", "--json")[1])):
            complaints.append("a fault of an engine still stands after its goodbye")
        if lab.flatline("engines", "--json") != (3, "[]\n"):
            complaints.append("an engine is listed after its goodbye")
    return complaints


def what_the_venue_says_of_itself_is_told_and_touches_no_lease(bin_dir, keep):
    """Maintenance on the status page; a symbol that the list calls halted, asked for because its book is quiet."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.start_sentinel(lab.write_config(f"streams:\n  - {SPOT_BOOK}\n  - {SPOT_BBO}", ["binance-spot"]))
        watch = lab.watch()
        lab.wait_fresh()
        steps = (
            ("maintenance binance-spot", "unmaintenance binance-spot", "MAINTENANCE", "venue", "system_maintenance"),
            ("halt binance-spot/BTCUSDT/*", "unhalt binance-spot/BTCUSDT/*", "HALTED", "stream", "BREAK"),
        )
        for begin, end, kind, scope, word in steps:
            # The quiet market is what makes anybody ask.
            since_ns = lab.command("rate BTCUSDT 0")
            lab.command(begin)
            found = watch.wait(lambda r, kind=kind: r["type"] == "fault" and r["kind"] == kind, since_ns, 30)
            if not found or found["scope"] != scope or found["text"] != word:
                complaints.append(f"{kind}: {found}")
            lab.command(end)
            if not watch.wait(lambda r, kind=kind: r["type"] == "clear" and r["kind"] == kind, since_ns, 40):
                complaints.append(f"{kind} does not end")
            lab.command("rate BTCUSDT 50")
            lab.wait_fresh()
            others = {r["kind"] for r in faults_since(watch, since_ns)} - {kind, "SELF_STALL"}
            revoked = {r["stream"] for r in watch.since(since_ns) if r["type"] == "lapse" and r["revoked_by"]}
            complaints += [f"{kind}, too: {others} {revoked}"] if others or revoked else []
            time.sleep(5)  # a book that was well for so long is asked at once when it falls silent again
    return complaints


def each_trouble_of_an_engine_is_found_by_its_name(bin_dir, keep):
    """A toy engine stopped, blocked, panicking, killed, and one that says goodbye: the right fault each, nobody else accused."""
    return troubles_of_an_engine(bin_dir, keep, "c")


def each_trouble_of_an_engine_in_cpp_is_found_by_its_name(bin_dir, keep):
    """The same of the toy engine in C++."""
    return troubles_of_an_engine(bin_dir, keep, "cpp")


def each_trouble_of_an_engine_in_go_is_found_by_its_name(bin_dir, keep):
    """The same of the toy engine in Go."""
    return troubles_of_an_engine(bin_dir, keep, "go")


def each_trouble_of_an_engine_in_python_is_found_by_its_name(bin_dir, keep):
    """The same of the toy engine in Python."""
    return troubles_of_an_engine(bin_dir, keep, "python")


def counter(lab, name):
    """A counter of the segment by its name, from `flatline dump`."""
    found = re.search(rf"name {name}\n\s*value (\d+)", lab.flatline("dump")[1])
    return int(found.group(1)) if found else None


def faults_since(watch, since_ns):
    return [r for r in watch.since(since_ns) if r["type"] == "fault"]


def rest_out_of_reach_leases_unanchored_after_ten_seconds(bin_dir, keep):
    """REST hangs from the start: nothing timed is leased for ten seconds, then it is, and a counter says on what."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.command(f"rest-hang {USDM}")
        lab.start_sentinel(lab.write_config(f"streams:\n  - {BOOK}\n  - {BBO}\n  - {OKX_BOOKS}", [USDM, "okx"]))
        lab.wait_until(lambda: any(s["fresh"] for s in lab.status()["streams"]), "the other venue is fresh")
        complaints = [f"{s['stream']} is fresh" for s in lab.status()["streams"] if s["fresh"] and s["stream"] != OKX_BOOKS]
        if counter(lab, "detector_unanchored_venues") != 0:
            complaints.append("unanchored before its time")
        lab.wait_fresh(15)
        if counter(lab, "detector_unanchored_venues") != 1 << 1:
            complaints.append(f"unanchored venues are {counter(lab, 'detector_unanchored_venues')}, not USD-M alone")
        if "out of reach" not in lab.flatline("status")[1] or not lab.status()["unanchored"]:
            complaints.append("flatline status does not say so")
        return complaints


def dials(sentinel, venue):
    return len(re.findall(rf"{venue}/\S+: (?:connected|connect failed)", sentinel.text()))


def refused_with_429_a_venue_is_left_alone_and_the_others_are_not(bin_dir, keep):
    """429 on both routes of USD-M with Retry-After 6 s, then without one: no dial of it meanwhile; OKX reconnects."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        streams = (BOOK, MARK, OKX_BOOKS)
        sentinel = lab.start_sentinel(lab.write_config("streams:\n" + "\n".join(f"  - {s}" for s in streams), [USDM, "okx"]))
        lab.wait_fresh()
        complaints = []
        for refusal, most in ((f"refuse {USDM} 429 6", 2), (f"refuse {USDM} 429", 3)):
            lab.command(refusal)
            before, before_okx = dials(sentinel, USDM), dials(sentinel, "okx")
            lab.command(f"rst {USDM}/*")
            lab.command("rst okx/*")
            time.sleep(5.0)
            made = dials(sentinel, USDM) - before  # two lines may both be under way when the first refusal comes
            if not 1 <= made <= most:
                complaints.append(f"{refusal}: {made} attempts in 5 s")
            if dials(sentinel, "okx") == before_okx:
                complaints.append(f"{refusal}: OKX did not reconnect")
            lab.command(f"refuse {USDM} off")
            lab.wait_until(lambda: healthy(lab), "all is well again", None, 40)
        return complaints


def connections_cut_at_once_are_not_made_faster_than_a_tenth_of_the_budget(bin_dir, keep):
    """Every connection reset as soon as it is there, for 20 s: never over 30 attempts a venue (a tenth of 300 in 5 min)."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        sentinel = lab.start_sentinel(lab.write_config(f"streams:\n  - {BOOK}\n  - {MARK}\n  - {OKX_BOOKS}", [USDM, "okx"]))
        lab.wait_fresh()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for target in (f"rst {USDM}/*", "rst okx/*"):
                lab.command(target)
            time.sleep(0.05)
        text = sentinel.text()
        complaints = []
        for venue in (USDM, "okx"):
            made = len(re.findall(rf"{venue}/\S+: connected", text))
            if not 3 <= made <= 30:
                complaints.append(f"{venue}: {made} connections in 20 s")
        return complaints


def a_thread_stopped_alone_accuses_itself_and_loses_no_frame(bin_dir, keep):
    """Judge, then ingest stopped alone for 0.3, 2 and 5 s (ptrace), 1024 events of ring, 2000 changes a second."""
    streams = (BOOK, BBO, OKX_BOOKS, OKX_BBO)
    with Lab(bin_dir, keep) as lab:
        lab.start_venue("--rate", "2000")
        body = "streams:\n" + "\n".join(f"  - {s}" for s in streams) + "\nthreads: {ring_events: 1024}"
        sentinel = lab.start_sentinel(lab.write_config(body, [USDM, "okx"]))
        watch = lab.watch()
        complaints = []
        for thread in ("fl-judge", "fl-ingest"):
            for seconds in (0.3, 2.0, 5.0):
                lab.wait_fresh()
                stalls = counter(lab, "detector_stalls")
                since_ns = stop_thread(sentinel.pid, thread, seconds)
                time.sleep(2.0)
                others = {f["kind"] for f in faults_since(watch, since_ns)} - {"SELF_STALL"}
                if others or counter(lab, "detector_stalls") == stalls:
                    complaints.append(f"{thread} for {seconds} s: {sorted(others) or 'no stall'}")
        if counter(lab, "ingest_ring_full") == 0:
            complaints.append("the ring was never full: nothing was tested")
        lab.wait_until(lambda: healthy(lab), "all is well again")
        return complaints


def hostile_framing_of_every_kind_is_a_clean_down(bin_dir, keep):
    """Each kind of broken framing the venue offers, on all four venues in turn: DOWN, nothing else, and back again."""
    kinds = ("rsv1", "rsv3", "badutf8", "unknown-opcode", "unknown-control", "orphan-continuation", "fragmented-ping", "large", "masked",
             "oversize", "bad-length", "long-length", "ping-oversize", "close-short", "close-1005")
    targets = {SPOT_BOOK: "binance-spot/*", BOOK: f"{USDM}/public", COIN_BOOK: "binance-coinm/*", OKX_BOOKS: "okx/public"}
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        body = "streams:\n" + "\n".join(f"  - {s}" for s in targets)
        sentinel = lab.start_sentinel(lab.write_config(body, [venue_of(s) for s in targets]))
        watch = lab.watch()
        lab.wait_fresh()
        complaints = []
        for i, kind in enumerate(kinds):
            since_ns = lab.command(f"hostile {list(targets.values())[i % 4]} {kind}")
            if watch.wait(lambda r: r["type"] == "fault" and r["kind"] == "DOWN", since_ns, 5) is None:
                complaints.append(f"{kind}: not DOWN")
            lab.wait_until(lambda: healthy(lab), f"well again after {kind}")
            more = {f["kind"] for f in faults_since(watch, since_ns)} - {"DOWN", "SELF_STALL"}
            if more:
                complaints.append(f"{kind}: {sorted(more)}")
        if not sentinel.alive():
            complaints.append("the daemon died")
        return complaints


SMOKE = ("rst okx/public", f"close {USDM}/public 1008 Pong timeout", f"hostile {USDM}/public badjson", "shutdown-notice binance-spot 3s",
         "key-expire event", "fragment okx/public on", "lag okx/public 300ms", "key-rotate", f"rest-status {USDM} 503")
API_KEY = "an-API-key-that-nobody-may-see"


def listen_key(lab):
    """The account's key, asked of the venue as the side-car does."""
    request = urllib.request.Request(
        lab.venue["venues"][USDM]["rest"] + "/fapi/v1/listenKey", method="POST", headers={"X-MBX-APIKEY": API_KEY}
    )
    with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=lab.venue["ca"]), timeout=5) as answer:
        return json.load(answer)["listenKey"]


def smoke_of_everything_at_once_leaks_no_secret_and_ends_clean(bin_dir, keep):
    """A dozen faults in a row with rotations; no key in any output, exit 0 of both programs (sanitizers speak by it)."""
    with Lab(bin_dir, keep) as lab:
        lab.venue_options = "max_age: 6s"
        venue = lab.start_venue()
        key_file = lab.folder / "api.key"
        key_file.write_text(API_KEY + "\n")
        key_file.chmod(0o600)
        body = "streams:\n" + "\n".join(f"  - {s}" for s in (BOOK, BBO, MARK, OKX_BOOKS, OKX_BBO, SPOT_BOOK))
        body += f"\nuser_data:\n  {USDM}: {{account: main, api_key_file: {key_file}, extend_interval: 1s}}"
        sentinel = lab.start_sentinel(lab.write_config(body, [USDM, "okx", "binance-spot"]))
        watch = lab.watch()
        lab.wait_fresh(40)
        secrets = {API_KEY, listen_key(lab)}
        for command in SMOKE:
            lab.command(command)
            time.sleep(0.6)
        lab.command("clear")
        sentinel.signal(signal.SIGSTOP)
        time.sleep(0.3)
        sentinel.signal(signal.SIGCONT)
        lab.wait_until(lambda: healthy(lab), "all is well again", None, 40)
        secrets.add(listen_key(lab))
        outputs = {
            "log": sentinel.text(),
            "segment": lab.segment.read_bytes().decode("latin-1"),
            "watch": json.dumps(watch.records),
            "command line": pathlib.Path(f"/proc/{sentinel.pid}/cmdline").read_text(),
        }
        for command in (["dump"], ["status", "--json"], ["status"], ["faults"], ["streams"]):
            outputs[" ".join(command)] = lab.flatline(*command)[1]
        complaints = [f"a secret in {name}" for name, text in outputs.items() if any(s in text for s in secrets)]
        if not any(len(s) > 20 for s in secrets - {API_KEY}):
            complaints.append("no listenKey to look for")
        for process in (sentinel, venue):
            code = process.stop()
            if code != 0:
                complaints.append(f"{process.name} ended with {code}: {process.text()[-6000:]}")
        return complaints


def start_advised(lab, more=""):
    """A daemon with a control socket and two gates, fresh; returns its process and configuration."""
    lab.start_venue()
    config = lab.write_config(f"streams:\n  - {BOOK}\n  - {OKX_BOOKS}\n"
                              f"gates: {{usdm: [{BOOK}], okx: [{OKX_BOOKS}]}}\n"
                              f"control_socket: {lab.folder}/control.sock\n{more}", [USDM, "okx"])
    sentinel = lab.start_sentinel(config)
    lab.wait_fresh()
    return sentinel, config


def expect(lab, complaints, *argv, code=0):
    """Runs a command that must leave with this code; returns what it said."""
    got, text = lab.flatline(*argv)
    if got != code:
        complaints.append(f"flatline {' '.join(argv)}: exit {got} instead of {code}")
    return text


def quotes(lab):
    """{gate: why it may not quote, FRESH if it may}."""
    return {gate["gate"]: gate["quote_why"] for gate in lab.status()["gates"]}


def expect_quotes(lab, complaints, when, **wanted):
    got = quotes(lab)
    if got != wanted:
        complaints.append(f"{when}: {got} instead of {wanted}")


ADVICE_EVENTS = {6: "advice", 7: "advice_end", 8: "drill", 9: "drill_end"}


def expect_told(lab, complaints, wanted):
    """Waits until the event ring tells this of advice, from the sentinel's start."""
    told = []

    def looked():
        events = json.loads(lab.flatline("dump", "--json")[1])["EVENTS"]
        told[:] = [ADVICE_EVENTS[e["type"]] for e in sorted(events, key=lambda e: e["number"]) if e["type"] in ADVICE_EVENTS]
        return told == wanted

    try:
        lab.wait_until(looked, "the event ring tells of it", None, 5)
    except LabError:
        complaints.append(f"the event ring tells {told} instead of {wanted}")


def advice_closes_its_gates_and_ends_by_time(bin_dir, keep):
    """breaker, pause, reduce through the control socket: the gates meant may not quote, data stays fresh, time opens them."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        start_advised(lab)
        expect(lab, complaints, "breaker", "usdm", "--for", "3s", "--reason", "a test")
        expect_quotes(lab, complaints, "breaker on one gate", usdm="BREAKER", okx="FRESH")
        if not healthy(lab):
            complaints.append("a breaker touched the data")
        lab.wait_until(lambda: quotes(lab)["usdm"] == "FRESH", "the breaker ends by time", None, 10)
        expect(lab, complaints, "pause", "okx", "--for", "forever", "--reason", "a calendar")
        expect(lab, complaints, "reduce", "*", "--for", "1h", "--reason", "thin books")
        expect_quotes(lab, complaints, "pause", usdm="FRESH", okx="PAUSED")
        listed = json.loads(expect(lab, complaints, "advice", "--json"))
        got = [(a["kind"], a["target"], a["scope"], a["reason"], a["left_ns"] is None) for a in listed]
        if got != [("reduce", "*", "all", "thin books", False), ("pause", "okx", "gate", "a calendar", True)]:
            complaints.append(f"advice lists {got}")
        expect(lab, complaints, "pause", "okx", "clear")
        expect(lab, complaints, "pause", "okx", "clear", code=1)
        expect_quotes(lab, complaints, "pause cleared", usdm="FRESH", okx="FRESH")
        expect(lab, complaints, "breaker", "nonsense", "--for", "1s", "--reason", "x", code=2)
        expect(lab, complaints, "breaker", "usdm", "--reason", "x", code=2)
        expect(lab, complaints, "breaker", "usdm", "--for", "1s", "--reason", "x", "--socket", "/nonexistent", code=3)
        expect_told(lab, complaints, ["advice", "advice_end", "advice", "advice", "advice_end"])
    return complaints


def advice_survives_a_kill_and_an_orderly_restart(bin_dir, keep):
    """kill -9, then SIGTERM: what was advised stands before the gate can be fresh; what ran out meanwhile does not."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        sentinel, config = start_advised(lab)
        expect(lab, complaints, "breaker", USDM, "--for", "1h", "--reason", "to be kept")
        expect(lab, complaints, "pause", "okx", "--for", "1s", "--reason", "to run out")
        serial = json.loads(expect(lab, complaints, "advice", "--json"))[1]["serial"]
        for number, how in enumerate((signal.SIGKILL, signal.SIGTERM)):
            sentinel.signal(how)
            sentinel.child.wait(10)
            time.sleep(1.1)
            lab.segment.unlink(missing_ok=True)
            sentinel = lab.start_sentinel(config, f"flatlined-{number}")
            seen = []
            lab.wait_until(lambda: seen.append(quotes(lab)) or healthy(lab), "all streams are fresh again", None, 20)
            if any(look.get("usdm") == "FRESH" for look in seen):
                complaints.append("the breaker was closed for a moment after the restart")
            expect_quotes(lab, complaints, f"after signal {how}", usdm="BREAKER", okx="FRESH")
        listed = json.loads(expect(lab, complaints, "advice", "--json"))
        if [(a["serial"], a["kind"], a["target"]) for a in listed] != [(serial, "breaker", USDM)]:
            complaints.append(f"advice lists {listed}")
        if expect(lab, complaints, "reduce", "okx", "--for", "1s", "--reason", "x", "--json").find(f'"serial":{serial + 2}') < 0:
            complaints.append("the serial did not go on where it was")
        sentinel.signal(signal.SIGKILL)
        sentinel.child.wait(10)
        (lab.folder / "flatline.advice").write_text("not what we wrote")
        lab.segment.unlink(missing_ok=True)
        lab.start_sentinel(config, "flatlined-damaged")
        lab.wait_fresh()
        expect_quotes(lab, complaints, "with a damaged file", usdm="BREAKER", okx="BREAKER")
        expect(lab, complaints, "breaker", "*", "clear")
        expect_quotes(lab, complaints, "with a damaged file, cleared", usdm="FRESH", okx="FRESH")
    return complaints


def strangers_and_hostile_lines_move_nothing(bin_dir, keep):
    """Another user is refused and counted, by the file's mode and by the kernel's word; hostile lines are answered and survived."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        sentinel, _ = start_advised(lab)
        path = lab.folder / "control.sock"
        order = '{"do":"give","kind":"breaker","target":"*","for_ns":null,"reason":"x"}'
        hostile = ("", "{", "[]", "7", "null", "[" * 900, '{"do":"give"}', '{"do":7}', order.replace("null", "-1"),
                   order.replace("null", "1e9"), order.replace("null", str(2**62)), order.replace('"x"', "7"),
                   order.replace('"x"', '"\\u001b[2J"'), order.replace('"*"', '"' + "g" * 64 + '"'), order + order,
                   order.replace("breaker", "brake"), order.replace("give", "drill"))
        for line in hostile:
            answer = json.loads(ask(path, line.encode() + b"\n"))
            if answer["ok"]:
                complaints.append(f"taken: {line[:60]!r}")
        for raw in (b"\xff\xfe\n", b"\0\0\0\n", b"x" * 5000, b"\n" * 700):
            if b'"ok":true' in ask(path, raw):
                complaints.append(f"taken: {raw[:20]!r}")
        wanted = {"usdm": "FRESH", "okx": "FRESH"}
        if os.geteuid() == 0:
            lab.folder.chmod(0o755)
            for mode in (0o660, 0o666):
                path.chmod(mode)
                done = stranger(lab, "breaker", "*", "--for", "forever", "--reason", "mischief", "--socket", str(path))
                if done.returncode != 1 or "may act" not in done.stderr:
                    complaints.append(f"a stranger, mode {mode:o}: exit {done.returncode} {done.stderr}")
            lab.wait_until(lambda: counter(lab, "control_refused") == 1, "the refusal is counted", None, 5)
        expect_quotes(lab, complaints, "after all of it", **wanted)
        expect(lab, complaints, "breaker", "*", "--for", "1h", "--reason", "meant")
        expect_quotes(lab, complaints, "and still served", usdm="BREAKER", okx="BREAKER")
        if not sentinel.alive():
            complaints.append("the daemon died")
    return complaints


def ask(path, raw):
    """One send to the control socket, and all that comes back of the first line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(5)
        caller.connect(str(path))
        try:
            caller.sendall(raw)
        except BrokenPipeError:
            pass
        answer = b""
        while not answer.endswith(b"\n"):
            try:
                piece = caller.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            answer += piece
        return answer.splitlines()[0] if answer else b""


def stranger(lab, *argv):
    """Runs flatline as nobody, in no group that could matter; the program is opened before it becomes one."""
    program = lab.folder / "flatline-of-a-stranger"
    if not program.exists():
        shutil.copy(lab.bin / "flatline", program)
        program.chmod(0o755)
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(program), *argv],
                          capture_output=True, text=True, timeout=20, check=False)


def a_drill_closes_one_gate_and_says_so(bin_dir, keep):
    """drill: needs --yes, closes its gate alone, opens it by time, every event carries DRILL, a real breaker outlasts it."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        start_advised(lab)
        expect(lab, complaints, "drill", "usdm", "--for", "300ms", code=2)
        expect(lab, complaints, "drill", "nonsense", "--yes", code=2)
        expect(lab, complaints, "drill", "usdm", "--for", "2m", "--yes", code=2)
        lab.start("toy", "toy_engine", str(lab.segment), "usdm")
        time.sleep(0.6)
        for _ in range(3):
            report = json.loads(expect(lab, complaints, "drill", "usdm", "--for", "300ms", "--yes", "--json", "--report", str(lab.folder)))
            if report["type"] != "DRILL" or not report["could_quote"] or report["why"] != "FRESH":
                complaints.append(f"the drill reports {report}")
            if not 0 <= report["closed_after_ns"] < report["opened_after_ns"] >= 3e8:
                complaints.append(f"closed and opened at {report}")
        expect_told(lab, complaints, ["drill", "drill_end"] * 3)
        expect(lab, complaints, "breaker", "usdm", "--for", "1h", "--reason", "meant")
        child = lab.start("drill", "flatline", "drill", "usdm", "--for", "200ms", "--yes", "--report", lab.folder, "--segment", lab.segment)
        child.child.wait(15)
        expect_quotes(lab, complaints, "a breaker that is meant outlasts a drill", usdm="BREAKER", okx="FRESH")
    return complaints


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
            lab.command(f"{verb} {one}" + {"rst": "", "close": " 1012 restart"}.get(verb, " for 1500ms"))
            time.sleep(2.5)
            lab.wait_until(lambda: set(connections_up(lab)) == names, f"both are up again after {verb}", None, 20)
            lab.wait_fresh()
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


SPECIAL = (
    wrong_route_is_refused_at_load,
    killed_sentinel_closes_every_gate_by_time_alone,
    rest_out_of_reach_leases_unanchored_after_ten_seconds,
    what_the_venue_says_of_itself_is_told_and_touches_no_lease,
    refused_with_429_a_venue_is_left_alone_and_the_others_are_not,
    connections_cut_at_once_are_not_made_faster_than_a_tenth_of_the_budget,
    a_thread_stopped_alone_accuses_itself_and_loses_no_frame,
    each_trouble_of_an_engine_is_found_by_its_name,
    each_trouble_of_an_engine_in_cpp_is_found_by_its_name,
    each_trouble_of_an_engine_in_go_is_found_by_its_name,
    each_trouble_of_an_engine_in_python_is_found_by_its_name,
    hostile_framing_of_every_kind_is_a_clean_down,
    smoke_of_everything_at_once_leaks_no_secret_and_ends_clean,
    advice_closes_its_gates_and_ends_by_time,
    advice_survives_a_kill_and_an_orderly_restart,
    strangers_and_hostile_lines_move_nothing,
    a_drill_closes_one_gate_and_says_so,
    what_happens_to_one_twin_names_it_and_breaks_no_lease,
    twins_rotate_in_turn_and_no_lease_is_lost,
    a_quiet_stream_keeps_a_gate_that_waits_for_it_and_a_dead_connection_does_not,
    *socket_scenarios.SCENARIOS,
)



def F(*faults):
    return frozenset(faults)


USDM_PUBLIC = (BOOK, BBO)
SCENARIOS = (
    Scenario("a_muted_stream_lapses_and_nobody_is_accused", (BBO, ETH_BBO), (f"mute {BBO}",),
             lapses=F(BBO), end=(f"unmute {BBO}",)),
    Scenario("a_muted_stream_with_a_silent_limit_is_silent", (ETH_BBO, (BBO, "stale_after: 600ms, silent_after: 800ms")),
             (f"mute {BBO}",), faults=F(("SILENT", "stream")), lapses=F(BBO), end=(f"unmute {BBO}",)),
    Scenario("a_book_mute_beside_its_book_ticker_is_mute", USDM_PUBLIC, (f"mute {BOOK}",), faults=F(("MUTE", "stream")),
             revoked=F(BOOK), evidence={"MUTE": {"by": 0, "allowance_ns": 150_000_000}}, end=(f"unmute {BOOK}",)),
    Scenario("a_book_ticker_mute_beside_its_book_is_mute", USDM_PUBLIC, (f"mute {BBO}",), faults=F(("MUTE", "stream")),
             revoked=F(BBO), evidence={"MUTE": {"by": 1, "allowance_ns": 30_000_000}}, end=(f"unmute {BBO}",)),
    Scenario("a_spot_book_mute_beside_its_book_ticker_is_mute", (SPOT_BOOK, SPOT_BBO), (f"mute {SPOT_BOOK}",),
             faults=F(("MUTE", "stream")), revoked=F(SPOT_BOOK), evidence={"MUTE": {"by": 0}}, end=(f"unmute {SPOT_BOOK}",)),
    Scenario("a_muted_connection_lapses_whole_and_nobody_is_accused", (BOOK, BBO, OKX_BOOKS, OKX_BBO), ("mute okx/public",),
             lapses=F(OKX_BOOKS, OKX_BBO), end=("unmute okx/public",)),
    Scenario("a_muted_connection_with_silent_limits_is_silent",
             tuple((s, "stale_after: 600ms, silent_after: 900ms") for s in USDM_PUBLIC), (f"mute {USDM}/public",),
             faults=F(("SILENT", "stream")), lapses=F(*USDM_PUBLIC), end=(f"unmute {USDM}/public",)),
    Scenario("a_blackhole_lapses_and_nobody_is_accused", USDM_PUBLIC, (f"blackhole {USDM}/public for 2s",),
             lapses=F(*USDM_PUBLIC), well_again=True),
    Scenario("a_frozen_stream_is_frozen_and_earns_nothing", (BOOK,), (f"freeze {BOOK}",),
             faults=F(("FROZEN", "stream")), lapses=F(BOOK), evidence={"FROZEN": {"repeats": lambda n: n >= 20}},
             end=(f"unfreeze {BOOK}",)),
    Scenario("a_late_connection_is_lagging", tuple((s, "stale_after: 5s") for s in USDM_PUBLIC), (f"lag {USDM}/public 900ms",),
             faults=F(("LAGGING", "connection")), evidence={"LAGGING": {"excess_lag_ns": lambda n: 5e8 < n < 3e9}},
             end=(f"unlag {USDM}/public",)),
    Scenario("data_later_than_stale_after_earns_no_lease", USDM_PUBLIC, (f"lag {USDM}/public 1500ms",),
             faults=F(("LAGGING", "connection")), lapses=F(*USDM_PUBLIC), end=(f"unlag {USDM}/public",)),
    Scenario("a_book_frozen_beside_its_book_ticker_is_mute_first", USDM_PUBLIC, (f"freeze {BOOK}",),
             faults=F(("FROZEN", "stream"), ("MUTE", "stream")), revoked=F(BOOK), end=(f"unfreeze {BOOK}",)),
    Scenario("a_gap_is_told_and_keeps_the_lease", (BOOK,), (f"gap {BOOK} 3",), faults=F(("GAP", "stream"))),
    Scenario("a_gap_beside_its_book_ticker_is_mute_until_the_next_frame", USDM_PUBLIC, (f"gap {BOOK} 3",),
             faults=F(("GAP", "stream"), ("MUTE", "stream")), revoked=F(BOOK)),
    Scenario("a_gap_revokes_where_the_policy_says_so", (BOOK,), (f"gap {BOOK} 3",),
             faults=F(("GAP", "stream")), revoked=F(BOOK), policy="GAP: {lease: revoke}"),
    Scenario("a_spot_gap_is_told", (SPOT_BOOK,), (f"gap {SPOT_BOOK} 2",), faults=F(("GAP", "stream"))),
    Scenario("an_okx_gap_is_told", (OKX_BOOKS,), (f"gap {OKX_BOOKS} 2",), faults=F(("GAP", "stream"))),
    Scenario("ids_going_backwards_are_regressed", (BBO,), (f"regress {BBO} for 300ms",), faults=F(("REGRESSED", "stream"))),
    Scenario("a_reset_connection_is_down_and_revoked_until_data", USDM_PUBLIC, (f"rst {USDM}/public",),
             faults=F(("DOWN", "connection")), revoked=F(*USDM_PUBLIC), evidence={"DOWN": {"errno": 104}}),
    Scenario("a_closed_connection_keeps_its_code_and_reason", USDM_PUBLIC, (f"close {USDM}/public 1008 Pong timeout",),
             faults=F(("DOWN", "connection")), revoked=F(*USDM_PUBLIC),
             evidence={"DOWN": {"close_code": 1008, "text": "Pong timeout"}}),
    Scenario("close_code_1012_is_kept_as_it_is", (OKX_BOOKS,), ("close okx/public 1012 restart",),
             faults=F(("DOWN", "connection")), revoked=F(OKX_BOOKS), evidence={"DOWN": {"close_code": 1012}}),
    Scenario("a_fin_without_a_close_frame_is_down", (COIN_BOOK,), ("fin binance-coinm/*",),
             faults=F(("DOWN", "connection")), revoked=F(COIN_BOOK)),
    Scenario("refused_with_429_stays_down_until_let_in", USDM_PUBLIC, (f"refuse {USDM} 429", f"rst {USDM}/public"),
             faults=F(("DOWN", "connection")), revoked=F(*USDM_PUBLIC), end=(f"refuse {USDM} off",)),
    Scenario("acked_and_silent_route_is_never_started", ((MARK, "stale_after: 3s"),), (), before_start=(f"silent-subscribe {USDM}/market",),
             starts_fresh=False, faults=F(("NEVER_STARTED", "stream")), well_again=False),
    Scenario("acked_and_silent_connection_is_never_started", USDM_PUBLIC, (), before_start=(f"silent-subscribe {USDM}/public",),
             starts_fresh=False, faults=F(("NEVER_STARTED", "connection")), well_again=False),
    Scenario("acked_and_silent_while_another_route_delivers_is_wrong_route", (BOOK, BBO, f"{USDM}/BTCUSDT/aggTrade"), (),
             before_start=(f"silent-subscribe {USDM}/market",), starts_fresh=False,
             faults=F(("WRONG_ROUTE", "connection")), well_again=False),
    Scenario("an_okx_book_acked_without_its_snapshot_is_never_started", (OKX_BOOKS, OKX_BBO), (),
             before_start=(f"silent-subscribe {OKX_BOOKS}",), starts_fresh=False,
             faults=F(("NEVER_STARTED", "stream")), well_again=False),
    Scenario("a_stream_never_acked_is_never_started", USDM_PUBLIC, (), before_start=(f"no-ack {BBO}",),
             starts_fresh=False, faults=F(("NEVER_STARTED", "stream")), well_again=False),
    Scenario("a_notice_is_told_and_rotation_keeps_every_lease", (SPOT_BOOK, SPOT_BBO), ("shutdown-notice binance-spot 3s",),
             faults=F(("NOTICE", "connection"))),
    Scenario("okx_64008_is_told_and_rotation_keeps_every_lease", (OKX_BOOKS, OKX_BBO), ("notice64008 okx/public 3s",),
             faults=F(("NOTICE", "connection")), evidence={"NOTICE": {"code": 64008}}),
    Scenario("a_listen_key_that_expires_with_its_event_is_key_expired", USDM_PUBLIC, ("key-expire event",),
             faults=F(("KEY_EXPIRED", "stream")), revoked=F(USER), user_data=True, evidence={"KEY_EXPIRED": {"by_event": 1}}),
    Scenario("a_listen_key_that_dies_silently_is_found_by_the_extend", USDM_PUBLIC, ("key-expire silent",),
             faults=F(("KEY_UNKNOWN", "stream")), revoked=F(USER), user_data=True),
    Scenario("a_foreign_listen_key_is_key_unknown", USDM_PUBLIC, ("key-rotate",),
             faults=F(("KEY_UNKNOWN", "stream")), revoked=F(USER), user_data=True, evidence={"KEY_UNKNOWN": {"foreign": 1}}),
    Scenario("a_private_socket_that_is_reset_is_down_until_a_pong_proves_the_next", USDM_PUBLIC, (f"rst {USDM}/private",),
             faults=F(("DOWN", "connection")), revoked=F(USER), user_data=True),
    Scenario("extends_that_fail_count_down_to_expiring_and_expired", USDM_PUBLIC, (f"rest-status {USDM} 503",),
             faults=F(("KEY_EXPIRING", "stream"), ("KEY_EXPIRED", "stream")), lapses=F(USER), revoked=F(USER), user_data=True,
             detect="key_life: 6s, key_expiring: 3s", end=(f"rest-status {USDM} 200",)),
    Scenario("a_stopped_side_car_accuses_itself_alone", USDM_PUBLIC, (stop_and_continue(2.0),),
             faults=F(("SELF_STALL", "host")), lapses=F(*USDM_PUBLIC)),
    Scenario("hostile_frames_are_counted_and_survived", USDM_PUBLIC,
             tuple(f"hostile {USDM}/public {kind}" for kind in ("badjson", "deepjson", "badjson"))),
    Scenario("a_fragmented_stream_is_whole_again", USDM_PUBLIC, (f"fragment {USDM}/public on", sleep(1.0)),
             end=(f"fragment {USDM}/public off",)),
    Scenario("frames_of_every_harmless_kind_are_counted", USDM_PUBLIC,
             tuple(f"hostile {USDM}/public {kind}" for kind in ("badjson", "emptyjson", "empty", "deepjson", "unknown-channel",
                                                                "hugenumber", "pong", "binary"))),
    Scenario("a_subscription_lost_in_a_reconnect_is_never_started_and_stays_closed", USDM_PUBLIC, (f"no-ack {BBO}", f"rst {USDM}/public"),
             faults=F(("DOWN", "connection"), ("NEVER_STARTED", "stream")), revoked=F(*USDM_PUBLIC),
             evidence={"NEVER_STARTED": {"inventory_missing": 1}}, end=("clear", f"rst {USDM}/public")),
    Scenario("an_okx_subscription_lost_in_a_reconnect_is_never_started", (OKX_BOOKS, OKX_BBO),
             (f"no-ack {OKX_BBO}", "rst okx/public"), faults=F(("DOWN", "connection"), ("NEVER_STARTED", "stream")),
             revoked=F(OKX_BOOKS, OKX_BBO), evidence={"NEVER_STARTED": {"acked": 0, "inventory_missing": 1}}, end=("clear", "rst okx/public")),
    Scenario("an_okx_book_silent_after_a_reconnect_is_never_started", (OKX_BOOKS, OKX_BBO),
             (f"silent-subscribe {OKX_BBO}", "rst okx/public"), faults=F(("DOWN", "connection"), ("NEVER_STARTED", "stream")),
             revoked=F(OKX_BOOKS, OKX_BBO), evidence={"NEVER_STARTED": {"acked": 1}}, end=("clear", "rst okx/public")),
    Scenario("a_metronome_that_stops_with_its_route_is_mute", (BOOK, (MARK, "stale_after: 60s")), (sleep(11.0), f"mute {USDM}/market"),
             faults=F(("MUTE", "route")), revoked=F(MARK), evidence={"MUTE": {"by": 4, "text": "2 of 3 beats missed, each 1 s"}},
             end=(f"unmute {USDM}/market",)),
    Scenario("a_metronome_that_stops_alone_is_a_mute_stream", (BOOK, (MARK, "stale_after: 60s"), (AGG, "stale_after: 5s")), (sleep(11.0), f"mute {MARK}"),
             faults=F(("MUTE", "stream")), revoked=F(MARK), evidence={"MUTE": {"by": 4}}, end=(f"unmute {MARK}",)),
    Scenario("rotation_after_rotation_costs_no_lease_and_accuses_nobody", (BOOK, BBO, (MARK, "stale_after: 3s"), OKX_BOOKS, SPOT_BOOK), (sleep(10.0),),
             venue_options="max_age: 2s"),
    Scenario("a_notice_and_a_cut_at_once_revoke_until_data", (SPOT_BOOK, SPOT_BBO), ("shutdown-notice binance-spot 30s", "rst binance-spot/*"),
             faults=F(("NOTICE", "connection"), ("DOWN", "connection")), revoked=F(SPOT_BOOK, SPOT_BBO)),
    Scenario("a_successor_without_data_is_never_started_and_the_old_one_keeps_the_leases", (OKX_BOOKS, OKX_BBO),
             ("silent-subscribe okx/public", "notice64008 okx/public 60s"),
             faults=F(("NOTICE", "connection"), ("NEVER_STARTED", "connection")), end=("clear", "rst okx/public")),
    Scenario("okx_4004_keeps_its_code_and_reason", (OKX_BOOKS,), ("close okx/public 4004 No data received in 30s.",),
             faults=F(("DOWN", "connection")), revoked=F(OKX_BOOKS),
             evidence={"DOWN": {"close_code": 4004, "text": "No data received in 30s."}}),
    Scenario("a_server_that_breaks_the_framing_is_down", USDM_PUBLIC, (f"hostile {USDM}/public rsv1",),
             faults=F(("DOWN", "connection")), revoked=F(*USDM_PUBLIC)),
)


def expectation(scenario):
    words = [f"{kind} ({scope})" for kind, scope in sorted(scenario.faults)] or ["no fault"]
    if scenario.lapses:
        words.append("lapses: " + ", ".join(sorted(s.split("/", 1)[1] for s in scenario.lapses)))
    if scenario.revoked:
        words.append("revoked: " + ", ".join(sorted(s.split("/", 1)[1] for s in scenario.revoked)))
    if scenario.well_again:
        words.append("well again")
    return "; ".join(words)


def done_to(scenario):
    words = [f"before start: `{c}`" for c in scenario.before_start]
    words += [f"`{step}`" if isinstance(step, str) else "SIGSTOP, SIGCONT" for step in scenario.when if isinstance(step, str) or "stop" in step.__qualname__]
    options = scenario.detect or scenario.policy or scenario.venue_options
    return ", ".join(words) + (f" ({options})" if options else "")


def table():
    rows = ["<!-- made by scenarios.py --table; ctest compares -->", "| scenario | what is done | what must follow, and nothing else |", "|---|---|---|"]
    rows += [f"| {s.name.replace('_', ' ')} | {done_to(s)} | {expectation(s)} |" for s in SCENARIOS]
    rows += [f"| {f.__name__.replace('_', ' ')} | {f.__doc__} | as said |" for f in SPECIAL]
    return "\n".join(rows) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", help="folder of the built programs")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--keep", action="store_true", help="leave the laboratory's folder")
    parser.add_argument("name", nargs="?")
    options = parser.parse_args()
    if options.list:
        print("\n".join([s.name for s in SCENARIOS] + [f.__name__ for f in SPECIAL]))
        return 0
    if options.table:
        print(table(), end="")
        return 0
    special = {f.__name__: f for f in SPECIAL}
    by_name = {s.name: s for s in SCENARIOS}
    try:
        if options.name in special:
            complaints = special[options.name](options.bin, options.keep)
        else:
            complaints = run(by_name[options.name], options.bin, options.keep)
    except LabSkip as why:
        print(f"{options.name}: skipped: {why}")
        return 77
    except LabError as error:
        complaints = [str(error)]
    for complaint in complaints:
        print(f"{options.name}: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
