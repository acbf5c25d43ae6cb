/* The conversion is the C library's; ours is to know what PostgreSQL calls each encoding. */
#include "report/name_text.h"

#include "base/memory.h"

#include <iconv.h>
#include <string.h>
#include <strings.h>

/* PostgreSQL, Table 24.3 "PostgreSQL Character Sets"; what both call the same is not here. */
static const struct alias {
    const char *postgres, *iconv;
} aliases[] = {
    {"EUC_CN", "EUC-CN"},
    {"EUC_JP", "EUC-JP"},
    {"EUC_KR", "EUC-KR"},
    {"EUC_TW", "EUC-TW"},
    {"EUC_JIS_2004", "EUC-JISX0213"},
    {"SJIS", "CP932"},
    {"SHIFT_JIS_2004", "SHIFT_JISX0213"},
    {"ISO_8859_5", "ISO-8859-5"},
    {"ISO_8859_6", "ISO-8859-6"},
    {"ISO_8859_7", "ISO-8859-7"},
    {"ISO_8859_8", "ISO-8859-8"},
    {"KOI8R", "KOI8-R"},
    {"KOI8U", "KOI8-U"},
    {"WIN866", "CP866"},
    {"WIN874", "CP874"},
    {"WIN1250", "CP1250"},
    {"WIN1251", "CP1251"},
    {"WIN1252", "CP1252"},
    {"WIN1253", "CP1253"},
    {"WIN1254", "CP1254"},
    {"WIN1255", "CP1255"},
    {"WIN1256", "CP1256"},
    {"WIN1257", "CP1257"},
    {"WIN1258", "CP1258"},
};

char *name_text(const char *name, const char *encoding)
{
    size_t size = strlen(name);
    if (encoding == NULL)
        return memory_strdup(name);
    /* Not asked first: is it UTF-8 already? Some names of EUC_JP are by chance. */
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
        if (strcasecmp(aliases[i].postgres, encoding) == 0)
            encoding = aliases[i].iconv;
    iconv_t way = iconv_open("UTF-8", encoding);
    if (way == (iconv_t)-1)
        return memory_strdup(name);

    /* No character of these encodings takes more than four times its bytes in UTF-8. */
    char *in = memory_strdup(name), *out = memory_alloc(4 * size + 1);
    char *from = in, *to = out;
    size_t left = size, room = 4 * size;
    bool whole = iconv(way, &from, &left, &to, &room) != (size_t)-1 && left == 0;
    iconv_close(way);
    *to = '\0';
    /* Half a name would be a wrong one. */
    free(whole ? in : out);
    return whole ? out : in;
}
