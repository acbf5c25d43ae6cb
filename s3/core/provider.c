/*
 * What differs between services, and where that is known from. Whoever adds a row gives the
 * source with it: a page of the vendor, the service's source code, or a probe (probe.h).
 */
#include "s3/core/provider.h"

#include "base/text.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

/* Where a service's behaviour is not known for certain (S3.md section 8) the row holds what
 * is safe: no checksum header, no condition, path style. The last row is for all others. */
static const struct s3_provider rows[] = {
    {
        /* docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html; idle close after about
         * 5 s: aws-c-s3 */
        .name = "aws",
        .title = "Amazon S3",
        .hosts = "amazonaws.com amazonaws.com.cn",
        .style = S3_STYLE_AUTO,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 48 * TIB + 820 * GIB,
        .checksums = S3_CHECKSUMS_CRC64NVME,
        .put_if_absent = true,
        .complete_if_absent = true,
        .object_lock = true,
        .versions = true,
        .tags = true,
        .list_version = 2,
        .list_encoding = true,
        .mp_object_size = true,
        .etag_is_md5 = true,
        .idle_seconds = 4,
    },
    {
        /* Source of MinIO and probes: reference MINIO.md. Parts of an upload that was begun
         * with a checksum must all carry it. */
        .name = "minio",
        .title = "MinIO",
        .hosts = "min.io",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * TIB,
        .max_parts = 10000,
        .max_object = 5 * TIB,
        .checksums = S3_CHECKSUMS_CRC64NVME,
        .put_if_absent = true,
        .complete_if_absent = true,
        .object_lock = true,
        .versions = true,
        .tags = true,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .uploads_by_exact_key = true,
        .upload_hours = 24,
        .idle_seconds = 60,
    },
    {
        /* Probes of 16.2: If-None-Match is atomic on plain buckets and ignored on versioned
         * ones and on Complete. Checksums from Tentacle on, silently ignored before. */
        .name = "ceph",
        .title = "Ceph RGW",
        .hosts = "",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 5 * TIB,
        .put_if_absent = true,
        .conditions_plain_only = true,
        .object_lock = true,
        .versions = true,
        .tags = true,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* developers.cloudflare.com/r2: equal parts, 4.995 TiB; uploads live 7 days */
        .name = "r2",
        .title = "Cloudflare R2",
        .hosts = "r2.cloudflarestorage.com",
        .region = "auto",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB - MIB,
        .max_parts = 10000,
        .max_object = 4995 * TIB / 1000,
        .uniform_parts = true,
        .put_if_absent = true,
        .complete_if_absent = true,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .upload_hours = 168,
        .idle_seconds = 30,
    },
    {
        /* If-None-Match and x-amz-checksum-* are answered with errors; limits in decimal
           units */
        .name = "b2",
        .title = "Backblaze B2",
        .hosts = "backblazeb2.com",
        .style = S3_STYLE_PATH,
        .min_part = 5000000,
        .max_part = 5000000000,
        .max_parts = 10000,
        .max_object = 10000000000000,
        .object_lock = true,
        .versions = true,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* docs.wasabi.com; checksums and conditions unknown */
        .name = "wasabi",
        .title = "Wasabi",
        .hosts = "wasabisys.com",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 5 * TIB,
        .object_lock = true,
        .versions = true,
        .tags = true,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* docs.cloud.google.com/storage/docs/xml-api: generations instead of versions,
         * ETags of multipart objects are no MD5, those of single objects and parts are */
        .name = "gcs",
        .title = "Google Cloud Storage",
        .hosts = "storage.googleapis.com",
        .region = "auto",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 5 * TIB,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* Source of supabase/storage: Content-MD5 is ignored, so the ETag is the only
         * check; If-None-Match is ignored and overwrites */
        .name = "supabase",
        .title = "Supabase Storage",
        .hosts = "supabase.co supabase.in supabase.red",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 500 * GIB,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* Source of versity/versitygw and probes of 1.8.0 */
        .name = "versitygw",
        .title = "Versity S3 Gateway",
        .hosts = "",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 5 * TIB,
        .put_if_absent = true,
        .complete_if_absent = true,
        .object_lock = true,
        .versions = true,
        .tags = true,
        .list_version = 2,
        .list_encoding = true,
        .mp_object_size = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* Source of Garage, 2025-06 */
        .name = "garage",
        .title = "Garage",
        .hosts = "",
        .region = "garage",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 5 * TIB,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* 1,000 parts: www.scaleway.com/en/docs/object-storage */
        .name = "scaleway",
        .title = "Scaleway Object Storage",
        .hosts = "scw.cloud",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 1000,
        .max_object = 5000 * GIB,
        .object_lock = true,
        .versions = true,
        .tags = true,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
    {
        /* What a service that nothing is known of can be trusted with */
        .name = "other",
        .title = "S3-compatible service",
        .hosts = "",
        .style = S3_STYLE_PATH,
        .min_part = 5 * MIB,
        .max_part = 5 * GIB,
        .max_parts = 10000,
        .max_object = 5 * TIB,
        .object_lock = true,
        .versions = true,
        .tags = true,
        .list_version = 2,
        .list_encoding = true,
        .etag_is_md5 = true,
        .idle_seconds = 30,
    },
};
enum { ROW_COUNT = sizeof rows / sizeof rows[0] };

/* "eu.r2.cloudflarestorage.com" ends with "r2.cloudflarestorage.com", "myr2..." does not. */
static bool is_below(const char *host, const char *ending, size_t length)
{
    size_t host_length = strlen(host);
    if (host_length < length || strncmp(host + host_length - length, ending, length) != 0)
        return false;
    return host_length == length || host[host_length - length - 1] == '.';
}

static bool has_host(const struct s3_provider *row, const char *host)
{
    for (const char *ending = row->hosts; *ending != '\0';) {
        size_t length = strcspn(ending, " ");
        if (is_below(host, ending, length))
            return true;
        ending += length;
        ending += strspn(ending, " ");
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
