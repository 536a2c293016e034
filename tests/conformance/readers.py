# SPDX-License-Identifier: MIT
"""The four little programs that answer for their readers, the four that tell of their engines, and the segment programs."""
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def programs(bin_dir, verb):
    """{language: command line} of those that are here; a build without Go has none of it, and says so."""
    found = {
        "C": [str(bin_dir / f"{verb}_c")],
        "C++": [str(bin_dir / f"{verb}_cpp")],
        "Go": [str(bin_dir / f"{verb}_go")],
        "Python": ["/usr/bin/python3", str(HERE / f"{verb}.py")],
    }
    if not (bin_dir / f"{verb}_go").exists():
        del found["Go"]
        print(f"no Go on this machine: {verb}_go is left out")
    return found


def commands(bin_dir):
    """The readers: ask.*"""
    return programs(bin_dir, "ask")


def engines(bin_dir):
    """The engines: tell.*"""
    return programs(bin_dir, "tell")


class Program:
    """A program that answers each line with a line."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def answer(self, line=None):
        if line is not None:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        said = self.process.stdout.readline()
        if not said:
            raise RuntimeError(f"{self.process.args[0]} left at: {line}")
        return said.rstrip("\n")

    def leave(self):
        """Ends its input; returns what it said last."""
        if self.process.stdin.closed:
            return ""
        self.process.stdin.close()
        said = self.process.stdout.read()
        self.process.stdout.close()
        if self.process.wait(timeout=20) != 0:
            print(f"{self.process.args[0]}: exit {self.process.returncode}", file=sys.stderr)
        return said

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Reader(Program):
    """One of the four: answers in JSON."""

    def ask(self, line):
        said = self.answer(line)
        try:
            return json.loads(said)
        except ValueError:
            return {"not JSON": said}
