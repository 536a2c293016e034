/* SPDX-License-Identifier: MIT
 *
 * http.c - REST on the same ports: from libwebsockets' request to rest.c and back.
 */
#include "venue/server_parts.h"

#include "core/base.h"
#include "core/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HANG_S 120

static const char *method_of(struct lws *wsi)
{
    static const struct {
        enum lws_token_indexes token;
        const char *name;
    } methods[] = {{WSI_TOKEN_GET_URI, "GET"},
                   {WSI_TOKEN_POST_URI, "POST"},
                   {WSI_TOKEN_PUT_URI, "PUT"},
                   {WSI_TOKEN_DELETE_URI, "DELETE"},
                   {WSI_TOKEN_PATCH_URI, "PATCH"},
                   {WSI_TOKEN_OPTIONS_URI, "OPTIONS"}};

    for (size_t i = 0; i < ARRAY_COUNT(methods); i++) {
        if (lws_hdr_total_length(wsi, methods[i].token) > 0) {
            return methods[i].name;
        }
    }
    return "?";
}

static bool header_copy(struct lws *wsi, enum lws_token_indexes token, struct text *text)
{
    const int length = lws_hdr_total_length(wsi, token);
    if (length <= 0) {
        text_add(text, "");
        return false;
    }
    char *copy = allocate((size_t)length + 1);
    const int copied = lws_hdr_copy(wsi, copy, length + 1, token);
    text_add_bytes(text, copy, copied > 0 ? (size_t)copied : 0);
    free(copy);
    return copied > 0;
}

/* libwebsockets keeps the arguments apart, decoded; here they are one text again. */
static void query_copy(struct lws *wsi, struct text *query)
{
    const int length = lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_URI_ARGS);
    char *fragment = allocate((size_t)(length > 0 ? length : 0) + 1);

    text_add(query, "");
    for (int i = 0; length > 0; i++) {
        const int copied =
            lws_hdr_copy_fragment(wsi, fragment, length + 1, WSI_TOKEN_HTTP_URI_ARGS, i);
        if (copied < 0) {
            break;
        }
        text_add(query, i > 0 ? "&" : "");
        text_add_bytes(query, fragment, (size_t)copied);
    }
    free(fragment);
}

void http_target(struct lws *wsi, struct text *path, struct text *query)
{
    static const enum lws_token_indexes uris[] = {
        WSI_TOKEN_GET_URI, WSI_TOKEN_POST_URI, WSI_TOKEN_PUT_URI, WSI_TOKEN_DELETE_URI};

    for (size_t i = 0; i < ARRAY_COUNT(uris) && !header_copy(wsi, uris[i], path); i++) {
    }
    query_copy(wsi, query);
}

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {{200, "OK"},
                   {400, "Bad Request"},
                   {401, "Unauthorized"},
                   {403, "Forbidden"},
                   {404, "Not Found"},
                   {418, "I'm a teapot"},
                   {429, "Too Many Requests"},
                   {503, "Service Unavailable"}};

    for (size_t i = 0; i < ARRAY_COUNT(reasons); i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Status";
}

/* The head is written here: before an upgrade libwebsockets answers as HTTP/1.0, which clients
 * refuse to read. */
int http_answer(struct lws *wsi, const struct rest_answer *answer)
{
    struct text head = {0};

    text_addf(&head, "HTTP/1.1 %u %s\r\n", answer->status, reason_of(answer->status));
    text_addf(&head,
              "content-type: application/json;charset=UTF-8\r\ncontent-length: %zu\r\n",
              answer->body.size_bytes);
    if (answer->retry_after_s > 0) {
        text_addf(&head, "retry-after: %u\r\n", answer->retry_after_s);
    }
    if (answer->used_weight > 0) {
        text_addf(&head, "x-mbx-used-weight-1m: %" PRIu64 "\r\n", answer->used_weight);
    }
    text_add(&head, "\r\n");
    text_add_bytes(&head, answer->body.bytes, answer->body.size_bytes);
    struct message *whole = message_create(head.bytes, head.size_bytes);
    const int written = lws_write(
        wsi, (unsigned char *)message_bytes(whole), whole->size_bytes, LWS_WRITE_HTTP_FINAL);
    message_release(whole);
    text_free(&head);
    return written < 0 ? -1 : 0;
}

static int on_request(struct lws *wsi)
{
    struct server *server = server_of(wsi);
    struct text path = {0};
    struct text query = {0};
    char api_key[API_KEY_BYTES] = "";
    struct rest_answer answer;

    http_target(wsi, &path, &query);
    (void)lws_hdr_custom_copy(wsi, api_key, sizeof(api_key), "x-mbx-apikey:", 13);
    server->exchange->now = (struct moment){clock_mono_ns(), clock_wall_ns()};
    rest_answer(server->exchange,
                &(struct rest_request){.venue = venue_of(wsi),
                                       .method = method_of(wsi),
                                       .path = path.bytes,
                                       .query = query.bytes,
                                       .api_key = api_key},
                &answer);
    text_free(&path);
    text_free(&query);
    int result = 0;
    if (answer.hangs) {
        /* not read either: libwebsockets spins on what comes after a request without an answer */
        (void)lws_rx_flow_control(wsi, 0);
        lws_set_timeout(wsi, PENDING_TIMEOUT_USER_OK, HANG_S);
    } else {
        result = http_answer(wsi, &answer);
        if (result == 0 && lws_http_transaction_completed(wsi) != 0) {
            result = -1;
        }
    }
    text_free(&answer.body);
    return result;
}

int http_callback(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t size_bytes)
{
    switch ((int)reason) {
    case LWS_CALLBACK_HTTP:
        return on_request(wsi);
    case LWS_CALLBACK_HTTP_BODY:
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return 0; /* no endpoint here reads a body; the answer went out already */
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, size_bytes);
    }
}
