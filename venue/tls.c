/* SPDX-License-Identifier: MIT */
#include "venue/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIFE_DAYS  825
#define PATH_BYTES 4096

static const char SUBJECT_NAMES[] =
    "DNS:localhost,IP:127.0.0.1,IP:::1,"
    "DNS:stream.binance.com,DNS:api.binance.com,DNS:data-stream.binance.vision,DNS:data-api."
    "binance.vision,"
    "DNS:fstream.binance.com,DNS:fapi.binance.com,DNS:dstream.binance.com,DNS:dapi.binance.com,"
    "DNS:ws.okx.com,DNS:wspap.okx.com,DNS:wseea.okx.com,DNS:wsus.okx.com,DNS:www.okx.com,DNS:"
    "openapi.okx.com";

/* A certificate in the making: for whom, signed by whom. */
struct request {
    EVP_PKEY *key;
    const char *common_name;
    const char *constraints;
    const char *usage;
    const char *names; /* NULL = none */
    X509 *issuer;      /* NULL = itself */
    EVP_PKEY *issuer_key;
};

static bool add_extension(X509 *certificate, X509V3_CTX *context, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, context, nid, value);
    const bool is_added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return is_added;
}

static bool add_extensions(X509 *certificate, const struct request *request)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context,
                   request->issuer == NULL ? certificate : request->issuer,
                   certificate,
                   NULL,
                   NULL,
                   0);
    return add_extension(certificate, &context, NID_basic_constraints, request->constraints) &&
           add_extension(certificate, &context, NID_key_usage, request->usage) &&
           add_extension(certificate, &context, NID_subject_key_identifier, "hash") &&
           (request->issuer == NULL ||
            add_extension(certificate, &context, NID_authority_key_identifier, "keyid")) &&
           (request->names == NULL ||
            (add_extension(certificate, &context, NID_subject_alt_name, request->names) &&
             add_extension(certificate, &context, NID_ext_key_usage, "serverAuth")));
}

static bool set_name(X509 *certificate, const struct request *request)
{
    X509_NAME *name = X509_get_subject_name(certificate);
    return X509_NAME_add_entry_by_txt(
               name, "CN", MBSTRING_ASC, (const unsigned char *)request->common_name, -1, -1, 0) ==
               1 &&
           X509_set_issuer_name(
               certificate,
               request->issuer == NULL ? name : X509_get_subject_name(request->issuer)) == 1;
}

static X509 *certificate_create(const struct request *request)
{
    X509 *certificate = X509_new();
    BIGNUM *serial = BN_new();
    const bool is_made =
        certificate != NULL && serial != NULL &&
        BN_rand(serial, 120, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
        BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(certificate)) != NULL &&
        X509_set_version(certificate, 2) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(certificate), 86400L * LIFE_DAYS) != NULL &&
        X509_set_pubkey(certificate, request->key) == 1 && set_name(certificate, request) &&
        add_extensions(certificate, request) &&
        X509_sign(certificate,
                  request->issuer == NULL ? request->key : request->issuer_key,
                  EVP_sha256()) > 0;
    BN_free(serial);
    if (!is_made) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static bool pem_path(char *path, const char *dir, const char *name)
{
    const int used = snprintf(path, PATH_BYTES, "%s/%s", dir, name);
    return used > 0 && used < PATH_BYTES;
}

static FILE *pem_open(const char *dir, const char *name, mode_t mode)
{
    char path[PATH_BYTES];
    if (!pem_path(path, dir, name)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
    return fd < 0 ? NULL : fdopen(fd, "w");
}

static int certificate_write(const char *dir, const char *name, X509 *certificate)
{
    FILE *file = pem_open(dir, name, 0644);
    if (file == NULL) {
        return -errno;
    }
    const bool is_written = PEM_write_X509(file, certificate) == 1;
    return fclose(file) == 0 && is_written ? 0 : -EIO;
}

static int key_write(const char *dir, const char *name, EVP_PKEY *key)
{
    FILE *file = pem_open(dir, name, 0600);
    if (file == NULL) {
        return -errno;
    }
    const bool is_written = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
    return fclose(file) == 0 && is_written ? 0 : -EIO;
}

static bool all_there(const char *dir)
{
    static const char *const names[] = {"ca.pem", "server.pem", "server.key"};
    char path[PATH_BYTES];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!pem_path(path, dir, names[i]) || access(path, R_OK) != 0) {
            return false;
        }
    }
    return true;
}

int tls_prepare(const char *dir, char *why, size_t why_bytes)
{
    if (all_there(dir)) {
        return 0;
    }
    int result = -EPROTO;
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *ca = NULL;
    X509 *server = NULL;
    if (ca_key != NULL && key != NULL) {
        ca = certificate_create(&(struct request){.key = ca_key,
                                                  .common_name = "flatline-venue test CA",
                                                  .constraints = "critical,CA:TRUE",
                                                  .usage = "critical,keyCertSign,cRLSign"});
    }
    if (ca != NULL) {
        server = certificate_create(&(struct request){.key = key,
                                                      .common_name = "localhost",
                                                      .constraints = "CA:FALSE",
                                                      .usage = "critical,digitalSignature",
                                                      .names = SUBJECT_NAMES,
                                                      .issuer = ca,
                                                      .issuer_key = ca_key});
    }
    if (server != NULL) {
        result = key_write(dir, "server.key", key);
        result = result != 0 ? result : certificate_write(dir, "server.pem", server);
        result = result != 0 ? result : certificate_write(dir, "ca.pem", ca);
    }
    if (result == -EPROTO) {
        (void)snprintf(why, why_bytes, "OpenSSL: %s", ERR_error_string(ERR_get_error(), NULL));
    } else if (result != 0) {
        (void)snprintf(why, why_bytes, "%s: %s", dir, strerror(-result));
    }
    X509_free(ca);
    X509_free(server);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
    return result;
}
