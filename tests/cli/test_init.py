#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: `flatline init` as a person at a shell meets it: exit codes, what goes where, nothing overwritten.

Method: runs the program in a temporary folder. Usage: test_init.py FLATLINE
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

FLATLINE = ""


class Init(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="flatline-init-")
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def init(self, *argv):
        return subprocess.run(
            [FLATLINE, "init", *argv], cwd=self.folder, capture_output=True, text=True, timeout=20, check=False
        )

    def test_writes_under_ten_lines_to_standard_output(self):
        done = self.init("--binance-usdm", "BTCUSDT", "--okx", "BTC-USDT-SWAP")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertLess(len(done.stdout.splitlines()), 10)
        self.assertIn("binance-usdm/BTCUSDT/depth@100ms", done.stdout)
        self.assertIn("okx/BTC-USDT-SWAP/bbo-tbt", done.stdout)

    def test_leaves_a_file_that_is_there_alone(self):
        self.assertEqual(self.init("--okx", "BTC-USDT", "-o", "f.yaml").returncode, 0)
        before = (self.folder / "f.yaml").read_text()
        done = self.init("--okx", "ETH-USDT", "-o", "f.yaml")
        self.assertEqual(done.returncode, 1)
        self.assertIn("is there already", done.stderr)
        self.assertEqual((self.folder / "f.yaml").read_text(), before)

    def test_key_file_must_be_private(self):
        key = self.folder / "usdm.key"
        key.write_text("secret-key\n")
        key.chmod(0o644)
        done = self.init("--binance-usdm", "BTCUSDT", "--user-data", "usdm.key")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("chmod 600", done.stderr)
        self.assertNotIn("secret", done.stderr)
        key.chmod(0o600)
        done = self.init("--binance-usdm", "BTCUSDT", "--user-data", "usdm.key")
        self.assertEqual(done.returncode, 0)
        self.assertIn(os.path.realpath(key), done.stdout)

    def test_wrong_usage_is_exit_2_and_says_what_to_write(self):
        for argv, words in (
            ((), "nothing to watch"),
            (("--okx", "BTCUSDT"), "write BTC-USDT"),
            (("--kraken", "XBTUSD"), "--help"),
            (("BTCUSDT",), "unexpected argument"),
            (("--okx", "BTC-USDT", "--user-data", "no-such.key"), "No such file"),
        ):
            with self.subTest(argv=argv):
                done = self.init(*argv)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(words, done.stderr)

    def test_help_names_every_option(self):
        done = self.init("--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--binance-spot", "--binance-usdm", "--binance-coinm", "--okx", "--user-data", "--output"):
            self.assertIn(option, done.stdout)


if __name__ == "__main__":
    FLATLINE = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
