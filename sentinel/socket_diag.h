/* SPDX-License-Identifier: MIT
 *
 * socket_diag.h - the kernel's own word on TCP connections, anybody's in this network namespace, by
 * NETLINK_SOCK_DIAG: no right is needed, and nothing of the process that owns them.
 *
 * All of them at once costs a walk of the kernel's whole table (a millisecond where it has a quarter of
 * a million buckets); one that is known costs microseconds. So they are found rarely and looked at
 * often.
 */
#ifndef FLATLINE_SENTINEL_SOCKET_DIAG_H
#define FLATLINE_SENTINEL_SOCKET_DIAG_H

#include <stdbool.h>
#include <stdint.h>

/* Words of four, as the kernel has them. An IPv4 address is in the first of its four. */
struct socket_id {
    uint32_t family; /* AF_INET, AF_INET6 */
    uint16_t local_port;
    uint16_t remote_port;
    uint32_t local[4];
    uint32_t remote[4];
    uint64_t cookie; /* the kernel's number of this one socket, never given twice; 0: not known */
};

struct socket_look {
    struct socket_id id;
    uint32_t inode; /* what /proc/PID/fd calls it */
    uint8_t state;  /* TCP_ESTABLISHED ... */
    uint8_t retransmits;
    uint32_t receive_queue_bytes;
    uint32_t send_queue_bytes;
    uint32_t last_data_recv_ms;
    uint32_t last_ack_recv_ms;
    uint64_t bytes_received;
};

/** A netlink socket for the calls below, whose answers are waited for 200 ms at most. Returns it, or
 *  -errno: -EPROTONOSUPPORT where the kernel has no sock_diag. */
int socket_diag_open(void);

/** Looks at one connection. The cookie, where it is set, must be its own.
 *  Returns 0; -ENOENT there is none such (any more); another -errno. */
int socket_diag_one(int netlink_fd, const struct socket_id *id, struct socket_look *ret_look);

/** Asks for all established connections of a family.
 *
 *  most  more than so many are not told, and -E2BIG is returned
 *  Returns 0 or -errno; told what came before it all the same. */
int socket_diag_all(int netlink_fd,
                    uint32_t family,
                    uint32_t most,
                    void (*tell)(void *user, const struct socket_look *look),
                    void *user);

/** Who a connected socket of ours is. Returns 0 or -errno. */
int socket_id_of(int fd, struct socket_id *ret_id);

#endif
