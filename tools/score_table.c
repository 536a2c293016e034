/* SPDX-License-Identifier: MIT
 *
 * score_table.c - the oracle: what is injected, and what is right to say of it.
 */
#include "core/base.h"
#include "tools/score_fault.h"

/* A row: its name, what happens, what is done to what for so many seconds, the kinds that are right and
 * whom it is right to blame, and the time promised: after the first missed event, or in words. What is
 * not named is none: kinds that follow, a desk with twins, recordings. */
#define ROW(name_, what_) .name = (name_), .what = (what_)
#define DO(way_, target_, seconds)                                                                 \
    .way = WAY_##way_, .target = TARGET_##target_, .lasts_ns = (seconds)*NS_PER_S
#define RIGHT(kinds_, blames_)  .kinds = (kinds_), .blames = (blames_)
#define WITHIN_MS(milliseconds) .promised_ns = (milliseconds)*NS_PER_MS
#define WITHIN(words)           .promise = (words)
#define FOLLOWS(kinds_)         .also = (kinds_)
#define AFTERWARDS(kinds_)      .after = (kinds_)
#define WITH_TWINS              .twins = true
#define RECORDED                .recorded = true
#define STANDING_STILL          .still = true

#define SILENCE (KIND(MUTE) | KIND(SILENT))
#define OWED    "200 ms after the book shows what it owes"

/* A leg whose frames are missing says so itself when it goes on; one that reconnects meanwhile has not
 * started. */
#define RESUMED     (KIND(GAP) | KIND(SILENT) | KIND(NEVER_STARTED) | KIND(WRONG_ROUTE))
#define RECONNECTED (KIND(DOWN) | KIND(GAP) | KIND(NOTICE))

/* A connection that is all there is of its route, or of its venue: no evidence tells them apart. */
#define ROUTE_OR_CONNECTION (SCOPE(CONNECTION) | SCOPE(ROUTE))
#define ALL_THERE_IS        (ROUTE_OR_CONNECTION | SCOPE(VENUE))

