/*
 * store_ops - what a kind of store implements; private to this folder.
 *
 * A kind embeds struct store, struct store_upload and struct store_download as the first
 * member of its own. store.c checks nothing but NULL rows, puts the store's name in front
 * of errors and passes on; each row has the contract of the function of the same name in
 * store.h.
 */
#ifndef PGKEEP_STORE_STORE_OPS_H
#define PGKEEP_STORE_STORE_OPS_H

#include "store/store.h"

#define STORE_MARK_KEY "pgkeep-store.json"

/* A small object that is to be written. */
struct store_put {
    const char *key;
    const void *data;
    size_t size;
    bool overwrite; /* else store_put_new */
};

struct store_ops {
    const char *type;
    void (*close)(struct store *store);
    int (*check)(struct store *store, bool create, int64_t timeout_ms, struct err *err);
    void (*set_retry_time)(struct store *store, int64_t retry_time_ms); /* may be NULL */
    struct store *(*cleaner)(struct store *store);
    int64_t (*clock_offset)(struct store *store, bool *known); /* may be NULL */
    int (*put)(struct store *store, const struct store_put *put, struct err *err);
    void (*look_ahead)(struct store *store, const char *key,
                       int64_t timeout_ms); /* may be NULL */
    int (*get)(struct store *store, const char *key, struct text *out, bool *absent,
               struct err *err);
    int (*stat)(struct store *store, const char *key, struct store_object *out,
                bool *absent, struct err *err);
    int (*list)(struct store *store, const char *prefix, store_each each, void *context,
                struct err *err);
    int (*remove)(struct store *store, const char *key, struct store_removed *out,
                  struct err *err);
    struct store_upload *(*upload_begin)(struct store *store,
                                         const struct store_upload_spec *spec,
                                         struct err *err);
    struct store_upload *(*upload_resume)(struct store *store,
                                          const struct store_upload_spec *spec,
                                          const char *handle, struct store_resumed *at,
                                          struct err *err);
    int (*upload_part)(struct store_upload *upload, struct part *part, struct err *err);
    int (*upload_wait)(struct store_upload *upload, struct err *err);
    int (*upload_finish)(struct store_upload *upload, struct store_object *out,
                         struct err *err);
    bool (*upload_discard)(struct store_upload *upload);
    int (*list_pending)(struct store *store, const char *prefix, store_each_pending each,
                        void *context, struct err *err);
    int (*abort_pending)(struct store *store, const char *key, const char *handle,
                         struct err *err);
    struct store_download *(*download_begin)(struct store *store, const char *key,
                                             uint64_t offset, uint64_t length,
                                             struct err *err);
    uint64_t (*download_size)(const struct store_download *download);
    ssize_t (*download_read)(struct store_download *download, void *buffer, size_t size,
                             struct err *err);
    void (*download_free)(struct store_download *download);
    struct store_part_rules (*part_rules)(const struct store *store); /* may be NULL */
    /* may be NULL */
    char *(*presign)(struct store *store, const char *key, int64_t seconds,
                     int64_t *expires, struct err *err);
    struct s3_client *(*s3_client)(struct store *store); /* may be NULL */
    struct store_traffic (*traffic)(
        const struct store *store); /* may be NULL: `written` is all */
};

struct store {
    const struct store_ops *ops;
    char *name;
    _Atomic uint64_t written; /* bytes that were taken (store.c) */
};
struct store_upload {
    struct store *store;
};
struct store_download {
    struct store *store;
};

/* A key, or with `prefix` also "" and what ends in '/': segments of 1 to 255 bytes joined
 * by '/', none of them "." or "..", no control characters. Else ERR_STORE. */
int store_check_key(const char *key, bool prefix, struct err *err) MUST_USE;
/* Is `key` what store_list gives for `prefix`? */
bool store_prefix_matches(const char *prefix, const char *key);

#endif
