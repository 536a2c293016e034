# SPDX-License-Identifier: MIT
"""Scenarios of the side-car itself: refused, killed, stopped, and all at once."""
import json
import pathlib
import signal
import ssl
import subprocess
import time
import urllib.request

from lab import Lab, stop_thread
from shape import BBO, BOOK, MARK, OKX_BBO, OKX_BOOKS, SPOT_BOOK, USDM, counter, faults_since, healthy


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


def a_segment_that_nobody_can_find_ends_its_daemon_and_a_lost_lock_does_not(bin_dir, keep):
    """The lock removed: made anew. The segment removed, then replaced: the daemon says so and leaves with 1; the next start is well."""
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        config = lab.write_config(f"streams:\n  - {BOOK}", [USDM])
        complaints = []
        sentinel = lab.start_sentinel(config)
        lab.wait_fresh()
        lock = lab.segment.with_name(lab.segment.name + ".lock")
        lock.unlink()
        lab.wait_until(lock.exists, "the lock is made anew", sentinel)
        second = subprocess.run([str(lab.bin / "flatlined"), "-c", str(config)], capture_output=True, text=True, timeout=10, check=False)
        if second.returncode != 1 or "another sentinel holds the lock" not in second.stderr or not lab.status()["alive"]:
            complaints.append(f"a second one: {second.returncode} {second.stderr!r}")
        epoch = lab.status()["epoch"]
        lab.segment.unlink()
        code = sentinel.child.wait(10)
        if code != 1 or "the segment's file was removed: no reader can find us" not in sentinel.text():
            complaints.append(f"removed: exit {code}: {sentinel.text()[-300:]}")
        sentinel = lab.start_sentinel(config, "flatlined-again")
        lab.wait_fresh()
        if lab.status()["epoch"] != epoch + 1:
            complaints.append(f"the epoch after {epoch} is {lab.status()['epoch']}")
        other = lab.segment.with_name("other")
        other.write_text("not a segment")
        other.rename(lab.segment)
        code = sentinel.child.wait(10)
        if code != 1 or "another file stands under the segment's name" not in sentinel.text():
            complaints.append(f"replaced: exit {code}: {sentinel.text()[-300:]}")
        if lab.segment.read_text() != "not a segment":
            complaints.append("what belongs to others was touched")
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


SCENARIOS = (
    wrong_route_is_refused_at_load,
    killed_sentinel_closes_every_gate_by_time_alone,
    a_segment_that_nobody_can_find_ends_its_daemon_and_a_lost_lock_does_not,
    a_thread_stopped_alone_accuses_itself_and_loses_no_frame,
    smoke_of_everything_at_once_leaks_no_secret_and_ends_clean,
)
