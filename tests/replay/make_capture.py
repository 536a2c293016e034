#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""make_capture.py - writes the small recordings of tests/data/captures, byte for byte the same each time.

Goal:   one page of frames for each thing a replay must get right, with round numbers, so that its verdict can be worked out by
        hand. tests/replay/README.md does that.
Method: every frame leaves the venue 20 ms before it is received, to the nanosecond, unless a scene says otherwise; the excess lag is
        then 0 and a lease ends exactly stale_after behind its frame.

    make_capture.py FOLDER            write the files
    make_capture.py --check FOLDER    exit 1 unless they are there and the same
"""
import json
import os
import sys

EPOCH_MS = 1_700_000_000_000  # all scenes begin here
LAG_MS = 20


class Scene:
    """Lines of one recording; at(ms) is the receive time they get."""

    def __init__(self):
        self.lines, self.now_ms = [], 0

    def raw(self, connection, text, at_ms=None):
        self.now_ms = self.now_ms if at_ms is None else at_ms
        stamp = 0 if self.now_ms is None else (EPOCH_MS + self.now_ms) * 1_000_000
        self.lines.append((stamp, connection, text))

    def frame(self, connection, message, at_ms=None):
        self.raw(connection, json.dumps(message, separators=(",", ":")), at_ms)

    def meta(self, connection, note, at_ms=None):
        self.frame(connection + "#meta", note, at_ms)

    def sent(self, lag_ms=LAG_MS):
        return EPOCH_MS + self.now_ms - lag_ms

    def text(self):
        return "".join(f"{stamp}\t{connection}\t{text}\n" for stamp, connection, text in self.lines)


def combined(name, data):
    return {"stream": name, "data": data}


def spot_depth(scene, first, last, lag_ms=LAG_MS, micros=False):
    time = scene.sent(lag_ms) * (1000 if micros else 1)
    return {"e": "depthUpdate", "E": time, "s": "BTCUSDT", "U": first, "u": last,
            "b": [["60000.10", "1.5"]], "a": [["60000.20", "0"]]}


def spot_ticker(update):
    return {"u": update, "s": "BTCUSDT", "b": "60000.10", "B": "1.0", "a": "60000.20", "A": "2.0"}


def spot():
    """Gap, id going back, frozen, lapse, no time, raw and combined, us times, unknown channel, malformed, ignored, no clock."""
    scene, a = Scene(), "spot-a"
    scene.now_ms = 0
    scene.frame(a, spot_depth(scene, 101, 110))                               # raw: tells the venue, channel `depth`
    scene.frame(a, {"result": None, "id": 1})                                 # control
    update = 1000
    for at_ms in range(100, 2100, 100):                                       # 20 of each, ids in order
        scene.now_ms = at_ms
        update += 10
        scene.frame(a, combined("btcusdt@depth@100ms", spot_depth(scene, update - 9, update)))
        scene.frame(a, combined("btcusdt@bookTicker", spot_ticker(update)))
    scene.now_ms = 2100
    scene.frame(a, combined("btcusdt@depth@100ms", spot_depth(scene, 1216, 1220)))   # gap: 1201 is due
    scene.now_ms = 2200
    scene.frame(a, combined("btcusdt@depth@100ms", spot_depth(scene, 1190, 1200)))   # backwards
    scene.now_ms = 2300
    scene.frame(a, combined("btcusdt@depth@100ms", spot_depth(scene, 1221, 1230, micros=True)))
    scene.now_ms = 2400
    scene.frame(a, combined("btcusdt@avgPrice", {"e": "avgPrice", "E": scene.sent(), "s": "BTCUSDT", "i": "5m", "w": "1"}))
    scene.frame(a, combined("btcusdt@newThing", {"x": [1, {"y": None}]}))     # unknown, but it has a name
    scene.raw(a, '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":17')
    scene.raw(a, "")
    scene.raw(a, '{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","s":"BTCUSDT"}}')  # no ids
    scene.frame(a, {"arg": {"channel": "books", "instId": "BTC-USDT"}, "data": []})            # another venue's
    scene.frame(a + "#rest", {"lastUpdateId": 1, "bids": [], "asks": []})
    scene.lines.append((0, a, json.dumps(combined("btcusdt@bookTicker", spot_ticker(1201)))))  # no clock
    scene.now_ms = 6000                                                       # bookTicker and depth lapsed meanwhile
    for at_ms in range(6000, 6900, 30):                                       # 30 frames, one id: frozen
        scene.now_ms = at_ms
        scene.frame(a, combined("btcusdt@bookTicker", spot_ticker(1300)))
    scene.now_ms = 7000
    scene.frame(a, {"data": spot_depth(scene, 1231, 1240), "stream": "btcusdt@depth@100ms"})   # other key order
    scene.now_ms = 10000
    scene.frame(a, combined("btcusdt@bookTicker", spot_ticker(1301)))         # thawed
    scene.now_ms = 10500
    scene.frame(a, {"e": "serverShutdown", "E": scene.sent()})
    return scene


def usdm_depth(scene, previous, last, lag_ms=LAG_MS):
    return combined("btcusdt@depth@100ms", {
        "e": "depthUpdate", "E": scene.sent(lag_ms), "T": scene.sent(lag_ms), "s": "BTCUSDT", "U": last - 2, "u": last,
        "pu": previous, "b": [["60000.1", "1"]], "a": []})


def usdm():
    """Twins (one lease, ids checked a leg), a close and a reopening by #meta, a pu gap on one leg, growing lag, a timer."""
    scene, a, b = Scene(), "usdm-a", "usdm-b"
    scene.meta(a, {"type": "open"}, at_ms=0)
    scene.meta(b, {"type": "open"}, at_ms=0)
    last = 500
    for at_ms in range(100, 1100, 100):                     # both legs, b 2 ms behind; a has the newer frame each time
        scene.now_ms = at_ms
        scene.frame(a, usdm_depth(scene, last, last + 7))
        scene.now_ms = at_ms + 2
        scene.frame(b, usdm_depth(scene, last, last + 7, LAG_MS + 2))
        last += 7
    scene.meta(a, {"type": "close", "code": 1006, "how": "eof"}, at_ms=1150)
    for at_ms in range(1200, 2200, 100):                    # b alone keeps the lease; one gap at 1700
        scene.now_ms = at_ms
        last += 7
        previous = last - 7 if at_ms != 1700 else last - 3
        scene.frame(b, usdm_depth(scene, previous, last))
    scene.meta(a, {"type": "open"}, at_ms=2250)
    scene.meta(b, {"type": "ping"})
    scene.meta(b, {"type": "pong", "rtt_ns": 1500000})
    scene.meta(b, {"type": "mystery"})                      # refused, uncounted
    for at_ms in range(2300, 6300, 100):                    # the new leg a starts a chain of its own; lag to 2 s and back
        scene.now_ms = at_ms
        last += 7
        lag_ms = LAG_MS + (2000 if 3000 <= at_ms < 6000 else 0)
        scene.frame(a, usdm_depth(scene, last - 7, last, lag_ms))
    scene.now_ms = 6400
    for at_s in range(3):                                   # markPrice@1s: a timer, 3 periods of trust
        scene.now_ms = 6400 + 1000 * at_s
        scene.frame(a, combined("btcusdt@markPrice@1s", {
            "e": "markPriceUpdate", "E": scene.sent(), "s": "BTCUSDT", "p": "60000.1", "T": EPOCH_MS + 3_600_000}))
    scene.now_ms = 12000
    scene.frame(a, combined("!bookTicker", {
        "e": "bookTicker", "u": 9001, "E": scene.sent(), "T": scene.sent(), "s": "BTCUSDT",
        "b": "1.0", "B": "1", "a": "1.1", "A": "1"}))
    return scene


