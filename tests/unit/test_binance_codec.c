/* SPDX-License-Identifier: MIT
 *
 * Goal:   every frame Binance sends becomes the event it should, in whatever spelling; every other
 * one is told apart, and nothing
 *         is read beyond the last byte.
 * Method: a table of frames (from the venue's pages and recordings) with their events. Each is
 * decoded as it stands, respelled (white
 *         space, escapes, other order and company of keys), cut at every byte and mutated, always
 *         up against an unmapped page.
 */
#include "codec_case.h"

#define SPOT  FLATLINE_VENUE_BINANCE_SPOT
#define USDM  FLATLINE_VENUE_BINANCE_USDM
#define COINM FLATLINE_VENUE_BINANCE_COINM
#define TIME  EVENT_HAS_TIME
#define ID    EVENT_HAS_ID
#define FIRST EVENT_HAS_FIRST
#define PREV  EVENT_HAS_PREV
#define SETS  EVENT_SETS_LEVEL

/* ---- market data ----------------------------------------------------------------------------- */

static const struct codec_case market_cases[] = {
    {.name = "spot depth, raw",
     .venue = SPOT,
     .frame = "{'e':'depthUpdate','E':1672515782136,'s':'BNBBTC','U':157,'u':160,'b':[['0.0024','"
              "10']],'a':[['0.0026','100']]}",
     .stream = "BNBBTC/depth",
     .flags = TIME | ID | FIRST | SETS,
     .data = {.exch_wall_ns = CASE_MS(1672515782136),
              .id = 160,
              .first_id = 157,
              .bid_e8 = 240000,
              .ask_e8 = 260000},
     .bid_size = "10",
     .ask_size = "100"},
    {.name = "spot depth@100ms, combined",
     .venue = SPOT,
     .frame = "{'stream':'xmrbtc@depth@100ms','data':{'e':'depthUpdate','E':1628952395768,'s':'"
              "XMRBTC','U':717720856,'u':717720857,'b':[],'a':[['0.00578700','31.23100000'],['0."
              "00578800','26.04900000']]}}",
     .stream = "XMRBTC/depth@100ms",
     .flags = TIME | ID | FIRST | SETS,
     .data = {.exch_wall_ns = CASE_MS(1628952395768),
              .id = 717720857,
              .first_id = 717720856,
              .ask_e8 = 578700},
     .ask_size = "31.23100000"},
    {.name = "the best level set is not the best row: levels that came and went stand before it",
     .venue = SPOT,
     .frame =
         "{'e':'depthUpdate','E':1672515782136,'s':'BNBBTC','U':157,'u':160,'b':[['7','0.00'],['"
         "6','0'],['5','2.5'],['4','9']],'a':[['8','0'],['9','1.5'],['10','3']]}",
     .stream = "BNBBTC/depth",
     .flags = TIME | ID | FIRST | SETS,
     .data = {.exch_wall_ns = CASE_MS(1672515782136),
              .id = 160,
              .first_id = 157,
              .bid_e8 = 500000000,
              .ask_e8 = 900000000},
     .bid_size = "2.5",
     .ask_size = "1.5"},
    {.name = "rows sorted the other way, as the futures' bids are",
     .venue = SPOT,
     .frame =
         "{'e':'depthUpdate','E':1672515782136,'s':'BNBBTC','U':157,'u':160,'b':[['4','9'],['5','"
         "2.50'],['6','0'],['7','0']],'a':[['10','3'],['9','1.5'],['8','0']]}",
     .stream = "BNBBTC/depth",
     .flags = TIME | ID | FIRST | SETS,
     .data = {.exch_wall_ns = CASE_MS(1672515782136),
              .id = 160,
              .first_id = 157,
              .bid_e8 = 500000000,
              .ask_e8 = 900000000},
     .bid_size = "2.5",
     .ask_size = "1.5"},
    {.name = "levels that are only taken away, rows that are none",
     .venue = SPOT,
     .frame =
         "{'e':'depthUpdate','E':1672515782136,'s':'BNBBTC','U':157,'u':160,'b':[['7','0'],['6','"
         "0']],'a':[7,{'x':[['1','2']]},['8'],[]]}",
     .stream = "BNBBTC/depth",
     .flags = TIME | ID | FIRST,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 160, .first_id = 157}},
    {.name = "spot depth in microseconds",
     .venue = SPOT,
     .frame = "{'e':'depthUpdate','E':1672515782136123,'s':'BNBBTC','U':157,'u':160,'b':[['1','2']]"
              ",'a':[]}",
     .stream = "BNBBTC/depth",
     .flags = TIME | ID | FIRST | SETS,
     .data = {.exch_wall_ns = 1672515782136123000, .id = 160, .first_id = 157, .bid_e8 = 100000000},
     .bid_size = "2"},
    {.name = "numbers as strings",
     .venue = SPOT,
     .frame =
         "{'e':'depthUpdate','E':'1672515782136','s':'BNBBTC','U':'157','u':'160','b':[],'a':[]}",
     .stream = "BNBBTC/depth",
     .flags = TIME | ID | FIRST | EVENT_EMPTY,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 160, .first_id = 157}},
    {.name = "spot partial depth, nameable by its envelope alone",
     .venue = SPOT,
     .frame =
         "{'stream':'ethusdt@depth20','data':{'lastUpdateId':17044571457,'bids':[['1782.00000000','"
         "6.48300000'],['1781.95000000','0.03000000']],'asks':[['1782.01000000','15.46080000']]}}",
     .stream = "ETHUSDT/depth20",
     .flags = ID,
     .data = {.id = 17044571457, .bid_e8 = 178200000000, .ask_e8 = 178201000000}},
    {.name = "spot partial depth, raw: no name",
     .venue = SPOT,
     .frame = "{'lastUpdateId':160,'bids':[['0.0024','10']],'asks':[['0.0026','100']]}",
     .verdict = CODEC_IGNORED},
    {.name = "spot bookTicker, raw: known by its six members",
     .venue = SPOT,
     .frame = "{'u':400900217,'s':'BNBUSDT','b':'25.35190000','B':'31.21000000','a':'25.36520000','"
              "A':'40.66000000'}",
     .stream = "BNBUSDT/bookTicker",
     .flags = ID,
     .data = {.id = 400900217, .bid_e8 = 2535190000, .ask_e8 = 2536520000},
     .bid_size = "31.21000000",
     .ask_size = "40.66000000"},
    {.name = "five of the six: no name",
     .venue = SPOT,
     .frame = "{'u':400900217,'s':'BNBUSDT','b':'25.35190000','B':'31.21000000','a':'25.36520000'}",
     .verdict = CODEC_IGNORED},
    {.name = "spot bookTicker, combined",
     .venue = SPOT,
     .frame = "{'stream':'ethusdt@bookTicker','data':{'u':35346513501,'s':'ETHUSDT','b':'2683."
              "80000000','B':'3.02920000','a':'2683.81000000','A':'31.43950000'}}",
     .stream = "ETHUSDT/bookTicker",
     .flags = ID,
     .data = {.id = 35346513501, .bid_e8 = 268380000000, .ask_e8 = 268381000000},
     .bid_size = "3.02920000",
     .ask_size = "31.43950000"},
    {.name = "spot trade, raw: E, not T",
     .venue = SPOT,
     .frame = "{'e':'trade','E':1672515782136,'s':'BNBBTC','t':12345,'p':'0.001','q':'100','T':"
              "1672515782000,'m':true,'M':true}",
     .stream = "BNBBTC/trade",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 12345}},
    {.name = "spot aggTrade, combined",
     .venue = SPOT,
     .frame =
         "{'stream':'bnbbtc@aggTrade','data':{'e':'aggTrade','E':1672515782136,'s':'BNBBTC','a':"
         "12345,'p':'0.001','q':'100','f':100,'l':105,'T':1672515782136,'m':true,'M':true}}",
     .stream = "BNBBTC/aggTrade",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 12345}},
    {.name = "kline, raw: named by its interval",
     .venue = SPOT,
     .frame =
         "{'e':'kline','E':1672515782136,'s':'BNBBTC','k':{'t':1672515780000,'T':1672515839999,'s':"
         "'BNBBTC','i':'1m','f':100,'L':200,'o':'0.0010','x':false,'B':'123456'}}",
     .stream = "BNBBTC/kline_1m",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1672515782136)}},
    {.name = "kline of a month, combined: case of the channel is kept",
     .venue = USDM,
     .frame = "{'stream':'btcusdt@kline_1M','data':{'e':'kline','E':1653819041520,'s':'BTCUSDT','k'"
              ":{'t':1651363200000,'i':'1M'}}}",
     .stream = "BTCUSDT/kline_1M",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1653819041520)}},
    {.name = "raw kline without an interval",
     .venue = SPOT,
     .frame = "{'e':'kline','E':1672515782136,'s':'BNBBTC','k':{'t':1672515780000}}",
     .verdict = CODEC_MALFORMED},
    {.name = "referencePrice has no E",
     .venue = SPOT,
     .frame = "{'e':'referencePrice','s':'BAZUSD','r':null,'t':1770313263917}",
     .stream = "BAZUSD/referencePrice"},
    {.name = "spot 24hrTicker, raw",
     .venue = SPOT,
     .frame = "{'e':'24hrTicker','E':1653812100450,'s':'ETHBTC','b':'0.06150300','B':'18.96220000',"
              "'a':'0.06150400','A':'10.94010000'}",
     .stream = "ETHBTC/ticker",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1653812100450), .bid_e8 = 6150300, .ask_e8 = 6150400}},
    {.name = "an unknown channel with a name is data",
     .venue = SPOT,
     .frame = "{'stream':'BTCUSDT_C@TRADE_ALL','data':{'e':'trade_all','E':1616205287778,'s':'"
              "BTCUSDT_C','t':[{'t':'315','p':'4842.24'}]}}",
     .stream = "BTCUSDT_C/TRADE_ALL",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1616205287778)}},
    {.name = "a symbol that is not ASCII",
     .venue = SPOT,
     .frame = "{'stream':'币安人生usdt@trade','data':{'e':'trade','E':1672515782136,'s':'"
              "币安人生USDT','t':7}}",
     .stream = "币安人生USDT/trade",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 7}},
    {.name = "the same, its symbol spelled with escapes",
     .venue = SPOT,
     .frame = "{'e':'trade','E':1672515782136,'s':'\\u5e01\\u5b89\\uD83D\\uDE80USDT','t':7}",
     .stream = "币安🚀USDT/trade",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 7}},
    {.name = "usdm depth",
     .venue = USDM,
     .frame = "{'e':'depthUpdate','E':1571889248277,'T':1571889248276,'s':'BTCUSDT','U':390497796,'"
              "u':390497878,'pu':390497794,'b':[['7403.89','0.002']],'a':[['7405.96','3.340']]}",
     .stream = "BTCUSDT/depth",
     .flags = TIME | ID | PREV | SETS,
     .data = {.exch_wall_ns = CASE_MS(1571889248277),
              .id = 390497878,
              .prev_id = 390497794,
              .bid_e8 = 740389000000,
              .ask_e8 = 740596000000},
     .bid_size = "0.002",
     .ask_size = "3.340"},
    {.name = "usdm partial depth in the clothes of depth",
     .venue = USDM,
     .frame =
         "{'stream':'ethusdt_220624@depth20@500ms','data':{'e':'depthUpdate','E':1653864801536,'T':"
         "1653864801453,'s':'ETHUSDT_220624','U':1555027694421,'u':1555027698095,'pu':"
         "1555027693966,'b':[['1817.59','0.246']],'a':[['1817.98','0.704']]}}",
     .stream = "ETHUSDT_220624/depth20@500ms",
     .flags = TIME | ID | PREV,
     .data = {.exch_wall_ns = CASE_MS(1653864801536),
              .id = 1555027698095,
              .prev_id = 1555027693966,
              .bid_e8 = 181759000000,
              .ask_e8 = 181798000000}},
    {.name = "usdm bookTicker: E, not T",
     .venue = USDM,
     .frame = "{'e':'bookTicker','u':400900217,'E':1568014460893,'T':1568014460891,'s':'BNBUSDT','"
              "b':'25.35190000','B':'31.21000000','a':'25.36520000','A':'40.66000000'}",
     .stream = "BNBUSDT/bookTicker",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1568014460893),
              .id = 400900217,
              .bid_e8 = 2535190000,
              .ask_e8 = 2536520000},
     .bid_size = "31.21000000",
     .ask_size = "40.66000000"},
    {.name = "usdm trade",
     .venue = USDM,
     .frame = "{'stream':'btcusdt@trade','data':{'e':'trade','E':1723161256299,'T':1723161256298,'"
              "s':'BTCUSDT','t':5246,'p':'61653.70','q':'0.010','X':'MARKET','m':true}}",
     .stream = "BTCUSDT/trade",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1723161256299), .id = 5246}},
    {.name = "usdm markPrice: T is the next funding",
     .venue = USDM,
     .frame =
         "{'e':'markPriceUpdate','E':1562305380000,'s':'BTCUSDT','p':'11794.15000000','ap':'11794."
         "15','i':'11784.62659091','P':'11784.25641265','r':'0.00038167','T':1562306400000}",
     .stream = "BTCUSDT/markPrice",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1562305380000)}},
    {.name = "mark prices of all: the newest time of its elements",
     .venue = USDM,
     .frame = "{'stream':'!markPrice@arr@1s','data':[{'e':'markPriceUpdate','E':1617309024001,'s':'"
              "BTCUSDT'},{'e':'markPriceUpdate','E':1617309024002,'s':'ETHUSDT'},{'e':'"
              "markPriceUpdate','E':1617309024000,'s':'X'}]}",
     .stream = "*/markPrice@arr@1s",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1617309024002)}},
    {.name = "best prices of all: neither one id nor one price",
     .venue = SPOT,
     .frame = "{'stream':'!bookTicker','data':{'u':19575390521,'s':'BTCUSDT','b':'29010.90000000','"
              "B':'13.94302000','a':'29010.91000000','A':'3.99953000'}}",
     .stream = "*/bookTicker"},
    {.name = "an array of all without a time",
     .venue = USDM,
     .frame = "{'stream':'!markPrice@arr','data':[]}",
     .verdict = CODEC_MALFORMED},
    {.name = "an array that names no stream",
     .venue = USDM,
     .frame = "[{'e':'markPriceUpdate','E':1617309024002,'s':'BTCUSDT'}]",
     .verdict = CODEC_IGNORED,
     .is_literal = true},
    {.name = "coinm depth",
     .venue = COINM,
     .frame = "{'stream':'ethusd_perp@depth@0ms','data':{'e':'depthUpdate','E':1723161257440,'T':"
              "1723161257434,'s':'ETHUSD_PERP','ps':'ETHUSD','U':1007198631216,'u':1007198631578,'"
              "pu':1007198631180,'b':[['2657.70','0']],'a':[['2682.13','0']]}}",
     .stream = "ETHUSD_PERP/depth@0ms",
     .flags = TIME | ID | PREV,
     .data = {.exch_wall_ns = CASE_MS(1723161257440),
              .id = 1007198631578,
              .prev_id = 1007198631180}},
    {.name = "coinm partial depth that has no predecessor",
     .venue = COINM,
     .frame = "{'stream':'runeusd_perp@depth5','data':{'e':'depthUpdate','E':1648006221596,'T':"
              "1648006221340,'s':'RUNEUSD_PERP','ps':'RUNEUSD','U':395028983849,'u':395028983849,'"
              "pu':-1,'b':[],'a':[['8.4400','2']]}}",
     .stream = "RUNEUSD_PERP/depth5",
     .flags = TIME | ID | PREV,
     .data = {.exch_wall_ns = CASE_MS(1648006221596),
              .id = 395028983849,
              .prev_id = -1,
              .ask_e8 = 844000000}},
    {.name = "coinm bookTicker",
     .venue = COINM,
     .frame = "{'stream':'ethusd_perp@bookTicker','data':{'u':1007198631825,'e':'bookTicker','s':'"
              "ETHUSD_PERP','ps':'ETHUSD','b':'2682.17','B':'159','a':'2682.18','A':'3794','T':"
              "1723161257450,'E':1723161257457}}",
     .stream = "ETHUSD_PERP/bookTicker",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1723161257457),
              .id = 1007198631825,
              .bid_e8 = 268217000000,
              .ask_e8 = 268218000000},
     .bid_size = "159",
     .ask_size = "3794"},
    {.name = "an odd event beside the data, before it",
     .venue = SPOT,
     .frame = "{'event':{'e':'trade','t':1},'stream':'x@trade','data':{'E':1672515782136,'t':7}}",
     .stream = "X/trade",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 7}},
    {.name = "and after it",
     .venue = SPOT,
     .frame = "{'stream':'x@trade','data':{'E':1672515782136,'t':7},'event':{'e':'trade','t':1}}",
     .stream = "X/trade",
     .flags = TIME | ID,
     .data = {.exch_wall_ns = CASE_MS(1672515782136), .id = 7}},
    {.name = "contractInfo carries a pair on usdm too",
     .venue = USDM,
     .frame = "{'e':'contractInfo','E':1669356423908,'s':'IOTAUSDT','ps':'IOTAUSDT','ct':'"
              "PERPETUAL','dt':4133404800000,'cs':'TRADING'}",
     .stream = "IOTAUSDT/contractInfo",
     .flags = TIME,
     .data = {.exch_wall_ns = CASE_MS(1669356423908)}},
    {.name = "an event of no instrument",
     .venue = USDM,
     .frame = "{'e':'EquityUpdate','E':1765244143062,'t':1765242000000,'T':1765270800000,'S':'"
              "OVERNIGHT'}",
     .verdict = CODEC_IGNORED},
};

