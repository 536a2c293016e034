# SPDX-License-Identifier: MIT
"""Scenarios of sockets: an engine that does not read or is not told, and our own connection to nowhere.

The engine is scripts/listener.py: a process that knows nothing of flatline.
"""
import signal
import time

from lab import Lab

USDM = "binance-usdm"
BOOK = f"{USDM}/BTCUSDT/depth@100ms"
BBO = f"{USDM}/BTCUSDT/bookTicker"
PATH = "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
FLOWS_SECONDS = 3.0  # until a connection is known to flow
LEARNT_SECONDS = 13.0  # until it is known how quiet it is by nature


def start(lab, engine_line):
    lab.start_venue()
    lab.start_sentinel(lab.write_config(f"streams:\n  - {BOOK}\n  - {BBO}\nengine_sockets:\n  - {engine_line}", [USDM]))
    watch = lab.watch()
    lab.wait_fresh()
    listener, _ = lab.start_listener(USDM, PATH, name="quoter")
    return watch, listener


def expect(watch, since_ns, kind, complaints, seconds=4.0):
    """The fault of that kind; and no other but SELF_STALL."""
    found = watch.wait(lambda r: r["type"] == "fault" and r["kind"] == kind, since_ns, seconds)
    others = {r["kind"] for r in watch.since(since_ns) if r["type"] == "fault"} - {kind, "SELF_STALL"}
    complaints += [] if found else [f"no {kind}"]
    complaints += [f"beside {kind}: {sorted(others)}"] if others else []
    return found


def expect_clear(watch, since_ns, kind, complaints):
    if not watch.wait(lambda r: r["type"] == "clear" and r["kind"] == kind, since_ns, 5.0):
        complaints.append(f"{kind} does not clear")


def an_engine_that_stops_reading_is_behind_by_its_socket_alone(bin_dir, keep):
    """A listening process, found by its pid, then by the venue's address, stops reading its socket: ENGINE_BEHIND, and only that."""
    complaints = []
    for line in ("{{name: quoter, pid_file: {folder}/quoter.pid}}", "{{name: quoter, venue: binance-usdm}}"):
        with Lab(bin_dir, keep) as lab:
            watch, listener = start(lab, line.format(folder=lab.folder))
            time.sleep(FLOWS_SECONDS)
            since_ns = time.monotonic_ns()
            listener.signal(signal.SIGUSR1)
            found = expect(watch, since_ns, "ENGINE_BEHIND", complaints)
            if found and not (found["scope"] == "engine" and found["text"].startswith("quoter:") and found["evidence"]["unread_bytes"] > 0):
                complaints.append(f"told: {found}")
            listener.signal(signal.SIGUSR2)
            expect_clear(watch, since_ns, "ENGINE_BEHIND", complaints)
    return complaints


def an_engine_whose_connection_falls_silent_alone_is_mute(bin_dir, keep):
    """The venue mutes the engine's connection, not ours: ENGINE_MUTE; both muted, and the whole market still: nobody."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        watch, _ = start(lab, "{name: quoter, venue: binance-usdm}")
        engine = lab.last_connection(USDM)
        time.sleep(LEARNT_SECONDS)
        both_ns = lab.command("mute binance-usdm/public for 1500ms")
        time.sleep(3.0)
        accused = {r["kind"] for r in watch.since(both_ns) if r["type"] == "fault"} - {"SELF_STALL"}
        complaints += [f"of a silence for both: {accused}"] if accused & {"ENGINE_MUTE", "ENGINE_BEHIND"} else []
        since_ns = lab.command(f"mute conn:{engine}")
        found = expect(watch, since_ns, "ENGINE_MUTE", complaints, 8.0)
        if found and not (found["blame"] == "connection" and found["evidence"]["witness_frames"] >= 20):
            complaints.append(f"told: {found}")
        lab.command(f"unmute conn:{engine}")
        expect_clear(watch, since_ns, "ENGINE_MUTE", complaints)
    return complaints


def a_peer_whose_machine_is_gone_is_half_open(bin_dir, keep):
    """The venue's kernel drops what we send: after our next ping HALF_OPEN, long before the pong is missed or TCP gives up."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.venue_options = "ping_interval: 500ms"
        lab.start_venue()
        lab.start_sentinel(lab.write_config(f"streams:\n  - {{name: {BOOK}, stale_after: 5s}}\n  - {{name: {BBO}, stale_after: 5s}}", [USDM]))
        watch = lab.watch()
        lab.wait_fresh()
        since_ns = lab.command(f"half-open {USDM}/public for 3s")
        found = expect(watch, since_ns, "HALF_OPEN", complaints)
        if found and not (found["scope"] == "connection" and found["evidence"]["unacked_bytes"] > 0 and found["evidence"]["retransmits"] >= 2):
            complaints.append(f"told: {found}")
        expect_clear(watch, since_ns, "HALF_OPEN", complaints)
        lab.wait_fresh()
    return complaints


SCENARIOS = (
    an_engine_that_stops_reading_is_behind_by_its_socket_alone,
    an_engine_whose_connection_falls_silent_alone_is_mute,
    a_peer_whose_machine_is_gone_is_half_open,
)
