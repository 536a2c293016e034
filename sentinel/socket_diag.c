/* SPDX-License-Identifier: MIT */
#include "sentinel/socket_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define ANSWER_BYTES 32768U
#define ANSWERS_MAX  4096U /* datagrams of one question */
#define WAIT_US      200000
#define ESTABLISHED                                                                                \
    1U /* TCP_ESTABLISHED, which <netinet/tcp.h> and <linux/tcp.h> both want to say */
#define COOKIE_UNKNOWN UINT32_MAX

struct question {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
};

int socket_diag_open(void)
{
    const struct timeval wait = {.tv_usec = WAIT_US};
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0) {
        return -errno;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    return fd;
}

static int ask(int netlink_fd, struct question *question)
{
    const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    question->header.nlmsg_len = sizeof(*question);
    question->header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    question->request.sdiag_protocol = IPPROTO_TCP;
    question->request.idiag_ext = 1U << (INET_DIAG_INFO - 1);
    const ssize_t sent = sendto(netlink_fd,
                                question,
                                sizeof(*question),
                                0,
                                (const struct sockaddr *)&kernel,
                                sizeof(kernel));
    return sent < 0 ? -errno : 0;
}

/* ---- answers --------------------------------------------------------------------------------- */

/* The kernel's own macros for this cast const away, and the alignment. */
static const void *after_header(const struct nlmsghdr *header)
{
    return (const uint8_t *)header + NLMSG_HDRLEN;
}

/* An older kernel fills less of it, a newer one more. */
static void info_take(struct socket_look *look, const uint8_t *bytes, size_t count)
{
    struct tcp_info info = {0};
    memcpy(&info, bytes, count < sizeof(info) ? count : sizeof(info));
    look->retransmits = info.tcpi_retransmits;
    look->last_data_recv_ms = info.tcpi_last_data_recv;
    look->last_ack_recv_ms = info.tcpi_last_ack_recv;
    look->bytes_received = info.tcpi_bytes_received;
}

static void attributes_take(struct socket_look *look, const uint8_t *bytes, size_t left)
{
    struct rtattr attribute;
    while (left >= sizeof(attribute)) { /* bounded: each is at least its own header long */
        memcpy(&attribute, bytes, sizeof(attribute));
        if (attribute.rta_len < sizeof(attribute) || attribute.rta_len > left) {
            return;
        }
        if (attribute.rta_type == INET_DIAG_INFO) {
            info_take(look, bytes + RTA_LENGTH(0), attribute.rta_len - RTA_LENGTH(0));
        }
        const size_t step = RTA_ALIGN(attribute.rta_len);
        bytes += step < left ? step : left;
        left -= step < left ? step : left;
    }
}

/* false: too short to be one. */
static bool look_take(const struct nlmsghdr *header, struct socket_look *look)
{
    if (header->nlmsg_len < NLMSG_LENGTH(sizeof(struct inet_diag_msg))) {
        return false;
    }
    const struct inet_diag_msg *message = after_header(header);
    *look = (struct socket_look){
        .id = {.family = message->idiag_family,
               .local_port = ntohs(message->id.idiag_sport),
               .remote_port = ntohs(message->id.idiag_dport),
               .cookie = (uint64_t)message->id.idiag_cookie[1] << 32 | message->id.idiag_cookie[0]},
        .inode = message->idiag_inode,
        .state = message->idiag_state,
        .receive_queue_bytes = message->idiag_rqueue,
        .send_queue_bytes = message->idiag_wqueue};
    memcpy(look->id.local, message->id.idiag_src, sizeof(look->id.local));
    memcpy(look->id.remote, message->id.idiag_dst, sizeof(look->id.remote));
    attributes_take(
        look, (const uint8_t *)(message + 1), header->nlmsg_len - NLMSG_LENGTH(sizeof(*message)));
    return true;
}

/* One answer as it comes: a connection, an error, or the end. */
struct hearing {
    uint32_t sequence;
    uint32_t most;
    uint32_t count;
    int error;
    void (*tell)(void *user, const struct socket_look *look);
    void *user;
};

/* false: that was the last. */
static bool message_hear(struct hearing *hearing, const struct nlmsghdr *header)
{
    struct socket_look look;
    if (header->nlmsg_seq != hearing->sequence) {
        return true; /* late, of a question nobody waits for any more */
    }
    if (header->nlmsg_type == NLMSG_DONE) {
        return false;
    }
    if (header->nlmsg_type == NLMSG_ERROR) {
        const bool is_whole = header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr));
        hearing->error =
            is_whole ? ((const struct nlmsgerr *)after_header(header))->error : -EBADMSG;
        return false;
    }
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY || !look_take(header, &look)) {
        hearing->error = -EBADMSG;
        return false;
    }
    if (hearing->count == hearing->most) {
        hearing->error = -E2BIG;
    } else {
        hearing->count++;
        hearing->tell(hearing->user, &look);
    }
    return (header->nlmsg_flags & NLM_F_MULTI) != 0;
}

