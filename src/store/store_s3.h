/*
 * store_s3 - what store_s3.c takes from store_s3_transfer.c: the rows of store_ops.h for uploads
 * and downloads. For store_s3.c only.
 */
#ifndef PGKEEP_STORE_STORE_S3_H
#define PGKEEP_STORE_STORE_S3_H

#include "s3/s3.h"
#include "store/store_ops.h"

/* From S3's words to ours; the strings move. */
void store_s3_take_object(struct s3_object *from, struct store_object *out);

struct store_upload *store_s3_upload_begin(struct store *store,
                                           const struct store_upload_spec *spec,
                                           struct err *err) MUST_USE;
struct store_upload *store_s3_upload_resume(struct store *store,
                                            const struct store_upload_spec *spec,
                                            const char *handle, struct store_resumed *at,
                                            struct err *err) MUST_USE;
int store_s3_upload_part(struct store_upload *upload, struct part *part,
                         struct err *err) MUST_USE;
int store_s3_upload_wait(struct store_upload *upload, struct err *err) MUST_USE;
int store_s3_upload_finish(struct store_upload *upload, struct store_object *out,
                           struct err *err) MUST_USE;
bool store_s3_upload_discard(struct store_upload *upload);

struct store_download *store_s3_download_begin(struct store *store, const char *key,
                                               uint64_t offset, uint64_t length,
                                               struct err *err) MUST_USE;
uint64_t store_s3_download_size(const struct store_download *download);
ssize_t store_s3_download_read(struct store_download *download, void *buffer, size_t size,
                               struct err *err) MUST_USE;
void store_s3_download_free(struct store_download *download);

#endif
