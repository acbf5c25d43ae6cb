/*
 * list - what other listings (of uploads) share with list.c.
 */
#ifndef PGKEEP_S3_OPS_LIST_H
#define PGKEEP_S3_OPS_LIST_H

#include "base/err.h"

/* Decodes a heap string of an answer that says <EncodingType>url, in place. ERR_STORE when
 * it cannot be decoded. */
int s3_list_decode(char **text, struct err *err) MUST_USE;

#endif
