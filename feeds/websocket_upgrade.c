/* SPDX-License-Identifier: MIT */
#include "feeds/websocket_upgrade.h"

#include "core/base.h"
#include "feeds/span.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdarg.h>
#include <strings.h>

#define HTTPS_PORT        443
#define KEY_RANDOM_BYTES  16
#define SHA1_BYTES        20
#define RETRY_AFTER_S_MAX (7ULL * 24 * 3600) /* facts: bans last up to three days */

int upgrade_key(char key[UPGRADE_KEY_BYTES])
{
    unsigned char random[KEY_RANDOM_BYTES];
    if (RAND_bytes(random, sizeof(random)) != 1) {
        return -EIO;
    }
    (void)EVP_EncodeBlock((unsigned char *)key, random, sizeof(random));
    return 0;
}

int upgrade_accept(const char *key, char accept[UPGRADE_ACCEPT_BYTES])
{
    char joined[128];
    unsigned char digest[SHA1_BYTES];
    const int length =
        snprintf(joined, sizeof(joined), "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    flatline_assert(length > 0 && (size_t)length < sizeof(joined));
    if (EVP_Digest(joined, (size_t)length, digest, NULL, EVP_sha1(), NULL) != 1) {
        return -EIO;
    }
    (void)EVP_EncodeBlock((unsigned char *)accept, digest, sizeof(digest));
    return 0;
}

/* Visible ASCII only: nothing here can end a line or a word of the request. */
static bool is_visible(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~') {
            return false;
        }
    }
    return true;
}

int upgrade_request(const char *host,
                    uint16_t port,
                    const char *path,
                    const char *key,
                    char *request,
                    size_t request_bytes)
{
    if (host[0] == '\0' || path[0] != '/' || !is_visible(host) || !is_visible(path) || port == 0) {
        return -EINVAL;
    }
    const bool is_ipv6 = strchr(host, ':') != NULL;
    char port_text[8] = "";
    if (port != HTTPS_PORT) {
        (void)snprintf(port_text, sizeof(port_text), ":%u", (unsigned)port);
    }
    const int length = snprintf(request,
                                request_bytes,
                                "GET %s HTTP/1.1\r\n"
                                "Host: %s%s%s%s\r\n"
                                "Upgrade: websocket\r\n"
                                "Connection: Upgrade\r\n"
                                "Sec-WebSocket-Key: %s\r\n"
                                "Sec-WebSocket-Version: 13\r\n"
                                "User-Agent: flatline\r\n"
                                "\r\n",
                                path,
                                is_ipv6 ? "[" : "",
                                host,
                                is_ipv6 ? "]" : "",
                                port_text,
                                key);
    return length > 0 && (size_t)length < request_bytes ? length : -ENOBUFS;
}

/* What the header fields of one answer said. */
struct fields {
    bool upgrades;
    bool connection_upgrades;
    bool offers_extra; /* an extension or subprotocol nobody asked for */
    unsigned accepts;  /* Sec-WebSocket-Accept lines */
    bool accept_is_right;
    uint64_t retry_after_ns;
};

__attribute__((format(printf, 3, 4))) static enum upgrade_status
answer_with(struct upgrade_answer *answer, enum upgrade_status status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(answer->text, sizeof(answer->text), format, arguments);
    va_end(arguments);
    return status;
}

static bool span_equals_any_case(struct span span, const char *text)
{
    return span.size_bytes == strlen(text) && strncasecmp(span.bytes, text, span.size_bytes) == 0;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static struct span span_trim(struct span span)
{
    while (span.size_bytes > 0 && is_blank(span.bytes[0])) {
        span.bytes++;
        span.size_bytes--;
    }
    while (span.size_bytes > 0 && is_blank(span.bytes[span.size_bytes - 1])) {
        span.size_bytes--;
    }
    return span;
}

/* Does a comma-separated list hold this token? */
static bool list_holds(struct span list, const char *token)
{
    while (list.size_bytes > 0) {
        const char *const comma = memchr(list.bytes, ',', list.size_bytes);
        const size_t item_bytes = comma == NULL ? list.size_bytes : (size_t)(comma - list.bytes);
        if (span_equals_any_case(span_trim((struct span){list.bytes, item_bytes}), token)) {
            return true;
        }
        const size_t step_bytes = item_bytes + (comma != NULL);
        list.bytes += step_bytes;
        list.size_bytes -= step_bytes;
    }
    return false;
}

/* Delta-seconds; a date is not what the venues send (Binance docs, "Retry-After: seconds") and
 * counts as none. */
static uint64_t retry_after(struct span value)
{
    uint64_t seconds = 0;
    if (value.size_bytes == 0 || value.size_bytes > 9) {
        return 0;
    }
    for (size_t i = 0; i < value.size_bytes; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9') {
            return 0;
        }
        seconds = seconds * 10 + (uint64_t)(value.bytes[i] - '0');
    }
    return (seconds < RETRY_AFTER_S_MAX ? seconds : RETRY_AFTER_S_MAX) * NS_PER_S;
}

