/* SPDX-License-Identifier: MIT
 *
 * config.h - the configuration file, checked and with its units resolved. YAML in, struct out; see
 * flatlined.conf(5).
 *
 *     streams:                          # required: what to watch
 *       - binance-usdm/BTCUSDT/depth@100ms
 *       - {name: okx/BTC-USDT-SWAP/books, stale_after: 2s, silent_after: 10s, observed: false}
 *     gates:                            # optional: default one per instrument
 *       btc: [binance-usdm/BTCUSDT/depth@100ms, binance-usdm/BTCUSDT/bookTicker]
 *       slow: {streams: [okx/BTC-USDT-SWAP/books], stale_after: 5s, quiet_hold: 30s}
 *     user_data:                        # optional
 *       binance-usdm: {account: main, api_key_file: /etc/flatline/usdm.key, extend_interval: 2m}
 *     venues:                           # optional: where the venues are; default the real ones
 *       binance-usdm: {ws: "wss://127.0.0.1:9443", rest: "https://127.0.0.1:9444", ca_file: ca.pem, connections: 2}
 *     engine_sockets:                   # optional: connections of engines to look at
 *       - {name: quoter, pid_file: /run/quoter.pid}
 *       - {name: hedger, venue: okx}
 *     segment: {name: flatline, directory: /dev/shm, mode: "0640", group: trading, events: 4096}
 *     threads: {wait: block, ingest_cpu: 2, judge_cpu: 3, ring_events: 65536, read_budget: 256KiB}
 *     detect: {alive_for: 250ms, self_stall_after: 50ms, first_data: 5s, frozen_frames: 20}
 *     silence: {budget: 1/month, warm_up: 2h, cap: off}
 *     policy: {GAP: {lease: revoke}, DOWN: {lease: revoke}}
 *     control_socket: /run/flatline/control.sock
 *     control_group: trading
 *     state_file: /var/lib/flatline/advice
 *     record: {file: /var/lib/flatline/%F-%H%M%S.tsv.zst, buffer: 16MiB}
 */
#ifndef FLATLINE_SENTINEL_CONFIG_H
#define FLATLINE_SENTINEL_CONFIG_H

#include "core/base.h"
#include "core/detector.h"
#include "core/stream.h"
#include "feeds/channels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CONFIG_VENUES    4
#define CONFIG_MONTH_NS  (30ULL * 86400 * NS_PER_S) /* of a budget */
#define CONFIG_BYTES_MAX (1024U * 1024U)

struct config_stream {
    char name[FLATLINE_NAME_BYTES];
    struct stream_traits traits; /* venue rules with the file's policy laid over them */
    enum route route;
};

struct config_gate {
    char name[FLATLINE_NAME_BYTES];
    struct flatline_gate_member *members; /* indices in config.streams, adjusts worked out */
    uint32_t member_count;
    uint64_t stale_after_ns; /* 0: each stream's own */
    bool both;               /* fresh only for an engine whose own echoes have it, too */
    uint64_t quiet_hold_ns;  /* how long past its lease a merely quiet member does; 0: not at all */
    bool automatic;          /* made for an instrument, not written in the file */
};

struct config_venue {
    bool used;                 /* some stream is watched there */
    char *ws_url;              /* wss://host[:port] */
    char *rest_url;            /* https://host[:port] */
    char *address;             /* numeric: connect here instead of resolving the hosts; NULL */
    char *ca_file;             /* NULL: the system's */
    uint64_t ping_interval_ns; /* own stamped WebSocket ping, 20 s; private sockets too */
    uint32_t connections;      /* 1; 2: twins, each stream on two connections */
    uint64_t max_age_ns;       /* make-before-break at this age: 23 h; OKX 0 = never */
};

/* Who keeps the account's listenKey: we ourselves, or an engine that reports its extends. */
enum config_key { CONFIG_KEY_OWN, CONFIG_KEY_OF_ENGINE };

struct config_user_data {
    bool used;
    char account[32];
    int key;            /* enum config_key */
    char *api_key_file; /* 0600, checked at load; or NULL and api_key_env */
    char *api_key_env;
    uint64_t extend_interval_ns; /* PUT as proof, 2 min */
    uint32_t stream;             /* index in config.streams of binance-usdm/<account>/user */
};

#define CONFIG_ENGINE_SOCKETS_MAX 16U
#define CONFIG_ENGINE_NAME_BYTES  26U

/* Connections of an engine to look at: of one process, or whoever else is connected to a venue. */
struct config_engine_socket {
    char name[CONFIG_ENGINE_NAME_BYTES];
    char *pid_file; /* NULL: by address, at ... */
    int venue;      /* enum flatline_venue; -1 where pid_file is set */
};

enum thread_wait { THREAD_BLOCK, THREAD_SPIN };

struct config {
    char *path;
    struct config_stream *streams;
    uint32_t stream_count;
    struct config_gate *gates;
    uint32_t gate_count;
    struct config_venue venues[CONFIG_VENUES];
    struct config_user_data user_data; /* USD-M only */
    struct config_engine_socket engine_sockets[CONFIG_ENGINE_SOCKETS_MAX];
    uint32_t engine_socket_count;

    char *segment_directory;
    char *segment_name;
    mode_t segment_mode;
    gid_t segment_group;
    bool histograms;
    uint32_t faults_max;
    uint32_t events_max;

    enum thread_wait wait;
    int ingest_cpu; /* -1: anywhere */
    int judge_cpu;
    uint32_t ring_events;
    uint32_t read_budget_bytes;
    uint32_t message_bytes_max;

    uint64_t alive_for_ns;
    uint64_t self_stall_after_ns;
    bool rest_witness; /* REST is asked for books that fall silent */
    struct detector_policy policy;
    char *control_socket; /* NULL: none */
    gid_t control_group;  /* who may act besides root and our own user; (gid_t)-1: nobody */
    char *state_file;     /* of advice; NULL: <segment>.advice beside the segment */
    char *record_file;    /* a strftime(3) pattern, UTC; NULL: nothing is recorded */
    uint32_t record_buffer_bytes;
};

/** Reads and checks a whole file.
 *
 *  path        names the file in messages; relative paths inside the file count from its folder
 *  ret_config  written on success only; freed by config_free()
 *  error_text  on failure one line a problem, `file:line:col: what; write ... instead`, sorted by
 *              place; what does not fit is counted in a last line. NUL-terminated; may be NULL with
 *              error_text_bytes 0
 *
 *  Returns 0; -EINVAL the file is wrong, is not there, may not be read, or is larger than
 *  CONFIG_BYTES_MAX; -ENOMEM.
 *  Thread-safety: any thread; touches no global state. Cost: control plane, allocates.
 */
int config_load(const char *path,
                struct config **ret_config,
                char *error_text,
                size_t error_text_bytes);

/** As config_load(), from memory: what `flatline init` is about to write, what a test invents. */
int config_parse(const char *path,
                 const char *bytes,
                 size_t size_bytes,
                 struct config **ret_config,
                 char *error_text,
                 size_t error_text_bytes);

/** Frees a configuration. NULL is accepted. */
void config_free(struct config *config);

#endif
