#include "stream/meter.h"

#include "base/clock.h"

/* Atomics are initialised one by one: a struct assignment of them is not portable C. */
void meter_init(struct meter *meter, uint64_t estimate)
{
    atomic_init(&meter->raw_bytes, 0);
    atomic_init(&meter->stored_bytes, 0);
    atomic_init(&meter->rows, 0);
    atomic_init(&meter->tables, 0);
    meter->estimate = estimate;
    /* By the monotonic clock: a rate must not jump when somebody sets the time. */
    meter->started_ms = clock_monotonic_ms();
}
