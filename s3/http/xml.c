/*
 * One walk for all documents: the caller is told each element as it ends, with its path, and
 * keeps what it wants. No tree is built; of a document only the text of the open element is
 * held.
 */
#include "s3/http/xml.h"

#include "base/memory.h"

#include <libxml/xmlreader.h>

enum { MAX_DEPTH = 16, MAX_TEXT = 64 << 10, MAX_PATH = 1024 };

struct walk {
    xmlTextReader *reader;
    const char *root;
    s3_xml_each each;
    void *context;
    struct text path;          /* below the root */
    struct text text;          /* of the element that is open */
    size_t lengths[MAX_DEPTH]; /* of the path in front of each open element */
    int depth;                 /* open elements */
    bool ended;
    struct err *err;
};

static int bad(struct err *err, const char *what)
{
    return err_set(err, ERR_TRANSIENT, "the service's XML answer %s", what);
}

/* The first must be the root that was asked for: an <Error> is read by another walk. */
static int open_element(struct walk *walk)
{
    const xmlChar *local = xmlTextReaderConstLocalName(walk->reader);
    const char *name = local != NULL ? (const char *)local : "";
    if (walk->depth >= MAX_DEPTH)
        return bad(walk->err, "is nested too deeply");
    if (walk->depth == 0 && strcmp(name, walk->root) != 0)
        return err_set(walk->err, ERR_TRANSIENT,
                       "the service answered with a <%.40s> where <%s> was expected", name,
                       walk->root);
    /* The root's own name is not part of the path. */
    walk->lengths[walk->depth] = walk->path.length;
    if (walk->depth > 0) {
        if (walk->path.length > 0)
            text_add_char(&walk->path, '/');
        text_add(&walk->path, name);
    }
    walk->depth++;
    text_clear(&walk->text);
    return walk->path.overflowed ? bad(walk->err, "holds a name that is too long") : 0;
}

/* Tells the caller of it, and goes back to the element around. */
static int close_element(struct walk *walk)
{
    if (walk->text.overflowed)
        return bad(walk->err, "holds a text that is too long");
    int result = walk->each(walk->context, walk->path.data, walk->text.data, walk->err);
    if (result != 0)
        return result;
    /* Back to the element around it; white space between its children is not its text. */
    walk->depth--;
    walk->path.length = walk->lengths[walk->depth];
    walk->path.data[walk->path.length] = '\0';
    text_clear(&walk->text);
    walk->ended = walk->depth == 0;
    return 0;
}

/* One node of the reader. Comments and processing instructions say nothing. */
static int visit(struct walk *walk)
{
    switch (xmlTextReaderNodeType(walk->reader)) {
    case XML_READER_TYPE_ELEMENT: {
        /* <a/> has no end of its own. */
        bool empty = xmlTextReaderIsEmptyElement(walk->reader) == 1;
        if (open_element(walk) < 0)
            return -1;
        return empty ? close_element(walk) : 0;
    }
    case XML_READER_TYPE_END_ELEMENT:
        return close_element(walk);
    case XML_READER_TYPE_TEXT:
    case XML_READER_TYPE_CDATA:
    case XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
        text_add(&walk->text, (const char *)xmlTextReaderConstValue(walk->reader));
        return 0;
    /* No service sends these; who does means to make us grow or read files. */
    case XML_READER_TYPE_DOCUMENT_TYPE:
    case XML_READER_TYPE_ENTITY_REFERENCE:
        return bad(walk->err, "declares types or entities");
    default:
        return 0;
    }
}

static xmlTextReader *open_reader(const char *data, size_t size)
{
    /* S3 sends white space while a Complete is at work, and a character in front of "<?xml"
     * is an error to libxml2. */
    while (size > 0 && (*data == ' ' || *data == '\t' || *data == '\r' || *data == '\n')) {
        data++;
        size--;
    }
    if (size == 0 || size > INT32_MAX)
        return NULL;
    return xmlReaderForMemory(data, (int)size, NULL, NULL,
                              XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
}

int s3_xml_walk(const struct s3_xml *document, s3_xml_each each, void *context,
                struct err *err)
{
    struct walk walk = {
        .root = document->root, .each = each, .context = context, .err = err};
    int got = 0, result = 0;
    /* Node by node, telling each element as it ends, until the caller wants no more. */
    walk.reader = open_reader(document->data, document->size);
    if (walk.reader == NULL)
        return bad(err, "is empty");
    text_init(&walk.path, MAX_PATH);
    text_init(&walk.text, MAX_TEXT);
    while (result == 0 && (got = xmlTextReaderRead(walk.reader)) == 1)
        result = visit(&walk);
    /* What came before the cut was told; whether there is more is not known. */
    if (result == 0 && (got < 0 || !walk.ended))
        result = bad(err, "is cut or malformed");
    text_release(&walk.path);
    text_release(&walk.text);
    xmlFreeTextReader(walk.reader);
    return result;
}

struct find {
    const char *path;
    char *found;
};

/* The first of them. */
static int find_element(void *context, const char *path, const char *text, struct err *err)
{
    struct find *find = context;
    (void)err;
    if (find->found == NULL && strcmp(path, find->path) == 0)
        find->found = memory_strdup(text);
    return 0;
}

int s3_xml_find(const struct s3_xml *document, const char *path, char **out,
                struct err *err)
{
    struct find find = {.path = path};
    /* To the end all the same: a document that is cut says nothing. */
    *out = NULL;
    if (s3_xml_walk(document, find_element, &find, err) != 0) {
        free(find.found);
        return -1;
    }
    *out = find.found;
    return 0;
}

/* By hand, as nothing of the rest is wanted: it may be cut. */
bool s3_xml_root(const char *data, size_t size, char *out, size_t out_size)
{
    xmlTextReader *reader = open_reader(data, size);
    bool found = false;
    *out = '\0';
    if (reader == NULL)
        return false;
    /* Behind the prolog, at the first element; a DOCTYPE before it is none of S3's. */
    while (!found && xmlTextReaderRead(reader) == 1 &&
           xmlTextReaderNodeType(reader) != XML_READER_TYPE_DOCUMENT_TYPE) {
        if (xmlTextReaderNodeType(reader) != XML_READER_TYPE_ELEMENT)
            continue;
        snprintf(out, out_size, "%s", (const char *)xmlTextReaderConstLocalName(reader));
        found = true;
    }
    xmlFreeTextReader(reader);
    return found;
}

/* What XML 1.0 allows (section 2.2); U+FFFE and U+FFFF are left out. */
static bool may_stand(const char *text)
{
    size_t size = strlen(text);
    if (!text_is_utf8(text, size))
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && strchr("\t\n\r", *c) == NULL) ||
            strncmp(c, "\xEF\xBF\xBE", 3) == 0 || strncmp(c, "\xEF\xBF\xBF", 3) == 0)
            return false;
    return true;
}

/* Nothing rather than a part: half an ETag in a Complete would be another ETag. */
bool s3_xml_add(struct text *out, const char *text)
{
    /* The last three a parser would make a line feed or a blank. */
    static const char escaped[] = "&<>\"'\r\n\t";
    static const char *const escapes[] = {"&amp;",  "&lt;",  "&gt;",  "&quot;",
                                          "&apos;", "&#13;", "&#10;", "&#9;"};
    if (!may_stand(text))
        return false;
    for (; *text != '\0'; text++) {
        const char *found = strchr(escaped, *text);
        if (found != NULL)
            text_add(out, escapes[found - escaped]);
        else
            text_add_char(out, *text);
    }
    return true;
}
