/* SPDX-License-Identifier: MIT
 *
 * Goal:   what Binance says of requests, connections and accounts becomes the event it should; no
 * key leaks; a frame tells its
 *         venue or nothing.
 * Method: as test_binance_codec.c.
 */
#include "codec_case.h"

#define SPOT  FLATLINE_VENUE_BINANCE_SPOT
#define USDM  FLATLINE_VENUE_BINANCE_USDM
#define COINM FLATLINE_VENUE_BINANCE_COINM
#define TIME  EVENT_HAS_TIME

/* ---- control and account --------------------------------------------------------------------- */

static const struct codec_case control_cases[] = {
    {.name = "ack",
     .venue = SPOT,
     .frame = "{'result':null,'id':312}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_ACK,
     .note = {.code = 312}},
    {.name = "ack of an id in words",
     .venue = SPOT,
     .frame = "{'result':null,'id':'abc'}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_ACK},
    {.name = "inventory",
     .venue = USDM,
     .frame = "{'result':['btcusdt@aggTrade','btcusdt@depth'],'id':3}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_INVENTORY,
     .note = {.code = 3, .value = 2}},
    {.name = "empty inventory",
     .venue = USDM,
     .frame = "{'result':[],'id':3}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_INVENTORY,
     .note = {.code = 3}},
    {.name = "property",
     .venue = USDM,
     .frame = "{'result':true,'id':2}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .note = {.code = 2}},
    {.name = "error as documented",
     .venue = SPOT,
     .frame = "{'code':2,'msg':'Invalid request: unknown variant','id':9}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = 2, .value = 9, .text = "Invalid request: unknown varian"}},
    {.name = "error as seen",
     .venue = USDM,
     .frame = "{'error':{'code':2,'msg':'Invalid request: invalid stream'},'id':2}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = 2, .value = 2, .text = "Invalid request: invalid stream"}},
    {.name = "error without an id",
     .venue = USDM,
     .frame = "{'error':{'code':3,'msg':'Invalid JSON'}}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = 3, .text = "Invalid JSON"}},
    {.name = "error of the WebSocket API",
     .venue = SPOT,
     .frame = "{'id':null,'status':401,'error':{'code':-2015,'msg':'Invalid API-key'}}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = -2015, .text = "Invalid API-key"}},
    {.name = "a message cut between characters, not inside one",
     .venue = SPOT,
     .frame = "{'code':2,'msg':'123456789012345678901234567890é'}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_SUBSCRIBE_ERROR,
     .note = {.code = 2, .text = "123456789012345678901234567890"}},
    {.name = "answer of the WebSocket API",
     .venue = SPOT,
     .frame = "{'id':'5','status':200,'result':[{'subscriptionId':0}]}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_CONTROL,
     .note = {.code = 5}},
    {.name = "shutdown, raw",
     .venue = SPOT,
     .frame = "{'e':'serverShutdown','E':1770123456789}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_NOTICE,
     .note = {.text = "serverShutdown"}},
    {.name = "shutdown, combined",
     .venue = SPOT,
     .frame = "{'stream':'!serverShutdown','data':{'e':'serverShutdown','E':1770123456789}}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_NOTICE,
     .note = {.text = "serverShutdown"}},
    {.name = "shutdown, WebSocket API",
     .venue = SPOT,
     .frame = "{'event':{'e':'serverShutdown','E':1770123456789}}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_NOTICE,
     .note = {.text = "serverShutdown"}},
    {.name = "spot stream terminated",
     .venue = SPOT,
     .frame = "{'subscriptionId':0,'event':{'e':'eventStreamTerminated','E':1728973001334}}",
     .verdict = CODEC_CONTROL,
     .kind = EVENT_KEY_EXPIRED,
     .stream = "main/user",
     .note = {.text = "eventStreamTerminated"}},
    {.name = "orders",
     .venue = USDM,
     .frame = "{'e':'ORDER_TRADE_UPDATE','T':1568879465650,'E':1568879465651,'o':{'s':'BTCUSDT','c'"
              ":'TEST','S':'SELL','ps':'LONG','er':'0'}}",
     .stream = "main/user",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1568879465651)}},
    {.name = "account",
     .venue = USDM,
     .frame = "{'e':'ACCOUNT_UPDATE','E':1564745798939,'T':1564745798938,'a':{'m':'ORDER','B':[{'a'"
              ":'USDT','wb':'122624.12345678'}],'P':[]}}",
     .stream = "main/user",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1564745798939)}},
    {.name = "a light trade, its T after its E",
     .venue = USDM,
     .frame = "{'e':'TRADE_LITE','E':1721895408092,'T':1721895408214,'s':'BTCUSDT','q':'0.001','t':"
              "109100866,'i':8886774}",
     .stream = "main/user",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1721895408092)}},
    {.name = "orders in an envelope that shows the key",
     .venue = USDM,
     .frame = "{'stream':'pqia91ma19a5s61cv6a81va65sdf19v8a65a1a5s61cv6a81va65sdf19v8a65a1','data':"
              "{'e':'ORDER_TRADE_UPDATE','E':1568879465651,'T':1568879465650,'o':{}}}",
     .stream = "main/user",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1568879465651)}},
    {.name = "spot orders, wrapped",
     .venue = SPOT,
     .frame = "{'subscriptionId':0,'event':{'e':'executionReport','E':1499405658658,'s':'ETHBTC','"
              "u':1,'t':-1}}",
     .stream = "main/user",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1499405658658)}},
    {.name = "wrapped, but nothing we know",
     .venue = SPOT,
     .frame = "{'subscriptionId':0,'event':{'e':'trade','E':1499405658658,'s':'ETHBTC','t':1}}",
     .verdict = CODEC_IGNORED},
    {.name = "nothing", .venue = SPOT, .frame = "{}", .verdict = CODEC_IGNORED},
    {.name = "an id alone", .venue = SPOT, .frame = "{'id':1}", .verdict = CODEC_IGNORED},
    {.name = "a name that names no channel",
     .venue = SPOT,
     .frame = "{'stream':'btcusdt','data':{'e':'trade','E':1,'s':'BTCUSDT','t':1}}",
     .verdict = CODEC_IGNORED},
    {.name = "a name without a symbol",
     .venue = SPOT,
     .frame = "{'stream':'@trade','data':{'e':'trade','E':1,'s':'BTCUSDT','t':1}}",
     .verdict = CODEC_IGNORED},
    {.name = "a name that is no string",
     .venue = SPOT,
     .frame = "{'stream':7,'data':{'e':'trade','E':1,'s':'BTCUSDT','t':1}}",
     .verdict = CODEC_IGNORED},
};

