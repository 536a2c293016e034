/* SPDX-License-Identifier: MIT */
#include "sentinel/rest.h"

#include "core/base.h"
#include "core/clock.h"
#include "feeds/connection_resolve.h"

#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOST_BYTES     256U
#define PATH_BYTES     512U
#define KEY_BYTES      256U
#define TEXT_BYTES     96U
#define NUMERIC_BYTES  64U
#define READ_BYTES     4096
#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define TIMEOUT_S      5

enum call_state { CALL_FREE, CALL_RESOLVING, CALL_ASKED, CALL_DYING };

struct call {
    struct rest *rest;
    enum call_state state;
    struct lws *wsi;
    struct rest_request request;
    char path[PATH_BYTES];
    char api_key[KEY_BYTES];
    char *body;
    size_t body_bytes;
    size_t body_room;
    struct resolve *lookup;
    struct rest_answer answer;
    char text[TEXT_BYTES];
    uint64_t deadline_mono_ns;
    bool answered; /* the answer is known ... */
    bool told;     /* ... and given */
};

struct rest_venue {
    struct lws_vhost *vhost;
    char host[HOST_BYTES];           /* DNS name */
    char host_port[HOST_BYTES + 8U]; /* Host: header */
    char address[NUMERIC_BYTES];
    uint16_t port;
    uint64_t silenced_until_ns;
};

struct rest {
    struct lws_context *context;
    struct rest_venue venues[REST_VENUES_MAX];
    struct call calls[REST_CALLS_MAX];
};

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t in_bytes);

static const struct lws_protocols PROTOCOLS[] = {
    {.name = "rest", .callback = on_event, .rx_buffer_size = READ_BYTES}, {.name = NULL}};

/* ---- answers --------------------------------------------------------------------------------- */

static void venue_silence(struct rest_venue *venue, struct rest_answer *answer)
{
    if (answer->status != 429 && answer->status != 418) {
        answer->retry_after_ns = 0;
        return;
    }
    /* facts: a 429 that is ignored becomes a 418 ban of minutes to days; both carry Retry-After */
    if (answer->retry_after_ns == 0) {
        answer->retry_after_ns = REST_SILENCE_NS;
    } else if (answer->retry_after_ns < REST_SILENCE_LEAST_NS) {
        answer->retry_after_ns = REST_SILENCE_LEAST_NS;
    }
    venue->silenced_until_ns = clock_mono_ns() + answer->retry_after_ns;
}

/* What the asker will be told, by rest_service(): never from inside its own question. The first
 * answer counts. */
static void call_answer(struct call *call, const char *text)
{
    if (call->answered) {
        return;
    }
    call->answered = true;
    explicit_bzero(call->api_key, sizeof(call->api_key));
    (void)snprintf(call->text, sizeof(call->text), "%s", text);
    call->answer.text = call->text;
    call->answer.body = call->body;
    call->answer.body_bytes = call->body_bytes;
    venue_silence(&call->rest->venues[call->request.venue], &call->answer);
}

static void call_free(struct call *call)
{
    resolve_abandon(call->lookup);
    call->lookup = NULL;
    free(call->body);
    call->body = NULL;
    call->wsi = NULL;
    call->state = CALL_FREE;
}

/* ---- libwebsockets --------------------------------------------------------------------------- */

static int
header_add(struct lws *wsi, const char *name, const char *value, uint8_t **cursor, uint8_t *end)
{
    return lws_add_http_header_by_name(
        wsi, (const uint8_t *)name, (const uint8_t *)value, (int)strlen(value), cursor, end);
}

static int head_write(struct call *call, struct lws *wsi, void *in, size_t in_bytes)
{
    uint8_t **cursor = in;
    uint8_t *end = *cursor + in_bytes - 1;
    int failed = 0;
    if (call->api_key[0] != '\0') {
        failed |= header_add(wsi, "X-MBX-APIKEY:", call->api_key, cursor, end);
    }
    if (strcmp(call->request.method, "GET") != 0) {
        failed |= header_add(wsi, "content-length:", "0", cursor, end);
    }
    call->answer.sent_mono_ns = clock_mono_ns();
    return failed != 0 ? -1 : 0;
}

