/*
 * Findings carry their own words, so that the questions in the other files read as
 * questions. The last one weighs all answers against every row of the provider table.
 */
#include "s3/probe/probe_work.h"

#include "base/text.h"

#include <assert.h>
#include <stdarg.h>

/* Names are for JSON and stay; titles are for people. */
static const struct {
    const char *name, *title;
} texts[S3_PROBE_WHATS] = {
    [S3_PROBE_BUCKET] = {"bucket", "the bucket answers to our keys"},
    [S3_PROBE_CLOCK] = {"clock", "its clock and ours"},
    [S3_PROBE_VERSIONING] = {"versioning", "versions"},
    [S3_PROBE_LOCK] = {"lock", "object lock"},
    [S3_PROBE_CREATE] = {"upload", "beginning an upload, as configured"},
    [S3_PROBE_MD5] = {"content-md5", "a part with a wrong MD5"},
    [S3_PROBE_SHA256] = {"payload-sha256", "a part with a wrong SHA-256"},
    [S3_PROBE_LAST_PART] = {"max-parts", "the highest part number"},
    [S3_PROBE_UPLOADS] = {"list-uploads", "listing open uploads"},
    [S3_PROBE_ABORT] = {"abort", "aborting an upload"},
    [S3_PROBE_CHECKSUM] = {"checksum", "a part with a wrong CRC-64/NVME"},
    [S3_PROBE_PUT] = {"put", "writing an object"},
    [S3_PROBE_ETAG] = {"etag", "ETags"},
    [S3_PROBE_GET] = {"get", "reading it back"},
    [S3_PROBE_LIST] = {"list", "listing objects"},
    [S3_PROBE_CONDITION] = {"if-none-match", "If-None-Match when writing"},
    [S3_PROBE_MULTIPART] = {"multipart", "an upload in parts"},
    [S3_PROBE_UNEVEN] = {"uneven-parts", "parts of different sizes"},
    [S3_PROBE_RANGE] = {"range", "reading a range"},
    [S3_PROBE_COMPLETE_CONDITION] = {"complete-if-none-match",
                                     "If-None-Match at the end of an upload"},
    [S3_PROBE_DELETE] = {"delete", "deleting"},
    [S3_PROBE_PROVIDER] = {"provider", "provider"},
};

/* How much it weighs that a row relies on what is not there: what makes backups fail, and
 * what only takes a belt away. */
static const struct {
    const char *words;
    int weight;
} traits[S3_TRAITS] = {
    [S3_TRAIT_PUT_IF_ABSENT] = {"If-None-Match when writing", 1},
    [S3_TRAIT_COMPLETE_IF_ABSENT] = {"If-None-Match at the end of an upload", 4},
    [S3_TRAIT_CHECKSUMS] = {"checksums", 10},
    [S3_TRAIT_UNEVEN_PARTS] = {"parts of different sizes", 20},
    [S3_TRAIT_UPLOADS_BY_PREFIX] = {"listing open uploads by prefix", 10},
    [S3_TRAIT_ETAG_IS_MD5] = {"ETags that are MD5s", 10},
};

const char s3_probe_unused[] = ", but nothing relies on it";

struct s3_finding *s3_probe_add(struct s3_probing *probing, enum s3_probe_what what,
                                enum s3_probe_verdict verdict, const char *format, ...)
{
    struct s3_probe *out = probing->out;
    va_list arguments;
    /* As many as there are questions; each adds one or two. */
    assert(out->count < S3_PROBE_FINDINGS);
    struct s3_finding *finding = &out->findings[out->count++];
    *finding = (struct s3_finding){
        .name = texts[what].name, .title = texts[what].title, .verdict = verdict};
    /* Unless somebody knows better, it is the store that cannot do it. */
    if (verdict == S3_PROBE_FAILED)
        finding->kind = ERR_STORE;
    va_start(arguments, format);
    vsnprintf(finding->found, sizeof finding->found, format, arguments);
    va_end(arguments);
    return finding;
}

void s3_probe_advise(struct s3_finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->advice, sizeof finding->advice, format, arguments);
    va_end(arguments);
}

void s3_probe_expect(struct s3_finding *finding, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->expected, sizeof finding->expected, format, arguments);
    va_end(arguments);
}

struct s3_finding *s3_probe_fail(struct s3_probing *probing, enum s3_probe_what what,
                                 const struct err *err)
{
    /* An error's sentence is the finding, its hint the advice. */
    const char *hint = strstr(err->text, "\nhint: ");
    size_t length = hint != NULL ? (size_t)(hint - err->text) : strlen(err->text);
    struct s3_finding *finding =
        s3_probe_add(probing, what, S3_PROBE_FAILED, "%.*s", (int)length, err->text);
    /* Not the service's fault that our time is over. */
    if (probing->late) {
        finding->verdict = S3_PROBE_SKIPPED;
        finding->kind = ERR_NONE;
        return finding;
    }
    finding->kind = err->kind;
    if (hint != NULL)
        s3_probe_advise(finding, "%s", hint + strlen("\nhint: "));
    return finding;
}

