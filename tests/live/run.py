# SPDX-License-Identifier: MIT
"""The command line of a file of live tests: one test by its name, each in a laboratory of its own; or their names."""
import argparse
import sys

from lab import Lab, LabSkip

SKIPPED = 77  # ctest's SKIP_RETURN_CODE


def parser_of(doc):
    parser = argparse.ArgumentParser(description=doc.split("\n", maxsplit=1)[0])
    parser.add_argument("--bin", default="build/release/bin")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("name", nargs="?")
    return parser


def run(tests, options, make_lab=Lab):
    """Returns the exit code; a test that fails leaves by its exception."""
    by_name = {test.__name__: test for test in tests}
    if options.list:
        print("\n".join(by_name))
        return 0
    if options.name not in by_name:
        print(f"no test {options.name!r}", file=sys.stderr)
        return 2
    try:
        with make_lab(options.bin) as lab:
            by_name[options.name](lab)
    except LabSkip as why:
        print(f"skipped: {why}")
        return SKIPPED
    return 0
