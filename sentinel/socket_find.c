/* SPDX-License-Identifier: MIT */
#include "sentinel/socket_find.h"

#include "core/atomic.h"
#include "core/base.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCAN_MOST       16384U /* connections of one family */
#define PENDING_MAX     64U    /* new ones of one scan */
#define STRANGERS_MAX   256U   /* that are nobody's, and need not be asked for again */
#define ADDRESSES_MAX   64U
#define DESCRIPTORS_MAX 65536U /* of one process */
#define NOBODY          UINT32_MAX
#define OURSELVES       (UINT32_MAX - 1U)

/* Where the venues' public sockets listen; more are learnt from our own connections. */
static const uint16_t PUBLIC_PORTS[] = {443, 8443, 9443};

struct address {
    uint32_t venue;
    uint16_t port;
    uint32_t family;
    uint32_t words[4];
};

struct pending {
    struct socket_look look;
    uint32_t owner; /* engines with a segment first, then the lines of the configuration */
};

struct socket_finder {
    const struct config *config;
    struct words *words;
    uint32_t address_count;
    uint32_t pending_count;
    uint32_t stranger_next;
    uint64_t pids[ENGINE_WATCH_MAX + CONFIG_ENGINE_SOCKETS_MAX];
    uint64_t strangers[STRANGERS_MAX];
    struct address addresses[ADDRESSES_MAX];
    struct pending pending[PENDING_MAX];
    bool (*is_known)(const void *user, uint64_t cookie);
    const void *user;
};

struct socket_finder *socket_finder_create(const struct config *config, struct words *words)
{
    struct socket_finder *finder = calloc(1, sizeof(*finder));
    if (finder != NULL) {
        finder->config = config;
        finder->words = words;
    }
    return finder;
}

void socket_finder_destroy(struct socket_finder *finder)
{
    free(finder);
}

/* ---- where the venues are -------------------------------------------------------------------- */

/* The far end; an IPv4 address that an IPv6 socket speaks to is an IPv4 address. */
static struct address address_of(const struct socket_id *id, uint32_t venue)
{
    struct address address = {.venue = venue, .port = id->remote_port, .family = id->family};
    const bool is_mapped = id->family == AF_INET6 && id->remote[0] == 0 && id->remote[1] == 0 &&
                           id->remote[2] == htonl(0xffffU);
    if (is_mapped) {
        address.family = AF_INET;
    }
    if (address.family == AF_INET) {
        address.words[0] = id->remote[is_mapped ? 3 : 0];
    } else {
        memcpy(address.words, id->remote, sizeof(address.words));
    }
    return address;
}

static uint32_t venue_at(const struct socket_finder *finder, const struct address *address)
{
    for (uint32_t i = 0; i < finder->address_count; i++) {
        const struct address *known = &finder->addresses[i];
        if (known->port == address->port && known->family == address->family &&
            memcmp(known->words, address->words, sizeof(known->words)) == 0) {
            return known->venue;
        }
    }
    return EVENT_NO_VENUE;
}

/* The one venue that is spoken to at this port; of several nobody can say which. */
static uint32_t venue_by_port(const struct socket_finder *finder, uint16_t port)
{
    uint32_t venue = EVENT_NO_VENUE;
    for (uint32_t i = 0; i < finder->address_count; i++) {
        const struct address *known = &finder->addresses[i];
        if (known->port == port && known->venue != venue) {
            if (venue != EVENT_NO_VENUE) {
                return EVENT_NO_VENUE;
            }
            venue = known->venue;
        }
    }
    return venue;
}

void socket_finder_learn(struct socket_finder *finder, uint32_t venue, const struct socket_id *own)
{
    const struct address address = address_of(own, venue);
    if (venue_at(finder, &address) != EVENT_NO_VENUE) {
        return;
    }
    /* the first stay: where there are more than fit, names were resolved for weeks */
    if (finder->address_count < ADDRESSES_MAX) {
        finder->addresses[finder->address_count++] = address;
    }
    memset(finder->strangers, 0, sizeof(finder->strangers)); /* some may be strangers no more */
}