/* ---- another venue's ------------------------------------------------------------------------- */

static const struct codec_case foreign_cases[] = {
    {.name = "coinm on usdm",
     .venue = USDM,
     .verdict = CODEC_IGNORED,
     .frame = "{'stream':'x@depth','data':{'e':'depthUpdate','E':1,'s':'X','ps':'X','U':1,'u':2,'"
              "pu':0,'b':[],'a':[]}}"},
    {.name = "coinm on spot, raw",
     .venue = SPOT,
     .verdict = CODEC_IGNORED,
     .frame =
         "{'e':'bookTicker','u':1,'s':'X','ps':'X','b':'1','B':'1','a':'1','A':'1','E':1,'T':1}"},
    {.name = "usdm on coinm",
     .venue = COINM,
     .verdict = CODEC_IGNORED,
     .frame = "{'e':'depthUpdate','E':1,'s':'X','U':1,'u':2,'pu':0,'b':[],'a':[]}"},
    {.name = "usdm on spot",
     .venue = SPOT,
     .verdict = CODEC_IGNORED,
     .frame = "{'stream':'x@depth','data':{'e':'depthUpdate','E':1,'s':'X','U':1,'u':2,'pu':0,'b':["
              "],'a':[]}}"},
    {.name = "usdm bookTicker on spot",
     .venue = SPOT,
     .verdict = CODEC_IGNORED,
     .frame = "{'stream':'x@bookTicker','data':{'e':'bookTicker','u':1,'s':'X','b':'1','B':'1','a':"
              "'1','A':'1','E':1}}"},
    {.name = "spot on usdm",
     .venue = USDM,
     .verdict = CODEC_IGNORED,
     .frame = "{'e':'depthUpdate','E':1,'s':'X','U':1,'u':2,'b':[],'a':[]}"},
    {.name = "coinm tickers on usdm",
     .venue = USDM,
     .verdict = CODEC_IGNORED,
     .frame = "{'stream':'!ticker@arr','data':[{'e':'24hrTicker','E':1653814699950,'s':'AVAXUSD_"
              "PERP','ps':'AVAXUSD'}]}"},
    {.name = "okx push",
     .venue = SPOT,
     .verdict = CODEC_IGNORED,
     .frame = "{'arg':{'channel':'trades','instId':'BTC-USDT'},'data':[{'tradeId':'1','ts':'"
              "1630048897897'}]}"},
    {.name = "okx notice",
     .venue = USDM,
     .verdict = CODEC_IGNORED,
     .frame = "{'event':'notice','code':'64008','msg':'soon','connId':'a4d3ae55'}"},
    {.name = "okx error looks like one of ours",
     .venue = COINM,
     .verdict = CODEC_IGNORED,
     .frame = "{'event':'error','code':'60012','msg':'Invalid request','id':'1'}"},
    {.name = "what decides nothing is taken as ours",
     .venue = USDM,
     .stream = "X/bookTicker",
     .flags = ID,
     .data = {.id = 5, .bid_e8 = 100000000, .ask_e8 = 200000000},
     .bid_size = "1",
     .ask_size = "1",
     .frame = "{'u':5,'s':'X','b':'1','B':'1','a':'2','A':'1'}"},
};

