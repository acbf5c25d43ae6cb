#include "repair/visit.h"

#include "base/log.h"

/* A configured store without a mark, which this catalog never saw with one, and which was not
 * named on the command line. */
static bool is_unused(const struct visit *visit, const char *name, const struct err *why)
{
    struct catalog_store row = {0};
    struct err ignored = {0};
    bool absent = true;
    if (why->kind != ERR_NOT_FOUND || visit->only != NULL)
        return false;
    /* Whether the catalog ever saw its mark: then it should be there. */
    bool seen = catalog_store_find(session_catalog(visit->session), name, &row, &absent,
                                   &ignored) == 0 &&
                !absent && *row.uuid != '\0';
    catalog_store_release(&row);
    return !seen;
}

static int fail(struct visit *visit, const char *name, const struct err *why,
                struct err *err)
{
    struct repository_list list = {0};
    struct session_store store = {
        .name = name, .named = visit->only != NULL, .alone = true /* said below */};
    /* Is it the end of all, and does somebody miss this store? The session knows the rules. */
    int result = session_skip(visit->session, &store, why, &list, err);
    bool missed = repository_list_required_failures(&list) > 0;
    repository_list_release(&list);
    if (result < 0)
        return -1;
    /* Missed: an error with its hint, and the exit status is by the first of them. */
    if (missed)
        log_err(why);
    else
        log_warning("%.*s", (int)strcspn(why->text, "\n"), why->text);
    if (missed && visit->missed++ == 0)
        visit->first = *why;
    if (visit->failed)
        visit->failed(visit->context, name, why);
    return 0;
}

/* What the operation itself fails with counts like a store that could not be opened. */
static int visit_one(struct visit *visit, const char *name, struct err *err)
{
    struct err why = {0};
    bool doubtful = false;
    struct repository *repository = session_repository(visit->session, name, false, &why);
    int done = repository ? visit->each(visit->context, repository, &doubtful, &why) : -1;
    if (done == 0) {
        visit->doubtful += doubtful;
        visit->good += !doubtful;
        return 0;
    }
    if (!is_unused(visit, name, &why))
        return fail(visit, name, &why, err);
    log_info("%.*s: nothing to do there", (int)strcspn(why.text, "\n"), why.text);
    return 0;
}

int visit_stores(struct visit *visit, struct err *err)
{
    struct strlist names = {0};
    /* Those of the configuration, and the ad-hoc ones that the catalog has seen. */
    int result =
        repository_names(session_settings(visit->session), session_catalog(visit->session),
                         visit->only, &names, err);
    for (size_t i = 0; result == 0 && i < names.count; i++)
        result = visit_one(visit, names.items[i], err);
    strlist_release(&names);
    return result;
}

/* Store by store it was told already; this is what the command came to. */
enum outcome visit_outcome(const struct visit *visit, enum err_kind doubtful,
                           struct err *why)
{
    *why = visit->first;
    /* No store was read: no partial success. */
    if (visit->missed > 0 && visit->good + visit->doubtful == 0)
        return OUTCOME_FAILED;
    if (visit->doubtful > 0 && doubtful != ERR_NONE) {
        err_set(why, doubtful, "%zu stores do not hold what the catalog says",
                visit->doubtful);
        return OUTCOME_FAILED;
    }
    return visit->missed + visit->doubtful > 0 ? OUTCOME_PARTIAL : OUTCOME_DONE;
}
