/*
 * xml - the answers of S3 services, read with libxml2's reader: no DTD, no entities beside
 * the five of XML, no network, depth at most 16, one text at most 64 KiB. Leading white
 * space (sent while a Complete is at work) is skipped. Name spaces are ignored.
 *
 * ERR_TRANSIENT for a document that is cut, malformed, or has another root: asked again the
 * service may give a whole one. Any thread.
 */
#ifndef PGKEEP_S3_HTTP_XML_H
#define PGKEEP_S3_HTTP_XML_H

#include "base/err.h"
#include "base/text.h"

/* Borrowed for the call. */
struct s3_xml {
    const char *data;
    size_t size;
    const char *root; /* the name of the root element that must stand there */
};

/* Called at the end of every element. `path` is below the root ("Contents/Key", "" for the
 * root itself), text what stood in it if it has no elements, entities resolved. Non-zero
 * ends the walk and is returned. Strings are good during the call only. */
typedef int (*s3_xml_each)(void *context, const char *path, const char *text,
                           struct err *err);
int s3_xml_walk(const struct s3_xml *document, s3_xml_each each, void *context,
                struct err *err) MUST_USE;
/* Text of the first element at this path below the root; heap, NULL when there is none. */
int s3_xml_find(const struct s3_xml *document, const char *path, char **out,
                struct err *err) MUST_USE;
/* Name of the root element into out; false when there is no document. */
bool s3_xml_root(const char *data, size_t size, char *out, size_t out_size);
/* Escapes & < > " ' for an element or attribute. False when the text cannot stand in
 * XML 1.0 (control characters, no UTF-8): then nothing is added. */
bool s3_xml_add(struct text *out, const char *text);

#endif