/* ---- what a known channel must have ---------------------------------------------------------- */

static const struct codec_case broken_cases[] = {
    {.name = "depth without u",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'depthUpdate','E':1672515782136,'s':'X','U':157,'b':[],'a':[]}"},
    {.name = "depth without U",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'depthUpdate','E':1672515782136,'s':'X','u':157,'b':[],'a':[]}"},
    {.name = "depth without E",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'depthUpdate','s':'X','U':1,'u':157,'b':[],'a':[]}"},
    {.name = "futures depth without pu",
     .venue = USDM,
     .verdict = CODEC_MALFORMED,
     .frame = "{'stream':'x@depth','data':{'E':1672515782136,'U':1,'u':157,'b':[],'a':[]}}"},
    {.name = "an id beyond 64 bits",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'trade','E':1672515782136,'s':'X','t':99999999999999999999}",
     .is_literal = true},
    {.name = "an id that is a fraction",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'trade','E':1672515782136,'s':'X','t':1.5}"},
    {.name = "a negative id",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'trade','E':1672515782136,'s':'X','t':-1}"},
    {.name = "a time that is none",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'trade','E':'now','s':'X','t':1}"},
    {.name = "a time of zero",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'trade','E':0,'s':'X','t':1}"},
    {.name = "a time beyond 64 bits of nanoseconds",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'trade','E':9999999999999999999,'s':'X','t':1}",
     .is_literal = true},
    {.name = "bookTicker without u",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'stream':'x@bookTicker','data':{'s':'X','b':'1','B':'1','a':'1','A':'1'}}"},
    {.name = "aggTrade whose a is a price",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'aggTrade','E':1672515782136,'s':'X','a':'1.5'}"},
    {.name = "partial depth without an id",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'stream':'x@depth5','data':{'bids':[],'asks':[]}}"},
    {.name = "markPrice without E",
     .venue = USDM,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'markPriceUpdate','s':'X'}"},
    {.name = "a known channel of one instrument in an array",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'stream':'x@trade','data':[{'E':1,'t':1}]}"},
    {.name = "an array of numbers",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'stream':'!ticker@arr','data':[1]}"},
    {.name = "no data", .venue = SPOT, .verdict = CODEC_MALFORMED, .frame = "{'stream':'x@trade'}"},
    {.name = "null data",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'stream':'x@trade','data':null}"},
    {.name = "account event without E",
     .venue = USDM,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'ACCOUNT_UPDATE','a':{}}"},
    {.name = "a word",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "pong",
     .is_literal = true},
    {.name = "a number",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "1",
     .is_literal = true},
    {.name = "two frames in one",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'result':null,'id':1}{'result':null,'id':2}",
     .is_literal = true},
    {.name = "a comma too many",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'result':null,'id':1,}",
     .is_literal = true},
    {.name = "a broken row",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'depthUpdate','E':1,'s':'X','U':1,'u':2,'b':[['1','2'],['1' '2']],'a':[]}",
     .is_literal = true},
    {.name = "rows where members belong",
     .venue = SPOT,
     .verdict = CODEC_MALFORMED,
     .frame = "{'e':'depthUpdate','E':1,'s':'X','U':1,'u':2,'b':{'x':['1','2'],['1','2']},'a':[]}",
     .is_literal = true},
};

