/* SPDX-License-Identifier: MIT */
#include "feeds/connection_socket.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static bool would_block(int error)
{
    return error == EAGAIN || error == EINTR;
}

static int socket_read(BIO *bio, char *bytes, int size_bytes)
{
    struct connection_socket *const socket = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (bytes == NULL || size_bytes <= 0) {
        return 0;
    }
    const ssize_t received = recv(socket->fd, bytes, (size_t)size_bytes, MSG_DONTWAIT);
    socket->said_empty = received < 0 && errno == EAGAIN;
    if (received > 0) {
        if (socket->clock != NULL) {
            socket->recv_mono_ns = socket->clock();
        }
        socket->wire_bytes += (uint64_t)received;
    } else if (received == 0) {
        socket->said_fin = true;
    } else if (would_block(errno)) {
        BIO_set_retry_read(bio);
    } else {
        socket->read_errno = errno;
    }
    return (int)received;
}

/* A failed send must not stop OpenSSL from reading: a close frame with its reason may be in the
 * receive queue, and it is the better evidence. So the failure is noted, and OpenSSL is told to
 * try later. */
static int socket_write(BIO *bio, const char *bytes, int size_bytes)
{
    struct connection_socket *const socket = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (bytes == NULL || size_bytes <= 0) {
        return 0;
    }
    if (socket->write_errno == 0) {
        const ssize_t sent =
            send(socket->fd, bytes, (size_t)size_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            return (int)sent;
        }
        if (!would_block(errno) && errno != ENOBUFS && errno != ENOMEM) {
            socket->write_errno = errno;
        }
    }
    BIO_set_retry_write(bio);
    return -1;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    const struct connection_socket *const socket = BIO_get_data(bio);
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH) {
        return 1; /* nothing is held back here */
    }
    if (command == BIO_CTRL_EOF) {
        return socket != NULL && socket->said_fin;
    }
    return 0;
}

static int socket_free(BIO *bio)
{
    free(BIO_get_data(bio));
    BIO_set_data(bio, NULL);
    return 1;
}

BIO_METHOD *connection_socket_method(void)
{
    BIO_METHOD *const method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "flatline socket");
    if (method == NULL) {
        return NULL;
    }
    if (BIO_meth_set_read(method, socket_read) != 1 ||
        BIO_meth_set_write(method, socket_write) != 1 ||
        BIO_meth_set_ctrl(method, socket_control) != 1 ||
        BIO_meth_set_destroy(method, socket_free) != 1) {
        BIO_meth_free(method);
        return NULL;
    }
    return method;
}

int connection_socket_attach(SSL *ssl, const BIO_METHOD *method, int fd)
{
    struct connection_socket *const socket = calloc(1, sizeof(*socket));
    BIO *const bio = socket == NULL ? NULL : BIO_new(method);
    if (bio == NULL) {
        free(socket);
        return -ENOMEM;
    }
    socket->fd = fd;
    BIO_set_data(bio, socket);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio); /* takes the one reference for both directions */
    return 0;
}

struct connection_socket *connection_socket_of(const SSL *ssl)
{
    return BIO_get_data(SSL_get_rbio(ssl));
}

void connection_socket_close(const SSL *ssl)
{
    struct connection_socket *const socket = connection_socket_of(ssl);
    if (socket->fd >= 0) {
        (void)close(socket->fd);
        socket->fd = -1;
    }
}
