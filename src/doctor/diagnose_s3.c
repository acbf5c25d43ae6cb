/*
 * A bucket is tried by s3/probe.h, which knows what its service should do; here its findings
 * become ours, and the uploads that the catalog knows are asked for their age.
 */
#include "doctor/diagnose_work.h"

#include "base/clock.h"
#include "catalog/copies.h"
#include "s3/probe.h"

enum { HOUR = 3600 };

/* ---- the service ---- */

static void check_service(struct diagnose *d, struct s3_client *client)
{
    static const enum diagnose_verdict verdicts[] = {[S3_PROBE_OK] = DIAGNOSE_OK,
                                                     [S3_PROBE_WARNING] = DIAGNOSE_WARNING,
                                                     [S3_PROBE_FAILED] = DIAGNOSE_FAILED,
                                                     [S3_PROBE_SKIPPED] = DIAGNOSE_SKIPPED};
    /* All checks; what a service is known not to do stands in its row, and is no finding */
    struct s3_probe_spec spec = {0};
    struct s3_probe probe;
    struct err err = {0};
    int result = s3_probe_run(client, &spec, &probe, &err);
    /* What was found before a failure counts too. */
    for (size_t i = 0; i < probe.count; i++) {
        const struct s3_finding *from = &probe.findings[i];
        struct diagnose_finding finding = {.check = from->name,
                                           .title = from->title,
                                           .verdict = verdicts[from->verdict],
                                           .kind = from->kind,
                                           .expected = from->expected,
                                           .found = from->found,
                                           .advice = from->advice};
        diagnose_emit(d, &finding);
    }
    /* A cancel is no fault of the store's; diagnose_run ends by it. */
    if (result < 0 && err.kind != ERR_CANCELLED)
        diagnose_fail(d, DIAGNOSE_WRITE, &err);
    s3_probe_release(&probe);
}

/* ---- uploads that the service sweeps after a while (MinIO: 24 h, R2: 7 days) ---- */

static void check_upload(struct diagnose *d, const struct catalog_copy *copy,
                         unsigned hours)
{
    /* Ours by the row; its age by our clock, which made the row. */
    char age[32];
    int64_t open_s = clock_now() - copy->created;
    /* Of a dead process: sweep has work. Near the service's limit: it would take the parts
     * away from under a backup that runs; five sixths leave time to act. */
    bool dead = copy->owner_state == OWNER_DEAD;
    bool near = hours > 0 && open_s >= (int64_t)hours * HOUR * 5 / 6;
    if (!copy->begun || (!dead && !near))
        return;
    diagnose_report(d, DIAGNOSE_UPLOADS, DIAGNOSE_WARNING,
                    dead ? "pgkeep sweep undoes it, and so does the next backup of its job"
                         : "raise the limit of the service (MinIO: "
                           "MINIO_API_STALE_UPLOADS_EXPIRY), or back up in less time",
                    dead ? "%s: of a run that is gone, open for %s"
                         : "%s: open for %s, and the service drops it after %u h",
                    copy->artifact, text_duration(age, open_s * 1000), hours);
}

/* Ours alone: other programs may upload into the same bucket. */
static void check_uploads(struct diagnose *d, unsigned hours,
                          const struct catalog_store *row)
{
    struct catalog_copies copies = {0};
    struct err err = {0};
    struct catalog_copy_filter filter = {.store_id = row->id,
                                         .states = 1u << CATALOG_COPY_UPLOADING};
    /* Only ours, by the catalog: what other uploads are open is sweep's to say. */
    size_t before = d->result->counts[DIAGNOSE_WARNING];
    if (catalog_copies_list(d->catalog, &filter, &copies, &err) < 0) {
        diagnose_fail(d, DIAGNOSE_UPLOADS, &err);
    } else {
        for (size_t i = 0; i < copies.count; i++)
            check_upload(d, &copies.items[i], hours);
        if (d->result->counts[DIAGNOSE_WARNING] == before)
            diagnose_report(d, DIAGNOSE_UPLOADS, DIAGNOSE_OK, NULL, "%zu of ours",
                            copies.count);
    }
    catalog_copies_release(&copies);
}

void diagnose_s3(struct diagnose *d, struct store *store, const struct catalog_store *row)
{
    struct s3_client *client = store_s3_client(store);
    /* Uploads that nobody here began are not known: without a row or a catalog there are none
     * to ask about. */
    check_service(d, client);
    if (row != NULL && d->catalog != NULL)
        check_uploads(d, s3_client_upload_hours(client), row);
}
