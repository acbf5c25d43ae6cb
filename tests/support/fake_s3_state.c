#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"

/* ---- buckets, keys, versions ---- */

struct fake_bucket *fake_bucket_find(struct fake_s3 *fake, const char *name)
{
    for (size_t i = 0; i < fake->bucket_count; i++)
        if (strcmp(fake->buckets[i]->name, name) == 0)
            return fake->buckets[i];
    return NULL;
}

size_t fake_entry_index(const struct fake_bucket *bucket, const char *key)
{
    size_t low = 0;
    size_t high = bucket->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(bucket->entries[middle].key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct fake_entry *fake_entry_find(struct fake_bucket *bucket, const char *key)
{
    size_t i = fake_entry_index(bucket, key);

    return i < bucket->count && strcmp(bucket->entries[i].key, key) == 0
               ? &bucket->entries[i]
               : NULL;
}

struct fake_version *fake_version_latest(const struct fake_entry *entry)
{
    return entry != NULL && entry->count > 0 ? entry->versions[entry->count - 1] : NULL;
}

struct fake_version *fake_version_find(const struct fake_entry *entry, const char *id)
{
    for (size_t i = 0; entry != NULL && i < entry->count; i++)
        if (strcmp(entry->versions[i]->id, id) == 0)
            return entry->versions[i];
    return NULL;
}

void fake_version_free(struct fake_version *version)
{
    free(version->data);
    free(version->etag);
    free(version->content_type);
    free(version->meta);
    free(version);
}

static struct fake_entry *entry_make(struct fake_bucket *bucket, const char *key)
{
    size_t i = fake_entry_index(bucket, key);

    if (i < bucket->count && strcmp(bucket->entries[i].key, key) == 0)
        return &bucket->entries[i];
    memory_grow(&bucket->entries, &bucket->capacity, bucket->count + 1,
                sizeof *bucket->entries);
    memmove(&bucket->entries[i + 1], &bucket->entries[i],
            (bucket->count - i) * sizeof *bucket->entries);
    bucket->count++;
    bucket->entries[i] = (struct fake_entry){.key = memory_strdup(key)};
    return &bucket->entries[i];
}

static void entry_remove(struct fake_bucket *bucket, struct fake_entry *entry)
{
    size_t i = (size_t)(entry - bucket->entries);

    for (size_t v = 0; v < entry->count; v++)
        fake_version_free(entry->versions[v]);
    free(entry->versions);
    free(entry->key);
    bucket->count--;
    memmove(entry, entry + 1, (bucket->count - i) * sizeof *entry);
}

void fake_version_remove(struct fake_bucket *bucket, const char *key, const char *id)
{
    struct fake_entry *entry = fake_entry_find(bucket, key);
    size_t i = 0;

    while (entry != NULL && i < entry->count && strcmp(entry->versions[i]->id, id) != 0)
        i++;
    if (entry == NULL || i == entry->count)
        return;
    fake_version_free(entry->versions[i]);
    entry->count--;
    memmove(&entry->versions[i], &entry->versions[i + 1],
            (entry->count - i) * sizeof(struct fake_version *));
    if (entry->count == 0)
        entry_remove(bucket, entry);
}

static const char *new_id(struct fake_s3 *fake, const char *kind)
{
    strlist_addf(&fake->ids, "%s-%08zu.x_", kind, fake->ids.count + 1);
    return fake->ids.items[fake->ids.count - 1];
}

void fake_version_put(struct fake_s3 *fake, struct fake_bucket *bucket, const char *key,
                      struct fake_version *version)
{
    if (!fake->settings.versioning)
        fake_version_remove(bucket, key, "null");
    version->id = fake->settings.versioning ? new_id(fake, "version") : "null";
    version->modified = clock_now() + fake->settings.clock_offset_s;
    struct fake_entry *entry = entry_make(bucket, key);
    memory_grow(&entry->versions, &entry->capacity, entry->count + 1,
                sizeof(struct fake_version *));
    entry->versions[entry->count++] = version;
}

bool fake_lock_is_closed(const struct fake_lock *lock, int64_t now)
{
    return lock->legal_hold || (lock->mode[0] != '\0' && lock->until > now);
}

/* ---- uploads ---- */

struct fake_upload *fake_upload_find(struct fake_s3 *fake, const char *id)
{
    for (size_t i = 0; i < fake->upload_count; i++)
        if (strcmp(fake->uploads[i]->id, id) == 0)
            return fake->uploads[i];
    return NULL;
}

struct fake_upload *fake_upload_new(struct fake_s3 *fake, struct fake_bucket *bucket,
                                    const char *key)
{
    struct fake_upload *upload = memory_zalloc(sizeof *upload);

    upload->id = new_id(fake, "upload");
    upload->bucket = bucket;
    upload->key = memory_strdup(key);
    upload->initiated = clock_now() + fake->settings.clock_offset_s;
    memory_grow(&fake->uploads, &fake->upload_capacity, fake->upload_count + 1,
                sizeof(struct fake_upload *));
    fake->uploads[fake->upload_count++] = upload;
    return upload;
}

static size_t part_index(const struct fake_upload *upload, unsigned number)
{
    size_t i = 0;

    while (i < upload->count && upload->parts[i].number < number)
        i++;
    return i;
}

struct fake_part *fake_part_find(const struct fake_upload *upload, unsigned number)
{
    size_t i = part_index(upload, number);

    return i < upload->count && upload->parts[i].number == number ? &upload->parts[i]
                                                                  : NULL;
}

struct fake_part *fake_part_put(struct fake_upload *upload, const struct fake_part *part)
{
    size_t i = part_index(upload, part->number);

    if (i < upload->count && upload->parts[i].number == part->number) {
        free(upload->parts[i].data);
        free(upload->parts[i].etag);
    } else {
        memory_grow(&upload->parts, &upload->capacity, upload->count + 1,
                    sizeof *upload->parts);
        memmove(&upload->parts[i + 1], &upload->parts[i],
                (upload->count - i) * sizeof *upload->parts);
        upload->count++;
    }
    upload->parts[i] = *part;
    return &upload->parts[i];
}

void fake_upload_drop_parts(struct fake_upload *upload)
{
    for (size_t i = 0; i < upload->count; i++) {
        free(upload->parts[i].data);
        free(upload->parts[i].etag);
    }
    upload->count = 0;
}

static void upload_free(struct fake_upload *upload)
{
    fake_upload_drop_parts(upload);
    free(upload->parts);
    free(upload->key);
    free(upload->content_type);
    free(upload->meta);
    free(upload->final_etag);
    free(upload);
}

void fake_state_free(struct fake_s3 *fake)
{
    for (size_t i = 0; i < fake->upload_count; i++)
        upload_free(fake->uploads[i]);
    free(fake->uploads);
    for (size_t i = 0; i < fake->bucket_count; i++) {
        struct fake_bucket *bucket = fake->buckets[i];
        while (bucket->count > 0)
            entry_remove(bucket, &bucket->entries[bucket->count - 1]);
        free(bucket->entries);
        free(bucket->name);
        free(bucket);
    }
    free(fake->buckets);
    strlist_release(&fake->ids);
}

/* ---- for the tests ---- */

static struct fake_version *latest(struct fake_s3 *fake, const char *key)
{
    return fake_version_latest(fake_entry_find(fake->buckets[0], key));
}

static void copy_version(const char *key, const struct fake_version *version,
                         struct fake_object *out)
{
    *out = (struct fake_object){.key = memory_strdup(key),
                                .version_id = memory_strdup(version->id),
                                .size = version->size,
                                .etag = memory_strdup(version->etag),
                                .content_type = memory_strdup(version->content_type),
                                .meta = memory_strdup(version->meta),
                                .parts = version->parts};
    if (version->data != NULL) {
        out->data = memory_alloc((size_t)version->size + 1);
        memcpy(out->data, version->data, (size_t)version->size + 1);
    }
}

bool fake_s3_object(struct fake_s3 *fake, const char *key, struct fake_object *out)
{
    pthread_mutex_lock(&fake->lock);
    const struct fake_version *version = latest(fake, key);
    bool found = version != NULL && !version->is_delete_marker;
    if (found)
        copy_version(key, version, out);
    pthread_mutex_unlock(&fake->lock);
    return found;
}

void fake_object_release(struct fake_object *object)
{
    free(object->key);
    free(object->version_id);
    free(object->data);
    free(object->etag);
    free(object->content_type);
    free(object->meta);
    *object = (struct fake_object){0};
}

unsigned fake_s3_object_count(struct fake_s3 *fake)
{
    unsigned count = 0;

    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->buckets[0]->count; i++)
        count += !fake_version_latest(&fake->buckets[0]->entries[i])->is_delete_marker;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

unsigned fake_s3_version_count(struct fake_s3 *fake, const char *key)
{
    size_t count = 0;

    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->buckets[0]->count; i++)
        if (key == NULL || strcmp(fake->buckets[0]->entries[i].key, key) == 0)
            count += fake->buckets[0]->entries[i].count;
    pthread_mutex_unlock(&fake->lock);
    return (unsigned)count;
}

unsigned fake_s3_upload_count(struct fake_s3 *fake)
{
    unsigned count = 0;

    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->upload_count; i++)
        count += fake->uploads[i]->state == FAKE_UPLOAD_OPEN;
    pthread_mutex_unlock(&fake->lock);
    return count;
}

