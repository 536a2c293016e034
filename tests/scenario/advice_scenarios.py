# SPDX-License-Identifier: MIT
"""Scenarios of advice: the control socket, breakers, drills, restarts."""
import json
import os
import shutil
import signal
import socket
import subprocess
import time

from lab import Lab, LabError
from shape import BOOK, OKX_BOOKS, USDM, counter, healthy


def start_advised(lab, more=""):
    """A daemon with a control socket and two gates, fresh; returns its process and configuration."""
    lab.start_venue()
    config = lab.write_config(f"streams:\n  - {BOOK}\n  - {OKX_BOOKS}\n"
                              f"gates: {{usdm: [{BOOK}], okx: [{OKX_BOOKS}]}}\n"
                              f"control_socket: {lab.folder}/control.sock\n{more}", [USDM, "okx"])
    sentinel = lab.start_sentinel(config)
    lab.wait_fresh()
    return sentinel, config


def expect(lab, complaints, *argv, code=0):
    """Runs a command that must leave with this code; returns what it said."""
    got, text = lab.flatline(*argv)
    if got != code:
        complaints.append(f"flatline {' '.join(argv)}: exit {got} instead of {code}")
    return text


def quotes(lab):
    """{gate: why it may not quote, FRESH if it may}."""
    return {gate["gate"]: gate["quote_why"] for gate in lab.status()["gates"]}


def expect_quotes(lab, complaints, when, **wanted):
    got = quotes(lab)
    if got != wanted:
        complaints.append(f"{when}: {got} instead of {wanted}")


ADVICE_EVENTS = {6: "advice", 7: "advice_end", 8: "drill", 9: "drill_end"}


def expect_told(lab, complaints, wanted):
    """Waits until the event ring tells this of advice, from the sentinel's start."""
    told = []

    def looked():
        events = json.loads(lab.flatline("dump", "--json")[1])["EVENTS"]
        told[:] = [ADVICE_EVENTS[e["type"]] for e in sorted(events, key=lambda e: e["number"]) if e["type"] in ADVICE_EVENTS]
        return told == wanted

    try:
        lab.wait_until(looked, "the event ring tells of it", None, 5)
    except LabError:
        complaints.append(f"the event ring tells {told} instead of {wanted}")


def advice_closes_its_gates_and_ends_by_time(bin_dir, keep):
    """breaker, pause, reduce through the control socket: the gates meant may not quote, data stays fresh, time opens them."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        start_advised(lab)
        expect(lab, complaints, "breaker", "usdm", "--for", "3s", "--reason", "a test")
        expect_quotes(lab, complaints, "breaker on one gate", usdm="BREAKER", okx="FRESH")
        if not healthy(lab):
            complaints.append("a breaker touched the data")
        lab.wait_until(lambda: quotes(lab)["usdm"] == "FRESH", "the breaker ends by time", None, 10)
        expect(lab, complaints, "pause", "okx", "--for", "forever", "--reason", "a calendar")
        expect(lab, complaints, "reduce", "*", "--for", "1h", "--reason", "thin books")
        expect_quotes(lab, complaints, "pause", usdm="FRESH", okx="PAUSED")
        listed = json.loads(expect(lab, complaints, "advice", "--json"))
        got = [(a["kind"], a["target"], a["scope"], a["reason"], a["left_ns"] is None) for a in listed]
        if got != [("reduce", "*", "all", "thin books", False), ("pause", "okx", "gate", "a calendar", True)]:
            complaints.append(f"advice lists {got}")
        expect(lab, complaints, "pause", "okx", "clear")
        expect(lab, complaints, "pause", "okx", "clear", code=1)
        expect_quotes(lab, complaints, "pause cleared", usdm="FRESH", okx="FRESH")
        expect(lab, complaints, "breaker", "nonsense", "--for", "1s", "--reason", "x", code=2)
        expect(lab, complaints, "breaker", "usdm", "--reason", "x", code=2)
        expect(lab, complaints, "breaker", "usdm", "--for", "1s", "--reason", "x", "--socket", "/nonexistent", code=3)
        expect_told(lab, complaints, ["advice", "advice_end", "advice", "advice", "advice_end"])
    return complaints


def advice_survives_a_kill_and_an_orderly_restart(bin_dir, keep):
    """kill -9, then SIGTERM: what was advised stands before the gate can be fresh; what ran out meanwhile does not."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        sentinel, config = start_advised(lab)
        expect(lab, complaints, "breaker", USDM, "--for", "1h", "--reason", "to be kept")
        expect(lab, complaints, "pause", "okx", "--for", "1s", "--reason", "to run out")
        serial = json.loads(expect(lab, complaints, "advice", "--json"))[1]["serial"]
        for number, how in enumerate((signal.SIGKILL, signal.SIGTERM)):
            sentinel.signal(how)
            sentinel.child.wait(10)
            time.sleep(1.1)
            lab.segment.unlink(missing_ok=True)
            sentinel = lab.start_sentinel(config, f"flatlined-{number}")
            seen = []
            lab.wait_until(lambda: seen.append(quotes(lab)) or healthy(lab), "all streams are fresh again", None, 20)
            if any(look.get("usdm") == "FRESH" for look in seen):
                complaints.append("the breaker was closed for a moment after the restart")
            expect_quotes(lab, complaints, f"after signal {how}", usdm="BREAKER", okx="FRESH")
        listed = json.loads(expect(lab, complaints, "advice", "--json"))
        if [(a["serial"], a["kind"], a["target"]) for a in listed] != [(serial, "breaker", USDM)]:
            complaints.append(f"advice lists {listed}")
        if expect(lab, complaints, "reduce", "okx", "--for", "1s", "--reason", "x", "--json").find(f'"serial":{serial + 2}') < 0:
            complaints.append("the serial did not go on where it was")
        sentinel.signal(signal.SIGKILL)
        sentinel.child.wait(10)
        (lab.folder / "flatline.advice").write_text("not what we wrote")
        lab.segment.unlink(missing_ok=True)
        lab.start_sentinel(config, "flatlined-damaged")
        lab.wait_fresh()
        expect_quotes(lab, complaints, "with a damaged file", usdm="BREAKER", okx="BREAKER")
        expect(lab, complaints, "breaker", "*", "clear")
        expect_quotes(lab, complaints, "with a damaged file, cleared", usdm="FRESH", okx="FRESH")
    return complaints


