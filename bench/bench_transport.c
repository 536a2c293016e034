/* SPDX-License-Identifier: MIT
 *
 * bench_transport.c - what does the connection cost over the least a TLS client can do?
 *
 *     bench_transport [ROUNDS [FRAMES]]      default 9 rounds of 1000 frames a cell
 *
 * A server process writes one WebSocket frame a millisecond, each carrying the time just before
 * its SSL_write. Three clients take it, in alternating rounds of the same run:
 *   bare  epoll_wait, SSL_read until WANT_READ, bytes counted to know when a frame is whole;
 *         nothing parsed, nothing checked;
 *   ours  epoll_wait, connection_read: the same, and framing, UTF-8, stamps and the drained
 *         verdict;
 *   lws   libwebsockets' client role, its receive buffers set to hold the whole frame; busy is
 *         lws_service(context, -1).
 * Measured is the time from that write to the frame in hand (after the last SSL_read; in
 * on_message; in the callback), at 600 B and 16 KiB, busy (epoll_wait with timeout 0) and
 * blocking. A round gives a median for each; printed are the medians over the rounds and the
 * median of the ratios paired by round, with the smallest and greatest: on a shared machine single
 * rounds scatter. CPU is the client thread's own, a frame, blocking rounds only. At the end: what
 * framing alone costs, on bytes in memory.
 */
#include "core/base.h"
#include "core/clock.h"
#include "feeds/connection_dial.h"
#include "unit/tls_peer.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <libwebsockets.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS_MAX   99U
#define FRAMES_MAX   100000U
#define FRAME_BYTES  16384U
#define WARMUP       100U /* frames of each round that are not counted */
#define PACE_NS      NS_PER_MS
#define STAMP_DIGITS 16U
#define BUDGET_BYTES (256U * 1024U)

struct run {
    size_t payload_bytes;
    uint32_t frames;
    bool is_busy;
};

struct result {
    double p50_us;
    double cpu_us; /* a frame */
};

static uint64_t samples_ns[FRAMES_MAX + WARMUP];
static uint32_t sample_count;
static uint64_t cpu_start_ns; /* once the handshake and the warm-up are behind us */
static uint64_t cpu_end_ns;   /* at the last frame */
static uint32_t cpu_end_at;   /* its number */

static void must(bool is_true, const char *what)
{
    if (!is_true) {
        perror(what);
        ERR_print_errors_fp(stderr);
        exit(1);
    }
}

/* ---- the server ------------------------------------------------------------------------------ */

static size_t frame_make(uint8_t *frame, size_t payload_bytes)
{
    size_t header_bytes = 2;
    frame[0] = 0x81;
    if (payload_bytes < 126) {
        frame[1] = (uint8_t)payload_bytes;
    } else {
        frame[1] = 126;
        frame[2] = (uint8_t)(payload_bytes >> 8);
        frame[3] = (uint8_t)payload_bytes;
        header_bytes = 4;
    }
    memset(frame + header_bytes, 'x', payload_bytes);
    return header_bytes;
}

