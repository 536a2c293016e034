#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The real flatline-venue on the wire: what only sockets can show.

    venue_smoke.py --bin DIR [NAME ...]

TLS and certificate names, upgrades and their refusal, REST with kept-alive connections, each way to end or to break a connection, heartbeats,
fragments and hostile bytes, replay, scripts. Python's `websockets` is the client: it shares no code with either side. No time is asserted.
"""
import argparse
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import websockets
from websockets.exceptions import ConnectionClosed, InvalidStatusCode

SECONDS = 10
USDM, SPOT, COINM, OKX = "binance-usdm", "binance-spot", "binance-coinm", "okx"
BOOK, BBO = "btcusdt@depth@100ms", "btcusdt@bookTicker"


class Venue:
    """One flatline-venue in a folder of its own."""

    def __init__(self, bin_dir, *options, folder=None):
        self.owns = folder is None
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="flatline-smoke-"))
        argv = [str(pathlib.Path(bin_dir) / "flatline-venue"), "--dir", str(self.folder), *options]
        self.child = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in self.child.stdout:
            if line.strip() == "ready":
                break
        else:
            raise AssertionError(f"not ready: {self.child.stderr.read()}")
        self.about = json.loads((self.folder / "venue.json").read_text())
        self.tls = ssl.create_default_context(cafile=self.about["ca"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.child.poll() is None:
            self.child.terminate()
        assert self.child.wait(SECONDS) == 0, f"exit {self.child.returncode}: {self.child.stderr.read()}"
        self.child.stdout.close()
        self.child.stderr.close()
        if self.owns:
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, line):
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(SECONDS)
            control.connect(self.about["control"])
            control.sendall(f"{line}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                answer += control.recv(65536)
        return answer.decode().strip()

    def do(self, line):
        answer = self.ask(line)
        assert answer.startswith("ok") and "mono_ns=" in answer, f"{line}: {answer}"
        return answer

    def port(self, venue):
        return int(self.about["venues"][venue]["ws"].rsplit(":", 1)[1])

    def connect(self, venue, path, **options):
        options = {"ssl": self.tls, "compression": None, "max_size": 2**24, "ping_interval": None, **options}
        return websockets.connect(self.about["venues"][venue]["ws"] + path, **options)

    def rest(self, venue):
        return http.client.HTTPSConnection("127.0.0.1", self.port(venue), context=self.tls, timeout=SECONDS)


async def heard(connection):
    return json.loads(await asyncio.wait_for(connection.recv(), SECONDS))


async def until(connection, wanted):
    """The first frame wanted(frame) likes."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        frame = await heard(connection)
        if wanted(frame):
            return frame
    raise AssertionError("the frame waited for did not come")


async def ending(connection):
    """Reads until the connection ends; returns (close code, reason, exception beneath)."""
    try:
        while True:
            await asyncio.wait_for(connection.recv(), SECONDS)
    except ConnectionClosed as closed:
        return connection.close_code, connection.close_reason, closed.__cause__


async def silent_for(connection, seconds):
    with contextlib.suppress(asyncio.TimeoutError):
        return await asyncio.wait_for(connection.recv(), seconds)
    return None


def request(connection, method, path, headers=None):
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    body = response.read()
    return response.status, (json.loads(body) if body.startswith(b"{") else body), response


# ---- tests: each takes the venue


async def certificate_speaks_for_the_real_hosts_and_only_with_its_ca(venue):
    for host in ("localhost", "fstream.binance.com", "stream.binance.com", "dstream.binance.com", "ws.okx.com"):
        async with venue.connect(USDM, "/public/ws", server_hostname=host):
            pass
    for options in ({"ssl": ssl.create_default_context()}, {"server_hostname": "example.com"}):
        try:
            async with venue.connect(USDM, "/public/ws", **options):
                raise AssertionError("a wrong certificate was believed")
        except ssl.SSLCertVerificationError:
            pass


async def only_loopback_listens(venue):
    for port in (venue.port(v) for v in (USDM, SPOT, COINM, OKX)):
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, state = line.split()[1], line.split()[3]
            if state == "0A" and int(local.split(":")[1], 16) == port:
                assert local.startswith("0100007F:"), local


async def folder_is_as_promised(venue):
    assert venue.about["pid"] == venue.child.pid
    assert (venue.folder / "server.key").stat().st_mode & 0o777 == 0o600
    assert (venue.folder / "control.sock").stat().st_mode & 0o777 == 0o600
    assert set(venue.about["venues"]) == {USDM, SPOT, COINM, OKX}


