/* SPDX-License-Identifier: MIT
 *
 * Goal:   every frame OKX v5 sends becomes the event it should, in whatever spelling; every other
 * one is told apart, and nothing is
 *         read beyond the last byte.
 * Method: as test_binance_codec.c: a table of frames with their events; each as it stands,
 * respelled, cut at every byte and
 *         mutated, always up against an unmapped page.
 */
#include "codec_case.h"

#include "feeds/okx_status.h"

#define OKX                 FLATLINE_VENUE_OKX
#define TIME                EVENT_HAS_TIME
#define WORK(mark, minutes) ((uint64_t)(mark) << 32 | (uint64_t)(minutes) << 8 | FLATLINE_VENUE_OKX)
#define ID                  EVENT_HAS_ID
#define PREV                EVENT_HAS_PREV
#define SETS                EVENT_SETS_LEVEL

static const struct codec_case push_cases[] = {
    {.name = "books snapshot",
     .frame = "{'arg':{'channel':'books','instId':'BTC-USDT'},'action':'snapshot','data':[{'asks':["
              "['8476.98','415','0','13']],'bids':[['8476.97','256','0','12']],'ts':'1597026383085'"
              ",'checksum':0,'prevSeqId':-1,'seqId':123456}]}",
     .stream = "BTC-USDT/books",
     .flags = TIME | ID | PREV | EVENT_SNAPSHOT,
     .data = {.exch_wall_ns = CASE_MS(1597026383085), .id = 123456, .prev_id = -1}},
    {.name = "books update",
     .frame = "{'arg':{'channel':'books','instId':'BTC-USDT'},'action':'update','data':[{'asks':[['"
              "8477','7','0','2']],'bids':[],'ts':'1597026383085','checksum':0,'prevSeqId':123456,'"
              "seqId':123457}]}",
     .stream = "BTC-USDT/books",
     .flags = TIME | ID | PREV | SETS,
     .data = {.exch_wall_ns = CASE_MS(1597026383085),
              .id = 123457,
              .prev_id = 123456,
              .ask_e8 = 847700000000},
     .ask_size = "7"},
    {.name = "books keep-alive",
     .frame = "{'arg':{'channel':'books','instId':'BTC-USDT'},'action':'update','data':[{'asks':[],"
              "'bids':[],'ts':'1597026443085','checksum':0,'prevSeqId':123457,'seqId':123457}]}",
     .stream = "BTC-USDT/books",
     .flags = TIME | ID | PREV | EVENT_EMPTY,
     .data = {.exch_wall_ns = CASE_MS(1597026443085), .id = 123457, .prev_id = 123457}},
    {.name = "books reset to 0, a legal id",
     .frame =
         "{'arg':{'channel':'books-l2-tbt','instId':'BTC-USDT'},'action':'update','data':[{'asks':["
         "['1','1','0','1']],'bids':[],'ts':'1597026443085','prevSeqId':123457,'seqId':0}]}",
     .stream = "BTC-USDT/books-l2-tbt",
     .flags = TIME | ID | PREV | SETS,
     .data = {.exch_wall_ns = CASE_MS(1597026443085), .prev_id = 123457, .ask_e8 = 100000000},
     .ask_size = "1"},
    {.name = "books before ids were",
     .frame = "{'arg':{'channel':'books-l2-tbt','instId':'BTC-USD-220304-32000-P'},'action':'"
              "snapshot','data':[{'asks':[['0.0005','305','0','1']],'bids':[],'ts':'1646315100798',"
              "'checksum':971343753}]}",
     .stream = "BTC-USD-220304-32000-P/books-l2-tbt",
     .flags = TIME | EVENT_SNAPSHOT,
     .data = {.exch_wall_ns = CASE_MS(1646315100798)}},
    {.name = "bbo-tbt",
     .frame =
         "{'arg':{'channel':'bbo-tbt','instId':'BCH-USDT-SWAP'},'data':[{'asks':[['111.06','55154',"
         "'0','2']],'bids':[['111.05','57745','0','2']],'ts':'1670324386802','seqId':363996337}]}",
     .stream = "BCH-USDT-SWAP/bbo-tbt",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1670324386802),
              .id = 363996337,
              .bid_e8 = 11105000000,
              .ask_e8 = 11106000000},
     .bid_size = "57745",
     .ask_size = "55154"},
    {.name = "bbo-tbt with one side, ts a number",
     .frame = "{'arg':{'channel':'bbo-tbt','instId':'X-Y'},'data':[{'asks':[['0.0015','8','0','1']]"
              ",'bids':[],'ts':1654033343415}]}",
     .stream = "X-Y/bbo-tbt",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1654033343415), .ask_e8 = 150000},
     .ask_size = "8"},
    {.name = "books5",
     .frame = "{'arg':{'channel':'books5','instId':'BTC-USD-220624'},'data':[{'asks':[['31835.7','"
              "690','0','2'],['31841.2','5','0','1']],'bids':[['31835.6','6','0','2']],'instId':'"
              "BTC-USD-220624','ts':'1654387553361','seqId':77}]}",
     .stream = "BTC-USD-220624/books5",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1654387553361),
              .id = 77,
              .bid_e8 = 3183560000000,
              .ask_e8 = 3183570000000}},
    {.name = "trades",
     .frame = "{'arg':{'channel':'trades','instId':'BTC-USDT'},'data':[{'instId':'BTC-USDT','"
              "tradeId':'130639474','px':'42219.9','sz':'0.12060306','side':'buy','ts':'"
              "1630048897897','count':'3','source':'0','seqId':1234}]}",
     .stream = "BTC-USDT/trades",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1630048897897), .id = 130639474}},
    {.name = "several trades: the last one's id and time",
     .frame = "{'arg':{'channel':'trades','instId':'BTC-USDT'},'data':[{'tradeId':'7','ts':'"
              "1630048897897'},{'tradeId':'8','ts':'1630048897898'},{'tradeId':'9','ts':'"
              "1630048897899'}]}",
     .stream = "BTC-USDT/trades",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1630048897899), .id = 9}},
    {.name = "a trade whose id is no number goes by its time",
     .frame = "{'arg':{'channel':'trades-all','instId':'BTC-USDT'},'data':[{'tradeId':'a7','ts':'"
              "1630048897897'}]}",
     .stream = "BTC-USDT/trades-all",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1630048897897)}},
    {.name = "tickers",
     .frame = "{'arg':{'channel':'tickers','instId':'BTC-USDT'},'data':[{'instType':'SPOT','instId'"
              ":'BTC-USDT','last':'9999.99','askPx':'9999.99','askSz':'11','bidPx':'8888.88','"
              "bidSz':'5','ts':'1597026383085'}]}",
     .stream = "BTC-USDT/tickers",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1597026383085),
              .bid_e8 = 888888000000,
              .ask_e8 = 999999000000}},
    {.name = "tickers with an empty bid",
     .frame = "{'arg':{'channel':'tickers','instId':'X-Y'},'data':[{'askPx':'0.0015','bidPx':'','"
              "ts':'1597026383085'}]}",
     .stream = "X-Y/tickers",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1597026383085), .ask_e8 = 150000}},
    {.name = "mark-price",
     .frame = "{'arg':{'channel':'mark-price','instId':'LTC-USD-190628'},'data':[{'instType':'"
              "FUTURES','instId':'LTC-USD-190628','markPx':'0.1','ts':'1597026383085'}]}",
     .stream = "LTC-USD-190628/mark-price",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1597026383085)}},
    {.name = "a candle has no time of an event",
     .frame = "{'arg':{'channel':'candle1m','instId':'BTC-USDT'},'data':[['1597026383085','8533.02'"
              ",'8553.74','8527.17','8548.26','45247','529.5858061','5529.5858061','0']]}",
     .stream = "BTC-USDT/candle1m"},
    {.name = "funding-rate of 2022 has none either",
     .frame = "{'arg':{'channel':'funding-rate','instId':'BTC-USD-SWAP'},'data':[{'fundingRate':'0."
              "0000734174532791','fundingTime':'1646323200000','instId':'BTC-USD-SWAP'}]}",
     .stream = "BTC-USD-SWAP/funding-rate"},
    {.name = "a channel of an instrument type",
     .frame = "{'arg':{'channel':'liquidation-orders','instType':'SWAP'},'data':[{'details':[{'ts':"
              "'1692266434010'}],'instId':'IOST-USDT-SWAP'}]}",
     .stream = "SWAP/liquidation-orders"},
    {.name = "a family is narrower than a type",
     .frame = "{'arg':{'channel':'estimated-price','instType':'FUTURES','instFamily':'XRP-USD'},'"
              "data':[{'ts':'1597026383085'}]}",
     .stream = "XRP-USD/estimated-price",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1597026383085)}},
    {.name = "a channel of everything",
     .frame = "{'arg':{'channel':'announcements'},'data':[{'ts':'1672823400001'}]}",
     .stream = "*/announcements",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1672823400001)}},
    {.name = "orders, before anyone listens for fills",
     .frame = "{'arg':{'channel':'orders','instType':'SWAP','uid':'1'},'data':[{'instId':'BTC-USDT-"
              "SWAP','ordId':'2497956918703120384','state':'filled','uTime':'1746947317402'}]}",
     .stream = "SWAP/orders"},
};

