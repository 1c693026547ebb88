/* Samples apart by whether the core was ours alone (alone.h). */
#include "bench.h"

#include "alone.h"

#define KEPT 500u /* disturbed samples */

bool quiet_wants(quiet_samples *q, unsigned wanted, double seconds)
{
    if (q->until <= 0) q->until = now_ns() + seconds * 1e9;
    return q->alone.n < wanted && (!q->taken || now_ns() < q->until);
}

void quiet_begin(quiet_samples *q)
{
    q->before = alone_reference();
}

void quiet_end(quiet_samples *q, double v)
{
    if (alone_between(q->before, alone_reference()))
        sample(&q->alone, v);
    else if (q->disturbed.n < KEPT)
        sample(&q->disturbed, v);
    q->taken++;
}

/* A few samples that were alone are worth more than many that were not; one may be an accident. */
double quiet_median(const quiet_samples *q)
{
    return spread_of(q->alone.n >= 3 || !q->disturbed.n ? &q->alone : &q->disturbed).median;
}