/* MD5 of the bytes as an ETag; data NULL: of zero bytes. */
static char *etag_of(const void *data, size_t size)
{
    static const unsigned char zeroes[4096];
    unsigned char md5[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1];
    struct digest digest;

    digest_init(&digest, DIGEST_MD5);
    if (data != NULL)
        digest_add(&digest, data, size);
    for (size_t left = data == NULL ? size : 0; left > 0;) {
        size_t piece = left < sizeof zeroes ? left : sizeof zeroes;
        digest_add(&digest, zeroes, piece);
        left -= piece;
    }
    digest_finish(&digest, md5);
    return memory_format("\"%s\"", digest_hex(md5, MD5_SIZE, hex));
}

const char *fake_s3_add_object(struct fake_s3 *fake, const char *key, const void *data,
                               size_t size)
{
    struct fake_version *version = memory_zalloc(sizeof *version);

    version->size = size;
    version->content_type = memory_strdup("binary/octet-stream");
    version->meta = memory_strdup("");
    pthread_mutex_lock(&fake->lock);
    /* Gigabytes that are not there are not hashed either. */
    version->etag = fake->settings.sparse && data == NULL ? etag_of(&size, sizeof size)
                                                          : etag_of(data, size);
    if (!fake->settings.sparse) {
        version->data = memory_zalloc(size + 1);
        if (data != NULL && size > 0)
            memcpy(version->data, data, size);
    }
    fake_version_put(fake, fake->buckets[0], key, version);
    const char *id = version->id;
    pthread_mutex_unlock(&fake->lock);
    return id;
}

