# SPDX-License-Identifier: MIT
"""A laboratory: the real daemon, the real reader and the fake venue, in one temporary folder on loopback.

Everything a lab starts it also stops, by pid, on leaving its `with` block. Times are CLOCK_MONOTONIC nanoseconds, the
clock of the segment, of the venue's control socket and of time.monotonic_ns() alike.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
TOY_LANGUAGES = ("c", "cpp", "go", "python")
START_SECONDS = 20
STOP_SECONDS = 5


class LabSkip(Exception):
    """This machine does not let the laboratory do what the test needs."""


class LabError(Exception):
    """The laboratory itself failed: nothing is said about the daemon."""


class Process:
    """One child with its output in a file."""

    def __init__(self, folder, name, argv, env=None, before=None):
        self.name = name
        self.log = pathlib.Path(folder) / f"{name}.log"
        self._out = open(self.log, "wb")
        self.child = subprocess.Popen(
            [str(a) for a in argv], stdout=self._out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env,
            preexec_fn=before,
        )

    @property
    def pid(self):
        return self.child.pid

    def alive(self):
        return self.child.poll() is None

    def signal(self, number):
        os.kill(self.child.pid, number)

    def stop(self):
        if self.alive():
            self.child.send_signal(signal.SIGCONT)
            self.child.terminate()
            try:
                self.child.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait(STOP_SECONDS)
        self._out.close()
        return self.child.returncode

    def text(self):
        return self.log.read_text(errors="replace")


PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WAIT_ALL = 0x40000000  # __WALL: threads too


def stop_thread(pid, name, seconds):
    """Stops one thread of a process alone, as a hypervisor stops one virtual CPU; returns when it was stopped."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    found = [int(t.name) for t in tasks.iterdir() if (t / "comm").read_text().strip() == name]
    if not found:
        raise LabError(f"process {pid} has no thread {name}")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(PTRACE_SEIZE, found[0], None, None) != 0:
        raise LabSkip(f"ptrace: {os.strerror(ctypes.get_errno())}")
    libc.ptrace(PTRACE_INTERRUPT, found[0], None, None)
    os.waitpid(found[0], WAIT_ALL)
    start_ns = time.monotonic_ns()
    time.sleep(seconds)
    libc.ptrace(PTRACE_DETACH, found[0], None, None)
    return start_ns


