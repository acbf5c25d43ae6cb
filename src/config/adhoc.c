/*
 * An ad hoc line becomes sections, as if a file had said the same: whatever works with jobs
 * and stores works with it, and the checks between them are the same.
 */
#include "config/adhoc.h"
#include "base/memory.h"
#include "config/settings.h"
#include "config/store_settings.h"

/* --store URL: a section each; --source: section "adhoc"; both and no job: a job
 * "adhoc". */
int adhoc_read(const struct config_args *args, struct layer *out, struct err *err)
{
    const struct strlist *urls = config_args_list(args, "store");
    const char *conninfo = config_args_text(args, "source");
    struct strlist names = {0};
    int result = -1;
    /* A store for each URL. Twice the same would be a backup with two copies in one
     * place. */
    for (size_t i = 0; i < urls->count; i++) {
        char *name = NULL;
        int read = store_settings_read(urls->items[i], "--store", out, &name, err);
        bool twice = name && strlist_has(&names, name);
        if (name)
            strlist_add(&names, name);
        if (read == 0 && twice)
            read = err_set(err, ERR_USAGE, "--store: %s is given twice", name);
        free(name);
        if (read < 0)
            goto cleanup;
    }
    /* The source has its fixed name, so that its backups lie in one folder of the store. */
    if (conninfo) {
        layer_add_section(out, OPTION_SOURCE, SETTINGS_ADHOC, "--source");
        layer_set(out, option_find(OPTION_SOURCE, "conninfo"), SETTINGS_ADHOC, conninfo,
                  "--source");
    }
    /* doctor looks at a source or a store alone; only both together are a job. */
    if (conninfo && names.count > 0) {
        layer_add_section(out, OPTION_JOB, SETTINGS_ADHOC, "--source");
        layer_set(out, option_find(OPTION_JOB, "source"), SETTINGS_ADHOC, SETTINGS_ADHOC,
                  "--source");
        for (size_t i = 0; i < names.count; i++)
            layer_append(out, option_find(OPTION_JOB, "stores"), SETTINGS_ADHOC,
                         names.items[i], "--store");
    }
    result = 0;
cleanup:
    strlist_release(&names);
    return result;
}

/* Commands whose --store is a URL are those that have --source. */
bool adhoc_is_asked(const struct config_args *args)
{
    return args->command && option_find_argument(args->command, "source") &&
           (config_args_has(args, "source") || config_args_has(args, "store"));
}

/* doctor may look at a source or a store alone; a backup needs both. */
int adhoc_check(const struct config_args *args, struct err *err)
{
    if (strcmp(args->command, "backup") != 0)
        return 0;
    if (args->positional.count > 0)
        return err_set(err, ERR_USAGE, "either jobs or --source and --store, not both");
    if (config_args_has(args, "source") && config_args_has(args, "store"))
        return 0;
    return err_set(err, ERR_USAGE, "--source and --store are needed together");
}
