/* SPDX-License-Identifier: MIT */
#include "feeds/connection_tls.h"

#include "core/base.h"
#include "feeds/connection_resolve.h"
#include "feeds/connection_socket.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

struct dial_tls {
    SSL_CTX *context;
    BIO_METHOD *method;
};

static const char *newest_error(void)
{
    const char *const reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != NULL ? reason : "TLS failed";
}

static void set_rules(SSL_CTX *context)
{
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    (void)SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    /* Partial writes from a buffer that may move: the connection's send queue is compacted between
     * tries. */
    (void)SSL_CTX_set_mode(context,
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                               SSL_MODE_AUTO_RETRY);
    /* Keep the record buffer: releasing it costs a malloc and a free of 16 KiB a record. */
    (void)SSL_CTX_clear_mode(context, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static int
load_trust(SSL_CTX *context, const char *ca_file, char *error_text, size_t error_text_bytes)
{
    ERR_clear_error();
    if (ca_file == NULL) {
        if (SSL_CTX_set_default_verify_paths(context) == 1) {
            return 0;
        }
        (void)snprintf(
            error_text, error_text_bytes, "the system's certificate store: %s", newest_error());
        return -EINVAL;
    }
    if (SSL_CTX_load_verify_file(context, ca_file) == 1) {
        return 0;
    }
    (void)snprintf(error_text, error_text_bytes, "%s: %s", ca_file, newest_error());
    return -EINVAL;
}

int dial_tls_create(const char *ca_file,
                    struct dial_tls **ret_tls,
                    char *error_text,
                    size_t error_text_bytes)
{
    struct dial_tls *const tls = calloc(1, sizeof(*tls));
    if (tls == NULL) {
        (void)snprintf(error_text, error_text_bytes, "out of memory");
        return -ENOMEM;
    }
    tls->context = SSL_CTX_new(TLS_client_method());
    tls->method = connection_socket_method();
    int error = -ENOMEM;
    if (tls->context != NULL && tls->method != NULL) {
        set_rules(tls->context);
        error = load_trust(tls->context, ca_file, error_text, error_text_bytes);
    } else {
        (void)snprintf(error_text, error_text_bytes, "no TLS context: %s", newest_error());
    }
    ERR_clear_error();
    if (error != 0) {
        dial_tls_destroy(tls);
        return error;
    }
    *ret_tls = tls;
    return 0;
}

void dial_tls_destroy(struct dial_tls *tls)
{
    if (tls == NULL) {
        return;
    }
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    free(tls);
}

/* The name the certificate must carry; a numeric host is matched against its IP entries and sends
 * no SNI (RFC 6066, 3). */
static bool set_name(SSL *ssl, const char *host)
{
    struct resolve_result ignored;
    if (resolve_numeric(host, 0, &ignored)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    }
    char name[TLSEXT_MAXLEN_host_name + 1]; /* OpenSSL's macro casts const away */
    if (strlen(host) >= sizeof(name)) {
        return false;
    }
    memcpy(name, host, strlen(host) + 1);
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

SSL *dial_tls_open(const struct dial_tls *tls, const char *host, int fd)
{
    SSL *const ssl = SSL_new(tls->context);
    if (ssl == NULL || !set_name(ssl, host) ||
        connection_socket_attach(ssl, tls->method, fd) != 0) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

int dial_tls_error(const SSL *ssl, char *text, size_t text_bytes)
{
    const long verify = SSL_get_verify_result(ssl);
    if (verify != X509_V_OK) {
        (void)snprintf(text, text_bytes, "%s", X509_verify_cert_error_string(verify));
    } else {
        (void)snprintf(text, text_bytes, "%s", newest_error());
    }
    ERR_clear_error();
    return verify != X509_V_OK ? (int)verify : 0;
}
