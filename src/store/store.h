/*
 * store - one face for the places where artifacts are kept: a directory, an S3 bucket.
 *
 * Keys are relative to the store's prefix or folder, made by repository/keys.h: segments joined
 * by '/', no "." or "..", percent-encoded names. A store never interprets them. Writing is
 * all or nothing: an object is visible under its key only after store_put or
 * store_upload_finish returned 0, whole and durable.
 *
 * Identity: every store holds a mark, `pgkeep-store.json` with a UUID, written at first
 * use. store_open_* only make the handle; store_identify reads the mark. A store whose mark
 * is missing or another than the catalog expects is not touched.
 *
 * Threads: one thread per store_upload or store_download; the other calls from any thread.
 * Error kinds: ERR_TRANSIENT, ERR_DENIED, ERR_STORE, ERR_NOT_FOUND, ERR_CORRUPT,
 * ERR_CANCELLED.
 */
#ifndef PGKEEP_STORE_STORE_H
#define PGKEEP_STORE_STORE_H

#include "base/err.h"
#include "base/part.h"
#include "base/text.h"
#include "store/store_parts.h"

#include <sys/types.h>

struct store;
struct s3_config; /* of s3/s3.h */
struct s3_client;

/* Opens nothing on the network. `name` is for messages. The config is borrowed for the
 * call. */
struct store *store_open_dir(const char *name, const char *path, struct err *err) MUST_USE;
struct store *store_open_s3(const char *name, const struct s3_config *config,
                            struct err *err) MUST_USE;
void store_close(struct store *store); /* NULL-safe */
const char *store_name(const struct store *store);
const char *store_type_name(const struct store *store); /* "dir" "s3" */
bool store_is_dir(const struct store *store);
/* Each call is a round trip, and calls for different keys may run on several threads at once. */
bool store_is_remote(const struct store *store);

/* Is it there and may we use it? Bounded by timeout_ms. A dir: the folder exists, or with
 * `create` is made and is ours to write. A bucket is never made. */
int store_check(struct store *store, bool create, int64_t timeout_ms,
                struct err *err) MUST_USE;
/* The UUID of its mark (37 bytes with NUL); *absent when there is no mark. */
int store_identify(struct store *store, char uuid[37], bool *absent,
                   struct err *err) MUST_USE;
/* Writes a mark with this UUID, conditionally where the store can; an existing mark stays
 * and its UUID is returned in uuid. uuid "" on entry: one is made up. */
int store_mark(struct store *store, char uuid[37], struct err *err) MUST_USE;
/* Budget of this handle's calls that follow; S3 only. */
void store_set_retry_time(struct store *store, int64_t retry_time_ms);
/* One more handle on the same place, for clean-up: its calls are carried out although the process
 * is cancelled, each within 60 s, after a signal all of them within 3 s (a dir is not held up by a
 * cancel). Other handles stay as they are. To be closed before the first one. */
struct store *store_cleaner(struct store *store) MUST_USE;
/* What went out through this place so far, of all its handles: bodies of requests, or bytes written
 * to files. Any thread. */
struct store_traffic {
    uint64_t uploaded; /* bytes that arrived */
    uint64_t repeated; /* sent in vain, and sent again */
};
struct store_traffic store_traffic(const struct store *store);
/* Server clock minus ours in seconds; *known false for a dir. */
int64_t store_clock_offset(struct store *store, bool *known);

/* ---- small objects (index, manifest, state, mark) ---- */
/* Over what is there. */
int store_put(struct store *store, const char *key, const void *data, size_t size,
              struct err *err) MUST_USE;
/* An existing key is ERR_STORE where the store can tell; in a bucket one with these very
 * bytes is taken for ours (a PUT whose answer was lost). */
int store_put_new(struct store *store, const char *key, const void *data, size_t size,
                  struct err *err) MUST_USE;
/* Asks already now whether the key is free, where store_put_new would have to ask before it writes
 * (buckets that know no conditions): that then costs no round trip. Nothing fails: what could not
 * be asked within timeout_ms is asked later. Any thread. */
void store_look_ahead(struct store *store, const char *key, int64_t timeout_ms);
int store_get(struct store *store, const char *key, struct text *out, bool *absent,
              struct err *err) MUST_USE;

struct store_object {
    char *key; /* relative, as given to us */
    uint64_t size;
    int64_t modified; /* seconds UTC */
    char *etag;       /* S3; else NULL */
    char *version;    /* S3 versioned; else NULL */
};
void store_object_release(struct store_object *object);
int store_stat(struct store *store, const char *key, struct store_object *out, bool *absent,
               struct err *err) MUST_USE;
