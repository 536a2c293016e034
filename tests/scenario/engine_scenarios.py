# SPDX-License-Identifier: MIT
"""Scenarios of engines: the toy engines, and engine_puppet, a real engine that does as it is told."""
import json
import pathlib
import signal
import subprocess
import time

from lab import Lab, LabError
from shape import BBO, BOOK, USDM, USER, faults_since


def troubles_of_an_engine(bin_dir, keep, language):
    """What is wrong with the findings. An engine whose loop stands still falls behind, too."""
    troubles = (
        (signal.SIGSTOP, "ENGINE_STALLED", lambda e: e["process"] == 1 and e["worker_state"] == 1, signal.SIGCONT),
        (signal.SIGUSR2, "ENGINE_STALLED", lambda e: e["process"] == 0 and e["worker_state"] == 1, None),
        (signal.SIGUSR1, "ENGINE_STALLED", lambda e: e["worker_state"] == 3, None),
        (signal.SIGKILL, "ENGINE_GONE", lambda e: e["workers"] == 1, None),
        (signal.SIGTERM, None, None, None),
    )
    complaints = []
    with Lab(bin_dir, keep) as lab:
        lab.start_venue()
        lab.start_sentinel(lab.write_config(f"streams:\n  - {BOOK}\ngates:\n  quote: {{streams: [{BOOK}]}}", [USDM]))
        watch = lab.watch()
        lab.wait_fresh()
        for number, kind, proves, after in troubles:
            toy = lab.start_toy(f"toy-{number}", "quote", language)
            lab.wait_until(lambda toy=toy: '"open"' in toy.text(), "the toy engine quotes", toy)
            time.sleep(0.5)  # found within 250 ms, and a few beats
            listed = [(e["engine"], e["process"]) for e in json.loads(lab.flatline("engines", "--json")[1])]
            complaints += [] if listed == [("toy-quote", "alive")] else [f"listed: {listed}"]
            since_ns = time.monotonic_ns()
            toy.signal(number)
            ignored = {"SELF_STALL", "ENGINE_BEHIND"} if kind == "ENGINE_STALLED" else {"SELF_STALL"}
            found = watch.wait(lambda r, ignored=ignored: r["type"] == "fault" and r["kind"] not in ignored, since_ns, 3.0 if kind else 1.0)
            told = (found["kind"], found["text"]) if found else (None, "")
            if told[0] != kind or (kind and (not told[1].startswith("toy-quote") or not proves(found["evidence"]))):
                complaints.append(f"after signal {number}: {found}")
            if after:
                toy.signal(after)
            toy.stop()
            time.sleep(0.5)
            others = {r["kind"] for r in faults_since(watch, since_ns)} - {kind, *ignored}
            complaints += [f"after signal {number}, too: {others}"] if others else []
        if any(r["kind"].startswith("ENGINE") for r in json.loads(lab.flatline("faults", "--open", "--json")[1])):
            complaints.append("a fault of an engine still stands after its goodbye")
        if lab.flatline("engines", "--json") != (3, "[]\n"):
            complaints.append("an engine is listed after its goodbye")
    return complaints


def each_trouble_of_an_engine_is_found_by_its_name(bin_dir, keep):
    """A toy engine stopped, blocked, panicking, killed, and one that says goodbye: the right fault each, nobody else accused."""
    return troubles_of_an_engine(bin_dir, keep, "c")


def each_trouble_of_an_engine_in_cpp_is_found_by_its_name(bin_dir, keep):
    """The same of the toy engine in C++."""
    return troubles_of_an_engine(bin_dir, keep, "cpp")


def each_trouble_of_an_engine_in_go_is_found_by_its_name(bin_dir, keep):
    """The same of the toy engine in Go."""
    return troubles_of_an_engine(bin_dir, keep, "go")


def each_trouble_of_an_engine_in_python_is_found_by_its_name(bin_dir, keep):
    """The same of the toy engine in Python."""
    return troubles_of_an_engine(bin_dir, keep, "python")


