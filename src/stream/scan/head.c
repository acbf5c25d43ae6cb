/*
 * Only the begin of a statement is kept: what a statement is shows in its first words, and
 * an INSERT of a megabyte must not be kept whole for that.
 */
#include "stream/scan/head.h"

#include "stream/scan/sqlchar.h"

void head_clear(struct head *head)
{
    head->size = 0;
    head->joins = false;
}

void head_add(struct head *head, char c)
{
    /* What does not fit is not looked for: no pattern is as long. */
    if (head->size < HEAD_SIZE)
        head->text[head->size++] = c;
}

/* One space between tokens, however many there were. */
void head_token(struct head *head)
{
    if (head->size > 0 && !head->joins)
        head_add(head, ' ');
    head->joins = false;
}

/* What follows a dot belongs to the same name: no space, so that `*` of a pattern takes all
 * of `schema.table`. */
void head_dot(struct head *head)
{
    head_add(head, '.');
    head->joins = true;
}

void head_add_bytes(struct head *head, const unsigned char *data, size_t size)
{
    size_t room = HEAD_SIZE - head->size;
    if (size > room)
        size = room;
    memcpy(head->text + head->size, data, size);
    head->size += size;
}

void head_add_upper(struct head *head, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size && head->size < HEAD_SIZE; i++)
        head_add(head, sqlchar_upper(data[i]));
}

bool head_matches(const struct head *head, const char *pattern)
{
    /* In step through both; a pattern must end where a word does, so that SET does not
     * match SETVAL. */
    const char *at = head->text;
    const char *end = at + head->size;
    for (; *pattern != '\0'; pattern++) {
        if (at == end)
            return false;
        /* One name, in quotes or not: a head holds no spaces inside of one. */
        if (*pattern == '*') {
            while (at < end && *at != ' ')
                at++;
        } else if (*at++ != *pattern) {
            return false;
        }
    }
    return at == end || *at == ' ';
}
