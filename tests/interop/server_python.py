# SPDX-License-Identifier: MIT
"""The `websockets` package as a TLS WebSocket server, behaving by URL path, as server_node.js does.

argv: certificate, key. Prints its port on one line.
"""
import asyncio
import ssl
import sys

import websockets

last = "nothing"


async def echo(socket, _):
    async for message in socket:
        await socket.send(message)


async def tell_last(socket, _):
    async for _ in socket:
        await socket.send(last)


async def fragments(socket, _):
    async def parts():
        yield "one,"
        await socket.ping(b"between")
        yield "two,"
        yield "\u20ac three"

    await socket.send(parts())
    await socket.send("whole")
    await socket.wait_closed()


async def ping(socket, _):
    await (await socket.ping(b"1700000000000"))
    await socket.send("pong 1700000000000")  # the awaited pong has this very payload
    await socket.wait_closed()


async def size(socket, argument):
    await socket.send("x" * int(argument))
    await socket.wait_closed()


async def close(socket, argument):
    await socket.close(int(argument), "bye " + argument)


async def bare(socket, _):
    # The library cannot close without a code; two bytes can.
    socket.transport.write(bytes.fromhex("8800"))
    await socket.wait_closed()


async def raw(socket, argument):
    socket.transport.write(bytes.fromhex(argument))
    await socket.wait_closed()


async def drop(socket, _):
    await socket.send("last")
    await asyncio.sleep(0.02)
    socket.transport.abort()


async def wait(socket, _):
    await socket.wait_closed()


BEHAVIOURS = {
    "echo": echo,
    "last": tell_last,
    "fragments": fragments,
    "ping": ping,
    "size": size,
    "close": close,
    "bare": bare,
    "raw": raw,
    "drop": drop,
}


async def serve(socket):
    global last
    _, name, argument = (socket.path + "/").split("/")[:3]
    if name == "last":
        await tell_last(socket, argument)
        return
    last = "open " + socket.request_headers.get("Sec-WebSocket-Extensions", "plain")
    try:
        await BEHAVIOURS.get(name, wait)(socket, argument)
    except websockets.ConnectionClosed:
        pass
    await socket.wait_closed()
    last = f"closed {socket.close_code} {socket.close_reason}"


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server = await websockets.serve(
        serve, "127.0.0.1", 0, ssl=context, max_size=1 << 21, compression="deflate", ping_interval=None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
