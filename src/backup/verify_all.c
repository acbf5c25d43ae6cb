/*
 * One copy after the other; what is found is written into the catalog by verify_copy. A copy
 * that is bad is a result, not an error: the others are checked all the same.
 */
#include "backup/verify_all.h"

#include "base/log.h"
#include "catalog/artifact_list.h"
#include "stream/decode.h"

struct session_spec verify_all_session(const struct verify_all_spec *spec)
{
    struct session_spec run = {
        .kind = "verify", .catalog = SESSION_WRITE, .recorded = true, .run = spec->run};
    /* What a schedule begins belongs to a job: its lock tells whoever looks from elsewhere that
     * somebody is at it. */
    if (spec->longest) {
        run.job = spec->job;
        run.lock = SESSION_LOCK_CHECK;
    }
    return run;
}

/* Missing and damaged ones too: they may have been put back since. */
static bool is_checkable(const struct verify_all_spec *spec,
                         const struct catalog_copy *copy)
{
    bool state = copy->state == CATALOG_COPY_COMPLETE ||
                 copy->state == CATALOG_COPY_MISSING || copy->state == CATALOG_COPY_DAMAGED;
    return state &&
           (spec->among.store == NULL || strcmp(spec->among.store, copy->store) == 0);
}

static int check_artifact(const struct verify_all_spec *spec,
                          const struct catalog_artifact *artifact,
                          struct verify_all_result *sum, struct err *err)
{
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        struct catalog_verification verification;
        struct err why = {0};
        struct verify_spec one = {.session = spec->session,
                                  .artifact = artifact,
                                  .copy = copy,
                                  .level = spec->level};
        if (!is_checkable(spec, copy))
            continue;
        /* -1 is what ends all: a cancel, the catalog. */
        int result = verify_copy(&one, &verification, &why, err);
        if (result == 0) {
            sum->checked++;
            sum->good += verification.result == CATALOG_GOOD;
            sum->undecided += verification.result == CATALOG_UNDECIDED;
            if (spec->checked)
                spec->checked(spec->context, artifact, copy, &verification);
        }
        verify_release(&verification);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int check_named(const struct verify_all_spec *spec, const char *name,
                       struct verify_all_result *sum, struct err *err)
{
    struct catalog *catalog = session_catalog(spec->session);
    struct catalog_artifact artifact = {0};
    char id[ULID_SIZE];
    size_t before = sum->checked;
    struct catalog_choice choice = spec->among;
    choice.text = name;
    int result = catalog_artifact_find(catalog, &choice, id, err);
    if (result == 0)
        result = catalog_artifact_load(catalog, id, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0)
        result = check_artifact(spec, &artifact, sum, err);
    /* Who names a backup believes that there is something to verify. */
    if (result == 0 && sum->checked == before)
        result = err_set(err, ERR_NOT_FOUND, "%s (%s) has no copy to verify%s", id,
                         catalog_status_name(artifact.status),
                         spec->among.store != NULL ? " there" : "");
    catalog_artifact_release(&artifact);
    return result;
}

/* Whose turn it is. None is no error: the job's first backup may be under way. */
static int check_longest(const struct verify_all_spec *spec, struct verify_all_result *sum,
                         struct err *err)
{
    struct catalog *catalog = session_catalog(spec->session);
    struct catalog_artifact artifact = {0};
    char id[ULID_SIZE];
    int result = catalog_verification_longest(catalog, spec->job, spec->level, id, err);
    if (result == 0 && *id != '\0')
        result = catalog_artifact_load(catalog, id, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0 && *id != '\0')
        result = check_artifact(spec, &artifact, sum, err);
    catalog_artifact_release(&artifact);
    return result;
}

int verify_all(const struct verify_all_spec *spec, struct verify_all_result *sum,
               struct err *err)
{
    struct catalog_artifacts artifacts = {0};
    struct catalog_filter filter = {.job = spec->job,
                                    .database = spec->among.database,
                                    .type = spec->among.type,
                                    .until = spec->among.before,
                                    .store = spec->among.store,
                                    .statuses = 1u << CATALOG_COMPLETE};
    char memory[32];
    *sum = (struct verify_all_result){0};
    /* Each copy after the other, so the memory of one is that of all. */
    if (spec->level == CATALOG_FULL)
        log_info("memory for buffers: %s at most, for %u threads that decode",
                 text_size(memory, decode_memory(CODEC_GZIP, decode_threads())),
                 decode_threads());
    /* A misspelt store would make every backup look verified. */
    if (session_require_store(spec->session, spec->among.store, err) < 0)
        return -1;
    for (size_t i = 0; i < spec->names->count; i++) {
        if (check_named(spec, spec->names->items[i], sum, err) < 0)
            return -1;
    }
    if (spec->names->count > 0)
        return 0;

    int result = session_require_job(spec->session, spec->job, err);
    if (result == 0 && spec->longest)
        return check_longest(spec, sum, err);
    /* Newest first, as the catalog lists them. */
    if (result == 0)
        result = catalog_artifacts_list(session_catalog(spec->session), &filter,
                                        CATALOG_WITH_COPIES, &artifacts, err);
    for (size_t i = 0; result == 0 && i < artifacts.count; i++)
        result = check_artifact(spec, &artifacts.items[i], sum, err);
    catalog_artifacts_release(&artifacts);
    return result;
}

enum outcome verify_all_outcome(const struct verify_all_result *result, struct err *why)
{
    size_t bad = result->checked - result->good - result->undecided;
    err_clear(why);
    /* Damage outweighs what merely could not be checked. */
    if (bad > 0)
        err_set(why, ERR_CORRUPT, "%zu of %zu copies are missing or damaged", bad,
                result->checked);
    else if (result->undecided > 0)
        err_set(why, ERR_TRANSIENT, "%zu of %zu copies could not be checked",
                result->undecided, result->checked);
    return why->kind == ERR_NONE ? OUTCOME_DONE : OUTCOME_FAILED;
}