struct s3_finding *s3_probe_conclude(struct s3_probing *probing, enum s3_probe_what what,
                                     const struct err *err, const char *good)
{
    return err->kind != ERR_NONE ? s3_probe_fail(probing, what, err)
                                 : s3_probe_add(probing, what, S3_PROBE_OK, "%s", good);
}

/* ---- the row */

/* What uploads and deletions would do by this row, in this bucket. */
static bool relies_on(const struct s3_provider *row, enum s3_probe_trait trait,
                      bool versioned)
{
    /* Ceph ignores conditions in buckets with versions. */
    bool plain = !row->conditions_plain_only || !versioned;
    switch (trait) {
    case S3_TRAIT_PUT_IF_ABSENT:
        return row->put_if_absent && plain;
    case S3_TRAIT_COMPLETE_IF_ABSENT:
        return row->complete_if_absent && plain;
    case S3_TRAIT_CHECKSUMS:
        return row->crc64;
    case S3_TRAIT_UNEVEN_PARTS:
        return !row->uniform_parts;
    case S3_TRAIT_UPLOADS_BY_PREFIX:
        return !row->uploads_by_exact_key;
    case S3_TRAIT_ETAG_IS_MD5:
        return row->etag_is_md5;
    case S3_TRAITS:
        break;
    }
    return false;
}

bool s3_probe_uses(const struct s3_probing *probing, enum s3_probe_trait trait)
{
    return relies_on(probing->row, trait, probing->versioned);
}

/* 0 fits; below, what it relies on in vain weighs. */
static int misfit(const struct s3_probing *probing, const struct s3_provider *row)
{
    int sum = 0;
    /* What was not found out, for want of rights or time, speaks for and against nobody. */
    for (int i = 0; i < S3_TRAITS; i++)
        if (relies_on(row, (enum s3_probe_trait)i, probing->versioned) &&
            probing->traits[i] == S3_LACKS)
            sum += traits[i].weight;
    return sum;
}

/* How much of what the service has a row makes use of: of two that fit the better one. */
static int uses_well(const struct s3_probing *probing, const struct s3_provider *row)
{
    int sum = 0;
    for (int i = 0; i < S3_TRAITS; i++)
        sum += relies_on(row, (enum s3_probe_trait)i, probing->versioned) &&
               probing->traits[i] == S3_HAS;
    return sum;
}

/* The row that fits better than ours: least misfit, then most use, then the neutral one. */
static const struct s3_provider *find_better(const struct s3_probing *probing)
{
    const struct s3_provider *best = probing->row;
    struct err ignored = {0};
    /* Ours stays where no other fits better: a user who named it has a reason. */
    for (const char *const *name = s3_provider_names(); *name != NULL; name++) {
        const struct s3_provider *row = s3_provider_find(*name, &ignored);
        /* Less in vain first; among those that are equal the one that uses more, then "other". */
        int gain = misfit(probing, best) - misfit(probing, row);
        int use = uses_well(probing, row) - uses_well(probing, best);
        bool neutral = strcmp(*name, "other") == 0;
        if (gain > 0 ||
            (gain == 0 && best != probing->row && (use > 0 || (use == 0 && neutral))))
            best = row;
    }
    return best != probing->row ? best : NULL;
}

/* "checksums, parts of different sizes" */
static void add_misfits(const struct s3_probing *probing, struct text *out)
{
    const char *between = "";
    for (int i = 0; i < S3_TRAITS; i++) {
        if (!s3_probe_uses(probing, (enum s3_probe_trait)i) ||
            probing->traits[i] != S3_LACKS)
            continue;
        text_addf(out, "%s%s", between, traits[i].words);
        between = ", ";
    }
}

void s3_probe_report_row(struct s3_probing *probing)
{
    const struct s3_provider *row = probing->row;
    struct text missing;
    /* That a row could do more for this service is no misfit. */
    if (misfit(probing, row) == 0) {
        struct err ignored = {0};
        const struct s3_provider *named = s3_provider_find(row->name, &ignored);
        struct s3_finding *fits = s3_probe_add(probing, S3_PROBE_PROVIDER, S3_PROBE_OK,
                                               "%s (%s) fits", row->name, row->title);
        s3_probe_expect(fits, "%s", row->name);
        /* Of a service that was recognised by its answers only a part of its row is used. */
        if (misfit(probing, named) == 0 &&
            uses_well(probing, named) > uses_well(probing, row))
            s3_probe_advise(
                fits,
                "set provider = \"%s\", and its checksums and conditions are used, "
                "too",
                row->name);
        return;
    }
    /* What it counts on in vain, and which row would not. */
    text_init(&missing, 240);
    add_misfits(probing, &missing);
    struct s3_finding *finding = s3_probe_add(probing, S3_PROBE_PROVIDER, S3_PROBE_WARNING,
                                              "%s (%s) does not fit: it relies on %s",
                                              row->name, row->title, missing.data);
    s3_probe_expect(finding, "%s", row->name);
    const struct s3_provider *better = find_better(probing);
    if (better != NULL)
        s3_probe_advise(finding, "set provider = \"%s\" (%s)", better->name, better->title);
    text_release(&missing);
}
