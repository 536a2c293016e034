# SPDX-License-Identifier: MIT
"""What live benchmarks share: quantiles of trials, and which trials this machine itself disturbed."""
import threading
import time

HICCUP_NS = 50_000_000


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


class Hiccups:
    """Gaps of this machine: a thread that wants to run every 5 ms."""

    def __init__(self):
        self.gaps = []  # (begin, end)
        self.stopped = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        before = time.monotonic_ns()
        while not self.stopped:
            time.sleep(0.005)
            now = time.monotonic_ns()
            if now - before > HICCUP_NS:
                self.gaps.append((before, now))
            before = now

    def overlap(self, begin_ns, end_ns):
        return any(begin < end_ns and end > begin_ns for begin, end in self.gaps)

    def disturbed(self, watch, begin_ns, end_ns):
        """Did this machine stall in between, by the sentinel's own word or by ours?"""
        stalls = [r for r in watch.since(begin_ns) if r["type"] == "fault" and r["kind"] == "SELF_STALL" and r["seen_ns"] <= end_ns]
        return bool(stalls) or self.overlap(begin_ns, end_ns)
