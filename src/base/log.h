/*
 * log - lines on stderr: text, JSON lines or journal priorities; and one live line on a terminal.
 *
 * The only module with global state besides cancel. Any thread; lines never mix. Control characters
 * in messages are escaped, so that a database name cannot drive a terminal.
 */
#ifndef PGKEEP_BASE_LOG_H
#define PGKEEP_BASE_LOG_H

#include "base/err.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNAL, LOG_FORMATS };

void log_setup(enum log_level level, enum log_format format); /* once, before threads */
const char *log_format_name(enum log_format format);          /* "text" "json" "journal" */
bool log_enabled(enum log_level level);
void log_error(const char *format, ...) PRINTF(1, 2);
void log_warning(const char *format, ...) PRINTF(1, 2);
void log_info(const char *format, ...) PRINTF(1, 2);
void log_debug(const char *format, ...) PRINTF(1, 2);
/* From now on remembers what is said, of which at least the last `size` bytes; 0 forgets. For the
 * record of a run: "2026-11-21T02:00:00Z warning: TEXT" by line, whatever the format. */
void log_keep(size_t size);
char *log_kept(void) MUST_USE; /* heap; NULL: nothing is remembered */
/* "pgkeep: TEXT" and, on its own line, the hint. As JSON: {"time","level","kind","message",
 * "hint"}, the last only when there is one. */
void log_err(const struct err *err);
/* The live line: drawn below the log, replaced by the next; NULL or "" removes it. */
void log_live(const char *line);
bool log_is_terminal(void); /* stderr is one */
/* One raw line on stderr (JSON progress). */
void log_raw(const char *line);

#endif
