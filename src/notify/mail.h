/*
 * mail - one message of RFC 5322: plain text in UTF-8, quoted-printable (RFC 2045, 6.7), lines that
 * end in CRLF, none longer than 76 characters but those of the head. It says that it was made by a
 * program (RFC 3834), so that nobody's holiday answers it. Pure.
 */
#ifndef PGKEEP_NOTIFY_MAIL_H
#define PGKEEP_NOTIFY_MAIL_H

#include "base/text.h"

struct mail {
    const char *from; /* bare addresses */
    const struct strlist *to;
    const char *subject;   /* ASCII */
    const char *id, *host; /* Message-ID */
    int64_t time;          /* seconds UTC */
    const char *text;
};
void mail_add(struct text *out, const struct mail *mail);

#endif