static const struct codec_case other_cases[] = {
    {.name = "ack of a stream not seen yet",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .note = {.code = 1512},
     .frame = "{'id':'1512','event':'subscribe','arg':{'channel':'books','instId':'BTC-USDT'},'"
              "connId':'a4d3ae55'}"},
    {.name = "unsubscribed",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .note = {.text = "unsubscribe"},
     .frame = "{'event':'unsubscribe','arg':{'channel':'books','instId':'BTC-USDT'},'connId':'"
              "a4d3ae55'}"},
    {.name = "error",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = 60012, .value = 1512, .text = "Invalid request: {...}"},
     .frame = "{'id':'1512','event':'error','code':'60012','msg':'Invalid request: "
              "{...}','connId':'a4d3ae55'}"},
    {.name = "an error that says which, behind more than there is room for",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = 60018, .value = 3, .text = "books,instId:BTC-USDX doesn't e"},
     .frame = "{'id':'3','event':'error','code':'60018','msg':'Wrong URL or channel:books,instId:"
              "BTC-USDX doesn\\u0027t exist. Please use the correct URL, channel and parameters "
              "referring to API document.','connId':'a4d3ae55'}"},
    {.name = "login refused",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = 60009, .text = "Login failed."},
     .frame = "{'event':'error','code':'60009','msg':'Login failed.','connId':'a4d3ae55'}"},
    {.name = "login",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .note = {.text = "login"},
     .frame = "{'event':'login','code':'0','msg':'','connId':'a4d3ae55'}"},
    {.name = "notice",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_NOTICE,
     .note = {.code = 64008, .text = "The connection will soon be clo"},
     .frame = "{'event':'notice','code':'64008','msg':'The connection will soon be closed for a "
              "service upgrade. Please reconnect.','connId':'a4d3ae55'}"},
    {.name = "connection count",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .note = {.text = "channel-conn-count"},
     .frame =
         "{'event':'channel-conn-count','channel':'orders','connCount':'2','connId':'abcd1234'}"},
    {.name = "too many connections, after a good ack",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.value = 30, .text = "orders"},
     .frame = "{'event':'channel-conn-count-error','channel':'orders','connCount':'30','connId':'"
              "a4d3ae55'}"},
    {.name = "maintenance has begun",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_VENUE_STATUS,
     .note = {.code = STATUS_UNDER_WAY, .value = WORK(0xcd62739, 43), .text = "WebSocket upgrade"},
     .frame =
         "{'arg':{'channel':'status'},'data':[{'begin':'1672823400000','end':'1672825980000',"
         "'env':'1','href':'','maintType':'1','preOpenBegin':'','scheDesc':'','serviceType':'0',"
         "'state':'ongoing','system':'unified','title':'WebSocket upgrade',"
         "'ts':'1672823400001'}]}"},
    {.name = "it is over, and ended when it was not planned to",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_VENUE_STATUS,
     .note = {.code = STATUS_OVER, .value = WORK(0xcd62739, 60), .text = "WebSocket upgrade"},
     .frame = "{'arg':{'channel':'status'},'data':[{'begin':'1672823400000','end':'1672826980000',"
              "'env':'1','serviceType':'0','state':'completed','system':'unified',"
              "'title':'WebSocket upgrade','ts':'1672826980001'}]}"},
    {.name = "maintenance is only planned",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_VENUE_STATUS,
     .note = {.code = STATUS_OVER, .value = WORK(0x279c5f08, 0)},
     .frame = "{'arg':{'channel':'status'},'data':[{'begin':'1672823400000','serviceType':'5',"
              "'state':'scheduled','system':'unified'}]}"},
    {.name = "of two, the one under way speaks",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_VENUE_STATUS,
     .note = {.code = STATUS_UNDER_WAY, .value = WORK(0xcd62739, 0)},
     .frame = "{'arg':{'channel':'status'},'data':[{'begin':'1672823400000','serviceType':'0',"
              "'state':'ongoing','system':'unified'},{'begin':'1672823400000','serviceType':'5',"
              "'state':'canceled','system':'unified'},7]}"},
    {.name = "maintenance of what carries no market data",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .frame = "{'arg':{'channel':'status'},'data':[{'begin':'1672823400000','serviceType':'99',"
              "'state':'ongoing','system':'unified'}]}"},
    {.name = "maintenance of demo trading",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .frame = "{'arg':{'channel':'status'},'data':[{'begin':'1672823400000','serviceType':'0',"
              "'env':'2','state':'ongoing','system':'unified'}]}"},
    {.name = "the status channel is refused: no stream is",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .note = {.text = "Wrong URL or channel:status"},
     .frame = "{'id':'status','event':'error','code':'60018','msg':'Wrong URL or channel:status',"
              "'connId':'a4d3ae55'}"},
    {.name = "the status channel is acknowledged: no stream is",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .frame = "{'id':'status','event':'subscribe','arg':{'channel':'status'},'connId':'a4d3ae55'}"},
    {.name = "pong",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_TEXT_PONG,
     .frame = "pong",
     .is_literal = true},
    {.name = "binance depth",
     .verdict = CODEC_IGNORED,
     .frame = "{'e':'depthUpdate','E':1,'s':'X','U':1,'u':2,'b':[],'a':[]}"},
    {.name = "binance ack", .verdict = CODEC_IGNORED, .frame = "{'result':null,'id':1}"},
    {.name = "nothing", .verdict = CODEC_IGNORED, .frame = "{}"},
    {.name = "an array",
     .verdict = CODEC_IGNORED,
     .frame = "[{'arg':{'channel':'books'}}]",
     .is_literal = true},
    {.name = "no channel",
     .verdict = CODEC_IGNORED,
     .frame = "{'arg':{'instId':'BTC-USDT'},'data':[]}"},
    {.name = "an arg that is no object",
     .verdict = CODEC_IGNORED,
     .frame = "{'arg':'books','data':[]}"},
};

