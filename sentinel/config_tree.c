/* SPDX-License-Identifier: MIT */
#include "sentinel/config_tree.h"

#include "core/base.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct builder {
    struct tree *tree;
    struct problems *problems;
    struct node *open[TREE_DEPTH_MAX]; /* the lists and maps we are inside of */
    uint32_t depth;
    char *key; /* read, its value not yet */
    struct mark key_mark;
    bool is_key_bad;
    uint32_t documents;
};

enum build_step { BUILD_ON, BUILD_DONE, BUILD_BROKEN };

static struct mark mark_of(const yaml_mark_t *place)
{
    return (struct mark){(uint32_t)place->line + 1, (uint32_t)place->column + 1};
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static struct node *node_add(struct builder *builder, enum node_kind kind, struct mark mark)
{
    struct node *node = calloc(1, sizeof(*node));
    if (node == NULL) {
        problem_add(builder->problems, mark, "out of memory");
        return NULL;
    }
    node->kind = kind;
    node->mark = mark;
    node->key = builder->key;
    node->key_mark = builder->key_mark;
    node->is_bad = builder->is_key_bad;
    builder->key = NULL;
    builder->is_key_bad = false;
    node->made_before = builder->tree->newest;
    builder->tree->newest = node;
    if (builder->depth == 0) {
        builder->tree->root = node;
        return node;
    }
    struct node *parent = builder->open[builder->depth - 1];
    if (parent->last != NULL) {
        parent->last->next = node;
    } else {
        parent->first = node;
    }
    parent->last = node;
    parent->count++;
    return node;
}

void tree_free(struct tree *tree)
{
    struct node *node = tree->newest;
    while (node != NULL) {
        struct node *before = node->made_before;
        free(node->key);
        free(node->text);
        free(node);
        node = before;
    }
    *tree = (struct tree){0};
}

const struct node *node_find(const struct node *map, const char *key)
{
    for (const struct node *child = map->first; child != NULL; child = child->next) {
        if (child->key != NULL && strcmp(child->key, key) == 0) {
            return child;
        }
    }
    return NULL;
}

const char *node_kind_text(const struct node *node)
{
    switch (node->kind) {
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    case NODE_SCALAR:
        break;
    }
    return node->text != NULL && node->text[0] != '\0' ? "text" : "empty";
}

/* ---- duplicate keys -------------------------------------------------------------------------- */

static int key_compare(const void *left, const void *right)
{
    const struct node *a = *(const struct node *const *)left;
    const struct node *b = *(const struct node *const *)right;
    const int order = strcmp(a->key, b->key);
    if (order != 0) {
        return order;
    }
    if (a->key_mark.line != b->key_mark.line) {
        return a->key_mark.line < b->key_mark.line ? -1 : 1;
    }
    return a->key_mark.column < b->key_mark.column ? -1 : a->key_mark.column > b->key_mark.column;
}

static void duplicates_tell(struct builder *builder, const struct node *map)
{
    if (map->count < 2) {
        return;
    }
    const struct node **children = calloc(map->count, sizeof(*children));
    if (children == NULL) {
        problem_add(builder->problems, map->mark, "out of memory");
        return;
    }
    size_t count = 0;
    for (const struct node *child = map->first; child != NULL; child = child->next) {
        children[count++] = child;
    }
    qsort(children, count, sizeof(*children), key_compare);
    for (size_t i = 1; i < count; i++) {
        struct quote quote;
        if (strcmp(children[i - 1]->key, children[i]->key) == 0) {
            problem_add(builder->problems,
                        children[i]->key_mark,
                        "key %s is already in line %u; write it once only",
                        quote_text(&quote, children[i]->key),
                        children[i - 1]->key_mark.line);
        }
    }
    free(children);
}

/* ---- events ---------------------------------------------------------------------------------- */

/* Anchors and tags could make one text mean two things; true = there was none. */
static bool is_undecorated(struct builder *builder,
                           const yaml_char_t *anchor,
                           const yaml_char_t *tag,
                           struct mark mark)
{
    if (anchor != NULL) {
        problem_add(
            builder->problems,
            mark,
            "anchors (&) are not taken; write the value without one, in full at each place");
    }
    if (tag != NULL) {
        problem_add(builder->problems, mark, "tags (!) are not taken; write the plain value");
    }
    return anchor == NULL && tag == NULL;
}

static bool is_clean(const char *bytes, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++) {
        if ((unsigned char)bytes[i] < 0x20 || bytes[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static char *text_copy(const yaml_char_t *bytes, size_t size_bytes)
{
    char *copy = malloc(size_bytes + 1);
    if (copy != NULL) {
        memcpy(copy, bytes, size_bytes);
        copy[size_bytes] = '\0';
    }
    return copy;
}

static bool expects_key(const struct builder *builder)
{
    return builder->depth > 0 && builder->open[builder->depth - 1]->kind == NODE_MAP &&
           builder->key == NULL;
}

static enum build_step on_scalar(struct builder *builder, const yaml_event_t *event)
{
    const struct mark mark = mark_of(&event->start_mark);
    const size_t bytes = event->data.scalar.length;
    bool is_good = is_undecorated(builder, event->data.scalar.anchor, event->data.scalar.tag, mark);
    char *text = text_copy(event->data.scalar.value, bytes);
    if (text == NULL) {
        problem_add(builder->problems, mark, "out of memory");
        return BUILD_BROKEN;
    }
    if (!is_clean(text, bytes)) {
        problem_add(
            builder->problems,
            mark,
            "a line break or control character inside a value; write printable text on one line");
        is_good = false;
    }
    if (expects_key(builder)) {
        builder->key = text;
        builder->key_mark = mark;
        builder->is_key_bad = !is_good;
        return BUILD_ON;
    }
    struct node *node = node_add(builder, NODE_SCALAR, mark);
    if (node == NULL) {
        free(text);
        return BUILD_BROKEN;
    }
    node->text = text;
    node->is_bad = node->is_bad || !is_good;
    return BUILD_ON;
}

static enum build_step on_open(struct builder *builder,
                               enum node_kind kind,
                               const yaml_char_t *anchor,
                               const yaml_char_t *tag,
                               struct mark mark)
{
    if (expects_key(builder)) {
        problem_add(builder->problems,
                    mark,
                    "a list or map as a key (or an unquoted \"{{...}}\"); write plain text before "
                    "the colon");
        return BUILD_BROKEN;
    }
    if (builder->depth == TREE_DEPTH_MAX) {
        problem_add(builder->problems,
                    mark,
                    "nested deeper than %u levels; write at most venues, one venue, its keys",
                    TREE_DEPTH_MAX);
        return BUILD_BROKEN;
    }
    (void)is_undecorated(builder, anchor, tag, mark);
    struct node *node = node_add(builder, kind, mark);
    if (node == NULL) {
        return BUILD_BROKEN;
    }
    builder->open[builder->depth++] = node;
    return BUILD_ON;
}

static enum build_step on_close(struct builder *builder)
{
    flatline_assert(builder->depth > 0); /* libyaml closes only what it opened */
    const struct node *node = builder->open[--builder->depth];
    if (node->kind == NODE_MAP) {
        duplicates_tell(builder, node);
    }
    return BUILD_ON;
}

/* `*name` as a value, or (broken beyond repair) as a key. */
static enum build_step on_alias(struct builder *builder, struct mark mark)
{
    problem_add(
        builder->problems, mark, "aliases (*) are not taken; write the value itself, in full");
    if (expects_key(builder)) {
        return BUILD_BROKEN;
    }
    struct node *node = node_add(builder, NODE_SCALAR, mark);
    if (node == NULL) {
        return BUILD_BROKEN;
    }
    node->is_bad = true;
    return BUILD_ON;
}

static enum build_step on_event(struct builder *builder, const yaml_event_t *event)
{
    const struct mark mark = mark_of(&event->start_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (builder->documents++ > 0) {
            problem_add(builder->problems,
                        mark,
                        "a second document; write one only, without --- after the first line");
            return BUILD_BROKEN;
        }
        return BUILD_ON;
    case YAML_ALIAS_EVENT:
        return on_alias(builder, mark);
    case YAML_SCALAR_EVENT:
        return on_scalar(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(builder,
                       NODE_LIST,
                       event->data.sequence_start.anchor,
                       event->data.sequence_start.tag,
                       mark);
    case YAML_MAPPING_START_EVENT:
        return on_open(builder,
                       NODE_MAP,
                       event->data.mapping_start.anchor,
                       event->data.mapping_start.tag,
                       mark);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_close(builder);
    case YAML_STREAM_END_EVENT:
        return BUILD_DONE;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return BUILD_ON;
}

/* ---- what libyaml refuses -------------------------------------------------------------------- */

/* The reader knows its offset only; the scanner its line and column. */
static struct mark offset_mark(const char *bytes, size_t size_bytes, size_t offset)
{
    struct mark mark = {1, 1};
    for (size_t i = 0; i < offset && i < size_bytes; i++) {
        if (bytes[i] == '\n') {
            mark.line++;
            mark.column = 1;
        } else if (((unsigned char)bytes[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return mark;
}

/* What to do about the mistakes people make; matched by a part of libyaml's words. */
static const char *advice_on(const char *problem)
{
    static const struct {
        const char *part;
        const char *advice;
    } advices[] = {
        {"mapping values are not allowed",
         "write one key a line, and quote text that holds a colon"},
        {"cannot start any token", "write the value in quotes: \"...\""},
        {"',' or ']'", "write the list closed: [a, b]"},
        {"',' or '}'", "write the map closed: {key: value, key: value}"},
        {"expected key", "write the keys of one map at the same indentation"},
        {"'-' indicator", "write the items of one list at the same indentation"},
        {"block sequence entries", "write the list on lines of its own, below its key"},
        {"expected ':'", "write key: value, with a space after the colon"},
        {"unexpected end", "write the closing quote"},
        {"document start", "write one document, and nothing behind a closed list or map"},
        {"alias", "write the value itself, in full"},
        {"anchor", "write the value without an anchor"},
        {"UTF-8", "write the file in UTF-8"},
        {"control characters", "write printable text only"},
    };

    for (size_t i = 0; i < ARRAY_COUNT(advices); i++) {
        if (strstr(problem, advices[i].part) != NULL) {
            return advices[i].advice;
        }
    }
    return "write plain YAML, as in flatlined.conf(5)";
}

static void refusal_tell(struct builder *builder,
                         const yaml_parser_t *parser,
                         const char *bytes,
                         size_t size_bytes)
{
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_MEMORY_ERROR) {
        problem_add(builder->problems, (struct mark){1, 1}, "out of memory");
        return;
    }
    if (parser->error == YAML_READER_ERROR) {
        problem_add(builder->problems,
                    offset_mark(bytes, size_bytes, parser->problem_offset),
                    "not YAML: %s; %s",
                    problem,
                    advice_on(problem));
        return;
    }
    const size_t at =
        parser->problem_mark.index; /* in characters: exact for ASCII, as tabs errors mostly are */
    const bool is_tab = at < size_bytes && bytes[at] == '\t';
    problem_add(builder->problems,
                mark_of(&parser->problem_mark),
                "not YAML: %s%s%s; %s",
                is_tab ? "a tab" : problem,
                parser->context != NULL && !is_tab ? " " : "",
                parser->context != NULL && !is_tab ? parser->context : "",
                is_tab ? "write spaces" : advice_on(problem));
}

bool tree_build(struct tree *tree, const char *bytes, size_t size_bytes, struct problems *problems)
{
    struct builder builder = {.tree = tree, .problems = problems};
    yaml_parser_t parser;
    *tree = (struct tree){0};
    if (yaml_parser_initialize(&parser) == 0) {
        problem_add(problems, (struct mark){1, 1}, "out of memory");
        return false;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, size_bytes);

    enum build_step step = BUILD_ON;
    while (step == BUILD_ON) {
        yaml_event_t event;
        if (yaml_parser_parse(&parser, &event) == 0) {
            refusal_tell(&builder, &parser, bytes, size_bytes);
            step = BUILD_BROKEN;
            break;
        }
        step = on_event(&builder, &event);
        yaml_event_delete(&event);
    }
    free(builder.key);
    yaml_parser_delete(&parser);
    return step == BUILD_DONE;
}