static void answer_upgrade(SSL *ssl)
{
    char request[4096] = "";
    size_t have = 0;
    const char *key;
    char accept[29];
    char answer[256];
    unsigned char digest[20];
    while (strstr(request, "\r\n\r\n") == NULL) {
        const int got = SSL_read(ssl, request + have, (int)(sizeof(request) - 1 - have));
        must(got > 0, "upgrade request");
        have += (size_t)got;
    }
    key = strstr(request, "Sec-WebSocket-Key: ");
    must(key != NULL, "key");
    (void)snprintf(answer, sizeof(answer), "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 19);
    must(EVP_Digest(answer, strlen(answer), digest, NULL, EVP_sha1(), NULL) == 1, "digest");
    (void)EVP_EncodeBlock((unsigned char *)accept, digest, sizeof(digest));
    const int length =
        snprintf(answer,
                 sizeof(answer),
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n\r\n",
                 accept);
    must(SSL_write(ssl, answer, length) == length, "upgrade answer");
}

static void serve(const struct peer_identity *identity, int listen_fd, const struct run *run)
{
    static uint8_t frame[FRAME_BYTES + 16];
    const int one = 1;
    const int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
    SSL *const ssl = SSL_new(identity->context);
    must(fd >= 0 && ssl != NULL && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0,
         "accept");
    must(SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1, "SSL_accept");
    answer_upgrade(ssl);
    const size_t header_bytes = frame_make(frame, run->payload_bytes);
    uint64_t due_ns = clock_mono_ns() + 20 * NS_PER_MS;
    for (uint32_t i = 0; i < run->frames + WARMUP; i++) {
        char digits[STAMP_DIGITS + 1];
        const struct timespec due = {(time_t)(due_ns / NS_PER_S), (long)(due_ns % NS_PER_S)};
        (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
        (void)snprintf(digits, sizeof(digits), "%016" PRIx64, clock_mono_ns());
        memcpy(frame + header_bytes, digits, STAMP_DIGITS);
        must(SSL_write(ssl, frame, (int)(header_bytes + run->payload_bytes)) > 0, "SSL_write");
        due_ns += PACE_NS;
    }
    (void)SSL_shutdown(ssl);
    SSL_free(ssl);
    (void)close(fd);
}

/* ---- the clients ----------------------------------------------------------------------------- */

static void sample(const char *payload)
{
    const uint64_t now_ns = clock_mono_ns();
    char digits[STAMP_DIGITS + 1];
    memcpy(digits, payload, STAMP_DIGITS);
    digits[STAMP_DIGITS] = '\0';
    samples_ns[sample_count++] = now_ns - strtoull(digits, NULL, 16);
    if (sample_count == WARMUP) {
        cpu_start_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    } else if (sample_count == cpu_end_at) {
        cpu_end_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    }
}

static int epoll_of(int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    must(epoll_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0, "epoll");
    return epoll_fd;
}

static void wait_ready(int epoll_fd, bool is_busy)
{
    struct epoll_event event;
    while (epoll_wait(epoll_fd, &event, 1, is_busy ? 0 : -1) <= 0) {
    }
}

/* The least: bytes are read and counted. frame_bytes is the whole frame, header included. */
static void take_bare(SSL *ssl, int fd, const struct run *run)
{
    static uint8_t bytes[FRAME_BYTES + 16];
    const size_t header_bytes = run->payload_bytes < 126 ? 2 : 4;
    const size_t frame_bytes = header_bytes + run->payload_bytes;
    const int epoll_fd = epoll_of(fd);
    size_t have = 0;
    while (sample_count < run->frames + WARMUP) {
        wait_ready(epoll_fd, run->is_busy);
        int got;
        while ((got = SSL_read(ssl, bytes + have, (int)(frame_bytes - have))) > 0) {
            have += (size_t)got;
            if (have == frame_bytes) {
                sample((const char *)bytes + header_bytes);
                have = 0;
            }
        }
        must(SSL_get_error(ssl, got) == SSL_ERROR_WANT_READ || sample_count == run->frames + WARMUP,
             "SSL_read");
    }
    (void)close(epoll_fd);
}

static void run_bare(SSL_CTX *context, uint16_t port, const struct run *run)
{
    static const char request[] = "GET / HTTP/1.1\r\nHost: " PEER_NAME
                                  "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    const int one = 1;
    char answer[1024] = "";
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    SSL *const ssl = SSL_new(context);
    must(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0, "connect");
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0, "TCP_NODELAY");
    must(SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1, "SSL_connect");
    must(SSL_write(ssl, request, sizeof(request) - 1) > 0 &&
             SSL_read(ssl, answer, sizeof(answer) - 1) > 0,
         "upgrade");
    must(strstr(answer, "\r\n\r\n") != NULL, "upgrade answer");
    must(BIO_socket_nbio(fd, 1) == 1, "non-blocking");
    take_bare(ssl, fd, run);
    SSL_free(ssl);
    (void)close(fd);
}

static bool on_message(void *user, const struct websocket_message *message, uint64_t recv_mono_ns)
{
    (void)user;
    (void)recv_mono_ns;
    sample((const char *)message->bytes);
    return true;
}

static void take_ours(struct connection *connection, const struct run *run)
{
    const int epoll_fd = epoll_of(connection_fd(connection));
    enum connection_status status =
        connection_read(connection, clock_mono_ns, BUDGET_BYTES, on_message, NULL);
    while (sample_count < run->frames + WARMUP && status != CONNECTION_CLOSED) {
        if (status == CONNECTION_DRAINED) {
            wait_ready(epoll_fd, run->is_busy);
        }
        status = connection_read(connection, clock_mono_ns, BUDGET_BYTES, on_message, NULL);
    }
    (void)close(epoll_fd);
}

static void run_ours(struct dial_tls *tls, uint16_t port, const struct run *run)
{
    const struct dial_params params = {
        .tls = tls, .host = "localhost", .port = port, .path = "/", .address = "127.0.0.1"};
    struct dial *dial = NULL;
    must(dial_start(&params, clock_mono_ns(), &dial) == 0, "dial");
    while (dial_advance(dial, clock_mono_ns()) == DIAL_BUSY) {
        struct pollfd ready = {.fd = dial_fd(dial), .events = dial_events(dial)};
        (void)poll(&ready, 1, 100);
    }
    must(dial_fd(dial) == -1 && dial_phase(dial) == LINK_OPEN, dial_report(dial)->text);
    struct connection *const connection = dial_take(dial);
    dial_destroy(dial);
    take_ours(connection, run);
    connection_destroy(connection);
}

static int on_lws(
    struct lws *wsi, enum lws_callback_reasons reason, void *user, void *bytes, size_t size_bytes)
{
    (void)user;
    (void)size_bytes;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (lws_is_first_fragment(wsi) && lws_is_final_fragment(wsi)) {
            sample(bytes);
        }
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        must(false, "libwebsockets: connect");
        break;
    default:
        break;
    }
    return 0;
}

