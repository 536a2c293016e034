/* SPDX-License-Identifier: MIT
 *
 * rest.h - the REST endpoints: a request in, an answer out. Knows no socket.
 */
#ifndef FLATLINE_VENUE_REST_H
#define FLATLINE_VENUE_REST_H

#include "venue/exchange.h"

struct rest_request {
    enum venue venue;
    const char *method; /* "GET" ... */
    const char *path;
    const char *query;   /* without '?'; empty if none */
    const char *api_key; /* X-MBX-APIKEY; empty if none */
};

struct rest_answer {
    unsigned status;
    unsigned retry_after_s; /* 0 = no such header */
    uint64_t used_weight;   /* Binance: X-MBX-USED-WEIGHT-1M */
    bool hangs;             /* a fault: no answer ever comes */
    struct text body;
};

/** Answers at exchange->now. The caller frees the body. */
void rest_answer(struct exchange *exchange,
                 const struct rest_request *request,
                 struct rest_answer *ret_answer);

#endif
