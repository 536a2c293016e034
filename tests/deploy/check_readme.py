#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Goal: what the README tells a stranger to type works, in the order it is told.

Method: the `sh` blocks and the whole C program are taken from README.md itself. Every line must be one of COMMANDS below, which
says how it is run here: as it stands, with what this place needs added (a prefix, a segment of its own, a capture for FILE), or
not at all. A line that is not there fails, so does one that is there and no longer in the README. The venues are the fake one on
loopback: its addresses are appended to the configuration that `flatline init` wrote.

usage: check_readme.py SOURCE_DIR BUILD_DIR
"""
import os
import pathlib
import re
import subprocess
import sys

SOURCE, BUILD = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
sys.path.insert(0, str(SOURCE / "scripts"))
from lab import Lab, Process  # noqa: E402

CAPTURE = SOURCE / "tests/data/captures/usdm.tsv"


class Stranger:
    """Types the README's lines, in a folder of its own."""

    def __init__(self, lab):
        self.lab = lab
        self.prefix = lab.folder / "usr"
        self.environment = dict(os.environ, PATH=f"{self.prefix}/bin:{self.prefix}/sbin:{os.environ['PATH']}")
        self.complaints = []

    def sh(self, line, expected=(0,), wanted=""):
        """The library is not where it was configured for: pkg-config is told."""
        typed = line.replace("pkg-config", f"pkg-config --define-variable=prefix={self.prefix}")
        done = subprocess.run(["sh", "-c", typed], cwd=self.lab.folder, env=self.environment, capture_output=True, text=True,
                              timeout=60, check=False)
        if done.returncode not in expected or wanted not in done.stdout:
            self.complaints.append(f"{line}\n  exit {done.returncode}: {done.stdout}{done.stderr}")

    # ---- how each line is run

    def dry(self, line):
        """Builds or runs everything, this test with it: only whether make knows it."""
        self.sh(f"make -C {SOURCE} -n {line.split()[1]}")

    def install(self, _line):
        self.sh(f"cmake --install {BUILD} --prefix {self.prefix}")
        library = next(self.prefix.rglob("libflatline.so")).parent
        self.environment["LD_LIBRARY_PATH"] = str(library)  # for ldconfig
        self.environment["PKG_CONFIG_PATH"] = str(library / "pkgconfig")

    def init(self, line):
        """As it stands; then pointed at the fake venue and at a segment of its own."""
        self.sh(line)
        path = self.lab.folder / "flatlined.yaml"
        if len(path.read_text().splitlines()) >= 10:
            self.complaints.append("flatline init: ten lines or more")
        self.sh("flatlined -c flatlined.yaml --check-config")
        place = f"\nsegment: {{directory: {self.lab.folder}, name: flatline}}\n"
        place += "detect: {alive_for: 5s}\n"  # a stall of a busy host is not the question here
        path.write_text(path.read_text() + "\n" + self.lab.venues_yaml(["binance-usdm", "okx"]) + place)

    def as_is(self, line):
        self.sh(line)

    def doctor(self, line):
        """Its verdict on the host is the host's; the venues must be well."""
        self.sh(line, (0, 1, 2), "OK   venue          binance-usdm")
        self.sh(line, (0, 1, 2), "OK   venue time     okx")

    def serve(self, _line):
        argv = [self.prefix / "sbin/flatlined", "-c", self.lab.folder / "flatlined.yaml"]
        process = Process(self.lab.folder, "flatlined", argv, env=self.environment)
        self.lab.processes.append(process)
        self.lab.wait_until(lambda: self.lab.segment.exists(), "the segment appears", process)
        self.lab.wait_fresh()

    def look(self, line):
        self.sh(f"{line} --segment {self.lab.segment}", wanted="binance-usdm/BTCUSDT")

    def watch(self, line):
        self.sh(f"{line} --all --count 1 --segment {self.lab.segment}")

    def check(self, line):
        """1: a fault is open, such as a stall of this host."""
        self.sh(f"{line} --segment {self.lab.segment}", (0, 1))

    def recorded(self, line):
        self.sh(line.replace("FILE", str(CAPTURE)), wanted="binance-usdm/")

    def explain(self, line):
        self.sh(f"{line.replace('NAME', 'binance-usdm/BTCUSDT')} --segment {self.lab.segment}", (0, 1, 2), wanted="binance-usdm/BTCUSDT")

    def score(self, line):
        """Minutes of generated markets: the quick ones will do."""
        self.sh(line.replace("[FILE]", "--quick"))

    def compile(self, line):
        (self.lab.folder / "engine.c").write_text(c_program().replace('"flatline"', f'"{self.lab.segment}"'))
        self.sh(line.replace("cc ", "cc -std=c11 -Wall -Wextra -Werror ", 1))

    def fragments(self):
        """The C blocks without a main are compiled too."""
        for block in blocks("c"):
            if "int main(" not in block:
                (self.lab.folder / "fragment.c").write_text(block)
                self.sh("cc -std=c11 -Wall -Wextra -Werror -c fragment.c $(pkg-config --cflags flatline)")

    def engine(self, line):
        self.sh(line, wanted="may quote")


COMMANDS = {
    "make demo": Stranger.dry,
    "make test": Stranger.dry,
    "make build": Stranger.dry,
    "sudo cmake --install build/release && sudo ldconfig": Stranger.install,
    "flatline init --binance-usdm BTCUSDT --okx BTC-USDT-SWAP > flatlined.yaml": Stranger.init,
    "flatlined -c flatlined.yaml --check-config --online": Stranger.as_is,
    "flatline doctor -c flatlined.yaml": Stranger.doctor,
    "flatlined -c flatlined.yaml": Stranger.serve,
    "flatline status": Stranger.look,
    "flatline watch": Stranger.watch,
    "flatline check": Stranger.check,
    "flatline explain NAME": Stranger.explain,
    "flatline replay FILE": Stranger.recorded,
    "flatline tune FILE": Stranger.recorded,
    "flatline score [FILE]": Stranger.score,
    "cc engine.c $(pkg-config --cflags --libs flatline) -o engine": Stranger.compile,
    "./engine": Stranger.engine,
}


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (SOURCE / "README.md").read_text(encoding="utf-8"), re.M | re.S)


def c_program():
    whole = [block for block in blocks("c") if "int main(" in block]
    assert len(whole) == 1, "one whole C program is wanted in README.md"
    return whole[0]


def main():
    lines = [re.sub(r"\s+#.*", "", line).strip() for block in blocks("sh") for line in block.splitlines() if line.strip()]
    strange = [f"README.md: `{line}` is a line that this test does not know" for line in lines if line not in COMMANDS]
    strange += [f"README.md no longer tells `{line}`" for line in COMMANDS if line not in lines]
    if strange:
        print("\n".join(strange))
        return 1
    with Lab(BUILD / "bin") as lab:
        lab.start_venue()
        stranger = Stranger(lab)
        for line in lines:
            COMMANDS[line](stranger, line)
        stranger.fragments()
        found = stranger.complaints
    print("\n".join(found) or f"{len(lines)} lines of the README work")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
