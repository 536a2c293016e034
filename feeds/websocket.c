/* SPDX-License-Identifier: MIT
 *
 * wslay decodes and checks frame headers and masks what we send. Its receiving side wants to own
 * the bytes: its callback copies them into a buffer of 4 KiB, so a 16 KiB frame would be copied
 * whole and come out in pieces. But of an unmasked payload, the only kind a server may send, wslay
 * looks at nothing and merely counts. So the callback serves it the header, byte for byte, and
 * passes the payload by count; the payload stays where it was received, and is checked and
 * delivered from there. (docs/decisions/0001-transport.md; the tests of this file would notice a
 * wslay that does otherwise.)
 */
#include "feeds/websocket.h"

#include "core/base.h"
#include "feeds/utf8.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <wslay/wslay.h>

#define CHACHA_SEED_BYTES (32 + 16) /* key; counter and nonce */

struct frame {
    bool is_known;
    bool is_final;
    uint8_t opcode;
    size_t header_bytes;
    size_t payload_bytes;
};

/* What wslay's receive callback may take: real header bytes first, then a count. Never more than
 * the frame has, or wslay would take the surplus for the next header; so the first count is one
 * byte, after which wslay has told the payload's length. */
struct served {
    const uint8_t *header;
    size_t header_left_bytes;
    uint64_t payload_left_bytes;
};

struct websocket {
    wslay_frame_context_ptr wslay;
    EVP_CIPHER_CTX *mask_stream; /* ChaCha20, seeded once from the system: unpredictable, no lock */
    struct served served;
    struct frame frame;
    struct websocket_refusal refusal;

    uint8_t *joined; /* fragments of one message */
    size_t joined_bytes;
    size_t message_bytes_max;
    enum websocket_opcode joined_opcode; /* CONTINUATION: no message is under way */
    bool joined_is_delivered;
    struct utf8 joined_utf8;

    uint8_t *write_to;
};

static ssize_t serve_header(uint8_t *buffer, size_t buffer_bytes, int flags, void *user)
{
    struct served *const served = &((struct websocket *)user)->served;
    (void)flags;
    if (served->header_left_bytes == 0) {
        const size_t counted = served->payload_left_bytes < buffer_bytes
                                   ? (size_t)served->payload_left_bytes
                                   : buffer_bytes;
        served->payload_left_bytes -= counted;
        return (ssize_t)counted;
    }
    const size_t taken =
        served->header_left_bytes < buffer_bytes ? served->header_left_bytes : buffer_bytes;
    memcpy(buffer, served->header, taken);
    served->header += taken;
    served->header_left_bytes -= taken;
    return (ssize_t)taken;
}

static ssize_t collect_frame(const uint8_t *bytes, size_t size_bytes, int flags, void *user)
{
    struct websocket *const websocket = user;
    (void)flags;
    memcpy(
        websocket->write_to, bytes, size_bytes); /* websocket_write() has made sure of the room */
    websocket->write_to += size_bytes;
    return (ssize_t)size_bytes;
}

static int next_mask(uint8_t *mask, size_t mask_bytes, void *user)
{
    static const uint8_t zeros[16];
    struct websocket *const websocket = user;
    int written = 0;
    if (mask_bytes > sizeof(zeros) ||
        EVP_EncryptUpdate(websocket->mask_stream, mask, &written, zeros, (int)mask_bytes) != 1) {
        return -1;
    }
    return written == (int)mask_bytes ? 0 : -1;
}

static bool mask_stream_open(struct websocket *websocket)
{
    uint8_t seed[CHACHA_SEED_BYTES];
    websocket->mask_stream = EVP_CIPHER_CTX_new();
    const bool is_open =
        websocket->mask_stream != NULL && RAND_bytes(seed, sizeof(seed)) == 1 &&
        EVP_EncryptInit_ex(websocket->mask_stream, EVP_chacha20(), NULL, seed, seed + 32) == 1;
    OPENSSL_cleanse(seed, sizeof(seed));
    return is_open;
}

