/*
 * What differs between services, and where that is known from. Whoever adds a row gives the
 * source with it: a page of the vendor, the service's source code, or a probe (probe.h).
 */
#include "s3/core/provider.h"

#include "base/text.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

/* What most services have in common. */
#define USUAL_LIMITS                                                                       \
    .min_part = 5 * MIB, .max_part = 5 * GIB, .max_parts = 10000, .max_object = 5 * TIB
#define LOCKS_VERSIONS_TAGS .object_lock = true, .versions = true, .tags = true
#define USUAL_ANSWERS .list_version = 2, .etag_is_md5 = true

/* Where a service's behaviour is not known for certain (S3.md section 8) the row holds what
 * is safe: no checksum header, no condition. The last row is for all others. */
static const struct s3_provider rows[] = {
    /* docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html; idle close after about 5 s:
     * aws-c-s3 */
    {.name = "aws",
     .title = "Amazon S3",
     .hosts = "amazonaws.com amazonaws.com.cn",
     .min_part = 5 * MIB,
     .max_part = 5 * GIB,
     .max_parts = 10000,
     .max_object = 48 * TIB + 820 * GIB,
     LOCKS_VERSIONS_TAGS,
     USUAL_ANSWERS,
     .checks_sha256 = true,
     .crc64 = true,
     .put_if_absent = true,
     .complete_if_absent = true,
     .mp_object_size = true,
     .idle_seconds = 4},
    /* Source of MinIO and probes: reference MINIO.md. Parts of an upload that was begun with a
     * checksum must all carry it. */
    {.name = "minio",
     .title = "MinIO",
     .hosts = "min.io",
     .server = "MinIO",
     .min_part = 5 * MIB,
     .max_part = 5 * TIB,
     .max_parts = 10000,
     .max_object = 5 * TIB,
     LOCKS_VERSIONS_TAGS,
     USUAL_ANSWERS,
     .checks_sha256 = true,
     .crc64 = true,
     .put_if_absent = true,
     .complete_if_absent = true,
     .uploads_by_exact_key = true,
     .upload_hours = 24,
     .idle_seconds = 60},
    /* Probes of 16.2: If-None-Match is atomic on plain buckets and ignored on versioned ones and
     * on Complete. Checksums from Tentacle on, silently ignored before. */
    {.name = "ceph",
     .title = "Ceph RGW",
     .hosts = "",
     USUAL_LIMITS,
     LOCKS_VERSIONS_TAGS,
     USUAL_ANSWERS,
     .checks_sha256 = true,
     .put_if_absent = true,
     .conditions_plain_only = true,
     .idle_seconds = 30},
    /* developers.cloudflare.com/r2: equal parts, 4.995 TiB; uploads live 7 days */
    {.name = "r2",
     .title = "Cloudflare R2",
     .hosts = "r2.cloudflarestorage.com",
     .region = "auto",
     .min_part = 5 * MIB,
     .max_part = 5 * GIB - MIB,
     .max_parts = 10000,
     .max_object = 4995 * TIB / 1000,
     USUAL_ANSWERS,
     .uniform_parts = true,
     .put_if_absent = true,
     .complete_if_absent = true,
     .upload_hours = 168,
     .idle_seconds = 30},
    /* If-None-Match and x-amz-checksum-* are answered with errors; limits in decimal units */
    {.name = "b2",
     .title = "Backblaze B2",
     .hosts = "backblazeb2.com",
     .min_part = 5000000,
     .max_part = 5000000000,
     .max_parts = 10000,
     .max_object = 10000000000000,
     USUAL_ANSWERS,
     .object_lock = true,
     .versions = true,
     .idle_seconds = 30},
    /* docs.wasabi.com; checksums and conditions unknown */
    {.name = "wasabi",
     .title = "Wasabi",
     .hosts = "wasabisys.com",
     USUAL_LIMITS,
     LOCKS_VERSIONS_TAGS,
     USUAL_ANSWERS,
     .idle_seconds = 30},
    /* docs.cloud.google.com/storage/docs/xml-api: generations instead of versions, ETags of
     * multipart objects are no MD5, those of single objects and parts are */
    {.name = "gcs",
     .title = "Google Cloud Storage",
     .hosts = "storage.googleapis.com",
     .region = "auto",
     USUAL_LIMITS,
     USUAL_ANSWERS,
     .idle_seconds = 30},
    /* Source of supabase/storage: Content-MD5 is ignored, so the ETag is the only check;
     * If-None-Match is ignored and overwrites */
    {.name = "supabase",
     .title = "Supabase Storage",
     .hosts = "supabase.co supabase.in supabase.red",
     .min_part = 5 * MIB,
     .max_part = 5 * GIB,
     .max_parts = 10000,
     .max_object = 500 * GIB,
     USUAL_ANSWERS,
     .idle_seconds = 30},
    /* Source of versity/versitygw and probes of 1.8.0 */
    {.name = "versitygw",
     .title = "Versity S3 Gateway",
     .hosts = "",
     .server = "VERSITYGW",
     USUAL_LIMITS,
     LOCKS_VERSIONS_TAGS,
     USUAL_ANSWERS,
     .checks_sha256 = true,
     .put_if_absent = true,
     .complete_if_absent = true,
     .mp_object_size = true,
     .idle_seconds = 30},
    /* Source of Garage, 2025-06 */
    {.name = "garage",
     .title = "Garage",
     .hosts = "",
     .region = "garage",
     USUAL_LIMITS,
     USUAL_ANSWERS,
     .idle_seconds = 30},
    /* 1,000 parts: www.scaleway.com/en/docs/object-storage */
    {.name = "scaleway",
     .title = "Scaleway Object Storage",
     .hosts = "scw.cloud",
     .min_part = 5 * MIB,
     .max_part = 5 * GIB,
     .max_parts = 1000,
     .max_object = 5000 * GIB,
     LOCKS_VERSIONS_TAGS,
     USUAL_ANSWERS,
     .idle_seconds = 30},
    /* What a service that nothing is known of can be trusted with */
    {.name = "other",
     .title = "S3-compatible service",
     .hosts = "",
     USUAL_LIMITS,
     LOCKS_VERSIONS_TAGS,
     USUAL_ANSWERS,
     .idle_seconds = 30},
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

/* "eu.r2.cloudflarestorage.com" is below "r2.cloudflarestorage.com", "myr2..." is not. */
static bool has_host(const struct s3_provider *row, const char *host)
{
    size_t size = strlen(host), length;
    for (const char *ending = row->hosts; *ending != '\0'; ending += length) {
        ending += strspn(ending, " ");
        length = strcspn(ending, " ");
        if (size >= length && strncmp(host + size - length, ending, length) == 0 &&
            (size == length || host[size - length - 1] == '.'))
            return true;
    }
    return false;
}

const char *const *s3_provider_names(void)
{
    /* Kept beside the rows: a test holds them against each other. */
    static const char *const names[] = {
        "aws",      "minio",     "ceph",   "r2",       "b2",    "wasabi", "gcs",
        "supabase", "versitygw", "garage", "scaleway", "other", NULL};
    return names;
}

const struct s3_provider *s3_provider_find(const char *name, struct err *err)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    const char *nearest = text_nearest(name, s3_provider_names(), ROW_COUNT);
    err_set(err, ERR_CONFIG, "unknown provider \"%s\"", name);
    if (nearest != NULL)
        err_hint(err, "did you mean \"%s\"?", nearest);
    return NULL;
}

const struct s3_provider *s3_provider_of(const struct s3_endpoint *endpoint)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (has_host(&rows[i], endpoint->host))
            return &rows[i];
    }
    return &rows[ROW_COUNT - 1];
}

const struct s3_provider *s3_provider_by_server(const char *server)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        size_t length = rows[i].server != NULL ? strlen(rows[i].server) : 0;
        /* Some put a release behind it: "MinIO/RELEASE.2022-01-01T00-00-00Z". */
        if (length > 0 && strncmp(server, rows[i].server, length) == 0 &&
            (server[length] == '\0' || server[length] == '/' || server[length] == ' '))
            return &rows[i];
    }
    return NULL;
}
