# SPDX-License-Identifier: MIT
"""Goal: flatline(3) and flatline.h, flatline_engine(3) and engine.h name the same functions and errors; their examples compile.

Method: functions declared or defined in the header against the .Fn lines of the page's SYNOPSIS; the example is compiled with
warnings as errors.
usage: check_man_api.py SOURCE_DIR C_COMPILER
"""
import pathlib
import re
import subprocess
import sys
import tempfile


def section(page, name):
    found = re.search(rf"^\.Sh {name}\n(.*?)(?=^\.Sh |\Z)", page, re.M | re.S)
    return found.group(1) if found else ""


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def compile_example(page, top, compiler):
    code = re.search(r"^\.Bd -literal\n(.*?)^\.Ed", section(page, "EXAMPLES"), re.M | re.S).group(1)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "example.c"
        source.write_text(code.replace("\\e", "\\"))
        done = subprocess.run([compiler, "-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               f"-I{top}/include", str(source)], capture_output=True, text=True, check=False)
    return done.stderr


def main():
    top, compiler = pathlib.Path(sys.argv[1]), sys.argv[2]
    header = without_comments((top / "include/flatline/flatline.h").read_text())
    page = (top / "docs/man/flatline.3").read_text()
    declared = set(re.findall(r"^(?:[a-z].*?\b)?(flatline_[a-z_]+)\(", header, re.M))
    synopsis = set(re.findall(r"^\.Fn (flatline_[a-z_]+)", section(page, "SYNOPSIS"), re.M))
    engine_header = without_comments((top / "include/flatline/engine.h").read_text())
    engine_page = (top / "docs/man/flatline_engine.3").read_text()
    engine_declared = set(re.findall(r"^(?:[a-z].*?\b)?(flatline_[a-z_]+)\(", engine_header, re.M))
    engine_synopsis = set(re.findall(r"^\.Fn (flatline_[a-z_]+)", section(engine_page, "SYNOPSIS"), re.M))
    errors = set(re.findall(r"E\(\d+, ([A-Z_]+),", header))
    told_errors = set(re.findall(r"^\.It Er FLATLINE_E_([A-Z_]+)", page, re.M))
    found = [f"{name}: in flatline.h, not in flatline(3)" for name in sorted(declared - synopsis)]
    found += [f"{name}: in flatline(3), not in flatline.h" for name in sorted(synopsis - declared)]
    found += [f"FLATLINE_E_{name}: in only one of flatline.h and flatline(3)" for name in sorted(errors ^ told_errors)]
    found += [f"{name}: in only one of engine.h and flatline_engine(3)" for name in sorted(engine_declared ^ engine_synopsis)]
    found += [compile_example(page, top, compiler), compile_example(engine_page, top, compiler)]
    if len(declared) < 20:
        found.append("the header's functions were not recognized")
    found = [problem for problem in found if problem]
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