async def usdm_combined_streams_flow_with_one_id_space(venue):
    async with venue.connect(USDM, "/public/stream") as usdm:
        await usdm.send(json.dumps({"method": "SUBSCRIBE", "params": [BOOK, BBO], "id": 9}))
        assert await heard(usdm) == {"result": None, "id": 9}
        last, best = None, 0
        for _ in range(60):
            frame = await heard(usdm)
            data = frame["data"]
            assert abs(time.time() * 1000 - data["E"]) < 5000
            if frame["stream"] == BOOK:
                assert last is None or data["pu"] == last
                assert data["u"] >= best
                last = data["u"]
            else:
                best = data["u"]
                assert float(data["b"]) < float(data["a"])
        assert last is not None and best > 0


async def spot_streams_in_the_url_are_raw_and_chain_by_one(venue):
    async with venue.connect(SPOT, f"/ws/{BOOK}") as spot:
        last = (await heard(spot))["u"]
        for _ in range(10):
            frame = await heard(spot)
            assert frame["U"] == last + 1
            last = frame["u"]


async def coinm_frames_carry_the_pair(venue):
    async with venue.connect(COINM, "/stream?streams=btcusd_perp@bookTicker") as coinm:
        frame = await heard(coinm)
        assert frame["data"]["ps"] == "BTCUSD" and frame["data"]["s"] == "BTCUSD_PERP"


async def okx_twins_see_the_same_ids(venue):
    asked = json.dumps({"op": "subscribe", "args": [{"channel": "books", "instId": "BTC-USDT-SWAP"}]})
    async with venue.connect(OKX, "/ws/v5/public") as one, venue.connect(OKX, "/ws/v5/public") as two:
        seen = []
        for okx in (one, two):
            await okx.send(asked)
            assert (await heard(okx))["event"] == "subscribe"
            snapshot = await heard(okx)
            assert snapshot["action"] == "snapshot" and snapshot["data"][0]["prevSeqId"] == -1
            seen.append({snapshot["data"][0]["seqId"]: None})
        for ids, okx in zip(seen, (one, two)):
            for _ in range(10):
                data = (await heard(okx))["data"][0]
                assert data["prevSeqId"] in ids, "the chain is broken"
                ids[data["seqId"]] = data["ts"]
        common = [i for i in seen[1] if i in seen[0] and seen[0][i] and seen[1][i]]
        assert len(common) >= 5 and all(seen[0][i] == seen[1][i] for i in common)


async def rest_answers_on_one_kept_connection(venue):
    rest = venue.rest(USDM)
    status, body, response = request(rest, "GET", "/fapi/v1/time")
    assert status == 200 and abs(body["serverTime"] - time.time() * 1000) < 5000
    assert int(response.headers["x-mbx-used-weight-1m"]) > 0
    local = rest.sock.getsockname()
    status, body, _ = request(rest, "GET", "/fapi/v1/depth?symbol=BTCUSDT&limit=5")
    assert status == 200 and len(body["bids"]) == 5 and body["lastUpdateId"] > 0
    me = {"X-MBX-APIKEY": "me"}
    _, first, _ = request(rest, "POST", "/fapi/v1/listenKey", me)
    _, second, _ = request(rest, "PUT", "/fapi/v1/listenKey", me)
    assert first == second and len(first["listenKey"]) == 64
    assert request(rest, "POST", "/fapi/v1/listenKey")[0] == 401
    assert request(rest, "DELETE", "/fapi/v1/listenKey", me)[:2] == (200, {})
    status, body, _ = request(rest, "PUT", "/fapi/v1/listenKey", me)
    assert status == 400 and body["code"] == -1125
    assert rest.sock.getsockname() == local, "the connection was not kept"
    rest.close()
    for name, path in ((SPOT, "/api/v3/time"), (COINM, "/dapi/v1/time"), (OKX, "/api/v5/public/time")):
        rest = venue.rest(name)
        assert request(rest, "GET", path)[0] == 200
        rest.close()


async def rest_posts_with_a_body_are_answered(venue):
    rest = venue.rest(USDM)
    rest.request("POST", "/fapi/v1/listenKey", body="a=b", headers={"X-MBX-APIKEY": "body"})
    assert rest.getresponse().status == 200
    rest.close()


async def rest_fails_on_command(venue):
    venue.do(f"rest-status {USDM} 429 7")
    rest = venue.rest(USDM)
    status, body, response = request(rest, "GET", "/fapi/v1/time")
    assert (status, response.headers["retry-after"], body["code"]) == (429, "7", -1003)
    venue.do(f"rest-status {USDM} 200")
    assert request(rest, "GET", "/fapi/v1/time")[0] == 200
    rest.close()
    venue.do(f"rest-hang {USDM} for 500ms")
    hung = http.client.HTTPSConnection("127.0.0.1", venue.port(USDM), context=venue.tls, timeout=0.3)
    try:
        request(hung, "GET", "/fapi/v1/time")
        raise AssertionError("an answer came")
    except TimeoutError:
        pass
    hung.close()


