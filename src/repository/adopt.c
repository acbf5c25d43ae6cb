/*
 * Two steps that a person stands between. What is looked at is kept in struct adopt, so
 * that adopt_store does to the store what was shown and not what it finds a moment later.
 */
#include "repository/adopt.h"

#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/copies.h"

/* By name only: a URL has no row before it was written to, and then there is nothing to
 * adopt. */
static int find_row(struct adopt *adopt, struct catalog *catalog, const char *name,
                    struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    if (catalog_store_find(catalog, name, &row, &absent, err) < 0)
        return -1;
    if (absent) {
        err_set(err, ERR_NOT_FOUND, "the catalog does not know store \"%s\"", name);
        return err_hint(err, "there is nothing to adopt: the first backup writes its mark");
    }
    adopt->id = row.id;
    adopt->url = memory_strdup(row.url);
    /* "" where the first backup never came: then any mark is new. */
    snprintf(adopt->expected, sizeof adopt->expected, "%s", row.uuid);
    catalog_store_release(&row);
    return 0;
}

/* Read anew in this very command: what a person is shown must be what is there. */
static int find_mark(struct adopt *adopt, struct err *err)
{
    bool absent = false;
    if (store_identify(adopt->store, adopt->found, &absent, err) < 0)
        return -1;
    if (absent)
        adopt->found[0] = '\0';
    /* Three answers, and only one of them asks for a person's word. */
    adopt->state = absent                                       ? ADOPT_UNMARKED
                   : strcmp(adopt->found, adopt->expected) == 0 ? ADOPT_SAME
                                                                : ADOPT_OTHER;
    return 0;
}

/* What would be missed, were the store really empty: the figure that makes a person stop. */
static int find_copies(struct adopt *adopt, struct catalog *catalog, struct err *err)
{
    struct catalog_copies copies = {0};
    struct catalog_copy_filter filter = {.store_id = adopt->id,
                                         .states = 1u << CATALOG_COPY_COMPLETE};
    int result = catalog_copies_list(catalog, &filter, &copies, err);
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        /* Whole ones: what else the catalog knows there promises nothing. */
        adopt->copies++;
        adopt->bytes += copies.items[i].bytes;
        /* Ids begin with the time. */
        if (strcmp(copies.items[i].artifact, adopt->newest) > 0)
            memcpy(adopt->newest, copies.items[i].artifact, sizeof adopt->newest);
    }
    catalog_copies_release(&copies);
    if (result < 0 || adopt->copies == 0)
        return result;
    /* Its time says more than its id. */
    struct catalog_artifact artifact = {0};
    result = catalog_artifact_load(catalog, adopt->newest, 0, &artifact, err);
    adopt->newest_time = artifact.time;
    catalog_artifact_release(&artifact);
    return result;
}

/* Everything that can be known before a person decides; nothing is written, not even a row. */
int adopt_look(const struct settings *settings, struct catalog *catalog, const char *name,
               struct adopt *out, struct err *err)
{
    *out = (struct adopt){0};
    /* A store that the catalog never saw needs no adopting; without its row there is nothing to
     * compare with. */
    out->from = repository_settings(settings, catalog, name, &out->owned, err);
    if (out->from == NULL || find_row(out, catalog, name, err) < 0)
        return -1;
    /* Not by repository_open, which would refuse just what is wanted here. Nothing is made. */
    out->store = repository_store(out->from, NULL, err);
    if (out->store == NULL)
        return -1;
    /* As long as a backup would wait for it, and no longer: a person sits in front of it */
    store_set_retry_time(out->store, REPOSITORY_TIMEOUT_MS);
    if (store_check(out->store, false, REPOSITORY_TIMEOUT_MS, err) < 0 ||
        find_mark(out, err) < 0)
        return -1;
    /* What the catalog believes to lie there: shown to whoever decides. */
    return find_copies(out, catalog, err);
}

/* Another mark is taken over only when no other name has that place, and when somebody gave
 * that very mark: it cannot happen by a mistyped path. */
int adopt_check(const struct adopt *adopt, struct catalog *catalog, const char *mark,
                struct err *err)
{
    const char *name = store_name(adopt->store);
    struct catalog_store known = {0};
    bool absent = true;
    if (adopt->state != ADOPT_OTHER)
        return 0;
    int result = catalog_store_find(catalog, adopt->found, &known, &absent, err);
    if (result == 0 && !absent) {
        err_set(err, ERR_UNSAFE,
                "store \"%s\" holds the mark of store \"%s\": two names for one place",
                name, known.name);
        result = err_hint(err, "use that store, or check the path or the bucket");
    } else if (result == 0 && (mark == NULL || strcmp(mark, adopt->found) != 0)) {
        err_set(err, ERR_UNSAFE,
                "store \"%s\" holds the mark of another store of pgkeep, %s%s", name,
                adopt->found, mark != NULL ? ", not the one given" : "");
        result = err_hint(
            err,
            "if that is the one you want: pgkeep doctor --adopt %s --mark %s --yes, and "
            "`pgkeep catalog sync` then takes in what lies there",
            name, adopt->found);
    }
    catalog_store_release(&known);
    return result;
}

/* The second step, after somebody has said yes to what the first one showed. */
int adopt_store(struct adopt *adopt, struct catalog *catalog, const char *mark,
                struct err *err)
{
    if (adopt->state == ADOPT_SAME)
        return 0;
    if (adopt_check(adopt, catalog, mark, err) < 0)
        return -1;
    /* Should we end between the two, the store has a mark that the catalog does not know:
     * the next try asks for it by name. */
    if (adopt->state == ADOPT_UNMARKED &&
        repository_mark(adopt->store, adopt->from, adopt->found, err) < 0)
        return -1;
    /* The catalog is the last to know: what it says must be true of the store already. */
    return catalog_store_adopt(catalog, adopt->id, adopt->found, err);
}

/* Also after a look that failed half way. */
void adopt_release(struct adopt *adopt)
{
    store_close(adopt->store);
    store_settings_release(&adopt->owned);
    free(adopt->url);
    *adopt = (struct adopt){0};
}
