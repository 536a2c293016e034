/* SPDX-License-Identifier: MIT */
#include "venue/listen_key.h"

#include <stdio.h>
#include <string.h>

void listen_keys_start(struct listen_keys *keys, uint64_t life_ns, uint64_t seed)
{
    *keys = (struct listen_keys){.life_ns = life_ns, .random = {.state = seed ^ 0x6B6579ULL}};
}

static struct listen_key *account(struct listen_keys *keys, const char *api_key)
{
    for (unsigned i = 0; i < keys->count; i++) {
        if (strcmp(keys->list[i].api_key, api_key) == 0) {
            return &keys->list[i];
        }
    }
    return NULL;
}

static bool is_live(const struct listen_key *key, uint64_t now_ns)
{
    return key != NULL && key->until_ns > now_ns;
}

static void make_key(struct listen_keys *keys, struct listen_key *key)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (unsigned i = 0; i + 1 < LISTEN_KEY_BYTES; i++) {
        key->key[i] = letters[random_below(&keys->random, sizeof(letters) - 1)];
    }
    key->key[LISTEN_KEY_BYTES - 1] = '\0';
}

const char *listen_key_post(struct listen_keys *keys, const char *api_key, uint64_t now_ns)
{
    struct listen_key *key = account(keys, api_key);

    if (key == NULL) {
        if (keys->count == LISTEN_KEYS_MAX) {
            return NULL;
        }
        key = &keys->list[keys->count++];
        (void)snprintf(key->api_key, sizeof(key->api_key), "%s", api_key);
    }
    if (!is_live(key, now_ns)) {
        make_key(keys, key);
    }
    key->until_ns = now_ns + keys->life_ns;
    return key->key;
}

const char *listen_key_put(struct listen_keys *keys, const char *api_key, uint64_t now_ns)
{
    struct listen_key *key = account(keys, api_key);
    if (!is_live(key, now_ns)) {
        return NULL;
    }
    key->until_ns = now_ns + keys->life_ns;
    return key->key;
}

bool listen_key_delete(struct listen_keys *keys, const char *api_key, uint64_t now_ns)
{
    struct listen_key *key = account(keys, api_key);
    const bool was_live = is_live(key, now_ns);
    if (key != NULL) {
        key->until_ns = 0;
    }
    return was_live;
}

bool listen_key_is_valid(const struct listen_keys *keys, const char *text, uint64_t now_ns)
{
    for (unsigned i = 0; i < keys->count; i++) {
        if (is_live(&keys->list[i], now_ns) && strcmp(keys->list[i].key, text) == 0) {
            return true;
        }
    }
    return false;
}

unsigned listen_keys_rotate(struct listen_keys *keys, uint64_t now_ns)
{
    unsigned count = 0;
    for (unsigned i = 0; i < keys->count; i++) {
        if (is_live(&keys->list[i], now_ns)) {
            make_key(keys, &keys->list[i]);
            count++;
        }
    }
    return count;
}

bool listen_key_expire(struct listen_keys *keys, uint64_t now_ns, char *ret_key)
{
    for (unsigned i = 0; i < keys->count; i++) {
        struct listen_key *key = &keys->list[i];
        if (key->until_ns != 0 && key->until_ns <= now_ns) {
            key->until_ns = 0;
            memcpy(ret_key, key->key, LISTEN_KEY_BYTES);
            return true;
        }
    }
    return false;
}

void listen_keys_end(struct listen_keys *keys, uint64_t now_ns)
{
    for (unsigned i = 0; i < keys->count; i++) {
        if (is_live(&keys->list[i], now_ns)) {
            keys->list[i].until_ns = now_ns;
        }
    }
}

uint64_t listen_keys_next_ns(const struct listen_keys *keys)
{
    uint64_t next_ns = UINT64_MAX;
    for (unsigned i = 0; i < keys->count; i++) {
        if (keys->list[i].until_ns != 0 && keys->list[i].until_ns < next_ns) {
            next_ns = keys->list[i].until_ns;
        }
    }
    return next_ns;
}