static void control_and_account_frames_become_their_events(void **state)
{
    (void)state;
    cases_check(control_cases, ARRAY_COUNT(control_cases), false);
}

static void spelling_order_and_company_change_nothing(void **state)
{
    (void)state;
    cases_check(control_cases, ARRAY_COUNT(control_cases), true);
}

static void no_beginning_of_a_frame_is_a_frame(void **state)
{
    (void)state;
    cases_check_prefixes(control_cases, ARRAY_COUNT(control_cases));
}

static void mutated_frames_are_survived(void **state)
{
    (void)state;
    cases_survive_mutation(control_cases, ARRAY_COUNT(control_cases), 0x9e3779b97f4a7c15);
}

static void an_expired_key_leaves_only_its_fingerprint(void **state)
{
    static const char frame[] =
        "{\"e\":\"listenKeyExpired\",\"E\":1736996475556,\"listenKey\":\"WsCMabcdefgh0123\"}";
    struct case_codec fixture;
    struct event event;
    (void)state;

    case_codec_open(&fixture, USDM);
    assert_int_equal(case_decode(&fixture, frame, strlen(frame), &event), CODEC_CONTROL);
    assert_int_equal(event.kind, EVENT_KEY_EXPIRED);
    assert_int_equal(event.stream, fixture.codec.user_stream);
    assert_true(event.note.value == key_fingerprint(span_of("WsCMabcdefgh0123")));
    assert_true(event.note.value != key_fingerprint(span_of("WsCMabcdefgh0124")));
    assert_string_equal(event.note.text, "listenKeyExpired");
    case_codec_close(&fixture);
}

static void account_events_without_a_user_stream_are_ignored(void **state)
{
    static const char order[] = "{\"e\":\"ORDER_TRADE_UPDATE\",\"E\":1568879465651,\"o\":{}}";
    static const char trade[] = "{\"e\":\"trade\",\"E\":1672515782136,\"s\":\"BNBBTC\",\"t\":1}";
    struct case_codec fixture;
    struct event event;
    (void)state;

    case_codec_open(&fixture, USDM);
    fixture.codec.user_stream = EVENT_NO_STREAM;
    assert_int_equal(case_decode(&fixture, order, strlen(order), &event), CODEC_IGNORED);
    /* An index that is another stream's is no user stream either. */
    assert_int_equal(case_decode(&fixture, trade, strlen(trade), &event), CODEC_DATA);
    fixture.codec.user_stream = event.stream;
    assert_int_equal(case_decode(&fixture, order, strlen(order), &event), CODEC_IGNORED);
    case_codec_close(&fixture);
}

