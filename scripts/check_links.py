#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every relative link of every Markdown file leads to something.

usage: check_links.py REPOSITORY
"""
import pathlib
import re
import subprocess
import sys

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def main():
    top = pathlib.Path(sys.argv[1])
    listed = subprocess.run(["git", "-C", top, "ls-files", "*.md"], capture_output=True, text=True, check=True)
    broken = []
    links = 0
    for name in listed.stdout.split():
        page = top / name
        for target in LINK.findall(page.read_text()):
            if "://" in target or target.startswith("mailto:"):
                continue
            links += 1
            if not (page.parent / target).exists():
                broken.append(f"{name}: no {target}")
    print("\n".join(broken) or f"{links} links lead somewhere")
    return 1 if broken or links == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