static const struct codec_case broken_cases[] = {
    {.name = "no data", .frame = "{'arg':{'channel':'books','instId':'X'}}"},
    {.name = "data that is no array",
     .frame = "{'arg':{'channel':'books','instId':'X'},'data':{'ts':'1597026383085'}}"},
    {.name = "data of nothing",
     .frame = "{'arg':{'channel':'books','instId':'X'},'action':'update','data':[]}"},
    {.name = "candles of nothing",
     .frame = "{'arg':{'channel':'candle1m','instId':'X'},'data':[]}"},
    {.name = "book without ts",
     .frame = "{'arg':{'channel':'books','instId':'X'},'data':[{'asks':[],'bids':[],'seqId':1}]}"},
    {.name = "book with an id that is none",
     .frame = "{'arg':{'channel':'books','instId':'X'},'data':[{'asks':[],'bids':[],'ts':'"
              "1597026383085','seqId':'x'}]}"},
    {.name = "book with a negative id",
     .frame = "{'arg':{'channel':'books','instId':'X'},'data':[{'asks':[],'bids':[],'ts':'"
              "1597026383085','seqId':-2}]}"},
    {.name = "trade without ts",
     .frame = "{'arg':{'channel':'trades','instId':'X'},'data':[{'tradeId':'1'}]}"},
    {.name = "ticker without ts",
     .frame = "{'arg':{'channel':'tickers','instId':'X'},'data':[{'bidPx':'1'}]}"},
    {.name = "mark-price with a ts of words",
     .frame = "{'arg':{'channel':'mark-price','instId':'X'},'data':[{'ts':'soon'}]}"},
    {.name = "the last element counts, and lacks its time",
     .frame = "{'arg':{'channel':'trades','instId':'X'},'data':[{'tradeId':'1','ts':'1597026383085'"
              "},{'tradeId':'2'}]}"},
    {.name = "a push of the status channel without data",
     .frame = "{'arg':{'channel':'status'},'data':{}}"},
    {.name = "ping", .frame = "ping", .is_literal = true},
    {.name = "pong and more", .frame = "pong\n", .is_literal = true},
    {.name = "a comma too many",
     .frame = "{'arg':{'channel':'books','instId':'X',},'data':[]}",
     .is_literal = true},
    {.name = "a comma too many in data",
     .frame = "{'arg':{'channel':'status'},'data':[{'ts':'1597026383085'},]}",
     .is_literal = true},
};

