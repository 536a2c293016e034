#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: the readers of all languages give the same answers, and the right ones, whatever the segment holds.

Method: transcript.txt is played to each of them. `$` lines change the stage, `>` lines are asked, the line below is the answer.
usage: run.py BIN_DIR [--write]: --write puts what the C reader says into the transcript, to be read before it is believed
"""
import json
import pathlib
import shutil
import sys
import tempfile

from readers import HERE, Program, Reader, commands

TOP = HERE.parents[1]
SEGMENTS = TOP / "tests/data/segments"
TRANSCRIPT = HERE / "transcript.txt"
LAYOUT = json.loads((TOP / "docs/layout.json").read_text())


def record_named(name):
    return next(record for record in LAYOUT["records"] if record["name"] == name)


class Stage:
    """A folder of segments, and what the `$` lines do to them."""

    def __init__(self, bin_dir):
        self.bin_dir = bin_dir
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="flatline-conformance-", dir="/dev/shm"))
        self.puppet = None

    def close(self):
        if self.puppet is not None:
            self.puppet.kill()
        shutil.rmtree(self.folder)

    def act(self, line):
        verb, *arguments = line.split(maxsplit=3)
        getattr(self, "do_" + verb)(*arguments)

    def do_place(self, name, golden):
        """A copy of a golden segment under this name, put there by rename as the sentinel does."""
        self._rename_to(name, (SEGMENTS / golden).read_bytes())

    def do_poke(self, name, where, value):
        """Changes one field in place: header.state, or STREAMS[1].name; readers that map the file see it."""
        path = self.folder / name
        offset, size = self._place_of(path.read_bytes(), where)
        data = int(value, 0).to_bytes(size, "little") if value.lstrip("-").isalnum() else value.encode().ljust(size, b"\0")
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(data)

    def do_cut(self, name, size):
        with (self.folder / name).open("r+b") as file:
            file.truncate(int(size))

    def do_text(self, name, *words):
        self._rename_to(name, " ".join(words).encode())

    def do_folder(self, name):
        (self.folder / name).mkdir()

    def do_puppet(self, name):
        self.puppet = Program([str(self.bin_dir / "segment_puppet"), str(self.folder), name])
        assert self.puppet.answer() == "ok"

    def do_tell(self, *words):
        assert self.puppet.answer(" ".join(words)) == "ok"

    def do_kill(self):
        self.puppet.kill()
        self.puppet = None

    def _rename_to(self, name, data):
        (self.folder / "being-placed").write_bytes(data)
        (self.folder / "being-placed").rename(self.folder / name)

    def _place_of(self, data, where):
        """(byte offset, bytes) of a field."""
        record_name, field_name = where.split(".")
        if record_name == "header":
            base, record = 0, record_named("flatline_header")
        else:
            section_name, index = record_name.rstrip("]").split("[")
            section = next(s for s in LAYOUT["sections"] if s["name"] == section_name)
            at = next(f for f in record_named("flatline_header")["fields"] if f["name"] == "sections")["offset"]
            at += 16 * section["number"]
            if field_name in ("offset_bytes", "stride_bytes", "count") and index == "":
                base, record = at, record_named("flatline_section")
            else:
                offset, stride = int.from_bytes(data[at:at + 8], "little"), int.from_bytes(data[at + 8:at + 12], "little")
                base, record = offset + stride * int(index), record_named(section["record"])
        field = next(f for f in record["fields"] if f["name"] == field_name)
        return base + field["offset"], field["bytes"]


def play(language, command, bin_dir, script):
    """Plays the transcript to one reader. Returns its answers, one a `>` line."""
    answers = []
    stage = Stage(bin_dir)
    try:
        with Reader(command) as reader:
            for line in script:
                if line.startswith("$ "):
                    stage.act(line[2:])
                elif line.startswith("> "):
                    verb, *rest = line[2:].split(" ")
                    asked = f"attach {stage.folder / rest[0]}" if verb == "attach" else line[2:]
                    answers.append(reader.ask(asked))
    finally:
        stage.close()
    return answers


def rewritten(script, answers):
    left = iter(answers)
    out = []
    for line in script:
        if line.startswith("{"):
            continue
        out.append(line)
        if line.startswith("> "):
            out.append(json.dumps(next(left)))
    return "\n".join(out) + "\n"


def main():
    bin_dir = pathlib.Path(sys.argv[1])
    script = TRANSCRIPT.read_text().splitlines()
    readers = commands(bin_dir)
    if "--write" in sys.argv:
        TRANSCRIPT.write_text(rewritten(script, play("C", readers["C"], bin_dir, script)))
        return 0
    asked = [(number, line) for number, line in enumerate(script, 1) if line.startswith("> ")]
    wanted = [json.loads(line) for line in script if line.startswith("{")]
    wrong = 0
    for language, command in readers.items():
        for (number, line), want, got in zip(asked, wanted, play(language, command, bin_dir, script)):
            if got != want:
                wrong += 1
                print(f"{language}, transcript.txt:{number} {line}\n  wanted {json.dumps(want)}\n  got    {json.dumps(got)}")
    situations = sum(line.startswith("# ") for line in script)
    print(f"{len(readers)} readers, {situations} situations, {len(asked)} answers each: {wrong} wrong")
    return 1 if wrong or len(asked) != len(wanted) else 0


if __name__ == "__main__":
    sys.exit(main())
