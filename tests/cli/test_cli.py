# SPDX-License-Identifier: MIT
"""Goal: the reader commands keep the contracts that other people's scripts rely on: exit codes, JSON, options.

Method: a puppet publishes a segment and obeys this script line by line; the real `flatline` binary reads it.
usage: test_cli.py BIN_DIR
"""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BIN = pathlib.Path(sys.argv.pop(1)).resolve()
BOOK, OKX, TRADES = "binance-usdm/BTCUSDT/depth@100ms", "okx/BTC-USDT/books", "okx/BTC-USDT/trades"
DOWN, GAP = 1, 5
SECONDS = 20


class Puppet:
    def __init__(self, folder, name="seg"):
        self.child = subprocess.Popen(
            [str(BIN / "segment_puppet"), str(folder), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        assert self.child.stdout.readline() == "ok\n", "the puppet did not publish"

    def do(self, *lines):
        for line in lines:
            self.child.stdin.write(line + "\n")
            self.child.stdin.flush()
            assert self.child.stdout.readline() == "ok\n", line

    def live(self, ms=9000):
        self.do("lease 0 60000", "lease 1 60000", "lease 2 60000", f"beat {ms}")

    def stop(self):
        self.child.communicate("stop\n", timeout=SECONDS)

    def die(self):
        self.child.kill()
        self.child.communicate(timeout=SECONDS)


class Reader(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="flatline-cli-"))
        self.path = self.folder / "seg"
        self.puppets = []

    def tearDown(self):
        for puppet in self.puppets:
            if puppet.child.poll() is None:
                puppet.die()
            puppet.child.stdin.close()
            puppet.child.stdout.close()
        shutil.rmtree(self.folder)

    def puppet(self):
        self.puppets.append(Puppet(self.folder))
        return self.puppets[-1]

    def run_flatline(self, *argv, segment=True):
        more = ["--segment", str(self.path)] if segment else []
        done = subprocess.run([str(BIN / "flatline"), *argv, *more], capture_output=True, text=True, timeout=SECONDS)
        return done.returncode, done.stdout, done.stderr

    def json_of(self, *argv):
        code, out, _ = self.run_flatline(*argv, "--json")
        return code, json.loads(out)


class Usage(Reader):
    def test_wrong_usage_is_2_and_help_is_0(self):
        for argv in ([], ["frobnicate"], ["status", "--frob"], ["status", "extra"], ["check", "--segment"],
                     ["watch", "--count", "x"], ["watch", "--count", "-1"]):
            code, out, err = self.run_flatline(*argv, segment=False)
            self.assertEqual((code, out), (2, ""), argv)
            self.assertTrue(err)
        for argv in (["--help"], ["--version"], ["status", "--help"], ["watch", "-h"]):
            code, out, _ = self.run_flatline(*argv, segment=False)
            self.assertEqual(code, 0, argv)
            self.assertTrue(out)

    def test_every_command_refuses_each_broken_segment_by_name(self):
        self.puppet().stop()
        cases = {
            b"": "shorter than its header",
            b"somebody's letter" * 100: "not a flatline segment",
            b"FLATLINE" + b"\x02\0\0\0" + bytes(2000): "another major version",
            b"FLATLINE" + b"\x01\0\0\0" + bytes(4) + b"\xff" * 8 + bytes(2000): "shorter than its header",
            b"FLATLINE" + b"\x01\0\0\0" + bytes(4) + (1000).to_bytes(8, "little") + bytes(2000): "does not add up",
            None: "is flatlined running",
        }
        _, text, _ = self.run_flatline("--help", segment=False)
        for command in re.findall(r"^  (\w+)", text, re.M):
            if command in ("replay", "score", "tune", "init", "doctor", "engines"):
                continue  # they read no segment, or tell what is wrong with it
            if command in ("breaker", "pause", "reduce", "fallback", "reconnect", "drill"):
                continue  # they want more than a segment
            for content, said in cases.items():
                if content is None:
                    self.path.unlink()
                else:
                    self.path.write_bytes(content)
                code, out, err = self.run_flatline(command)
                self.assertEqual((code, out), (3, ""), (command, said))
                self.assertIn(said, err)
            self.path.write_bytes(b"")

    def test_a_closed_pipe_is_a_failure_not_a_crash(self):
        self.puppet().live()
        with open("/dev/full", "w") as full:
            done = subprocess.run([str(BIN / "flatline"), "status", "--json", "--segment", str(self.path)],
                                  stdout=full, stderr=subprocess.DEVNULL, timeout=SECONDS)
        self.assertEqual(done.returncode, 1)


class Status(Reader):
    def test_fresh_segment_is_told_whole(self):
        self.puppet().live()
        code, status = self.json_of("status")
        self.assertEqual(code, 0)
        self.assertEqual(status["segment"], str(self.path))
        self.assertEqual(status["epoch"], 1)
        self.assertIs(status["alive"], True)
        self.assertLess(status["ingest_age_ns"], SECONDS * 10**9)
        self.assertLess(status["judge_age_ns"], SECONDS * 10**9)
        self.assertEqual([s["stream"] for s in status["streams"]], [BOOK, OKX, TRADES])
        book = status["streams"][0]
        self.assertIs(book["fresh"], True)
        self.assertEqual(book["why"], "FRESH")
        self.assertTrue(0 < book["lease_left_ns"] <= 60 * 10**9)
        self.assertIsInstance(book["age_ns"], int)
        self.assertEqual((book["faults"], book["frames"], book["gaps"]), ([], 7, 2))
        self.assertEqual([(g["gate"], g["fresh"], g["why"]) for g in status["gates"]],
                         [("both", True, "FRESH"), ("okx/BTC-USDT", True, "FRESH")])
        code, text, _ = self.run_flatline("status")
        self.assertEqual(code, 0)
        self.assertIn("fresh for another", text)
        self.assertNotIn("\x1b", text)

    def test_each_stream_says_why_not(self):
        self.puppet().do("beat 9000", "lease 0 -500", f"revoke 1 {DOWN}")
        code, status = self.json_of("status")
        self.assertEqual(code, 0)
        self.assertEqual([s["why"] for s in status["streams"]], ["LAPSED", "REVOKED", "UNKNOWN"])
        self.assertLess(status["streams"][0]["lease_left_ns"], 0)
        self.assertIsNone(status["streams"][1]["lease_left_ns"])
        self.assertEqual(status["streams"][1]["faults"], ["DOWN"])
        self.assertIsNone(status["streams"][2]["age_ns"])
        self.assertEqual((status["gates"][0]["why"], status["gates"][0]["culprit"]), ("REVOKED", OKX))
        _, text, _ = self.run_flatline("status")
        self.assertRegex(text, r"lapsed \d+\.\d{3} s ago: last newer frame")
        self.assertIn("revoked by DOWN", text)

    def test_dead_sentinel_is_shown_and_3(self):
        puppet = self.puppet()
        puppet.live(ms=0)
        puppet.die()
        code, status = self.json_of("status")
        self.assertEqual((code, status["alive"]), (3, False))
        self.assertEqual({s["why"] for s in status["streams"]}, {"SENTINEL_DEAD"})

    def test_every_list_of_a_dead_sentinel_is_told_whole_with_3(self):
        puppet = self.puppet()
        puppet.do(f"fault 1 {GAP} 0")
        puppet.live()
        commands = (["streams"], ["gates"], ["gates", "--since", "1h"], ["faults"], ["explain", BOOK], ["explain"],
                    ["advice"], ["dump"], ["status"])
        living = {tuple(c): self.run_flatline(*c) for c in commands}
        puppet.do("beat 0")
        puppet.die()
        for command in commands:
            for form in ([], ["--json"]):
                code, out, err = self.run_flatline(*command, *form)
                self.assertEqual(code, 3, (command, form))
                self.assertTrue(out, command)
                if command != ["status"]:  # it says DEAD itself
                    self.assertEqual(err, f"flatline {command[0]}: the sentinel is dead: this is what it left\n")
            code, out, err = living[tuple(command)]
            self.assertEqual((code, err), (0, ""), command)
            self.assertNotIn("dead: this is", out)


class Check(Reader):
    def verdict(self):
        code, report = self.json_of("check")
        self.assertEqual(code, report["exit"])
        self.assertEqual(self.run_flatline("check")[0], code)
        return code

    def test_the_exit_code_is_the_verdict(self):
        puppet = self.puppet()
        self.assertEqual(self.verdict(), 3)  # no beat yet
        puppet.do("beat 9000")
        self.assertEqual(self.verdict(), 3)  # nothing known of any stream
        puppet.live()
        self.assertEqual(self.verdict(), 0)
        puppet.do("lease 2 -10")
        self.assertEqual(self.verdict(), 1)  # lapsed, outside gates
        puppet.do("lease 2 60000", f"fault 1 {GAP} 0")
        self.assertEqual(self.verdict(), 1)  # an open fault
        puppet.do(f"clear 1 {GAP} 0")
        self.assertEqual(self.verdict(), 0)
        puppet.do("lease 0 -10")
        self.assertEqual(self.verdict(), 2)  # a gate
        puppet.do("lease 0 60000", f"revoke 2 {DOWN}")
        self.assertEqual(self.verdict(), 2)  # revoked, in no gate
        puppet.die()
        puppet = self.puppet()
        puppet.do("beat 9000", "lease 0 60000", "lease 1 60000")
        self.assertEqual(self.verdict(), 3)  # of the trades nothing is known
        puppet.do("lease 1 -10")
        self.assertEqual(self.verdict(), 2)  # a shut gate is worse than not knowing
        puppet.stop()
        self.assertEqual(self.run_flatline("check")[0], 3)

    def test_unreadable_segment_is_unknown(self):
        self.path.write_bytes(b"not one of ours")
        self.assertEqual(self.run_flatline("check")[0], 3)


class GatesSince(Reader):
    """Closures of gates, from lapses and renewals that the puppet dates back. Its clock and ours differ by milliseconds at most,
    and its life begins with the test: what is dated before that is clipped, so windows here are of its life alone."""

    def since(self, *argv, exits=0):
        code, out, errors = self.run_flatline("gates", "--since", "24h", "--json", *argv)
        self.assertEqual(code, exits, errors)
        return {gate["gate"]: gate for gate in json.loads(out)}

    def test_closures_of_members_are_closures_of_their_gates(self):
        puppet = self.puppet()
        puppet.live()
        time.sleep(1.2)
        puppet.do("lapse 0 1000 0", "renew 0 900", "lapse 1 950 0", f"lapse 0 500 {DOWN}", "renew 1 850", "renew 0 300")
        gates = self.since()
        both, okx = gates["both"], gates["okx/BTC-USDT"]
        self.assertEqual(both["closures"], 2)  # 1000..850 of both streams, 500..300 of one
        self.assertAlmostEqual(both["closed_ns"] / 1e6, 350, delta=60)
        self.assertEqual((both["longest_by"], both["longest_why"]), (BOOK, "DOWN"))
        self.assertAlmostEqual(both["longest_ns"] / 1e6, 200, delta=40)
        self.assertEqual(okx["closures"], 1)
        self.assertAlmostEqual(okx["closed_ns"] / 1e6, 100, delta=40)
        self.assertEqual((okx["longest_by"], okx["longest_why"]), (OKX, "lapsed"))
        self.assertGreater(both["covered_ns"], 1_100_000_000)
        self.assertLess(both["covered_ns"], 60_000_000_000)

    def test_a_gate_that_is_closed_still_counts_until_now(self):
        puppet = self.puppet()
        puppet.live()
        time.sleep(0.5)
        puppet.do("lapse 1 300 0")
        gate = self.since()["okx/BTC-USDT"]
        self.assertEqual(gate["closures"], 1)
        self.assertGreaterEqual(gate["closed_ns"], 300_000_000)

    def test_a_ring_that_went_round_says_so_and_counts_the_closure_it_begins_in(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do("lapse 1 0 0", "event 40")  # the ring holds 16
        time.sleep(0.3)
        puppet.do("renew 1 100")
        self.assertEqual(self.since()["okx/BTC-USDT"]["closures"], 1)
        code, text, _ = self.run_flatline("gates", "--since", "24h")
        self.assertEqual(code, 0)
        self.assertIn("of the 1d 00h asked for: the event ring remembers no more", text)

    def test_a_short_life_says_so_and_the_first_opening_is_no_closure(self):
        puppet = self.puppet()
        puppet.live()
        time.sleep(0.2)
        puppet.do("renew 0 100", "renew 1 100")
        self.assertTrue(all(gate["closures"] == 0 for gate in self.since().values()))
        self.assertIn("this sentinel began then", self.run_flatline("gates", "--since", "7d")[1])

    def test_a_gate_that_never_opened_is_no_quiet_gate(self):
        self.puppet().do("beat 9000", "lease 0 60000")
        gates = self.since()
        self.assertEqual((gates["okx/BTC-USDT"]["closures"], gates["okx/BTC-USDT"]["longest_why"]), (1, "never open"))
        self.assertEqual(gates["both"]["longest_by"], OKX)

    def test_a_stream_that_lapsed_before_the_ring_begins_is_closed_all_along(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do("lease 1 -10", "lapse 1 0 0", "event 40")
        gate = self.since()["okx/BTC-USDT"]
        self.assertEqual((gate["closures"], gate["longest_why"], gate["closed_ns"]), (1, "closed before", gate["covered_ns"]))

    def test_a_dead_sentinel_is_a_closure_of_every_gate(self):
        puppet = self.puppet()
        puppet.live(ms=100)
        time.sleep(0.4)
        puppet.die()
        for gate in self.since(exits=3).values():
            self.assertEqual((gate["closures"], gate["longest_by"], gate["longest_why"]), (1, None, "sentinel dead"))
            self.assertGreaterEqual(gate["closed_ns"], 250_000_000)

    def test_a_time_without_a_unit_is_refused(self):
        self.puppet().live()
        for since in ("24", "x", "-1h", "0s", "1y", "99999999999d"):
            code, out, errors = self.run_flatline("gates", "--since", since)
            self.assertEqual((code, out), (2, ""), since)
            self.assertIn("--since", errors)


class Watch(Reader):
    def watch(self, *argv):
        return subprocess.Popen([str(BIN / "flatline"), "watch", "--json", "--segment", str(self.path), *argv],
                                stdout=subprocess.PIPE, text=True)

    def finish(self, child):
        out, _ = child.communicate(timeout=SECONDS)
        self.assertEqual(child.returncode, 0)
        return [json.loads(line) for line in out.splitlines()]

    def test_records_tell_what_happened(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do("event 1", f"fault 7 {DOWN} 1", f"clear 7 {DOWN} 1", f"revoke 1 {DOWN}")
        epoch, lapse, fault, clear, revoked = self.finish(self.watch("--all", "--count", "5"))
        self.assertEqual((epoch["type"], epoch["epoch"]), ("epoch", 1))
        self.assertEqual((lapse["type"], lapse["stream"], lapse["revoked_by"]), ("lapse", BOOK, None))
        self.assertGreaterEqual(lapse["seen_ns"], lapse["at_ns"])
        self.assertEqual((fault["type"], fault["kind"], fault["scope"], fault["stream"]), ("fault", "DOWN", "stream", OKX))
        self.assertEqual(fault["evidence"], {"close_code": 1, "errno": 2, "phase": 3, "legs_left": 4, "own_stall_ns": 5,
                                             "age_ns": -6})
        self.assertEqual(fault["text"], 'venue\'s "words"')
        self.assertLess(fault["onset_ns"], fault["at_ns"])
        self.assertEqual((clear["type"], clear["kind"], clear["id"]), ("clear", "DOWN", 7))
        self.assertEqual((revoked["type"], revoked["revoked_by"]), ("lapse", "DOWN"))
        self.assertEqual(fault["connection"], "okx/public/0")

    def test_people_are_told_the_same(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do(f"fault 7 {DOWN} 1", f"fault 8 {DOWN} 4294967295", f"revoke 1 {DOWN}")
        code, text, _ = self.run_flatline("watch", "--all", "--count", "4")
        self.assertEqual(code, 0)
        epoch, first, second, lapse = text.splitlines()
        self.assertRegex(epoch, r"^\d\d:\d\d:\d\d\.\d{6}  epoch  1$")
        self.assertRegex(first, rf"fault  DOWN {OKX}  close_code 1, errno 2, .*venue's")
        self.assertRegex(second, r"fault  DOWN okx/public/0  close_code 1")  # of no one stream: its connection
        self.assertTrue(lapse.endswith(f"lapse  {OKX}, revoked by DOWN"), lapse)

    def test_a_follower_that_fell_behind_is_told(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do("event 99")  # the ring holds 16 of 100
        lost, first = self.finish(self.watch("--all", "--count", "2"))
        self.assertEqual((lost["type"], lost["count"], first["type"]), ("lost", 84, "lapse"))

    def test_it_follows_the_name_into_the_next_life(self):
        puppet = self.puppet()
        puppet.live(ms=0)
        child = self.watch("--all", "--count", "3")
        first = json.loads(child.stdout.readline())
        self.assertEqual((first["type"], first["epoch"]), ("epoch", 1))
        puppet.die()
        puppet = self.puppet()
        puppet.do("beat 9000", "event 1")
        epoch, lapse = self.finish(child)
        self.assertEqual((epoch["type"], epoch["epoch"]), ("epoch", 2))
        self.assertEqual((lapse["type"], lapse["stream"]), ("lapse", BOOK))

    def test_it_can_wait_for_a_segment(self):
        child = self.watch("--wait", "--all", "--count", "1")
        self.puppet().do("beat 9000")
        self.assertEqual(self.finish(child)[0]["epoch"], 1)


class Lists(Reader):
    def test_streams_and_gates_tell_what_is_fixed(self):
        self.puppet().live()
        code, streams = self.json_of("streams")
        self.assertEqual((code, len(streams)), (0, 3))
        self.assertEqual(streams[2], {"stream": TRADES, "index": 2, "venue": "okx", "class": "other",
                                      "stale_after_ns": 3 * 10**9, "silent_after_ns": 0, "silence_provable_ns": 0,
                                      "observed": True})
        code, gates = self.json_of("gates")
        self.assertEqual([m["stream"] for m in gates[0]["members"]], [BOOK, OKX])
        self.assertIn("observed", self.run_flatline("streams")[1])
        self.assertIn(OKX, self.run_flatline("gates")[1])

    def test_faults_outlive_their_sentinel(self):
        puppet = self.puppet()
        puppet.do(f"fault 1 {GAP} 0", f"fault 2 {DOWN} 1", f"clear 1 {GAP} 0")
        puppet.die()
        code, faults = self.json_of("faults")
        self.assertEqual((code, [f["id"] for f in faults]), (3, [2, 1]))
        self.assertEqual((faults[0]["kind"], faults[0]["stream"], faults[0]["cleared_ns"]), ("DOWN", OKX, None))
        self.assertEqual(faults[0]["connection"], "okx/public/0")
        self.assertIsInstance(faults[1]["cleared_ns"], int)
        code, faults = self.json_of("faults", "--open")
        self.assertEqual([f["id"] for f in faults], [2])
        self.assertIn("close_code 1", self.run_flatline("faults")[1])

    def test_explain_tells_findings_in_sentences(self):
        puppet = self.puppet()
        puppet.do(f"fault 1 {GAP} 0", f"fault 2 {DOWN} 1", f"clear 1 {GAP} 0")
        puppet.live()
        code, text, _ = self.run_flatline("explain", BOOK)
        self.assertEqual(code, 0)
        self.assertIn("GAP of " + BOOK + ": the chain of ids broke: 1 was next, 2 came (up to 3); 4 gaps so far.", text)
        self.assertIn("over for", text)
        self.assertIn("The last of 7 frames came", text)
        self.assertIn("Gates that need it: ", text)
        self.assertNotIn("DOWN", text)
        code, told = self.json_of("explain", OKX)
        self.assertEqual([f["kind"] for f in told[0]["findings"]], ["DOWN"])
        self.assertIn("close code 1 and errno 2", told[0]["findings"][0]["sentence"])
        gate = self.json_of("gates")[1][0]
        self.assertEqual([t["stream"] for t in self.json_of("explain", gate["gate"])[1]], [BOOK, OKX])
        code, _, complaint = self.run_flatline("explain", BOOK[:-1])
        self.assertEqual(code, 2)
        self.assertIn("did you mean '" + BOOK, complaint)
        self.assertEqual(self.run_flatline("explain")[0], 0)

    def test_explain_says_whether_other_channels_prove_anything(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do("debt 0 1 0", "debt 1 2 12", "debt 2 3 12")
        self.assertIn("It owes what the other channels of its book show, within 150.0 ms", self.run_flatline("explain", BOOK)[1])
        self.assertIn("is being checked,\n    12 waits met so far", self.run_flatline("explain", OKX)[1])
        self.assertIn("their ids do not agree with its own, or it takes", self.run_flatline("explain", TRADES)[1])
        told = self.json_of("explain", BOOK, OKX, TRADES)[1]
        self.assertEqual([(t["book_debt"], t["book_debt_waits"], t["book_allowance_ns"]) for t in told],
                         [("ON", 0, 150_000_000), ("CHECKING", 12, 150_000_000), ("OFF", 12, 150_000_000)])

    def test_explain_says_what_silence_proves_and_tells_quiet_from_suspect(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do("lease 0 -500", "quiet 1 60000 8000", "quiet 2 -500 0")
        text = self.run_flatline("explain", BOOK)[1]
        self.assertIn("neither proven a fault nor a quiet market", text)
        self.assertIn("nothing is provable yet", text)
        text = self.run_flatline("explain", OKX)[1]
        self.assertIn("the market is quiet", text)
        self.assertIn("proven SILENT from 8.000 s on", text)
        self.assertNotIn("suspect", text)
        text = self.run_flatline("explain", TRADES)[1]
        self.assertIn("it is suspect", text)
        told = self.json_of("explain", OKX, TRADES)[1]
        self.assertEqual([(t["why"], t["silence_provable_ns"]) for t in told], [("LAPSED_QUIET", 8_000_000_000), ("LAPSED_SUSPECT", 0)])

    def test_dump_holds_every_section(self):
        puppet = self.puppet()
        puppet.live()
        puppet.do(f"fault 1 {GAP} 0", "event 3", "error something broke\x1b[2J")
        code, dump = self.json_of("dump")
        self.assertEqual(code, 0)
        self.assertEqual(dump["HEADER"]["epoch"], 1)
        self.assertEqual([len(dump[s]) for s in ("STREAMS", "LEASES", "DETAILS")], [3, 3, 3])
        self.assertEqual(dump["DETAILS"][0]["frames"], 7)
        self.assertEqual([e["number"] for e in dump["EVENTS"]], [0, 1, 2, 3, 4])
        self.assertEqual(dump["FAULTS"][0]["evidence"], [1, 2, 3, 4, 5, -6])
        self.assertEqual(dump["ERRORS"][0]["text"], "something broke\x1b[2J")
        self.assertEqual([c["name"] for c in dump["COUNTERS"]], ["ring_full", "faults_lost", "errors_lost"])
        self.assertEqual(len(dump["HISTOGRAMS"]), 6)
        code, text, _ = self.run_flatline("dump")
        self.assertEqual(code, 0)
        self.assertIn("  name okx/BTC-USDT/books\n", text)
        self.assertIn("something broke?[2J", text)  # a terminal shall not obey what is in the segment
        self.assertNotIn("\x1b", text)


if __name__ == "__main__":
    unittest.main()
