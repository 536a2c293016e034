/* SPDX-License-Identifier: MIT */
#include "feeds/codec_event.h"

#include "core/base.h"

/* Venues write ms (13 digits today); Binance spot µs (16 digits) where asked to. A bound a
 * hundred times the present tells them apart until the year 5000. */
static bool wall_ns_of(uint64_t time, int64_t *ret_wall_ns)
{
    if (time == 0) {
        return false;
    }
    if (time < 100000000000000ULL) {
        return !__builtin_mul_overflow((int64_t)time, (int64_t)NS_PER_MS, ret_wall_ns);
    }
    if (time < 100000000000000000ULL) {
        return !__builtin_mul_overflow((int64_t)time, (int64_t)NS_PER_US, ret_wall_ns);
    }
    *ret_wall_ns = (int64_t)time;
    return time <= (uint64_t)INT64_MAX;
}

bool draft_time(struct draft *draft, const struct json_value *value)
{
    uint64_t time;
    int64_t wall_ns;
    if (!json_uint64(value, &time) || !wall_ns_of(time, &wall_ns)) {
        return false;
    }
    draft->data.exch_wall_ns = wall_ns;
    draft->flags |= EVENT_HAS_TIME;
    return true;
}

bool draft_id(struct draft *draft, const struct json_value *value)
{
    if (!json_uint64(value, &draft->data.id)) {
        return false;
    }
    draft->flags |= EVENT_HAS_ID;
    return true;
}

bool draft_first(struct draft *draft, const struct json_value *value)
{
    if (!json_uint64(value, &draft->data.first_id)) {
        return false;
    }
    draft->flags = (uint8_t)((draft->flags & ~EVENT_HAS_PREV) | EVENT_HAS_FIRST);
    return true;
}

bool draft_prev(struct draft *draft, const struct json_value *value)
{
    if (!json_int64(value, &draft->data.prev_id)) {
        return false;
    }
    draft->flags = (uint8_t)((draft->flags & ~EVENT_HAS_FIRST) | EVENT_HAS_PREV);
    return true;
}

static int64_t first_price_e8(const struct json_value *rows)
{
    const struct json_value row = json_first_element(rows);
    const struct json_value price = json_first_element(&row);
    return json_decimal_e8(&price);
}

void draft_levels(struct draft *draft, const struct json_value *bids, const struct json_value *asks)
{
    draft->data.bid_e8 = first_price_e8(bids);
    draft->data.ask_e8 = first_price_e8(asks);
}

/* ---- the levels an increment sets ------------------------------------------------------------ */

/* What the rows at the better end may do before we give up: take away levels that came and went. */
#define ROWS_LOOKED_MAX 1024U

struct level {
    int64_t price_e8; /* 0 = none */
    uint32_t size;    /* its mark; 0 = taken away */
};

static inline uint32_t mark_of(int64_t size_e8)
{
    return size_e8 == 0 ? 0 : (uint32_t)(((uint64_t)size_e8 * 0x9e3779b97f4a7c15ULL) >> 32) | 1U;
}

uint32_t size_mark(const struct json_value *size)
{
    return mark_of(json_decimal_e8(size));
}

/* The row that begins at the cursor, which is left behind its size. */
static struct level level_read(struct json_scan *scan)
{
    struct json_value price = {.kind = JSON_KIND_ABSENT};
    struct json_value size = {.kind = JSON_KIND_ABSENT};
    json_enter_array(scan);
    if (json_next_element(scan)) {
        json_read(scan, &price);
    }
    if (json_next_element(scan)) {
        json_read(scan, &size);
    }
    return (struct level){json_decimal_e8(&price), size_mark(&size)};
}

/* Steps back to the bracket that opens the row before `end`. false: there is none left. */
static bool row_before(struct span rows, size_t *end)
{
    /* the first bracket is the side's own */
    const char *open = memrchr(rows.bytes + 1, '[', *end - 1);
    if (open == NULL) {
        return false;
    }
    *end = (size_t)(open - rows.bytes);
    return true;
}

static struct level row_at(struct span rows, size_t at)
{
    struct json_scan scan = json_scan_start((struct span){rows.bytes + at, rows.size_bytes - at});
    return level_read(&scan);
}

/* From the last row towards the first. */
static struct level set_level_backward(struct span rows, size_t at)
{
    for (uint32_t i = 0; i < ROWS_LOOKED_MAX && row_before(rows, &at); i++) {
        const struct level level = row_at(rows, at);
        if (level.size != 0) {
            return level;
        }
    }
    return (struct level){0};
}

