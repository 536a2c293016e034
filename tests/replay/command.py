#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""command.py - `flatline replay` as other people's scripts see it: arguments, exit codes, output, errors.

Goal:   the contract of docs/REPLAY.md.
Method: the real program on files made here, in a temporary folder; its output is parsed, its exit code and messages compared.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

CAPTURES = pathlib.Path(__file__).resolve().parent.parent / "data" / "captures"
TICKER = '{"u":%d,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}'
DEPTH = '{"e":"depthUpdate","E":1700000000000,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}'
T0 = 1_700_000_000_000_000_000
FLATLINE = None


class Replay(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="flatline-replay-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, *lines):
        data = b"".join(line if isinstance(line, bytes) else line.encode() + b"\n" for line in lines)
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_it(self, *arguments, stdout=subprocess.PIPE):
        done = subprocess.run([FLATLINE, "replay", *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=60, check=False)
        return done.returncode, done.stdout, done.stderr.decode()

    def objects(self, *arguments, expect=0):
        code, out, errors = self.run_it("--json", *arguments)
        self.assertEqual(code, expect, errors)
        return [json.loads(line) for line in out.decode().splitlines()]

    def test_usage_errors_exit_2_and_print_nothing(self):
        file = self.write("f", f"{T0}\tc\t{DEPTH}")
        for arguments in ([], ["--json"], ["--venue"], ["--venue", "kraken", file], ["--nonsense", file],
                          ["--stale-after", "3", file], ["--stale-after", "0s", file], ["--stale-after", "-1s", file],
                          ["--stale-after", "3 s", file], ["--stale-after", "1d", file], ["--stale-after", "1.s", file],
                          ["--stale-after", "3h", file], ["-c", self.path("absent.yaml"), file],
                          ["-c", self.write("bad.yaml", "streams: 7"), file]):
            code, out, errors = self.run_it(*arguments)
            self.assertEqual((code, out), (2, b""), (arguments, errors))
            self.assertNotEqual(errors, "", arguments)

    def test_help_is_no_error(self):
        code, out, _ = self.run_it("--help")
        self.assertEqual(code, 0)
        for option in (b"--venue", b"--stale-after", b"--json", b"--config"):
            self.assertIn(option, out)

    def test_a_venue_that_the_first_frame_does_not_tell_is_asked_for(self):
        file = self.write("f", f"{T0}\tc\t{TICKER % 1}", f"{T0 + 1}\tc\t{DEPTH}")
        code, out, errors = self.run_it("--json", file)
        self.assertEqual((code, out), (2, b""))
        self.assertIn("--venue", errors)
        self.assertEqual(self.objects("--venue", "binance-spot", file)[-1]["data"], 2)

    def test_the_first_frame_of_another_connection_may_tell_it(self):
        file = self.write("f", f"{T0}\tc\t{TICKER % 1}", f"{T0 + 1}\td\t{DEPTH}")
        self.assertEqual(self.objects(file)[-1]["data"], 2)

    def test_usage_is_checked_before_any_file_is_replayed(self):
        good = self.write("good", f"{T0}\tc\t{DEPTH}")
        untold = self.write("untold", f"{T0}\tc\t{TICKER % 1}")
        code, out, _ = self.run_it("--json", good, untold)
        self.assertEqual((code, out), (2, b""))

    def test_a_missing_file_exits_1_and_the_others_are_replayed(self):
        good = self.write("good", f"{T0}\tc\t{DEPTH}")
        found = self.objects(self.path("absent"), good, expect=1)
        self.assertEqual([item["file"] for item in found if item["type"] == "total"], [good])

    def test_a_truncated_zst_exits_1_with_what_was_read(self):
        lines = [f"{T0 + i}\tc\t{TICKER % i}" for i in range(1, 50_000)]
        plain = self.write("f", f"{T0}\tc\t{DEPTH}", *lines)
        subprocess.run(["zstd", "-q", plain], check=True)
        with open(plain + ".zst", "rb") as file:
            packed = file.read()
        cut = self.write("cut.zst", packed[: len(packed) // 2])
        code, out, errors = self.run_it("--json", cut)
        self.assertEqual(code, 1)
        self.assertIn("cut short", errors)
        total = json.loads(out.splitlines()[-1])
        self.assertEqual(total["type"], "total")
        self.assertTrue(0 < total["data"] < 50_000, total)
        self.assertEqual(total["malformed"], 0)
        self.assertEqual(self.objects(plain + ".zst")[-1]["data"], 50_000)

    def test_output_that_cannot_be_written_exits_1(self):
        file = self.write("f", f"{T0}\tc\t{DEPTH}")
        with open("/dev/full", "wb") as full:
            code, _, errors = self.run_it("--json", file, stdout=full)
        self.assertEqual(code, 1)
        self.assertNotEqual(errors, "")

    def test_a_pipe_is_read_once_so_it_needs_a_venue(self):
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        self.assertEqual(self.run_it("--json", pipe)[0], 2)

        def feed():
            with open(pipe, "wb") as file:
                file.write(f"{T0}\tc\t{DEPTH}\n".encode())

        feeder = threading.Thread(target=feed)
        feeder.start()
        self.assertEqual(self.objects("--venue", "binance-spot", pipe)[-1]["data"], 1)
        feeder.join()

    def test_objects_carry_their_file_only_when_there_are_several(self):
        one = self.write("one", f"{T0}\tc\t{DEPTH}")
        self.assertTrue(all("file" not in item for item in self.objects(one)))
        self.assertTrue(all(item["file"] == one for item in self.objects(one, one)))

    def test_each_file_is_a_replay_of_its_own(self):
        file = str(CAPTURES / "usdm.tsv")
        alone = self.objects(file)
        twice = self.objects(file, file)
        for item in twice:
            del item["file"]
        self.assertEqual(twice, alone + alone)

    def test_an_empty_file_has_nothing_in_it(self):
        found = self.objects("--venue", "okx", self.write("empty"))
        self.assertEqual(found, [{"type": "total", "frames": 0, "data": 0, "control": 0, "ignored": 0, "malformed": 0,
                                  "span_ns": 0}])

    def test_the_keys_are_those_of_the_contract(self):
        found = self.objects("--stale-after", "1s", str(CAPTURES / "usdm.tsv"))
        keys = {"lapse": {"type", "stream", "at_ns", "until_ns"},
                "fault": {"type", "stream", "kind", "scope", "onset_ns", "at_ns", "cleared_ns", "evidence"},
                "stream": {"type", "stream", "frames", "gaps", "resets", "regressed", "lapses", "lapsed_ns", "interarrival_ns",
                           "lag_ns"},
                "total": {"type", "frames", "data", "control", "ignored", "malformed", "span_ns"}}
        self.assertEqual({item["type"] for item in found}, set(keys))
        for item in found:
            self.assertEqual(set(item), keys[item["type"]])
            for name in ("interarrival_ns", "lag_ns"):
                self.assertIn(set(item.get(name) or ()), (set(), {"p50", "p99", "max"}))

    def test_hostile_names_still_make_valid_json(self):
        names = [b'a\\"b', b"a\\u0000b", b"\\u001b[2J", b"\xff\xfe", b"\xe2\x82", b"\xed\xa0\x80", "名前".encode(), b"a/b", b"x" * 70]
        lines = [b'%d\tc\t{"stream":"%s@trade","data":{"e":"trade","E":1700000000000,"s":"X","t":%d}}\n' % (T0 + i, name, i)
                 for i, name in enumerate(names)]
        code, out, errors = self.run_it("--json", "--venue", "binance-spot", self.write("f", *lines))
        self.assertEqual(code, 0, errors)
        for line in out.split(b"\n")[:-1]:
            json.loads(line.decode("utf-8", errors="strict"))
        code, out, _ = self.run_it("--venue", "binance-spot", self.path("f"))
        self.assertEqual(code, 0)
        self.assertNotIn(b"\x1b", out)

    def test_stale_after_moves_the_lapse(self):
        file = self.write("f", f"{T0}\tc\t{TICKER % 1}", f"{T0 + 5_000_000_000}\tc\t{TICKER % 2}")
        for text, trusted in (("250ms", 250_000_000), ("1.5s", 1_500_000_000), ("999999999ns", 999_999_999), ("40us", 40_000)):
            lapses = [item for item in self.objects("--venue", "binance-spot", "--stale-after", text, file)
                      if item["type"] == "lapse"]
            self.assertEqual([(item["at_ns"], item["until_ns"]) for item in lapses], [(T0 + trusted, T0 + 5_000_000_000)])

    def test_a_configuration_sets_the_streams_it_names(self):
        file = self.write("f", f"{T0}\tc\t{TICKER % 1}", f"{T0}\tc\t{DEPTH}", f"{T0 + 5_000_000_000}\tc\t{{}}")
        config = self.write("config.yaml", "streams:", "  - {name: binance-spot/BTCUSDT/bookTicker, stale_after: 700ms}")
        lapses = {item["stream"]: item["at_ns"] - T0
                  for item in self.objects("--venue", "binance-spot", "-c", config, file) if item["type"] == "lapse"}
        self.assertEqual(lapses, {"binance-spot/BTCUSDT/bookTicker": 700_000_000, "binance-spot/BTCUSDT/depth": 3_000_000_000})

    def test_account_events_are_data_only_where_the_configuration_watches_the_account(self):
        event = '{"e":"ORDER_TRADE_UPDATE","T":1700000000000,"E":1700000000001,"o":{"s":"BTCUSDT"}}'
        file = self.write("f", f"{T0}\tc\t{event}")
        self.assertEqual(self.objects("--venue", "binance-usdm", file)[-1]["ignored"], 1)
        config = self.write("config.yaml", "streams:", "  - binance-usdm/BTCUSDT/bookTicker",
                            "user_data:", "  binance-usdm: {account: main, api_key_env: FLATLINE_TEST_KEY}")
        found = self.objects("--venue", "binance-usdm", "-c", config, file)
        self.assertEqual([item["stream"] for item in found if item["type"] == "stream"], ["binance-usdm/main/user"])
        self.assertEqual(found[-1]["data"], 1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--flatline", required=True)
    options, rest = parser.parse_known_args()
    FLATLINE = options.flatline
    os.environ["FLATLINE_TEST_KEY"] = "k" * 64
    unittest.main(argv=[sys.argv[0], *rest])
