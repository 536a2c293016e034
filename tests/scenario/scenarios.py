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
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from lab import Lab, LabError

ATTEMPTS = 3
SETTLE_SECONDS = 0.6  # how long after the expected findings an unexpected one may still show up
USDM = "binance-usdm"
BOOK = f"{USDM}/BTCUSDT/depth@100ms"
BBO = f"{USDM}/BTCUSDT/bookTicker"
MARK = f"{USDM}/BTCUSDT/markPrice@1s"
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


def findings(watch, since_ns):
    found = Findings()
    for record in watch.since(since_ns):
        if record["type"] == "fault":
            found.faults.add((record["kind"], record["scope"]))
            found.evidence.setdefault(record["kind"], {**record["evidence"], "text": record["text"]})
        elif record["type"] == "lapse" and record["revoked_by"]:
            found.revoked.add(record["stream"])
        elif record["type"] == "lapse":
            found.lapses.add(record["stream"])
    return found


def observe(scenario, watch, since_ns):
    """Waits until all that is expected has come, then a little longer for what is not."""
    deadline = time.monotonic() + scenario.seconds
    while time.monotonic() < deadline and not findings(watch, since_ns).hold(scenario):
        time.sleep(0.03)
    time.sleep(SETTLE_SECONDS)
    return findings(watch, since_ns)


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
        since_ns = do(lab, state, scenario.when) if scenario.when else born_ns
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
        stalls = {fault for fault in findings(watch, born_ns).faults if fault[0] == "SELF_STALL"}
    return complaints, bool(stalls - scenario.faults)


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


SPECIAL = (wrong_route_is_refused_at_load, killed_sentinel_closes_every_gate_by_time_alone)


def F(*faults):
    return frozenset(faults)


USDM_PUBLIC = (BOOK, BBO)
SCENARIOS = (
    Scenario("a_muted_stream_lapses_and_nobody_is_accused", USDM_PUBLIC, (f"mute {BBO}",),
             lapses=F(BBO), end=(f"unmute {BBO}",)),
    Scenario("a_muted_stream_with_a_silent_limit_is_silent", (BOOK, (BBO, "stale_after: 600ms, silent_after: 800ms")),
             (f"mute {BBO}",), faults=F(("SILENT", "stream")), lapses=F(BBO), end=(f"unmute {BBO}",)),
    Scenario("a_muted_connection_lapses_whole_and_nobody_is_accused", (BOOK, BBO, OKX_BOOKS, OKX_BBO), ("mute okx/public",),
             lapses=F(OKX_BOOKS, OKX_BBO), end=("unmute okx/public",)),
    Scenario("a_muted_connection_with_silent_limits_is_silent",
             tuple((s, "stale_after: 600ms, silent_after: 900ms") for s in USDM_PUBLIC), (f"mute {USDM}/public",),
             faults=F(("SILENT", "stream")), lapses=F(*USDM_PUBLIC), end=(f"unmute {USDM}/public",)),
    Scenario("a_blackhole_lapses_and_nobody_is_accused", USDM_PUBLIC, (f"blackhole {USDM}/public for 2s",),
             lapses=F(*USDM_PUBLIC), well_again=True),
    Scenario("a_frozen_stream_is_frozen_and_earns_nothing", USDM_PUBLIC, (f"freeze {BOOK}",),
             faults=F(("FROZEN", "stream")), lapses=F(BOOK), evidence={"FROZEN": {"repeats": lambda n: n >= 20}},
             end=(f"unfreeze {BOOK}",)),
    Scenario("a_late_connection_is_lagging", tuple((s, "stale_after: 5s") for s in USDM_PUBLIC), (f"lag {USDM}/public 900ms",),
             faults=F(("LAGGING", "connection")), evidence={"LAGGING": {"excess_lag_ns": lambda n: 5e8 < n < 3e9}},
             end=(f"unlag {USDM}/public",)),
    Scenario("data_later_than_stale_after_earns_no_lease", USDM_PUBLIC, (f"lag {USDM}/public 1500ms",),
             faults=F(("LAGGING", "connection")), lapses=F(*USDM_PUBLIC), end=(f"unlag {USDM}/public",)),
    Scenario("a_gap_is_told_and_keeps_the_lease", USDM_PUBLIC, (f"gap {BOOK} 3",), faults=F(("GAP", "stream"))),
    Scenario("a_gap_revokes_where_the_policy_says_so", USDM_PUBLIC, (f"gap {BOOK} 3",),
             faults=F(("GAP", "stream")), revoked=F(BOOK), policy="GAP: {lease: revoke}"),
    Scenario("a_spot_gap_is_told", (SPOT_BOOK, SPOT_BBO), (f"gap {SPOT_BOOK} 2",), faults=F(("GAP", "stream"))),
    Scenario("an_okx_gap_is_told", (OKX_BOOKS,), (f"gap {OKX_BOOKS} 2",), faults=F(("GAP", "stream"))),
    Scenario("ids_going_backwards_are_regressed", USDM_PUBLIC, (f"regress {BBO} for 300ms",), faults=F(("REGRESSED", "stream"))),
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
    Scenario("extends_that_fail_count_down_to_expiring_and_expired", USDM_PUBLIC, (f"rest-status {USDM} 503",),
             faults=F(("KEY_EXPIRING", "stream"), ("KEY_EXPIRED", "stream")), lapses=F(USER), revoked=F(USER), user_data=True,
             detect="key_life: 6s, key_expiring: 3s", end=(f"rest-status {USDM} 200",)),
    Scenario("a_stopped_side_car_accuses_itself_alone", USDM_PUBLIC, (stop_and_continue(2.0),),
             faults=F(("SELF_STALL", "host")), lapses=F(*USDM_PUBLIC)),
    Scenario("hostile_frames_are_counted_and_survived", USDM_PUBLIC,
             tuple(f"hostile {USDM}/public {kind}" for kind in ("badjson", "deepjson", "badjson"))),
    Scenario("a_fragmented_stream_is_whole_again", USDM_PUBLIC, (f"fragment {USDM}/public on", sleep(1.0)),
             end=(f"fragment {USDM}/public off",)),
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
    return ", ".join(words) + (f" ({scenario.detect or scenario.policy})" if scenario.detect or scenario.policy else "")


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
    except LabError as error:
        complaints = [str(error)]
    for complaint in complaints:
        print(f"{options.name}: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
