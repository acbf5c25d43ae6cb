/*
 * `doctor`: what was found, as it is found, since a server that hangs may take its time; and
 * --adopt, the one way to say that a store without its mark is right.
 *
 * Looking changes nothing, so there is no run in the records, and the catalog is not opened by
 * the session: whether it can be is a finding.
 */
#include "repository/adopt.h"
#include "doctor/diagnose.h"
#include "base/clock.h"
#include "base/log.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "config/adhoc.h"
#include "report/upkeep_json.h"

/* What is printed while it goes on, or collected. */
struct showing {
    const struct settings *settings;
    json_t *list;      /* with --json */
    char subject[320]; /* the heading that stands above */
};

/* ---- a line per check ---- */

/* Verdicts in one column, what to do on a line of its own below; a heading whenever what is
 * looked at changes. */
static void print_line(struct showing *showing, const struct diagnose_finding *finding)
{
    const char *verdict = diagnose_verdict_name(finding->verdict);
    char subject[sizeof showing->subject];
    /* What was expected is worth a word only where it differs, or to who asks for more. */
    bool differs = finding->expected != NULL &&
                   (finding->verdict != DIAGNOSE_OK || log_enabled(LOG_LEVEL_DEBUG));
    if (showing->settings->quiet && finding->verdict == DIAGNOSE_OK)
        return;
    if (finding->name != NULL)
        snprintf(subject, sizeof subject, "%s \"%.256s\"", finding->group, finding->name);
    else
        snprintf(subject, sizeof subject, "%s", finding->group);
    if (strcmp(subject, showing->subject) != 0)
        output_linef("%s", subject);
    memcpy(showing->subject, subject, sizeof subject);
    output_linef("  %-8s %s: %s%s%s%s", verdict, finding->title, finding->found,
                 differs ? " (expected: " : "", differs ? finding->expected : "",
                 differs ? ")" : "");
    if (finding->advice != NULL)
        output_linef("           -> %s", finding->advice);
}

/* Called for each finding as it is found. */
static void report(void *context, const struct diagnose_finding *finding)
{
    struct showing *showing = context;
    if (showing->list != NULL)
        (void)json_array_append_new(showing->list, upkeep_json_finding(finding));
    else
        print_line(showing, finding);
}

/* The sums last: a line of nothing but ok is what one wants to see. */
static void print_end(struct showing *showing, const struct diagnose_result *result)
{
    const size_t *counts = result->counts;
    if (showing->list != NULL) {
        output_json(upkeep_json_diagnosed(showing->list, result));
        return;
    }
    if (!showing->settings->quiet)
        output_linef("%zu ok, %zu warnings, %zu failed, %zu skipped", counts[DIAGNOSE_OK],
                     counts[DIAGNOSE_WARNING], counts[DIAGNOSE_FAILED],
                     counts[DIAGNOSE_SKIPPED]);
}

/* The session has no catalog: doctor opens it itself, and says how that went. */
static int diagnose(struct cmd_context *ctx, struct err *err)
{
    struct showing showing = {.settings = ctx->settings};
    struct diagnose_result result;
    /* The catalog is among what is looked at: whether it can be opened is a finding. */
    struct session_spec run_spec = {.kind = "doctor"};
    struct session *session = cmd_begin(ctx, &run_spec, err);
    if (session == NULL)
        return -1;
    struct diagnose_spec spec = {.settings = ctx->settings,
                                 .cancel = session_cancel(session),
                                 .adhoc = adhoc_is_asked(ctx->args),
                                 .report = report,
                                 .context = &showing};
    showing.list = ctx->settings->json ? json_array() : NULL;
    int done = diagnose_run(&spec, &result, err);
    print_end(&showing, &result);
    if (done < 0 || result.first == ERR_NONE)
        return cmd_end(session, done, err);
    /* By its kind alone: what failed was printed above, and is not said twice. */
    struct err why = {.kind = result.first};
    return session_end(session, OUTCOME_FAILED, &why);
}

/* ---- --adopt ---- */

/* What the catalog expects there: an empty mount point looks the same as a new disk, so a person
 * has to say which it is. */
static void print_expected(const struct adopt *adopt, const char *name)
{
    char size[32], time[32], count[64];
    output_linef("store \"%s\", %s", name, adopt->url);
    /* Both marks below each other: the difference is what is to be decided about. */
    output_linef("  mark expected: %s", adopt->expected[0] ? adopt->expected : "none yet");
    output_linef("  mark found:    %s", adopt->found[0] ? adopt->found : "none");
    if (adopt->copies == 0)
        output_linef("  the catalog expects no backup in it");
    else
        output_linef("  the catalog expects %s in it (%s), the newest %s of %s",
                     text_count(count, adopt->copies, "backup", "backups"),
                     text_size(size, adopt->bytes), adopt->newest,
                     output_time(time, adopt->newest_time));
}

