/* SPDX-License-Identifier: MIT */
#include "unit/tls_peer.h"

#include "core/base.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void must(bool is_true, const char *what)
{
    if (!is_true) {
        (void)fprintf(stderr, "tls_peer: %s failed: %s\n", what, strerror(errno));
        ERR_print_errors_fp(stderr);
        abort();
    }
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *const extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    must(extension != NULL && X509_add_ext(certificate, extension, -1) == 1, "extension");
    X509_EXTENSION_free(extension);
}

static X509 *certificate_make(EVP_PKEY *key)
{
    X509 *const certificate = X509_new();
    X509_NAME *const name = X509_get_subject_name(certificate);
    must(X509_set_version(certificate, 2) == 1, "version");
    must(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1, "serial");
    must(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL, "time");
    must(X509_gmtime_adj(X509_getm_notAfter(certificate), 3600) != NULL, "time");
    must(X509_NAME_add_entry_by_txt(
             name, "CN", MBSTRING_ASC, (const unsigned char *)"flatline test", -1, -1, 0) == 1,
         "name");
    must(X509_set_issuer_name(certificate, name) == 1, "issuer");
    must(X509_set_pubkey(certificate, key) == 1, "key");
    add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(
        certificate, NID_subject_alt_name, "DNS:" PEER_NAME ",DNS:localhost,IP:127.0.0.1");
    must(X509_sign(certificate, key, EVP_sha256()) != 0, "sign");
    return certificate;
}

void peer_identity_open(struct peer_identity *identity)
{
    EVP_PKEY *const key = EVP_EC_gen("P-256");
    must(key != NULL, "key");
    X509 *const certificate = certificate_make(key);
    identity->context = SSL_CTX_new(TLS_server_method());
    must(SSL_CTX_use_certificate(identity->context, certificate) == 1, "use certificate");
    must(SSL_CTX_use_PrivateKey(identity->context, key) == 1, "use key");
    (void)snprintf(identity->ca_path, sizeof(identity->ca_path), "/tmp/flatline-test-ca-XXXXXX");
    const int fd = mkstemp(identity->ca_path);
    FILE *const file = fd >= 0 ? fdopen(fd, "w") : NULL;
    must(file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0, "CA file");
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void peer_identity_close(struct peer_identity *identity)
{
    SSL_CTX_free(identity->context);
    (void)unlink(identity->ca_path);
}

int peer_listen(uint16_t *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t address_bytes = sizeof(address);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
             listen(fd, 4) == 0,
         "listen");
    must(getsockname(fd, (struct sockaddr *)&address, &address_bytes) == 0, "getsockname");
    *ret_port = ntohs(address.sin_port);
    return fd;
}

void peer_accept(struct peer *peer, const struct peer_identity *identity, int listen_fd)
{
    peer->fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    peer->ssl = SSL_new(identity->context);
    const int one = 1;
    must(peer->fd >= 0 && peer->ssl != NULL, "accept");
    must(setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "TCP_NODELAY");
    SSL_set_bio(peer->ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_accept_state(peer->ssl);
}

void peer_send_raw(const struct peer *peer, const void *wire, size_t wire_bytes)
{
    const uint8_t *at = wire;
    while (wire_bytes > 0) {
        const ssize_t sent = send(peer->fd, at, wire_bytes, MSG_NOSIGNAL);
        if (sent < 0) {
            return; /* the client went away: what the test looks at is the client */
        }
        at += sent;
        wire_bytes -= (size_t)sent;
    }
}

static void push_wire(struct peer *peer)
{
    uint8_t wire[32768];
    int wire_bytes;
    while ((wire_bytes = BIO_read(SSL_get_wbio(peer->ssl), wire, sizeof(wire))) > 0) {
        peer_send_raw(peer, wire, (size_t)wire_bytes);
    }
}

void peer_pump(struct peer *peer)
{
    uint8_t wire[32768];
    ssize_t wire_bytes;
    while ((wire_bytes = recv(peer->fd, wire, sizeof(wire), MSG_DONTWAIT)) > 0) {
        must(BIO_write(SSL_get_rbio(peer->ssl), wire, (int)wire_bytes) == wire_bytes, "memory BIO");
    }
    if (!SSL_is_init_finished(peer->ssl)) {
        (void)SSL_do_handshake(peer->ssl);
        ERR_clear_error();
    }
    push_wire(peer);
}

void peer_send(struct peer *peer, const void *bytes, size_t size_bytes)
{
    must(SSL_write(peer->ssl, bytes, (int)size_bytes) == (int)size_bytes, "SSL_write");
    push_wire(peer);
}

size_t peer_encrypt(
    struct peer *peer, const void *bytes, size_t size_bytes, uint8_t *wire, size_t wire_bytes)
{
    push_wire(peer);
    must(SSL_write(peer->ssl, bytes, (int)size_bytes) == (int)size_bytes, "SSL_write");
    const int taken_bytes = BIO_read(SSL_get_wbio(peer->ssl), wire, (int)wire_bytes);
    must(taken_bytes > 0 && BIO_pending(SSL_get_wbio(peer->ssl)) == 0, "wire buffer");
    return (size_t)taken_bytes;
}

size_t peer_receive(struct peer *peer, void *bytes, size_t size_bytes)
{
    peer_pump(peer);
    const int received = SSL_read(peer->ssl, bytes, (int)size_bytes);
    ERR_clear_error();
    return received > 0 ? (size_t)received : 0;
}

size_t peer_unmask(uint8_t *bytes,
                   size_t size_bytes,
                   unsigned *ret_opcode,
                   uint8_t **ret_payload,
                   size_t *ret_payload_bytes)
{
    if (size_bytes < 6) {
        return 0;
    }
    must((bytes[1] & 0x80) != 0, "the client's mask bit");
    size_t header_bytes = 2;
    size_t payload_bytes = bytes[1] & 0x7f;
    const size_t length_bytes = payload_bytes == 126 ? 2 : payload_bytes == 127 ? 8 : 0;
    if (length_bytes > 0) {
        payload_bytes = 0;
        for (size_t i = 0; i < length_bytes; i++) {
            payload_bytes = payload_bytes << 8 | bytes[header_bytes++];
        }
    }
    const uint8_t *const mask = bytes + header_bytes;
    header_bytes += 4;
    if (size_bytes < header_bytes + payload_bytes) {
        return 0;
    }
    for (size_t i = 0; i < payload_bytes; i++) {
        bytes[header_bytes + i] ^= mask[i % 4];
    }
    *ret_opcode = bytes[0] & 0xf;
    *ret_payload = bytes + header_bytes;
    *ret_payload_bytes = payload_bytes;
    return header_bytes + payload_bytes;
}

void peer_fin(struct peer *peer)
{
    (void)shutdown(peer->fd, SHUT_WR);
}

void peer_reset(struct peer *peer)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    (void)close(peer->fd);
    peer->fd = -1;
}

void peer_close(struct peer *peer)
{
    SSL_free(peer->ssl);
    if (peer->fd >= 0) {
        (void)close(peer->fd);
    }
}
