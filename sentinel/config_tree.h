/* SPDX-License-Identifier: MIT
 *
 * config_tree.h - YAML text to a tree of nodes that know their place. The part of YAML a
 * configuration needs: lists, maps with plain keys, scalars as text. No anchors, aliases, tags or
 * second documents.
 */
#ifndef FLATLINE_SENTINEL_CONFIG_TREE_H
#define FLATLINE_SENTINEL_CONFIG_TREE_H

#include "sentinel/config_problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_DEPTH_MAX 8U

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool is_bad; /* already complained of: say no more about it */
    struct mark mark;
    char *key; /* in a map: this value's key */
    struct mark key_mark;
    char *text; /* of a scalar; no control characters in it */
    uint32_t count;
    struct node *first;
    struct node *last;
    struct node *next;
    struct node *made_before; /* all nodes of the tree, for tree_free() */
};

struct tree {
    struct node *root; /* NULL: the text holds no document */
    struct node *newest;
};

/** Builds the tree; complains of everything that is not the YAML described above, and of
 *  duplicate keys. Stops at the first thing that makes the rest unreadable: the tree is then
 *  incomplete and false is returned. Bounded: depth by TREE_DEPTH_MAX, nodes by the bytes.
 *  tree_free() in either case. */
bool tree_build(struct tree *tree, const char *bytes, size_t size_bytes, struct problems *problems);
void tree_free(struct tree *tree);

/** The value under a key of a map (the first, if it is there twice), or NULL. */
const struct node *node_find(const struct node *map, const char *key);

/** "a list", "a map", "text": for messages. */
const char *node_kind_text(const struct node *node);

#endif
