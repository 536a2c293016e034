#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: an engine's file says the same, whichever language wrote it: to `flatline engines`, to the sentinel's engine watch, to the byte.

Method: facts.txt is played to the engine of each language. `>` lines are commands, the line below is the answer; `$` lines repeat one,
or have a second engine try, or be killed after it; `?` lines ask what the C reader, or the engine watch, makes of the file, and there the files of all languages
are compared byte by byte, but for the few words of the header that are of the process and of the hour.
usage: facts.py BIN_DIR [--write]: --write puts what the C engine's file says into facts.txt, to be read before it is believed
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from readers import HERE, Program, engines

FACTS = HERE / "facts.txt"
LAYOUT = json.loads((HERE.parents[1] / "docs/engine_layout.json").read_text())
STREAM, GATE = "binance-usdm/BTCUSDT/depth@100ms", "quote"
OF_THE_HOUR = ("pid", "start_ticks", "pid_namespace", "created_mono_ns", "created_wall_ns")


def bytes_of(path):
    """The whole file, what differs by nature blanked; None if there is none."""
    if not path.exists():
        return None
    data = bytearray(path.read_bytes())
    header = next(record for record in LAYOUT["records"] if record["name"] == "flatline_engine_header")
    for field in header["fields"]:
        if field["name"] in OF_THE_HOUR:
            assert any(data[field["offset"]:field["offset"] + 8]), f"{field['name']} is not told"
            data[field["offset"]:field["offset"] + 8] = bytes(8)
    return bytes(data)


class Stage:
    """One language's engine, the watch beside it, and the files it left at each question."""

    def __init__(self, bin_dir, command):
        self.bin_dir, self.command = bin_dir, command
        self.place = tempfile.TemporaryDirectory(prefix="flatline-facts-", dir="/dev/shm")
        self.folder = pathlib.Path(self.place.name)
        self.engine = Program(command)
        self.watch = Program([str(bin_dir / "engine_events"), str(self.folder), STREAM, GATE])
        self.files = []

    def close(self):
        self.engine.leave()
        self.watch.leave()
        left = sorted(path.name for path in self.folder.iterdir())
        self.place.cleanup()
        return left

    def _placed(self, line):
        return line.format(segment=self.folder / "segment", folder=self.folder)

    def tell(self, line):
        return json.loads(self.engine.answer(self._placed(line)))

    def act(self, line):
        verb, rest = line.split(" ", 1)
        return getattr(self, "do_" + verb)(rest)

    def do_repeat(self, line):
        """The line so often, {n} counted; the last answer."""
        times, line = line.split(" ", 1)
        for n in range(int(times)):
            said = self.engine.answer(line.replace("{n}", str(n)))
        return json.loads(said)

    def do_second(self, line):
        with Program(self.command) as second:
            said = json.loads(second.answer(self._placed(line)))
        return said

    def do_killed(self, line):
        second = Program(self.command)
        said = json.loads(second.answer(self._placed(line)))
        second.kill()
        return said

    def ask(self, what):
        self.files.append(bytes_of(self.folder / "segment.engine.mm1"))
        if what == "watch":
            return json.loads(self.watch.answer(""))
        done = subprocess.run([str(self.bin_dir / "flatline"), "engines", "--json", "--segment", str(self.folder / "segment")],
                              capture_output=True, text=True, timeout=20, check=False)
        listed = json.loads(done.stdout)
        if what == "refused":
            return [{key: engine[key] for key in ("refused", "odd_slots")} | {"slots": len(engine["slots"])} for engine in listed]
        for engine in listed:
            del engine["pid"]
            for slot in engine["slots"]:
                for key in [key for key in slot if key.endswith("age_ns")]:
                    slot[key] = None if slot[key] is None else "told"
        return listed


def play(command, bin_dir, script):
    """(answers, one a line that asks; files; what was left behind)"""
    stage = Stage(bin_dir, command)
    answers = []
    try:
        for line in script:
            if line.startswith("> "):
                answers.append(stage.tell(line[2:]))
            elif line.startswith("? "):
                answers.append(stage.ask(line[2:]))
            elif line.startswith("$ "):
                answers.append(stage.act(line[2:]))
    finally:
        left = stage.close()
    return answers, stage.files, left


def is_asked(line):
    return line[:2] in ("> ", "? ", "$ ")


def rewritten(script, answers):
    left = iter(answers)
    out = []
    for line in script:
        if not line.startswith(("{", "[")):
            out.append(line)
        if is_asked(line):
            out.append(json.dumps(next(left)))
    return "\n".join(out) + "\n"


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    script = FACTS.read_text().splitlines()
    if "--write" in sys.argv:
        FACTS.write_text(rewritten(script, play(engines(bin_dir)["C"], bin_dir, script)[0]))
        return 0
    asked = [(number, line) for number, line in enumerate(script, 1) if is_asked(line)]
    wanted = [json.loads(line) for line in script if line.startswith(("{", "["))]
    complaints, files_of_c = [], None
    for language, command in engines(bin_dir).items():
        answers, files, left = play(command, bin_dir, script)
        for (number, line), want, got in zip(asked, wanted, answers):
            if got != want:
                complaints.append(f"{language}, facts.txt:{number} {line}\n  wanted {json.dumps(want)}\n  got    {json.dumps(got)}")
        files_of_c = files_of_c or files
        for i, (theirs, of_c) in enumerate(zip(files, files_of_c)):
            if theirs != of_c:
                at = next((k for k, pair in enumerate(zip(theirs or b"", of_c or b"")) if pair[0] != pair[1]), "its length")
                complaints.append(f"{language}: its file is not as C's at question {i + 1}, byte {at}")
        if left:
            complaints.append(f"{language} left behind {left}")
    print("\n".join(complaints))
    print(f"{len(engines(bin_dir))} languages, {len(asked)} lines and {len(files_of_c)} files each: {len(complaints)} wrong")
    return 1 if complaints or len(asked) != len(wanted) else 0


if __name__ == "__main__":
    sys.exit(main())
