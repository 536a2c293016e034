#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The side-car as a program, against the fake venue: what the scenarios, which look at faults, do not ask.

    side_car.py --bin DIR NAME     run one (what ctest does)
    side_car.py --list             names

Nothing asserts a time; waits are bounded by START_SECONDS of the laboratory.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from lab import Process  # noqa: E402
from run import parser_of, run  # noqa: E402

USDM = "binance-usdm"
SPOT = "binance-spot"
BOOK = f"{USDM}/BTCUSDT/depth@100ms"
BBO = f"{USDM}/BTCUSDT/bookTicker"


def config_of(lab, streams, extra="", venue_options="", venue=USDM):
    """A configuration with more to say about the venue than the laboratory's own."""
    urls = lab.venue["venues"][venue]
    path = lab.folder / "side_car.yaml"
    path.write_text(
        "streams:\n" + "".join(f"  - {s}\n" for s in streams) + extra +
        f'venues:\n  {venue}: {{ws: "{urls["ws"]}", rest: "{urls["rest"]}", ca_file: "{lab.venue["ca"]}"{venue_options}}}\n'
        f"segment: {{directory: {lab.folder}, name: flatline}}\n"
    )
    return path


def dumped(lab, section):
    _, text = lab.flatline("dump", "--json")
    records = [json.loads(line) for line in text.splitlines()]
    return [row for r in records if section in r for row in r[section]]


def counters(lab):
    return {c["name"]: c["value"] for c in dumped(lab, "COUNTERS")}


def frames(lab):
    return sum(c["frames"] for c in dumped(lab, "CONNECTIONS"))


def stall_only(watch, since_ns):
    """Faults other than the host's own stalls."""
    return [r for r in watch.since(since_ns) if r["type"] == "fault" and r["kind"] != "SELF_STALL"]


# ---- the tests


def first_frame_reaches_a_reader_and_a_muted_stream_lapses(lab):
    lab.start_venue()
    lab.start_sentinel(config_of(lab, [BOOK]))
    watch = lab.watch()
    lab.wait_fresh()
    muted_ns = lab.command(f"mute {BOOK}")
    lapse = watch.wait(lambda r: r["type"] == "lapse" and r["stream"] == BOOK, muted_ns)
    assert lapse is not None, "no lapse"
    assert lapse["seen_ns"] >= lapse["at_ns"], lapse


def hot_threads_allocate_nothing_however_many_frames_come(lab):
    lab.start_venue("--rate", "400")
    lab.start_sentinel(config_of(lab, [BOOK, BBO, f"{USDM}/BTCUSDT/trade", f"{USDM}/ETHUSDT/bookTicker"]))
    lab.wait_fresh()
    time.sleep(2.0)  # session tickets, the first fault, the first page of everything
    before, frames_before = counters(lab), frames(lab)
    lab.wait_until(lambda: frames(lab) > frames_before + 2000, "2000 more frames")
    after = counters(lab)
    for name in ("ingest_allocated_bytes", "judge_allocated_bytes"):
        assert after[name] == before[name], f"{name} grew by {after[name] - before[name]}"
    # OpenSSL allocates for every record, and is taken off jemalloc's count: were either not counting, they could not agree.
    assert after["ingest_openssl_bytes"] > before["ingest_openssl_bytes"] > 0, after


def rotation_by_age_keeps_every_lease_and_accuses_nobody(lab):
    lab.start_venue()
    lab.start_sentinel(config_of(lab, [BOOK, BBO], venue_options=", max_age: 2s"))
    watch = lab.watch()
    lab.wait_fresh()
    since_ns = time.monotonic_ns()

    def rotated():
        return sum(c["epoch"] for c in dumped(lab, "CONNECTIONS")) >= 4

    lab.wait_until(rotated, "three rotations")
    assert not stall_only(watch, since_ns), stall_only(watch, since_ns)
    lapses = [r for r in watch.since(since_ns) if r["type"] == "lapse"]
    assert not lapses, lapses


def a_second_daemon_is_kept_out_by_name(lab):
    lab.start_venue()
    config = config_of(lab, [BOOK])
    lab.start_sentinel(config)
    done = subprocess.run([lab.bin / "flatlined", "-c", config], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1, done
    assert "flatline" in done.stderr and done.stderr.count("\n") == 1, done.stderr


def a_file_that_cannot_be_read_is_exit_2_and_starts_nothing(lab):
    missing = lab.folder / "missing.yaml"
    done = subprocess.run([lab.bin / "flatlined", "-c", missing], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 2, done
    assert "missing.yaml" in done.stderr, done.stderr
    assert not lab.segment.exists()


def a_service_manager_hears_ready_watchdog_and_stopping(lab):
    lab.start_venue()
    address = lab.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": str(address), "WATCHDOG_USEC": "200000"}
        environment.pop("WATCHDOG_PID", None)
        process = Process(lab.folder, "flatlined", [lab.bin / "flatlined", "-c", config_of(lab, [BOOK])], environment)
        lab.processes.append(process)
        assert notify.recv(4096).startswith(b"READY=1")
        assert lab.segment.exists(), "READY before the segment is there"
        assert notify.recv(4096) == b"WATCHDOG=1"
        process.signal(signal.SIGTERM)
        heard = notify.recv(4096)
        while heard == b"WATCHDOG=1":
            heard = notify.recv(4096)
        assert heard == b"STOPPING=1", heard
        assert process.child.wait(20) == 0
        assert not lab.segment.exists(), "the name outlived the daemon"


def without_rest_the_clock_is_taken_from_the_frames_and_marked(lab):
    lab.start_venue()
    lab.command(f"rest-status {USDM} 503")
    lab.start_sentinel(config_of(lab, [BOOK]))
    assert not lab.status()["streams"][0]["fresh"]
    lab.wait_fresh(30)
    assert counters(lab)["detector_unanchored_venues"] == 2, counters(lab)
    lab.command(f"rest-status {USDM} 200")


def an_engine_may_run_it_in_its_own_process(lab):
    lab.start_venue()
    config = config_of(lab, [BOOK, BBO])
    done = subprocess.run(
        [lab.bin / "engine_embedded", config, lab.segment, f"{USDM}/BTCUSDT", "4"],
        capture_output=True, text=True, timeout=60, check=False,
    )
    assert done.returncode == 0, done
    assert "gate open" in done.stdout, done


TESTS = [
    first_frame_reaches_a_reader_and_a_muted_stream_lapses,
    hot_threads_allocate_nothing_however_many_frames_come,
    rotation_by_age_keeps_every_lease_and_accuses_nobody,
    a_second_daemon_is_kept_out_by_name,
    a_file_that_cannot_be_read_is_exit_2_and_starts_nothing,
    a_service_manager_hears_ready_watchdog_and_stopping,
    without_rest_the_clock_is_taken_from_the_frames_and_marked,
    an_engine_may_run_it_in_its_own_process,
]


if __name__ == "__main__":
    sys.exit(run(TESTS, parser_of(__doc__).parse_args()))