static void run_lws(const char *ca_path, uint16_t port, const struct run *run)
{
    const struct lws_protocols protocols[] = {
        {.name = "bench", .callback = on_lws, .rx_buffer_size = 2 * FRAME_BYTES}, {.name = NULL}};
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
        .client_ssl_ca_filepath = ca_path,
        .pt_serv_buf_size = 2 * FRAME_BYTES,
    };
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context *const context = lws_create_context(&info);
    must(context != NULL, "lws_create_context");
    const struct lws_client_connect_info connect = {
        .context = context,
        .address = "127.0.0.1",
        .host = "localhost",
        .origin = "localhost",
        .path = "/",
        .port = port,
        .ssl_connection = LCCSCF_USE_SSL,
        .local_protocol_name = "bench",
    };
    must(lws_client_connect_via_info(&connect) != NULL, "lws_client_connect_via_info");
    while (sample_count < run->frames + WARMUP) {
        (void)lws_service(context, run->is_busy ? -1 : 0);
    }
    lws_context_destroy(context);
}

/* ---- one measurement, and the table ---------------------------------------------------------- */

static int compare_u64(const void *left, const void *right)
{
    const uint64_t a = *(const uint64_t *)left;
    const uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static int compare_double(const void *left, const void *right)
{
    const double a = *(const double *)left;
    const double b = *(const double *)right;
    return (a > b) - (a < b);
}

struct clients {
    struct peer_identity identity;
    struct dial_tls *tls;
    SSL_CTX *bare;
};

enum client { CLIENT_BARE, CLIENT_OURS, CLIENT_LWS, CLIENT_COUNT };

static const char *const client_names[CLIENT_COUNT] = {"bare", "ours", "lws"};

static struct result
measure(const struct clients *clients, const struct run *run, enum client client)
{
    uint16_t port = 0;
    const int listen_fd = peer_listen(&port);
    const pid_t server = fork();
    must(server >= 0, "fork");
    if (server == 0) {
        serve(&clients->identity, listen_fd, run);
        _exit(0);
    }
    (void)close(listen_fd);
    sample_count = 0;
    cpu_end_at = run->frames + WARMUP;
    if (client == CLIENT_BARE) {
        run_bare(clients->bare, port, run);
    } else if (client == CLIENT_OURS) {
        run_ours(clients->tls, port, run);
    } else {
        run_lws(clients->identity.ca_path, port, run);
    }
    (void)waitpid(server, NULL, 0);
    must(sample_count == run->frames + WARMUP, "frames");
    qsort(samples_ns + WARMUP, run->frames, sizeof(samples_ns[0]), compare_u64);
    return (struct result){
        .p50_us = (double)samples_ns[WARMUP + run->frames / 2] / 1e3,
        .cpu_us = (double)(cpu_end_ns - cpu_start_ns) / 1e3 / run->frames,
    };
}

/* Sorts in place. */
static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof(values[0]), compare_double);
    return values[count / 2];
}

