# SPDX-License-Identifier: MIT
"""The shape of a scenario: streams, what is done to them, and exactly what must follow; and how one is run.

A scenario passes when exactly the expected faults open (no kind more, no kind less), exactly the expected streams
lapse or are revoked, and everything is well again once the fault is over. Nothing asserts a time: lateness is
measured in bench/.
"""
import dataclasses
import json
import re
import signal
import time

from lab import Lab

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


def counter(lab, name):
    """A counter of the segment by its name, from `flatline dump`."""
    found = re.search(rf"name {name}\n\s*value (\d+)", lab.flatline("dump")[1])
    return int(found.group(1)) if found else None


def faults_since(watch, since_ns):
    return [r for r in watch.since(since_ns) if r["type"] == "fault"]
