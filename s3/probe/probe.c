/*
 * What is asked first decides what may be asked later: without the bucket nothing, without
 * knowing its locks no object is written.
 */
#include "s3/probe.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "s3/probe/probe_work.h"

enum {
    TIMEOUT_MS = 120000,
    SKEW_S = 300, /* from here on retention refuses to delete (guard G4) */
    SKEW_NOTED_S = 5
};
#define DEFAULT_PART ((uint64_t)5 << 20)
#define DAY_S 86400

/* ---- what is asked without writing ---- */

/* Also the first answer, from which clock and kind of service are known. */
static bool check_bucket(struct s3_probing *probing)
{
    struct err err = {0};
    if (s3_bucket_check(probing->client, &err) < 0) {
        s3_probe_fail(probing, S3_PROBE_BUCKET, &err);
        return false;
    }
    s3_probe_add(probing, S3_PROBE_BUCKET, S3_PROBE_OK, "yes, keys from: %s",
                 s3_credentials_origin(s3_client_credentials(probing->client)));
    return true;
}

/* Which of the two clocks is wrong nobody can tell from here; the user can. */
static void check_clock(struct s3_probing *probing)
{
    bool known = false;
    int64_t offset = s3_client_clock_offset(probing->client, &known);
    int64_t off = offset < 0 ? -offset : offset;
    const char *way = offset < 0 ? "behind" : "ahead of";
    /* RFC 9110 wants it of every server with a clock; a gateway may drop it. */
    if (!known) {
        s3_probe_add(probing, S3_PROBE_CLOCK, S3_PROBE_SKIPPED, "it sends no Date");
        return;
    }
    if (off <= SKEW_NOTED_S) {
        s3_probe_add(probing, S3_PROBE_CLOCK, S3_PROBE_OK, "agree");
        return;
    }
    struct s3_finding *finding =
        s3_probe_add(probing, S3_PROBE_CLOCK, off > SKEW_S ? S3_PROBE_FAILED : S3_PROBE_OK,
                     "its clock is %lld s %s ours", (long long)off, way);
    s3_probe_expect(finding, "at most %d s apart", SKEW_S);
    /* Uploads are signed with the service's time, but ages are reckoned with both. */
    if (off > SKEW_S) {
        finding->kind = ERR_UNSAFE;
        s3_probe_advise(finding, "set the clock that is wrong: nothing is deleted while "
                                 "they disagree; uploads go on with the service's time");
    }
}

/* What deleting means in this bucket. */
static void check_versioning(struct s3_probing *probing)
{
    static const char *const words[] = {
        [S3_VERSIONING_OFF] = "off: what is deleted is gone",
        [S3_VERSIONING_ON] = "on: deleting removes every version of a key of ours",
        [S3_VERSIONING_SUSPENDED] =
            "suspended: deleting removes every version of a key of ours"};
    enum s3_versioning versioning = S3_VERSIONING_OFF;
    struct err err = {0};
    if (s3_bucket_versioning(probing->client, &versioning, &err) < 0) {
        /* As in deleting: without knowing, versions are looked for. */
        probing->versioned = true;
        struct s3_finding *finding =
            s3_probe_add(probing, S3_PROBE_VERSIONING, S3_PROBE_WARNING,
                         "may not be asked for: %.200s", err.text);
        s3_probe_advise(finding, "allow s3:GetBucketVersioning");
        return;
    }
    /* Suspended: what was written before still has versions. */
    probing->versioned = versioning != S3_VERSIONING_OFF;
    struct s3_finding *finding =
        s3_probe_add(probing, S3_PROBE_VERSIONING, S3_PROBE_OK, "%s", words[versioning]);
    /* A row that knows of no versions would never look for them, and they would be paid for. */
    if (probing->versioned && !probing->row->versions) {
        finding->verdict = S3_PROBE_WARNING;
        s3_probe_expect(finding, "%s has none", probing->row->title);
        s3_probe_advise(finding, "set provider to the service that it is");
    }
}