/* Takes one header line without its CRLF. false: not a header line. */
static bool take_field(struct fields *fields, struct span line, const char *accept)
{
    const char *const colon = memchr(line.bytes, ':', line.size_bytes);
    if (colon == NULL || colon == line.bytes || is_blank(line.bytes[0]) || is_blank(colon[-1])) {
        return false;
    }
    const struct span name = {line.bytes, (size_t)(colon - line.bytes)};
    const struct span value =
        span_trim((struct span){colon + 1, line.size_bytes - name.size_bytes - 1});
    if (span_equals_any_case(name, "Upgrade")) {
        fields->upgrades = span_equals_any_case(value, "websocket");
    } else if (span_equals_any_case(name, "Connection")) {
        fields->connection_upgrades = fields->connection_upgrades || list_holds(value, "Upgrade");
    } else if (span_equals_any_case(name, "Sec-WebSocket-Accept")) {
        fields->accepts++;
        fields->accept_is_right = span_equals(value, accept);
    } else if (span_equals_any_case(name, "Sec-WebSocket-Extensions") ||
               span_equals_any_case(name, "Sec-WebSocket-Protocol")) {
        fields->offers_extra = true;
    } else if (span_equals_any_case(name, "Retry-After")) {
        fields->retry_after_ns = retry_after(value);
    }
    return true;
}

/* Cuts the next line off text, which holds at least one CRLF. false: a control character or a bare
 * CR or LF inside. */
static bool cut_line(struct span *text, struct span *ret_line)
{
    const char *const cr = memchr(text->bytes, '\r', text->size_bytes);
    if (cr == NULL || (size_t)(cr - text->bytes) + 1 >= text->size_bytes || cr[1] != '\n') {
        return false;
    }
    *ret_line = (struct span){text->bytes, (size_t)(cr - text->bytes)};
    for (size_t i = 0; i < ret_line->size_bytes; i++) {
        const unsigned char byte = (unsigned char)ret_line->bytes[i];
        if ((byte < 0x20 && byte != '\t') || byte == 0x7f) {
            return false;
        }
    }
    text->bytes += ret_line->size_bytes + 2;
    text->size_bytes -= ret_line->size_bytes + 2;
    return true;
}

/* "HTTP/1.1 101 words" (a refusal may come as 1.0). Returns the status, 0 if it is no status line.
 * */
static int status_of(struct span line)
{
    if (line.size_bytes < 12 || (line.size_bytes > 12 && line.bytes[12] != ' ') ||
        !(span_starts_with(line, "HTTP/1.1 ") || span_starts_with(line, "HTTP/1.0 "))) {
        return 0;
    }
    int status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (line.bytes[i] < '0' || line.bytes[i] > '9') {
            return 0;
        }
        status = status * 10 + (line.bytes[i] - '0');
    }
    return status;
}

static enum upgrade_status judge(const struct fields *fields, struct upgrade_answer *answer)
{
    if (!fields->upgrades || !fields->connection_upgrades) {
        return answer_with(answer, UPGRADE_REFUSED, "101 without its Upgrade headers");
    }
    if (fields->accepts != 1 || !fields->accept_is_right) {
        return answer_with(answer, UPGRADE_REFUSED, "bad Sec-WebSocket-Accept");
    }
    if (fields->offers_extra) {
        return answer_with(answer, UPGRADE_REFUSED, "extension or protocol not asked");
    }
    return UPGRADE_ACCEPTED;
}

enum upgrade_status upgrade_parse(const char *bytes,
                                  size_t size_bytes,
                                  const char *accept,
                                  struct upgrade_answer *ret_answer)
{
    *ret_answer = (struct upgrade_answer){0};
    const size_t seen_bytes =
        size_bytes < UPGRADE_ANSWER_BYTES_MAX ? size_bytes : UPGRADE_ANSWER_BYTES_MAX;
    const char *const header_end = memmem(bytes, seen_bytes, "\r\n\r\n", 4);
    if (header_end == NULL) {
        if (size_bytes < UPGRADE_ANSWER_BYTES_MAX) {
            return UPGRADE_MORE;
        }
        return answer_with(
            ret_answer, UPGRADE_REFUSED, "upgrade answer over %u bytes", UPGRADE_ANSWER_BYTES_MAX);
    }
    ret_answer->header_bytes = (size_t)(header_end - bytes) + 4;
    struct span text = {bytes, ret_answer->header_bytes - 2};
    struct span line;
    if (!cut_line(&text, &line) || (ret_answer->http_status = status_of(line)) == 0) {
        return answer_with(ret_answer, UPGRADE_REFUSED, "not an HTTP/1.1 answer");
    }
    (void)answer_with(ret_answer,
                      UPGRADE_HTTP,
                      "%.*s",
                      (int)(line.size_bytes < 100 ? line.size_bytes - 9 : 91),
                      line.bytes + 9);
    struct fields fields = {0};
    while (text.size_bytes > 0) {
        if (!cut_line(&text, &line) || !take_field(&fields, line, accept)) {
            return answer_with(ret_answer, UPGRADE_REFUSED, "malformed header in the upgrade");
        }
    }
    ret_answer->retry_after_ns = fields.retry_after_ns;
    return ret_answer->http_status == 101 ? judge(&fields, ret_answer) : UPGRADE_HTTP;
}
