#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tune.py - `flatline tune` as a user sees it, and against accounts it has no part in.

Goal:   the closures it tells are those of `flatline replay --stale-after`, and of a list of arrival times; what it says of short
        recordings is no more than they show; usage errors are exit 2.
Method: the real program on the shipped captures, on recordings made here, and on the real ones when they are present. The
        independent account: a bookTicker of spot has no exchange time, so its closures are the gaps between frames with a newer
        id that are longer than stale_after, in Python integers from a list.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CAPTURES = HERE.parent / "data" / "captures"
REAL = HERE.parent.parent.parent / "shared" / "captures"
S = 1_000_000_000
T0 = 1_700_000_000 * S
CANDIDATES = [1 * S, 3 * S, 10 * S, 30 * S]
FLATLINE = None


def flatline(*arguments):
    done = subprocess.run([FLATLINE, *map(str, arguments)], capture_output=True, text=True, timeout=100, check=False)
    return done.returncode, done.stdout, done.stderr


def tune(*arguments):
    code, out, errors = flatline("tune", "--json", *arguments)
    assert code == 0, errors
    return {item["stream"]: item for item in map(json.loads, out.splitlines())}


def gaps(arrivals, end, stale_after):
    """(closures, time closed) of a stream that each arrival renews, up to the recording's end."""
    closed = [after - before - stale_after for before, after in zip(arrivals, arrivals[1:] + [end])]
    closed = [ns for ns in closed if ns >= 0]
    return len(closed), sum(closed)


def book_tickers(path):
    """({stream: times of frames with a newer id}, time of the last frame) of a recording, by Python's json alone."""
    text = subprocess.run(["zstd", "-dc", path], capture_output=True, check=True).stdout.decode()
    arrivals, newest, end = {}, {}, 0
    for line in text.splitlines():
        recv, connection, frame = line.split("\t")
        if connection.endswith("#rest"):
            continue
        end = int(recv)
        message = json.loads(frame)
        stream = message["stream"]
        if stream.endswith("@bookTicker") and message["data"]["u"] > newest.get(stream, 0):
            newest[stream] = message["data"]["u"]
            arrivals.setdefault(stream, []).append(end)
    return arrivals, end