/* From the first row towards the last. */
static struct level set_level_forward(struct span rows)
{
    struct json_scan scan = json_scan_start(rows);
    struct json_value row;
    json_enter_array(&scan);
    for (uint32_t i = 0; i < ROWS_LOOKED_MAX && json_next_element(&scan); i++) {
        json_read(&scan, &row);
        const struct level level =
            row.kind == JSON_KIND_ARRAY ? row_at(row.text, 0) : (struct level){0};
        if (level.size != 0) {
            return level;
        }
    }
    return (struct level){0};
}

/* What follows is the same over rows as venues write them, `["price","size"` and what may follow, in
 * plain decimals: that spares most of the work. Any other row, and nothing is said. */

/* Prices of eight bytes or more, with their points at the same place, compare as text. */
static bool text_compare(const char *price, const char *other, const char *end, int *ret_order)
{
    const uint64_t digit_bits = 0x1010101010101010ULL; /* which neither point nor quote has */
    uint64_t a;
    uint64_t b;
    if (end - price < 8 || end - other < 8) {
        return false;
    }
    memcpy(&a, price, sizeof(a));
    memcpy(&b, other, sizeof(b));
    const uint64_t others = (~a & digit_bits) >> 4;
    if (((a ^ b) & (digit_bits | others * 0xffU)) != 0 || a == b) {
        return false;
    }
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    a = __builtin_bswap64(a);
    b = __builtin_bswap64(b);
#endif
    *ret_order = a > b ? 1 : -1;
    return true;
}

/* 1, 0 or -1: the first is the higher price, both are the same, it is the lower. */
static int price_compare(const char *price, const char *other, const char *end)
{
    int64_t price_e8 = 0;
    int64_t other_e8 = 0;
    int order = 0;
    if (text_compare(price, other, end, &order)) {
        return order;
    }
    (void)json_decimal_pass(price, end, &price_e8);
    (void)json_decimal_pass(other, end, &other_e8);
    return price_e8 > other_e8 ? 1 : price_e8 < other_e8 ? -1 : 0;
}

/* Where the price of the row at `at` begins. NULL: it is written otherwise. */
static inline const char *price_at(const char *at, const char *end)
{
    return end - at >= 2 && at[0] == '[' && at[1] == '"' ? at + 2 : NULL;
}

/* First quote at or after `at`; end if there is none. A word at once, for prices are seven or eight
 * bytes. */
static inline const char *quote_find(const char *at, const char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t word;
    if (end - at >= 8) {
        memcpy(&word, at, sizeof(word));
        word ^= 0x2222222222222222ULL; /* a quote becomes a zero byte: its top bit is raised */
        const uint64_t zeros = (word - 0x0101010101010101ULL) & ~word & 0x8080808080808080ULL;
        if (zeros != 0) {
            return at + __builtin_ctzll(zeros) / 8;
        }
        at += 8;
    }
#endif
    while (at < end && *at != '"') {
        at++;
    }
    return at;
}

/* Passes the rest of a row, from its price to behind its size. NULL: it is written otherwise. */
static inline const char *size_take(const char *price, const char *end, int64_t *ret_e8)
{
    const char *at = quote_find(price, end);
    if (end - at < 5 || at[1] != ',' || at[2] != '"') {
        return NULL;
    }
    at += 3;
    if (at[0] == '0' && at[1] == '"') {
        *ret_e8 = 0;
        return at + 2;
    }
    at = json_decimal_pass(at, end, ret_e8);
    return at != NULL && at < end && *at == '"' ? at + 1 : NULL;
}

uint32_t first_size_mark(const struct json_value *rows)
{
    int64_t size_e8 = 0;
    const char *const end = rows->text.bytes + rows->text.size_bytes;
    const bool is_array = rows->kind == JSON_KIND_ARRAY;
    const char *price = is_array ? price_at(rows->text.bytes + 1, end) : NULL;
    if (LIKELY(price != NULL && size_take(price, end, &size_e8) != NULL)) {
        return mark_of(size_e8);
    }
    const struct json_value row = json_first_element(rows);
    return row.kind == JSON_KIND_ARRAY ? row_at(row.text, 0).size : 0;
}

/* From behind a row's size to its end. OKX has two columns more. */
static inline const char *row_end(const char *at, const char *end)
{
    return at < end && *at == ',' ? memchr(at, ']', (size_t)(end - at)) : at;
}

static bool level_make(const char *price, const char *end, int64_t size_e8, struct level *ret_level)
{
    int64_t price_e8;
    const char *after = json_decimal_pass(price, end, &price_e8);
    *ret_level = (struct level){price_e8, mark_of(size_e8)};
    return after != NULL && after < end && *after == '"';
}

static bool fast_forward(const char *price, const char *end, struct level *ret_level)
{
    for (uint32_t i = 0; i < ROWS_LOOKED_MAX; i++) {
        int64_t size_e8 = 0;
        const char *at = price != NULL ? size_take(price, end, &size_e8) : NULL;
        if (at == NULL) {
            return false;
        }
        if (size_e8 != 0) {
            return level_make(price, end, size_e8, ret_level);
        }
        at = row_end(at, end);
        if (at == NULL || end - at < 3 || at[0] != ']' || at[1] != ',') {
            return at != NULL && end - at == 2 &&
                   at[0] == ']'; /* the last row, or written otherwise */
        }
        price = price_at(at + 2, end);
    }
    return true;
}

