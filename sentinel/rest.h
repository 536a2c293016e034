/* SPDX-License-Identifier: MIT
 *
 * rest.h - HTTPS requests to the venues, for the control thread: libwebsockets' client behind a
 * small asynchronous face.
 *
 * Each answer comes to a callback, exactly once. Names are resolved beside the loop: libwebsockets
 * 4.1.6 would block in getaddrinfo. Certificates are always verified, against ca_file alone where
 * one is given. A proxy from the environment is not obeyed. A 429 or 418 silences the venue until
 * its Retry-After; asking in between is answered without asking.
 */
#ifndef FLATLINE_SENTINEL_REST_H
#define FLATLINE_SENTINEL_REST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REST_VENUES_MAX       4U
#define REST_CALLS_MAX        8U
#define REST_BODY_BYTES_MAX   65536U
#define REST_CALL_TIMEOUT_NS  8000000000ULL
#define REST_SILENCE_NS       60000000000ULL /* after a 429 or 418 that names no time */
#define REST_SILENCE_LEAST_NS 1000000000ULL

struct rest; /* opaque: rest.c */

struct rest_answer {
    int status;              /* HTTP status; 0: none, see text */
    uint64_t sent_mono_ns;   /* the request was written */
    uint64_t recv_mono_ns;   /* its answer's head was read */
    uint64_t retry_after_ns; /* 429 and 418: how long the venue is silenced; else 0 */
    const char *body;        /* NUL-terminated; borrowed until return */
    size_t body_bytes;
    const char *text; /* what went wrong, without secrets; "" if nothing */
};

typedef void (*rest_on_answer)(void *user, const struct rest_answer *answer);

struct rest_request {
    uint32_t venue;        /* as given to rest_add_venue() */
    const char *method;    /* "GET", "POST", "PUT"; static */
    const char *path;      /* copied; it may hold no secret: it may be logged */
    const char *api_key;   /* NULL: none. Copied, sent as X-MBX-APIKEY, wiped when answered */
    size_t body_bytes_max; /* 0: REST_BODY_BYTES_MAX */
    rest_on_answer on_answer;
    void *user;
};

/** Makes an empty client. The process's SIGPIPE disposition is as it was on return; so is what
 *  libwebsockets logs, if the program has chosen that. Returns 0 or -ENOMEM. */
int rest_create(struct rest **ret_rest);
void rest_destroy(struct rest *rest);

/** Says where venue is: url `https://host[:port]`, address to connect to instead of resolving
 *  (NULL: resolve), ca_file (NULL: the system's store). Returns 0, -EINVAL a URL of another
 *  shape, -ENOENT the CA file cannot be read, -ENOMEM. */
int rest_add_venue(
    struct rest *rest, uint32_t venue, const char *url, const char *address, const char *ca_file);

/** Begins a request. Returns 0; -EBUSY all calls are in use; -EAGAIN the venue is silenced;
 *  -EINVAL; -ENOMEM. On failure the callback does not come. */
int rest_ask(struct rest *rest, const struct rest_request *request, uint64_t now_mono_ns);

/** Does what can be done without waiting; answers come from here. Returns true while calls are
 *  under way: then call it again within a millisecond or so, for the sake of the stamps. */
bool rest_service(struct rest *rest, uint64_t now_mono_ns);

/** Silences a venue, as its own 429 would: the WebSocket side was told so. */
void rest_silence(struct rest *rest, uint32_t venue, uint64_t until_mono_ns);

/** Until when a venue must not be asked; 0 = it may. */
uint64_t rest_silenced_until(const struct rest *rest, uint32_t venue);

#endif
