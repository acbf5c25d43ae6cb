/*
 * `catalog rebuild`, `sync` and `check`: one call into repair/ each, and what came of it.
 *
 * sync and check go from store to store (repair/visit.h): what each came to is printed as it
 * comes, and one that does not answer stands in the list with its reason. rebuild is another
 * kind: all stores or nothing, as a catalog without one of them would look like a loss.
 */
#include "repair/check.h"
#include "repair/rebuild.h"
#include "repair/sync.h"
#include "repair/visit.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/upkeep_json.h"

/* ---- rebuild ---- */

/* Store by store: a backup counts as new only in the first that has it. */
static void print_rebuilt(const struct rebuild_result *result, const char *catalog)
{
    /* Figures of each store, then of the whole. */
    char copies[64], backups[64], files[64];
    for (size_t i = 0; i < result->count; i++) {
        const struct rebuild_store *store = &result->stores[i];
        output_linef(
            "store \"%s\": %s, %s that no store before it had, %s", store->name,
            text_count(copies, store->result.copies, "copy", "copies"),
            text_count(backups, store->result.artifacts, "backup", "backups"),
            text_count(files, store->result.damaged, "damaged file", "damaged files"));
    }
    output_linef("catalog %s: %s", catalog,
                 text_count(backups, result->artifacts, "backup", "backups"));
    if (result->kept)
        output_linef("the old one is kept as %s", result->kept);
}

/* Needs no catalog: it is about to be made. All locks are held, so that nobody writes into
 * the old one. */
static int run_rebuild(struct cmd_context *ctx, struct err *err)
{
    struct rebuild_result result = {0};
    struct session_spec run_spec = rebuild_session();
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    /* In place only when it returns 0; until then the old catalog is the one. */
    int done = rebuild_run(session, config_args_text(ctx->args, "store"), &result, err);
    if (done == 0 && ctx->settings->json)
        output_json(upkeep_json_rebuilt(&result, ctx->settings->catalog));
    else if (done == 0)
        print_rebuilt(&result, ctx->settings->catalog);
    int status = done < 0 ? cmd_end(session, done, err)
                          : session_end(session, rebuild_outcome(&result), NULL);
    rebuild_result_release(&result);
    return status;
}

/* ---- store by store: sync and check ---- */

/* Of one walk from store to store; text is printed at once, JSON collected. */
struct showing {
    struct session *session;
    json_t *list;              /* with --json: one object per store */
    struct output_table table; /* check without --json */
};

/* A store that could not be read; as text it is in the log already. */
static void show_failed(void *context, const char *name, const struct err *why)
{
    struct showing *v = context;
    if (v->list)
        (void)json_array_append_new(v->list, upkeep_json_missed(name, why));
}

/* ---- sync ---- */

/* What is another now, in one line: most nights it is all 0. */
static void print_synced(struct showing *v, const char *name,
                         const struct sync_result *result)
{
    /* One line a store, also when nothing is new: it was read. */
    char manifests[64], backups[64], copies[64], decisions[64];
    if (v->list)
        (void)json_array_append_new(v->list, upkeep_json_synced(name, result));
    else
        output_linef("store \"%s\": %s; new here: %s, %s, %s; missing: %zu; there again: "
                     "%zu; damaged: %zu",
                     name,
                     text_count(manifests, result->manifests, "manifest", "manifests"),
                     text_count(backups, result->artifacts, "backup", "backups"),
                     text_count(copies, result->copies, "copy", "copies"),
                     text_count(decisions, result->states, "decision", "decisions"),
                     result->missing, result->healed, result->damaged);
}

/* Into the catalog of this run, in batches of its own. */
static int sync_one(void *context, struct repository *repository, bool *doubtful,
                    struct err *err)
{
    struct showing *v = context;
    /* Zeroed by sync_store; printed only when the store was read to its end. */
    struct sync_result result;
    if (sync_store(v->session, repository, &result, err) < 0)
        return -1;
    /* Both leave the exit status at 8: what was read is in, and somebody should look. */
    *doubtful = result.empty || result.damaged > 0;
    print_synced(v, repository->name, &result);
    return 0;
}

/* ---- check ---- */

static const struct output_column columns[] = {
    {"STORE", OUTPUT_LEFT}, {"WHAT", OUTPUT_LEFT}, {"KEY", OUTPUT_LEFT}, {"", OUTPUT_LEFT}};

/* Findings are the result, and so is how much was compared: all of it on stdout. */
static void print_compared(struct showing *v, const char *name,
                           const struct check_result *result)
{
    if (v->list) {
        (void)json_array_append_new(v->list, upkeep_json_checked(name, result));
        return;
    }
    for (size_t i = 0; i < result->count; i++) {
        const struct check_finding *finding = &result->items[i];
        output_table_cell(&v->table, name);
        output_table_cell(&v->table, check_kind_name(finding->kind));
        output_table_cell(&v->table, finding->key);
        output_table_cell(&v->table, finding->note);
    }
    /* What was compared: "no finding" of nothing compared is no good news. */
    char copies[64], objects[64], others[64], uploads[64], findings[64];
    output_linef("store \"%s\": %s, %s of ours, %s, %s under way: %s", name,
                 text_count(copies, result->copies, "copy", "copies"),
                 text_count(objects, result->objects, "object", "objects"),
                 text_count(others, result->others, "other", "others"),
                 text_count(uploads, result->uploading, "upload", "uploads"),
                 text_count(findings, result->count, "finding", "findings"));
}

