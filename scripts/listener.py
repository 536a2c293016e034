#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""An engine's ears, for tests: one TLS WebSocket to the fake venue, read as it comes, with not a line about flatline.

usage: listener.py WSS_URL CA_FILE PID_FILE [SUBSCRIBE_TEXT]

SIGUSR1: stops reading, the socket stays open. SIGUSR2: reads on. SIGTERM: leaves. PID_FILE is written once it hears.
"""
import base64
import os
import pathlib
import signal
import socket
import ssl
import struct
import sys
import time
import urllib.parse

READ_BYTES = 65536


def frame(opcode, payload):
    """One masked frame with a zero mask."""
    length = len(payload)
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | length) if length < 126 else struct.pack("!BBH", 0x80 | opcode, 0x80 | 126, length)
    return head + b"\0\0\0\0" + payload


def dial(url, ca_file):
    parts = urllib.parse.urlsplit(url)
    raw = socket.create_connection((parts.hostname, parts.port), 10)
    tls = ssl.create_default_context(cafile=ca_file).wrap_socket(raw, server_hostname="localhost")
    path = parts.path + ("?" + parts.query if parts.query else "")
    key = base64.b64encode(os.urandom(16)).decode()
    tls.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        piece = tls.recv(4096)
        if not piece:
            raise SystemExit("listener: the venue hung up")
        answer += piece
    if b" 101 " not in answer.split(b"\r\n")[0]:
        raise SystemExit(f"listener: refused: {answer[:200]!r}")
    return tls, answer.split(b"\r\n\r\n", 1)[1]


def frames(pending):
    """[(opcode, payload)] of the whole frames at the head of pending, and the rest."""
    found = []
    while len(pending) >= 2:
        length, start = pending[1] & 0x7F, 2
        if length == 126:
            length, start = int.from_bytes(pending[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(pending[2:10], "big"), 10
        if len(pending) < start + length:
            break
        found.append((pending[0] & 0x0F, pending[start:start + length]))
        pending = pending[start + length:]
    return found, pending


def main():
    url, ca_file, pid_file = sys.argv[1:4]
    deaf = [False]
    signal.signal(signal.SIGUSR1, lambda *_: deaf.__setitem__(0, True))
    signal.signal(signal.SIGUSR2, lambda *_: deaf.__setitem__(0, False))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    tls, pending = dial(url, ca_file)
    if len(sys.argv) > 4:
        tls.sendall(frame(1, sys.argv[4].encode()))
    tls.settimeout(0.05)
    told = False
    while True:
        while deaf[0]:
            time.sleep(0.002)
        try:
            piece = tls.recv(READ_BYTES)
        except (TimeoutError, ssl.SSLWantReadError):
            continue
        if not piece:
            raise SystemExit("listener: the venue hung up")
        found, pending = frames(pending + piece)
        for opcode, payload in found:
            if opcode == 9:
                tls.sendall(frame(10, payload))
        if not told and found:
            pathlib.Path(pid_file).write_text(f"{os.getpid()}\n")
            told = True


if __name__ == "__main__":
    main()
