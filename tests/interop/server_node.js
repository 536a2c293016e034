// SPDX-License-Identifier: MIT
//
// The `ws` package as a TLS WebSocket server, behaving by URL path. server_python.py does the same with `websockets`;
// interop_client.c knows what each path must bring. argv: certificate, key. Prints its port on one line.
'use strict';
const fs = require('fs');
const https = require('https');
const { WebSocketServer } = require(require.resolve('ws', { paths: [process.env.INTEROP_MODULES || __dirname] }));

const [certificate, key] = process.argv.slice(2);
const server = https.createServer({ cert: fs.readFileSync(certificate), key: fs.readFileSync(key) });
// The server would compress if it were asked to: the client must not ask.
const sockets = new WebSocketServer({ server, perMessageDeflate: true, maxPayload: 1 << 21, autoPong: true });
let last = 'nothing';

// Bytes no API would send.
function raw(socket, hex) {
  socket._socket.write(Buffer.from(hex, 'hex'));
}

function text(size) {
  return 'x'.repeat(size);
}

const behaviours = {
  echo(socket) {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
  },
  // Asked for with any text: how the connection before ended, as this side saw it.
  last(socket) {
    socket.on('message', () => socket.send(last));
  },
  fragments(socket) {
    socket.send('one,', { fin: false });
    socket.ping('between');
    socket.send('two,', { fin: false });
    socket.send('\u20ac three', { fin: true });
    socket.send('whole');
  },
  ping(socket) {
    socket.on('pong', (data) => socket.send('pong ' + data.toString()));
    socket.ping('1700000000000');
  },
  size(socket, argument) {
    socket.send(text(Number(argument)));
  },
  close(socket, argument) {
    socket.close(Number(argument), 'bye ' + argument);
  },
  bare(socket) {
    socket.close();
  },
  raw(socket, argument) {
    raw(socket, argument);
  },
  drop(socket) {
    socket.send('last');
    setTimeout(() => socket.terminate(), 20);
  },
  wait() {},
};

sockets.on('connection', (socket, request) => {
  const [, name, argument] = request.url.split('/');
  if (name !== 'last') {
    last = 'open ' + (request.headers['sec-websocket-extensions'] || 'plain');
    socket.on('close', (code, reason) => { last = `closed ${code} ${reason}`; });
    socket.on('error', () => {});
  }
  (behaviours[name] || behaviours.wait)(socket, argument);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