static void head_read(struct call *call, struct lws *wsi)
{
    char retry_after[16] = "";
    call->answer.recv_mono_ns = clock_mono_ns();
    call->answer.status = (int)lws_http_client_http_response(wsi);
    if (lws_hdr_copy(wsi, retry_after, (int)sizeof(retry_after), WSI_TOKEN_HTTP_RETRY_AFTER) > 0) {
        char *rest_of = NULL;
        const unsigned long seconds = strtoul(retry_after, &rest_of, 10);
        if (rest_of != retry_after && seconds < 7U * 86400U) {
            call->answer.retry_after_ns = seconds * NS_PER_S;
        }
    }
}

static int body_take(struct call *call, const char *bytes, size_t size_bytes)
{
    const size_t wanted = call->body_bytes + size_bytes + 1U;
    if (wanted > call->request.body_bytes_max) {
        call_answer(call, "the answer is larger than allowed");
        return -1;
    }
    if (wanted > call->body_room) {
        const size_t room = wanted * 2U;
        char *larger = realloc(call->body, room);
        if (larger == NULL) {
            call_answer(call, "out of memory");
            return -1;
        }
        call->body = larger;
        call->body_room = room;
    }
    memcpy(call->body + call->body_bytes, bytes, size_bytes);
    call->body_bytes += size_bytes;
    call->body[call->body_bytes] = '\0';
    return 0;
}

static int body_pull(struct lws *wsi)
{
    char buffer[LWS_PRE + READ_BYTES];
    char *start = buffer + LWS_PRE;
    int length = READ_BYTES;
    return lws_http_client_read(wsi, &start, &length) < 0 ? -1
                                                          : 0; /* calls RECEIVE_CLIENT_HTTP_READ */
}

static int
on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t in_bytes)
{
    (void)user;
    struct call *call = wsi != NULL ? lws_get_opaque_user_data(wsi) : NULL;
    if (call == NULL) {
        return 0;
    }
    switch ((int)reason) { /* an enum of a hundred; these concern a client */
    case LWS_CALLBACK_CLIENT_APPEND_HANDSHAKE_HEADER:
        return head_write(call, wsi, in, in_bytes);
    case LWS_CALLBACK_ESTABLISHED_CLIENT_HTTP:
        head_read(call, wsi);
        return 0;
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP:
        return body_pull(wsi);
    case LWS_CALLBACK_RECEIVE_CLIENT_HTTP_READ:
        return body_take(call, in, in_bytes);
    case LWS_CALLBACK_COMPLETED_CLIENT_HTTP:
        call_answer(call, "");
        return -1; /* close: no keep-alive, so that a stamp never includes another request's wait */
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        call->wsi = NULL;
        call->state = CALL_DYING;
        call_answer(call, in != NULL ? in : "connection failed");
        return 0;
    case LWS_CALLBACK_CLOSED_CLIENT_HTTP:
        call->wsi = NULL;
        call->state = CALL_DYING;
        call_answer(call, call->answer.status != 0 ? "" : "closed without an answer");
        return 0;
    default:
        return 0;
    }
}

static int call_connect(struct call *call, const char *address)
{
    struct rest_venue *venue = &call->rest->venues[call->request.venue];
    const struct lws_client_connect_info info = {.context = call->rest->context,
                                                 .vhost = venue->vhost,
                                                 .address = address,
                                                 .port = venue->port,
                                                 .ssl_connection = LCCSCF_USE_SSL,
                                                 .path = call->path,
                                                 .host = venue->host_port,
                                                 .origin = venue->host,
                                                 .method = call->request.method,
                                                 .protocol = PROTOCOLS[0].name,
                                                 .alpn = "http/1.1",
                                                 .opaque_user_data = call,
                                                 .pwsi = &call->wsi};
    call->state = CALL_ASKED;
    if (lws_client_connect_via_info(&info) == NULL) {
        call->state = CALL_DYING; /* the callback may have answered already */
        call_answer(call, "could not connect");
        return -EIO;
    }
    return 0;
}

/* ---- names ----------------------------------------------------------------------------------- */