/* New ones go to the end: the dice of a row hang on its place. */
const struct injection injections[] = {
    {ROW("nothing", "the market as it is")},
    {ROW("one-stream", "one depth stream falls silent; its bookTicker goes on"),
     DO(MUTE, DEPTH, 5),
     RIGHT(SILENCE, SCOPE(STREAM)),
     WITHIN(OWED),
     FOLLOWS(RESUMED),
     RECORDED},
    {ROW("one-best", "one bookTicker (bbo-tbt) falls silent; its depth goes on"),
     DO(MUTE, BEST, 5),
     RIGHT(SILENCE, SCOPE(STREAM)),
     WITHIN(OWED),
     FOLLOWS(RESUMED),
     RECORDED},
    {ROW("one-symbol", "all of one symbol on a connection falls silent"),
     DO(MUTE, SYMBOL, 15),
     RIGHT(SILENCE, SCOPE(STREAM)),
     WITHIN_MS(3000),
     FOLLOWS(RESUMED),
     RECORDED},
    {ROW("one-channel", "depth of every symbol of a connection falls silent"),
     DO(MUTE, CHANNEL, 5),
     RIGHT(SILENCE, SCOPE(CHANNEL)),
     WITHIN(OWED),
     FOLLOWS(RESUMED),
     RECORDED},
    {ROW("route", "USD-M's public route falls silent on both twins, pings alive"),
     DO(MUTE, ROUTE, 15),
     RIGHT(SILENCE, SCOPE(ROUTE)),
     WITHIN_MS(3000),
     FOLLOWS(RESUMED),
     WITH_TWINS},
    {ROW("one-twin", "one of two or more equal connections falls silent, pings alive"),
     DO(MUTE, TWIN, 5),
     RIGHT(KIND(MUTE), SCOPE(CONNECTION)),
     WITHIN_MS(200),
     FOLLOWS(RESUMED),
     WITH_TWINS,
     RECORDED},
    {ROW("connection", "a connection without a twin falls silent, pings alive"),
     DO(MUTE, LINK, 15),
     RIGHT(SILENCE, ALL_THERE_IS),
     WITHIN_MS(3000),
     FOLLOWS(RESUMED),
     RECORDED},
    {ROW("venue", "all connections of one venue fall silent, pings alive"),
     DO(MUTE, VENUE, 15),
     RIGHT(SILENCE, SCOPE(VENUE)),
     WITHIN_MS(3000),
     FOLLOWS(RESUMED),
     WITH_TWINS},
    {ROW("host", "all connections of all venues fall silent at once"),
     DO(MUTE, ALL, 15),
     RIGHT(SILENCE, SCOPE(HOST)),
     WITHIN_MS(3000),
     FOLLOWS(RESUMED),
     WITH_TWINS},
    {ROW("reset", "a connection is reset and made again"),
     DO(RESET, ANY_LINK, 1),
     RIGHT(KIND(DOWN), SCOPE(CONNECTION)),
     WITHIN_MS(1),
     FOLLOWS(RECONNECTED),
     RECORDED},
    {ROW("ack-and-nothing", "reset, made again, acknowledged, and never served"),
     DO(ACK_ONLY, LINK, 12),
     RIGHT(KIND(NEVER_STARTED) | KIND(WRONG_ROUTE), ROUTE_OR_CONNECTION),
     WITHIN_MS(5500),
     FOLLOWS(RECONNECTED | RESUMED | KIND(MUTE)),
     RECORDED},
    {ROW("partial-resubscribe", "reset, made again, one book stream not served"),
     DO(PARTIAL, LINK, 12),
     RIGHT(KIND(NEVER_STARTED) | SILENCE, SCOPE(STREAM)),
     WITHIN_MS(5500),
     FOLLOWS(RECONNECTED | RESUMED),
     RECORDED},
    {ROW("frozen-replay", "one depth stream repeats its last frame"),
     DO(FREEZE, DEPTH, 15),
     RIGHT(KIND(FROZEN) | KIND(MUTE), SCOPE(STREAM)),
     WITHIN("20 frames"),
     FOLLOWS(RESUMED | KIND(REGRESSED)),
     RECORDED},
    {ROW("lag-ramp", "a connection grows late by 3 s over 6 s, then drains"),
     DO(LAG, LINK, 12),
     RIGHT(KIND(LAGGING), SCOPE(CONNECTION) | SCOPE(VENUE)),
     WITHIN_MS(3000),
     FOLLOWS(RESUMED),
     RECORDED},
    {ROW("backlog", "a connection holds all back for 3 s, then gives it at once"),
     DO(HOLD, LINK, 3),
     RIGHT(KIND(BACKLOG) | KIND(LAGGING) | SILENCE, ALL_THERE_IS),
     WITHIN_MS(3500),
     FOLLOWS(RESUMED),
     RECORDED},
    {ROW("own-stall", "the sentinel itself stands still for 0.2 to 5 s"),
     DO(STALL, ALL, 5),
     RIGHT(KIND(SELF_STALL), SCOPE(HOST)),
     WITHIN("its end"),
     RECORDED},
    {ROW("engine-stall", "the engine's worker beats no more"),
     DO(ENGINE_STALL, NONE, 5),
     RIGHT(KIND(ENGINE_STALLED), SCOPE(ENGINE)),
     WITHIN_MS(300)},
    {ROW("gap", "one to five frames of a depth stream are missing"),
     DO(GAP, DEPTH, 5),
     RIGHT(KIND(GAP), SCOPE(STREAM)),
     WITHIN("its next frame"),
     FOLLOWS(SILENCE),
     RECORDED},
    {ROW("half-open", "nothing at all any more, not even pongs; cut after 10 s"),
     DO(BLACKHOLE, LINK, 20),
     RIGHT(KIND(HALF_OPEN) | KIND(DOWN) | SILENCE, ALL_THERE_IS),
     WITHIN_MS(3000),
     FOLLOWS(RECONNECTED | RESUMED)},
    {ROW("clock-step", "a venue's clock steps back by 1.5 s for 10 s"),
     DO(CLOCK, VENUE, 10),
     RIGHT(KIND(LAGGING), SCOPE(VENUE)),
     WITHIN_MS(2500),
     FOLLOWS(KIND(REGRESSED)),
     RECORDED},
    {ROW("key-deleted", "another program deletes the listenKey"),
     DO(KEY, USER, 10),
     RIGHT(KIND(KEY_EXPIRED) | KIND(KEY_UNKNOWN), SCOPE(STREAM)),
     WITHIN_MS(6000)},
    {ROW("lag-twin",
         "one of two or more equal connections grows late by 3 s over 6 s, then drains"),
     DO(LAG, TWIN, 12),
     RIGHT(KIND(LAGGING) | KIND(MUTE), SCOPE(CONNECTION)),
     WITHIN_MS(3000),
     FOLLOWS(RESUMED),
     WITH_TWINS,
     RECORDED},
    {ROW("maintenance", "a venue says that it is under maintenance, and falls silent for 14 s"),
     DO(MAINTENANCE, VENUE, 18),
     RIGHT(KIND(MAINTENANCE), SCOPE(VENUE)),
     WITHIN_MS(1),
     FOLLOWS(KIND(GAP)),
     AFTERWARDS(SILENCE),
     WITH_TWINS,
     RECORDED,
     STANDING_STILL},
    {ROW("under-maintenance", "it says so, and one depth stream falls silent"),
     DO(MAINTENANCE, DEPTH, 18),
     RIGHT(KIND(MAINTENANCE), SCOPE(VENUE)),
     WITHIN_MS(1),
     FOLLOWS(KIND(GAP)),
     AFTERWARDS(SILENCE),
     RECORDED},
    {ROW("halted", "a venue says that a symbol does not trade; all of it falls silent"),
     DO(HALT, LISTING, 15),
     RIGHT(KIND(HALTED), SCOPE(VENUE)),
     WITHIN_MS(1),
     FOLLOWS(KIND(GAP)),
     AFTERWARDS(SILENCE),
     RECORDED,
     STANDING_STILL},
    {ROW("engine-behind", "the engine's echo of a depth stream stands still, its beat goes on"),
     DO(ENGINE_BEHIND, NONE, 5),
     RIGHT(KIND(ENGINE_BEHIND), SCOPE(ENGINE)),
     WITHIN_MS(500)},
};

const uint32_t injection_count = ARRAY_COUNT(injections);
