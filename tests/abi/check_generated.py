# SPDX-License-Identifier: MIT
"""Goal: what is made from layout.h and checked in is current: docs/layout.json, flatline_shm(5), the tables of
SHARED-MEMORY.md; and the same of engine_layout.h.

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

    def told(page, what):
        """The page with the table between its marks made anew."""
        before, rest = page.read_text().split(BEGIN)
        return before + BEGIN + made(program, what) + END + rest.split(END)[1]

    page, engine_page = top / "docs/SHARED-MEMORY.md", top / "docs/ENGINE.md"
    wanted = {
        top / "docs/layout.json": made(program, "json"),
        top / "docs/man/flatline_shm.5": made(program, "man"),
        page: told(page, "markdown"),
        top / "docs/engine_layout.json": made(program, "engine-json"),
        engine_page: told(engine_page, "engine-markdown"),
    }
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--write" in sys.argv:
            path.write_text(wanted[path])
        print(f"{path}: {'renewed' if '--write' in sys.argv else 'not what layout.h says; renew with --write'}")
    return 1 if stale and "--write" not in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
