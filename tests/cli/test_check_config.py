# SPDX-License-Identifier: MIT
"""Goal: `flatlined --check-config [--online]` tells the plan, and finds out about symbols while it is cheap.

Method: runs the program; the venues are an HTTPS server of this script, with an authority of its own.
usage: test_check_config.py BIN_DIR BROKEN_FOLDER
"""
import http.server
import json
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

BROKEN = pathlib.Path(sys.argv.pop(2)).resolve()
BIN = pathlib.Path(sys.argv.pop(1)).resolve()
SECONDS = 30


def make_certificate(folder):
    """A key and a self-signed certificate of 127.0.0.1: server and authority at once."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")],
        check=True, capture_output=True, timeout=SECONDS,
    )


class Venue:
    """Answers every path it was told an answer for: (status, headers, body)."""

    def __init__(self, folder):
        answers = self.answers = {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                status, headers, body = answers.get(self.path, (404, {}, "{}"))
                data = body.encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def lists(self, path, array, symbol, status, rows):
        body = json.dumps({"code": "0", array: [{symbol: s, status: t, "filters": [{"x": 1}]} for s, t in rows]})
        self.answers[path] = (200, {}, body)

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(SECONDS)


class CheckConfig(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="flatline-check-")
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def check(self, text, *argv):
        path = self.folder / "f.yaml"
        path.write_text(text)
        return subprocess.run(
            [str(BIN / "flatlined"), "-c", str(path), "--check-config", *argv],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )


class Offline(CheckConfig):
    def test_tells_connections_streams_gates_and_the_segment(self):
        done = self.check(
            "streams:\n  - binance-usdm/BTCUSDT/depth@100ms\n  - binance-usdm/BTCUSDT/aggTrade\n"
            "  - {name: okx/BTC-USDT/books, silent_after: 9s}\n"
            f"segment: {{directory: {self.folder}, name: here}}\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for words in (
            f"3 streams, 2 gates, 3 connections, segment {self.folder}/here of ",
            "wss://fstream.binance.com/public/stream: 1 stream in 1 request",
            "wss://fstream.binance.com/market/stream: 1 stream in 1 request",
            "wss://ws.okx.com:8443/ws/v5/public",
            "route market, other, stale after 3s, observed",
            "silent after 9s",
            "okx/BTC-USDT: okx/BTC-USDT/books\n",
        ):
            self.assertIn(words, done.stdout)
        self.assertFalse((self.folder / "here").exists(), "a check makes no segment")

    def test_of_thousands_it_tells_the_first_and_the_number(self):
        streams = "".join(f"  - binance-spot/A{i}USDT/bookTicker\n" for i in range(3000))
        done = self.check("streams:\n" + streams)
        self.assertEqual(done.returncode, 0)
        self.assertIn("3000 streams, 3000 gates", done.stdout)
        self.assertIn("and 2952 more", done.stdout)

    def test_every_broken_file_is_exit_2_here_and_at_start(self):
        files = sorted(BROKEN.glob("*.yaml"))
        self.assertGreaterEqual(len(files), 30)
        for path in files:
            for argv in (["--check-config"], []):
                done = subprocess.run(
                    [str(BIN / "flatlined"), "-c", str(path), *argv],
                    capture_output=True, text=True, timeout=SECONDS, check=False,
                )
                self.assertEqual((done.returncode, done.stdout), (2, ""), path.name)
                self.assertRegex(done.stderr.splitlines()[0], rf"^{path}:\d+:\d+: .*(write|remove) ")

    def test_examples_of_the_manual_page_are_taken(self):
        key = self.folder / "usdm.key"
        key.write_text("key\n")
        key.chmod(0o600)
        page = (BROKEN.parents[2] / "docs/man/flatlined.conf.5").read_text()
        examples = [text for text in re.findall(r"^\.Bd .*?\n(.*?)^\.Ed", page, re.DOTALL | re.MULTILINE)
                    if text.startswith("streams:")]
        self.assertGreaterEqual(len(examples), 2)
        for text in examples:
            # This machine has neither the group nor, perhaps, the CPUs.
            done = self.check(re.sub(r"^(segment|threads): .*\n", "", text, flags=re.MULTILINE))
            self.assertEqual((done.returncode, done.stderr), (0, ""), text)

    def test_missing_file_is_exit_2(self):
        done = subprocess.run(
            [str(BIN / "flatlined"), "-c", str(self.folder / "no.yaml")],
            capture_output=True, text=True, timeout=SECONDS, check=False,
        )
        self.assertEqual(done.returncode, 2)
        self.assertIn("no such file", done.stderr)


class Online(CheckConfig):
    def setUp(self):
        super().setUp()
        make_certificate(self.folder)
        self.venue = Venue(self.folder)
        self.venue.lists("/fapi/v1/exchangeInfo", "symbols", "symbol", "status",
                         [("BTCUSDT", "TRADING"), ("ETHUSDT", "TRADING"), ("OLDUSDT", "SETTLING")])
        self.venue.lists("/api/v5/public/instruments?instType=SPOT", "data", "instId", "state", [("BTC-USDT", "live")])
        self.venue.lists("/api/v5/public/instruments?instType=SWAP", "data", "instId", "state",
                         [("BTC-USDT-SWAP", "live"), ("NEW-USDT-SWAP", "preopen")])
        self.venue.lists("/api/v5/public/instruments?instType=FUTURES", "data", "instId", "state", [])

    def tearDown(self):
        self.venue.stop()
        super().tearDown()

    def online(self, *streams):
        place = f"{{rest: 'https://127.0.0.1:{self.venue.port}', ca_file: {self.folder}/ca.pem}}"
        listed = "".join(f"  - {stream}\n" for stream in streams)
        return self.check(f"streams:\n{listed}venues:\n  binance-usdm: {place}\n  okx: {place}\n", "--online")

    def test_symbols_that_trade_are_fine(self):
        done = self.online("binance-usdm/BTCUSDT/depth@100ms", "okx/BTC-USDT/books", "okx/BTC-USDT-SWAP/books",
                           "binance-usdm/*/bookTicker", "okx/SWAP/instruments", "okx/BTC-USD-270326-90000-C/books")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("6 streams", done.stdout)

    def test_unknown_symbol_is_told_with_the_nearest(self):
        done = self.online("binance-usdm/BTCUSTD/depth@100ms", "okx/BTC-USDT/books")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(
            done.stderr, "binance-usdm/BTCUSTD/depth@100ms: binance-usdm does not list BTCUSTD; write BTCUSDT\n")

    def test_symbol_that_does_not_trade_is_told(self):
        done = self.online("binance-usdm/OLDUSDT/bookTicker", "okx/NEW-USDT-SWAP/books")
        self.assertEqual(done.returncode, 2)
        self.assertIn("binance-usdm says OLDUSDT is SETTLING", done.stderr)
        self.assertIn("okx says NEW-USDT-SWAP is preopen", done.stderr)

    def test_venue_that_cannot_be_asked_is_exit_1(self):
        for answer in ((429, {"Retry-After": "5"}, "{}"), (500, {}, "{}"), (200, {}, "<html>"), (200, {}, "{}"),
                       (200, {}, '{"symbols": "none"}'), (200, {}, '{"symbols": [1, null, {"symbol": 7}]}')):
            with self.subTest(answer=answer):
                self.venue.answers["/fapi/v1/exchangeInfo"] = answer
                done = self.online("binance-usdm/BTCUSDT/depth@100ms")
                self.assertEqual((done.returncode, done.stdout), (1, ""))
                self.assertTrue(done.stderr.startswith("binance-usdm: "), done.stderr)

    def test_wrong_symbol_outranks_a_venue_that_cannot_be_asked(self):
        self.venue.answers["/api/v5/public/instruments?instType=SPOT"] = (500, {}, "")
        done = self.online("binance-usdm/BTCUSTD/depth@100ms", "okx/BTC-USDT/books")
        self.assertEqual(done.returncode, 2)
        self.assertIn("okx: cannot ask", done.stderr)


if __name__ == "__main__":
    unittest.main()