class Puppet:
    """engine_puppet: tell() a command, get its answer."""

    def __init__(self, lab, name, stream, gate):
        self.child = subprocess.Popen([str(lab.bin / "engine_puppet"), str(lab.segment), name, stream, gate],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def tell(self, command):
        self.child.stdin.write(command + "\n")
        answer = self.child.stdout.readline()
        if not answer:
            raise LabError(f"the puppet left at {command!r}")
        return json.loads(answer)

    def leave(self):
        if not self.child.stdin.closed:
            self.child.stdin.close()  # it says goodbye
            self.child.wait(10)
            self.child.stdout.close()


def start(lab, gate="", more=""):
    """Daemon, venue, control socket and a gate `quote`, all fresh; returns the watch."""
    lab.start_venue()
    lab.start_sentinel(lab.write_config(f"streams:\n  - {BBO}\ngates:\n  quote: {{streams: [{BBO}]{gate}}}\n"
                                        f"control_socket: {lab.folder}/control.sock\n{more}", [USDM]))
    watch = lab.watch()
    lab.wait_fresh(but=(USER,))
    return watch


def is_fault(kind, kinds=("fault",)):
    return lambda record: record["type"] in kinds and record.get("kind") == kind


def gates(lab):
    return {gate["gate"]: gate for gate in lab.status()["gates"]}


def engine_faults(watch, since_ns):
    return [(r["type"], r["kind"]) for r in watch.since(since_ns)
            if r["type"].endswith(("fault", "clear")) and r["kind"] != "SELF_STALL"]


def an_engine_that_falls_behind_is_found_and_its_own_gate_closes(bin_dir, keep):
    """require: both: the gate is open for who has what is due, and shut for him alone when he falls behind; ENGINE_BEHIND, and its end."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        watch = start(lab, ", require: both")
        with Puppet(lab, "mm1", BBO, "quote") as puppet:
            puppet.tell("follow")
            time.sleep(1.0)
            since_ns = time.monotonic_ns()
            fell = puppet.tell("fall")
            found = watch.wait(is_fault("ENGINE_BEHIND"), since_ns, 5)
            if fell["why"] != "ENGINE_BEHIND" or not fell["fresh"] or not 0 < fell["missed_ns"] <= fell["own_ns"] <= fell["gate_ns"]:
                complaints.append(f"the engine itself says {fell}")
            if found is None or found["evidence"]["own_id"] >= found["evidence"]["due_id"] or not found["text"].startswith("mm1/"):
                complaints.append(f"found: {found}")
            gate = gates(lab)["quote"]
            if (gate["require"], gate["fresh"], gate["why"]) != ("both", True, "FRESH"):
                complaints.append(f"to who only watches the gate is {gate}")
            puppet.tell("follow")
            if watch.wait(is_fault("ENGINE_BEHIND", ("clear",)), since_ns, 5) is None:
                complaints.append("it does not end when the engine has caught up")
            if engine_faults(watch, since_ns) != [("fault", "ENGINE_BEHIND"), ("clear", "ENGINE_BEHIND")]:
                complaints.append(f"all that was found: {engine_faults(watch, since_ns)}")
    return complaints


def quotes_that_outlive_the_gate_are_found_whatever_closed_it(bin_dir, keep):
    """ENGINE_QUOTING behind a breaker and behind data that ended; not of an engine that pulls its quotes."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        watch = start(lab)
        with Puppet(lab, "good", BBO, "quote") as good, Puppet(lab, "bad", BBO, "quote") as bad:
            for puppet in (good, bad):
                puppet.tell("follow")
            good.tell("quote")
            bad.tell("stubborn")
            time.sleep(0.6)
            for close, reopen in ((lambda: lab.flatline("breaker", "quote", "--for", "1h", "--reason", "a test"),
                                   lambda: lab.flatline("breaker", "quote", "clear")),
                                  (lambda: lab.command(f"mute {BBO}"), lambda: lab.command(f"unmute {BBO}"))):
                since_ns = time.monotonic_ns()
                close()
                found = watch.wait(is_fault("ENGINE_QUOTING"), since_ns, 10)
                if found is None or found["text"] != "bad/quote" or found["drill"]:
                    complaints.append(f"found: {found}")
                reopen()
                if watch.wait(is_fault("ENGINE_QUOTING", ("clear",)), since_ns, 10) is None:
                    complaints.append("it does not end with the gate's opening")
                told = [t for t in engine_faults(watch, since_ns) if t[1] == "ENGINE_QUOTING"]
                if told != [("fault", "ENGINE_QUOTING"), ("clear", "ENGINE_QUOTING")]:
                    complaints.append(f"all that was found: {told}")
                time.sleep(0.3)
                bad.tell("pull")
                bad.tell("stubborn")
    return complaints


def reports_that_do_not_come_are_overdue(bin_dir, keep):
    """REPORT_OVERDUE: nothing before a thousand samples; three in a row, and one beyond two seconds; it ends with the report."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        watch = start(lab)
        with Puppet(lab, "mm1", BBO, "quote") as puppet:
            puppet.tell("follow")
            puppet.tell("trade 1100")
            for orders, late in ((3, 3), (1, None)):
                since_ns = time.monotonic_ns()
                for _ in range(orders):
                    puppet.tell("order")
                found = watch.wait(is_fault("REPORT_OVERDUE"), since_ns, 8)
                if found is None or found["evidence"]["samples"] < 1000 or found["text"] != "mm1/orders":
                    complaints.append(f"after {orders} orders: {found}")
                elif late is not None and found["evidence"]["late_in_row"] != late:
                    complaints.append(f"after {orders} orders: {found['evidence']}")
                puppet.tell("report")
                if watch.wait(is_fault("REPORT_OVERDUE", ("clear",)), since_ns, 8) is None:
                    complaints.append("it does not end with the report")
                puppet.tell("trade 10")
    return complaints


def a_drill_tells_who_reacted_and_pages_nobody(bin_dir, keep):
    """drill: both engines' reactions, a dated report, DRILL on every event and fault, check stays green; exit 1 where one did not stop."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        watch = start(lab)
        reports = lab.folder / "reports"
        argv = ("drill", "quote", "--for", "400ms", "--yes", "--json", "--report", str(reports))
        if lab.flatline(*argv)[0] != 1:
            complaints.append("a drill without an engine passes")
        with Puppet(lab, "one", BBO, "quote") as one, Puppet(lab, "two", BBO, "quote") as two:
            for puppet in (one, two):
                puppet.tell("follow")
                puppet.tell("quote")
            time.sleep(0.6)
            since_ns = time.monotonic_ns()
            code, text = lab.flatline(*argv)
            told = json.loads(text)
            reactions = {e["engine"]: (e["quoted"], e["reacted"], e["seen_closed_after_ns"], e["pulled_after_ns"]) for e in told["engines"]}
            if code != 0 or not told["passed"] or set(reactions) != {"one", "two"}:
                complaints.append(f"exit {code}: {told}")
            if not all(quoted and reacted and 0 < seen <= pulled < 4e8 for quoted, reacted, seen, pulled in reactions.values()):
                complaints.append(f"reactions: {reactions}")
            report = pathlib.Path(told["report"])
            if json.loads(report.read_text())["serial"] != told["serial"] or "passed" not in report.with_suffix(".txt").read_text():
                complaints.append("the report's files do not say the same")
            two.tell("stubborn")
            background = subprocess.Popen([str(lab.bin / "flatline"), *argv[:2], "--for", "1s", *argv[4:], "--segment", str(lab.segment)],
                                          stdout=subprocess.PIPE, text=True)
            found = watch.wait(is_fault("ENGINE_QUOTING", ("drill_fault",)), since_ns, 5)
            checked = lab.flatline("check", "--json")
            listed = json.loads(lab.flatline("faults", "--open", "--json")[1])
            told = json.loads(background.communicate(timeout=20)[0])
            if found is None or not found["drill"] or found["text"] != "two/quote":
                complaints.append(f"found: {found}")
            if [(f["kind"], f["drill"]) for f in listed if f["kind"] != "SELF_STALL"] != [("ENGINE_QUOTING", True)]:
                complaints.append(f"listed: {listed}")
            if any(p["why"] == "ENGINE_QUOTING" for p in json.loads(checked[1])["problems"]):
                complaints.append(f"check is troubled by an exercise: {checked}")
            if background.returncode != 1 or told["passed"] or {e["engine"]: e["reacted"] for e in told["engines"]} != {"one": True, "two": False}:
                complaints.append(f"exit {background.returncode}: {told}")
            if [(f["kind"], f["drill"]) for f in told["faults"]] != [("ENGINE_QUOTING", True)]:
                complaints.append(f"the report's faults: {told['faults']}")
            if watch.wait(is_fault("ENGINE_QUOTING", ("drill_clear",)), since_ns, 5) is None:
                complaints.append("what the drill found does not end with it")
            types = {r["type"] for r in watch.since(since_ns) if r.get("kind") not in ("SELF_STALL",)}
            if not types <= {"drill", "drill_end", "drill_fault", "drill_clear"}:
                complaints.append(f"events without DRILL: {types}")
    return complaints


def advice_is_acknowledged_engine_by_engine(bin_dir, keep):
    """flatline advice shows when each engine acted upon it; the toy engine does, another that has no slot for it is not asked."""
    complaints = []
    with Lab(bin_dir, keep) as lab:
        start(lab)
        lab.start("toy", "toy_engine", str(lab.segment), "quote")
        time.sleep(0.6)
        with Puppet(lab, "silent", BBO, "quote"):
            for kind, asked in (("breaker", True), ("reduce", False)):
                lab.flatline(kind, "quote", "--for", "1h", "--reason", "a test")
                time.sleep(0.3)
                listed = json.loads(lab.flatline("advice", "--json")[1])
                told = next(a for a in listed if a["kind"] == kind)
                got = [(e["engine"], e["acknowledged"], e["sequence"] == told["serial"], e["after_ns"] is not None) for e in told["engines"]]
                if got != ([("toy-quote", True, True, True)] if asked else []):
                    complaints.append(f"{kind}: {told}")
            if "toy-quote " not in lab.flatline("advice")[1]:
                complaints.append("not in the table")
    return complaints


def a_key_kept_by_an_engine_is_leased_on_its_word(bin_dir, keep):
    """key: engine, without an API key: closed until key and proof are reported, counted down, revoked when the engine leaves."""
    complaints = []
    more = f"user_data:\n  {USDM}: {{account: main, key: engine}}\ndetect: {{key_life: 6s, key_expiring: 3s}}\n"

    def user(lab):
        return next(s for s in lab.status()["streams"] if s["stream"] == USER)

    with Lab(bin_dir, keep) as lab:
        watch = start(lab, more=more)
        if user(lab)["why"] != "UNKNOWN":
            complaints.append(f"before any engine: {user(lab)}")
        with Puppet(lab, "mm1", USER, "quote") as puppet:
            since_ns = time.monotonic_ns()
            puppet.tell("key")
            time.sleep(0.6)
            if user(lab)["fresh"]:
                complaints.append("a key alone opens it")
            puppet.tell("prove")
            lab.wait_until(lambda: user(lab)["fresh"], "key and proof open it")
            for kind in ("KEY_EXPIRING", "KEY_EXPIRED"):
                if watch.wait(is_fault(kind), since_ns, 10) is None:
                    complaints.append(f"no {kind}")
            if user(lab)["fresh"]:
                complaints.append("fresh with a dead key")
            puppet.tell("key")
            puppet.tell("prove")
            lab.wait_until(lambda: user(lab)["fresh"], "a new extend opens it again")
        lab.wait_until(lambda: user(lab)["why"] == "REVOKED", "it closes when the engine leaves")
    return complaints


SCENARIOS = (
    each_trouble_of_an_engine_is_found_by_its_name,
    each_trouble_of_an_engine_in_cpp_is_found_by_its_name,
    each_trouble_of_an_engine_in_go_is_found_by_its_name,
    each_trouble_of_an_engine_in_python_is_found_by_its_name,
    a_key_kept_by_an_engine_is_leased_on_its_word,
    an_engine_that_falls_behind_is_found_and_its_own_gate_closes,
    quotes_that_outlive_the_gate_are_found_whatever_closed_it,
    reports_that_do_not_come_are_overdue,
    a_drill_tells_who_reacted_and_pages_nobody,
    advice_is_acknowledged_engine_by_engine,
)