async def account_events_need_key_and_events(venue):
    rest = venue.rest(USDM)
    _, body, _ = request(rest, "POST", "/fapi/v1/listenKey", {"X-MBX-APIKEY": "account"})
    rest.close()
    key = body["listenKey"]
    form = f"/private/ws?listenKey={key}&events=ORDER_TRADE_UPDATE/listenKeyExpired"
    async with venue.connect(USDM, form) as good, venue.connect(USDM, f"/private/ws/{key}") as path:
        venue.do("user-event")
        assert (await heard(good))["e"] == "ORDER_TRADE_UPDATE"
        venue.do("key-expire event")
        assert await heard(good) == {"e": "listenKeyExpired", "E": good_time(), "listenKey": key}
        assert await silent_for(path, 0.2) is None
        await asyncio.wait_for(await good.ping(), SECONDS)  # the socket lives on


def good_time():
    class Now:
        def __eq__(self, other):
            return abs(other - time.time() * 1000) < 5000

    return Now()


async def upgrade_is_refused_with_its_status(venue):
    for status in (429, 418, 503):
        venue.do(f"refuse {OKX} {status}")
        try:
            async with venue.connect(OKX, "/ws/v5/public"):
                raise AssertionError("let in")
        except InvalidStatusCode as refused:
            assert refused.status_code == status
    venue.do(f"refuse {OKX} off")
    async with venue.connect(OKX, "/ws/v5/public") as okx:
        await okx.send("ping")
        assert await okx.recv() == "pong"
    try:
        async with venue.connect(OKX, "/ws/v9"):
            raise AssertionError("let in")
    except InvalidStatusCode as refused:
        assert refused.status_code == 404


async def each_ending_is_what_it_says(venue):
    cases = (
        (f"close {USDM}/public 1012 back soon", (1012, "back soon", None)),
        (f"close {USDM}/public 4001", (4001, "", None)),
        (f"rst {USDM}/public", (1006, "", ConnectionResetError)),
        (f"fin {USDM}/public", (1006, "", asyncio.IncompleteReadError)),
    )
    for line, (code, reason, cause) in cases:
        async with venue.connect(USDM, f"/public/ws/{BBO}") as usdm:
            await heard(usdm)
            assert "connections=1" in venue.do(line)
            got = await ending(usdm)
            assert got[:2] == (code, reason), f"{line}: {got}"
            assert cause is None or isinstance(got[2], cause), f"{line}: {got}"


async def a_mute_connection_still_answers_pings(venue):
    async with venue.connect(USDM, f"/public/ws/{BBO}") as usdm:
        await heard(usdm)
        venue.do(f"mute {USDM}/public for 700ms")
        await silent_for(usdm, 0.1)
        assert await silent_for(usdm, 0.3) is None
        await asyncio.wait_for(await usdm.ping(), SECONDS)
        await heard(usdm)


async def a_black_hole_answers_nothing_and_then_everything(venue):
    async with venue.connect(USDM, f"/public/ws/{BBO}") as usdm:
        await heard(usdm)
        venue.do(f"blackhole {USDM}/public for 700ms")
        while await silent_for(usdm, 0.1) is not None:
            pass
        pong = await usdm.ping()
        assert await silent_for(usdm, 0.2) is None and not pong.done()
        async with venue.connect(USDM, f"/public/ws/{BBO}") as newcomer:
            assert await silent_for(newcomer, 0.1) is None
            await heard(newcomer)
        deadline = time.monotonic() + SECONDS
        while not pong.done():  # it stands in line behind the data
            await heard(usdm)
            assert time.monotonic() < deadline


async def fragments_make_whole_messages(venue):
    async with venue.connect(USDM, f"/public/ws/{BOOK}") as usdm:
        venue.do(f"fragment {USDM}/public on")
        for _ in range(5):
            assert (await heard(usdm))["e"] == "depthUpdate"
        venue.do(f"fragment {USDM}/public off")


