# SPDX-License-Identifier: MIT
"""Goal: what the conformance tests cannot see from outside: exceptions, closing, handles shared by threads.

Method: golden segments under a name of their own, changed by rename as the sentinel does; engines beside them. ctest `bindings.python`.
"""
import pathlib
import shutil
import tempfile
import threading
import unittest

import flatline

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests/data/segments"
BOOK = "binance-usdm/BTCUSDT/depth@100ms"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flatline-python-")
        self.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name, "segment")
        self.place("running.bin")

    def place(self, golden):
        shutil.copyfile(GOLDEN / golden, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").rename(self.path)

    def test_an_error_says_which_and_where(self):
        with self.assertRaises(flatline.Error) as caught:
            flatline.attach("/nonexistent/segment")
        self.assertIs(caught.exception.code, flatline.Code.NO_FILE)
        self.assertIn("/nonexistent/segment", str(caught.exception))
        for name in ("", "a\0b", "x" * 5000):
            with self.assertRaises(flatline.Error) as caught:
                flatline.attach(name)
            self.assertIs(caught.exception.code, flatline.Code.INVALID)

    def test_an_unknown_name_is_a_lookup_error_that_suggests(self):
        with flatline.attach(self.path) as reader, self.assertRaises(LookupError) as caught:
            reader.gate("fersh")
        self.assertEqual(caught.exception.nearest, "fresh")

    def test_a_handle_of_a_closed_reader_raises_and_does_not_crash(self):
        with flatline.attach(self.path) as reader:
            stream, gate = reader.stream(BOOK), reader.gate("fresh")
            self.assertTrue(stream.fresh(1_100_000_000) and gate.fresh(1_100_000_000))
        for look in (stream.fresh, stream.look, stream.snapshot, gate.fresh, gate.why):
            self.assertRaises(ValueError, look)

    def test_a_handle_keeps_its_reader(self):
        gate = flatline.attach(self.path).gate("fresh")
        self.assertTrue(gate.fresh(1_100_000_000))

    def test_an_old_handle_stays_readable_and_a_shared_one_moves_whole(self):
        with flatline.attach(self.path) as reader:
            old, shared = reader.stream(BOOK), reader.stream(BOOK)
            self.place("successor.bin")
            seen = set()

            def look():
                for _ in range(200):
                    seen.add((shared.look(), shared.due_id))

            threads = [threading.Thread(target=look) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(seen, {(False, 99)})
            self.assertEqual((reader.epoch, old.due_id), (2, 2**53))

    def test_a_fault_of_a_newer_sentinel_is_its_number(self):
        with flatline.attach(self.path) as reader:
            revoked = reader.stream("okx/ETH-USDT/books")
            self.assertIs(revoked.revoked_by, flatline.Fault.DOWN)
            lease = reader._view.place(flatline._SECTION_LEASES, reader.streams.index(revoked.name))
            with self.path.open("r+b") as file:
                file.seek(lease + flatline._LEASE_REVOKED_BY)
                file.write((4711).to_bytes(8, "little"))
            self.assertEqual(revoked.revoked_by, 4711)


class EngineCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="flatline-python-")
        self.addCleanup(folder.cleanup)
        self.segment = pathlib.Path(folder.name, "segment")
        self.file = pathlib.Path(folder.name, "segment.engine.mm1")

    def word(self, record, at):
        return record._words[at]

    def test_an_exception_is_a_panic_that_goes_on_and_leaves_no_goodbye(self):
        with self.assertRaises(ZeroDivisionError), flatline.engine("mm1", self.segment) as engine:
            quoter = engine.worker("quoter", 0.1)
            with quoter as same:
                self.assertIs(same, quoter)
                self.assertIs(quoter.state, flatline.WorkerState.RUNNING)
                1 / 0
        self.assertIs(quoter.state, flatline.WorkerState.PANICKED)
        self.assertIn(b"ZeroDivisionError: division by zero\0", self.file.read_bytes())
        self.assertTrue(self.file.exists())
        self.assertEqual(engine._words[flatline._ENGINE_HEADER_GOODBYE_MONO_NS], 0)
        with flatline.engine("mm1", self.segment) as again:  # by the same process
            self.assertIsNone(again.error)

    def test_leaving_in_order_or_by_interrupt_is_an_exit_with_goodbye(self):
        for leave in (None, KeyboardInterrupt, SystemExit):
            try:
                with flatline.engine("mm1", self.segment) as engine, engine.worker("quoter", 0.1) as quoter:
                    if leave is not None:
                        raise leave
            except (KeyboardInterrupt, SystemExit):
                pass
            self.assertIs(quoter.state, flatline.WorkerState.EXITED)
            self.assertFalse(self.file.exists())

    def test_the_next_block_of_a_worker_that_ended_is_a_restart(self):
        with flatline.engine("mm1", self.segment) as engine:
            for _ in range(3):
                with engine.worker("quoter", 0.1) as quoter:
                    pass
            self.assertEqual(self.word(quoter, flatline._ENGINE_WORKER_RESTARTS), 2)

    def test_what_outlives_the_engine_or_was_refused_writes_nowhere_and_never_raises(self):
        engine = flatline.engine("mm1", self.segment)
        kept, refused = engine.stream(BOOK), engine.worker("", 0.1)
        engine.close()
        self.assertIs(engine.error.code, flatline.Code.INVALID)
        del engine
        kept.echo(1, 2)
        with refused:
            refused.beat()
        self.assertEqual(kept.last_id, 1)

    def test_a_name_in_use_and_a_folder_that_is_not_there_are_named_errors(self):
        with flatline.engine("mm1", self.segment), self.assertRaises(flatline.Error) as caught:
            flatline.engine("mm1", self.segment)
        self.assertIs(caught.exception.code, flatline.Code.IN_USE)
        with self.assertRaises(flatline.Error) as caught:
            flatline.engine("mm1", "/nonexistent/segment")
        self.assertIs(caught.exception.code, flatline.Code.SYSTEM)
        self.assertEqual(list(self.segment.parent.iterdir()), [])

    def test_a_gate_is_bound_to_what_was_echoed(self):
        with flatline.engine("mm1", self.segment) as engine:
            self.assertEqual(engine.own_id(BOOK), 0)
            engine.stream(BOOK).echo(7, 1)
            self.assertEqual(engine.own_id(BOOK), 7)

    def test_a_fingerprint_is_fnv_1a_and_may_fill_all_64_bits(self):
        self.assertEqual(flatline.fingerprint("a"), 0xaf63dc4c8601ec8c)
        with flatline.engine("mm1", self.segment) as engine:
            key = engine.key("binance-usdm/main/user")
            key.extended(flatline.fingerprint("a"))
            self.assertEqual(self.word(key, 2) & (1 << 64) - 1, flatline.fingerprint("a"))


if __name__ == "__main__":
    unittest.main()
