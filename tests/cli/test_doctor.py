#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`flatline doctor` as a new user meets it: the real program, a live sentinel, the fake venue.

Goal:   each check says what is so, its level and the command that mends it; the exit code is the worst level.
Method: one laboratory on loopback; the same configuration made wrong in one point at a time. Checks of the host itself (clock,
        CPUs, governor) depend on where this runs: they must be there, their level is the unit test's business.

usage: test_doctor.py BIN_DIR
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from lab import Lab  # noqa: E402

LAB = None
HOST_CHECKS = {"clock", "time namespace", "cpu", "governor", "real time", "locked memory", "open files", "shared memory"}
BODY = "streams:\n  - binance-usdm/BTCUSDT/depth@100ms\n  - okx/BTC-USDT-SWAP/books\n"


def doctor(*arguments):
    done = subprocess.run([LAB.bin / "flatline", "doctor", *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def found(*arguments):
    code, out, errors = doctor("--json", *arguments)
    assert errors == "", errors
    lines = [json.loads(line) for line in out.splitlines()]
    worst = max(("ok", "warn", "fail").index(line["level"]) for line in lines)
    assert code == worst, (code, lines)
    return lines


def of(lines, check, level=None):
    return [line for line in lines if line["check"] == check and level in (None, line["level"])]


class Doctor(unittest.TestCase):
    def config(self, body=BODY, name="other.yaml", **changed):
        lines = ["venues:"]
        for venue in ("binance-usdm", "okx"):
            urls = LAB.venue["venues"][venue]
            place = {"ws": urls["ws"], "rest": urls["rest"], "ca_file": LAB.venue["ca"], **changed}
            lines.append(f"  {venue}: {{" + ", ".join(f'{key}: "{value}"' for key, value in place.items()) + "}")
        path = LAB.folder / name
        path.write_text(body + "\n".join(lines) + f"\nsegment: {{directory: {LAB.folder}, name: flatline}}\n")
        return path

    def test_a_live_sentinel_and_its_venues_are_found_well(self):
        lines = found("-c", self.config())
        self.assertEqual(of(lines, "segment", "ok")[0]["text"].split(": ")[1].split(",")[0], "alive")
        self.assertTrue(of(lines, "permissions", "ok"))
        self.assertEqual(len(of(lines, "venue", "ok")), 2, lines)
        self.assertEqual(len(of(lines, "venue time", "ok")), 2, lines)
        self.assertIn("(sentinel)", of(lines, "open files")[0]["text"])  # its own limits, not this test's
        self.assertTrue(HOST_CHECKS <= {line["check"] for line in lines})
        self.assertTrue(all(line["fix"] for line in lines if line["level"] != "ok"), lines)

    def test_nothing_is_changed(self):
        before = {path: (path.stat().st_mtime_ns, path.stat().st_mode) for path in LAB.folder.iterdir() if path.suffix == ".yaml"}
        names = sorted(path.name for path in LAB.folder.iterdir())
        doctor("-c", LAB.folder / "flatlined.yaml")
        self.assertEqual(sorted(path.name for path in LAB.folder.iterdir()), names)
        for path, state in before.items():
            self.assertEqual((path.stat().st_mtime_ns, path.stat().st_mode), state)

    def test_the_table_has_a_line_a_check_and_the_command_behind_an_arrow(self):
        code, out, _ = doctor("--segment", LAB.folder / "absent")
        self.assertEqual(code, 1 if "FAIL" not in out else 2)
        self.assertIn("WARN segment", out)
        self.assertIn("-> sudo systemctl start flatlined", out)

    def test_a_file_that_is_no_segment_fails(self):
        path = LAB.folder / "text"
        path.write_text("hello\n" * 2000)
        self.assertEqual(of(found("--segment", path), "segment")[0]["level"], "fail")

    def test_an_untrusted_certificate_fails_at_tls(self):
        other = LAB.folder / "other-ca.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=another",
                        "-keyout", LAB.folder / "other-ca.key", "-out", other], check=True, capture_output=True)
        lines = of(found("-c", self.config(ca_file=other)), "venue", "fail")
        self.assertEqual(len(lines), 2)
        self.assertIn("failed at TLS", lines[0]["text"])
        self.assertIn("openssl s_client", lines[0]["fix"])

    def test_a_closed_port_fails_at_tcp(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]  # bound, not listening: refused
            lines = found("-c", self.config(ws=f"wss://127.0.0.1:{port}", rest=f"https://127.0.0.1:{port}"))
        self.assertIn("failed at TCP", of(lines, "venue", "fail")[0]["text"])
        self.assertEqual(len(of(lines, "venue time", "fail")), 2)

    def test_a_key_file_that_others_may_read_fails_and_says_chmod(self):
        key = LAB.folder / "open.key"
        key.write_text("key\n")
        key.chmod(0o644)
        body = BODY + f"user_data: {{binance-usdm: {{api_key_file: {key}}}}}\n"
        lines = found("-c", self.config(body))
        self.assertIn("chmod 600", of(lines, "config", "fail")[0]["text"])
        key.chmod(0o600)
        self.assertEqual(of(found("-c", self.config(body)), "key file")[0]["level"], "ok")

    def test_a_broken_configuration_fails_and_the_other_checks_go_on(self):
        path = LAB.folder / "broken.yaml"
        path.write_text("streams: 7\n")
        lines = found("-c", path, "--segment", LAB.segment)
        self.assertTrue(of(lines, "config", "fail"))
        self.assertTrue(of(lines, "segment", "ok"))

    def test_an_engine_beside_it_shares_everything(self):
        lines = of(found("--segment", LAB.segment, "--engine-pid", os.getpid()), "engine")
        self.assertEqual([line["level"] for line in lines], ["ok"] * 4, lines)

    def test_an_engine_in_other_namespaces_is_told(self):
        try:
            engine = subprocess.Popen(["unshare", "--user", "--net", "sleep", "60"], stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            self.skipTest("no unshare here")
        try:
            def is_apart():
                try:
                    return os.readlink(f"/proc/{engine.pid}/ns/net") != os.readlink("/proc/self/ns/net")
                except OSError:
                    return False
            try:
                LAB.wait_until(lambda: engine.poll() is not None or is_apart(), "the engine is in its own namespace")
            except Exception:  # it can be started, but not looked at
                self.skipTest("its namespaces may not be looked at here")
            if engine.poll() is not None:
                self.skipTest("namespaces may not be made here")
            lines = of(found("--segment", LAB.segment, "--engine-pid", engine.pid), "engine", "warn")
            self.assertTrue(any("net namespace: another one" in line["text"] for line in lines), lines)
        finally:
            engine.kill()
            engine.wait()

    def test_a_pid_of_nobody_fails(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assertEqual(of(found("--engine-pid", gone.pid), "engine")[0]["level"], "fail")

    def test_wrong_usage_exits_2_and_prints_nothing(self):
        for arguments in (["--nonsense"], ["extra"], ["--engine-pid", "x"], ["--engine-pid", "-1"], ["-c"]):
            code, out, errors = doctor(*arguments)
            self.assertEqual((code, out), (2, ""), arguments)
            self.assertNotEqual(errors, "")


if __name__ == "__main__":
    with Lab(sys.argv[1]) as LAB:
        LAB.start_venue()
        patient = BODY + "detect: {alive_for: 5s}\n"  # a stall of a busy host is not the question here
        LAB.start_sentinel(LAB.write_config(patient, ["binance-usdm", "okx"]))
        result = unittest.main(argv=sys.argv[:1] + sys.argv[2:], exit=False).result
    sys.exit(0 if result.wasSuccessful() else 1)
