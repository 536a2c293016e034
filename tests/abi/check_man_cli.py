# SPDX-License-Identifier: MIT
"""Goal: flatline(1) and `flatline COMMAND --help` tell the same commands and the same options.

Method: the commands of `flatline --help` against the page's .Ss lines; each command's options against the .It Fl lines of its
subsection, and the options that all readers share against those before the first subsection.
usage: check_man_cli.py FLATLINE PAGE
"""
import re
import subprocess
import sys

NO_SHARED_OPTIONS = {"doctor", "init", "replay", "score", "tune"}  # they read no segment


def help_of(program, *argv):
    return subprocess.run([program, *argv, "--help"], check=True, capture_output=True, text=True).stdout


def options_of_help(text):
    return set(re.findall(r"^\s+(?:-\w, )?--([a-z][a-z-]*)", text, re.M))


def options_of_man(text):
    return set(re.findall(r"^\.It Fl (?:\w , Fl )?-([a-z][a-z-]*)", text, re.M))


def main():
    program, page = sys.argv[1], open(sys.argv[2], encoding="utf-8").read()
    description = re.search(r"^\.Sh DESCRIPTION\n(.*?)^\.Sh ", page, re.M | re.S).group(1)
    shared, *parts = re.split(r"^\.Ss flatline (\S+)\n", description, flags=re.M)
    told = dict(zip(parts[0::2], parts[1::2]))
    commands = re.findall(r"^  (\w+) ", help_of(program), re.M)
    found = [f"{c}: a command without its subsection in flatline(1)" for c in commands if c not in told]
    found += [f"{c}: in flatline(1), but no command" for c in told if c not in commands]
    for command in set(commands) & set(told):
        real = options_of_help(help_of(program, command))
        page_has = options_of_man(told[command]) | (set() if command in NO_SHARED_OPTIONS else options_of_man(shared))
        found += [f"{command} --{o}: not in flatline(1)" for o in sorted(real - page_has)]
        found += [f"{command} --{o}: in flatline(1), not in --help" for o in sorted(page_has - real)]
    if len(commands) < 5:
        found.append("the commands of --help were not recognized")
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
