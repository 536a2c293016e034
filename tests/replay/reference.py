#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""reference.py - an independent account of what a recording holds, compared with `flatline replay --json`.

Goal:   catch a mistake that codec, detector and replay make together.
Method: nothing is shared with the C code. Frames go through Python's json module; the whole file is in memory; the envelope is
        not a running state but its closed form, min over all earlier samples j of (lag_j + 200 ppm * (t - t_j)), in exact
        integers; lapses come from the list of renewals of each stream, after the fact; percentiles from sorted lists.

Compared for every recording and several --stale-after:
    totals and frames a stream         exact
    gaps and ids going backwards       exact (all zero on real recordings)
    lapses of untimed streams          exact, both ends, to the nanosecond
    lapses of timed streams            exact
    inter-arrival p50, p99, max        max exact, the others within a histogram bucket
    excess lag p50, p99, max           within a histogram bucket

Exit: 0 all agree, 1 a difference (each printed), 77 no recordings here.
"""
import argparse
import collections
import json
import os
import subprocess
import sys

MS = 1_000_000
PPM = 5000  # 200 ppm is one in 5000
RECORDINGS = {  # file -> venue, as --venue wants it; None: the first frame tells
    "binance-spot-20240808.tsv.zst": None,
    "binance-usdm-20240808a.tsv.zst": None,
    "binance-coinm-20240808.tsv.zst": None,
    "binance-spot-20210814.tsv.zst": None,
    "binance-us-20210814.tsv.zst": "binance-spot",
    "binance-usdm-20210722.tsv.zst": None,
    "okx-20210722-3conn.tsv.zst": None,
    "okx-20220513-books.tsv.zst": None,
}
TOLD = {  # what the files without --venue are
    "binance-spot-20240808.tsv.zst": "binance-spot", "binance-usdm-20240808a.tsv.zst": "binance-usdm",
    "binance-coinm-20240808.tsv.zst": "binance-coinm", "binance-spot-20210814.tsv.zst": "binance-spot",
    "binance-usdm-20210722.tsv.zst": "binance-usdm", "okx-20210722-3conn.tsv.zst": "okx",
    "okx-20220513-books.tsv.zst": "okx",
}
STALE_AFTERS = [3000 * MS, 1000 * MS, 150 * MS]
LAG_P50_RANGE = (1 * MS, 7 * MS + MS // 2)  # 1 to 7 ms, in whole ms: every timed stream of the 2024 recordings (1.26 to 7.27)

Frame = collections.namedtuple("Frame", "recv connection stream id chain time first_push snapshot")


def binance_frame(venue, recv, connection, message):
    name, data = message["stream"], message["data"]
    if name.startswith("!"):
        symbol, channel = "*", name[1:]
    else:
        symbol, channel = name.split("@", 1)
    frame_id, chain = None, None
    if data.get("e") == "depthUpdate":
        frame_id = data["u"]
        chain = ("prev", data["pu"]) if "pu" in data else ("first", data["U"])
    elif channel.endswith("bookTicker"):
        frame_id = data["u"]
    elif channel == "trade":
        frame_id = data["t"]
    elif channel == "aggTrade":
        frame_id = data["a"]
    time = data["E"] * MS if "E" in data else None
    return Frame(recv, connection, f"{venue}/{symbol.upper()}/{channel}", frame_id, chain, time, False, False)


def okx_frame(recv, connection, message, seen):
    channel, instrument = message["arg"]["channel"], message["arg"]["instId"]
    stream = f"okx/{instrument}/{channel}"
    element = message["data"][-1]
    first = (connection, stream) not in seen
    seen.add((connection, stream))
    old = channel in ("trades", "tickers", "mark-price") or channel.startswith("candle")
    frame_id = int(element["tradeId"]) if channel == "trades" else element.get("seqId")
    time = None if channel.startswith("candle") else int(element["ts"]) * MS
    return Frame(recv, connection, stream, frame_id, None, time, first and old,
                 channel.startswith("books") and message.get("action") == "snapshot")


class Recording:
    """All frames of a file, decoded once."""

    def __init__(self, path, venue):
        self.frames, self.totals, seen = [], collections.Counter(), set()
        text = subprocess.run(["zstd", "-dc", path], check=True, stdout=subprocess.PIPE).stdout.decode()
        times = []
        for line in text.splitlines():
            recv, connection, raw = line.split("\t", 2)
            if connection.endswith("#rest"):
                continue
            recv, message = int(recv), json.loads(raw)
            times.append(recv)
            self.totals["frames"] += 1
            if "event" in message:
                self.totals["control"] += 1
                continue
            self.totals["data"] += 1
            if venue == "okx":
                self.frames.append(okx_frame(recv, connection, message, seen))
            else:
                self.frames.append(binance_frame(venue, recv, connection, message))
        self.end = times[-1]
        self.totals["span_ns"] = times[-1] - times[0]

    def chains(self):
        """Breaks of the id rule, and ids going backwards, for each leg."""
        gaps, regressed, last = collections.Counter(), collections.Counter(), {}
        for frame in self.frames:
            if frame.id is None:
                continue
            leg = (frame.connection, frame.stream)
            if leg in last and frame.chain:
                rule, value = frame.chain
                gaps[frame.stream] += value != (last[leg] + 1 if rule == "first" else last[leg])
            regressed[frame.stream] += frame.id < last.get(leg, frame.id)
            last[leg] = max(frame.id, last.get(leg, frame.id))
        return gaps, regressed

    def excess(self):
        """Excess lag of each frame, None where it has none. The envelope is whole nanoseconds, rounded down."""
        lowest = None  # min over samples of lag * PPM - t; the envelope at t is (lowest + t) / PPM
        result, low_run = [], []
        for frame in self.frames:
            if frame.time is None or frame.first_push or frame.snapshot:
                result.append(None)
                continue
            lag = frame.recv - frame.time
            intercept = lag * PPM - frame.recv
            if lowest is not None and lag * PPM < lowest + frame.recv - 250 * MS * PPM:
                low_run = [low for low in low_run if abs(low - lag) <= 50 * MS] + [lag]
                if len(low_run) < 8:
                    result.append(None)
                    continue
            low_run = []
            lowest = intercept if lowest is None else min(lowest, intercept)
            result.append(-((lowest - intercept) // PPM))
        return result

    def interarrival(self):
        gaps, last = collections.defaultdict(list), {}
        for frame in self.frames:
            leg = (frame.connection, frame.stream)
            if leg in last:
                gaps[frame.stream].append(frame.recv - last[leg])
            last[leg] = frame.recv
        return gaps

    def lapses(self, excess, stale_after):
        """stream -> [(at, until or None)], from the list of (receive time, lease) each stream earned."""
        renewals, newest, connection_excess = collections.defaultdict(list), {}, {}
        for frame, late in zip(self.frames, excess):
            if late is not None:
                connection_excess[frame.connection] = late
            key = frame.id if frame.id is not None else frame.time
            is_newer = key is None or key > newest.get(frame.stream, -1)
            if key is not None:
                newest[frame.stream] = max(key, newest.get(frame.stream, -1))
            if frame.first_push or not (is_newer or frame.snapshot):
                continue
            if frame.snapshot:
                late = 0
            elif frame.time is not None and late is None:
                continue
            elif frame.time is None:
                late = 0
                if connection_excess.get(frame.connection, 0) >= stale_after:
                    continue
            if late < stale_after:
                renewals[frame.stream].append((frame.recv, frame.recv - late + stale_after))
        found = {}
        for stream, list_of in renewals.items():
            lease, found[stream] = list_of[0][1], []
            for recv, until in list_of[1:]:
                if recv >= lease:
                    if until > recv:
                        found[stream].append((lease, recv))
                lease = max(lease, until)
            if lease <= self.end:
                found[stream].append((lease, None))
        return found


def percentile(values, fraction):
    """The neighbours of the rank: definitions of a percentile differ by one."""
    values = sorted(values)
    at = int(fraction * len(values))
    return values[max(at - 1, 0)], values[min(at + 1, len(values) - 1)]


class Comparison:
    def __init__(self, name):
        self.name, self.differences = name, 0

    def same(self, what, expected, got):
        if expected != got:
            self.differences += 1
            print(f"{self.name}: {what}: reference {expected}, flatline {got}")

    def near(self, what, values, got):
        """A histogram of two digits answers with the upper edge of a bucket: at most 1/128 and 1 us above."""
        if not values:
            self.same(what, None, got)
            return
        if got is None:
            self.same(what, "some", None)
            return
        self.same(what + " max", max(values), got["max"])
        for key, fraction in (("p50", 0.5), ("p99", 0.99)):
            low, high = percentile(values, fraction)
            if not low <= got[key] <= high + high // 128 + 1000:
                self.same(f"{what} {key}", (low, high), got[key])


def run_flatline(flatline, path, venue, stale_after):
    command = [flatline, "replay", "--json", "--stale-after", f"{stale_after}ns"]
    if venue:
        command += ["--venue", venue]
    done = subprocess.run(command + [path], stdout=subprocess.PIPE, check=True)
    objects = collections.defaultdict(list)
    for line in done.stdout.splitlines():
        parsed = json.loads(line)
        objects[parsed["type"]].append(parsed)
    return objects


def compare_streams(compare, recording, objects, excess):
    streams = {item["stream"]: item for item in objects["stream"]}
    frames = collections.Counter(frame.stream for frame in recording.frames)
    compare.same("frames a stream", dict(frames), {name: item["frames"] for name, item in streams.items()})
    gaps, regressed = recording.chains()
    arrivals = recording.interarrival()
    lags = collections.defaultdict(list)
    for frame, late in zip(recording.frames, excess):
        if late is not None:
            lags[frame.stream].append(late)
    for name, item in streams.items():
        compare.same(f"{name} gaps", gaps[name], item["gaps"])
        compare.same(f"{name} regressed", regressed[name], item["regressed"])
        compare.near(f"{name} interarrival", arrivals[name], item["interarrival_ns"])
        compare.near(f"{name} lag", lags[name], item["lag_ns"])
        if "2024" in compare.name and lags[name]:
            low, high = LAG_P50_RANGE
            compare.same(f"{name} lag p50 is 1 to 7 ms", True, low <= item["lag_ns"]["p50"] <= high)


def compare_lapses(compare, recording, objects, excess, stale_after):
    got = collections.defaultdict(list)
    for item in objects["lapse"]:
        got[item["stream"]].append((item["at_ns"], item["until_ns"]))
    expected = recording.lapses(excess, stale_after)
    for item in objects["stream"]:
        name = item["stream"]
        theirs = sorted(got[name])
        ours = expected.get(name, [])
        compare.same(f"{name} lapses, number", len(ours), len(theirs))
        for mine, its in zip(ours, theirs):
            compare.same(f"{name} lapse", mine, its)
        compare.same(f"{name} lapses as counted", len(theirs), item["lapses"])
        lasted = sum((until or recording.end) - at for at, until in theirs)
        compare.same(f"{name} lapsed_ns", lasted, item["lapsed_ns"])
    return sum(len(list_of) for list_of in got.values())


def compare_file(flatline, folder, name, venue):
    path = os.path.join(folder, name)
    recording = Recording(path, venue or TOLD[name])
    excess = recording.excess()
    differences = 0
    for stale_after in STALE_AFTERS:
        compare = Comparison(f"{name} --stale-after {stale_after // MS}ms")
        objects = run_flatline(flatline, path, venue, stale_after)
        total = objects["total"][0]
        expected = {key: recording.totals[key]
                    for key in ("frames", "data", "control", "ignored", "malformed", "span_ns")}
        compare.same("totals", expected, {key: total[key] for key in expected})
        compare_streams(compare, recording, objects, excess)
        lapses = compare_lapses(compare, recording, objects, excess, stale_after)
        faults = collections.Counter(item["kind"] for item in objects["fault"])
        print(f"{compare.name}: {total['frames']} frames, {len(objects['stream'])} streams, {lapses} lapses, "
              f"faults {dict(faults)}, {compare.differences} differences", flush=True)
        differences += compare.differences
    return differences


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--flatline", required=True)
    parser.add_argument("--captures", required=True)
    arguments = parser.parse_args()
    present = [name for name in RECORDINGS if os.path.exists(os.path.join(arguments.captures, name))]
    if not present:
        print(f"skipped: no recordings in {arguments.captures}")
        return 77
    differences = sum(compare_file(arguments.flatline, arguments.captures, name, RECORDINGS[name])
                      for name in present)
    print(f"{len(present)} recordings, {differences} differences")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
