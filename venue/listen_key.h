/* SPDX-License-Identifier: MIT
 *
 * listen_key.h - the listen keys of USD-M, with their 60-minute clock. Pure: time is an argument.
 *
 * Source: Binance USD-M, "User Data Streams" and its Start / Keepalive / Close pages. A POST with
 * an active key answers the same key and extends it; PUT answers the key since 2024-04-25; a key
 * that is not there is -1125.
 */
#ifndef FLATLINE_VENUE_LISTEN_KEY_H
#define FLATLINE_VENUE_LISTEN_KEY_H

#include "venue/random.h"

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_KEY_BYTES 65
#define API_KEY_BYTES    129
#define LISTEN_KEYS_MAX  64

struct listen_key {
    char api_key[API_KEY_BYTES];
    char key[LISTEN_KEY_BYTES];
    uint64_t until_ns; /* 0 = there is none */
};

struct listen_keys {
    struct listen_key list[LISTEN_KEYS_MAX];
    unsigned count;
    uint64_t life_ns;
    struct random random;
};

void listen_keys_start(struct listen_keys *keys, uint64_t life_ns, uint64_t seed);

/** POST: the account's key, made or extended. NULL: too many accounts. */
const char *listen_key_post(struct listen_keys *keys, const char *api_key, uint64_t now_ns);

/** PUT: the account's key, extended. NULL: there is none (-1125). */
const char *listen_key_put(struct listen_keys *keys, const char *api_key, uint64_t now_ns);

/** DELETE. false: there was none. */
bool listen_key_delete(struct listen_keys *keys, const char *api_key, uint64_t now_ns);

bool listen_key_is_valid(const struct listen_keys *keys, const char *key, uint64_t now_ns);

/** Gives every live account another key: what a second program with the same API key can do. How
 *  many. */
unsigned listen_keys_rotate(struct listen_keys *keys, uint64_t now_ns);

/** The next key whose time is up by now, taken out; false if none. ret_key: LISTEN_KEY_BYTES. */
bool listen_key_expire(struct listen_keys *keys, uint64_t now_ns, char *ret_key);

/** Makes every live key's time be up now. */
void listen_keys_end(struct listen_keys *keys, uint64_t now_ns);
uint64_t listen_keys_next_ns(const struct listen_keys *keys);

#endif
