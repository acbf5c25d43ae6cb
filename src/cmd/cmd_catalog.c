#include "backup/rebuild.h"
#include "backup/sync.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/runs.h"
#include "cmd/catalog_for.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

/* ---- rebuild ---- */

static json_t *rebuilt_json(const struct rebuild_store *store)
{
    return json_pack("{s:o, s:I, s:I, s:I}", "store", json_bytes(store->name), "artifacts",
                     (json_int_t)store->result.artifacts, "copies",
                     (json_int_t)store->result.copies, "damaged",
                     (json_int_t)store->result.damaged);
}

static void print_rebuilt(const struct cmd_context *ctx,
                          const struct rebuild_result *result)
{
    json_t *list = ctx->settings->json ? json_array() : NULL;
    for (size_t i = 0; i < result->count; i++) {
        const struct rebuild_store *store = &result->stores[i];
        if (list)
            (void)json_array_append_new(list, rebuilt_json(store));
        else
            output_linef(
                "store \"%s\": %zu copies, %zu backups that no store before it had, "
                "%zu damaged files",
                store->name, store->result.copies, store->result.artifacts,
                store->result.damaged);
    }
    if (list) {
        output_json(json_pack("{s:s, s:o, s:I, s:I, s:o}", "catalog",
                              ctx->settings->catalog, "kept", json_bytes(result->kept),
                              "artifacts", (json_int_t)result->artifacts, "damaged",
                              (json_int_t)result->damaged, "stores", list));
        return;
    }
    output_linef("catalog %s: %zu backups", ctx->settings->catalog, result->artifacts);
    if (result->kept)
        output_linef("the old one is kept as %s", result->kept);
}

static int run_rebuild(struct cmd_context *ctx, struct err *err)
{
    struct rebuild_result result;
    int done =
        rebuild_run(ctx->settings, config_args_text(ctx->args, "store"), &result, err);
    if (done == 0)
        print_rebuilt(ctx, &result);
    int status = result.damaged > 0 ? CMD_PARTIAL : CMD_DONE;
    rebuild_result_release(&result);
    return done < 0 ? -1 : status;
}

/* ---- sync ---- */

struct syncing {
    struct cmd_context *ctx;
    struct catalog *catalog;
    json_t *list; /* with --json */
    size_t good, doubtful, failed;
    enum err_kind first; /* of what failed first */
};

static json_t *synced_json(const char *name, const struct sync_result *result)
{
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:n}", "store",
        json_bytes(name), "manifests", (json_int_t)result->manifests, "artifacts",
        (json_int_t)result->artifacts, "copies", (json_int_t)result->copies, "decisions",
        (json_int_t)result->states, "missing", (json_int_t)result->missing, "healed",
        (json_int_t)result->healed, "told", (json_int_t)result->told, "damaged",
        (json_int_t)result->damaged, "empty_listing", result->empty ? 1 : 0, "error");
}

static void print_synced(struct syncing *s, const char *name,
                         const struct sync_result *result)
{
    if (s->list)
        (void)json_array_append_new(s->list, synced_json(name, result));
    else
        output_linef("store \"%s\": %zu manifests; new here: %zu backups, %zu copies, %zu "
                     "decisions; missing: %zu; there again: %zu; damaged: %zu",
                     name, result->manifests, result->artifacts, result->copies,
                     result->states, result->missing, result->healed, result->damaged);
}

static void fail(struct syncing *s, const char *name, const struct err *why)
{
    log_err(why);
    s->failed++;
    if (s->first == ERR_NONE)
        s->first = why->kind;
    if (s->list)
        (void)json_array_append_new(s->list, json_pack("{s:o, s:{s:s, s:o}}", "store",
                                                       json_bytes(name), "error", "code",
                                                       err_kind_name(why->kind), "message",
                                                       json_bytes(why->text)));
}

/* One store that is away does not keep the others from being read. */
static int sync_one(struct syncing *s, const char *name, struct err *err)
{
    struct err why = {0};
    struct sync_result result;
    struct access *access = access_open(s->ctx->settings, s->catalog, name, false, &why);
    int done =
        access ? sync_store(s->ctx->settings, s->catalog, access, &result, &why) : -1;
    access_close(access);
    if (done < 0 && why.kind == ERR_CANCELLED) {
        *err = why;
        return -1;
    }
    if (done < 0) {
        fail(s, name, &why);
        return 0;
    }
    bool doubtful = result.empty || result.damaged > 0;
    s->doubtful += doubtful;
    s->good += !doubtful;
    print_synced(s, name, &result);
    return 0;
}

static int sync_exit_status(const struct syncing *s)
{
    if (s->failed > 0 && s->good + s->doubtful == 0)
        return err_exit_status(s->first);
    return s->failed + s->doubtful > 0 ? CMD_PARTIAL : CMD_DONE;
}

static int sync_all(struct syncing *s, struct err *err)
{
    struct strlist names = {0};
    int result = access_names(s->ctx->settings, s->catalog,
                              config_args_text(s->ctx->args, "store"), &names, err);
    for (size_t i = 0; result == 0 && i < names.count; i++)
        result = sync_one(s, names.items[i], err);
    strlist_release(&names);
    return result;
}

static int run_sync(struct cmd_context *ctx, struct err *err)
{
    struct syncing s = {.ctx = ctx};
    struct err trouble = {0};
    int64_t run = 0;
    int result = -1;
    s.catalog = catalog_for_creating(ctx->settings, err);
    if (s.catalog == NULL ||
        catalog_run_begin(s.catalog, "catalog sync", NULL, &run, err) < 0)
        goto cleanup;
    s.list = ctx->settings->json ? json_array() : NULL;
    result = sync_all(&s, err);
    int status = result < 0 ? err_exit_status(err->kind) : sync_exit_status(&s);
    if (catalog_run_end(s.catalog, run, status, result < 0 ? err->text : NULL, &trouble) <
        0)
        log_warning("%s", trouble.text);
    if (s.list)
        output_json(json_pack("{s:o}", "stores", s.list));
    result = result < 0 ? -1 : status;
cleanup:
    catalog_close(s.catalog);
    return result;
}

/* ---- which ---- */

static const struct {
    const char *name;
    int (*run)(struct cmd_context *ctx, struct err *err);
} actions[] = {
    {"rebuild", run_rebuild},
    {"sync", run_sync},
};

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
        "passed over; 6: check found something.\n"
        "\n"
        "  pgkeep catalog sync\n"
        "  pgkeep catalog rebuild --store 's3://acme-pg/prod?region=eu-central-1'\n"
        "  pgkeep catalog check --json\n",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