static void market_frames_become_data(void **state)
{
    (void)state;
    cases_check(market_cases, ARRAY_COUNT(market_cases), false);
}

static void frames_of_another_venue_are_ignored(void **state)
{
    (void)state;
    cases_check(foreign_cases, ARRAY_COUNT(foreign_cases), false);
}

static void frames_that_lack_what_they_must_have_are_malformed(void **state)
{
    (void)state;
    cases_check(broken_cases, ARRAY_COUNT(broken_cases), false);
}

static void spelling_order_and_company_change_nothing(void **state)
{
    (void)state;
    cases_check(market_cases, ARRAY_COUNT(market_cases), true);
    cases_check(foreign_cases, ARRAY_COUNT(foreign_cases), true);
    cases_check(broken_cases, ARRAY_COUNT(broken_cases), true);
}

static void no_beginning_of_a_frame_is_a_frame(void **state)
{
    (void)state;
    cases_check_prefixes(market_cases, ARRAY_COUNT(market_cases));
}

static void mutated_frames_are_survived(void **state)
{
    (void)state;
    cases_survive_mutation(market_cases, ARRAY_COUNT(market_cases), 0x2545f4914f6cdd1d);
}

static void malformed_frames_add_no_name(void **state)
{
    struct case_codec fixture;
    (void)state;

    case_codec_open(&fixture, SPOT);
    for (size_t i = 0; i < ARRAY_COUNT(broken_cases); i++) {
        struct event event;
        fixture.codec.venue = broken_cases[i].venue;
        const char *frame = case_text(&broken_cases[i]);
        (void)case_decode(&fixture, frame, strlen(frame), &event);
    }
    assert_int_equal(names_count(fixture.codec.names), 1);
    case_codec_close(&fixture);
}

