/* SPDX-License-Identifier: MIT
 *
 * transport.h - what the exchange asks of the wires. server.c answers with libwebsockets, a test
 * with nothing.
 */
#ifndef FLATLINE_VENUE_TRANSPORT_H
#define FLATLINE_VENUE_TRANSPORT_H

#include <stdbool.h>

struct connection;

/** Something waits in the outbox, or close_code is set: write as soon as the socket takes it. */
void transport_wake(struct connection *connection);

/** TCP RST, at once. The connection is dead afterwards; it is destroyed later by the transport. */
void transport_reset(struct connection *connection);

/** TCP FIN without a close frame, at once. */
void transport_finish(struct connection *connection);

/** Stops or resumes reading, and with it the answers to pings. */
void transport_read(struct connection *connection, bool reads);

/** Has the kernel drop whatever comes for it, unacknowledged, as if the peer's machine had gone; or take
 *  it again. */
void transport_unplug(struct connection *connection, bool is_unplugged);

#endif
