/*
 * A zone file is read once: TZif, RFC 8536. What is not as the RFC
 * says is no zone: a time zone that is half understood would put backups into wrong periods.
 */
#include "base/zone/zone.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/zone/date.h"
#include "base/zone/zone_rule.h"

/* Where every Linux distribution keeps it (hier(7), tzfile(5)). */
static const char zone_folder[] = "/usr/share/zoneinfo/";

#define ZONE_FILE_MAX (256 * 1024)
#define ZONE_NAME_MAX 64
#define OFFSET_MAX (26 * 3600) /* RFC 8536 3.2: offsets are within -25 h and +26 h */
#define HEADER_SIZE 44
#define TYPE_SIZE 6

/* More than the difference of any two offsets of a zone. */
#define NEAR (2 * DATE_DAY_SECONDS)

struct zone {
    char *name;
    int32_t first; /* offset before times[0] */
    size_t count;
    int64_t *times;        /* ascending */
    int32_t *offsets;      /* from times[i] on */
    struct zone_rule rule; /* from times[count - 1] on */
};

/* The rest of a TZif file that is not read yet. */
struct cursor {
    const unsigned char *at;
    size_t left;
};

struct header {
    int version; /* 1 to 4 */
    size_t ut, standard, leaps, times, types, characters;
};

/* Two's complement of 4 or 8 bytes without a cast that depends on the compiler. */
static int64_t big_endian_signed(const unsigned char *at, size_t size)
{
    int64_t value = (at[0] & 0x80) != 0 ? -1 : 0;
    for (size_t i = 0; i < size; i++)
        value = value * 256 + at[i];
    return value;
}

/* The next `size` bytes; NULL when there are less. */
/* The one place that reads from the file, so the one that must not read beyond it. */
static const unsigned char *take(struct cursor *cursor, size_t size)
{
    if (cursor->left < size)
        return NULL;
    const unsigned char *at = cursor->at;
    cursor->at += size;
    cursor->left -= size;
    return at;
}

/* 3.1: six counts behind magic, version and 15 unused bytes. */
static bool read_header(struct cursor *cursor, struct header *header)
{
    const unsigned char *at = take(cursor, HEADER_SIZE);
    if (at == NULL || memcmp(at, "TZif", 4) != 0)
        return false;
    header->version = at[4] == 0 ? 1 : at[4] - '0';
    size_t *fields[] = {&header->ut,    &header->standard, &header->leaps,
                        &header->times, &header->types,    &header->characters};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        const unsigned char *count = at + 20 + 4 * i;
        /* Bounded before anything is multiplied by it. */
        *fields[i] = (size_t)count[0] << 24 | (size_t)count[1] << 16 |
                     (size_t)count[2] << 8 | count[3];
        if (*fields[i] > ZONE_FILE_MAX)
            return false;
    }
    return header->version >= 1 && header->types >= 1 && header->types <= 256;
}

/* 3.2. Leap seconds have their time and 4 bytes. */
static size_t block_size(const struct header *header, size_t time_size)
{
    return header->times * (time_size + 1) + header->types * TYPE_SIZE +
           header->characters + header->leaps * (time_size + 4) + header->standard +
           header->ut;
}

/* 3.2: times, an index into the types for each, the types (of which the first 4 bytes are the
 * offset). Abbreviations and indicators mean nothing here. */
static bool read_block(struct cursor *cursor, const struct header *header, size_t time_size,
                       struct zone *zone)
{
    const unsigned char *times = take(cursor, block_size(header, time_size));
    if (times == NULL ||
        header->leaps > 0) /* "right" zones count leap seconds; we do not */
        return false;
    const unsigned char *index = times + header->times * time_size;
    const unsigned char *types = index + header->times;
    int32_t offsets[256] = {0};
    for (size_t i = 0; i < header->types; i++) {
        offsets[i] = (int32_t)big_endian_signed(types + i * TYPE_SIZE, 4);
        if (offsets[i] < -OFFSET_MAX || offsets[i] > OFFSET_MAX)
            return false;
    }

    /* 3.2: before the first transition type 0 holds. Times must ascend: they are searched by
     * halves. */
    zone->first = offsets[0];
    zone->count = header->times;
    zone->times = memory_array(zone->count + 1, sizeof(*zone->times));
    zone->offsets = memory_array(zone->count + 1, sizeof(*zone->offsets));
    for (size_t i = 0; i < zone->count; i++) {
        zone->times[i] = big_endian_signed(times + i * time_size, time_size);
        if (index[i] >= header->types || (i > 0 && zone->times[i] <= zone->times[i - 1]))
            return false;
        zone->offsets[i] = offsets[index[i]];
    }
    return true;
}

/* 3.3: a line of its own behind the 64-bit block, the rule for all times to come. */
static bool read_footer(struct cursor *cursor, struct zone_rule *rule)
{
    const unsigned char *begin = take(cursor, 1);
    if (begin == NULL || *begin != '\n')
        return false;
    const unsigned char *end = memchr(cursor->at, '\n', cursor->left);
    if (end == NULL)
        return false;
    /* The longest rule of the database has less than 40 characters. */
    char text[128];
    size_t length = (size_t)(end - cursor->at);
    if (length >= sizeof(text))
        return false;
    memcpy(text, cursor->at, length);
    text[length] = '\0';
    return zone_rule_parse(text, rule);
}

