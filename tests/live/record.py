#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: what `flatlined --record` writes replays to what was seen live, tells no secret, and costs the sentinel nothing when
the disk fails.

Method: the side-car against the fake venue, a fault of several kinds each, then `flatline replay --json` of the recording
against the segment's own events and counts. Verdicts are compared by kind, stream and length; a lease's end may differ by
the way from venue to here, which live is measured by REST and in a replay by the frames.

    record.py --bin DIR NAME     run one (what ctest does)
    record.py --list             names
"""
import collections
import json
import pathlib
import resource
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from lab import Process  # noqa: E402
from run import parser_of, run  # noqa: E402

USDM = "binance-usdm"
BOOK = f"{USDM}/BTCUSDT/depth@100ms"
BBO = f"{USDM}/BTCUSDT/bookTicker"
MARK = f"{USDM}/BTCUSDT/markPrice@1s"
OTHER = f"{USDM}/ETHUSDT/depth@100ms"
SECRETS = ("listenKey", "ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "test-api-key", "main/user", "/private/")
SLACK_NS = 100_000_000
LIMIT_BYTES = 3 << 20  # of any file of the daemon, where the disk is to be full


def config_of(lab, streams, more=""):
    urls = lab.venue["venues"][USDM]
    key = lab.folder / "api.key"
    key.write_text("test-api-key\n")
    key.chmod(0o600)
    path = lab.folder / "record.yaml"
    path.write_text(
        "streams:\n" + "".join(f"  - {s}\n" if s == MARK else f"  - {{name: {s}, stale_after: 600ms}}\n" for s in streams) +
        more.replace("KEY", str(key)) +
        f'venues:\n  {USDM}: {{ws: "{urls["ws"]}", rest: "{urls["rest"]}", ca_file: "{lab.venue["ca"]}"}}\n'
        f"segment: {{directory: {lab.folder}, name: flatline}}\n"
    )
    return path


def start(lab, config, record, limit=False):
    def limits():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT_BYTES, LIMIT_BYTES))

    process = Process(lab.folder, "flatlined", [lab.bin / "flatlined", "-c", config, "--record", record],
                      before=limits if limit else None)
    lab.processes.append(process)
    lab.wait_until(lambda: lab.segment.exists(), "the segment appears", process)
    return process


def replayed(lab, record, venue=USDM, config=None):
    argv = [lab.bin / "flatline", "replay", "--json", "--venue", venue]
    done = subprocess.run([*argv, *(["-c", config] if config else []), record], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done
    assert not done.stderr, done.stderr
    records = collections.defaultdict(list)
    for line in done.stdout.splitlines():
        one = json.loads(line)
        records[one["type"]].append(one)
    return records


def text_of(record):
    if record.suffix == ".zst":
        return subprocess.run(["zstd", "-dc", record], capture_output=True, check=True).stdout.decode()
    return record.read_text()


def dumped(lab, section):
    _, text = lab.flatline("dump", "--json")
    return [row for r in map(json.loads, text.splitlines()) if section in r for row in r[section]]


def counters(lab):
    return {c["name"]: c["value"] for c in dumped(lab, "COUNTERS")}


def faults_of(records, scope=lambda r: r["scope"]):
    return collections.Counter((r["kind"], r["stream"] or None, scope(r)) for r in records if r["kind"] != "SELF_STALL")


# ---- the tests


def a_recording_replays_to_the_verdicts_passed_live(lab):
    lab.start_venue("--rate", "40")
    user = f"user_data:\n  {USDM}: {{account: main, api_key_file: KEY, extend_interval: 1s}}\n"
    config = config_of(lab, [BOOK, BBO, MARK, OTHER], user)
    record = lab.folder / "day.tsv.zst"
    process = start(lab, config, record)
    watch = lab.watch()
    lab.wait_fresh()
    # Four frames missing are a mute book beyond any doubt; one is at its allowance, and milliseconds decide.
    for command, seconds in ((f"mute {BOOK} for 1500ms", 2.5), (f"gap {BOOK} 4", 1.0), (f"freeze {OTHER} for 3s", 4.0),
                             (f"rst {USDM}/public", 3.0), (f"close {USDM}/market 1001", 3.0)):
        lab.command(command)
        time.sleep(seconds)
    # Where all of a connection stops, milliseconds decide whether a debt waits for its next frame (decision 20), and the live envelope, which
    # REST anchored, is not the replay's to the millisecond: of what began from here on MUTE is not compared.
    silent_mono_ns, silent_wall_ns = time.monotonic_ns() - 200_000_000, time.time_ns() - 200_000_000
    lab.command(f"mute {USDM} for 1s")
    time.sleep(2.5)
    lab.wait_fresh()
    frames = {s["stream"]: s["frames"] for s in lab.status()["streams"]}
    told = list(watch.records)
    assert process.stop() == 0, process.text()

    records = replayed(lab, record, config=config)
    after = {s["stream"]: s["frames"] for s in records["stream"]}
    for stream, count in frames.items():
        if not stream.endswith("/user"):
            assert count <= after[stream] < count + 400, (stream, count, after)  # those between the look and the end

    live_lapses = [r for r in told if r["type"] == "lapse" and r["revoked_by"] is None]
    assert len(live_lapses) >= 4, live_lapses
    assert (collections.Counter(r["stream"] for r in live_lapses) ==
            collections.Counter(r["stream"] for r in records["lapse"])), (live_lapses, records["lapse"])
    pairs = list(zip(sorted((r["stream"], r["at_ns"]) for r in live_lapses),
                     sorted((r["stream"], r["at_ns"]) for r in records["lapse"])))
    moved = pairs[0][1][1] - pairs[0][0][1]  # the recording's clock is the wall's
    for live, again in pairs:
        assert live[0] == again[0] and abs(live[1] + moved - again[1]) < SLACK_NS, (live, again, moved)

    live_faults = faults_of(r for r in told if r["type"] == "fault" and not (r["kind"] == "MUTE" and r["onset_ns"] >= silent_mono_ns))
    replayed_faults = faults_of(r for r in records["fault"] if not (r["kind"] == "MUTE" and r["onset_ns"] >= silent_wall_ns))
    assert {kind for kind, _, _ in live_faults} >= {"GAP", "FROZEN", "DOWN"}, live_faults
    assert live_faults == replayed_faults, (live_faults, replayed_faults)

    text = text_of(record)
    for secret in SECRETS:
        assert secret not in text, secret


def a_full_disk_ends_the_recording_and_nothing_else(lab):
    lab.start_venue("--rate", "400")
    record = lab.folder / "day.tsv"
    process = start(lab, config_of(lab, [BOOK, BBO, OTHER]), record, limit=True)
    lab.wait_fresh()
    lab.wait_until(lambda: counters(lab)["record_failed"] > 0, "the disk is full", process, 60)
    lab.wait_until(lambda: "recording ended" in process.text(), "the log says so", process)
    assert "File too large; frames are no longer recorded" in process.text(), process.text()
    lab.wait_fresh()
    assert process.stop() == 0, process.text()
    assert record.stat().st_size <= LIMIT_BYTES
    assert replayed(lab, record)["total"][0]["malformed"] == 0


def an_existing_file_is_never_overwritten(lab):
    lab.start_venue()
    record = lab.folder / "day.tsv"
    record.write_text("precious\n")
    done = subprocess.run([lab.bin / "flatlined", "-c", config_of(lab, [BOOK]), "--record", record],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "overwrites nothing" in done.stderr, done
    assert record.read_text() == "precious\n"


def a_stream_acknowledged_and_never_served_is_missed_in_the_replay_too(lab):
    lab.start_venue()
    lab.command(f"silent-subscribe {MARK}")
    record = lab.folder / "%Y.tsv.zst"
    process = start(lab, config_of(lab, [BOOK, BBO, MARK]), record)
    watch = lab.watch()
    missed = watch.wait(lambda r: r["type"] == "fault" and r["kind"] in ("NEVER_STARTED", "WRONG_ROUTE"), 0, 30)
    assert missed is not None
    time.sleep(1.0)
    assert process.stop() == 0, process.text()
    record = next(lab.folder.glob("2*.tsv.zst"))  # its name is the year
    told = [(f["kind"], f["scope"], f["stream"]) for f in replayed(lab, record)["fault"]]
    assert (missed["kind"], missed["scope"], missed["stream"] or None) in told, (missed, told)


TESTS = [
    a_recording_replays_to_the_verdicts_passed_live,
    a_full_disk_ends_the_recording_and_nothing_else,
    an_existing_file_is_never_overwritten,
    a_stream_acknowledged_and_never_served_is_missed_in_the_replay_too,
]


if __name__ == "__main__":
    sys.exit(run(TESTS, parser_of(__doc__).parse_args()))