async def hostile_frames_break_the_rules_they_are_named_for(venue):
    broken, large = websockets.exceptions.ProtocolError, websockets.exceptions.PayloadTooBig
    expected = {"rsv1": broken, "masked": broken, "badutf8": UnicodeDecodeError, "unknown-opcode": broken, "oversize": large,
                "ping-oversize": broken, "orphan-continuation": broken, "fragmented-ping": broken, "bad-length": large}
    for kind, complaint in expected.items():
        async with venue.connect(USDM, f"/public/ws/{BBO}") as usdm:
            await heard(usdm)
            venue.do(f"hostile {USDM}/public {kind}")
            ended = await ending(usdm)
            assert isinstance(ended[2], complaint), f"{kind}: {ended}"
    async with venue.connect(USDM, "/public/ws") as usdm:
        venue.do(f"hostile {USDM}/public badjson")
        assert await asyncio.wait_for(usdm.recv(), SECONDS) == '{"e":"depthUpdate","E":17'
        venue.do(f"hostile {USDM}/public large")
        assert len(await asyncio.wait_for(usdm.recv(), SECONDS)) == 2**20 + 2


async def a_held_door_accepts_later(venue):
    venue.do(f"hold-accept {SPOT} for 500ms")
    start = time.monotonic()
    async with venue.connect(SPOT, f"/ws/{BBO}") as spot:
        assert time.monotonic() - start > 0.3
        await heard(spot)


async def many_clients_come_and_go(venue):
    async def visit(number):
        async with venue.connect(SPOT, f"/ws/s{number}usdt@bookTicker") as spot:
            await heard(spot)

    await asyncio.gather(*(visit(i) for i in range(40)))
    assert "conn:" not in venue.do("list")


async def a_client_that_does_not_read_is_cut_and_others_are_served(venue):
    # the slow one stops reading at the socket; the bounded queue behind it must fill while its neighbour is served
    async with venue.connect(OKX, "/ws/v5/business", max_queue=1, read_limit=1024, close_timeout=1), venue.connect(OKX, "/ws/v5/public") as good:
        await good.send(json.dumps({"op": "subscribe", "args": [{"channel": "bbo-tbt", "instId": "BTC-USDT"}]}))
        for _ in range(30):
            venue.do("hostile okx/business large")
            await heard(good)
        deadline = time.monotonic() + SECONDS
        while "okx/business" in venue.do("list") and time.monotonic() < deadline:
            await heard(good)
        assert "okx/business" not in venue.do("list") and "okx/public" in venue.do("list")


async def control_says_what_is_wrong(venue):
    for line in ("dance", "mute", "lag okx/public soon", "close okx/public 17", "hostile okx/public kind"):
        answer = venue.ask(line)
        assert answer.startswith("error: ") or line == "mute", f"{line}: {answer}"
    venue.do("clear")
    stamp = int(venue.do("stamp").split("mono_ns=")[1])
    assert abs(time.monotonic_ns() - stamp) < 5e9


# ---- tests that start their own venue


async def heartbeats_scale(bin_dir):
    with Venue(bin_dir, "--time-scale", "60") as venue:
        async with venue.connect(SPOT, "/ws") as spot, venue.connect(OKX, "/ws/v5/public") as okx:
            # websockets answers pings by itself: the connection outlives several deadlines of 1 s
            assert await silent_for(spot, 2.5) is None and spot.open
            assert (await ending(okx))[:2] == (4004, "No data received in 30s.")