/* The tables say once what holds for all their rows. */
static struct codec_case pushes[ARRAY_COUNT(push_cases)];
static struct codec_case others[ARRAY_COUNT(other_cases)];
static struct codec_case broken[ARRAY_COUNT(broken_cases)];

static int tables_fill(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_COUNT(pushes); i++) {
        pushes[i] = push_cases[i];
        pushes[i].venue = OKX;
        pushes[i].verdict = CODEC_DATA;
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        others[i] = other_cases[i];
        others[i].venue = OKX;
    }
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        broken[i] = broken_cases[i];
        broken[i].venue = OKX;
        broken[i].verdict = CODEC_MALFORMED;
    }
    return 0;
}

static void pushes_become_data(void **state)
{
    (void)state;
    cases_check(pushes, ARRAY_COUNT(pushes), false);
}

static void answers_and_notices_become_their_events(void **state)
{
    (void)state;
    cases_check(others, ARRAY_COUNT(others), false);
}

static void frames_that_lack_what_they_must_have_are_malformed(void **state)
{
    (void)state;
    cases_check(broken, ARRAY_COUNT(broken), false);
}

static void spelling_order_and_company_change_nothing(void **state)
{
    (void)state;
    cases_check(pushes, ARRAY_COUNT(pushes), true);
    cases_check(others, ARRAY_COUNT(others), true);
    cases_check(broken, ARRAY_COUNT(broken), true);
}

