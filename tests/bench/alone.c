/* The loop of known work. */
#include "alone.h"

#include <x86intrin.h>

#define PASSES      20000u
#define TOLERANCE   1.15
#define CALIBRATION 2000u

static uint64_t best = UINT64_MAX;

/* Loads, stores and additions, as many at once as the core can do. */
uint64_t alone_reference(void)
{
    static volatile uint64_t words[16];
    uint64_t a = 1, b = 2, c = 3, d = 4;
    const uint64_t began = __rdtsc();
    for (unsigned i = 0; i < PASSES; i++) {
        a += words[1];
        b ^= words[2];
        c += words[3];
        d ^= words[4];
        words[10] = a;
        words[11] = b;
        a += 3;
        b += 5;
        c += 7;
        d += 9;
        __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d));
    }
    const uint64_t took = __rdtsc() - began;
    best = took < best ? took : best;
    return took;
}

void alone_calibrate(void)
{
    for (unsigned i = 0; i < CALIBRATION; i++)
        alone_reference();
}

bool alone_between(uint64_t before, uint64_t after)
{
    return (double)(after > before ? after : before) <= TOLERANCE * (double)best;
}
