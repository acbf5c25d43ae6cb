/*
 * sqlchar - which bytes SQL's lexer takes for what (PostgreSQL manual 4.1.1; scan.l of the
 * server).
 *
 * Bytes of 128 and more are letters: all server encodings keep ASCII for ASCII, so a letter
 * of several bytes never holds a quote, a backslash or a semicolon, and no letter has to be
 * decoded.
 */
#ifndef PGKEEP_STREAM_SCAN_SQLCHAR_H
#define PGKEEP_STREAM_SCAN_SQLCHAR_H

#include "base/err.h"

static inline bool sqlchar_is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool sqlchar_is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* May begin an identifier, or the tag of a dollar quote. */
static inline bool sqlchar_is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

/* May go on in an identifier. A tag differs: no dollar in it. */
static inline bool sqlchar_is_name(unsigned char c)
{
    return sqlchar_is_letter(c) || sqlchar_is_digit(c) || c == '$';
}

/* ASCII only, as for keywords; the C library's depends on the locale. */
static inline char sqlchar_upper(unsigned char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

#endif
