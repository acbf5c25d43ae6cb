/* Reading all backups for every wake-up would be much: without a reason it is done once a minute. */
#include "serve/teller.h"

#include "base/clock.h"
#include "base/log.h"
#include "catalog/db/outbox.h"
#include "notify/look.h"

enum { IDLE_MS = 60000, AGAIN_S = 5, TROUBLE_S = 60 };

static void look(struct teller *teller, const struct settings *settings,
                 struct catalog *catalog, bool ended)
{
    struct err err = {0};
    struct look look;
    int64_t now = clock_now(), now_ms = clock_monotonic_ms();
    if (!ended && now < teller->next && now_ms - teller->looked_ms < IDLE_MS)
        return;
    teller->looked_ms = now_ms;
    teller->next = now + TROUBLE_S;
    if (look_at_jobs(settings, catalog, now, &look, &err) < 0)
        log_warning("notifiers: %s", err.text);
    else
        teller->next = look.next > now ? look.next : now + AGAIN_S;
}

/* When the outbox wants to be asked again. */
static int64_t send(struct teller *teller, const struct settings *settings,
                    struct catalog *catalog)
{
    struct err err = {0};
    int64_t now = clock_now(), next = INT64_MAX;
    bool was_there = teller->errand != NULL;
    /* Its end wakes us. */
    if (was_there && !errand_is_over(teller->errand))
        return INT64_MAX;
    errand_leave(teller->errand);
    teller->errand = NULL;
    if (catalog_outbox_next(catalog, &next, &err) == 0 && next > now)
        return next;
    /* What one has just left undone somebody else is at. */
    if (err.kind == ERR_NONE && was_there)
        return now + AGAIN_S;
    if (err.kind == ERR_NONE)
        teller->errand = errand_start(settings, ERRAND_LONG_S, &err);
    if (teller->errand != NULL)
        return INT64_MAX;
    log_warning("notifiers: %s", err.text);
    return now + TROUBLE_S;
}

int64_t teller_look(struct teller *teller, const struct settings *settings,
                    struct catalog *catalog, bool ended)
{
    /* What waits is sent also when no job tells anybody any more. */
    bool wanted = look_is_wanted(settings);
    if (!wanted && settings->notifier_count == 0)
        return INT64_MAX;
    if (wanted)
        look(teller, settings, catalog, ended);
    int64_t next = send(teller, settings, catalog);
    return wanted && teller->next < next ? teller->next : next;
}

int teller_fd(const struct teller *teller)
{
    return teller->errand != NULL ? errand_fd(teller->errand) : -1;
}

void teller_release(struct teller *teller, const struct settings *settings,
                    struct catalog *catalog)
{
    (void)teller_look(teller, settings, catalog, true);
    errand_leave(teller->errand);
    teller->errand = NULL;
}
