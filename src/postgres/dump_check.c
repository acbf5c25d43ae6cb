#include "base/memory.h"
#include "postgres/child.h"
#include "postgres/dump.h"

struct dump_check {
    struct child *child;
};

struct dump_check *dump_check_start(const char *pg_restore, struct err *err)
{
    /* --list reads the head only. Without a seekable input, writing the whole as SQL walks
     * every block of the archive, and all of its bytes are asked for. */
    struct strlist argv = {0};
    struct strlist env = {0};
    strlist_add(&argv, pg_restore);
    strlist_add(&argv, "--file=/dev/null");
    strlist_add(&env, "LC_ALL=C");
    struct child_spec spec = {
        .argv = &argv, .env = &env, .reads = true, .kind = ERR_CORRUPT};
    struct child *child = child_start(&spec, err);
    strlist_release(&argv);
    strlist_release(&env);
    if (child == NULL)
        return NULL;
    struct dump_check *check = memory_zalloc(sizeof *check);
    check->child = child;
    return check;
}

int dump_check_write(struct dump_check *check, const void *data, size_t size,
                     struct err *err)
{
    return child_write(check->child, data, size, err);
}

int dump_check_finish(struct dump_check *check, struct err *err)
{
    return child_finish(check->child, err);
}

void dump_check_free(struct dump_check *check)
{
    if (check == NULL)
        return;
    child_free(check->child);
    free(check);
}
