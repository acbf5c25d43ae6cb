/*
 * A missing catalog means three different things: nothing yet (list), a wrong path (show,
 * prune), or the first backup.
 */
#include "cmd/catalog_for.h"

struct catalog *catalog_for_reading(const struct settings *settings, bool *absent,
                                    struct err *err)
{
    struct catalog *catalog = catalog_open(settings->catalog, CATALOG_READ, err);
    *absent = !catalog && err->kind == ERR_NOT_FOUND;
    if (*absent)
        err_clear(err);
    return catalog;
}

struct catalog *catalog_for_using(const struct settings *settings, enum catalog_mode mode,
                                  struct err *err)
{
    struct catalog *catalog = catalog_open(settings->catalog, mode, err);
    if (!catalog && err->kind == ERR_NOT_FOUND) {
        /* The catalog's own words cannot know of options and commands. */
        err_set(err, ERR_NOT_FOUND, "there is no catalog at %s", settings->catalog);
        err_hint(err, "--catalog FILE names another; `pgkeep catalog rebuild` makes it "
                      "anew from the stores");
    }
    return catalog;
}

struct catalog *catalog_for_creating(const struct settings *settings, struct err *err)
{
    return catalog_open(settings->catalog, CATALOG_CREATE, err);
}
