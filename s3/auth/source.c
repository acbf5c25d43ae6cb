/*
 * What all kinds of sources share: keys are checked where they come in, so that no other
 * file has to ask whether one could break out of its header, and documents that hold them
 * are never quoted in an error.
 */
#include "s3/auth/source.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"

#define TOKEN_CEILING ((size_t)64 << 10)

void s3_source_release(struct s3_source *source)
{
    if (source->ops != NULL)
        source->ops->free(source->state);
    free(source->origin);
    *source = (struct s3_source){0};
}

int s3_source_fetch(struct s3_source *source, const struct s3_source_env *env,
                    struct s3_credentials *out, struct err *err)
{
    *out = (struct s3_credentials){0};
    /* Checked again here, whatever the kind has checked already. */
    if (source->ops->fetch(source->state, env, out, err) == 0 &&
        s3_source_check(out, err) == 0)
        return 0;
    s3_credentials_release(out);
    return -1;
}

/* A line feed in a key would begin a header of somebody else's choice. */
int s3_source_check(const struct s3_credentials *credentials, struct err *err)
{
    /* Only a part's name is told: a key that was pasted wrong is still half a key. */
    const struct {
        const char *text;
        const char *name;
        bool optional;
    } parts[] = {
        {credentials->access_key, "access key", false},
        {credentials->secret_key.text, "secret key", false},
        {credentials->session_token.text, "session token", true},
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *text = parts[i].text;
        if (text == NULL && parts[i].optional)
            continue;
        if (text == NULL || *text == '\0')
            return err_set(err, ERR_DENIED, "the %s is missing", parts[i].name);
        if (text_has_control(text) || strchr(text, ' ') != NULL)
            return err_set(err, ERR_DENIED, "the %s holds a space or control character",
                           parts[i].name);
    }
    return 0;
}

/* A text that says something; borrowed. */
static const char *member(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value == NULL || *value == '\0' ? NULL : value;
}

/* The same document with small differences: who speaks decides what must stand in it, and
 * whose fault it is when it does not. */
int s3_source_parse(const struct text *json, enum s3_source_speaker speaker,
                    struct s3_credentials *out, struct err *err)
{
    bool is_command = speaker == S3_SOURCE_COMMAND;
    enum err_kind kind = is_command ? ERR_CONFIG : ERR_TRANSIENT;
    struct err unsaid = {0}; /* jansson's words quote the document */
    json_t *object = json_parse(json->data, json->length, &unsaid);
    int result = 0;
    /* What is no object has no members. */
    const char *code = member(object, "Code");
    const char *expires = member(object, "Expiration");
    *out =
        (struct s3_credentials){.access_key = memory_strdup(member(object, "AccessKeyId"))};
    secret_set(&out->secret_key, member(object, "SecretAccessKey"));
    secret_set(&out->session_token, member(object, is_command ? "SessionToken" : "Token"));
    if (!json_is_object(object)) {
        result = err_set(err, kind, "the answer is not a JSON object");
    } else if (!is_command && code != NULL && strcmp(code, "Success") != 0) {
        /* Instance metadata answers a refusal with 200, too. */
        result = err_set(err, ERR_DENIED, "it answered with the code %.64s", code);
    } else if (expires != NULL && clock_parse(expires, &out->expires, &unsaid) < 0) {
        /* Without an end they never expire (a command's long-lived keys); with a wrong one nobody
         * knows. */
        result = err_set(err, kind, "the answer's Expiration is not a time");
    } else if (s3_source_check(out, err) < 0) {
        /* Half a document is the speaker's fault, whoever it is: not ours to be denied. */
        err->kind = kind;
        result = err_context(err, "the answer is not whole");
    } else if (is_command && json_integer_value(json_object_get(object, "Version")) != 1) {
        result = err_set(err, kind, "its answer is not of version 1");
    }
    /* Whole or not at all. */
    if (result < 0)
        s3_credentials_release(out);
    json_decref(object);
    return result;
}

int s3_source_read_token(const char *path, struct secret *out, struct err *err)
{
    struct text text;
    text_init(&text, TOKEN_CEILING);
    int result = file_read(path, &text, NULL, err);

    /* Files that are made with echo end with a line feed. A NUL in the middle would cut. */
    while (text.length > 0 && (unsigned char)text.data[text.length - 1] <= 0x20)
        text.data[--text.length] = '\0';
    if (result < 0)
        err->kind = ERR_CONFIG;
    else if (text.length == 0 || strlen(text.data) != text.length ||
             text_has_control(text.data))
        result =
            err_set(err, ERR_CONFIG,
                    "%s is not a token: empty, or with a control character in it", path);
    else
        secret_set(out, text.data);
    text_wipe(&text);
    return result;
}
