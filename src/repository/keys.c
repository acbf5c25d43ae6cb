/*
 * Making a key and reading one back have to agree: sweep removes only what keys_parse
 * recognises, and a key that somebody else made must not pass for ours. So reading checks
 * each segment, not only the id.
 */
#include "repository/keys.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "stream/codec/codec.h"

enum { HASH_HEX = 16, TIME_LENGTH = 16, YEAR_LENGTH = 4, KEY_MAX = 1024 };
#define GLOBALS "globals"
#define INDEX_SUFFIX ".index.gz"
#define SAFE "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-."

static const char *const types[] = {"full", "schema", "data"};
/* Format and what its files end in; compression adds its own suffix. */
static const char *const formats[][2] = {{"plain", ".sql"}, {"custom", ".dump"}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* "." and ".." would be folders, so a name of dots alone has none of them as they are. */
static void encode(struct text *out, const char *name)
{
    /* Of names that are "" or dots alone every byte is encoded. */
    bool only_dots = name[strspn(name, ".")] == '\0';
    for (const char *p = name; *p != '\0'; p++) {
        if (strchr(SAFE, *p) != NULL && !only_dots)
            text_add_char(out, *p);
        else
            text_addf(out, "%%%02X", (unsigned char)*p);
    }
}

/* Cuts the text, not within a "%XX". */
static void cut(struct text *name, size_t length)
{
    while (length > 0 &&
           (name->data[length - 1] == '%' || (length > 1 && name->data[length - 2] == '%')))
        length--;
    /* Shorter only: text.h has no function for that. */
    name->length = length;
    name->data[length] = '\0';
}

/* Every name that comes from outside passes here before it becomes a part of a path. */
void keys_add_name(struct text *out, const char *name)
{
    struct text encoded;
    /* A name of PostgreSQL has 63 bytes at most; of a source any number. */
    text_init(&encoded, SIZE_MAX / 2);
    encode(&encoded, name);
    /* A segment has at most 255 bytes with all that stands behind the name; a hash of the whole
     * keeps two long names apart. */
    if (encoded.length > KEYS_NAME_MAX) {
        unsigned char sum[SHA256_SIZE];
        digest_sha256(name, strlen(name), sum);
        cut(&encoded, KEYS_NAME_MAX - 1 - HASH_HEX);
        text_add_char(&encoded, '-');
        text_add_hex(&encoded, sum, HASH_HEX / 2);
    }
    text_add(out, encoded.data);
    text_release(&encoded);
}

/* Heap. The path, and what stands behind it. */
static char *with_suffixes(const struct keys_artifact *artifact, const char *one,
                           const char *other)
{
    char time[32];
    struct text out;
    /* A database may be called globals, too; its leaf has the type behind the name. */
    bool globals = strcmp(artifact->type, GLOBALS) == 0;
    const char *database = globals ? GLOBALS : artifact->database;
    text_init(&out, SIZE_MAX / 2);
    /* By our clock and UTC; a person reads it, and nothing decides by it. */
    clock_compact(time, artifact->started);
    text_add(&out, KEYS_DATA);
    keys_add_name(&out, artifact->source);
    text_add_char(&out, '/');
    keys_add_name(&out, database);
    text_addf(&out, "/%.*s/", YEAR_LENGTH, time);
    keys_add_name(&out, database);
    if (!globals)
        text_addf(&out, "-%s", artifact->type);
    text_addf(&out, "-%s-%s%s%s", time, artifact->id, one, other);
    char *whole = text_take(&out);
    text_release(&out);
    return whole;
}

/* What a backup is can be told from its name alone, should all else be lost. */
char *keys_data(const struct keys_artifact *artifact)
{
    /* An unknown one gets no suffix: whoever asks for such a key has checked it before. */
    enum codec_kind codec = CODEC_NONE;
    const char *format = "";
    for (size_t i = 0; i < COUNT(formats); i++)
        format = strcmp(artifact->format, formats[i][0]) == 0 ? formats[i][1] : format;
    bool known = codec_from_name(artifact->compression, &codec);
    return with_suffixes(artifact, format, known ? codec_suffix(codec) : "");
}

/* Beside the data, so that they are found and removed together. */
char *keys_index(const struct keys_artifact *artifact)
{
    return with_suffixes(artifact, INDEX_SUFFIX, "");
}

char *keys_manifest(const char *id)
{
    return memory_format(KEYS_MANIFESTS "%s.json", id);
}

char *keys_state(const char *id)
{
    return memory_format(KEYS_STATE "%s.json", id);
}

/* ---- and back ---- */

/* Text that may be shorter than an id: a key is anybody's. */
static bool take_id(const char *text, char id[ULID_SIZE])
{
    if (strlen(text) < ULID_LENGTH)
        return false;
    memcpy(id, text, ULID_LENGTH);
    id[ULID_LENGTH] = '\0';
    return ulid_is_valid(id);
}

/* FOLDER ID ".json" */
static bool is_document(const char *key, const char *folder, char id[ULID_SIZE])
{
    /* Nothing may stand behind ".json": "ID.json.bak" is not ours. */
    return text_starts_with(key, folder) && take_id(key + strlen(folder), id) &&
           strcmp(key + strlen(folder) + ULID_LENGTH, ".json") == 0;
}

/* ".ID.part", or ".ID.XXXXXXXX.part" where several may be at work: in any folder of ours. */
static bool is_temp(const char *key, char id[ULID_SIZE])
{
    /* In whatever folder: what becomes of it lies beside it. */
    const char *slash = strrchr(key, '/');
    const char *leaf = slash == NULL ? key : slash + 1;
    if (leaf[0] != '.' || !take_id(leaf + 1, id))
        return false;
    const char *rest = leaf + 1 + ULID_LENGTH;
    if (rest[0] == '.' && strspn(rest + 1, "0123456789abcdef") == 8)
        rest += 9;
    return strcmp(rest, ".part") == 0;
}

/* "20261121T020000Z" */
static bool is_time(const char *text)
{
    for (size_t i = 0; i < TIME_LENGTH; i++) {
        if (i == 8                 ? text[i] != 'T'
            : i == TIME_LENGTH - 1 ? text[i] != 'Z'
                                   : text[i] < '0' || text[i] > '9')
            return false;
    }
    return true;
}

/* Every format with every codec, and nothing between or behind. */
static enum keys_kind kind_of_suffix(const char *suffix)
{
    /* Before the formats, as it does not begin like any of them. */
    if (strcmp(suffix, INDEX_SUFFIX) == 0)
        return KEYS_KIND_INDEX;
    for (size_t i = 0; i < COUNT(formats); i++) {
        size_t length = strlen(formats[i][1]);
        if (strncmp(suffix, formats[i][1], length) != 0)
            continue;
        for (int codec = 0; codec < CODEC_COUNT; codec++) {
            if (strcmp(suffix + length, codec_suffix((enum codec_kind)codec)) == 0)
                return KEYS_KIND_DATA;
        }
    }
    return KEYS_KIND_OTHER;
}

/* "DATABASE-TYPE", or "globals" alone */
static bool is_subject(const char *text, size_t length, const char *database,
                       size_t database_length)
{
    /* The leaf begins with its folder's name: moved elsewhere it is not ours any more. */
    if (length < database_length || strncmp(text, database, database_length) != 0)
        return false;
    text += database_length;
    length -= database_length;
    if (length == 0)
        return database_length == strlen(GLOBALS) &&
               strncmp(database, GLOBALS, database_length) == 0;
    for (size_t i = 0; i < COUNT(types); i++) {
        if (length == 1 + strlen(types[i]) && text[0] == '-' &&
            strncmp(text + 1, types[i], length - 1) == 0)
            return true;
    }
    return false;
}

/* The leaf of data and index, whose folders are DATABASE and YYYY. */
static enum keys_kind parse_leaf(const char *leaf, const char *database,
                                 size_t database_length, const char *year,
                                 char id[ULID_SIZE])
{
    /* The suffix begins at the first dot behind the id; ids and times have none, databases
     * may. */
    size_t tail = 1 + TIME_LENGTH + 1 + ULID_LENGTH;
    for (const char *dot = strchr(leaf, '.'); dot != NULL; dot = strchr(dot + 1, '.')) {
        enum keys_kind kind = kind_of_suffix(dot);
        size_t length = (size_t)(dot - leaf);
        if (kind == KEYS_KIND_OTHER || length <= tail)
            continue;
        /* Backwards from there: the id, the time, which must be of the folder's year, and in front
         * of them the name of the other folder. */
        const char *time = dot - tail + 1;
        if (time[-1] == '-' && is_time(time) && time[TIME_LENGTH] == '-' &&
            take_id(time + TIME_LENGTH + 1, id) && strncmp(year, time, YEAR_LENGTH) == 0 &&
            is_subject(leaf, length - tail, database, database_length))
            return kind;
    }
    return KEYS_KIND_OTHER;
}

/* What encode could have made. */
static bool is_encoded(const char *name, size_t length)
{
    /* A segment of dots would be a folder: none that encode made. */
    if (strspn(name, ".") >= length)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (strchr(SAFE, name[i]) != NULL)
            continue;
        if (name[i] != '%' || i + 2 >= length ||
            strspn(name + i + 1, "0123456789ABCDEF") < 2)
            return false;
        i += 2;
    }
    return true;
}