static bool fast_backward(struct span rows, size_t row, const char *price, struct level *ret_level)
{
    const char *const end = rows.bytes + rows.size_bytes;
    for (uint32_t i = 0; i < ROWS_LOOKED_MAX; i++) {
        int64_t size_e8;
        if (price == NULL || size_take(price, end, &size_e8) == NULL) {
            return false;
        }
        if (size_e8 != 0) {
            return level_make(price, end, size_e8, ret_level);
        }
        if (!row_before(rows, &row)) {
            return true;
        }
        price = price_at(rows.bytes + row, end);
    }
    return true;
}

static bool set_level_fast(struct span rows, int way, struct level *ret_level)
{
    const char *const end = rows.bytes + rows.size_bytes;
    size_t last_row = rows.size_bytes;
    const char *first = price_at(rows.bytes + 1, end);
    if (first == NULL || !row_before(rows, &last_row)) {
        return false;
    }
    const char *last = price_at(rows.bytes + last_row, end);
    if (last == NULL) {
        return false;
    }
    return last != first && price_compare(last, first, end) == way
               ? fast_backward(rows, last_row, last, ret_level)
               : fast_forward(first, end, ret_level);
}

/* The best level that a side sets. way: 1 where the higher price is the better, -1 where the lower
 * is. */
static struct level set_level(const struct json_value *side, int way)
{
    struct level level = {0};
    if (side->kind != JSON_KIND_ARRAY || json_array_is_empty(side) ||
        LIKELY(set_level_fast(side->text, way, &level))) {
        return level.size != 0 ? level : (struct level){0};
    }
    const struct json_value first = json_first_element(side);
    size_t last_at = side->text.size_bytes;
    if (first.kind != JSON_KIND_ARRAY || !row_before(side->text, &last_at)) {
        return (struct level){0};
    }
    const struct level first_level = row_at(first.text, 0);
    const struct level last_level = row_at(side->text, last_at);
    const bool last_is_better = way > 0 ? last_level.price_e8 > first_level.price_e8
                                        : last_level.price_e8 < first_level.price_e8;
    const struct level best = last_is_better ? last_level : first_level;
    if (LIKELY(best.size != 0)) {
        return best;
    }
    return last_is_better ? set_level_backward(side->text, last_at) : set_level_forward(side->text);
}

void draft_set_levels(struct draft *draft,
                      const struct json_value *bids,
                      const struct json_value *asks)
{
    const struct level bid = set_level(bids, 1);
    const struct level ask = set_level(asks, -1);
    draft->data.bid_e8 = bid.price_e8;
    draft->data.bid_size = bid.size;
    draft->data.ask_e8 = ask.price_e8;
    draft->data.ask_size = ask.size;
    if (bid.size != 0 || ask.size != 0) {
        draft->flags |= EVENT_SETS_LEVEL;
    }
}

void draft_empty(struct draft *draft, const struct json_value *bids, const struct json_value *asks)
{
    if (json_array_is_empty(bids) && json_array_is_empty(asks)) {
        draft->flags |= EVENT_EMPTY;
    }
}

enum codec_verdict draft_write(uint32_t stream, const struct draft *draft, struct event *ret_event)
{
    ret_event->kind = EVENT_DATA;
    ret_event->stream = stream;
    ret_event->flags = draft->flags;
    ret_event->data = draft->data;
    return CODEC_DATA;
}

enum codec_verdict draft_finish(const struct codec *codec,
                                struct span symbol,
                                struct span channel,
                                const struct draft *draft,
                                struct event *ret_event)
{
    const uint32_t stream = codec->open ? names_intern(codec->names, codec->venue, symbol, channel)
                                        : names_find(codec->names, codec->venue, symbol, channel);
    return stream != NAMES_NONE ? draft_write(stream, draft, ret_event) : CODEC_IGNORED;
}

enum codec_verdict note_write(struct event *ret_event,
                              enum event_kind kind,
                              int64_t code,
                              uint64_t value,
                              const struct json_value *message)
{
    ret_event->kind = (uint8_t)kind;
    ret_event->stream = EVENT_NO_STREAM;
    ret_event->flags = 0;
    ret_event->note = (struct event_note){.code = code, .value = value};
    json_text_cut(message, ret_event->note.text, sizeof(ret_event->note.text));
    return CODEC_CONTROL;
}

int64_t number_or_zero(const struct json_value *value)
{
    int64_t number = 0;
    return json_int64(value, &number) ? number : 0;
}
