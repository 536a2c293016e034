/* SPDX-License-Identifier: MIT */
#include "feeds/connection_resolve.h"

#include "core/base.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct resolve {
    pthread_mutex_t mutex; /* guards is_done, is_abandoned and, until done, result */
    bool is_done;
    bool is_abandoned;
    struct resolve_result result;
    int done_fd;
    uint16_t port;
    char host[256];
};

static void look_up(const char *host, uint16_t port, int flags, struct resolve_result *result)
{
    const struct addrinfo hints = {
        .ai_flags = flags | AI_NUMERICSERV,
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
    };
    char service[8];
    struct addrinfo *found = NULL;
    (void)snprintf(service, sizeof(service), "%u", (unsigned)port);
    *result = (struct resolve_result){0};
    result->gai_error = getaddrinfo(host, service, &hints, &found);
    result->gai_errno = errno;
    if (result->gai_error != 0) {
        return;
    }
    for (const struct addrinfo *one = found; one != NULL && result->count < RESOLVE_ADDRESSES_MAX;
         one = one->ai_next) {
        struct resolve_address *const address = &result->addresses[result->count++];
        memcpy(&address->storage, one->ai_addr, one->ai_addrlen);
        address->size_bytes = one->ai_addrlen;
    }
    freeaddrinfo(found);
}

bool resolve_numeric(const char *host, uint16_t port, struct resolve_result *ret_result)
{
    struct resolve_result result;
    look_up(host, port, AI_NUMERICHOST, &result);
    if (result.gai_error != 0) {
        return false;
    }
    *ret_result = result;
    return true;
}

static bool is_same_host(const struct resolve_address *a, const struct resolve_address *b)
{
    if (a->storage.ss_family != b->storage.ss_family) {
        return false;
    }
    if (a->storage.ss_family == AF_INET) {
        return ((const struct sockaddr_in *)&a->storage)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)&b->storage)->sin_addr.s_addr;
    }
    return a->storage.ss_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)&a->storage)->sin6_addr,
                  &((const struct sockaddr_in6 *)&b->storage)->sin6_addr,
                  sizeof(struct in6_addr)) == 0;
}

void resolve_put_last(struct resolve_result *result, const struct resolve_address *address)
{
    uint32_t kept = 0;
    struct resolve_address last = {.size_bytes = 0};
    for (uint32_t i = 0; i < result->count; i++) {
        if (is_same_host(&result->addresses[i], address)) {
            last = result->addresses[i];
        } else {
            result->addresses[kept++] = result->addresses[i];
        }
    }
    if (kept < result->count) {
        result->addresses[kept++] = last; /* once, however often it was there */
    }
    result->count = kept;
}

static void resolve_free(struct resolve *resolve)
{
    (void)close(resolve->done_fd);
    (void)pthread_mutex_destroy(&resolve->mutex);
    free(resolve);
}

static void *resolve_thread(void *argument)
{
    struct resolve *const resolve = argument;
    struct resolve_result result;
    look_up(resolve->host, resolve->port, AI_ADDRCONFIG, &result);

    (void)pthread_mutex_lock(&resolve->mutex);
    const bool is_abandoned = resolve->is_abandoned;
    if (!is_abandoned) {
        const uint64_t one = 1;
        resolve->result = result;
        resolve->is_done = true;
        const ssize_t written =
            write(resolve->done_fd, &one, sizeof(one)); /* under the lock: the fd is still ours */
        flatline_assert(written == sizeof(one));
    }
    (void)pthread_mutex_unlock(&resolve->mutex);
    if (is_abandoned) {
        resolve_free(resolve);
    }
    return NULL;
}

static int thread_start(struct resolve *resolve)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all;
    sigset_t before;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    (void)sigfillset(&all);
    (void)pthread_sigmask(
        SIG_SETMASK, &all, &before); /* inherited by the thread: it takes no signal from its host */
    const int error = pthread_create(&thread, &attributes, resolve_thread, resolve);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

int resolve_start(const char *host, uint16_t port, struct resolve **ret_resolve)
{
    struct resolve *const resolve = calloc(1, sizeof(*resolve));
    if (resolve == NULL) {
        return -ENOMEM;
    }
    flatline_assert(strlen(host) < sizeof(resolve->host));
    memcpy(resolve->host, host, strlen(host) + 1);
    resolve->port = port;
    (void)pthread_mutex_init(&resolve->mutex, NULL);
    resolve->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    const int error = resolve->done_fd < 0 ? -errno : thread_start(resolve);
    if (error != 0) {
        if (resolve->done_fd >= 0) {
            (void)close(resolve->done_fd);
        }
        (void)pthread_mutex_destroy(&resolve->mutex);
        free(resolve);
        return error;
    }
    *ret_resolve = resolve;
    return 0;
}

int resolve_fd(const struct resolve *resolve)
{
    return resolve->done_fd;
}

bool resolve_poll(struct resolve *resolve, struct resolve_result *ret_result)
{
    (void)pthread_mutex_lock(&resolve->mutex);
    const bool is_done = resolve->is_done;
    if (is_done) {
        *ret_result = resolve->result;
    }
    (void)pthread_mutex_unlock(&resolve->mutex);
    return is_done;
}

void resolve_abandon(struct resolve *resolve)
{
    if (resolve == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&resolve->mutex);
    const bool is_done = resolve->is_done;
    resolve->is_abandoned = true;
    (void)pthread_mutex_unlock(&resolve->mutex);
    if (is_done) {
        resolve_free(resolve);
    }
}
