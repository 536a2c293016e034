#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The decisions: a number each, said alike in name and title, what would change our mind in each; and their index.

usage: check_decisions.py REPOSITORY [--write]: --write makes docs/decisions/README.md from their titles
"""
import pathlib
import re
import sys

HEAD = """# Decisions

What a stranger would question: what was asked, what was chosen, what was measured, and what would change our mind. A number is given
once; one that is missing here was never used.

<!-- made by scripts/check_decisions.py --write -->
"""
MIND = re.compile(r"would change our mind", re.IGNORECASE)


def main():
    folder = pathlib.Path(sys.argv[1]) / "docs" / "decisions"
    complaints, rows, numbers = [], [], set()
    for page in sorted(folder.glob("[0-9]*.md")):
        text = page.read_text()
        title = re.match(r"# (\d+)\. (.+)\n", text)
        number = int(page.name[:4])
        if not title or int(title.group(1)) != number:
            complaints.append(f"{page.name}: its title does not begin with # {number}.")
            continue
        if number in numbers:
            complaints.append(f"{page.name}: the number is taken")
        if not MIND.search(text):
            complaints.append(f"{page.name}: nothing would change our mind?")
        numbers.add(number)
        rows.append(f"- [{number}. {title.group(2)}]({page.name})\n")
    index = folder / "README.md"
    whole = HEAD + "\n" + "".join(rows)
    if "--write" in sys.argv:
        index.write_text(whole)
    elif not index.exists() or index.read_text() != whole:
        complaints.append("README.md is not as scripts/check_decisions.py . --write makes it")
    print("\n".join(complaints) or f"{len(rows)} decisions")
    return 1 if complaints or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
