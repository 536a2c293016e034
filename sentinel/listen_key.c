/* SPDX-License-Identifier: MIT */
#include "sentinel/listen_key.h"

#include <string.h>

#define RETRY_DOUBLINGS_MAX 6U

void listen_key_init(struct listen_key *key, uint64_t extend_interval_ns)
{
    *key = (struct listen_key){.extend_interval_ns = extend_interval_ns, .reconnect = true};
}

enum listen_key_ask listen_key_due(const struct listen_key *key, uint64_t now_mono_ns)
{
    if (key->asked || now_mono_ns < key->due_mono_ns) {
        return LISTEN_KEY_NOTHING;
    }
    return key->key[0] == '\0' || key->doubted ? LISTEN_KEY_POST : LISTEN_KEY_PUT;
}

/* Doubling, and never slower than the ordinary extend where that is shorter: a failed PUT is a
 * reason to hurry. */
static uint64_t retry_ns(const struct listen_key *key)
{
    const uint32_t doublings =
        key->failures - 1U < RETRY_DOUBLINGS_MAX ? key->failures - 1U : RETRY_DOUBLINGS_MAX;
    uint64_t wait = LISTEN_KEY_RETRY_FIRST_NS << doublings;
    wait = wait < LISTEN_KEY_RETRY_LAST_NS ? wait : LISTEN_KEY_RETRY_LAST_NS;
    return wait < key->extend_interval_ns || key->extend_interval_ns == 0 ? wait
                                                                          : key->extend_interval_ns;
}

static enum listen_key_news
doubt(struct listen_key *key, enum listen_key_news news, uint64_t now_mono_ns)
{
    key->doubted = true;
    key->due_mono_ns = now_mono_ns; /* ask for a new one at once */
    return news;
}

static enum listen_key_news
failed(struct listen_key *key, uint64_t retry_after_ns, uint64_t now_mono_ns)
{
    key->failures++;
    const uint64_t wait = retry_ns(key);
    key->due_mono_ns = now_mono_ns + (retry_after_ns > wait ? retry_after_ns : wait);
    return LISTEN_KEY_FAILED;
}

enum listen_key_news listen_key_take(struct listen_key *key,
                                     const struct listen_key_answer *answer,
                                     uint64_t now_mono_ns)
{
    key->asked = false;
    const bool named = answer->key != NULL && answer->key[0] != '\0';
    if (answer->asked == LISTEN_KEY_PUT && key->doubted) {
        return LISTEN_KEY_NO_NEWS; /* it spoke of the old life; the POST is due already */
    }
    if (answer->venue_code == LISTEN_KEY_UNKNOWN) {
        key->failures++;
        const enum listen_key_news news = doubt(key, LISTEN_KEY_IS_UNKNOWN, now_mono_ns);
        if (answer->asked == LISTEN_KEY_POST) {
            key->due_mono_ns = now_mono_ns + retry_ns(key); /* absurd from a POST: do not storm */
        }
        return news;
    }
    if (answer->http_status != 200 || (answer->asked == LISTEN_KEY_POST && !named) ||
        (named && strlen(answer->key) >= LISTEN_KEY_BYTES)) {
        return failed(key, answer->retry_after_ns, now_mono_ns);
    }
    if (answer->asked == LISTEN_KEY_PUT && named && strcmp(answer->key, key->key) != 0) {
        return doubt(key, LISTEN_KEY_IS_FOREIGN, now_mono_ns);
    }
    if (answer->asked == LISTEN_KEY_POST) {
        /* A socket on a key that was doubted is dead even if the venue gives the same key again. */
        key->reconnect = key->reconnect || key->doubted || strcmp(answer->key, key->key) != 0;
        memcpy(key->key, answer->key, strlen(answer->key) + 1U); /* length checked above */
        key->doubted = false;
    }
    key->failures = 0;
    key->due_mono_ns = now_mono_ns + key->extend_interval_ns;
    return LISTEN_KEY_EXTENDED;
}

bool listen_key_expired(struct listen_key *key,
                        uint64_t fingerprint,
                        uint64_t current_fingerprint,
                        uint64_t now_mono_ns)
{
    if (key->doubted || (fingerprint != 0 && fingerprint != current_fingerprint)) {
        return false;
    }
    (void)doubt(key, LISTEN_KEY_IS_UNKNOWN, now_mono_ns);
    return true;
}

void listen_key_wipe(struct listen_key *key)
{
    explicit_bzero(key->key, sizeof(key->key));
}