def coinm():
    """COIN-M is told by `ps`; clocks that go back are clamped; a closing lapse stays open."""
    scene, a = Scene(), "coinm-a"
    scene.now_ms = 0
    for step in range(5):
        scene.now_ms = 100 * step
        scene.frame(a, combined("btcusd_perp@bookTicker", {
            "u": 70 + step, "e": "bookTicker", "s": "BTCUSD_PERP", "ps": "BTCUSD", "b": "60000.1", "B": "1", "a": "60000.2",
            "A": "1", "T": scene.sent(), "E": scene.sent()}))
    scene.now_ms = 350                                      # 50 ms back: clamped to 400
    scene.frame(a, combined("btcusd_perp@trade", {
        "e": "trade", "E": EPOCH_MS + 400 - LAG_MS, "T": EPOCH_MS + 380, "s": "BTCUSD_PERP", "t": 5, "p": "1", "q": "1", "m": True}))
    scene.now_ms = 4000
    scene.frame(a, combined("btcusd_perp@trade", {
        "e": "trade", "E": scene.sent(), "T": scene.sent(), "s": "BTCUSD_PERP", "t": 6, "p": "1", "q": "1", "m": True}))
    scene.lines.append((1, a, ""))                          # empty, and long before: malformed, clamped
    scene.raw("not a capture line", "x")
    scene.lines[-1] = ("x", "y", "")
    return scene