static void no_beginning_of_a_frame_is_a_frame(void **state)
{
    (void)state;
    cases_check_prefixes(pushes, ARRAY_COUNT(pushes));
    cases_check_prefixes(others, ARRAY_COUNT(others));
}

static void mutated_frames_are_survived(void **state)
{
    (void)state;
    cases_survive_mutation(pushes, ARRAY_COUNT(pushes), 0x2545f4914f6cdd1d);
    cases_survive_mutation(others, ARRAY_COUNT(others), 0x9e3779b97f4a7c15);
}

static void an_ack_or_error_of_a_known_stream_names_it(void **state)
{
    static const char ack[] = "{\"id\":\"7\",\"event\":\"subscribe\",\"arg\":{\"channel\":"
                              "\"books\",\"instId\":\"BTC-USDT\"}}";
    static const char error[] = "{\"event\":\"error\",\"code\":\"60018\",\"msg\":\"x\",\"arg\":{"
                                "\"channel\":\"books\",\"instId\":\"BTC-USDT\"}}";
    struct case_codec fixture;
    struct event event;
    (void)state;

    case_codec_open(&fixture, OKX);
    const uint32_t index =
        names_intern(fixture.codec.names, OKX, span_of("BTC-USDT"), span_of("books"));
    assert_int_equal(case_decode(&fixture, ack, strlen(ack), &event), CODEC_CONTROL);
    assert_int_equal(event.kind, EVENT_ACK);
    assert_int_equal(event.stream, index);
    assert_true(event.note.code == 7);
    assert_int_equal(case_decode(&fixture, error, strlen(error), &event), CODEC_CONTROL);
    assert_int_equal(event.kind, EVENT_SUBSCRIBE_ERROR);
    assert_int_equal(event.stream, index);
    case_codec_close(&fixture);
}

