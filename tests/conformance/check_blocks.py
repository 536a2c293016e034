#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: what the README shows an engine author in Go, Python and C++ builds, runs and says the truth.

Method: each block of its section "From Go, Python, C++" becomes a program by the few lines around it below; the name "flatline" becomes
the path of a puppet's segment. It is run while the gate is open, and again when it is not.
usage: check_blocks.py BIN_DIR SOURCE_DIR CXX [GO]
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from readers import Program

GO_MOD = """module block

go 1.19

require flatline v0.0.0

replace flatline => {top}/bindings/go
"""
GO_PROGRAM = """package main

import (
\t"fmt"

\t"flatline"
)

func check(err error) {{
\tif err != nil {{
\t\tpanic(err)
\t}}
}}

func main() {{
{block}\tfmt.Println(mayQuote)
}}
"""


class Blocks:
    """The blocks of the section, each made into a command that prints true or false."""

    def __init__(self, options, folder):
        self.bin_dir, self.top, self.cxx = options[:3]
        self.go = options[3] if len(options) > 3 and not options[3].endswith("NOTFOUND") else None
        self.folder = pathlib.Path(folder)
        section = pathlib.Path(self.top, "README.md").read_text().split("## From Go, Python, C++\n")[1].split("\n## ")[0]
        found = re.findall(r"```(\w+)\n(.*?)```", section, re.S)
        self.texts = {language: text.replace('"flatline"', f'"{folder}/docs"') for language, text in found}
        assert sorted(self.texts) == ["cpp", "go", "python"], self.texts

    def python(self):
        path = self.folder / "block.py"
        path.write_text(self.texts["python"] + "print(str(may_quote).lower())\n")
        return ["env", f"PYTHONPATH={self.top}/bindings/python", "/usr/bin/python3", str(path)]

    def cpp(self):
        path = self.folder / "block.cpp"
        head, body = self.texts["cpp"].split("\n\n", 1)
        path.write_text(f"#include <iostream>\n{head}\nint main()\n{{\n{body}std::cout << std::boolalpha << may_quote;\n}}\n")
        subprocess.run([self.cxx, "-std=c++17", "-Wall", "-Wextra", "-Werror", f"-I{self.top}/include", f"-I{self.top}/bindings/cpp",
                        str(path), f"{self.bin_dir}/../lib/libflatline.a", "-o", str(self.folder / "block-cpp")], check=True)
        return [str(self.folder / "block-cpp")]

    def go_program(self):
        source = self.folder / "go"
        source.mkdir()
        (source / "go.mod").write_text(GO_MOD.format(top=self.top))
        body = "".join("\t" + line + "\n" for line in self.texts["go"].splitlines())
        (source / "block.go").write_text(GO_PROGRAM.format(block=body))
        environment = {**os.environ, "GOCACHE": f"{self.bin_dir}/../go-cache", "GOPROXY": "off", "CGO_ENABLED": "0"}
        formatted = subprocess.run([pathlib.Path(self.go).with_name("gofmt"), "-l", "."], cwd=source, check=True, capture_output=True)
        assert not formatted.stdout, "the Go block is not as gofmt writes it"
        subprocess.run([self.go, "build", "-o", str(self.folder / "block-go"), "."], cwd=source, env=environment, check=True)
        return [str(self.folder / "block-go")]


def said(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main():
    with tempfile.TemporaryDirectory(prefix="flatline-docs-", dir="/dev/shm") as folder:
        blocks = Blocks(sys.argv[1:], folder)
        programs = {"Python": blocks.python(), "C++": blocks.cpp()}
        if blocks.go is not None:
            programs["Go"] = blocks.go_program()
        wrong = 0
        with Program([f"{blocks.bin_dir}/segment_puppet", folder, "docs"]) as puppet:
            puppet.answer()
            for command, wanted in (("lease 1 60000", "true"), ("revoke 1 1", "false")):
                puppet.answer(command)
                puppet.answer("beat 9000")
                for language, program in programs.items():
                    answer = said(program)
                    wrong += answer != wanted
                    print(f"{language}: after '{command}' says {answer}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
