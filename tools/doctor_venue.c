/* SPDX-License-Identifier: MIT
 *
 * Is each venue of the configuration to be reached: name, TCP, TLS with its certificate checked,
 * the WebSocket upgrade, and its clock over REST. One connection and one request a venue.
 */
#include "core/base.h"
#include "core/clock.h"
#include "feeds/channels.h"
#include "feeds/connection_dial.h"
#include "sentinel/rest.h"
#include "tools/doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define HOST_BYTES       256U
#define UPGRADE_BYTES    512U
#define POLL_MS          20
#define STEP_NS          1000000L
#define OFFSET_WARN_NS   1000000000LL
#define MS_A_PHASE(d, p) ((double)dial_phase_ns((d), (p)) / 1e6)

/* ---- the WebSocket --------------------------------------------------------------------------- */

/* wss://host[:port], whose shape the configuration has checked. */
static bool url_split(const char *url, char host[HOST_BYTES], uint16_t *ret_port)
{
    const char *start = strstr(url, "://");
    start = start != NULL ? start + 3 : url;
    const size_t bytes = strcspn(start, ":/");
    if (bytes == 0 || bytes >= HOST_BYTES) {
        return false;
    }
    memcpy(host, start, bytes);
    host[bytes] = '\0';
    *ret_port = start[bytes] == ':' ? (uint16_t)strtoul(start + bytes + 1, NULL, 10) : 443;
    return true;
}

static void
dial_failed(struct doctor *doctor, const char *venue, const char *host, struct dial *dial)
{
    const struct link_report *report = dial_report(dial);
    const char *phase = "resolving";
    switch (report->phase) {
    case LINK_DNS:
        doctor_say(doctor, DOCTOR_FAIL, "venue", "%s: no address: %s", venue, report->text);
        doctor_fix(doctor,
                   "getent hosts %s; then /etc/resolv.conf, or venues: {%s: {address: ...}}",
                   host,
                   venue);
        return;
    case LINK_TCP:
        phase = "TCP";
        break;
    case LINK_TLS:
        phase = "TLS";
        break;
    case LINK_UPGRADE:
    case LINK_OPEN:
        phase = "the WebSocket upgrade";
        break;
    }
    doctor_say(
        doctor, DOCTOR_FAIL, "venue", "%s: %s failed at %s: %s", venue, host, phase, report->text);
    if (report->phase == LINK_TLS) {
        doctor_fix(doctor,
                   "openssl s_client -connect %s:443 -servername %s; apt install ca-certificates, "
                   "or set ca_file",
                   host,
                   host);
    } else if (report->phase == LINK_TCP) {
        doctor_fix(
            doctor, "nc -vz %s 443; then firewall, proxy or the venue's regional block", host);
    } else {
        doctor_fix(
            doctor,
            "curl -sI https://%s: 403 and 451 are regional blocks, 429 and 418 a used-up limit",
            host);
    }
}

static enum dial_status dial_wait(struct dial *dial)
{
    enum dial_status status;
    while ((status = dial_advance(dial, clock_mono_ns())) == DIAL_BUSY) {
        struct pollfd ready = {.fd = dial_fd(dial), .events = dial_events(dial)};
        (void)poll(&ready, 1, POLL_MS); /* each phase has a deadline of its own */
    }
    return status;
}

static void
websocket_try(struct doctor *doctor, const char *venue, const struct dial_params *params)
{
    struct dial *dial = NULL;
    const int status = dial_start(params, clock_mono_ns(), &dial);
    if (status != 0) {
        doctor_say(
            doctor, DOCTOR_FAIL, "venue", "%s: %s: %s", venue, params->host, strerror(-status));
        return;
    }
    if (dial_wait(dial) == DIAL_DONE) {
        doctor_say(doctor,
                   DOCTOR_OK,
                   "venue",
                   "%s: %s: name %.1f ms, TCP %.1f, TLS verified %.1f, upgrade %.1f",
                   venue,
                   params->host,
                   MS_A_PHASE(dial, LINK_DNS),
                   MS_A_PHASE(dial, LINK_TCP),
                   MS_A_PHASE(dial, LINK_TLS),
                   MS_A_PHASE(dial, LINK_UPGRADE));
        connection_destroy(dial_take(dial));
    } else {
        dial_failed(doctor, venue, params->host, dial);
    }
    dial_destroy(dial);
}

/* The route of the first stream watched there. */
static bool
route_find(const struct config *config, enum flatline_venue venue, enum route *ret_route)
{
    for (uint32_t i = 0; i < config->stream_count; i++) {
        if (config->streams[i].traits.venue == venue && config->streams[i].route != ROUTE_PRIVATE) {
            *ret_route = config->streams[i].route;
            return true;
        }
    }
    return false;
}

static void venue_websocket(struct doctor *doctor, enum flatline_venue venue)
{
    const struct config_venue *place = &doctor->config->venues[venue];
    const char *name = venue_facts(venue)->name;
    char host[HOST_BYTES];
    char path[UPGRADE_BYTES];
    char why[DOCTOR_TEXT_BYTES];
    enum route route;
    struct dial_params params = {.host = host, .path = path, .address = place->address};
    if (!route_find(doctor->config, venue, &route) ||
        !url_split(place->ws_url, host, &params.port) ||
        route_path(venue, route, NULL, path, sizeof(path)) < 0) {
        return; /* nothing but an account: its path needs a listenKey */
    }
    if (dial_tls_create(place->ca_file, &params.tls, why, sizeof(why)) != 0) {
        doctor_say(doctor, DOCTOR_FAIL, "venue", "%s: %s", name, why);
        doctor_fix(doctor, "apt install ca-certificates, or set ca_file to a PEM file");
        return;
    }
    websocket_try(doctor, name, &params);
    dial_tls_destroy(params.tls);
}

