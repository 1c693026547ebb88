/* Objects in memory, as the runtime lays them out (8, 9, 10). */
#ifndef REJIT_PROBE_OBJECT_PRIV_H
#define REJIT_PROBE_OBJECT_PRIV_H

#include <stdint.h>

#define STRING_BASE 22u /* base size of a string's type: header, type, length, one char */

static inline uint64_t word(uint64_t address)
{
    return *(const uint64_t *)address;
}

static inline uint32_t half(uint64_t address)
{
    return *(const uint32_t *)address;
}

#endif