/* ---- hostile --------------------------------------------------------------------------------- */

static enum codec_verdict decode_bytes(const char *bytes, size_t size_bytes)
{
    struct case_codec fixture;
    struct event event;
    case_codec_open(&fixture, SPOT);
    const enum codec_verdict verdict = case_decode(&fixture, bytes, size_bytes, &event);
    case_check_untouched(&event, verdict);
    case_codec_close(&fixture);
    return verdict;
}

static void nesting_beyond_the_bound_is_malformed(void **state)
{
    char text[512];
    (void)state;

    for (int depth = 1; depth <= 200; depth += 199) {
        int used = snprintf(text, sizeof(text), "{\"x\":");
        memset(text + used, '[', (size_t)depth);
        used += depth;
        memset(text + used, ']', (size_t)depth);
        used += depth;
        text[used++] = '}';
        assert_int_equal(decode_bytes(text, (size_t)used),
                         depth == 1 ? CODEC_IGNORED : CODEC_MALFORMED);
    }
}

static void a_frame_of_a_mebibyte_is_walked(void **state)
{
    static const char head[] =
        "{\"e\":\"depthUpdate\",\"E\":1672515782136,\"s\":\"X\",\"U\":1,\"u\":2,\"a\":[],\"b\":[";
    static const char row[] = "[\"61737.63000000\",\"0.00000000\"],";
    const size_t size = 1024 * 1024;
    char *text = malloc(size + 64);
    size_t used = strlen(head);
    (void)state;

    assert_non_null(text);
    memcpy(text, head, used);
    while (used + sizeof(row) < size) {
        memcpy(text + used, row, sizeof(row) - 1);
        used += sizeof(row) - 1;
    }
    memcpy(text + used - 1, "]}", 2);
    used += 1;
    assert_int_equal(decode_bytes(text, used), CODEC_DATA);
    assert_int_equal(decode_bytes(text, used - 1), CODEC_MALFORMED);
    memset(text, '[', size);
    assert_int_equal(decode_bytes(text, size), CODEC_MALFORMED);
    memset(text, '"', size);
    assert_int_equal(decode_bytes(text, size), CODEC_MALFORMED);
    memset(text, ' ', size);
    assert_int_equal(decode_bytes(text, size), CODEC_MALFORMED);
    free(text);
}

