#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds every file to what a reader can take in: C lines a function, parameters, nesting; C and Python lines a file.

Works on text laid out by .clang-format: a function's body stands between a brace in the first column and the next one there.
usage: check_size.py REPOSITORY [--list N]: --list shows the N longest functions
"""
import pathlib
import re
import subprocess
import sys

PARAMETERS_MAX = 6
NESTING_MAX = 4
LINES_MAX = {"file": 600, "function": 70}
# A test is read case by case, and its function may hold the table of them.
TEST_LINES_MAX = {"file": 800, "function": 130}
# The single source of the segment's format: a table, and not to be torn apart. The binding that is copied into engines as one file.
UNBOUNDED = ("include/flatline/layout.h", "bindings/python/flatline.py")

# Characters and strings first: a quote in a comment, or a comment's sign in a string, is neither.
TOKEN = re.compile(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|//[^\n]*|/\*.*?\*/", re.DOTALL)
CONTROL = re.compile(r"\b(if|for|while|switch|do|else)\b")


def bare(text):
    """The text with comments and literals blanked, its lines kept."""
    return TOKEN.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)


def signature_of(lines, brace):
    """First line of the declaration whose body opens at line `brace`."""
    first = brace
    while first > 0 and lines[first - 1].strip() and not re.search(r"[;}]\s*$|^\s*#|\\$", lines[first - 1]):
        first -= 1
    return first


def parameters_of(declaration):
    start = declaration.find("(")
    inside, depth, count = declaration[start + 1: declaration.rfind(")")], 0, 1
    for character in inside:
        depth += (character in "([{") - (character in ")]}")
        count += character == "," and depth == 0
    return 0 if inside.strip() in ("", "void") else count


def nesting_of(body):
    """Deepest control flow: braces that a control statement opens. Initialisers do not nest."""
    depth, deepest, stack = 0, 0, []
    statement = ""
    for character in body:
        if character == "{":
            stack.append(bool(CONTROL.search(statement)) and "=" not in statement.rsplit(")", 1)[-1])
            depth += stack[-1]
            deepest = max(deepest, depth)
            statement = ""
        elif character == "}":
            depth -= stack.pop() if stack else 0
            statement = ""
        elif character == ";" and statement.count("(") == statement.count(")"):
            statement = ""
        else:
            statement += character
    return deepest


def functions_of(text):
    """(name, first line, lines, parameters, nesting) of each function."""
    lines = bare(text).split("\n")
    at = 0
    while at < len(lines):
        if lines[at].rstrip() != "{":
            at += 1
            continue
        first = signature_of(lines, at)
        declaration = " ".join(lines[first:at])
        end = next((i for i in range(at, len(lines)) if lines[i].startswith("}")), len(lines) - 1)
        name = re.search(r"(\w+)\s*\(", declaration)
        if name and not lines[end].rstrip().endswith(";"):
            yield (name.group(1), first + 1, end - first + 1, parameters_of(declaration),
                   nesting_of("\n".join(lines[at + 1:end])))
        at = end + 1


def main():
    root = pathlib.Path(sys.argv[1])
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "*.c", "*.h", "*.py"],
        check=True, capture_output=True, text=True,
    )
    paths = [path for path in listed.stdout.split("\n") if path and (root / path).is_file()]
    complaints, functions = [], []
    for path in paths:
        text = (root / path).read_text(encoding="utf-8")
        lines_max = TEST_LINES_MAX if path.startswith("tests/") else LINES_MAX
        file_lines = text.count("\n")
        if file_lines > lines_max["file"] and path not in UNBOUNDED:
            complaints.append(f"{path}: {file_lines} lines, at most {lines_max['file']}")
        if path.endswith(".py"):
            continue
        for name, line, lines, parameters, nesting in functions_of(text):
            functions.append((lines, f"{path}:{line}: {name}"))
            for what, is_, most in (("lines", lines, lines_max["function"]), ("parameters", parameters, PARAMETERS_MAX),
                                    ("levels of nesting", nesting, NESTING_MAX)):
                if is_ > most:
                    complaints.append(f"{path}:{line}: {name} has {is_} {what}, at most {most}")
    if "--list" in sys.argv:
        for lines, where in sorted(functions, reverse=True)[: int(sys.argv[sys.argv.index("--list") + 1])]:
            print(f"{lines:4} {where}")
    lengths = sorted(lines for lines, _ in functions) or [0]
    print("\n".join(complaints) or f"{len(functions)} functions in {len(paths)} files, median {lengths[len(lengths) // 2]} "
          f"lines, 90 % within {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}")
    return 1 if complaints or not functions else 0


if __name__ == "__main__":
    sys.exit(main())