static void print_client(const struct run *run,
                         enum client client,
                         const struct result (*rounds_of)[CLIENT_COUNT],
                         uint32_t rounds)
{
    double p50_us[ROUNDS_MAX];
    double ratio[ROUNDS_MAX];
    double cpu_us[ROUNDS_MAX];
    for (uint32_t i = 0; i < rounds; i++) {
        p50_us[i] = rounds_of[i][client].p50_us;
        cpu_us[i] = rounds_of[i][client].cpu_us;
        ratio[i] = p50_us[i] / rounds_of[i][CLIENT_BARE].p50_us;
    }
    const double middle = median(ratio, rounds);
    printf("%6zu B  %-8s  %-4s  p50 %6.1f us",
           run->payload_bytes,
           run->is_busy ? "busy" : "blocking",
           client_names[client],
           median(p50_us, rounds));
    if (!run->is_busy) {
        printf("  cpu %5.1f us", median(cpu_us, rounds));
    }
    if (client != CLIENT_BARE) {
        printf("  ratio %.2f (%.2f-%.2f)", middle, ratio[0], ratio[rounds - 1]);
    }
    printf("\n");
}

static void measure_cell(const struct clients *clients, const struct run *run, uint32_t rounds)
{
    static struct result rounds_of[ROUNDS_MAX][CLIENT_COUNT];
    for (uint32_t i = 0; i < rounds; i++) {
        for (uint32_t turn = 0; turn < CLIENT_COUNT;
             turn++) { /* each goes first in a third of the rounds */
            const enum client client = (enum client)((i + turn) % CLIENT_COUNT);
            rounds_of[i][client] = measure(clients, run, client);
        }
    }
    for (uint32_t client = 0; client < CLIENT_COUNT; client++) {
        print_client(
            run, (enum client)client, (const struct result(*)[CLIENT_COUNT])rounds_of, rounds);
    }
    (void)fflush(stdout);
}

/* Framing alone: the same frame again and again, from memory. */
static void measure_framing(size_t payload_bytes)
{
    enum { TIMES = 200000 };

    static uint8_t frame[FRAME_BYTES + 16];
    struct websocket *const websocket = websocket_create(WEBSOCKET_MESSAGE_BYTES_MAX_DEFAULT);
    const size_t frame_bytes = frame_make(frame, payload_bytes) + payload_bytes;
    const uint64_t start_ns = clock_mono_ns();
    uint64_t messages = 0;
    for (uint32_t i = 0; i < TIMES; i++) {
        struct websocket_message message;
        size_t taken_bytes;
        messages += websocket_next(websocket, frame, frame_bytes, &message, &taken_bytes) ==
                    WEBSOCKET_MESSAGE;
    }
    const uint64_t used_ns = clock_mono_ns() - start_ns;
    must(messages == TIMES, "framing");
    printf("%6zu B  framing and UTF-8 alone: %.0f ns a frame\n",
           payload_bytes,
           (double)used_ns / TIMES);
    websocket_destroy(websocket);
}

int main(int argc, char **argv)
{
    static const size_t payloads[] = {600, FRAME_BYTES - 4}; /* the larger fills one TLS record */
    const uint32_t rounds = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 9;
    const uint32_t frames = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 1000;
    struct clients clients;
    char error_text[256];
    if (rounds < 1 || rounds > ROUNDS_MAX || frames < 10 || frames > FRAMES_MAX) {
        (void)fprintf(
            stderr, "usage: %s [ROUNDS 1..%u [FRAMES 10..%u]]\n", argv[0], ROUNDS_MAX, FRAMES_MAX);
        return 2;
    }
    peer_identity_open(&clients.identity);
    must(dial_tls_create(clients.identity.ca_path, &clients.tls, error_text, sizeof(error_text)) ==
             0,
         "TLS context");
    clients.bare = SSL_CTX_new(TLS_client_method());
    for (size_t i = 0; i < ARRAY_COUNT(payloads); i++) {
        measure_cell(&clients, &(struct run){payloads[i], frames, true}, rounds);
        measure_cell(&clients, &(struct run){payloads[i], frames, false}, rounds);
    }
    for (size_t i = 0; i < ARRAY_COUNT(payloads); i++) {
        measure_framing(payloads[i]);
    }
    SSL_CTX_free(clients.bare);
    dial_tls_destroy(clients.tls);
    peer_identity_close(&clients.identity);
    return 0;
}
