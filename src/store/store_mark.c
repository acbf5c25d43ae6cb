/* The mark of a store, of store.h: {"pgkeep_store":1,"uuid":"…"}. It tells this folder or
 * bucket from an empty mount point and from another one, so nothing is decided where it is
 * missing. */
#include "store/store.h"

#include "base/json.h"
#include "base/ulid.h"
#include "store/store_ops.h"

enum { MARK_VERSION = 1, MARK_CEILING = 64 * 1024, UUID_LENGTH = 36 };

/* In lower case, as we write it: two spellings of one UUID would be two stores. */
static bool is_uuid(const char *text)
{
    for (size_t i = 0; i < UUID_LENGTH; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool digit =
            (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
        if (dash ? text[i] != '-' : !digit)
            return false;
    }
    return text[UUID_LENGTH] == '\0';
}

/* RFC 9562, version 4: random, so that no two stores of anybody are taken for one. */
static void make_uuid(char uuid[37])
{
    unsigned char random[16];
    struct text text;
    ulid_random(random, sizeof random);
    /* Version 4, variant 10: the only bits that are not random. */
    random[6] = (unsigned char)((random[6] & 0x0F) | 0x40);
    random[8] = (unsigned char)((random[8] & 0x3F) | 0x80);
    text_init(&text, UUID_LENGTH);
    for (size_t i = 0; i < sizeof random; i++) {
        text_add_hex(&text, &random[i], 1);
        if (i == 3 || i == 5 || i == 7 || i == 9)
            text_add_char(&text, '-');
    }
    memcpy(uuid, text.data, UUID_LENGTH + 1);
    text_release(&text);
}

/* Keys that a later version may add say nothing about which store this is. */
static int parse_mark(const struct text *mark, char uuid[37], struct err *err)
{
    struct json_reader reader;
    json_t *object = json_parse(mark->data, mark->length, err);
    if (object == NULL)
        return err_context(err, "%s", STORE_MARK_KEY);
    /* Of a later version: what else it may demand of us is not known. */
    json_reader_init(&reader, object, STORE_MARK_KEY, err);
    (void)json_read_int(&reader, "pgkeep_store", MARK_VERSION, MARK_VERSION, false);
    char *text = json_read_string(&reader, "uuid", false);
    int result = json_reader_finish(&reader, true);
    if (result == 0 && !is_uuid(text))
        result = err_set(err, ERR_CORRUPT, "%s: \"uuid\" is not a UUID", STORE_MARK_KEY);
    if (result == 0)
        memcpy(uuid, text, UUID_LENGTH + 1);
    free(text);
    json_decref(object);
    return result;
}

int store_identify(struct store *store, char uuid[37], bool *absent, struct err *err)
{
    struct text mark;
    text_init(&mark, MARK_CEILING);
    int result = store_get(store, STORE_MARK_KEY, &mark, absent, err);
    /* Damaged is not absent: a new mark would make another store of it. */
    if (result == 0 && !*absent) {
        result = parse_mark(&mark, uuid, err);
        if (result < 0)
            err_context(err, "store \"%s\"", store_name(store));
    }
    text_release(&mark);
    return result;
}

int store_mark(struct store *store, char uuid[37], struct err *err)
{
    char found[37], mark[128];
    bool absent = false;
    struct err refused = {0};
    if (uuid[0] == '\0')
        make_uuid(uuid);
    /* One that is there stays: it is who the store is, for every catalog that knows it. */
    if (store_identify(store, found, &absent, err) < 0)
        return -1;
    if (absent) {
        int length = snprintf(mark, sizeof mark, "{\"pgkeep_store\":%d,\"uuid\":\"%s\"}\n",
                              MARK_VERSION, uuid);
        /* It may have been written since: read it again in any case. Where the store does
         * not know conditions, the last writer's is the one that both then read. */
        int written = store_put_new(store, STORE_MARK_KEY, mark, (size_t)length, &refused);
        if (store_identify(store, found, &absent, err) < 0)
            return -1;
        /* Written and not there is no lost race: nothing here can be relied on. */
        if (absent) {
            *err = refused;
            return written < 0 ? -1
                               : err_set(err, ERR_STORE,
                                         "store \"%s\": %s was written and is not there",
                                         store_name(store), STORE_MARK_KEY);
        }
    }
    /* Whoever wrote it: this is who the store is. */
    memcpy(uuid, found, sizeof found);
    return 0;
}