static void lookup_follow(struct call *call)
{
    struct resolve_result result;
    if (!resolve_poll(call->lookup, &result)) {
        return;
    }
    char numeric[NUMERIC_BYTES];
    const struct resolve_address *found = &result.addresses[0];
    call->state = CALL_DYING;
    if (result.gai_error != 0 || result.count == 0) {
        call_answer(call, result.gai_error != 0 ? gai_strerror(result.gai_error) : "no address");
    } else if (getnameinfo((const struct sockaddr *)&found->storage,
                           found->size_bytes,
                           numeric,
                           sizeof(numeric),
                           NULL,
                           0,
                           NI_NUMERICHOST) != 0) {
        call_answer(call, "no numeric address");
    } else if (!call->answered) {
        (void)call_connect(call, numeric);
    }
}

/* ---- the face -------------------------------------------------------------------------------- */

/* What libwebsockets would print is its business only where the program has chosen so: its
 * untouched default is silenced. */
static void lws_hush(void)
{
    const bool untouched = lwsl_visible(LLL_ERR) && lwsl_visible(LLL_WARN) &&
                           lwsl_visible(LLL_NOTICE) && !lwsl_visible(LLL_INFO);
    if (untouched) {
        lws_set_log_level(0, NULL);
    }
}

int rest_create(struct rest **ret_rest)
{
    struct rest *rest = calloc(1, sizeof(*rest));
    if (rest == NULL) {
        return -ENOMEM;
    }
    struct sigaction pipe_before;
    (void)sigaction(SIGPIPE, NULL, &pipe_before);
    lws_hush();
    const struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                                   .protocols = PROTOCOLS,
                                                   .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                                                              LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
                                                   .gid = -1,
                                                   .uid = -1,
                                                   .timeout_secs = TIMEOUT_S,
                                                   .connect_timeout_secs = TIMEOUT_S};
    rest->context = lws_create_context(&info);
    (void)sigaction(
        SIGPIPE, &pipe_before, NULL); /* libwebsockets ignores it for the whole process */
    if (rest->context == NULL) {
        free(rest);
        return -ENOMEM;
    }
    for (size_t i = 0; i < REST_CALLS_MAX; i++) {
        rest->calls[i].rest = rest;
    }
    *ret_rest = rest;
    return 0;
}

void rest_destroy(struct rest *rest)
{
    if (rest == NULL) {
        return;
    }
    for (size_t i = 0; i < REST_CALLS_MAX; i++) {
        struct call *call = &rest->calls[i];
        call->answered = true; /* nobody is there to hear */
        call->told = true;
    }
    lws_context_destroy(rest->context);
    for (size_t i = 0; i < REST_CALLS_MAX; i++) {
        struct call *call = &rest->calls[i];
        explicit_bzero(call->api_key, sizeof(call->api_key));
        if (call->state != CALL_FREE) {
            call_free(call);
        }
    }
    free(rest);
}

/* https://host[:port], nothing behind. */
static int url_split(const char *url, struct rest_venue *venue)
{
    static const char SCHEME[] = "https://";
    if (strncmp(url, SCHEME, sizeof(SCHEME) - 1) != 0) {
        return -EINVAL;
    }
    const char *host = url + sizeof(SCHEME) - 1;
    const size_t host_bytes = strcspn(host, ":/");
    const char *tail = host + host_bytes;
    unsigned long port = 443;
    if (*tail == ':') {
        char *end = NULL;
        port = strtoul(tail + 1, &end, 10);
        tail = end;
    }
    if (host_bytes == 0 || host_bytes >= HOST_BYTES || port == 0 || port > 65535 ||
        strcmp(tail, "/") > 0) {
        return -EINVAL;
    }
    memcpy(venue->host, host, host_bytes);
    venue->host[host_bytes] = '\0';
    venue->port = (uint16_t)port;
    if (port == 443) {
        memcpy(venue->host_port, venue->host, sizeof(venue->host));
    } else {
        (void)snprintf(
            venue->host_port, sizeof(venue->host_port), "%.*s:%lu", (int)host_bytes, host, port);
    }
    return 0;
}