/* ---- the clock over REST --------------------------------------------------------------------- */

struct time_asked {
    bool is_answered;
    int64_t server_ms; /* 0 = none */
    int64_t offset_ns; /* ours - the venue's, its answer taken at the midpoint */
    uint64_t round_trip_ns;
    int status;
    char why[128];
};

/* Binance {"serverTime":ms}; OKX {"code":"0","data":[{"ts":"ms"}]}. 0: neither. */
static int64_t server_time_ms(const char *body)
{
    json_t *root = json_loads(body, 0, NULL);
    const char *text =
        json_string_value(json_object_get(json_array_get(json_object_get(root, "data"), 0), "ts"));
    int64_t ms = (int64_t)json_integer_value(json_object_get(root, "serverTime"));
    ms = ms == 0 && text != NULL ? strtoll(text, NULL, 10) : ms;
    json_decref(root);
    return ms > 0 && ms < INT64_MAX / (int64_t)NS_PER_MS ? ms : 0;
}

static void on_time(void *user, const struct rest_answer *answer)
{
    struct time_asked *asked = user;
    asked->is_answered = true;
    asked->status = answer->status;
    (void)snprintf(asked->why, sizeof(asked->why), "%s", answer->text);
    asked->server_ms = answer->status == 200 ? server_time_ms(answer->body) : 0;
    asked->round_trip_ns = answer->recv_mono_ns - answer->sent_mono_ns;
    const uint64_t since_ns = clock_mono_ns() - answer->recv_mono_ns + asked->round_trip_ns / 2;
    asked->offset_ns =
        (int64_t)clock_wall_ns() - (int64_t)since_ns - asked->server_ms * (int64_t)NS_PER_MS;
}

static void
time_tell(struct doctor *doctor, enum flatline_venue venue, const struct time_asked *asked)
{
    const struct venue_facts *facts = venue_facts(venue);
    if (asked->server_ms == 0) {
        doctor_say(doctor,
                   DOCTOR_FAIL,
                   "venue time",
                   "%s: no server time: HTTP %d %s",
                   facts->name,
                   asked->status,
                   asked->why);
        doctor_fix(
            doctor, "curl -s %s%s", doctor->config->venues[venue].rest_url, facts->time_path);
        return;
    }
    const bool is_far = llabs((long long)asked->offset_ns) > OFFSET_WARN_NS;
    doctor_say(doctor,
               is_far ? DOCTOR_WARN : DOCTOR_OK,
               "venue time",
               "%s: round trip %.1f ms, our wall clock is %+.1f ms off%s",
               facts->name,
               (double)asked->round_trip_ns / 1e6,
               (double)asked->offset_ns / 1e6,
               is_far ? ": leases do not care, signed orders do" : "");
    if (is_far) {
        doctor_fix(doctor, "sudo timedatectl set-ntp true");
    }
}

static void venue_time(struct doctor *doctor, struct rest *rest, enum flatline_venue venue)
{
    const struct config_venue *place = &doctor->config->venues[venue];
    struct time_asked asked = {.is_answered = false};
    const struct rest_request request = {.venue = (uint32_t)venue,
                                         .method = "GET",
                                         .path = venue_facts(venue)->time_path,
                                         .on_answer = on_time,
                                         .user = &asked};
    int status =
        rest_add_venue(rest, (uint32_t)venue, place->rest_url, place->address, place->ca_file);
    status = status == 0 ? rest_ask(rest, &request, clock_mono_ns()) : status;
    if (status != 0) {
        (void)snprintf(asked.why, sizeof(asked.why), "%s", strerror(-status));
    }
    while (status == 0 && !asked.is_answered) { /* bounded by the call's own time limit */
        const struct timespec step = {0, STEP_NS};
        (void)nanosleep(&step, NULL);
        (void)rest_service(rest, clock_mono_ns());
    }
    time_tell(doctor, venue, &asked);
}

void doctor_venues(struct doctor *doctor)
{
    struct rest *rest = NULL;
    if (doctor->config == NULL) {
        return;
    }
    if (rest_create(&rest) != 0) {
        doctor_say(doctor, DOCTOR_FAIL, "venue", "%s", strerror(ENOMEM));
        return;
    }
    for (int i = 0; i < CONFIG_VENUES; i++) {
        if (doctor->config->venues[i].used) {
            venue_websocket(doctor, (enum flatline_venue)i);
            venue_time(doctor, rest, (enum flatline_venue)i);
        }
    }
    rest_destroy(rest);
}

/* ---- the key file ---------------------------------------------------------------------------- */

void doctor_keys(struct doctor *doctor)
{
    const char *path = doctor->config != NULL ? doctor->config->user_data.api_key_file : NULL;
    struct stat status;
    if (path == NULL) {
        return;
    }
    if (stat(path, &status) != 0) {
        doctor_say(doctor, DOCTOR_FAIL, "key file", "%s: %s", path, strerror(errno));
        return;
    }
    const bool is_private = (status.st_mode & 0177U) == 0;
    doctor_say(doctor,
               is_private ? DOCTOR_OK : DOCTOR_FAIL,
               "key file",
               "%s: mode %04o",
               path,
               (unsigned)(status.st_mode & 07777U));
    if (!is_private) {
        doctor_fix(doctor, "chmod 600 %s", path);
    }
}
