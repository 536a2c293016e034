#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: what the README shows an engine author builds, runs and says the truth, in C, Go, Python and C++.

Method: each block of its sections "From Go, Python, C++" and "Tell what your engine sees" becomes a program by the few lines around it
below; the name "flatline" becomes the path of a puppet's segment. The first are run while the gate is open, and again when it is not. The
others hold still once they have told, and `flatline engines` must say what they told. docs/ENGINE.md shows the same blocks.
usage: check_blocks.py BIN_DIR SOURCE_DIR CC CXX [GO]
"""
import json
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
{imports}
\t"flatline"
)

func check(err error) {{
\tif err != nil {{
\t\tpanic(err)
\t}}
}}

func main() {{
{before}{block}{after}}}
"""
HOLD = {  # says that it has told, and waits for the end of its input
    "c": 'int main(void) { int e = engine_begin(); if (e == 0) { update_apply(42, flatline_now_mono_ns()); }\n'
         '  (void)puts("told"); (void)fflush(stdout); (void)getchar(); flatline_engine_close(engine); return e; }\n',
    "go": '\n\tfmt.Println("told")\n\t_, _ = os.Stdin.Read(make([]byte, 1))\n',
    "python": '    print("told", flush=True)\n    sys.stdin.read()\n',
    "cpp": 'std::cout << "told" << std::endl;\nstd::cin.get();\n',
}


class Blocks:
    """The blocks of a section, each made into a command."""

    def __init__(self, options, folder, section, languages):
        self.bin_dir, self.top, self.cc, self.cxx = options[:4]
        self.go = options[4] if len(options) > 4 and not options[4].endswith("NOTFOUND") else None
        self.folder = pathlib.Path(folder)
        text = pathlib.Path(self.top, "README.md").read_text().split(f"## {section}")[1].split("\n## ")[0]
        found = re.findall(r"```(\w+)\n(.*?)```", text, re.S)
        self.originals = dict(found)
        assert sorted(self.originals) == languages and len(found) == len(languages), found
        self.texts = {language: text.replace('"flatline"', f'"{folder}/docs"') for language, text in found}
        self.number = section.split()[0].lower()

    def python(self, before="", after=""):
        path = self.folder / f"{self.number}.py"
        text = self.texts["python"].replace('engine("mm1")', f'engine("mm1", "{self.folder}/docs")')
        path.write_text(before + text + after)
        return ["env", f"PYTHONPATH={self.top}/bindings/python", "/usr/bin/python3", str(path)]

    def cpp(self, before="", after=""):
        head, body = self.texts["cpp"].split("\n\n", 1)
        text = f"#include <chrono>\n#include <iostream>\n{head}\nusing namespace std::chrono_literals;\nint main()\n{{\n{before}{body}{after}}}\n"
        return self._compiled("cpp", text, [self.cxx, "-std=c++17", f"-I{self.top}/bindings/cpp"])

    def c(self):
        text = "#include <stdio.h>\n" + self.texts["c"] + HOLD["c"]
        return self._compiled("c", text, [self.cc, "-std=c11", "-D_GNU_SOURCE"])

    def _compiled(self, suffix, text, compiler):
        path = self.folder / f"{self.number}.{suffix}"
        path.write_text(text)
        program = str(self.folder / f"{self.number}-{suffix}")
        subprocess.run([*compiler, "-Wall", "-Wextra", "-Werror", f"-I{self.top}/include", str(path),
                        f"{self.bin_dir}/../lib/libflatline.a", "-o", program], check=True)
        return [program]

    def go_program(self, imports, before="", after=""):
        source = self.folder / f"go-{self.number}"
        source.mkdir()
        (source / "go.mod").write_text(GO_MOD.format(top=self.top))
        body = "".join("\t" + line + "\n" if line else "\n" for line in self.texts["go"].splitlines())
        listed = "".join(f'\t"{name}"\n' for name in imports)
        (source / "block.go").write_text(GO_PROGRAM.format(imports=listed, before=before, block=body, after=after))
        environment = {**os.environ, "GOCACHE": f"{self.bin_dir}/../go-cache", "GOPROXY": "off", "CGO_ENABLED": "0"}
        formatted = subprocess.run([pathlib.Path(self.go).with_name("gofmt"), "-d", "."], cwd=source, check=True, capture_output=True)
        assert not formatted.stdout, f"the Go block is not as gofmt writes it: {formatted.stdout.decode()}"
        program = str(self.folder / f"{self.number}-go")
        subprocess.run([self.go, "build", "-o", program, "."], cwd=source, env=environment, check=True)
        return [program]


def said(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def check_asking(folder):
    """Blocks that look at a gate; how many were wrong."""
    blocks = Blocks(sys.argv[1:], folder, "From Go, Python, C++\n", ["cpp", "go", "python"])
    programs = {"Python": blocks.python(after="print(str(may_quote).lower())\n"),
                "C++": blocks.cpp(after="std::cout << std::boolalpha << may_quote;\n")}
    if blocks.go is not None:
        programs["Go"] = blocks.go_program(["fmt"], after="\tfmt.Println(mayQuote)\n")
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
    return wrong


def engines_listed(blocks):
    command = [f"{blocks.bin_dir}/flatline", "engines", "--json", "--segment", f"{blocks.folder}/docs"]
    return json.loads(subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout)


def check_telling(folder):
    """Blocks that tell of the engine; how many were wrong."""
    blocks = Blocks(sys.argv[1:], folder, "Tell what your engine sees", ["c", "cpp", "go", "python"])
    page = pathlib.Path(blocks.top, "docs/ENGINE.md").read_text()
    wrong = [language for language, text in blocks.originals.items() if text not in page]
    print(f"not the same in docs/ENGINE.md: {wrong or 'none'}")
    programs = {
        "C": blocks.c(),
        "Python": blocks.python("import sys\nimport flatline\nupdate_id, received_ns = 42, flatline.monotonic_ns()\n", HOLD["python"]),
        "C++": blocks.cpp("const std::uint64_t update_id = 42;\nconst std::uint64_t received_ns = fl::now();\n", HOLD["cpp"]),
    }
    if blocks.go is not None:
        before = "\tupdateID, receivedNs := uint64(42), flatline.Now()\n"
        programs["Go"] = blocks.go_program(["fmt", "os", "time"], before, HOLD["go"])
    for language, command in programs.items():
        with Program(command) as program:
            assert program.answer() == "told", language
            (engine,) = engines_listed(blocks)
            program.leave()
        slots = {slot["name"]: (slot.get("state"), slot.get("last_id")) for slot in engine["slots"]}
        told = slots == {"quoter": ("running", None), "binance-usdm/BTCUSDT/depth@100ms": (None, 42)}
        left = engines_listed(blocks)
        print(f"{language}: told {slots}, and left {left}")
        wrong += [] if told and engine["engine"] == "mm1" and not left else [language]
    return len(wrong)


def main():
    with tempfile.TemporaryDirectory(prefix="flatline-docs-", dir="/dev/shm") as folder:
        wrong = check_asking(folder)
    with tempfile.TemporaryDirectory(prefix="flatline-docs-", dir="/dev/shm") as folder:
        wrong += check_telling(folder)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
