/*
 * fake_s3 - the scripted S3 service as a program, for tests of whole processes:
 *
 *     fake_s3 [NAME=VALUE ...]
 *
 * The words are fields of struct fake_s3_settings (fake_s3.h). It prints "endpoint URL",
 * "access_key ID" and "secret_key KEY", and then answers every line of stdin with one line,
 * until stdin ends:
 *
 *     set NAME=VALUE ...     changes settings: "ok"
 *     fault NAME=VALUE ...   fields of struct fake_fault, action=lose_answer for
 *                            FAKE_LOSE_ANSWER, times=always for FAKE_ALWAYS: the fault's id
 *     fired ID               how often that fault fired
 *     clear                  no more faults: "ok"
 *     wait COUNT MS          until so many requests are held: "held", or "none" after MS
 *     release                lets go what is held: "ok"
 *     down, up               the outage: "ok"
 *     forget uploads|KEY     as a server that swept them: "ok"
 *     count [OP]             requests so far
 *     request N [OP]         the n-th: "OP METHOD STATUS TARGET"
 *     objects, uploads       how many a listing shows, how many are open
 *     stats                  fields of struct fake_s3_stats, NAME=VALUE in one line
 *
 * What cannot be done is answered by "error: ...". A value ends at a blank; '+' stands for
 * one.
 */
#include "tests/support/fake_s3.h"

#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"

#include <stddef.h>

enum { LINE = 4096, WORDS = 32 };

struct session {
    struct fake_s3 *fake;
    struct fake_s3_settings settings;
    struct strlist kept; /* strings of faults, which must outlive the server */
};

/* ---- fields by name ---- */

enum field_type { FIELD_STRING, FIELD_BOOL, FIELD_UNSIGNED, FIELD_INT, FIELD_UINT64 };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
};

#define SETTING(name, type)                                                                \
    {                                                                                      \
#name, type, offsetof(struct fake_s3_settings, name)                               \
    }
#define FAULT(name, type)                                                                  \
    {                                                                                      \
#name, type, offsetof(struct fake_fault, name)                                     \
    }
#define STAT(name)                                                                         \
    {                                                                                      \
#name, FIELD_UNSIGNED, offsetof(struct fake_s3_stats, name)                        \
    }

static const struct field settings_fields[] = {
    SETTING(bucket, FIELD_STRING),
    SETTING(region, FIELD_STRING),
    SETTING(any_region, FIELD_BOOL),
    SETTING(base_path, FIELD_STRING),
    SETTING(server, FIELD_STRING),
    SETTING(min_part_size, FIELD_UINT64),
    SETTING(max_part_size, FIELD_UINT64),
    SETTING(max_object_size, FIELD_UINT64),
    SETTING(max_parts, FIELD_UNSIGNED),
    SETTING(equal_parts, FIELD_BOOL),
    SETTING(versioning, FIELD_BOOL),
    SETTING(object_lock, FIELD_BOOL),
    SETTING(lock_is_400, FIELD_BOOL),
    SETTING(no_batch_delete, FIELD_BOOL),
    SETTING(no_list_v2, FIELD_BOOL),
    SETTING(page_size, FIELD_UNSIGNED),
    SETTING(uploads_by_exact_key, FIELD_BOOL),
    SETTING(abort_twice_is_204, FIELD_BOOL),
    SETTING(complete_twice_is_200, FIELD_BOOL),
    SETTING(complete_without_etag, FIELD_BOOL),
    SETTING(ignore_content_md5, FIELD_BOOL),
    SETTING(ignore_sha256, FIELD_BOOL),
    SETTING(refuse_checksums, FIELD_BOOL),
    SETTING(etags_are_not_md5, FIELD_BOOL),
    SETTING(no_100_continue, FIELD_BOOL),
    SETTING(sparse, FIELD_BOOL),
    SETTING(close_each, FIELD_BOOL),
    SETTING(failure_percent, FIELD_UNSIGNED),
    SETTING(failure_seed, FIELD_UINT64),
    SETTING(clock_offset_s, FIELD_INT),
    {NULL, FIELD_STRING, 0},
};

static const struct field fault_fields[] = {
    FAULT(op, FIELD_STRING),     FAULT(method, FIELD_STRING), FAULT(key, FIELD_STRING),
    FAULT(part, FIELD_UNSIGNED), FAULT(nth, FIELD_UNSIGNED),  FAULT(status, FIELD_INT),
    FAULT(code, FIELD_STRING),   FAULT(bytes, FIELD_UINT64),  FAULT(delay_ms, FIELD_INT),
    FAULT(seconds, FIELD_INT),   FAULT(region, FIELD_STRING), {NULL, FIELD_STRING, 0},
};

static const struct field stats_fields[] = {
    STAT(connections),           STAT(bad_signatures),    STAT(parts_in_flight),
    STAT(same_part_in_flight),   STAT(endings_in_flight), STAT(completes_after_abort),
    STAT(aborts_after_complete), STAT(aws_chunked),       STAT(chunked),
    STAT(repeated_dates),        {NULL, FIELD_STRING, 0},
};