/* What the page and the channel say is held against each other. */
static void a_maintenance_has_one_mark_on_the_channel_and_on_the_page(void **state)
{
    static const struct okx_work page = {.begin = {"1672823400000", 13},
                                         .service = {"0", 1},
                                         .system = {"unified", 7},
                                         .state = {"ongoing", 7},
                                         .environment = {"", 0}};
    (void)state;
    assert_int_equal(okx_work_mark(&page), 0xcd62739);
    assert_true(okx_work_concerns(&page));
    assert_true(okx_work_is_under_way(&page));
}

static uint32_t minutes(const char *begin, const char *end)
{
    const struct okx_work work = {.begin = span_of(begin), .end = span_of(end)};
    return okx_work_minutes(&work);
}

static void a_maintenance_lasts_from_its_begin_to_its_announced_end_or_it_is_not_said(void **state)
{
    (void)state;
    assert_int_equal(minutes("1672823400000", "1672825980000"), 43);
    assert_int_equal(minutes("1672823400000", "1672823400001"), 1);
    assert_int_equal(minutes("1", "999999999999999999"), STATUS_MINUTES_MAX);
    assert_int_equal(minutes("1672823400000", ""), 0);
    assert_int_equal(minutes("", "1672825980000"), 0);
    assert_int_equal(minutes("1672823400000", "1672823400000"), 0);
    assert_int_equal(minutes("1672825980000", "1672823400000"), 0);
    assert_int_equal(minutes("1672823400000", "16728259800.0"), 0);
    assert_int_equal(minutes("1672823400000", "-1672825980000"), 0);
    assert_int_equal(minutes("1672823400000", "18446744073709551617"), 0);
}

static void answers_and_malformed_frames_add_no_name(void **state)
{
    struct case_codec fixture;
    struct event event;
    (void)state;

    case_codec_open(&fixture, OKX);
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        const char *frame = case_text(&others[i]);
        (void)case_decode(&fixture, frame, strlen(frame), &event);
    }
    for (size_t i = 0; i < ARRAY_COUNT(broken); i++) {
        const char *frame = case_text(&broken[i]);
        (void)case_decode(&fixture, frame, strlen(frame), &event);
    }
    assert_int_equal(names_count(fixture.codec.names), 1);
    case_codec_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_become_data),
        cmocka_unit_test(answers_and_notices_become_their_events),
        cmocka_unit_test(frames_that_lack_what_they_must_have_are_malformed),
        cmocka_unit_test(spelling_order_and_company_change_nothing),
        cmocka_unit_test(no_beginning_of_a_frame_is_a_frame),
        cmocka_unit_test(mutated_frames_are_survived),
        cmocka_unit_test(an_ack_or_error_of_a_known_stream_names_it),
        cmocka_unit_test(a_maintenance_has_one_mark_on_the_channel_and_on_the_page),
        cmocka_unit_test(a_maintenance_lasts_from_its_begin_to_its_announced_end_or_it_is_not_said),
        cmocka_unit_test(answers_and_malformed_frames_add_no_name),
    };
    return cmocka_run_group_tests(tests, tables_fill, NULL);
}