/* From version 2 on the same comes again in 64 bits, and only that is read: 32 bits end in
 * 2038. */
static bool read_zone(struct cursor cursor, struct zone *zone)
{
    struct header header;
    if (!read_header(&cursor, &header))
        return false;
    if (header.version == 1)
        return read_block(&cursor, &header, 4, zone);
    if (take(&cursor, block_size(&header, 4)) == NULL || !read_header(&cursor, &header))
        return false;
    return read_block(&cursor, &header, 8, zone) && read_footer(&cursor, &zone->rule);
}

struct zone *zone_parse(const char *name, const void *data, size_t size, struct err *err)
{
    struct zone *zone = memory_zalloc(sizeof(*zone));
    zone->name = memory_strdup(name);
    /* What was read before the mistake is freed with it. */
    struct cursor cursor = {data, size};
    if (read_zone(cursor, zone))
        return zone;
    zone_free(zone);
    err_set(err, ERR_CORRUPT, "time zone \"%s\": not a TZif file", name);
    return NULL;
}

void zone_free(struct zone *zone)
{
    if (zone == NULL)
        return;
    free(zone->name);
    free(zone->times);
    free(zone->offsets);
    free(zone);
}

const char *zone_name(const struct zone *zone)
{
    return zone->name;
}

/* Names of the database hold nothing else; so no name can leave its folder ('.' is missing). */
static bool is_plain_name(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789_+-/";
    size_t length = strlen(name);
    if (length == 0 || length > ZONE_NAME_MAX || strspn(name, allowed) != length)
        return false;
    return name[0] != '/' && name[length - 1] != '/' && strstr(name, "//") == NULL;
}

/* Files of the same folder that are not zones of the database. */
static bool is_foreign(const char *name)
{
    static const char *const files[] = {"localtime", "posixrules"};
    return text_is_any(name, files, sizeof(files) / sizeof(files[0])) ||
           text_starts_with(name, "posix/") || text_starts_with(name, "right/");
}

struct zone *zone_load(const char *name, struct err *err)
{
    struct zone *zone = NULL;
    /* The default works where no zone database is installed. */
    if (strcmp(name, "UTC") == 0) {
        zone = memory_zalloc(sizeof(*zone));
        zone->name = memory_strdup(name);
        return zone;
    }
    /* From the database, whose names are the only ones that mean the same on every machine. */
    if (is_plain_name(name) && !is_foreign(name)) {
        struct text path;
        text_init(&path, sizeof(zone_folder) + ZONE_NAME_MAX);
        text_add(&path, zone_folder);
        text_add(&path, name);
        struct text data;
        text_init(&data, ZONE_FILE_MAX);
        struct err ignored = {0}; /* whatever it is, the zone is not to be had */
        if (file_read(path.data, &data, NULL, &ignored) == 0)
            zone = zone_parse(name, data.data, data.length, &ignored);
        text_release(&data);
        text_release(&path);
    }
    /* glibc would silently give UTC for an unknown name (section 2). */
    if (zone == NULL) {
        err_set(err, ERR_CONFIG, "time zone \"%.*s\" does not exist", ZONE_NAME_MAX, name);
        err_hint(err, "names look like \"Europe/Berlin\"; the package tzdata has them");
    }
    return zone;
}

/* How many transitions lie at or before the time. By halves: a zone has up to some hundred, and a
 * plan asks for many times. */
static size_t transitions_until(const struct zone *zone, int64_t time)
{
    size_t low = 0, high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (zone->times[middle] <= time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct zone_span zone_span(const struct zone *zone, int64_t time)
{
    /* Beyond, years would not fit; whatever holds at the limit holds there, too. */
    time = time > ZONE_TIME_LIMIT    ? ZONE_TIME_LIMIT
           : time < -ZONE_TIME_LIMIT ? -ZONE_TIME_LIMIT
                                     : time;
    size_t past = transitions_until(zone, time);
    struct zone_span span = {INT64_MIN, INT64_MAX, zone->first};

    /* Behind the last transition the rule goes on for ever; before it the file says all. */
    if (past == zone->count && zone->rule.exists)
        span = zone_rule_span(&zone->rule, time);
    else if (past > 0)
        span.offset = zone->offsets[past - 1];

    /* The rule does not know where the file ends, and may say the same for before. */
    if (past > 0 && span.from < zone->times[past - 1])
        span.from = zone->times[past - 1];
    if (past < zone->count)
        span.until = zone->times[past];
    return span;
}

/* Spans are walked from well before to well after: which of them can show it is not known
 * beforehand. */
struct zone_reading zone_read_local(const struct zone *zone, int64_t local)
{
    struct zone_reading reading = {.change = local, .gap = local};
    struct zone_span span = zone_span(zone, local - NEAR);
    for (;;) {
        /* This span shows the local time if the moment lies in it: twice when clocks go back. */
        int64_t time = local - span.offset;
        if (time >= span.from && time < span.until) {
            if (reading.count++ == 0)
                reading.first = time;
            reading.last = time;
        }
        /* The gap is where local time jumps over it at the end of this span. */
        if (span.until == INT64_MAX || span.until > local + NEAR)
            return reading;
        struct zone_span next = zone_span(zone, span.until);
        if (span.until + span.offset <= local && span.until + next.offset > local) {
            reading.change = span.until;
            reading.gap = time;
        }
        span = next;
    }
}