static const struct {
    const char *name;
    enum fake_action action;
} actions[] = {
    {"status", FAKE_STATUS},
    {"status_early", FAKE_STATUS_EARLY},
    {"delay", FAKE_DELAY},
    {"hold", FAKE_HOLD},
    {"cut_request", FAKE_CUT_REQUEST},
    {"reset", FAKE_RESET},
    {"lose_answer", FAKE_LOSE_ANSWER},
    {"cut_answer", FAKE_CUT_ANSWER},
    {"error_in_200", FAKE_ERROR_IN_200},
    {"error_after_200", FAKE_ERROR_AFTER_200},
    {"empty_200", FAKE_EMPTY_200},
    {"wrong_etag", FAKE_WRONG_ETAG},
    {"no_etag", FAKE_NO_ETAG},
    {"wrong_checksum", FAKE_WRONG_CHECKSUM},
    {"flip_body", FAKE_FLIP_BODY},
    {"cut_body", FAKE_CUT_BODY},
    {"expired_token", FAKE_EXPIRED_TOKEN},
    {"redirect", FAKE_REDIRECT},
    {"wrong_region", FAKE_WRONG_REGION},
};

static const char *keep(struct session *session, const char *value)
{
    strlist_add(&session->kept, value);
    char *kept = session->kept.items[session->kept.count - 1];
    for (char *c = kept; *c != '\0'; c++)
        if (*c == '+')
            *c = ' ';
    return kept;
}

static int set_field(struct session *session, const struct field *field, void *base,
                     const char *value, struct err *err)
{
    char *at = (char *)base + field->offset;
    int64_t number = 0;

    switch (field->type) {
    case FIELD_STRING:
        *(const char **)(void *)at = keep(session, value);
        return 0;
    case FIELD_BOOL:
        return parse_bool(value, (bool *)(void *)at, err);
    case FIELD_UNSIGNED:
        if (parse_int(value, 0, UINT32_MAX, &number, err) == 0)
            *(unsigned *)(void *)at = (unsigned)number;
        break;
    case FIELD_INT:
        if (parse_int(value, INT32_MIN, INT32_MAX, &number, err) == 0)
            *(int *)(void *)at = (int)number;
        break;
    case FIELD_UINT64:
        if (parse_int(value, 0, INT64_MAX, &number, err) == 0)
            *(uint64_t *)(void *)at = (uint64_t)number;
        break;
    }
    return err->kind == ERR_NONE ? 0 : -1;
}

/* One word, NAME=VALUE, into the struct at base. */
static int assign(struct session *session, const struct field *fields, void *base,
                  const char *word, struct err *err)
{
    const char *value = strchr(word, '=');
    size_t length = value != NULL ? (size_t)(value - word) : 0;

    for (const struct field *field = fields; field->name != NULL; field++)
        if (length > 0 && strlen(field->name) == length &&
            strncmp(field->name, word, length) == 0)
            return set_field(session, field, base, value + 1, err);
    return err_set(err, ERR_USAGE, "what is \"%s\"?", word);
}

/* ---- commands: each answers with one line, or fails ---- */

typedef int (*command_run)(struct session *session, char **words, struct err *err);

static int say_ok(void)
{
    puts("ok");
    return 0;
}

static int set(struct session *session, char **words, struct err *err)
{
    for (; *words != NULL; words++)
        if (assign(session, settings_fields, &session->settings, *words, err) < 0)
            return -1;
    if (session->fake == NULL)
        return 0;
    fake_s3_change(session->fake, &session->settings);
    return say_ok();
}

static int set_action(struct fake_fault *fault, const char *name, struct err *err)
{
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(actions[i].name, name) == 0) {
            fault->action = actions[i].action;
            return 0;
        }
    return err_set(err, ERR_USAGE, "no such action: %s", name);
}

static int set_times(struct fake_fault *fault, const char *value, struct err *err)
{
    int64_t number = FAKE_ALWAYS;

    if (strcmp(value, "always") != 0 && parse_int(value, 1, INT32_MAX, &number, err) < 0)
        return -1;
    fault->times = (unsigned)number;
    return 0;
}

static int fault(struct session *session, char **words, struct err *err)
{
    struct fake_fault made = {0};

    for (; *words != NULL; words++) {
        int result = text_starts_with(*words, "action=")
                         ? set_action(&made, strchr(*words, '=') + 1, err)
                     : text_starts_with(*words, "times=")
                         ? set_times(&made, strchr(*words, '=') + 1, err)
                         : assign(session, fault_fields, &made, *words, err);
        if (result < 0)
            return -1;
    }
    printf("%u\n", fake_s3_fault(session->fake, &made));
    return 0;
}

static int number_of(const char *word, int64_t *out, struct err *err)
{
    if (word == NULL)
        return err_set(err, ERR_USAGE, "a number is missing");
    return parse_int(word, 0, INT32_MAX, out, err);
}