int rest_add_venue(
    struct rest *rest, uint32_t venue, const char *url, const char *address, const char *ca_file)
{
    if (venue >= REST_VENUES_MAX || url_split(url, &rest->venues[venue]) != 0) {
        return -EINVAL;
    }
    struct rest_venue *to = &rest->venues[venue];
    const char *trusted = ca_file != NULL ? ca_file : SYSTEM_CA_FILE;
    if (access(trusted, R_OK) != 0) {
        return -ENOENT;
    }
    (void)snprintf(to->address, sizeof(to->address), "%s", address != NULL ? address : "");
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = PROTOCOLS,
        .vhost_name = to->host,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT |
                   (ca_file != NULL ? LWS_SERVER_OPTION_DISABLE_OS_CA_CERTS : 0U),
        .client_ssl_ca_filepath = trusted, /* never none: then it looks in ../share */
        .http_proxy_address = "",          /* else the environment's http_proxy is obeyed */
        .connect_timeout_secs = TIMEOUT_S,
        .timeout_secs = TIMEOUT_S,
        .gid = -1,
        .uid = -1};
    to->vhost = lws_create_vhost(rest->context, &info);
    return to->vhost != NULL ? 0 : -ENOMEM;
}

void rest_silence(struct rest *rest, uint32_t venue, uint64_t until_mono_ns)
{
    if (venue < REST_VENUES_MAX && rest->venues[venue].silenced_until_ns < until_mono_ns) {
        rest->venues[venue].silenced_until_ns = until_mono_ns;
    }
}

uint64_t rest_silenced_until(const struct rest *rest, uint32_t venue)
{
    return venue < REST_VENUES_MAX ? rest->venues[venue].silenced_until_ns : 0;
}

static struct call *
call_new(struct rest *rest, const struct rest_request *request, uint64_t now_mono_ns)
{
    for (size_t i = 0; i < REST_CALLS_MAX; i++) {
        struct call *call = &rest->calls[i];
        if (call->state != CALL_FREE) {
            continue;
        }
        *call = (struct call){.rest = rest, .request = *request};
        call->request.body_bytes_max =
            request->body_bytes_max != 0 ? request->body_bytes_max : REST_BODY_BYTES_MAX;
        (void)snprintf(call->path, sizeof(call->path), "%s", request->path);
        (void)snprintf(call->api_key,
                       sizeof(call->api_key),
                       "%s",
                       request->api_key != NULL ? request->api_key : "");
        call->deadline_mono_ns = now_mono_ns + REST_CALL_TIMEOUT_NS;
        call->body_room = READ_BYTES;
        call->body = calloc(1, call->body_room);
        return call;
    }
    return NULL;
}

int rest_ask(struct rest *rest, const struct rest_request *request, uint64_t now_mono_ns)
{
    if (request->venue >= REST_VENUES_MAX || rest->venues[request->venue].vhost == NULL ||
        strlen(request->path) >= PATH_BYTES ||
        (request->api_key != NULL && strlen(request->api_key) >= KEY_BYTES)) {
        return -EINVAL;
    }
    struct rest_venue *venue = &rest->venues[request->venue];
    if (now_mono_ns < venue->silenced_until_ns) {
        return -EAGAIN;
    }
    struct call *call = call_new(rest, request, now_mono_ns);
    if (call == NULL) {
        return -EBUSY;
    }
    int result = call->body != NULL ? 0 : -ENOMEM;
    if (result == 0) {
        /* A failure to connect comes by the callback, now or later: for the caller both are an
         * answer. */
        if (venue->address[0] != '\0') {
            (void)call_connect(call, venue->address);
        } else {
            call->state = CALL_RESOLVING;
            result = resolve_start(venue->host, venue->port, &call->lookup);
        }
    }
    if (result != 0) {
        call_free(call);
    }
    return result;
}

static void call_follow(struct call *call, uint64_t now_mono_ns)
{
    if (call->state == CALL_RESOLVING) {
        lookup_follow(call);
    }
    if (now_mono_ns >= call->deadline_mono_ns && !call->answered) {
        call->answer.status = 0;
        call_answer(call, "no answer in time");
        if (call->wsi != NULL) {
            lws_set_timeout(call->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
        }
    }
    if (call->answered && !call->told) {
        call->told = true;
        call->request.on_answer(call->request.user, &call->answer);
    }
    if (call->state == CALL_DYING) {
        call_free(call);
    }
}

bool rest_service(struct rest *rest, uint64_t now_mono_ns)
{
    (void)lws_service(rest->context,
                      -1); /* 4.1.6: below zero means "do not wait"; anything else is ignored */
    bool busy = false;
    for (size_t i = 0; i < REST_CALLS_MAX; i++) {
        struct call *call = &rest->calls[i];
        if (call->state != CALL_FREE) {
            call_follow(call, now_mono_ns);
        }
        busy |= call->state != CALL_FREE && !call->answered;
    }
    return busy;
}
