/* SPDX-License-Identifier: MIT */
#include "venue/command.h"

#include "core/base.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool duration_parse(const char *text, uint64_t *ret_ns)
{
    static const struct {
        const char *unit;
        double ns;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};

    char *end;

    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    const double number = strtod(text, &end);
    for (size_t i = 0; i < ARRAY_COUNT(units); i++) {
        if (strcmp(end, units[i].unit) == 0 && number * units[i].ns < 1e18) {
            *ret_ns = (uint64_t)(number * units[i].ns + 0.5);
            return true;
        }
    }
    return false;
}

static bool split(const char *line, struct command *command)
{
    char *rest = command->storage;
    char *at;

    if (strlen(line) >= sizeof(command->storage)) {
        return false;
    }
    memcpy(command->storage, line, strlen(line) + 1);
    while ((at = strtok_r(rest, " \t\r\n", &rest)) != NULL) {
        if (command->count == COMMAND_WORDS_MAX) {
            return false;
        }
        command->words[command->count++] = at;
    }
    return true;
}

static void drop_words(struct command *command, unsigned from, unsigned count)
{
    for (unsigned i = from; i + count < command->count; i++) {
        command->words[i] = command->words[i + count];
    }
    command->count -= count;
}

/* `after D` and `for D` may stand anywhere behind the verb. */
static bool take_times(struct command *command)
{
    unsigned i = 1;
    while (i + 1 < command->count) {
        const bool is_after = strcmp(command->words[i], "after") == 0;
        if (!is_after && strcmp(command->words[i], "for") != 0) {
            i++;
            continue;
        }
        if (!duration_parse(command->words[i + 1],
                            is_after ? &command->after_ns : &command->for_ns)) {
            return false;
        }
        drop_words(command, i, 2);
    }
    return true;
}

bool command_parse(const char *line, struct command *ret_command, const char **ret_why)
{
    struct command *command = ret_command;
    *command = (struct command){0};

    if (!split(line, command)) {
        *ret_why = "line too long";
        return false;
    }
    uint64_t delay_ns = 0;
    if (command->count > 0 && command->words[0][0] == '+') {
        if (!duration_parse(command->words[0] + 1, &delay_ns)) {
            *ret_why = "bad delay; write +500ms or +2s";
            return false;
        }
        drop_words(command, 0, 1);
    }
    if (command->count == 0) {
        *ret_why = "empty";
        return false;
    }
    if (!take_times(command)) {
        *ret_why = "bad duration; write 500ms or 2s";
        return false;
    }
    command->after_ns += delay_ns;
    return true;
}

const char *command_word(const struct command *command, unsigned index)
{
    return index < command->count ? command->words[index] : NULL;
}

bool command_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end;
    if (text == NULL || !isdigit((unsigned char)text[0])) {
        return false;
    }
    *ret_number = strtoull(text, &end, 10);
    return *end == '\0' && *ret_number <= max;
}
