#include "notify/mail.h"

#include <time.h>

enum { LINE_MAX_QP = 76 };

/* Names are English whatever the locale; the zone is always ours. */
static void add_date(struct text *out, int64_t seconds)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t time = (time_t)seconds;
    struct tm tm;
    if (gmtime_r(&time, &tm) == NULL)
        memset(&tm, 0, sizeof tm);
    text_addf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * tm.tm_wday,
              tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
              tm.tm_sec);
}

/* Printable ASCII stays, "=" and all else becomes =XX; a blank at the end of a line, too, which
 * servers cut off. Longer lines are broken softly. */
static void add_quoted_printable(struct text *out, const char *text)
{
    size_t column = 0;
    for (const char *at = text; *at != '\0'; at++) {
        unsigned char byte = (unsigned char)*at;
        bool last = at[1] == '\n' || at[1] == '\0';
        bool plain = byte > ' ' && byte < 0x7f && byte != '=';
        if (byte == '\n') {
            text_add(out, "\r\n");
            column = 0;
            continue;
        }
        plain = plain || (byte == ' ' && !last);
        size_t width = plain ? 1 : 3;
        /* One column is kept for the sign that the line goes on. */
        if (column + width > LINE_MAX_QP - 1) {
            text_add(out, "=\r\n");
            column = 0;
        }
        if (plain)
            text_add_char(out, *at);
        else
            text_addf(out, "=%02X", byte);
        column += width;
    }
    text_add(out, "\r\n");
}

void mail_add(struct text *out, const struct mail *mail)
{
    text_addf(out, "From: pgkeep <%s>\r\n", mail->from);
    for (size_t i = 0; i < mail->to->count; i++)
        text_addf(out, "%s<%s>", i == 0 ? "To: " : ",\r\n ", mail->to->items[i]);
    text_addf(out, "\r\nSubject: %s\r\n", mail->subject);
    add_date(out, mail->time);
    text_addf(out, "Message-ID: <%s@%s>\r\n", mail->id,
              *mail->host ? mail->host : "pgkeep");
    text_add(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                  "Content-Type: text/plain; charset=utf-8\r\n"
                  "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    add_quoted_printable(out, mail->text);
}