struct websocket *websocket_create(uint32_t message_bytes_max)
{
    flatline_assert(message_bytes_max >= WEBSOCKET_CONTROL_BYTES_MAX);
    static const struct wslay_frame_callbacks callbacks = {
        .send_callback = collect_frame,
        .recv_callback = serve_header,
        .genmask_callback = next_mask,
    };
    struct websocket *const websocket = calloc(1, sizeof(*websocket));
    if (websocket == NULL) {
        return NULL;
    }
    websocket->message_bytes_max = message_bytes_max;
    websocket->joined =
        malloc(message_bytes_max); /* touched, and so resident, only once something is fragmented */
    if (websocket->joined == NULL || !mask_stream_open(websocket) ||
        wslay_frame_context_init(&websocket->wslay, &callbacks, websocket) != 0) {
        websocket_destroy(websocket);
        return NULL;
    }
    return websocket;
}

void websocket_destroy(struct websocket *websocket)
{
    if (websocket == NULL) {
        return;
    }
    wslay_frame_context_free(websocket->wslay);
    EVP_CIPHER_CTX_free(websocket->mask_stream);
    free(websocket->joined);
    free(websocket);
}

static enum websocket_status refuse(struct websocket *websocket, uint16_t code, const char *text)
{
    websocket->refusal = (struct websocket_refusal){code, text};
    return WEBSOCKET_REFUSED;
}

/* Header length by its second byte; 0 while even that is missing. */
static size_t header_bytes(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes < 2) {
        return 0;
    }
    const uint8_t length = bytes[1] & 0x7f;
    const size_t mask_bytes = (bytes[1] & 0x80) != 0 ? 4 : 0;
    return 2 + (length == 126 ? 2U : 0U) + (length == 127 ? 8U : 0U) + mask_bytes;
}

static bool opcode_is_control(uint8_t opcode)
{
    return (opcode & 0x8) != 0;
}

/* What wslay leaves to its caller: reserved bits and opcodes, masking by a server, the order of
 * fragments, our own bound. */
static enum websocket_status check_header(struct websocket *websocket,
                                          const struct wslay_frame_iocb *header)
{
    if (header->rsv != 0) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "reserved bit, none was agreed");
    }
    if (header->mask != 0) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "masked frame from a server");
    }
    if (header->opcode > WEBSOCKET_PONG ||
        (header->opcode > WEBSOCKET_BINARY && header->opcode < WEBSOCKET_CLOSE)) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "unknown opcode");
    }
    if (opcode_is_control(header->opcode)) {
        return WEBSOCKET_MORE; /* wslay has seen to its length and its final bit */
    }
    const bool is_joining = websocket->joined_opcode != WEBSOCKET_CONTINUATION;
    if (header->opcode == WEBSOCKET_CONTINUATION && !is_joining) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "continuation of no message");
    }
    if (header->opcode != WEBSOCKET_CONTINUATION && is_joining) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "message inside a fragmented one");
    }
    if (header->payload_length > websocket->message_bytes_max - websocket->joined_bytes) {
        return refuse(websocket, WEBSOCKET_CLOSE_TOO_BIG, "message over message_bytes_max");
    }
    return WEBSOCKET_MORE;
}