/* What is from now on, and what to do about the copies that are gone. */
static void print_adopted(const struct adopt *adopt, const char *name, bool yes)
{
    /* With --yes or without: there is nothing to do. */
    if (adopt->state == ADOPT_SAME)
        output_linef("it holds its own mark: nothing to do");
    else if (!yes)
        output_linef("%s; nothing is changed without --yes",
                     adopt->state == ADOPT_OTHER ? "the catalog would take its mark"
                                                 : "it would get a new mark");
    else {
        output_linef("adopted: its mark is %s from now on", adopt->found);
        if (adopt->copies > 0)
            output_linef("what is missing in it now: pgkeep verify --all --level quick "
                         "--store %s; pgkeep copy brings it back from another store",
                         name);
    }
}

/* Two steps that a person stands between: shown without --yes, done with it. */
static int adopt(struct cmd_context *ctx, struct err *err)
{
    const char *name = config_args_text(ctx->args, "adopt");
    const char *mark = config_args_text(ctx->args, "mark");
    /* The catalog is written last, so a store that refuses its mark leaves all as it was.
     * */
    bool yes = config_args_flag(ctx->args, "yes"), json = ctx->settings->json;
    const struct session_spec spec = {.kind = "doctor", .catalog = SESSION_WRITE};
    struct adopt found = {0};
    if (adhoc_is_asked(ctx->args))
        return cmd_usage(ctx, err,
                         "--adopt takes the name of a store, and no --source or --store");
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    struct catalog *catalog = session_catalog(session);
    int result = adopt_look(ctx->settings, catalog, name, &found, err);
    char before[sizeof found.found];
    memcpy(before, found.found, sizeof before);
    /* Shown before it is refused, too; and what is refused with --yes is refused without. */
    if (result == 0 && !json)
        print_expected(&found, name);
    if (result == 0)
        result = yes ? adopt_store(&found, catalog, mark, err)
                     : adopt_check(&found, catalog, mark, err);
    if (result == 0 && json)
        output_json(upkeep_json_adopted(&found, name, before, !yes));
    else if (result == 0)
        print_adopted(&found, name, yes);
    adopt_release(&found);
    return cmd_end(session, result, err);
}

/* Two commands under one name, told apart by --adopt. */
static int run(struct cmd_context *ctx, struct err *err)
{
    if (config_args_has(ctx->args, "adopt"))
        return adopt(ctx, err);
    if (config_args_has(ctx->args, "mark") || config_args_flag(ctx->args, "yes"))
        return cmd_usage(ctx, err, "--mark and --yes go with --adopt");
    return diagnose(ctx, err);
}

const struct command cmd_doctor = {
    .name = "doctor",
    .usage = "[--source CONNINFO] [--store URL...] | --adopt STORE [--mark UUID] [--yes]",
    .summary = "look at everything that must work, and say what to do",
    .about =
        "The catalog: whole, writable, room, clock. Each source: server, a pg_dump that\n"
        "fits it, rights to read every row of every database. Each store: reached, its\n"
        "mark, writing, room; of an S3 service what it really does (parts, wrong hashes,\n"
        "conditions, versions, locks, clock) against what pgkeep assumes of it, and what\n"
        "to set where that differs. Each job: its retention. Scratch objects lie under\n"
        "pgkeep-probe-... in the store's own prefix and are removed again, with all\n"
        "versions; where a bucket's default retention would keep them none is written.\n"
        "It uploads about 11 MiB to each bucket. With --quiet only what is not ok,\n"
        "with --verbose also what was expected of what is.\n"
        "\n"
        "Exit status: 0 when nothing failed (warnings are allowed), else that of the\n"
        "first failure: 3 configuration, 4 database, 5 store, 6 damage, 9 not safe.\n"
        "\n"
        "--adopt: a store whose mark is missing or another's is not touched. When it\n"
        "was emptied or replaced on purpose, this shows what the catalog expects there,\n"
        "and with --yes writes a new mark. That of another store is taken only by name\n"
        "(--mark).\n"
        "\n"
        "  pgkeep doctor\n"
        "  pgkeep doctor --source 'host=db dbname=shop' --store s3://acme-pg/prod\n"
        "  pgkeep doctor --adopt nas --yes\n",
    .max_args = 0,
    .run = run,
};
