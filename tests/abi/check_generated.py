# SPDX-License-Identifier: MIT
"""Goal: what is made from layout.h and checked in is current: docs/layout.json, flatline_shm(5), the tables of SHARED-MEMORY.md.

Method: runs dump_layout and compares; --write renews the files instead.
usage: check_generated.py DUMP_LAYOUT SOURCE_DIR [--write]
"""
import pathlib
import subprocess
import sys

BEGIN = "<!-- made by dump_layout markdown: begin -->\n"
END = "<!-- made by dump_layout markdown: end -->\n"


def made(program, what):
    return subprocess.run([program, what], check=True, capture_output=True, text=True).stdout


def main():
    program, top = sys.argv[1], pathlib.Path(sys.argv[2])
    page = top / "docs/SHARED-MEMORY.md"
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    wanted = {
        top / "docs/layout.json": made(program, "json"),
        top / "docs/man/flatline_shm.5": made(program, "man"),
        page: before + BEGIN + made(program, "markdown") + END + after,
    }
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--write" in sys.argv:
            path.write_text(wanted[path])
        print(f"{path}: {'renewed' if '--write' in sys.argv else 'not what layout.h says; renew with --write'}")
    return 1 if stale and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
