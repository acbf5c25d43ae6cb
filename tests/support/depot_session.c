#include "tests/support/depot_session.h"

struct session *depot_session(struct depot *depot, const struct session_spec *spec)
{
    struct session_spec own = *spec;
    own.settings = &depot->settings;
    err_clear(&depot->err);
    return session_begin(&own, &depot->err);
}
