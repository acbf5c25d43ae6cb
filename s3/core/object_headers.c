/*
 * What an object is written with. All of it is checked here, once, when a client is made: a
 * header that the service refuses would otherwise be found out after hours of dump.
 */
#include "s3/core/engine.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"

enum { SSE_C_KEY = 32 };

/* ---- from the configuration ---- */

/* Printable ASCII only: a line feed would begin a header of its own, and what a proxy does
 * with other bytes nobody knows, but the signature covers them. */
static int add_object_header(struct s3_engine *engine, const char *name, const char *value,
                             struct err *err)
{
    bool is_line = value != NULL && *value != '\0';
    if (value == NULL)
        return 0;
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            is_line = false;
    if (!is_line)
        return err_set(err, ERR_CONFIG, "a value for %s cannot stand in a header", name);
    strlist_addf(&engine->object_headers, "%s: %s", name, value);
    return 0;
}

/* By the service (SSE-S3, SSE-KMS); with a key of our own it is set_own_key. */
static int set_encryption(struct s3_engine *engine, const struct s3_config *config,
                          struct err *err)
{
    static const char *const names[] = {"AES256", "aws:kms", "aws:kms:dsse"};
    if (config->sse != NULL &&
        !text_is_any(config->sse, names, sizeof names / sizeof *names))
        return err_set(err, ERR_CONFIG, "unknown encryption \"%s\"", config->sse);
    bool kms = config->sse != NULL && strcmp(config->sse, "AES256") != 0;
    if (config->sse_kms_key != NULL && !kms)
        return err_set(err, ERR_CONFIG, "a KMS key needs the encryption aws:kms");
    if (config->sse != NULL && config->sse_c_key_file != NULL)
        return err_set(
            err, ERR_CONFIG,
            "a key of your own and encryption by the service exclude each other");

    /* An ETag that is not an MD5 looks like one: without knowing better every part would
     * count as damaged. */
    engine->etag_is_md5 = engine->provider.etag_is_md5 && !kms &&
                          config->sse_c_key_file == NULL && digest_available(DIGEST_MD5);
    if (add_object_header(engine, "x-amz-server-side-encryption", config->sse, err) < 0)
        return -1;
    return add_object_header(engine, "x-amz-server-side-encryption-aws-kms-key-id",
                             config->sse_kms_key, err);
}

/* 32 bytes, or their base64 with a line end behind it. */
static int parse_sse_c_key(struct text *file, unsigned char key[SSE_C_KEY])
{
    if (file->length == SSE_C_KEY) {
        memcpy(key, file->data, SSE_C_KEY);
        return 0;
    }
    while (file->length > 0 && strchr("\r\n \t", file->data[file->length - 1]) != NULL)
        file->data[--file->length] = '\0';
    return digest_from_base64(file->data, key, SSE_C_KEY);
}

/* The service keeps the MD5 alone, and compares it with every request for the object. */
static void add_sse_c_headers(struct s3_engine *engine, const unsigned char key[SSE_C_KEY])
{
    static const char prefix[] = "x-amz-server-side-encryption-customer";
    unsigned char md5[MD5_SIZE];
    char text[4 * ((SSE_C_KEY + 2) / 3) + 1];
    digest_md5(key, SSE_C_KEY, md5);
    strlist_addf(&engine->key_headers, "%s-algorithm: AES256", prefix);
    strlist_addf(&engine->key_headers, "%s-key: %s", prefix,
                 digest_base64(key, SSE_C_KEY, text));
    /* The same buffer holds the MD5 of the key next, which is no secret. */
    memory_wipe(text, sizeof text);
    strlist_addf(&engine->key_headers, "%s-key-MD5: %s", prefix,
                 digest_base64(md5, MD5_SIZE, text));
}

