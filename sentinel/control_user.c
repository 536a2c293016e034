/* SPDX-License-Identifier: MIT
 *
 * control_user.c - the USD-M listenKey: asks what listen_key.c says, tells the judge what came of
 * it, moves the private connection to a new key. Facts: Binance docs, USD-M User Data Streams;
 * weight 1 a request, no signature, the API key alone.
 */
#include "sentinel/control_private.h"

#include "core/clock.h"
#include "feeds/codec.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char KEY_PATH[] = "/fapi/v1/listenKey";

bool user_has_key(const struct control *control)
{
    return control->key.key[0] != '\0' && !control->key.doubted;
}

static uint64_t fingerprint_of(const char *key)
{
    return key_fingerprint((struct span){key, strlen(key)});
}

/* The key is one line; blanks around it are a habit of editors. */
static void key_trim(char *key)
{
    size_t length = strlen(key);
    while (length > 0 && isspace((unsigned char)key[length - 1])) {
        key[--length] = '\0';
    }
    const size_t blanks = strspn(key, " \t\r\n");
    memmove(key, key + blanks, length - (blanks < length ? blanks : length) + 1);
}

static int key_read(const struct config_user_data *user, char *key, size_t key_bytes)
{
    if (user->api_key_file == NULL) {
        const char *value = user->api_key_env != NULL ? getenv(user->api_key_env) : NULL;
        if (value == NULL || strlen(value) >= key_bytes) {
            return -ENOENT;
        }
        memcpy(key, value, strlen(value) + 1U);
        return 0;
    }
    const int fd = open(user->api_key_file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    const ssize_t length = read(fd, key, key_bytes - 1);
    (void)close(fd);
    key[length > 0 ? length : 0] = '\0';
    return length > 0 ? 0 : -EIO;
}

int user_init(struct control *control, char *error_text, size_t error_text_bytes)
{
    const struct config_user_data *user = &control->setup.config->user_data;
    listen_key_init(&control->key, user->extend_interval_ns);
    if (!user->used || user->key == CONFIG_KEY_OF_ENGINE) {
        return 0;
    }
    const int result = key_read(user, control->api_key, sizeof(control->api_key));
    key_trim(control->api_key);
    if (result != 0 || control->api_key[0] == '\0') {
        (void)snprintf(error_text,
                       error_text_bytes,
                       "user_data: no API key in %s",
                       user->api_key_file != NULL ? user->api_key_file : "the environment");
        return result != 0 ? result : -EINVAL;
    }
    return 0;
}

static void news_tell(struct control *control, enum event_kind kind, int64_t code, uint64_t value)
{
    const struct event event = {.recv_mono_ns = clock_mono_ns(),
                                .stream = control->setup.config->user_data.stream,
                                .connection = EVENT_NO_CONNECTION,
                                .kind = (uint8_t)kind,
                                .note = {.code = code, .value = value}};
    control_tell(control, &event);
}

/* The private socket is tied to its key: a new key is a new socket, made before the old one is
 * closed. */
static void socket_renew(struct control *control)
{
    control->key.reconnect = false;
    for (uint32_t i = 0; i < control->line_count; i++) {
        const struct control_line *line = &control->lines[i];
        if (line->plan->user_data && line->live != CONTROL_NO_SLOT) {
            line_rotate(control, line->first_slot + line->live, "a new listenKey");
        }
    }
}

static void on_key(void *user, const struct rest_answer *answer)
{
    struct control *control = user;
    json_t *root = json_loads(answer->body != NULL ? answer->body : "", 0, NULL);
    const char *key = json_string_value(json_object_get(root, "listenKey"));
    const int64_t code = (int64_t)json_integer_value(json_object_get(root, "code"));
    const struct listen_key_answer said = {.asked = control->key_asked,
                                           .http_status = answer->status,
                                           .venue_code = code < 0 ? code : 0,
                                           .key = key,
                                           .retry_after_ns = answer->retry_after_ns};
    switch (listen_key_take(&control->key, &said, clock_mono_ns())) {
    case LISTEN_KEY_EXTENDED:
        news_tell(control, EVENT_KEY_EXTENDED, 0, fingerprint_of(control->key.key));
        if (control->key.reconnect) {
            socket_renew(control);
        }
        break;
    case LISTEN_KEY_FAILED:
        news_tell(control, EVENT_KEY_EXTEND_FAILED, code < 0 ? code : answer->status, 0);
        control_error(control,
                      "listenKey: not extended: HTTP %d, code %lld %s",
                      answer->status,
                      (long long)code,
                      answer->text);
        break;
    case LISTEN_KEY_IS_UNKNOWN:
        news_tell(control, EVENT_KEY_UNKNOWN, LISTEN_KEY_UNKNOWN, 0);
        control_error(control, "listenKey: the venue does not know it (-1125)");
        break;
    case LISTEN_KEY_IS_FOREIGN:
        news_tell(control, EVENT_KEY_UNKNOWN, 1, 0);
        control_error(control, "listenKey: the venue keeps another key for this account");
        break;
    case LISTEN_KEY_NO_NEWS:
        break;
    }
    json_decref(root);
}

void user_step(struct control *control, uint64_t now_mono_ns)
{
    const struct config_user_data *user = &control->setup.config->user_data;
    if (!user->used || user->key == CONFIG_KEY_OF_ENGINE) {
        return;
    }
    const enum listen_key_ask ask = listen_key_due(&control->key, now_mono_ns);
    if (ask == LISTEN_KEY_NOTHING) {
        return;
    }
    const struct rest_request request = {.venue = FLATLINE_VENUE_BINANCE_USDM,
                                         .method = ask == LISTEN_KEY_POST ? "POST" : "PUT",
                                         .path = KEY_PATH,
                                         .api_key = control->api_key,
                                         .on_answer = on_key,
                                         .user = control};
    if (rest_ask(control->rest, &request, now_mono_ns) == 0) {
        control->key.asked = true;
        control->key_asked = ask;
        return;
    }
    /* All calls in use, or the venue is silenced: that is a failure to extend, and the
     * countdown goes on. */
    const uint64_t silent_until = rest_silenced_until(control->rest, FLATLINE_VENUE_BINANCE_USDM);
    const struct listen_key_answer none = {
        .asked = ask,
        .retry_after_ns = silent_until > now_mono_ns ? silent_until - now_mono_ns : 0};
    (void)listen_key_take(&control->key, &none, now_mono_ns);
    news_tell(control, EVENT_KEY_EXTEND_FAILED, 0, 0);
}

void user_key_expired(struct control *control, const struct event *event, uint64_t now_mono_ns)
{
    const uint64_t current = fingerprint_of(control->key.key);
    if (listen_key_expired(&control->key, event->note.value, current, now_mono_ns)) {
        control_error(control, "listenKey: expired, says the venue");
    }
}
