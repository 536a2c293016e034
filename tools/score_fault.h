/* SPDX-License-Identifier: MIT
 *
 * score_fault.h - what goes wrong in a trial, and what is right to say of it. The table is data,
 * written before anything runs: kind and blame of each injection are what a person who sees
 * everything would say, whatever this version of the detector can prove.
 *
 * An injection is a pure transform of a tape: it drops, delays, repeats or adds events.
 */
#ifndef FLATLINE_TOOLS_SCORE_FAULT_H
#define FLATLINE_TOOLS_SCORE_FAULT_H

#include "tools/score_desk.h"
#include "tools/score_dice.h"

#include <stdbool.h>
#include <stdint.h>

/* What is done to the tape. */
enum fault_way {
    WAY_NOTHING,
    WAY_MUTE,          /* data is dropped; pings and pongs come */
    WAY_FREEZE,        /* each frame is the last one again */
    WAY_LAG,           /* a delay that grows, and drains */
    WAY_HOLD,          /* nothing for a while, then all of it at once */
    WAY_STALL,         /* as HOLD, on every link, and we know it was us */
    WAY_ENGINE_STALL,  /* the engine's beat stands still */
    WAY_GAP,           /* a few frames are missing */
    WAY_BLACKHOLE,     /* nothing at all, and the pong runs out */
    WAY_CLOCK,         /* the venue's clock steps back */
    WAY_KEY,           /* the listenKey is gone */
    WAY_RESET,         /* the connection ends; a new one serves all */
    WAY_PARTIAL,       /* ... all but one stream */
    WAY_ACK_ONLY,      /* ... nothing, though it acknowledges */
    WAY_MAINTENANCE,   /* the venue says so, then data is dropped */
    WAY_HALT,          /* the venue says that a symbol does not trade, and its data is dropped */
    WAY_ENGINE_BEHIND, /* the engine's echo stands still */
};

/* What it is done to. */
enum fault_target {
    TARGET_NONE,
    TARGET_DEPTH,    /* one chained book stream */
    TARGET_BEST,     /* one stream of best prices */
    TARGET_SYMBOL,   /* all streams of one symbol on the link of its book */
    TARGET_CHANNEL,  /* depth of every symbol of a link */
    TARGET_LINK,     /* a connection that has no twin */
    TARGET_TWIN,     /* one of two, or more, that carry the same */
    TARGET_ANY_LINK, /* a connection, whether it has a twin or not */
    TARGET_ROUTE,    /* a route of a venue that has others */
    TARGET_VENUE,    /* all links of the venue that has most */
    TARGET_ALL,      /* all links there are */
    TARGET_USER,     /* the account's stream */
    TARGET_LISTING,  /* all streams of one symbol, whatever carries them */
};

#define KIND(name)  (1U << FLATLINE_FAULT_##name)
#define SCOPE(name) (1U << FLATLINE_SCOPE_##name)

struct injection {
    const char *name;
    const char *what; /* for people */
    enum fault_way way;
    enum fault_target target;
    bool twins;    /* on a desk with twins */
    bool recorded; /* on recordings, too */
    bool still;    /* the market itself stands still, so REST tells nothing new either */
    uint64_t lasts_ns;
    /* the right verdict */
    uint32_t kinds;  /* any of these, at what is hit */
    uint32_t blames; /* bits of enum flatline_scope: any of these */
    uint32_t also;   /* kinds that follow from it, and are no false alarm */
    uint32_t after;  /* ... that are none once it is over: what was excused, and stands still */
    uint64_t promised_ns; /* after the first missed event: what the design promises */
    const char *promise;  /* instead, where it hangs on the frames that come */
};

extern const struct injection injections[];
extern const uint32_t injection_count;

/* What is true of one trial. */
struct truth {
    bool is_void; /* nothing was there to be hit */
    uint64_t start_ns;
    uint64_t end_ns;
    uint64_t missed_ns;        /* when the first event did not come, or came wrong */
    uint64_t due_ns;           /* when it was promised to be found */
    uint64_t streams;          /* bits: hit */
    uint32_t links;            /* bits: hit */
    const struct event *shown; /* by each stream, last, before this tape; NULL: not known */
};

/** Does it to a tape. Openings and ends carry no epoch: whoever runs the tape numbers them. */
void fault_inject(const struct injection *injection,
                  const struct desk *desk,
                  struct dice *dice,
                  struct tape *tape,
                  struct truth *truth);

/** Chooses what is hit from from_ns on. */
void fault_aim(const struct injection *injection,
               const struct desk *desk,
               struct dice *dice,
               uint64_t from_ns,
               struct truth *ret_truth);

#endif
