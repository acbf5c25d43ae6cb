/*
 * Only top-level keys: a variable per source or store would need their names in it, and
 * secrets have their own way (*_env).
 */
#include "config/config_env.h"
#include "base/log.h"
#include "base/memory.h"

#include <ctype.h>

extern char **environ;

/* catalog -> PGKEEP_CATALOG */
static void variable_name(const struct option *option, struct text *out)
{
    text_add(out, "PGKEEP_");
    for (const char *at = option->key; *at; at++)
        text_add_char(out, (char)toupper((unsigned char)*at));
}

/* Empty counts as not set, as for PG* and AWS_*: `VAR= command` is how shells switch one
 * off. */
static int read_option(const struct option *option, struct layer *out, struct err *err)
{
    struct text name;
    int result = 0;
    text_init(&name, 256);
    variable_name(option, &name);
    const char *value = getenv(name.data);
    /* The error has no other place to name, so the variable itself is the label. */
    if (value && *value) {
        result = option_check(option, name.data, value, err);
        if (result == 0)
            layer_set(out, option, NULL, value, name.data);
        else
            err->kind = ERR_CONFIG;
    }
    text_release(&name);
    return result;
}

/* PGKEEP_CATALGO: the user meant something, and it has no effect. */
static void warn_misspelled(void)
{
    struct strlist known = {0};
    struct text name;
    text_init(&name, 256);
    /* Read by config_file_locate, so it is no row of the table. */
    strlist_add(&known, "PGKEEP_CONFIG");
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].scope != OPTION_TOP)
            continue;
        text_clear(&name);
        variable_name(&option_table[i], &name);
        strlist_add(&known, name.data);
    }
    /* Whatever is set now, against the names that would count. */
    for (char **at = environ; at && *at; at++) {
        if (!text_starts_with(*at, "PGKEEP_"))
            continue;
        text_clear(&name);
        text_add_bytes(&name, *at, strcspn(*at, "="));
        const char *nearest =
            text_nearest(name.data, (const char *const *)known.items, known.count);
        /* Far from every key: some script's own variable, which is none of our business. */
        if (nearest && !strlist_has(&known, name.data))
            log_warning("environment variable %s is not known; did you mean %s?", name.data,
                        nearest);
    }
    text_release(&name);
    strlist_release(&known);
}

int config_env_read(struct layer *out, struct err *err)
{
    warn_misspelled();
    /* By the table and not by the environment: what it does not know was warned of. */
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].scope == OPTION_TOP &&
            read_option(&option_table[i], out, err) < 0)
            return -1;
    }
    return 0;
}
