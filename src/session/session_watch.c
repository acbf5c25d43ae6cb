/*
 * A thread of each recorded run looks into its row, twice a second, with a connection of its own
 * that is opened the first time: most commands are over before. What cannot be read is no wish to
 * end.
 */
#include "session/session_parts.h"

#include "base/memory.h"
#include "base/thread.h"
#include "catalog/runs.h"

struct session_watch {
    pthread_t thread;
    struct cancel *stop; /* below the node of the run: it ends with it, too */
    struct cancel *run;  /* what is tripped */
    const char *path;
    int64_t id;
};

static void *watch_row(void *argument)
{
    struct session_watch *watch = argument;
    struct catalog *catalog = NULL;
    while (cancel_sleep_ms(watch->stop, SESSION_WATCH_MS)) {
        struct err err = {0};
        bool asked = false;
        /* Its own: a connection of SQLite serves one thread. Tried again should it fail. */
        if (catalog == NULL)
            catalog = catalog_open(watch->path, CATALOG_READ, &err);
        if (catalog == NULL)
            continue;
        catalog_set_cancel(catalog, watch->stop);
        if (catalog_run_cancel_asked(catalog, watch->id, &asked, &err) == 0 && asked) {
            cancel_trip(watch->run, CANCEL_ASKED);
            break;
        }
    }
    catalog_close(catalog);
    return NULL;
}

struct session_watch *session_watch_start(struct session *session, struct err *err)
{
    struct session_watch *watch = memory_zalloc(sizeof *watch);
    watch->run = session->cancel;
    watch->path = session->spec.settings->catalog;
    watch->id = session->run;
    watch->stop = cancel_new(session->cancel, 0, err);
    if (watch->stop != NULL && thread_start(&watch->thread, watch_row, watch, err) == 0)
        return watch;
    cancel_free(watch->stop);
    free(watch);
    return NULL;
}

void session_watch_stop(struct session_watch *watch)
{
    if (watch == NULL)
        return;
    /* Before the catalog of the run is closed: who closes a file last takes its log
     * along. */
    cancel_trip(watch->stop, CANCEL_ASKED);
    pthread_join(watch->thread, NULL);
    cancel_free(watch->stop);
    free(watch);
}