/* What does not fit is a finding; what cannot be read is a failure of the store. */
static int check_one(void *context, struct repository *repository, bool *doubtful,
                     struct err *err)
{
    struct showing *v = context;
    struct check_result result;
    int done =
        check_store(session_catalog(v->session), repository, clock_now(), &result, err);
    /* Any finding, also one that sweep or sync will mend by itself. */
    *doubtful = done == 0 && result.count > 0;
    if (done == 0)
        print_compared(v, repository->name, &result);
    check_result_release(&result);
    return done;
}

/* ---- from store to store ---- */

/* doubtful: what a store that is not as it should be makes of the exit status; ERR_NONE: partial. */
static int walk(struct cmd_context *ctx, struct showing *v, struct visit *visit,
                enum err_kind doubtful, struct err *err)
{
    struct err why = {0};
    visit->session = v->session;
    visit->only = config_args_text(ctx->args, "store");
    visit->failed = show_failed;
    visit->context = v;
    v->list = ctx->settings->json ? json_array() : NULL;
    int result = visit_stores(visit, err);
    /* Also after an error: what was done before it is done. */
    if (v->list)
        output_json(json_pack("{s:o}", "stores", v->list));
    if (result < 0)
        return cmd_end(v->session, result, err);
    return session_end(v->session, visit_outcome(visit, doubtful, &why), &why);
}

/* Also on a machine that has no catalog yet: this is how it gets one. */
static int run_sync(struct cmd_context *ctx, struct err *err)
{
    struct showing v = {0};
    struct visit visit = {.each = sync_one};
    const struct session_spec spec = {
        .kind = "catalog sync", .catalog = SESSION_CREATE, .recorded = true};
    v.session = cmd_begin(ctx, &spec, err);
    return v.session ? walk(ctx, &v, &visit, ERR_NONE, err) : -1;
}

/* Changes nothing, so it is not recorded. A finding in any store makes the exit status 6. */
static int run_check(struct cmd_context *ctx, struct err *err)
{
    struct showing v = {0};
    struct visit visit = {.each = check_one};
    const struct session_spec spec = {.kind = "catalog check", .catalog = SESSION_WRITE};
    v.session = cmd_begin(ctx, &spec, err);
    if (v.session == NULL)
        return -1;
    /* Rows of a damaged file would show as findings about the stores. */
    if (catalog_check(session_catalog(v.session), err) < 0)
        return cmd_end(v.session, -1, err);
    output_table_init(&v.table, columns, sizeof columns / sizeof *columns);
    int status = walk(ctx, &v, &visit, ERR_CORRUPT, err);
    /* Empty with --json, and then it prints nothing. */
    output_table_print(&v.table);
    output_table_release(&v.table);
    return status;
}

/* ---- which ---- */

/* A table and not a chain: help and the error for a wrong word come from it. */
static const struct {
    const char *name;
    int (*run)(struct cmd_context *ctx, struct err *err);
} actions[] = {
    {"rebuild", run_rebuild},
    {"sync", run_sync},
    {"check", run_check},
};

/* The first argument is the action; what each does stands in `about`. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const char *name = ctx->args->positional.items[0];
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(actions[i].name, name) == 0)
            return actions[i].run(ctx, err);
    }
    return cmd_usage(ctx, err, "no such thing to do with a catalog: \"%.80s\"", name);
}

const struct command cmd_catalog = {
    .name = "catalog",
    .usage = "rebuild|sync|check [--store NAME]",
    .summary = "rebuild the catalog, merge other machines' backups, compare it",
    .about =
        "rebuild  makes the catalog anew from the manifests in the stores. It takes the\n"
        "         place of the old one only when every store was read to its end; the\n"
        "         old one is kept beside it. With --store (a name or a URL) from that\n"
        "         store alone; sync adds the others.\n"
        "sync     takes in what other machines wrote into the same stores: backups,\n"
        "         pins, verifications. What they removed shows as missing. Deletes\n"
        "         nothing, and concludes nothing from an empty listing.\n"
        "check    holds catalog and stores against each other, both ways, and reports;\n"
        "         changes nothing.\n"
        "\n"
        "Exit status 8: some stores could not be read, or files in them were damaged and\n"
        "passed over; 6: check found something that does not fit.\n"
        "\n"
        "  pgkeep catalog sync\n"
        "  pgkeep catalog rebuild --store 's3://acme-pg/prod?region=eu-central-1'\n"
        "  pgkeep catalog check --json\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
