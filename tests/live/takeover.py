#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""flatlined --takeover, against the fake venue: readers that never notice, and whatever dies, lies or comes twice on the way.

    takeover.py --bin DIR NAME                    run one test (what ctest does)
    takeover.py --bin DIR --list                  names
    takeover.py --bin DIR --bench [--count 20]    takeovers under load, counted (scripts/bench takeover)

Nothing asserts a time; waits are bounded by START_SECONDS of the laboratory.
"""
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts"))
from lab import Lab, LabError, LabSkip, Process  # noqa: E402
from run import parser_of, run  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
USDM = "binance-usdm"
BOOK = f"{USDM}/BTCUSDT/depth@100ms"
BBO = f"{USDM}/BTCUSDT/bookTicker"
OKX_BOOKS = "okx/BTC-USDT-SWAP/books"
OKX_BBO = "okx/BTC-USDT-SWAP/bbo-tbt"
GATE = f"{USDM}/BTCUSDT"
OKX_GATE = "okx/BTC-USDT-SWAP"
LOAD_SYMBOLS = ("ETHUSDT", "SOLUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT")
# On a busy machine every program stands still now and then; what is tested here is the takeover.
PATIENT = "detect: {alive_for: 1s}"


class TakeoverLab(Lab):
    """A laboratory with a control socket, and successors."""

    def config(self, streams, extra="", venues=(USDM,), name="flatlined.yaml"):
        body = "streams:\n" + "".join(f"  - {s}\n" for s in streams) + f"control_socket: {self.folder}/control.sock\n{extra}\n"
        return self.write_config(body, venues, name)

    def begin(self, streams=(BOOK, BBO), extra=PATIENT, venues=(USDM,), venue_options=()):
        self.start_venue(*venue_options)
        path = self.config(streams, extra, venues)
        daemon = self.start_sentinel(path, "flatlined-1")
        self.wait_fresh()
        return path, daemon

    def successor(self, config, name, *options, env=None):
        process = Process(self.folder, name, [self.bin / "flatlined", "-c", config, "--takeover", *options], env)
        self.processes.append(process)
        return process

    def wait_says(self, process, text):
        self.wait_until(lambda: text in process.text(), f"{process.name} says {text!r}", process)

    def wait_exit(self, process, seconds=20):
        try:
            return process.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise LabError(f"{process.name} does not leave:\n{process.text()}") from None

    def take_over(self, config, old, name, *options):
        """One whole takeover: the successor runs, the old one has left in order."""
        new = self.successor(config, name, *options)
        self.wait_says(new, "running")
        assert self.wait_exit(old) == 0, old.text()
        return new

    def looker(self, language, gate, stream, *more):
        command = {"C": [self.bin / "looker", self.segment, gate], "Go": [self.bin / "looker_go", self.segment, gate, stream],
                   "Python": ["/usr/bin/python3", HERE / "looker.py", self.segment, gate, stream]}[language]
        if language == "Go" and not (self.bin / "looker_go").exists():
            return None
        process = Process(self.folder, f"looker-{language}{''.join(more)}", [*command, *more])
        self.processes.append(process)
        return process

    def told(self, looker):
        looker.signal(signal.SIGTERM)
        assert self.wait_exit(looker) == 0, looker.text()
        return json.loads(looker.text().splitlines()[-1])

    def files(self):
        ours = {path.name for path in self.folder.iterdir() if path.name.startswith(("flatline.", "control"))}
        return ours - {"flatline.lock", "flatline.advice"} | ({"flatline"} if self.segment.exists() else set())

    def epoch(self):
        return self.status()["epoch"]

    def advice(self):
        return {(row["kind"], row["target"]): row for row in self.status().get("advice", [])}

    def gates(self):
        return {gate["gate"]: gate for gate in self.status()["gates"]}


class Puppet:
    """A successor that does what the test wants: the lines of sentinel/takeover.h, by hand."""

    def __init__(self, lab, path=None):
        self.lab = lab
        self.fds = []
        self.line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.line.settimeout(10)
        self.line.connect(str(path or lab.folder / "control.sock"))

    def ask(self, step, **more):
        self.line.sendall(json.dumps({"do": "takeover", "step": step, **more}).encode() + b"\n")
        text, fds, _, _ = socket.recv_fds(self.line, 65536, 2)
        self.fds += fds
        return json.loads(text) if text else None

    def begin(self, **more):
        found = os.stat(self.lab.segment)
        return self.ask("begin", **{"protocol": 1, "device": found.st_dev, "inode": found.st_ino, "dials": [0, 0, 0, 0], **more})

    def ended(self):
        """Waits until the other side hangs up."""
        return self.line.recv(4096) == b""

    def close(self):
        for fd in self.fds:
            os.close(fd)
        self.line.close()


# ---- readers that never notice


def readers_of(lab):
    lookers = [lab.looker(language, GATE, BOOK) for language in ("C", "Go", "Python")]
    return [looker for looker in lookers if looker is not None]


def takeovers_in_a_row_close_no_gate_and_leave_nothing_behind(lab):
    config, daemon = lab.begin()
    engine = lab.start("toy_engine", "toy_engine", lab.segment, GATE)
    lookers = readers_of(lab)
    lab.wait_until(lambda: "open" in engine.text(), "the engine quotes", engine)
    for i in range(2, 5):
        daemon = lab.take_over(config, daemon, f"flatlined-{i}")
        assert lab.epoch() == i, lab.epoch()
        assert lab.files() == {"flatline", "control.sock"} | {f for f in lab.files() if "engine" in f}, lab.files()
    for told in map(lab.told, lookers):
        assert (told["closed"], told["errors"], told["first_epoch"], told["last_epoch"]) == (0, 0, 1, 4), told
        assert (told["moves"], told["skipped"], told.get("disagreed", 0)) == (3, 0, 0), told
    assert engine.text().count("closed") == 0, engine.text()
    _, text = lab.flatline("engines", "--json")
    assert "toy" in text, text  # the last one watches it as the first did
    assert daemon.alive()


def advice_holds_over_a_takeover_without_a_gap(lab):
    config, daemon = lab.begin((BOOK, BBO, OKX_BOOKS, OKX_BBO), venues=(USDM, "okx"))
    assert lab.flatline("breaker", GATE, "--for", "forever", "--reason", "desk")[0] == 0
    drill = subprocess.Popen([lab.bin / "flatline", "drill", OKX_GATE, "--for", "20s", "--yes", "--segment", lab.segment],
                             stdout=subprocess.DEVNULL)
    lab.wait_until(lambda: len(lab.advice()) == 2, "breaker and drill stand")
    before = lab.advice()
    shut = [lab.looker("C", gate, "", "quote") for gate in (GATE,)]
    successor = lab.successor(config, "flatlined-2")
    given = 0
    while daemon.alive():  # before, in the middle of it, after: each is taken by whoever may take it
        code, text = lab.flatline("pause", OKX_GATE, "--for", "60s", "--reason", f"number {given}")
        assert code == 0, (given, text)
        given += 1
    lab.wait_says(successor, "running")
    after = lab.advice()
    assert lab.epoch() == 2
    for key, row in before.items():
        for word in ("serial", "since_wall_ns", "reason", "drill", "by", "scope"):
            assert after[key].get(word) == row.get(word), (row, after[key])
    paused = after[("pause", OKX_GATE)]
    assert paused["reason"] == f"number {given - 1}" and paused["serial"] == 2 + given, (paused, given)
    told = lab.told(shut[0])
    assert told["closed"] == told["looks"] > 0, told  # not one look that allowed to quote
    assert told["errors"] == 0, told
    assert lab.flatline("breaker", GATE, "clear")[0] == 0
    drill.terminate()
    drill.wait(10)


def a_change_of_configuration_goes_the_same_way(lab):
    _, daemon = lab.begin()
    looker = lab.looker("C", GATE, BOOK)
    more = lab.config((BBO, f"{USDM}/ETHUSDT/depth@100ms", BOOK), PATIENT, name="more.yaml")
    lab.take_over(more, daemon, "flatlined-2")
    assert len(lab.status()["streams"]) == 3
    told = lab.told(looker)
    assert (told["closed"], told["errors"], told["last_epoch"]) == (0, 0, 2), told


# ---- successors that do not come


def cold(lab):
    """From now on whoever subscribes gets nothing."""
    lab.command(f"silent-subscribe {BOOK}")


def untouched(lab, daemon, epoch=1):
    assert daemon.alive()
    status = lab.status()
    assert status["epoch"] == epoch and all(s["fresh"] for s in status["streams"]), status
    assert lab.files() == {"flatline", "control.sock"}, lab.files()
    assert lab.flatline("breaker", GATE, "--for", "1ms", "--reason", "it still listens")[0] == 0
    done = subprocess.run([lab.bin / "flatlined", "-c", lab.folder / "flatlined.yaml"], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 1 and "holds the lock" in done.stderr, done


def a_successor_that_stays_cold_gives_up_and_says_which_gate(lab):
    config, daemon = lab.begin()
    looker = lab.looker("C", GATE, BOOK)
    cold(lab)
    successor = lab.successor(config, "flatlined-2", "--within", "2s")
    assert lab.wait_exit(successor) == 1
    assert "not warm within 2 s" in successor.text() and GATE in successor.text() and BOOK in successor.text(), successor.text()
    untouched(lab, daemon)
    told = lab.told(looker)
    assert (told["closed"], told["errors"], told["moves"]) == (0, 0, 0), told


def two_successors_at_once_are_one_and_a_named_error(lab):
    config, daemon = lab.begin()
    cold(lab)
    first = lab.successor(config, "flatlined-2", "--within", "60s")
    lab.wait_says(daemon, "warms up")
    second = lab.successor(config, "flatlined-3")
    assert lab.wait_exit(second) == 1
    assert "another successor is taking over" in second.text(), second.text()
    first.signal(signal.SIGTERM)
    assert lab.wait_exit(first) == 1
    lab.wait_says(daemon, "withdrawn")
    lab.command("clear")
    lab.take_over(config, daemon, "flatlined-4")


def where_none_runs_or_the_segment_is_another_there_is_nobody_to_take_over_from(lab):
    config, daemon = lab.begin()
    other = lab.folder / "other.yaml"
    other.write_text(config.read_text().replace("name: flatline}", "name: elsewhere}"))
    stray = lab.successor(other, "stray")
    assert lab.wait_exit(stray) == 1
    assert "elsewhere" in stray.text() and "start without --takeover" in stray.text(), stray.text()
    puppet = Puppet(lab)
    assert puppet.begin(inode=1)["error"] == "other_segment"
    assert puppet.begin(protocol=2)["error"] == "protocol"
    assert puppet.ask("lock")["error"] == "usage"
    puppet.close()
    untouched(lab, daemon)
    daemon.signal(signal.SIGTERM)
    assert lab.wait_exit(daemon) == 0
    late = lab.successor(config, "late")
    assert lab.wait_exit(late) == 1
    assert "start without --takeover" in late.text(), late.text()


def a_member_of_the_control_group_may_advise_but_not_take_over(lab):
    if os.geteuid() != 0:
        raise LabSkip("needs root, to be somebody else")
    lab.folder.chmod(0o755)
    _, daemon = lab.begin(extra=f"{PATIENT}\ncontrol_group: nogroup")
    program = ("import os, socket, sys\nos.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
               "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
               "s.sendall(b'{\"do\":\"takeover\",\"step\":\"begin\"}\\n'); print(s.recv(4096).decode())")
    done = subprocess.run(["/usr/bin/python3", "-c", program, lab.folder / "control.sock"], capture_output=True, text=True, timeout=20, check=False)
    assert "only root and the sentinel's own user may take over" in done.stdout, done
    untouched(lab, daemon)


# ---- deaths and lies, step by step


def a_successor_that_hangs_with_the_lock_is_waited_for_two_seconds_and_no_more(lab):
    _, daemon = lab.begin()
    looker = lab.looker("C", GATE, BOOK)
    puppet = Puppet(lab)
    assert puppet.begin()["epoch"] == 1
    assert puppet.ask("lock")["ok"] is True and len(puppet.fds) == 2
    assert json.loads(os.pread(puppet.fds[1], 65536, 0))["advice"] == []
    assert puppet.ended()
    lab.wait_says(daemon, "it took too long")
    puppet.close()
    untouched(lab, daemon)
    assert lab.told(looker)["closed"] == 0


def a_lie_under_the_name_is_taken_back(lab):
    _, daemon = lab.begin()
    puppet = Puppet(lab)
    assert puppet.begin()["ok"] and puppet.ask("lock")["ok"]
    (lab.folder / "flatline.next").write_bytes(b"no segment" * 1000)
    (lab.folder / "flatline.next").rename(lab.segment)
    assert puppet.ask("done")["error"] == "not_a_successor"
    puppet.close()
    untouched(lab, daemon)


def a_successor_that_dies_under_the_name_gives_it_back(lab):
    _, daemon = lab.begin()
    looker = lab.looker("C", GATE, BOOK)
    puppet = Puppet(lab)
    assert puppet.begin()["ok"] and puppet.ask("lock")["ok"]
    (lab.folder / "flatline.next").write_bytes(b"")
    (lab.folder / "flatline.next").rename(lab.segment)
    puppet.close()
    lab.wait_says(daemon, "the name is ours again")
    untouched(lab, daemon)
    assert lab.told(looker)["closed"] == 0


def an_old_one_that_dies_during_the_warm_up_is_followed_at_once(lab):
    config, daemon = lab.begin()
    assert lab.flatline("breaker", GATE, "--for", "forever", "--reason", "before the crash")[0] == 0
    cold(lab)
    successor = lab.successor(config, "flatlined-2", "--within", "60s")
    lab.wait_says(daemon, "warms up")
    time.sleep(random.random() * 0.3)
    daemon.signal(signal.SIGKILL)
    lab.wait_says(successor, "running")
    assert lab.epoch() == 2
    assert lab.advice()[("breaker", GATE)]["serial"] == 1, lab.advice()  # from the state file, as after a crash
    assert lab.files() == {"flatline", "control.sock"}, lab.files()


def killed_at_any_moment_one_of_the_two_goes_on(lab):
    """Successor or old one killed at random moments of a takeover: one sentinel stands, alive, with lock and socket."""
    config, daemon = lab.begin()
    number = 1
    for trial in range(10):
        number += 1
        epoch = lab.epoch()
        start = time.monotonic()
        successor = lab.successor(config, f"flatlined-{number}")
        victim = successor if trial % 2 == 0 else daemon
        # most of the trials at the end of the warm-up, where the steps are; "warms up" alone may be of an earlier trial
        lab.wait_says(daemon, f"process {successor.child.pid} warms up")
        time.sleep(max(0.0, random.uniform(0.1, 0.6) - (time.monotonic() - start)))
        victim.signal(signal.SIGKILL)
        victim.child.wait(10)

        def decided():
            living = [p for p in (daemon, successor) if p.alive()]
            status = lab.status()
            if not living or victim is successor and status["epoch"] != epoch:
                return not living  # it had taken over: the old one is leaving
            return len(living) == 1 and status["alive"] and not {"flatline.next", "flatline.old"} & lab.files()

        lab.wait_until(decided, f"trial {trial}: one goes on", None, 30)
        if not daemon.alive() and not successor.alive():
            # killed when it had taken over already, and the old one was leaving: a crash like any other
            assert victim is successor and "has taken over" in daemon.text(), daemon.text()
            successor = lab.start_sentinel(config, f"flatlined-{number}-again")
        daemon = daemon if daemon.alive() else successor
        lab.wait_fresh(30)
        lab.wait_until(lambda: lab.flatline("breaker", GATE, "--for", "1ms", "--reason", "listening")[0] == 0, f"trial {trial}: it listens")
        third = subprocess.run([lab.bin / "flatlined", "-c", config], capture_output=True, text=True, timeout=20, check=False)
        assert third.returncode == 1 and "holds the lock" in third.stderr, (trial, third)


# ---- the service manager


def a_service_manager_is_told_of_the_new_main_process_and_of_no_stop(lab):
    lab.start_venue()
    config = lab.config((BOOK, BBO), PATIENT)
    address = lab.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(address))
        notify.settimeout(20)
        environment = {**os.environ, "NOTIFY_SOCKET": str(address)}
        environment.pop("WATCHDOG_PID", None)
        old = Process(lab.folder, "flatlined-1", [lab.bin / "flatlined", "-c", config], environment)
        lab.processes.append(old)
        assert notify.recv(4096).startswith(b"READY=1")
        lab.wait_fresh()
        done = subprocess.run([lab.bin / "flatlined", "-c", config, "--takeover", "--detach"], env=environment, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        words = notify.recv(4096).decode().splitlines()
        pid = int(words[0].removeprefix("MAINPID="))
        try:
            assert done.returncode == 0, done  # it returns once the other has taken over
            assert words[1:3] == ["READY=1", "WATCHDOG=1"], words
            assert lab.wait_exit(old) == 0
            assert lab.epoch() == 2
            notify.settimeout(0.5)
            try:
                raise AssertionError(f"heard {notify.recv(4096)}")  # neither STOPPING=1 of the old one nor anything else
            except TimeoutError:
                pass
        finally:
            os.kill(pid, signal.SIGTERM)
        notify.settimeout(20)
        assert notify.recv(4096) == b"STOPPING=1"
        lab.wait_until(lambda: not lab.segment.exists(), "it leaves in order")


TESTS = [
    takeovers_in_a_row_close_no_gate_and_leave_nothing_behind,
    advice_holds_over_a_takeover_without_a_gap,
    a_change_of_configuration_goes_the_same_way,
    a_successor_that_stays_cold_gives_up_and_says_which_gate,
    two_successors_at_once_are_one_and_a_named_error,
    where_none_runs_or_the_segment_is_another_there_is_nobody_to_take_over_from,
    a_member_of_the_control_group_may_advise_but_not_take_over,
    a_successor_that_hangs_with_the_lock_is_waited_for_two_seconds_and_no_more,
    a_lie_under_the_name_is_taken_back,
    a_successor_that_dies_under_the_name_gives_it_back,
    an_old_one_that_dies_during_the_warm_up_is_followed_at_once,
    killed_at_any_moment_one_of_the_two_goes_on,
    a_service_manager_is_told_of_the_new_main_process_and_of_no_stop,
]


# ---- the benchmark


def frames(lab):
    _, text = lab.flatline("dump", "--json")
    return sum(row["frames"] for line in text.splitlines() for row in json.loads(line).get("CONNECTIONS", []))


def bench(bin_dir, count, rate):
    """Takeovers under load, with a reader in each language that looks without a pause, and a watched engine."""
    with TakeoverLab(bin_dir) as lab:
        streams = [BOOK, BBO, OKX_BOOKS, OKX_BBO] + [f"{USDM}/{s}/{c}" for s in LOAD_SYMBOLS for c in ("depth@100ms", "bookTicker")]
        config, daemon = lab.begin(streams, "", (USDM, "okx"), ("--rate", str(rate)))
        engine = lab.start("toy_engine", "toy_engine", lab.segment, GATE)
        lookers = readers_of(lab)
        time.sleep(1.0)
        begun, before = time.monotonic(), frames(lab)
        time.sleep(2.0)
        print(f"{len(streams)} streams, {(frames(lab) - before) / (time.monotonic() - begun):.0f} frames a second to each sentinel", flush=True)
        exits, epochs, seconds = [], [], []
        for i in range(2, count + 2):
            start = time.monotonic()
            successor = lab.successor(config, f"flatlined-{i}")
            lab.wait_says(successor, "running")
            seconds.append(time.monotonic() - start)
            exits.append(lab.wait_exit(daemon))
            epochs.append(lab.epoch())
            daemon = successor
        watched = "toy" in lab.flatline("engines", "--json")[1]
        tallies = [lab.told(looker) for looker in lookers]
        quotes_pulled = engine.text().count("closed")
        leftover = sorted(f for f in lab.files() if "engine" not in f)
    print(f"takeovers            {len(exits)}, each in {min(seconds):.2f} to {max(seconds):.2f} s")
    print(f"exit codes           {sorted(set(exits))}")
    print(f"epochs               {epochs[0]} to {epochs[-1]}, each one more: {epochs == list(range(2, count + 2))}")
    print(f"engine still watched {watched}; times its quotes were pulled: {quotes_pulled}")
    print(f"files left           {' '.join(leftover)}")
    for t in tallies:
        print(f"reader in {t['language']:<7} {t['looks']:>11} looks, {t['closed']} closed, {t['errors']} errors, "
              f"epochs {t['first_epoch']} to {t['last_epoch']} in {t['moves']} moves, the longest {t['longest_move_us']} us")
        for why in t["whys"]:
            print(f"    closed: {why}")
    good = (set(exits) == {0} and epochs == list(range(2, count + 2)) and watched and quotes_pulled == 0 and
            all(t["closed"] == t["errors"] == t["skipped"] == 0 and t["moves"] == count for t in tallies))
    print("no gate closed, no reader error" if good else "NOT as it should be")
    return 0 if good else 1


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--bench", action="store_true")
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--rate", type=int, default=2000, help="book changes a second of each symbol")
    options = parser.parse_args()
    if options.bench:
        return bench(options.bin, options.count, options.rate)
    return run(TESTS, options, TakeoverLab)


if __name__ == "__main__":
    sys.exit(main())