/* Every object under a relative prefix ("" for all; a prefix ends in '/' or is a whole
 * key). Complete or an error: decide nothing before 0 came back. Temp files of a dir
 * (".<id>.part") are not objects: see store_list_pending. */
typedef int (*store_each)(void *context, const struct store_object *object,
                          struct err *err);
int store_list(struct store *store, const char *prefix, store_each each, void *context,
               struct err *err) MUST_USE;

/* ---- removing ---- */
enum store_removal { STORE_GONE, STORE_LOCKED, STORE_REFUSED };
struct store_removed {
    enum store_removal result;
    int64_t locked_until; /* STORE_LOCKED: seconds UTC, 0 legal hold */
    char reason[160];
};
/* Removes every version of exactly this key (and markers) where the store has versions;
 * absent is STORE_GONE. */
int store_remove(struct store *store, const char *key, struct store_removed *out,
                 struct err *err) MUST_USE;

/* ---- uploads ---- */
struct store_upload;
struct store_upload_spec {
    const char *key;
    const char *content_type;
    const char *id; /* artifact id: names the temp file of a dir */
    /* The handle of the unfinished upload (S3 upload id; temp path of a dir), before the
     * first byte goes out. May be NULL. */
    int (*on_pending)(void *context, const char *handle, struct err *err);
    void *context;
};
struct store_upload *store_upload_begin(struct store *store,
                                        const struct store_upload_spec *spec,
                                        struct err *err) MUST_USE;
/* Parts come in order: number and offset follow the one before, and only the last may be
 * short. Takes its own reference and returns at once; only in a bucket, with part 2, it
 * waits until the upload is open. An earlier part's failure is reported here, for good. */
int store_upload_part(struct store_upload *upload, struct part *part,
                      struct err *err) MUST_USE;
/* Waits until every part given is stored; nothing is visible yet. */
int store_upload_wait(struct store_upload *upload, struct err *err) MUST_USE;
/* Makes it visible, durable, verified in size. out may be NULL. */
int store_upload_finish(struct store_upload *upload, struct store_object *out,
                        struct err *err) MUST_USE;
/* Frees it and says whether surely nothing of an unfinished one is left in the store. */
bool store_upload_discard(struct store_upload *upload);
/* What is unfinished is undone (abort, unlink). NULL-safe. */
void store_upload_free(struct store_upload *upload);
/* Where an upload goes on. */
struct store_resumed {
    uint64_t offset;      /* bytes that are there already */
    unsigned next_number; /* of the part that comes next */
};
/* Continues one. ERR_NOT_FOUND: no such. Nobody has checked the bytes that are there:
 * compare the hash of the whole once it is finished. A failure leaves it as it was. */
struct store_upload *store_upload_resume(struct store *store,
                                         const struct store_upload_spec *spec,
                                         const char *handle, struct store_resumed *at,
                                         struct err *err) MUST_USE;
/* Rules for the sizes of parts (a dir has none: the widest). */
struct store_part_rules store_part_rules(const struct store *store);

/* A dir: key and handle are both the path of the temp file, `data/…/.<id>.part`, which
 * does not tell the final key (keys_parse tells the id); initiated is when it was last
 * written. */
struct store_pending {
    char *key;
    char *handle;
    int64_t initiated; /* seconds UTC */
};
typedef int (*store_each_pending)(void *context, const struct store_pending *pending,
                                  struct err *err);
int store_list_pending(struct store *store, const char *prefix, store_each_pending each,
                       void *context, struct err *err) MUST_USE;
/* Undoes it; gone is success. */
int store_abort_pending(struct store *store, const char *key, const char *handle,
                        struct err *err) MUST_USE;

/* ---- downloads ---- */
struct store_download;
/* length 0: to the end. ERR_NOT_FOUND when the key is absent. */
struct store_download *store_download_begin(struct store *store, const char *key,
                                            uint64_t offset, uint64_t length,
                                            struct err *err) MUST_USE;
/* Of the whole object, not of the range. */
uint64_t store_download_size(const struct store_download *download);
ssize_t store_download_read(struct store_download *download, void *buffer, size_t size,
                            struct err *err) MUST_USE;
void store_download_free(struct store_download *download);

/* GET URL, heap; a dir has none: ERR_USAGE. */
char *store_presign(struct store *store, const char *key, int64_t seconds, int64_t *expires,
                    struct err *err) MUST_USE;

/* The S3 client under it, for doctor; NULL for a dir. */
struct s3_client *store_s3_client(struct store *store);

#endif