static int fired(struct session *session, char **words, struct err *err)
{
    int64_t id = 0;

    if (number_of(words[0], &id, err) < 0)
        return -1;
    printf("%u\n", fake_s3_fired(session->fake, (unsigned)id));
    return 0;
}

static int clear(struct session *session, char **words, struct err *err)
{
    (void)words;
    (void)err;
    fake_s3_clear_faults(session->fake);
    return say_ok();
}

static int wait_held(struct session *session, char **words, struct err *err)
{
    int64_t count = 0, ms = 0;

    if (number_of(words[0], &count, err) < 0 || number_of(words[1], &ms, err) < 0)
        return -1;
    puts(fake_s3_wait_held(session->fake, (unsigned)count, (int)ms) ? "held" : "none");
    return 0;
}

static int release(struct session *session, char **words, struct err *err)
{
    (void)words;
    (void)err;
    fake_s3_release(session->fake);
    return say_ok();
}

static int down(struct session *session, char **words, struct err *err)
{
    (void)words;
    (void)err;
    fake_s3_down(session->fake);
    return say_ok();
}

static int up(struct session *session, char **words, struct err *err)
{
    (void)words;
    return fake_s3_up(session->fake, err) < 0 ? -1 : say_ok();
}

static int forget(struct session *session, char **words, struct err *err)
{
    if (words[0] == NULL)
        return err_set(err, ERR_USAGE, "forget what?");
    if (strcmp(words[0], "uploads") == 0)
        fake_s3_forget_uploads(session->fake);
    else
        fake_s3_forget_object(session->fake, words[0]);
    return say_ok();
}

static int count(struct session *session, char **words, struct err *err)
{
    (void)err;
    printf("%u\n", fake_s3_count(session->fake, words[0]));
    return 0;
}

static int request(struct session *session, char **words, struct err *err)
{
    struct fake_request found;
    int64_t number = 0;

    if (number_of(words[0], &number, err) < 0)
        return -1;
    if (!fake_s3_request(session->fake, words[1], (unsigned)number, &found))
        return err_set(err, ERR_NOT_FOUND, "no such request");
    printf("%s %s %d %s\n", found.op, found.method, found.status, found.target);
    fake_request_release(&found);
    return 0;
}

static int objects(struct session *session, char **words, struct err *err)
{
    (void)words;
    (void)err;
    printf("%u\n", fake_s3_object_count(session->fake));
    return 0;
}

static int uploads(struct session *session, char **words, struct err *err)
{
    (void)words;
    (void)err;
    printf("%u\n", fake_s3_upload_count(session->fake));
    return 0;
}

static int stats(struct session *session, char **words, struct err *err)
{
    struct fake_s3_stats now = fake_s3_stats(session->fake);

    (void)words;
    (void)err;
    for (const struct field *field = stats_fields; field->name != NULL; field++) {
        const void *at = (const char *)&now + field->offset;
        printf("%s%s=%u", field == stats_fields ? "" : " ", field->name,
               *(const unsigned *)at);
    }
    puts("");
    return 0;
}

static const struct {
    const char *name;
    command_run run;
} commands[] = {
    {"set", set},         {"fault", fault},     {"fired", fired},     {"clear", clear},
    {"wait", wait_held},  {"release", release}, {"down", down},       {"up", up},
    {"forget", forget},   {"count", count},     {"request", request}, {"objects", objects},
    {"uploads", uploads}, {"stats", stats},
};

static int obey(struct session *session, char **words, struct err *err)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (words[0] != NULL && strcmp(commands[i].name, words[0]) == 0)
            return commands[i].run(session, words + 1, err);
    return err_set(err, ERR_USAGE, "what is \"%s\"?", words[0] != NULL ? words[0] : "");
}

static void split(char *line, char *words[WORDS + 1])
{
    size_t count = 0;
    char *rest = NULL;

    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < WORDS;
         word = strtok_r(NULL, " \n", &rest))
        words[count++] = word;
    words[count] = NULL;
}

static void serve(struct session *session)
{
    char line[LINE];
    char *words[WORDS + 1];

    while (fgets(line, sizeof line, stdin) != NULL) {
        struct err err = {0};
        split(line, words);
        if (obey(session, words, &err) < 0)
            printf("error: %s\n", err.text);
    }
}

int main(int argc, char **argv)
{
    struct session session = {.settings = fake_s3_defaults()};
    struct err err = {0};

    (void)argc;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (set(&session, argv + 1, &err) == 0)
        session.fake = fake_s3_new(&session.settings, &err);
    if (session.fake == NULL) {
        fprintf(stderr, "fake_s3: %s\n", err.text);
        strlist_release(&session.kept);
        return 1;
    }
    printf("endpoint %s\naccess_key %s\nsecret_key %s\n", fake_s3_endpoint(session.fake),
           session.settings.access_key, session.settings.secret_key);
    serve(&session);
    fake_s3_free(session.fake);
    strlist_release(&session.kept);
    return 0;
}
