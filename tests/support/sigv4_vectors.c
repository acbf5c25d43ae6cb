#include "tests/support/sigv4_vectors.h"

#include "base/digest.h"
#include "base/file.h"
#include "s3/http/uri.h"
#include "tests/support/sigv4_case.h"

#include <dirent.h>
#include <unistd.h>

static void mismatch(struct sigv4_case *one, const char *what, const char *got,
                     const char *want)
{
    printf("%s: %s\n--- got\n%s\n--- want\n%s\n", one->folder, what, got, want);
    one->failed = true;
}

static void compare(struct sigv4_case *one, const char *file, const char *got)
{
    char *want = sigv4_case_file(one->folder, file);
    if (want != NULL && strcmp(got, want) != 0)
        mismatch(one, file, got, want);
    free(want);
}

/* ---- checks ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The pairs of a query, sorted: services order them differently. Heap. */
static char *sorted_query(const char *query)
{
    struct strlist list = {0};
    for (const char *p = query; *p != '\0'; p += *p == '&' ? 1 : 0) {
        size_t size = strcspn(p, "&");
        char *pair = memory_strndup(p, size);
        strlist_add(&list, pair);
        free(pair);
        p += size;
    }
    qsort(list.items, list.count, sizeof *list.items, by_text);
    struct text text;
    text_init(&text, SIGV4_CASE_CEILING);
    for (size_t i = 0; i < list.count; i++)
        text_addf(&text, "%s\n", list.items[i]);
    strlist_release(&list);
    char *taken = text_take(&text);
    text_release(&text);
    return taken;
}

static void compare_url(struct sigv4_case *one, const char *file, const char *query)
{
    char *want = sigv4_case_file(one->folder, file);
    char *mark = want == NULL ? NULL : strchr(want, '?');
    if (mark != NULL) {
        mark[1 + strcspn(mark + 1, " \n")] = '\0';
        /* A raw query of the request is sent encoded by us. */
        struct s3_query pairs = {0};
        struct text encoded;
        text_init(&encoded, SIGV4_CASE_CEILING);
        s3_query_add_text(&pairs, mark + 1);
        s3_query_text(&pairs, &encoded);
        s3_query_release(&pairs);
        char *sorted_want = sorted_query(encoded.data);
        char *sorted_got = sorted_query(query);
        if (strcmp(sorted_got, sorted_want) != 0)
            mismatch(one, file, sorted_got, sorted_want);
        free(sorted_want);
        free(sorted_got);
        text_release(&encoded);
    }
    free(want);
}

static void compare_trace(struct sigv4_case *one, const char *kind,
                          const struct s3_sign_trace *trace)
{
    char file[64];
    snprintf(file, sizeof file, "%s-canonical-request.txt", kind);
    compare(one, file, trace->canonical_request.data);
    snprintf(file, sizeof file, "%s-string-to-sign.txt", kind);
    compare(one, file, trace->string_to_sign.data);
    snprintf(file, sizeof file, "%s-signature.txt", kind);
    compare(one, file, trace->signature);
}

static char *without_spaces(const char *text)
{
    char *out = memory_zalloc(strlen(text) + 1);
    for (size_t length = 0; *text != '\0'; text++)
        if (*text != ' ')
            out[length++] = *text;
    return out;
}

/* AWS's pages write the same header with and without spaces behind the commas. */
static void compare_authorization(struct sigv4_case *one, const struct strlist *lines)
{
    char *file = sigv4_case_file(one->folder, "header-authorization.txt");
    if (file == NULL)
        return;
    const char *line = lines->items[lines->count - 1];
    char *got = without_spaces(line + strlen("Authorization: "));
    char *want = without_spaces(file);
    if (strcmp(got, want) != 0)
        mismatch(one, "header-authorization.txt", got, want);
    free(got);
    free(want);
    free(file);
}

static bool has_file(const struct sigv4_case *one, const char *name)
{
    char *path = file_join(one->folder, name);
    bool there = file_exists(path);
    free(path);
    return there;
}

static void check_header(struct sigv4_case *one, struct s3_signer *signer)
{
    char hex[SHA256_HEX];
    struct s3_sign_request request;
    struct s3_sign_trace trace;
    struct strlist lines = {0};
    struct err err = {0};
    s3_sign_trace_init(&trace);
    bool read = sigv4_case_request(one, false, hex, &request);
    request.trace = &trace;
    if (!read || s3_sign(signer, &request, &lines, &err) < 0) {
        mismatch(one, "by header", err.text, "a signature");
    } else {
        compare_trace(one, "header", &trace);
        compare_authorization(one, &lines);
    }
    strlist_wipe(&lines);
    s3_sign_trace_release(&trace);
}

