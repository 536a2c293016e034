/* SPDX-License-Identifier: MIT
 *
 * listen_key.h - the life of a USD-M listenKey as a state machine. Pure: time comes in, what to
 * ask the venue comes out.
 *
 * Facts: Binance docs, USD-M User Data Streams: POST gives a key for 60 min, or the active one
 * again; PUT extends it and returns it; -1125 says it does not exist, and then only a POST and a
 * new connection help. One key per account: another consumer's POST or DELETE changes ours, which
 * is why a PUT's answer is compared. We never DELETE: the engine may live on that key.
 */
#ifndef FLATLINE_SENTINEL_LISTEN_KEY_H
#define FLATLINE_SENTINEL_LISTEN_KEY_H

#include <stdbool.h>
#include <stdint.h>

#define LISTEN_KEY_BYTES          129U
#define LISTEN_KEY_UNKNOWN        (-1125)
#define LISTEN_KEY_RETRY_FIRST_NS 1000000000ULL
#define LISTEN_KEY_RETRY_LAST_NS  60000000000ULL

enum listen_key_ask { LISTEN_KEY_NOTHING, LISTEN_KEY_POST, LISTEN_KEY_PUT };

struct listen_key {
    char key[LISTEN_KEY_BYTES]; /* "" until the first POST */
    bool doubted;               /* expired, unknown or foreign: only a POST helps */
    bool asked;                 /* an answer is awaited */
    bool reconnect;             /* the private socket must be made anew with the current key */
    uint32_t failures;          /* since the last success */
    uint64_t due_mono_ns;
    uint64_t extend_interval_ns;
};

/* What the venue said. */
struct listen_key_answer {
    enum listen_key_ask asked;
    int http_status;         /* 0: no answer */
    int64_t venue_code;      /* negative, 0 = none */
    const char *key;         /* NULL or "": the answer named none (legal for a PUT) */
    uint64_t retry_after_ns; /* 0 = not said */
};

enum listen_key_news {
    LISTEN_KEY_NO_NEWS, /* the answer to a question overtaken by an expiry */
    LISTEN_KEY_EXTENDED,
    LISTEN_KEY_FAILED,     /* tried again later */
    LISTEN_KEY_IS_UNKNOWN, /* -1125 */
    LISTEN_KEY_IS_FOREIGN, /* the venue keeps another key for this account */
};

void listen_key_init(struct listen_key *key, uint64_t extend_interval_ns);

/** What to ask now. The caller asks it and sets key->asked; one question at a time. */
enum listen_key_ask listen_key_due(const struct listen_key *key, uint64_t now_mono_ns);

/** Takes an answer; says what it means. After EXTENDED look at key->reconnect. */
enum listen_key_news listen_key_take(struct listen_key *key,
                                     const struct listen_key_answer *answer,
                                     uint64_t now_mono_ns);

/** The private socket said listenKeyExpired. Idempotent: returns false if it was of another key
 *  than the current one, or is known. fingerprint 0 (unnamed) means ours; current_fingerprint
 *  is that of key->key. */
bool listen_key_expired(struct listen_key *key,
                        uint64_t fingerprint,
                        uint64_t current_fingerprint,
                        uint64_t now_mono_ns);

/** Overwrites the key. */
void listen_key_wipe(struct listen_key *key);

#endif