static int set_own_key(struct s3_engine *engine, const char *path, struct err *err)
{
    struct text file;
    unsigned char key[SSE_C_KEY];
    if (path == NULL)
        return 0;
    /* AWS refuses it over http; others would take it, and so would whoever listens. */
    if (!engine->tls && !s3_endpoint_is_loopback(&engine->endpoint))
        return err_set(err, ERR_CONFIG, "a key of your own is sent over https only");
    if (!digest_available(DIGEST_MD5))
        return err_set(err, ERR_CONFIG,
                       "a key of your own needs MD5, which OpenSSL refuses");
    text_init(&file, 4096);
    int result = file_read(path, &file, NULL, err);
    if (result < 0)
        err->kind = ERR_CONFIG; /* of this store; this machine is well */
    if (result == 0 && parse_sse_c_key(&file, key) < 0)
        result = err_set(err, ERR_CONFIG, "%s: neither 32 bytes nor the base64 of 32 bytes",
                         path);
    if (result == 0)
        add_sse_c_headers(engine, key);
    memory_wipe(key, sizeof key);
    text_wipe(&file);
    return result;
}

/* Retention and legal hold are independent of each other, as in S3. */
static int set_lock(struct s3_engine *engine, const struct s3_config *config,
                    struct err *err)
{
    const char *mode = config->object_lock_mode;
    if (mode == NULL && !config->legal_hold)
        return 0;
    /* Some services take the headers and protect nothing. */
    if (!engine->provider.object_lock)
        return err_set(err, ERR_CONFIG, "%s has no object lock", engine->provider.title);
    engine->legal_hold = config->legal_hold;
    if (config->legal_hold &&
        add_object_header(engine, "x-amz-object-lock-legal-hold", "ON", err) < 0)
        return -1;
    if (mode == NULL)
        return 0;
    if (strcmp(mode, "GOVERNANCE") != 0 && strcmp(mode, "COMPLIANCE") != 0)
        return err_set(err, ERR_CONFIG, "unknown lock mode \"%s\"", mode);
    if (config->object_lock_seconds <= 0)
        return err_set(err, ERR_CONFIG, "an object lock needs a time to last");
    /* Its header tells a date, so it is made when an object is. */
    engine->lock_mode = memory_strdup(mode);
    engine->lock_seconds = config->object_lock_seconds;
    return 0;
}

int s3_engine_set_object_headers(struct s3_engine *engine, const struct s3_config *config,
                                 struct err *err)
{
    if (config->tagging != NULL && !engine->provider.tags)
        return err_set(err, ERR_CONFIG, "%s has no tags", engine->provider.title);
    if (add_object_header(engine, "x-amz-storage-class", config->storage_class, err) < 0 ||
        add_object_header(engine, "x-amz-tagging", config->tagging, err) < 0)
        return -1;
    if (set_encryption(engine, config, err) < 0 ||
        set_own_key(engine, config->sse_c_key_file, err) < 0)
        return -1;
    return set_lock(engine, config, err);
}

/* ---- into a request ---- */

void s3_client_add_key_headers(const struct s3_client *client, struct s3_request *request)
{
    const struct strlist *headers = &client->engine->key_headers;
    for (size_t i = 0; i < headers->count; i++)
        strlist_add(&request->headers, headers->items[i]);
}

void s3_client_add_object_headers(struct s3_client *client, struct s3_request *request)
{
    const struct s3_engine *engine = client->engine;
    char until[32];
    for (size_t i = 0; i < engine->object_headers.count; i++)
        strlist_add(&request->headers, engine->object_headers.items[i]);
    s3_client_add_key_headers(client, request);
    if (engine->lock_mode == NULL)
        return;
    s3_request_header(request, "x-amz-object-lock-mode", "%s", engine->lock_mode);
    s3_request_header(request, "x-amz-object-lock-retain-until-date", "%s",
                      clock_rfc3339(until, s3_client_time(client) + engine->lock_seconds));
}

/* By the start of the name, which the KMS key's header shares. */
void s3_client_add_encryption(const struct s3_client *client, struct s3_request *request)
{
    const struct strlist *headers = &client->engine->object_headers;
    for (size_t i = 0; i < headers->count; i++)
        if (text_starts_with(headers->items[i], "x-amz-server-side-"))
            strlist_add(&request->headers, headers->items[i]);
    s3_client_add_key_headers(client, request);
}

bool s3_client_has_own_key(const struct s3_client *client)
{
    return client->engine->key_headers.count > 0;
}