static void check_query(struct sigv4_case *one, struct s3_signer *signer)
{
    char hex[SHA256_HEX];
    struct s3_sign_request request;
    struct s3_sign_trace trace;
    struct text query;
    struct err err = {0};
    json_int_t seconds =
        json_integer_value(json_object_get(one->context, "expiration_in_seconds"));
    s3_sign_trace_init(&trace);
    text_init(&query, SIGV4_CASE_CEILING);
    bool read = sigv4_case_request(one, true, hex, &request);
    request.trace = &trace;
    if (!read || s3_sign_query(signer, &request, seconds, &query, &err) < 0) {
        mismatch(one, "presigned", err.text, "a signature");
    } else {
        compare_trace(one, "query", &trace);
        compare_url(one, "query-signed-url.txt", query.data);
        compare_url(one, "query-signed-request.txt", query.data);
    }
    text_release(&query);
    s3_sign_trace_release(&trace);
}

/* Does the folder say anything of this kind? */
static bool has_kind(const struct sigv4_case *one, const char *kind)
{
    static const char *const ends[] = {"canonical-request", "string-to-sign",
                                       "signature",         "authorization",
                                       "signed-url",        "signed-request"};
    bool has = false;
    for (size_t i = 0; i < sizeof ends / sizeof *ends && !has; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s-%s.txt", kind, ends[i]);
        has = has_file(one, file);
    }
    return has;
}

static bool run_case(const char *folder, const char *context, struct s3_signer *signer)
{
    struct sigv4_case one;
    if (sigv4_case_open(&one, folder, context)) {
        bool by_header = has_kind(&one, "header");
        bool presigned = has_kind(&one, "query");
        if (by_header)
            check_header(&one, signer);
        if (presigned)
            check_query(&one, signer);
        if (!by_header && !presigned)
            mismatch(&one, "files", "none", "header-*.txt or query-*.txt");
    } else {
        mismatch(&one, "context.json, request.txt", "", "a request of a service");
    }
    sigv4_case_release(&one);
    return !one.failed;
}

/* ---- folders ---- */

/* Visits the cases below `folder`: at most two levels, SET/CASE. */
static void walk(const char *folder, int levels, struct s3_signer *signer, unsigned *cases,
                 unsigned *failed)
{
    char *context = sigv4_case_file(folder, "context.json");
    if (context != NULL) {
        (*cases)++;
        *failed += run_case(folder, context, signer) ? 0 : 1;
        free(context);
        return;
    }
    struct dirent **entries = NULL;
    int count = levels == 0 ? 0 : scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.') {
            char *inner = file_join(folder, entries[i]->d_name);
            walk(inner, levels - 1, signer, cases, failed);
            free(inner);
        }
        free(entries[i]);
    }
    free(entries);
}

bool sigv4_vectors_run(const char *folder, unsigned *cases, unsigned *failed)
{
    *cases = *failed = 0;
    if (!file_exists(folder))
        return false;
    struct s3_signer *signer = s3_signer_new();
    walk(folder, 2, signer, cases, failed);
    s3_signer_free(signer);
    return true;
}

static bool is_root(const char *folder)
{
    char *makefile = file_join(folder, "Makefile");
    char *header = file_join(folder, "s3/s3.h");
    bool root = file_exists(makefile) && file_exists(header);
    free(makefile);
    free(header);
    return root;
}

/* The folder itself or the nearest one above it that is a checkout. Cuts `folder`. */
static bool find_root(char *folder)
{
    while (!is_root(folder)) {
        char *slash = strrchr(folder, '/');
        if (slash == NULL || slash == folder)
            return false;
        *slash = '\0';
    }
    return true;
}

char *sigv4_vectors_folder(void)
{
    const char *given = getenv("PGKEEP_SIGV4_VECTORS");
    if (given != NULL && *given != '\0')
        return memory_strdup(given);
    char folder[4096];
    ssize_t length = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (length > 0)
        folder[length] = '\0';
    if ((length <= 0 || !find_root(folder)) &&
        (getcwd(folder, sizeof folder) == NULL || !find_root(folder)))
        return NULL;
    return file_join(folder, "../shared/sigv4");
}
