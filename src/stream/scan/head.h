/*
 * head - how a statement begins, written in one way so that kinds of statements can be told
 * by prefix.
 *
 * Words in upper case, a quoted identifier as one `"`, strings as they are, one space
 * between tokens, none around dots: `ALTER TABLE ONLY PUBLIC." ADD CONSTRAINT`. What goes
 * beyond the room is dropped: only the begin counts.
 */
#ifndef PGKEEP_STREAM_SCAN_HEAD_H
#define PGKEEP_STREAM_SCAN_HEAD_H

#include "base/err.h"

enum { HEAD_SIZE = 256 };

struct head {
    char text[HEAD_SIZE]; /* not terminated */
    size_t size;
    bool joins; /* the next token follows a dot */
};

void head_clear(struct head *head);
void head_token(struct head *head); /* a token begins: what is added next belongs to it */
void head_dot(struct head *head);
void head_add(struct head *head, char c);
void head_add_bytes(struct head *head, const unsigned char *data, size_t size);
void head_add_upper(struct head *head, const unsigned char *data, size_t size);
/* Whether it begins with the words of pattern (as above, separated by spaces); `*` stands
 * for any one word. */
bool head_matches(const struct head *head, const char *pattern);

#endif
