# SPDX-License-Identifier: MIT
"""live.py sockets: how soon an engine that stops reading its socket is ENGINE_BEHIND, by sock_diag alone; and what the looks cost.

The engine is scripts/listener.py, which knows nothing of flatline. A trial counts from the signal that stops its reading, which is before the
first byte it leaves unread, to `seen_ns`, when the judge wrote the fault. A trial in which this machine itself stood still (a gap above 50 ms in
a thread that sleeps 5 ms, or a SELF_STALL) is left out and counted.
"""
import pathlib
import re
import signal
import time

from live_trials import Hiccups, quantile

USDM = "binance-usdm"
STREAMS = (f"{USDM}/BTCUSDT/depth@100ms", f"{USDM}/BTCUSDT/bookTicker")
PATH = "/public/stream?streams=btcusdt@depth@100ms/btcusdt@bookTicker"
COST_SECONDS = 10.0
LIMIT_NS = 500e6


def thread_cpu_ns(pid, name):
    """CPU time of one thread of a process."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().strip() == name:
            return int((task / "schedstat").read_text().split()[0])
    return 0


def counter(lab, name):
    found = re.search(rf"name {name}\n\s*value (\d+)", lab.flatline("dump")[1])
    return int(found.group(1)) if found else 0


def cost(lab, pid, listeners):
    """CPU of fl-sockets, with the looks it made meanwhile."""
    looks, cpu_ns, begin = counter(lab, "socket_looks"), thread_cpu_ns(pid, "fl-sockets"), time.monotonic()
    time.sleep(COST_SECONDS)
    seconds = time.monotonic() - begin
    looks, cpu_ns = counter(lab, "socket_looks") - looks, thread_cpu_ns(pid, "fl-sockets") - cpu_ns
    print(f"sockets cost: {listeners} of engines and ours: {looks / seconds:.0f} looks a second, {cpu_ns / seconds / 1e7:.2f} % of a CPU, "
          f"{cpu_ns / max(looks, 1) / 1e3:.1f} us a look, scans of all connections included", flush=True)


def one_trial(watch, listener):
    """(late ns or None, begin, end)"""
    begin_ns = time.monotonic_ns()
    listener.signal(signal.SIGUSR1)
    found = watch.wait(lambda r: r["type"] == "fault" and r["kind"] == "ENGINE_BEHIND", begin_ns, 3.0)
    end_ns = found["seen_ns"] if found else time.monotonic_ns()
    listener.signal(signal.SIGUSR2)
    watch.wait(lambda r: r["type"] == "clear" and r["kind"] == "ENGINE_BEHIND", begin_ns, 3.0)
    time.sleep(0.3)
    return (found["seen_ns"] - begin_ns if found else None), begin_ns, end_ns


def measure(lab, trials):
    lab.start_venue()
    lines = "\n".join(f"  - {{name: quoter{i}, pid_file: {lab.folder}/quoter{i}.pid}}" for i in range(8))
    body = "streams:\n" + "\n".join(f"  - {s}" for s in STREAMS) + f"\nengine_sockets:\n{lines}"
    sentinel = lab.start_sentinel(lab.write_config(body, [USDM]))
    watch = lab.watch()
    lab.wait_fresh()
    listener, _ = lab.start_listener(USDM, PATH, name="quoter0")
    time.sleep(4.0)  # found within half a second, and known to flow
    cost(lab, sentinel.pid, 1)
    hiccups, late, excluded, missed = Hiccups(), [], 0, 0
    while len(late) + missed < trials:
        value, begin_ns, end_ns = one_trial(watch, listener)
        if hiccups.disturbed(watch, begin_ns, end_ns):
            excluded += 1
        elif value is None:
            missed += 1
        else:
            late.append(value)
    hiccups.stopped = True
    others = sorted({r["kind"] for r in watch.since(0) if r["type"] == "fault"} - {"ENGINE_BEHIND", "SELF_STALL"})
    milliseconds = [f"{quantile(late, share) / 1e6:.0f}" for share in (0.5, 0.9, 0.99, 1.0)]
    print(f"sockets: stops reading -> ENGINE_BEHIND in {len(late)} trials, ms after the signal: p50 {milliseconds[0]} p90 {milliseconds[1]} "
          f"p99 {milliseconds[2]} max {milliseconds[3]}; missed {missed}, own hiccups left out {excluded}, other faults {others or 'none'}")
    for i in range(1, 8):
        lab.start_listener(USDM, PATH, name=f"quoter{i}")
    time.sleep(2.0)
    cost(lab, sentinel.pid, 8)
    return 0 if missed == 0 and not others and max(late) <= LIMIT_NS else 1
