/*
 * One question to the service. A refusal is an answer here, and what is sent damaged on
 * purpose must not be repaired by the engine, so it goes out once and is repeated here.
 */
#include "s3/probe/probe_work.h"

#include "base/clock.h"

enum {
    WRONG_TRIES = 3, /* of what is sent damaged on purpose, while nobody answers */
    AGAIN_MS = 100,
};

bool s3_probe_is_success(const struct s3_request *request)
{
    return request->answer.status >= 200 && request->answer.status < 300;
}

int s3_probe_ask(struct s3_probing *probing, struct s3_request *request, bool wrong,
                 struct err *err)
{
    for (int tries = 1;; tries++) {
        /* The time of all questions together; what comes behind its end is skipped. */
        int64_t left = probing->until_ms - clock_monotonic_ms();
        probing->late = left <= 0;
        if (probing->late)
            return err_set(err, ERR_TRANSIENT, "not looked at: the time for it is over");
        request->retry_time_ms = left < S3_PROBE_REQUEST_MS ? left : S3_PROBE_REQUEST_MS;
        request->no_retry = wrong;
        if (s3_request_run(probing->client, request, err) == 0)
            return 0;
        /* Did the service itself decide? Not a proxy, not a server that is busy. */
        int status = request->answer.status;
        bool decided = (status >= 300 && status < 500 && status != 429) || status == 501;
        if (decided && err->kind != ERR_CANCELLED) {
            err_clear(err);
            return 0;
        }
        /* The engine has tried the others for as long as there was time. */
        if (!wrong || tries == WRONG_TRIES ||
            !cancel_sleep_ms(s3_client_cancel(probing->client), AGAIN_MS))
            return -1;
    }
}

/* For questions that later ones build on. */
int s3_probe_demand(struct s3_probing *probing, struct s3_request *request, struct err *err)
{
    if (s3_probe_ask(probing, request, false, err) < 0)
        return -1;
    return s3_probe_is_success(request) ? 0
                                        : s3_request_fail(probing->client, request, err);
}

char *s3_probe_key(const struct s3_probing *probing, const char *name)
{
    return memory_format("%s%s", probing->folder, name);
}
