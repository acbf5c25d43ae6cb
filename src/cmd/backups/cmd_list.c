/*
 * `list`: the filter of the command line, one query, a page of rows. The catalog alone is read,
 * so it answers also when no store does.
 *
 * For people a page at a time, newest first; for programs all of it, since a script must not
 * lose rows without a word. Names that nobody knows are errors, not empty lists: "there are no
 * backups" is believed.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "report/artifact_json.h"
#include "cmd/artifact_text.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "repository/unknown.h"

enum { TEXT_LIMIT = 50 };

/* KEY=VALUE texts; what is before and behind the first '='. */
static void read_tags(struct catalog_pairs *pairs, const struct strlist *tags)
{
    for (size_t i = 0; i < tags->count; i++) {
        const char *equals = strchr(tags->items[i], '=');
        char *name = memory_strndup(tags->items[i], (size_t)(equals - tags->items[i]));
        catalog_pairs_add(pairs, name, equals + 1);
        free(name);
    }
}

/* Borrows from the command line; only what narrows is set. */
static struct catalog_filter read_filter(const struct cmd_context *ctx,
                                         const struct catalog_pairs *tags)
{
    const char *word = config_args_text(ctx->args, "status");
    enum catalog_status status = CATALOG_RUNNING;
    /* The option table has checked the word; without one it is all but deleted (0). */
    bool asked = word && catalog_status_from_name(word, &status);
    const struct config_args *args = ctx->args;
    return (struct catalog_filter){
        .job = config_args_text(args, "job"),
        .database = config_args_text(args, "database"),
        .type = config_args_text(args, "type"),
        .store = config_args_text(args, "store"),
        .statuses = asked ? 1u << status : 0,
        .since = config_args_number(args, "since", 0),
        .until = config_args_number(args, "until", 0),
        .tags = tags->items,
        .tag_count = tags->count,
        /* A page for people, everything for programs: a script must not lose rows without a
         * word. */
        .limit = config_args_number(args, "limit", ctx->settings->json ? 0 : TEXT_LIMIT),
        .offset = config_args_number(args, "offset", 0),
    };
}

/* Nobody should have to wonder whether the backups are gone or only not asked for. */
static void print_none(const struct settings *settings, int64_t total, int64_t all)
{
    if (total > 0)
        output_linef("none on this page: %lld match in all", (long long)total);
    else if (all > 0)
        output_linef("none of the %lld artifacts in %s match", (long long)all,
                     settings->catalog);
    else
        output_linef("no backups yet in %s: `pgkeep help backup` says how to take one, "
                     "`pgkeep catalog rebuild` makes a lost catalog anew",
                     settings->catalog);
}

/* A page, and what is behind it. */
static int print_text(struct catalog *catalog, const struct catalog_filter *filter,
                      const struct catalog_artifacts *artifacts,
                      const struct artifact_view *view, struct err *err)
{
    static const struct catalog_filter everything = {0};
    int64_t total = 0, all = 0;
    if (catalog_artifacts_count(catalog, filter, &total, err) < 0 ||
        catalog_artifacts_count(catalog, &everything, &all, err) < 0)
        return -1;
    /* An empty page says why: nothing there, nothing that fits, or behind the end. */
    if (artifacts->count == 0) {
        print_none(view->settings, total, all);
        return 0;
    }
    artifact_text_list(catalog, artifacts, view);
    /* Each once, whatever the number of its backups. */
    struct strlist told = {0};
    for (size_t i = 0; i < artifacts->count; i++) {
        const char *job = artifact_name_job(&artifacts->items[i]);
        const char *left = artifact_name_job_left(view->settings, job);
        if (left && !strlist_has(&told, job)) {
            output_linef("job %s: %s", job, left);
            strlist_add(&told, job);
        }
    }
    strlist_release(&told);
    /* More is told with the very option that shows it. */
    int64_t shown = filter->offset + (int64_t)artifacts->count;
    if (total > shown)
        output_linef("%lld more: --offset %lld", (long long)(total - shown),
                     (long long)shown);
    return 0;
}

/* On stderr, so that it is said with --json as well. As counted when a store was read last: a list
 * asks none. */
static void warn_unknown(struct catalog *catalog)
{
    struct catalog_stores stores = {0};
    struct err ignored = {0};
    bool listed = catalog_stores_list(catalog, &stores, &ignored) == 0;
    for (size_t i = 0; listed && i < stores.count; i++) {
        char text[64];
        struct unknown known = {0};
        if (stores.items[i].uuid[0] != '\0' &&
            unknown_remembered(catalog, stores.items[i].uuid, &known, &ignored) == 0 &&
            known.count > 0)
            log_warning(
                "store \"%s\" holds %s that this catalog does not know: " UNKNOWN_ADVICE,
                stores.items[i].name, text_count(text, known.count, "backup", "backups"));
    }
    catalog_stores_release(&stores);
}

/* No catalog yet is no failure: a monitor may ask before the first night. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct artifact_view view = {clock_now(), ctx->settings};
    struct session_spec spec = {.kind = "list", .catalog = SESSION_READ_IF_ANY};
    struct catalog_pairs tags = {0};
    struct catalog_artifacts artifacts = {0};
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    /* Without a catalog there is nothing to misspell a name of. */
    struct catalog *catalog = session_catalog(session);
    read_tags(&tags, config_args_list(ctx->args, "tag"));
    struct catalog_filter filter = read_filter(ctx, &tags);
    int result = 0;
    if (catalog && (session_require_job(session, filter.job, err) < 0 ||
                    session_require_store(session, filter.store, err) < 0 ||
                    catalog_artifacts_list(catalog, &filter, CATALOG_WITH_COPIES,
                                           &artifacts, err) < 0))
        result = -1;
    if (result == 0 && catalog)
        warn_unknown(catalog);
    if (result == 0 && ctx->settings->json)
        output_json(artifact_json_list(&artifacts, &view));
    else if (result == 0 && catalog)
        result = print_text(catalog, &filter, &artifacts, &view, err);
    else if (result == 0)
        print_none(ctx->settings, 0, 0);
    catalog_artifacts_release(&artifacts);
    catalog_pairs_release(&tags);
    return cmd_end(session, result, err);
}

const struct command cmd_list = {
    .name = "list",
    .usage = "[options]",
    .summary = "list artifacts, newest first",
    .about =
        "One line per artifact, with its copies: the name of a store alone is a good\n"
        "copy there, any other state is written behind it. Deleted ones are hidden\n"
        "unless --status deleted asks for them. Only the catalog is read, no store:\n"
        "`pgkeep verify` looks whether it is still true. On a narrow terminal times and\n"
        "remarks are cut and columns left out; a pipe and --json get all of it.\n"
        "\n"
        "  pgkeep list --job nightly --since 2026-11-01\n"
        "  pgkeep list --status failed --json\n",
    .run = run,
};
