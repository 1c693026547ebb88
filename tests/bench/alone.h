/*
 * Is a core ours alone? On a virtual machine its other half may be somebody else's thread, which takes half of what
 * code with much to do at once gets done (24 or 36 ns for a recorded call), and nothing of what waits for its own
 * results (two rdtsc in a row). It comes and goes within milliseconds. So a loop of known work is timed before and
 * behind each sample: where that took longer than it takes at best, the sample is kept apart.
 */
#ifndef REJIT_ALONE_H
#define REJIT_ALONE_H

#include <stdbool.h>
#include <stdint.h>

/* How quick is the CPU at its best? Before the first sample. */
void alone_calibrate(void);
/* Cycles that the known work took: some 20 us. */
uint64_t alone_reference(void);
/* Was the CPU ours alone between two of them? */
bool alone_between(uint64_t before, uint64_t after);

#endif