class Tune(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="flatline-tune-")
        self.addCleanup(self.folder.cleanup)

    def recording(self, name, arrivals, symbol="BTCUSDT"):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="ascii") as file:
            for i, at in enumerate(arrivals):
                file.write(f'{at}\tc\t{{"u":{i + 1},"s":"{symbol}","b":"1","B":"1","a":"2","A":"1"}}\n')
        return path

    def agrees_with_replay(self, venue, path):
        told = tune("--venue", venue, path)
        self.assertTrue(told)
        for i, stale_after in enumerate(CANDIDATES):
            code, out, errors = flatline("replay", "--json", "--venue", venue, "--stale-after", f"{stale_after}ns", path)
            self.assertEqual(code, 0, errors)
            replayed = [item for item in map(json.loads, out.splitlines()) if item["type"] == "stream"]
            self.assertEqual({item["stream"] for item in replayed}, set(told))
            for item in replayed:
                at = told[item["stream"]]["candidates"][i]
                self.assertEqual((at["stale_after_ns"], at["closures"], at["closed_ns"]),
                                 (stale_after, item["lapses"], item["lapsed_ns"]), item["stream"])

    def test_closures_are_the_lapses_of_replay_on_the_shipped_captures(self):
        for name, venue in (("spot", "binance-spot"), ("usdm", "binance-usdm"), ("coinm", "binance-coinm"), ("okx", "okx")):
            self.agrees_with_replay(venue, CAPTURES / f"{name}.tsv")

    def test_closures_are_the_lapses_of_replay_on_real_captures(self):
        if not REAL.is_dir():
            self.skipTest("no real captures beside the repository")
        self.agrees_with_replay("binance-spot", REAL / "binance-spot-20240808.tsv.zst")
        self.agrees_with_replay("okx", REAL / "okx-20210722-3conn.tsv.zst")

    def test_real_streams_agree_with_an_account_in_python(self):
        compared = 0
        for name in ("binance-spot-20240808.tsv.zst", "binance-spot-20210814.tsv.zst"):
            path = REAL / name
            if not path.is_file():
                self.skipTest("no real captures beside the repository")
            told = tune("--venue", "binance-spot", path)
            arrivals, end = book_tickers(path)
            self.assertTrue(arrivals)
            for stream, times in arrivals.items():
                item = told[f"binance-spot/{stream.split('@')[0].upper()}/bookTicker"]
                self.assertEqual(item["span_ns"], end - times[0])
                for at in item["candidates"]:
                    self.assertEqual((at["closures"], at["closed_ns"]), gaps(times, end, at["stale_after_ns"]), stream)
                    compared += at["closures"]
        self.assertGreater(compared, 10, "only zeros were compared")

    def test_a_made_stream_agrees_with_an_account_in_python(self):
        waits = [2, 4, 11, 31, 1, 3, 10, 30, 5, 40]  # s; an arrival exactly at the deadline comes too late
        arrivals = [T0]
        for wait in waits:
            arrivals.append(arrivals[-1] + wait * S)
        item = tune("--venue", "binance-spot", self.recording("f", arrivals))["binance-spot/BTCUSDT/bookTicker"]
        self.assertEqual(item["span_ns"], sum(waits) * S)
        for at in item["candidates"]:
            closures = [wait * S - at["stale_after_ns"] for wait in waits if wait * S >= at["stale_after_ns"]]
            self.assertEqual((at["closures"], at["closed_ns"]), (len(closures), sum(closures)))
            self.assertAlmostEqual(at["closures_a_day"], len(closures) * 86400 / sum(waits), 6)
            self.assertAlmostEqual(at["closed_percent"], 100 * sum(closures) / (sum(waits) * S), 6)

    def test_four_quiet_hours_show_a_value_and_three_minutes_only_suggest_it(self):
        long = self.recording("long", range(T0, T0 + 4 * 3600 * S, 2 * S))
        item = tune("--venue", "binance-spot", long)["binance-spot/BTCUSDT/bookTicker"]
        self.assertEqual((item["verdict"], item["suggest_ns"]), ("shown", 3 * S))
        short = self.recording("short", range(T0, T0 + 180 * S, 2 * S))
        item = tune("--venue", "binance-spot", short)["binance-spot/BTCUSDT/bookTicker"]
        self.assertEqual((item["verdict"], item["suggest_ns"]), ("provisional", 3 * S))
        self.assertIn("in 178 s", item["reason"])

    def test_a_minute_is_too_short_to_tell_in_json_and_in_the_table(self):
        path = self.recording("f", range(T0, T0 + 60 * S, 5 * S))
        item = tune("--venue", "binance-spot", path)["binance-spot/BTCUSDT/bookTicker"]
        self.assertEqual((item["verdict"], item["suggest_ns"]), ("too-short", None))
        self.assertTrue(all(at["closures_a_day"] is None for at in item["candidates"]))
        code, out, _ = flatline("tune", "--venue", "binance-spot", path)
        self.assertEqual(code, 0)
        self.assertIn("too short to tell", out)
        self.assertIn("11 seen", out)

    def test_a_stream_in_two_files_is_summed(self):
        one = self.recording("one", range(T0, T0 + 100 * S, 2 * S))
        two = self.recording("two", range(T0 + 500 * S, T0 + 600 * S, 5 * S))
        both = tune("--venue", "binance-spot", one, two)["binance-spot/BTCUSDT/bookTicker"]
        alone = [tune("--venue", "binance-spot", path)["binance-spot/BTCUSDT/bookTicker"] for path in (one, two)]
        self.assertEqual(both["files"], 2)
        for key in ("frames", "span_ns"):
            self.assertEqual(both[key], alone[0][key] + alone[1][key])
        for i in range(len(CANDIDATES)):
            self.assertEqual(both["candidates"][i]["closures"], sum(item["candidates"][i]["closures"] for item in alone))
        self.assertEqual(both["verdict"], "provisional")

    def test_the_closures_option_moves_the_suggestion(self):
        path = self.recording("f", range(T0, T0 + 3600 * S, 2 * S))
        name = "binance-spot/BTCUSDT/bookTicker"
        self.assertEqual(tune("--venue", "binance-spot", "--closures", "0", path)[name]["suggest_ns"], 3 * S)
        self.assertEqual(tune("--venue", "binance-spot", "--closures", "100000", path)[name]["suggest_ns"], 1 * S)

    def test_usage_errors_exit_2_and_a_missing_file_exits_1(self):
        path = self.recording("f", [T0, T0 + S])
        for arguments in ([], ["--venue", "kraken", path], ["--closures", "x", path], ["--closures", "-1", path],
                          ["--nonsense", path], [path]):  # a bare bookTicker does not tell its venue
            code, out, errors = flatline("tune", *arguments)
            self.assertEqual((code, out), (2, ""), arguments)
            self.assertNotEqual(errors, "")
        code, out, errors = flatline("tune", "--json", "--venue", "binance-spot", os.path.join(self.folder.name, "absent"), path)
        self.assertEqual(code, 1)
        self.assertIn("absent", errors)
        self.assertEqual(len(out.splitlines()), 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--flatline", required=True)
    options, rest = parser.parse_known_args()
    FLATLINE = options.flatline
    unittest.main(argv=sys.argv[:1] + rest)
