/*
 * One question to the service. A refusal is an answer here, and what is sent damaged on
 * purpose must not be repaired by the engine, so it goes out once and is repeated here.
 */
#include "s3/probe/probe_work.h"

#include "base/clock.h"
#include "base/memory.h"

enum {
    WRONG_TRIES = 3, /* of what is sent damaged on purpose, while nobody answers */
    AGAIN_MS = 100,
};

bool s3_probe_is_success(const struct s3_request *request)
{
    return request->answer.status >= 200 && request->answer.status < 300;
}

/* Did the service itself decide? Not a proxy, not a server that is busy. */
static bool is_spoken(const struct s3_answer *answer, const struct err *err)
{
    if (err->kind == ERR_CANCELLED || answer->status == 429)
        return false;
    return (answer->status >= 300 && answer->status < 500) || answer->status == 501;
}

int s3_probe_ask(struct s3_probing *probing, struct s3_request *request, bool wrong,
                 struct err *err)
{
    for (int tries = 1;; tries++) {
        int64_t left = probing->until_ms - clock_monotonic_ms();
        probing->late = left <= 0;
        if (probing->late)
            return err_set(err, ERR_TRANSIENT, "not looked at: the time for it is over");
        request->retry_time_ms = left < S3_PROBE_REQUEST_MS ? left : S3_PROBE_REQUEST_MS;
        request->once = wrong;
        if (s3_request_run(probing->client, request, err) == 0)
            return 0;
        if (is_spoken(&request->answer, err)) {
            err_clear(err);
            return 0;
        }
        if (!wrong || tries == WRONG_TRIES ||
            !cancel_sleep_ms(s3_client_cancel(probing->client), AGAIN_MS))
            return -1;
    }
}

int s3_probe_refused(const struct s3_probing *probing, const struct s3_request *request,
                     struct err *err)
{
    return s3_request_fail(probing->client, request, err);
}

char *s3_probe_key(const struct s3_probing *probing, const char *name)
{
    return memory_format("%s%s", probing->folder, name);
}
