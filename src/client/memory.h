/*
 * client: the shared memory of a connection. Everything in it can be written by the target at any time: the layout is
 * checked once and kept in a private copy, every event is copied out before it is looked at, and what does not make
 * sense is skipped and counted.
 */
#ifndef REJIT_CLIENT_MEMORY_H
#define REJIT_CLIENT_MEMORY_H

#include "base/base.h"
#include "wire/wire.h"

typedef struct memory_ring {
    uint64_t tail, head; /* ours; as last seen, bounded */
    wire_event next;     /* the head of the event at `tail`, where `ready` */
    bool ready;
} memory_ring;

typedef struct memory_t {
    int fd;
    uint8_t *base;    /* NULL: none */
    wire_memory plan; /* the layout as it was checked */
    memory_ring *rings;
    uint32_t *active;      /* slots that have something, this round; then those that had */
    uint32_t active_count; /* the first ones */
    uint32_t looked_count; /* all */
    uint64_t broken;       /* times that a ring made no sense */
    double ns_per_tick;
    uint64_t epoch_ticks, epoch_ns;
} memory_t;

/* Maps and checks; the descriptor becomes the memory's. ERR_FORMAT where the layout is off or the file could shrink
 * under us. */
bool memory_open(memory_t *m, int fd, err_t *e);
void memory_close(memory_t *m);

/* Looks at every ring once. After that memory_next hands out what was there, ordered by the time at which the calls
 * ended. */
void memory_look(memory_t *m);
/* The head of the next event without taking it; NULL: no more. *slot tells which. */
const wire_event *memory_peek(memory_t *m, uint32_t *slot);
/* Copies the event that was peeked into out (WIRE_EVENT_MOST bytes); its size. */
uint32_t memory_take(memory_t *m, uint32_t slot, uint8_t *out);
/* Passes over it without a copy. */
void memory_skip(memory_t *m, uint32_t slot);
/* Gives the space of what was taken back to the producers. */
void memory_release(memory_t *m);

/* Takes the clock over from the target; keeps the last good one. */
void memory_clock(memory_t *m);
uint64_t memory_time(const memory_t *m, uint64_t ticks);
uint64_t memory_ns(const memory_t *m, uint64_t ticks);

typedef struct memory_counts {
    uint64_t entered, left, dropped, lost_depth;
} memory_counts;
memory_counts memory_count(const memory_t *m);

/* Adds the statistics of one probe over all threads. Reads through the descriptor: untouched pages stay untouched. */
void memory_stat(const memory_t *m, uint32_t probe, wire_stat *sum);
/*
 * The keys of statistics, from place *at on: the next that is taken, with *at behind it; false: no more. Read like the
 * others.
 */
bool memory_key(const memory_t *m, uint32_t *at, wire_key *out);
/* The value below which `part` (0..1) of the calls lie, in ticks. */
double memory_percentile(const wire_stat *s, double part);

#endif