static void odd_characters_make_no_name(void **state)
{
    static const char nul[] = "{\"e\":\"trade\",\"E\":1672515782136,\"s\":\"A\0B\",\"t\":1}";
    static const char *const symbols[] = {
        "A\\u0000B",
        "A\\udc00\\ud800", /* lone surrogates */
        "A\\u001b[2J",     /* a terminal's escape */
        "A/B",
        "\xff\xfe", /* not UTF-8 */
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    char text[256];
    (void)state;

    for (size_t i = 0; i < ARRAY_COUNT(symbols); i++) {
        const int bytes = snprintf(text,
                                   sizeof(text),
                                   "{\"e\":\"trade\",\"E\":1672515782136,\"s\":\"%s\",\"t\":1}",
                                   symbols[i]);
        assert_int_equal(decode_bytes(text, (size_t)bytes), CODEC_IGNORED);
    }
    assert_int_equal(decode_bytes(nul, sizeof(nul) - 1), CODEC_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(market_frames_become_data),
        cmocka_unit_test(frames_of_another_venue_are_ignored),
        cmocka_unit_test(frames_that_lack_what_they_must_have_are_malformed),
        cmocka_unit_test(spelling_order_and_company_change_nothing),
        cmocka_unit_test(no_beginning_of_a_frame_is_a_frame),
        cmocka_unit_test(mutated_frames_are_survived),
        cmocka_unit_test(malformed_frames_add_no_name),
        cmocka_unit_test(nesting_beyond_the_bound_is_malformed),
        cmocka_unit_test(a_frame_of_a_mebibyte_is_walked),
        cmocka_unit_test(odd_characters_make_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