/* Heard to its end even where nobody wants the rest: it would be in the way of the next answer. */
static int answers_hear(int netlink_fd, struct hearing *hearing)
{
    union {
        struct nlmsghdr headers[ANSWER_BYTES / sizeof(struct nlmsghdr)]; /* for the alignment */
        uint8_t bytes[ANSWER_BYTES];
    } answer;

    for (uint32_t i = 0; i < ANSWERS_MAX; i++) {
        const ssize_t got = recv(netlink_fd, &answer, sizeof(answer), 0);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        const size_t count = got > 0 ? (size_t)got : 0;
        size_t at = 0;
        while (count - at >= sizeof(struct nlmsghdr)) { /* each is at least its own header long */
            const struct nlmsghdr *header = (const void *)&answer.bytes[at];
            if (header->nlmsg_len < sizeof(*header) || header->nlmsg_len > count - at) {
                break;
            }
            if (!message_hear(hearing, header)) {
                return hearing->error;
            }
            const size_t step = NLMSG_ALIGN(header->nlmsg_len);
            at += step < count - at ? step : count - at;
        }
    }
    return -E2BIG;
}

/* ---- questions ------------------------------------------------------------------------------- */

static uint32_t next_sequence(void)
{
    static _Thread_local uint32_t sequence;
    return ++sequence;
}

static void look_keep(void *user, const struct socket_look *look)
{
    *(struct socket_look *)user = *look;
}

int socket_diag_one(int netlink_fd, const struct socket_id *id, struct socket_look *ret_look)
{
    struct question question = {
        .header = {.nlmsg_flags = NLM_F_REQUEST},
        .request = {.sdiag_family = (uint8_t)id->family, .idiag_states = UINT32_MAX}};
    struct inet_diag_sockid *wanted = &question.request.id;
    wanted->idiag_sport = htons(id->local_port);
    wanted->idiag_dport = htons(id->remote_port);
    memcpy(wanted->idiag_src, id->local, sizeof(wanted->idiag_src));
    memcpy(wanted->idiag_dst, id->remote, sizeof(wanted->idiag_dst));
    wanted->idiag_cookie[0] = id->cookie != 0 ? (uint32_t)id->cookie : COOKIE_UNKNOWN;
    wanted->idiag_cookie[1] = id->cookie != 0 ? (uint32_t)(id->cookie >> 32) : COOKIE_UNKNOWN;
    struct hearing hearing = {
        .sequence = next_sequence(), .most = 1, .tell = look_keep, .user = ret_look};
    question.header.nlmsg_seq = hearing.sequence;
    int result = ask(netlink_fd, &question);
    if (result == 0) {
        result = answers_hear(netlink_fd, &hearing);
    }
    return result == -ESTALE ? -ENOENT : result; /* another socket of the same addresses */
}

int socket_diag_all(int netlink_fd,
                    uint32_t family,
                    uint32_t most,
                    void (*tell)(void *user, const struct socket_look *look),
                    void *user)
{
    struct question question = {
        .header = {.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .request = {.sdiag_family = (uint8_t)family, .idiag_states = 1U << ESTABLISHED}};
    struct hearing hearing = {
        .sequence = next_sequence(), .most = most, .tell = tell, .user = user};
    question.header.nlmsg_seq = hearing.sequence;
    const int result = ask(netlink_fd, &question);
    return result != 0 ? result : answers_hear(netlink_fd, &hearing);
}

/* ---- our own --------------------------------------------------------------------------------- */

static void
address_take(const struct sockaddr_storage *storage, uint32_t words[4], uint16_t *ret_port)
{
    if (storage->ss_family == AF_INET) {
        const struct sockaddr_in *address = (const void *)storage;
        memcpy(words, &address->sin_addr, sizeof(address->sin_addr));
        *ret_port = ntohs(address->sin_port);
    } else {
        const struct sockaddr_in6 *address = (const void *)storage;
        memcpy(words, &address->sin6_addr, sizeof(address->sin6_addr));
        *ret_port = ntohs(address->sin6_port);
    }
}

int socket_id_of(int fd, struct socket_id *ret_id)
{
    struct sockaddr_storage local = {0};
    struct sockaddr_storage remote = {0};
    socklen_t local_bytes = sizeof(local);
    socklen_t remote_bytes = sizeof(remote);
    *ret_id = (struct socket_id){0};
    socklen_t cookie_bytes = sizeof(ret_id->cookie);
    if (getsockname(fd, (struct sockaddr *)&local, &local_bytes) != 0 ||
        getpeername(fd, (struct sockaddr *)&remote, &remote_bytes) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ret_id->cookie, &cookie_bytes) != 0) {
        return -errno;
    }
    if (local.ss_family != AF_INET && local.ss_family != AF_INET6) {
        return -EAFNOSUPPORT;
    }
    ret_id->family = local.ss_family;
    address_take(&local, ret_id->local, &ret_id->local_port);
    address_take(&remote, ret_id->remote, &ret_id->remote_port);
    return 0;
}
