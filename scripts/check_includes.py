#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A folder is a promise about what may be included; this holds every C file of the repository to it.

Each file obeys the first rule whose pattern matches its path. What it includes in quotes must match `ours` and be there; what
it includes in angle brackets must match `system`. No two headers include each other, however long the way round.

usage: check_includes.py REPOSITORY
"""
import pathlib
import re
import subprocess
import sys

# Of the C library, what computes and nothing else: no clock, no descriptor, no thread.
PURE = r"(stdint|stdbool|stddef|stdarg|string|strings|limits|errno|inttypes|stdlib|stdio|assert|emmintrin)\.h"
# The C library and the kernel's headers.
LIBC = PURE + (
    r"|(fcntl|getopt|grp|libgen|netdb|poll|pthread|pwd|sched|signal|time|unistd|ctype|math|dirent|malloc|locale|wchar"
    r"|termios|dlfcn|stdatomic|syslog|spawn|setjmp|fnmatch)\.h|(sys|arpa|netinet|net|linux)/\w+\.h"
)

RULES = (
    # pattern of the path, ours, system, why
    (r"include/flatline/.*", r"flatline/.*", LIBC, "the public headers stand on libc alone"),
    (r"core/(cusum|detector|deadlines|due_id|envelope|key_lease|lagging|lag_split|sequence|hist|ring|unread)\w*\.[ch]",
     r"core/(?!clock|publisher|reader).*|flatline/(engine_)?layout\.h", PURE, "time is an argument in here: no clock, no socket, no thread"),
    (r"core/.*", r"core/.*|flatline/.*", LIBC, "core stands on include/ and libc"),
    (r"feeds/(connection|websocket)\w*\.[ch]",
     r"feeds/(connection|websocket|utf8|backoff|span)\w*\.h|core/(base|event|clock|atomic)\.h",
     LIBC + r"|openssl/\w+\.h|wslay/wslay\.h", "transport knows no venue, no codec and no ring"),
    (r"feeds/(backoff|utf8)\.[ch]", r"feeds/(backoff|utf8)\.h|core/base\.h", PURE, "pure helpers of transport"),
    (r"feeds/.*", r"feeds/(?!connection|websocket).*|core/(base|event|stream)\.h|flatline/layout\.h", PURE,
     "codecs are pure: no transport, no clock, no ring"),
    (r"sentinel/config_tree\.c", r"sentinel/config\w*\.h|core/base\.h", PURE + r"|yaml\.h",
     "the only room that knows libyaml"),
    (r"sentinel/config(?!_check|_online)\w*\.[ch]",
     r"sentinel/config\w*\.h|feeds/(channels|names|span)\.h|core/(base|stream|detector)\.h|flatline/layout\.h", LIBC,
     "the configuration starts nothing and needs no transport"),
    (r"sentinel/rest\.c", r"(sentinel|feeds|core|flatline)/.*", LIBC + r"|libwebsockets\.h",
     "the only room here that knows libwebsockets"),
    (r"sentinel/record_file\.c", r"sentinel/record_file\.h|core/base\.h", LIBC + r"|zstd\.h",
     "a file and its compression, and nothing of what is in it"),
    (r"sentinel/thread\.c", r"(sentinel|core)/.*", LIBC + r"|openssl/crypto\.h",
     "counts what OpenSSL allocates on our threads, and knows no more of it"),
    (r"sentinel/.*", r"(sentinel|feeds|core|flatline)/.*", LIBC + r"|jansson\.h", "the sentinel wires rooms"),
    (r"tools/(cli_(?!replay)\w*|cli|explain_text|flatline|flatline_commands)\.[ch]", r"tools/(cli|cli_advice|cli_command|cli_drill|cli_engine_files|explain_text|flatline_commands|init_text)\.h|flatline/.*",
     LIBC + r"|jansson\.h", "the reader commands live on what users get: include/ alone"),
    (r"tools/.*", r"(tools|sentinel|feeds|core|flatline)/.*", LIBC + r"|(zstd|jansson)\.h", "tools use the rooms"),
    (r"examples/.*", r"flatline/.*", LIBC + r"|flatline/(engine|flatline|sentinel)\.h", "examples live on what users get"),
    (r"venue/.*", r"venue/.*|tools/capture\.h|flatline/.*|core/(base|clock)\.h",
     LIBC + r"|openssl/\w+\.h|(libwebsockets|jansson|zstd)\.h|ut\w+\.h",
     "the fake venue must not share a mistake with the code it tests"),
    (r"(bench|tests)/.*", r".*", r".*", "free"),
)

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)


def files_of(root):
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "--cached", "--others", "--exclude-standard", "*.c", "*.h"],
        check=True, capture_output=True, text=True,
    )
    return [path for path in listed.stdout.split("\n") if path and (root / path).is_file()]


def includes_of(root, path):
    """(mark, name) of each include; ours in angle brackets, as a user writes them, count as ours."""
    found = INCLUDE.findall((root / path).read_text(encoding="utf-8"))
    return [('"' if name.startswith("flatline/") else mark, name) for mark, name in found]


def rule_of(path):
    return next((rule for rule in RULES if re.fullmatch(rule[0], path)), None)


def resolve(root, path, name):
    """Where a quoted include is: from the repository, from include/, or beside the file."""
    for base in (root, root / "include", (root / path).parent, root / "tests"):
        if (base / name).is_file():
            return str((base / name).resolve().relative_to(root.resolve()))
    return None


def file_check(root, path):
    rule = rule_of(path)
    if rule is None:
        yield f"{path}: no rule of scripts/check_includes.py says what may be included there"
        return
    _, ours, system, why = rule
    for mark, name in includes_of(root, path):
        if mark == "<" and not re.fullmatch(system, name):
            yield f"{path}: <{name}> is not for this file: {why}"
        if mark == '"' and not re.fullmatch(ours, name):
            yield f'{path}: "{name}" is not for this file: {why}'
        if mark == '"' and resolve(root, path, name) is None:
            yield f'{path}: "{name}" is not there'


def cycles(root, paths):
    """Headers that include each other, each circle once."""
    graph = {}
    for path in paths:
        targets = (resolve(root, path, name) for mark, name in includes_of(root, path) if mark == '"')
        graph[path] = sorted({target for target in targets if target})
    done, found = set(), []

    def walk(path, trail):
        if path in trail:
            found.append(" -> ".join(trail[trail.index(path):] + [path]))
            return
        if path not in done:
            for target in graph.get(path, ()):
                walk(target, trail + [path])
            done.add(path)

    for path in sorted(graph):
        walk(path, [])
    return found


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    paths = files_of(root)
    complaints = [line for path in paths for line in file_check(root, path)]
    complaints += [f"circle: {circle}" for circle in cycles(root, paths)]
    print("\n".join(complaints) or f"{len(paths)} files keep to their folders' promises")
    return 1 if complaints or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
