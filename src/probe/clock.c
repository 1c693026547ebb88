/* The clock: the TSC where it is invariant, else CLOCK_MONOTONIC through the vDSO. */
#include "probe/hot.h"

#include <cpuid.h>
#include <time.h>

bool probe_clock_is_tsc;

static struct {
    uint64_t first_ticks, first_ns; /* CLOCK_MONOTONIC: the base line that the ratio is taken over */
    double ns_per_tick;
} calibration = {.ns_per_tick = 1.0};

static uint64_t ns_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t probe_now_by_call(void)
{
    return ns_of(CLOCK_MONOTONIC);
}

/* Ticks and ns that belong together: of several tries the one that took least between. */
static void pair(clockid_t id, uint64_t *ticks, uint64_t *ns)
{
    uint64_t best = UINT64_MAX;
    for (int i = 0; i < 5; i++) {
        uint64_t before = probe_now(), n = ns_of(id), after = probe_now();
        if (after - before >= best) continue;
        best = after - before;
        *ticks = before + (after - before) / 2;
        *ns = n;
    }
}

static bool tsc_is_invariant(void)
{
    unsigned a, b, c, d;
    return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & (1u << 8));
}

void probe_clock_refine(void)
{
    if (!probe_clock_is_tsc) return;
    uint64_t ticks = 0, ns = 0;
    pair(CLOCK_MONOTONIC, &ticks, &ns);
    if (ns > calibration.first_ns && ticks > calibration.first_ticks)
        calibration.ns_per_tick = (double)(ns - calibration.first_ns) / (double)(ticks - calibration.first_ticks);
}

void probe_clock_publish(wire_memory *m)
{
    uint64_t ticks = 0, ns = 0;
    pair(CLOCK_REALTIME, &ticks, &ns);
    __atomic_store_n(&m->clock_seq, m->clock_seq + 1, __ATOMIC_RELAXED);
    atomic_thread_fence(memory_order_release);
    m->clock_is_tsc = probe_clock_is_tsc;
    m->epoch_ticks = ticks;
    m->epoch_ns = ns;
    m->ns_per_tick = calibration.ns_per_tick;
    __atomic_store_n(&m->clock_seq, m->clock_seq + 1, __ATOMIC_RELEASE);
}

uint64_t probe_ticks(uint64_t ns)
{
    return (uint64_t)((double)ns / calibration.ns_per_tick);
}

void probe_clock_start(void)
{
    probe_clock_is_tsc = tsc_is_invariant();
    pair(CLOCK_MONOTONIC, &calibration.first_ticks, &calibration.first_ns);
}

/* A ratio over 2 ms is good to about 1e-4; probe_clock_refine makes it better as time passes. The start of the process
 * does not wait for it. */
void probe_clock_settle(void)
{
    const uint64_t least = 2000000;
    uint64_t since = ns_of(CLOCK_MONOTONIC) - calibration.first_ns;
    if (since < least) nanosleep(&(struct timespec){.tv_nsec = (long)(least - since)}, NULL);
    probe_clock_refine();
}
