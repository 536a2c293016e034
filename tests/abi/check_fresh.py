# SPDX-License-Identifier: MIT
"""Goal: flatline_fresh(), flatline_gate_fresh(), flatline_gate_own() and flatline_may_quote() cost an engine no call, no locked instruction and no fence.

Method: disassembles fresh.c, compiled as an engine would (-O2), and looks for what must not be there. x86-64 only.
usage: check_fresh.py OBJECT
"""
import platform
import re
import subprocess
import sys

FORBIDDEN = re.compile(r"\b(call|lock|xchg|cmpxchg|mfence|lfence|sfence|syscall|rdtsc)\b")
FUNCTIONS = {"engine_look": 24, "engine_look_gate": 80, "engine_look_own": 30, "engine_may_quote": 95}  # and the most instructions each may take


def main():
    if platform.machine() != "x86_64":
        print("skipped: the instructions looked for are x86-64's")
        return 77
    text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", sys.argv[1]], check=True, capture_output=True, text=True).stdout
    found = []
    for name, most in FUNCTIONS.items():
        body = re.search(rf"^[0-9a-f]+ <{name}>:\n(.*?)(?:\n\n|\Z)", text, re.M | re.S)
        if body is None:
            found.append(f"{name}: not in the object")
            continue
        lines = body.group(1).splitlines()
        instructions = [line.split("\t", 1)[1] for line in lines if "\t" in line and "nop" not in line and "xchg   %ax,%ax" not in line]
        found += [f"{name}: {line}" for line in instructions if FORBIDDEN.search(line)]
        print(f"{name}: {len(instructions)} instructions")
        if len(instructions) > most:
            found.append(f"{name}: {len(instructions)} instructions, more than {most}")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