async def an_unanswered_ping_is_a_pong_timeout(bin_dir):
    with Venue(bin_dir, "--time-scale", "60") as venue:
        reader, writer = await asyncio.open_connection("127.0.0.1", venue.port(SPOT), ssl=venue.tls, server_hostname="localhost")
        writer.write(b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
        got = await asyncio.wait_for(reader.read(), SECONDS)
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in got
        frames = got.split(b"\r\n\r\n", 1)[1]
        assert frames[0] == 0x89 and frames[1] == 13, frames
        assert frames.endswith(b"\x03\xf0Pong timeout"), frames
        writer.close()


async def a_script_runs_by_itself(bin_dir):
    with tempfile.NamedTemporaryFile("w", suffix=".script") as script:
        script.write("# one close, half a second in\n\n+500ms close binance-usdm/public 4321 scripted\n")
        script.flush()
        with Venue(bin_dir, "--script", script.name, "--venues", USDM) as venue:
            assert set(venue.about["venues"]) == {USDM}
            async with venue.connect(USDM, "/public/ws") as usdm:
                assert (await ending(usdm))[:2] == (4321, "scripted")


async def a_recording_is_told_again(bin_dir):
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as recording:
        for i in range(20):
            data = f'{{"e":"depthUpdate","E":{1700000000000 + i * 50},"T":{1700000000000 + i * 50},"s":"BTCUSDT","U":{i + 1},"u":{i + 1},"pu":{i},"b":[],"a":[]}}'
            recording.write(f'{1700000000000000000 + i * 50000000}\tc1\t{{"stream":"btcusdt@depth@0ms","data":{data}}}\n')
        recording.flush()
        with Venue(bin_dir, "--replay", recording.name, "--speed", "2") as venue:
            async with venue.connect(USDM, "/public/stream?streams=btcusdt@depth@0ms") as usdm:
                for i in range(20):
                    frame = await heard(usdm)
                    assert frame["stream"] == "btcusdt@depth@0ms" and frame["data"]["u"] == i + 1
                    assert abs(frame["data"]["E"] - time.time() * 1000) < 2000


async def a_second_life_keeps_its_certificates_and_moves_ids_on(bin_dir):
    folder = tempfile.mkdtemp(prefix="flatline-smoke-")
    try:
        last, certificate = 0, None
        for _ in range(2):
            with Venue(bin_dir, folder=folder) as venue:
                pem = (venue.folder / "ca.pem").read_text()
                assert certificate in (None, pem)
                certificate = pem
                async with venue.connect(SPOT, f"/ws/{BBO}") as spot:
                    first = (await heard(spot))["u"]
                    assert first > last
                    last = first
                    assert "mono_ns" in venue.ask("quit")
                    venue.child.wait(SECONDS)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def wrong_options_are_refused(bin_dir):
    program = str(pathlib.Path(bin_dir) / "flatline-venue")
    for argv in (["--port", "x"], ["--venues", "mtgox"], ["--rate", "-1"], ["--nonsense"], ["stray"]):
        done = subprocess.run([program, *argv], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 2 and done.stderr, argv
    for argv in (["--replay", "/nonexistent"], ["--script", "/nonexistent"], ["--dir", "/nonexistent/deep"]):
        done = subprocess.run([program, *argv], capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 1 and done.stderr, argv


async def documents_name_every_option_and_command(venue):
    root = pathlib.Path(__file__).resolve().parents[2]
    page = (root / "docs/man/flatline-venue.1").read_text()
    shown = subprocess.run([venue.child.args[0], "--help"], capture_output=True, text=True, timeout=SECONDS, check=True).stdout
    options = set(re.findall(r"--([a-z-]+)", shown))
    assert options == set(re.findall(r"Fl -([a-z-]+)", page)), "the page and --help differ"
    told = set(re.findall(r"^\| `([a-z0-9-]+)", (root / "docs/VENUE.md").read_text(), re.MULTILINE))
    known = set(re.findall(r'^    \{"([a-z0-9-]+)", ', "".join((root / "venue" / f).read_text()
                                                            for f in ("verbs.c", "connection_verbs.c")), re.MULTILINE))
    assert told == known, told ^ known
    assert "unknown command" in venue.ask("dance")
    for verb in told - {"quit"}:
        assert "unknown command" not in venue.ask(verb), verb


WITH_VENUE = (
    certificate_speaks_for_the_real_hosts_and_only_with_its_ca, only_loopback_listens, folder_is_as_promised,
    usdm_combined_streams_flow_with_one_id_space, spot_streams_in_the_url_are_raw_and_chain_by_one, coinm_frames_carry_the_pair,
    okx_twins_see_the_same_ids, rest_answers_on_one_kept_connection, rest_posts_with_a_body_are_answered, rest_fails_on_command,
    account_events_need_key_and_events, upgrade_is_refused_with_its_status, each_ending_is_what_it_says,
    a_mute_connection_still_answers_pings, a_black_hole_answers_nothing_and_then_everything, fragments_make_whole_messages,
    hostile_frames_break_the_rules_they_are_named_for, a_held_door_accepts_later, many_clients_come_and_go,
    control_says_what_is_wrong, documents_name_every_option_and_command, a_client_that_does_not_read_is_cut_and_others_are_served,
)
ALONE = (heartbeats_scale, an_unanswered_ping_is_a_pong_timeout, a_script_runs_by_itself, a_recording_is_told_again,
         a_second_life_keeps_its_certificates_and_moves_ids_on, wrong_options_are_refused)


def attempt(test, argument):
    start = time.monotonic()
    try:
        asyncio.run(asyncio.wait_for(test(argument), 90))
        print(f"ok      {test.__name__}  {time.monotonic() - start:.1f} s", flush=True)
        return True
    except Exception as error:  # each test is judged by itself
        print(f"FAILED  {test.__name__}: {type(error).__name__}: {error}", flush=True)
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    good = True
    with Venue(options.bin) as venue:
        for test in WITH_VENUE:
            if not options.names or test.__name__ in options.names:
                good = attempt(test, venue) and good
                venue.do("clear")
    for test in ALONE:
        if not options.names or test.__name__ in options.names:
            good = attempt(test, options.bin) and good
    return 0 if good else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