def okx_books(scene, action, previous, sequence, rows=True):
    side = [["60000.1", "1", "0", "1"]] if rows else []
    return {"arg": {"channel": "books", "instId": "BTC-USDT"}, "action": action, "data": [{
        "asks": side, "bids": side, "ts": str(scene.sent()), "checksum": 0, "prevSeqId": previous, "seqId": sequence}]}


def okx():
    """Snapshot, keep-alive, legal reset, gap; an old first trade that earns nothing; text pong; acknowledgements and notice."""
    scene, a = Scene(), "okx-a"
    arg = {"channel": "books", "instId": "BTC-USDT"}
    scene.frame(a, {"event": "subscribe", "arg": arg, "connId": "c0ffee00"}, at_ms=0)
    scene.frame(a, {"event": "subscribe", "arg": {"channel": "trades", "instId": "BTC-USDT"}, "connId": "c0ffee00"})
    scene.now_ms = 50
    scene.frame(a, okx_books(scene, "snapshot", -1, 100))
    scene.frame(a, {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [
        {"instId": "BTC-USDT", "tradeId": "7", "px": "1", "sz": "1", "side": "buy", "ts": str(EPOCH_MS - 3_600_000)}]})
    sequence = 100
    for at_ms in range(100, 1100, 100):
        scene.now_ms = at_ms
        scene.frame(a, okx_books(scene, "update", sequence, sequence + 3))
        sequence += 3
    scene.raw(a, "pong", at_ms=1500)
    scene.now_ms = 2000
    scene.frame(a, okx_books(scene, "update", sequence, sequence, rows=False))  # keep-alive: extends in full
    scene.now_ms = 2500
    scene.frame(a, okx_books(scene, "update", sequence, 5))                      # maintenance reset
    scene.now_ms = 2600
    scene.frame(a, okx_books(scene, "update", 5, 8))
    scene.now_ms = 2700
    scene.frame(a, okx_books(scene, "update", 10, 12))                           # gap: 8 is due
    scene.now_ms = 2800
    scene.frame(a, okx_books(scene, "snapshot", -1, 40))
    scene.now_ms = 2900
    scene.frame(a, {"arg": {"channel": "trades", "instId": "BTC-USDT"}, "data": [
        {"instId": "BTC-USDT", "tradeId": "8", "px": "1", "sz": "1", "side": "buy", "ts": str(scene.sent())}]})
    scene.frame(a, {"arg": {"channel": "candle1m", "instId": "BTC-USDT"}, "data": [
        [str(EPOCH_MS), "1", "1", "1", "1", "1", "1", "1", "0"]]})
    scene.frame(a, {"event": "notice", "code": "64008", "msg": "The connection will soon be closed for a service upgrade.",
                    "connId": "c0ffee00"}, at_ms=3000)
    scene.frame(a, {"event": "error", "code": "60012", "msg": "Invalid request", "connId": "c0ffee00"})
    scene.now_ms = 7000
    scene.frame(a, okx_books(scene, "update", 40, 41))
    return scene


SCENES = {"spot.tsv": spot, "usdm.tsv": usdm, "coinm.tsv": coinm, "okx.tsv": okx}


def main(arguments):
    check = arguments[:1] == ["--check"]
    folder = arguments[-1]
    different = 0
    for name, scene in SCENES.items():
        path = os.path.join(folder, name)
        text = scene().text()
        if check:
            with open(path, encoding="utf-8", newline="") as file:
                if file.read() != text:
                    print(f"{path} is not what make_capture.py writes")
                    different = 1
        else:
            with open(path, "w", encoding="utf-8", newline="") as file:
                file.write(text)
    return different


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