static bool is_port_of_interest(const struct socket_finder *finder, uint16_t port)
{
    for (size_t i = 0; i < ARRAY_COUNT(PUBLIC_PORTS); i++) {
        if (PUBLIC_PORTS[i] == port) {
            return true;
        }
    }
    for (uint32_t i = 0; i < finder->address_count; i++) {
        if (finder->addresses[i].port == port) {
            return true;
        }
    }
    return false;
}

/* ---- who is looked for ----------------------------------------------------------------------- */

static uint64_t pid_of_file(const char *path)
{
    char text[32] = "";
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return 0;
    }
    const ssize_t got = read(fd, text, sizeof(text) - 1U);
    (void)close(fd);
    const unsigned long pid = got > 0 ? strtoul(text, NULL, 10) : 0;
    return pid <= INT_MAX ? pid : 0;
}

/* Another process: whoever was nobody's may be its. */
static void pids_read(struct socket_finder *finder)
{
    const struct config *config = finder->config;
    uint64_t pids[ARRAY_COUNT(finder->pids)] = {0};
    for (uint32_t i = 0; i < ENGINE_WATCH_MAX; i++) {
        pids[i] = load_relaxed(&finder->words->engines.pids[i]); /* relaxed: looked at again soon */
    }
    for (uint32_t i = 0; i < config->engine_socket_count; i++) {
        const char *path = config->engine_sockets[i].pid_file;
        pids[ENGINE_WATCH_MAX + i] = path != NULL ? pid_of_file(path) : 0;
    }
    if (memcmp(pids, finder->pids, sizeof(pids)) != 0) {
        memcpy(finder->pids, pids, sizeof(pids));
        memset(finder->strangers, 0, sizeof(finder->strangers));
    }
}

bool socket_finder_wanted(const struct socket_finder *finder)
{
    bool is_wanted = finder->config->engine_socket_count > 0;
    for (uint32_t i = 0; i < ENGINE_WATCH_MAX; i++) {
        is_wanted = is_wanted || load_relaxed(&finder->words->engines.pids[i]) != 0;
    }
    return is_wanted;
}

/* ---- whose is it? ---------------------------------------------------------------------------- */

static bool is_stranger(const struct socket_finder *finder, uint64_t cookie)
{
    for (uint32_t i = 0; i < STRANGERS_MAX; i++) {
        if (finder->strangers[i] == cookie) {
            return true;
        }
    }
    return false;
}

static void pending_add(void *user, const struct socket_look *look)
{
    struct socket_finder *finder = user;
    const uint64_t cookie = look->id.cookie;
    if (finder->pending_count < PENDING_MAX && cookie != 0 &&
        is_port_of_interest(finder, look->id.remote_port) && !is_stranger(finder, cookie) &&
        !finder->is_known(finder->user, cookie)) {
        finder->pending[finder->pending_count++] = (struct pending){.look = *look, .owner = NOBODY};
    }
}

static void inode_claim(struct socket_finder *finder, unsigned long inode, uint32_t owner)
{
    for (uint32_t i = 0; i < finder->pending_count; i++) {
        struct pending *pending = &finder->pending[i];
        if (pending->look.inode == inode && pending->owner == NOBODY) {
            pending->owner = owner;
        }
    }
}

/* All that a process holds open. Returns 0 or -errno: -EACCES where it is not for us to know. */
static int process_claim(struct socket_finder *finder, const char *process, uint32_t owner)
{
    static const char PREFIX[] = "socket:[";
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%s/fd", process);
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return -errno;
    }
    const struct dirent *entry = readdir(folder);
    for (uint32_t i = 0; i < DESCRIPTORS_MAX && entry != NULL; i++, entry = readdir(folder)) {
        char target[64];
        const ssize_t length =
            readlinkat(dirfd(folder), entry->d_name, target, sizeof(target) - 1U);
        if (length > 0) {
            target[length] = '\0';
            if (strncmp(target, PREFIX, sizeof(PREFIX) - 1U) == 0) {
                inode_claim(finder, strtoul(target + sizeof(PREFIX) - 1U, NULL, 10), owner);
            }
        }
    }
    (void)closedir(folder);
    return 0;
}