class Watch:
    """`flatline watch --json`, collected by a thread as it comes."""

    def __init__(self, flatline, segment):
        self.records = []
        self._changed = threading.Condition()
        self.child = subprocess.Popen(
            [str(flatline), "watch", "--json", "--segment", str(segment)],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        for line in self.child.stdout:
            record = json.loads(line)
            with self._changed:
                self.records.append(record)
                self._changed.notify_all()

    def since(self, mono_ns):
        """Records about things that happened at or after mono_ns."""
        with self._changed:
            return [r for r in self.records if r.get("seen_ns", 0) >= mono_ns]

    def wait(self, wanted, since_ns=0, seconds=10.0):
        """First record since since_ns for which wanted(record) holds, or None after `seconds`."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                for record in self.records:
                    if record.get("seen_ns", 0) >= since_ns and wanted(record):
                        return record
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    if deadline - time.monotonic() <= 0:
                        return None

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
        self.child.wait(STOP_SECONDS)
        self.child.stdout.close()


def toy_engine(bin_dir, language):
    """Command of the toy engine in this language. Where there was no Go to build it with, LabSkip."""
    if language == "python":
        return ["/usr/bin/python3", HERE.parent / "examples/python/toy_engine.py"]
    program = pathlib.Path(bin_dir, {"c": "toy_engine", "cpp": "toy_engine_cpp", "go": "toy_engine_go"}[language])
    if not program.exists():
        raise LabSkip(f"{program} was not built")
    return [program]


class Lab:
    """with Lab(bin_dir) as lab: lab.start_venue(); lab.start_sentinel(config); ..."""

    def __init__(self, bin_dir, keep=False):
        self.bin = pathlib.Path(bin_dir).resolve()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="flatline-lab-"))
        self.segment = self.folder / "flatline"
        self.keep = keep
        self.processes = []
        self.watches = []
        self.venue = None
        self.venue_options = ""  # of each venue in the configuration, e.g. "max_age: 2s"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for watch in self.watches:
            watch.stop()
        for process in reversed(self.processes):
            process.stop()
        if kind is not None:
            for process in self.processes:
                print(f"--- {process.name} ---\n{process.text()[-4000:]}", flush=True)
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)
        return False

    # ---- the venue

    def start_venue(self, *options):
        venue_dir = self.folder / "venue"
        venue_dir.mkdir(exist_ok=True)
        process = Process(self.folder, "venue", [self.bin / "flatline-venue", "--dir", venue_dir, "--port", "0", *options])
        self.processes.append(process)
        self.wait_until(lambda: (venue_dir / "venue.json").exists(), "the fake venue listens", process)
        self.venue = json.loads((venue_dir / "venue.json").read_text())
        return process

    def ask(self, text):
        """One command to the venue's control socket; returns its answer."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
            control.settimeout(STOP_SECONDS)
            control.connect(self.venue["control"])
            control.sendall((text + "\n").encode())
            answer = b""
            while not answer.endswith(b"\n"):
                piece = control.recv(65536)
                if not piece:
                    break
                answer += piece
        line = answer.decode().strip()
        if not line.startswith("ok"):
            raise LabError(f"venue refused {text!r}: {line}")
        return line

    def command(self, text):
        """One command to the venue; returns a time just before it took effect."""
        stamps = [word for word in self.ask(text).split() if word.startswith("mono_ns=")]
        return int(stamps[0][8:]) if stamps else time.monotonic_ns()

    # ---- the sentinel

    def venues_yaml(self, venues):
        lines = ["venues:"]
        more = f", {self.venue_options}" if self.venue_options else ""
        for name in venues:
            urls = self.venue["venues"][name]
            lines.append(f'  {name}: {{ws: "{urls["ws"]}", rest: "{urls["rest"]}", ca_file: "{self.venue["ca"]}"{more}}}')
        return "\n".join(lines)

    def write_config(self, body, venues, name="flatlined.yaml"):
        path = self.folder / name
        path.write_text(f"{body.strip()}\n{self.venues_yaml(venues)}\nsegment: {{directory: {self.folder}, name: flatline}}\n")
        return path

    def start_sentinel(self, config_path, name="flatlined"):
        process = Process(self.folder, name, [self.bin / "flatlined", "-c", config_path])
        self.processes.append(process)
        self.wait_until(lambda: self.segment.exists(), "the segment appears", process)
        return process

    def start(self, name, *argv):
        process = Process(self.folder, name, [self.bin / argv[0], *argv[1:]])
        self.processes.append(process)
        return process

    # ---- an engine's ears

    def start_listener(self, venue, path, subscribe="", name="listener"):
        """scripts/listener.py on a venue; returns (process, its pid file) once it hears."""
        pid_file = self.folder / f"{name}.pid"
        pid_file.unlink(missing_ok=True)
        argv = [pathlib.Path(__file__).with_name("listener.py"), self.venue["venues"][venue]["ws"] + path, self.venue["ca"], pid_file]
        process = Process(self.folder, name, argv + ([subscribe] if subscribe else []))
        self.processes.append(process)
        self.wait_until(pid_file.exists, f"{name} hears", process)
        return process, pid_file

    def last_connection(self, venue):
        """The venue's number of the connection opened last."""
        words = [w for w in self.ask("list").split() if w.startswith("conn:") and f"={venue}/" in w]
        return max(int(w[5:].split("=")[0]) for w in words)

    def start_toy(self, name, gate, language="c"):
        """The toy engine of examples/, in one of its languages, behind a gate."""
        return self.start(name, *toy_engine(self.bin, language), self.segment, gate)

    # ---- the readers

    def flatline(self, *argv):
        """Runs a flatline command on the lab's segment; returns (exit code, standard output)."""
        done = subprocess.run(
            [str(self.bin / "flatline"), *argv, "--segment", str(self.segment)],
            capture_output=True, text=True, timeout=START_SECONDS, check=False,
        )
        return done.returncode, done.stdout

    def status(self):
        """`flatline status --json`; an empty one while there is nothing to read."""
        _, text = self.flatline("status", "--json")
        return json.loads(text) if text.strip() else {"alive": False, "epoch": 0, "streams": [], "gates": []}

    def watch(self):
        watch = Watch(self.bin / "flatline", self.segment)
        self.watches.append(watch)
        return watch

    def wait_fresh(self, seconds=START_SECONDS, but=()):
        """Until every stream but those named is fresh."""

        def all_fresh():
            streams = self.status()["streams"]
            return bool(streams) and all(s["fresh"] for s in streams if s["stream"] not in but)

        self.wait_until(all_fresh, "every stream is fresh", None, seconds)

    def wait_until(self, condition, what, process=None, seconds=START_SECONDS):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            if process is not None and not process.alive():
                raise LabError(f"{process.name} exited with {process.child.returncode} before {what}:\n{process.text()}")
            time.sleep(0.02)
        raise LabError(f"waited {seconds} s in vain until {what}; status: {json.dumps(self.status())[:3000]}")