/* Decodes the header at bytes as soon as it is whole; the payload need not be here yet. */
static enum websocket_status
frame_open(struct websocket *websocket, const uint8_t *bytes, size_t size_bytes)
{
    const size_t wanted_bytes = header_bytes(bytes, size_bytes);
    if (wanted_bytes == 0 || size_bytes < wanted_bytes) {
        return WEBSOCKET_MORE;
    }
    struct wslay_frame_iocb header;
    websocket->served = (struct served){bytes, wanted_bytes, 1};
    ssize_t counted = wslay_frame_recv(websocket->wslay, &header);
    if (counted < 0) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "bad control frame or length");
    }
    const enum websocket_status status = check_header(websocket, &header);
    if (status == WEBSOCKET_REFUSED) {
        return status;
    }
    websocket->served.payload_left_bytes = header.payload_length - (uint64_t)counted;
    while (websocket->served.payload_left_bytes >
           0) { /* bounded by message_bytes_max: 4 KiB a turn */
        struct wslay_frame_iocb rest;
        counted = wslay_frame_recv(websocket->wslay, &rest);
        flatline_assert(counted > 0);
    }
    websocket->frame = (struct frame){
        true, header.fin != 0, header.opcode, wanted_bytes, (size_t)header.payload_length};
    return WEBSOCKET_MORE;
}

static void set_message(struct websocket_message *message,
                        enum websocket_opcode opcode,
                        const uint8_t *bytes,
                        size_t size_bytes)
{
    *message =
        (struct websocket_message){.bytes = bytes, .size_bytes = size_bytes, .opcode = opcode};
}

static enum websocket_status control_close(struct websocket *websocket,
                                           const uint8_t *payload,
                                           size_t payload_bytes,
                                           struct websocket_message *ret_message)
{
    set_message(ret_message, WEBSOCKET_CLOSE, payload, 0);
    ret_message->close_code = WEBSOCKET_CLOSE_NO_CODE;
    if (payload_bytes == 0) {
        return WEBSOCKET_MESSAGE;
    }
    if (payload_bytes == 1) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "close frame with half a code");
    }
    const uint16_t code = (uint16_t)(payload[0] << 8 | payload[1]);
    if (!websocket_close_code_is_valid(code)) {
        return refuse(websocket, WEBSOCKET_CLOSE_PROTOCOL, "close code that none may send");
    }
    struct utf8 utf8 = {0};
    if (!utf8_check(&utf8, payload + 2, payload_bytes - 2) || !utf8_is_whole(&utf8)) {
        return refuse(websocket, WEBSOCKET_CLOSE_BAD_TEXT, "close reason is not UTF-8");
    }
    set_message(ret_message, WEBSOCKET_CLOSE, payload + 2, payload_bytes - 2);
    ret_message->close_code = code;
    return WEBSOCKET_MESSAGE;
}

static enum websocket_status data_whole(struct websocket *websocket,
                                        const uint8_t *payload,
                                        struct websocket_message *ret_message)
{
    const struct frame *const frame = &websocket->frame;
    struct utf8 utf8 = {0};
    if (frame->opcode == WEBSOCKET_TEXT &&
        (!utf8_check(&utf8, payload, frame->payload_bytes) || !utf8_is_whole(&utf8))) {
        return refuse(websocket, WEBSOCKET_CLOSE_BAD_TEXT, "text message is not UTF-8");
    }
    set_message(ret_message, frame->opcode, payload, frame->payload_bytes);
    return WEBSOCKET_MESSAGE;
}

/* Appends a fragment; the last one makes a message. */
static enum websocket_status data_fragment(struct websocket *websocket,
                                           const uint8_t *payload,
                                           struct websocket_message *ret_message)
{
    const struct frame *const frame = &websocket->frame;
    if (frame->opcode != WEBSOCKET_CONTINUATION) {
        websocket->joined_opcode = frame->opcode;
        websocket->joined_utf8 = (struct utf8){0};
    }
    flatline_assert(frame->payload_bytes <= websocket->message_bytes_max - websocket->joined_bytes);
    memcpy(websocket->joined + websocket->joined_bytes, payload, frame->payload_bytes);
    websocket->joined_bytes += frame->payload_bytes;
    const bool is_text = websocket->joined_opcode == WEBSOCKET_TEXT;
    if (is_text && (!utf8_check(&websocket->joined_utf8, payload, frame->payload_bytes) ||
                    (frame->is_final && !utf8_is_whole(&websocket->joined_utf8)))) {
        return refuse(websocket, WEBSOCKET_CLOSE_BAD_TEXT, "text message is not UTF-8");
    }
    if (!frame->is_final) {
        return WEBSOCKET_MORE;
    }
    set_message(ret_message, websocket->joined_opcode, websocket->joined, websocket->joined_bytes);
    ret_message->was_fragmented = true;
    websocket->joined_is_delivered = true;
    return WEBSOCKET_MESSAGE;
}