static void processes_claim(struct socket_finder *finder)
{
    char process[24];
    (void)process_claim(finder, "self", OURSELVES); /* dials under way, REST */
    for (uint32_t i = 0; i < ARRAY_COUNT(finder->pids); i++) {
        if (finder->pids[i] == 0) {
            continue;
        }
        (void)snprintf(process, sizeof(process), "%lu", (unsigned long)finder->pids[i]);
        if (process_claim(finder, process, i) == -EACCES) {
            count_relaxed(&finder->words->sockets.denied, 1);
        }
    }
}

static void addresses_claim(struct socket_finder *finder)
{
    for (uint32_t i = 0; i < finder->pending_count; i++) {
        struct pending *pending = &finder->pending[i];
        const struct address address = address_of(&pending->look.id, EVENT_NO_VENUE);
        const uint32_t venue = venue_at(finder, &address);
        for (uint32_t k = 0; pending->owner == NOBODY && k < finder->config->engine_socket_count;
             k++) {
            const struct config_engine_socket *line = &finder->config->engine_sockets[k];
            if (line->pid_file == NULL && venue == (uint32_t)line->venue) {
                pending->owner = ENGINE_WATCH_MAX + k;
            }
        }
    }
}

/* ---- a scan ---------------------------------------------------------------------------------- */

static void found_tell(const struct socket_finder *finder,
                       const struct pending *pending,
                       struct socket_found *found)
{
    const bool has_segment = pending->owner < ENGINE_WATCH_MAX;
    const uint16_t port = pending->look.id.local_port;
    const struct address address = address_of(&pending->look.id, EVENT_NO_VENUE);
    *found = (struct socket_found){
        .id = pending->look.id, .engine = EVENT_NO_ENGINE, .venue = venue_at(finder, &address)};
    if (found->venue == EVENT_NO_VENUE) {
        found->venue = venue_by_port(finder, address.port); /* it is an engine's: that narrows it */
    }
    if (has_segment) {
        found->engine = (uint16_t)pending->owner;
        found->pid = finder->pids[pending->owner];
        (void)snprintf(found->name, sizeof(found->name), ":%u", port);
        return;
    }
    const struct config_engine_socket *line =
        &finder->config->engine_sockets[pending->owner - ENGINE_WATCH_MAX];
    (void)snprintf(found->name, sizeof(found->name), "%.25s:%u", line->name, port);
}

uint32_t socket_finder_scan(struct socket_finder *finder,
                            int netlink_fd,
                            bool (*is_known)(const void *user, uint64_t cookie),
                            const void *user,
                            struct socket_found *found,
                            uint32_t most)
{
    uint32_t count = 0;
    finder->is_known = is_known;
    finder->user = user;
    finder->pending_count = 0;
    pids_read(finder);
    (void)socket_diag_all(netlink_fd, AF_INET, SCAN_MOST, pending_add, finder);
    (void)socket_diag_all(netlink_fd, AF_INET6, SCAN_MOST, pending_add, finder);
    count_relaxed(&finder->words->sockets.scans, 1);
    if (finder->pending_count == 0) {
        return 0;
    }
    processes_claim(finder);
    addresses_claim(finder);
    for (uint32_t i = 0; i < finder->pending_count; i++) {
        const struct pending *pending = &finder->pending[i];
        if (pending->owner == NOBODY) {
            finder->strangers[finder->stranger_next++ % STRANGERS_MAX] = pending->look.id.cookie;
        } else if (pending->owner != OURSELVES && count < most) {
            found_tell(finder, pending, &found[count++]);
        }
    }
    return count;
}