static void names_nobody_asked_for_are_ignored_and_not_added(void **state)
{
    static const char trade[] = "{\"e\":\"trade\",\"E\":1672515782136,\"s\":\"BNBBTC\",\"t\":1}";
    struct case_codec fixture;
    struct event event;
    (void)state;

    case_codec_open(&fixture, SPOT);
    fixture.codec.open = false;
    assert_int_equal(case_decode(&fixture, trade, strlen(trade), &event), CODEC_IGNORED);
    assert_int_equal(names_count(fixture.codec.names), 1);
    const uint32_t index =
        names_intern(fixture.codec.names, SPOT, span_of("BNBBTC"), span_of("trade"));
    assert_int_equal(case_decode(&fixture, trade, strlen(trade), &event), CODEC_DATA);
    assert_int_equal(event.stream, index);
    case_codec_close(&fixture);
}

/* ---- whose frame is it? ---------------------------------------------------------------------- */

static void first_frames_tell_their_venue_or_nothing(void **state)
{
    static const struct {
        const char *frame;
        int venue; /* -1: decides nothing */
    } cases[] = {
        {"{\"event\":\"subscribe\",\"arg\":{\"channel\":\"books\",\"instId\":\"BTC-USDT\"}}",
         FLATLINE_VENUE_OKX},
        {"{\"arg\":{\"channel\":\"books\"},\"data\":[]}", FLATLINE_VENUE_OKX},
        {"{\"event\":\"error\",\"code\":\"60012\",\"msg\":\"x\"}", -1},
        {"{\"stream\":\"x@depth\",\"data\":{\"e\":\"depthUpdate\",\"ps\":\"X\",\"pu\":1}}", COINM},
        {"{\"e\":\"bookTicker\",\"ps\":\"X\"}", COINM},
        {"{\"e\":\"depthUpdate\",\"pu\":1}", USDM},
        {"{\"stream\":\"x@bookTicker\",\"data\":{\"e\":\"bookTicker\",\"u\":1}}", USDM},
        {"{\"stream\":\"x@depth\",\"data\":{\"e\":\"depthUpdate\",\"u\":1}}", SPOT},
        {"{\"u\":1,\"s\":\"X\",\"b\":\"1\",\"B\":\"1\",\"a\":\"1\",\"A\":\"1\"}", -1},
        {"{\"e\":\"trade\",\"E\":1,\"s\":\"X\",\"t\":1}", -1},
        {"{\"e\":\"contractInfo\",\"s\":\"X\",\"ps\":\"X\"}", -1},
        {"{\"stream\":\"x@depth5\",\"data\":{\"lastUpdateId\":1,\"bids\":[],\"asks\":[]}}", -1},
        {"{\"result\":null,\"id\":1}", -1},
        {"{\"e\":\"depthUpdate\",\"pu\":1", -1},
        {"pong", -1},
        {"", -1},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        enum flatline_venue venue = FLATLINE_VENUE_BINANCE_SPOT;
        const bool is_told = codec_guess_venue(span_of(cases[i].frame), &venue);
        assert_int_equal(is_told ? (int)venue : -1, cases[i].venue);
    }
}

static void fingerprints_differ_and_are_never_zero_but_for_no_key(void **state)
{
    (void)state;
    assert_true(key_fingerprint(span_of("")) == 0);
    assert_true(key_fingerprint(span_of("a")) != 0);
    assert_true(key_fingerprint(span_of("a")) != key_fingerprint(span_of("b")));
    assert_true(key_fingerprint(span_of("ab")) != key_fingerprint(span_of("ba")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_and_account_frames_become_their_events),
        cmocka_unit_test(spelling_order_and_company_change_nothing),
        cmocka_unit_test(no_beginning_of_a_frame_is_a_frame),
        cmocka_unit_test(mutated_frames_are_survived),
        cmocka_unit_test(an_expired_key_leaves_only_its_fingerprint),
        cmocka_unit_test(account_events_without_a_user_stream_are_ignored),
        cmocka_unit_test(names_nobody_asked_for_are_ignored_and_not_added),
        cmocka_unit_test(first_frames_tell_their_venue_or_nothing),
        cmocka_unit_test(fingerprints_differ_and_are_never_zero_but_for_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