def strangers_and_hostile_lines_move_nothing(bin_dir, keep):
    """Another user is refused and counted, by the file's mode and by the kernel's word; hostile lines are answered and survived."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        sentinel, _ = start_advised(lab)
        path = lab.folder / "control.sock"
        order = '{"do":"give","kind":"breaker","target":"*","for_ns":null,"reason":"x"}'
        hostile = ("", "{", "[]", "7", "null", "[" * 900, '{"do":"give"}', '{"do":7}', order.replace("null", "-1"),
                   order.replace("null", "1e9"), order.replace("null", str(2**62)), order.replace('"x"', "7"),
                   order.replace('"x"', '"\\u001b[2J"'), order.replace('"*"', '"' + "g" * 64 + '"'), order + order,
                   order.replace("breaker", "brake"), order.replace("give", "drill"))
        for line in hostile:
            answer = json.loads(ask(path, line.encode() + b"\n"))
            if answer["ok"]:
                complaints.append(f"taken: {line[:60]!r}")
        for raw in (b"\xff\xfe\n", b"\0\0\0\n", b"x" * 5000, b"\n" * 700):
            if b'"ok":true' in ask(path, raw):
                complaints.append(f"taken: {raw[:20]!r}")
        wanted = {"usdm": "FRESH", "okx": "FRESH"}
        if os.geteuid() == 0:
            lab.folder.chmod(0o755)
            for mode in (0o660, 0o666):
                path.chmod(mode)
                done = stranger(lab, "breaker", "*", "--for", "forever", "--reason", "mischief", "--socket", str(path))
                if done.returncode != 1 or "may act" not in done.stderr:
                    complaints.append(f"a stranger, mode {mode:o}: exit {done.returncode} {done.stderr}")
            lab.wait_until(lambda: counter(lab, "control_refused") == 1, "the refusal is counted", None, 5)
        expect_quotes(lab, complaints, "after all of it", **wanted)
        expect(lab, complaints, "breaker", "*", "--for", "1h", "--reason", "meant")
        expect_quotes(lab, complaints, "and still served", usdm="BREAKER", okx="BREAKER")
        if not sentinel.alive():
            complaints.append("the daemon died")
    return complaints


def ask(path, raw):
    """One send to the control socket, and all that comes back of the first line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(5)
        caller.connect(str(path))
        try:
            caller.sendall(raw)
        except BrokenPipeError:
            pass
        answer = b""
        while not answer.endswith(b"\n"):
            try:
                piece = caller.recv(65536)
            except ConnectionResetError:
                break
            if not piece:
                break
            answer += piece
        return answer.splitlines()[0] if answer else b""


def stranger(lab, *argv):
    """Runs flatline as nobody, in no group that could matter; the program is opened before it becomes one."""
    program = lab.folder / "flatline-of-a-stranger"
    if not program.exists():
        shutil.copy(lab.bin / "flatline", program)
        program.chmod(0o755)
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", str(program), *argv],
                          capture_output=True, text=True, timeout=20, check=False)


def a_drill_closes_one_gate_and_says_so(bin_dir, keep):
    """drill: needs --yes, closes its gate alone, opens it by time, every event carries DRILL, a real breaker outlasts it."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        start_advised(lab)
        expect(lab, complaints, "drill", "usdm", "--for", "300ms", code=2)
        expect(lab, complaints, "drill", "nonsense", "--yes", code=2)
        expect(lab, complaints, "drill", "usdm", "--for", "2m", "--yes", code=2)
        lab.start("toy", "toy_engine", str(lab.segment), "usdm")
        time.sleep(0.6)
        for _ in range(3):
            report = json.loads(expect(lab, complaints, "drill", "usdm", "--for", "300ms", "--yes", "--json", "--report", str(lab.folder)))
            if report["type"] != "DRILL" or not report["could_quote"] or report["why"] != "FRESH":
                complaints.append(f"the drill reports {report}")
            if not 0 <= report["closed_after_ns"] < report["opened_after_ns"] >= 3e8:
                complaints.append(f"closed and opened at {report}")
        expect_told(lab, complaints, ["drill", "drill_end"] * 3)
        expect(lab, complaints, "breaker", "usdm", "--for", "1h", "--reason", "meant")
        child = lab.start("drill", "flatline", "drill", "usdm", "--for", "200ms", "--yes", "--report", lab.folder, "--segment", lab.segment)
        child.child.wait(15)
        expect_quotes(lab, complaints, "a breaker that is meant outlasts a drill", usdm="BREAKER", okx="FRESH")
    return complaints


SCENARIOS = (
    advice_closes_its_gates_and_ends_by_time,
    advice_survives_a_kill_and_an_orderly_restart,
    strangers_and_hostile_lines_move_nothing,
    a_drill_closes_one_gate_and_says_so,
)