/* The lines without those of this header. */
static char *without_header(const char *lines, const char *name)
{
    struct text out;

    text_init(&out, FAKE_BUFFER_SIZE);
    while (*lines != '\0') {
        const char *end = strstr(lines, "\r\n") + 2;
        if (!text_starts_with(lines, name))
            text_add_bytes(&out, lines, (size_t)(end - lines));
        lines = end;
    }
    char *kept = text_take(&out);
    text_release(&out);
    return kept;
}

void fake_s3_set_meta(struct fake_s3 *fake, const char *key, const char *name,
                      const char *value)
{
    char *start = memory_format("x-amz-meta-%s: ", name);

    pthread_mutex_lock(&fake->lock);
    struct fake_version *version = latest(fake, key);
    if (version != NULL) {
        char *kept = without_header(version->meta, start);
        free(version->meta);
        version->meta = memory_format("%s%s%s\r\n", kept, start, value);
        free(kept);
    }
    pthread_mutex_unlock(&fake->lock);
    free(start);
}

const char *fake_s3_add_upload(struct fake_s3 *fake, const char *key, int age_s)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_upload *upload = fake_upload_new(fake, fake->buckets[0], key);
    upload->initiated -= age_s;
    upload->content_type = memory_strdup("binary/octet-stream");
    upload->meta = memory_strdup("");
    pthread_mutex_unlock(&fake->lock);
    return upload->id;
}

void fake_s3_forget_object(struct fake_s3 *fake, const char *key)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_entry *entry = fake_entry_find(fake->buckets[0], key);
    if (entry != NULL)
        entry_remove(fake->buckets[0], entry);
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_forget_uploads(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->upload_count; i++) {
        if (fake->uploads[i]->state != FAKE_UPLOAD_OPEN)
            continue;
        fake->uploads[i]->state = FAKE_UPLOAD_FORGOTTEN;
        fake_upload_drop_parts(fake->uploads[i]);
    }
    pthread_mutex_unlock(&fake->lock);
}

void fake_s3_lock_object(struct fake_s3 *fake, const char *key, const char *mode,
                         int64_t until)
{
    pthread_mutex_lock(&fake->lock);
    struct fake_version *version = latest(fake, key);
    if (version != NULL && mode == NULL)
        version->lock.legal_hold = true;
    if (version != NULL && mode != NULL) {
        snprintf(version->lock.mode, sizeof version->lock.mode, "%s", mode);
        version->lock.until = until;
    }
    pthread_mutex_unlock(&fake->lock);
}