/* True: objects that are written would be locked. */
static bool check_lock(struct s3_probing *probing)
{
    struct s3_bucket_lock lock;
    struct err err = {0};
    /* Not being allowed to ask is no reason not to try: a lock shows on the object, too. */
    if (s3_bucket_lock(probing->client, &lock, &err) < 0) {
        s3_probe_advise(s3_probe_add(probing, S3_PROBE_LOCK, S3_PROBE_WARNING,
                                     "may not be asked for: %.200s", err.text),
                        "allow s3:GetBucketObjectLockConfiguration");
        return false;
    }
    /* A lock without a default binds only what asks for it, and scratch objects do not. */
    if (!lock.enabled)
        s3_probe_add(probing, S3_PROBE_LOCK, S3_PROBE_OK, "off");
    else if (lock.mode[0] == '\0')
        s3_probe_add(probing, S3_PROBE_LOCK, S3_PROBE_OK,
                     "on, no default retention: what is written is free to go");
    else
        s3_probe_add(probing, S3_PROBE_LOCK, S3_PROBE_OK,
                     "on, by default %s for %lld day%s: what is written stays so long, "
                     "whatever retention decides",
                     lock.mode, (long long)(lock.seconds / DAY_S),
                     lock.seconds == DAY_S ? "" : "s");
    return lock.mode[0] != '\0';
}

/* ---- all of it ---- */

/* Noise: what repeats could hide a part that was put in the wrong place. From one random number
 * (Knuth's MMIX), as it has to look random to nobody. */
static int make_data(struct s3_probing *probing, size_t part_size, struct err *err)
{
    uint64_t state;
    /* The least that the service says it takes: that it does is one of the findings. */
    if (part_size == 0)
        part_size =
            probing->row->min_part > DEFAULT_PART ? probing->row->min_part : DEFAULT_PART;
    probing->part_size = part_size;
    probing->data = memory_try(part_size + S3_PROBE_MORE, err);
    if (probing->data == NULL)
        return -1;
    ulid_random((unsigned char *)&state, sizeof state);
    for (size_t i = 0; i < part_size + S3_PROBE_MORE; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        probing->data[i] = (unsigned char)(state >> 56);
    }
    return 0;
}

/* All that leaves something behind for a moment. Whatever came of it, it is cleaned up. */
static int write_and_clean(struct s3_probing *probing, bool keeps, struct err *err)
{
    /* Uploads that are aborted leave nothing, even where objects would be locked. */
    int result = s3_probe_uploads(probing, err);
    if (result == 0 && keeps)
        s3_probe_advise(
            s3_probe_add(probing, S3_PROBE_PUT, S3_PROBE_SKIPPED,
                         "the bucket would keep scratch objects for the time of its "
                         "default retention, so none is written: reading, listing, "
                         "conditions and deleting are not tried"),
            "look at them in a bucket of the same service without default retention");
    else if (result == 0)
        result = s3_probe_objects(probing, err);
    if (probing->wrote)
        s3_probe_clean(probing);
    return result;
}

/* The questions, each only where the ones before allow it. */
static int run(struct s3_probing *probing, size_t part_size, struct err *err)
{
    const struct cancel *cancel = s3_client_cancel(probing->client);
    /* A finding that ends it, or nothing. */
    if (!check_bucket(probing))
        return cancel_check(cancel, err);
    /* Now that it has answered, it may have said which service it is. */
    probing->row = s3_client_provider(probing->client);
    if (make_data(probing, part_size, err) < 0)
        return -1;
    check_clock(probing);
    check_versioning(probing);
    /* Whether what is written could be removed again is asked before anything is. */
    bool keeps = check_lock(probing);
    if (cancel_check(cancel, err) < 0 || write_and_clean(probing, keeps, err) < 0)
        return -1;
    /* Last, when all answers are there to weigh. */
    s3_probe_report_row(probing);
    return 0;
}

int s3_probe_run(struct s3_client *client, const struct s3_probe_spec *spec,
                 struct s3_probe *out, struct err *err)
{
    const struct s3_call call = {.retry_time_ms = S3_PROBE_REQUEST_MS};
    const char *prefix = s3_client_prefix(client);
    struct s3_probing probing = {.client = s3_client_with(client, &call), .out = out};
    char id[ULID_SIZE];
    /* A folder of its own for each run: two at once do not meet, and what a crash leaves is known
     * by its name. */
    ulid_new(id, clock_now_ms());
    *out = (struct s3_probe){.prefix = memory_format("%spgkeep-probe-%s/", prefix, id)};
    probing.folder = out->prefix + strlen(prefix);
    probing.until_ms =
        clock_monotonic_ms() + (spec->timeout_ms > 0 ? spec->timeout_ms : TIMEOUT_MS);
    int result = run(&probing, spec->part_size, err);
    free(probing.data);
    s3_client_free(probing.client);
    return result;
}

/* Findings are fixed texts; the folder's name is the one thing on the heap. */
void s3_probe_release(struct s3_probe *probe)
{
    free(probe->prefix);
    *probe = (struct s3_probe){0};
}
