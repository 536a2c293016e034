/* SPDX-License-Identifier: MIT
 *
 * dump_engine_layout.h - engine_layout.h told in JSON and Markdown, for dump_layout.
 */
#ifndef FLATLINE_TOOLS_DUMP_ENGINE_LAYOUT_H
#define FLATLINE_TOOLS_DUMP_ENGINE_LAYOUT_H

/** Each prints to standard output and returns 0, or another number if it could not. */
int dump_engine_json(void);
int dump_engine_markdown(void);

#endif