/* As keys_data and keys_index build it, segment by segment. */
static enum keys_kind parse_data(const char *key, char id[ULID_SIZE])
{
    const char *segments[4]; /* source, database, year, leaf */
    size_t lengths[4];
    const char *p = key + strlen(KEYS_DATA);
    /* Four segments, none empty, each as encode writes it, and nothing behind them. */
    for (size_t i = 0; i < COUNT(segments); i++) {
        segments[i] = p;
        lengths[i] = strcspn(p, "/");
        bool last = i == COUNT(segments) - 1;
        if (lengths[i] == 0 || p[lengths[i]] != (last ? '\0' : '/'))
            return KEYS_KIND_OTHER;
        if (!is_encoded(p, lengths[i]))
            return KEYS_KIND_OTHER;
        p += lengths[i] + 1;
    }
    /* Held against the time in the leaf below. */
    if (lengths[2] != YEAR_LENGTH)
        return KEYS_KIND_OTHER;
    return parse_leaf(segments[3], segments[1], lengths[1], segments[2], id);
}

/* Every kind has one form; what has another is not ours. */
static enum keys_kind parse(const char *key, char id[ULID_SIZE])
{
    /* Temp files first: they lie in the folders of all others. */
    if (is_temp(key, id))
        return KEYS_KIND_TEMP;
    if (is_document(key, KEYS_MANIFESTS, id))
        return KEYS_KIND_MANIFEST;
    if (is_document(key, KEYS_STATE, id))
        return KEYS_KIND_STATE;
    if (text_starts_with(key, KEYS_DATA) && strlen(key) <= KEY_MAX)
        return parse_data(key, id);
    if (strcmp(key, KEYS_MARK) == 0)
        return KEYS_KIND_MARK;
    return strcmp(key, KEYS_RECOVERY) == 0 ? KEYS_KIND_RECOVERY : KEYS_KIND_OTHER;
}

/* For everybody who decides about an object by its name: sweep, check, sync, abort. */
enum keys_kind keys_parse(const char *key, char id[ULID_SIZE])
{
    enum keys_kind kind = parse(key, id);
    /* What a failed try left in id must not look like one. */
    if (kind == KEYS_KIND_OTHER || kind == KEYS_KIND_MARK || kind == KEYS_KIND_RECOVERY)
        id[0] = '\0';
    return kind;
}

const char *keys_kind_name(enum keys_kind kind)
{
    static const char *const names[] = {
        [KEYS_KIND_OTHER] = "other",       [KEYS_KIND_DATA] = "data",
        [KEYS_KIND_INDEX] = "index",       [KEYS_KIND_MANIFEST] = "manifest",
        [KEYS_KIND_STATE] = "state",       [KEYS_KIND_MARK] = "mark",
        [KEYS_KIND_RECOVERY] = "recovery", [KEYS_KIND_TEMP] = "temp",
    };
    return names[kind];
}