/* The frame is whole: payload is frame.payload_bytes long. */
static enum websocket_status frame_close(struct websocket *websocket,
                                         const uint8_t *payload,
                                         struct websocket_message *ret_message)
{
    const struct frame *const frame = &websocket->frame;
    if (frame->opcode == WEBSOCKET_CLOSE) {
        return control_close(websocket, payload, frame->payload_bytes, ret_message);
    }
    if (opcode_is_control(frame->opcode)) {
        set_message(ret_message, frame->opcode, payload, frame->payload_bytes);
        return WEBSOCKET_MESSAGE;
    }
    if (frame->is_final && frame->opcode != WEBSOCKET_CONTINUATION) {
        return data_whole(websocket, payload, ret_message);
    }
    return data_fragment(websocket, payload, ret_message);
}

enum websocket_status websocket_next(struct websocket *websocket,
                                     const uint8_t *bytes,
                                     size_t size_bytes,
                                     struct websocket_message *ret_message,
                                     size_t *ret_taken_bytes)
{
    struct frame *const frame = &websocket->frame;
    size_t taken_bytes = 0;
    enum websocket_status status = WEBSOCKET_MORE;
    if (websocket->joined_is_delivered) {
        websocket->joined_is_delivered = false;
        websocket->joined_bytes = 0;
        websocket->joined_opcode = WEBSOCKET_CONTINUATION;
    }
    while (status == WEBSOCKET_MORE) {
        if (!frame->is_known) {
            status = frame_open(websocket, bytes + taken_bytes, size_bytes - taken_bytes);
        }
        if (!frame->is_known ||
            size_bytes - taken_bytes < frame->header_bytes + frame->payload_bytes) {
            break;
        }
        status = frame_close(websocket, bytes + taken_bytes + frame->header_bytes, ret_message);
        taken_bytes += frame->header_bytes + frame->payload_bytes;
        frame->is_known = false;
    }
    *ret_taken_bytes = taken_bytes;
    return status;
}

const struct websocket_refusal *websocket_refusal(const struct websocket *websocket)
{
    return &websocket->refusal;
}

size_t websocket_joined_bytes(const struct websocket *websocket)
{
    return websocket->joined_is_delivered ? 0 : websocket->joined_bytes;
}

int websocket_write(struct websocket *websocket,
                    enum websocket_opcode opcode,
                    const void *payload,
                    size_t payload_bytes,
                    uint8_t *frame,
                    size_t frame_bytes)
{
    const bool is_control = opcode_is_control((uint8_t)opcode);
    if (is_control && payload_bytes > WEBSOCKET_CONTROL_BYTES_MAX) {
        return -EINVAL;
    }
    if (frame_bytes < WEBSOCKET_HEADER_BYTES_MAX || payload_bytes > INT32_MAX ||
        frame_bytes - WEBSOCKET_HEADER_BYTES_MAX < payload_bytes) {
        return -ENOBUFS;
    }
    struct wslay_frame_iocb header = {
        .fin = 1,
        .opcode = (uint8_t)opcode,
        .payload_length = payload_bytes,
        .mask = 1,
        .data = payload,
        .data_length = payload_bytes,
    };
    websocket->write_to = frame;
    const ssize_t sent = wslay_frame_send(websocket->wslay, &header);
    if (sent < 0) {
        return -EIO;
    }
    flatline_assert((size_t)sent == payload_bytes);
    return (int)(websocket->write_to - frame);
}

bool websocket_close_code_is_valid(uint16_t code)
{
    if (code >= 3000) {
        return code <= 4999;
    }
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}
