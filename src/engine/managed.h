/*
 * Managed helpers, without an assembly of our own: static methods that are put into the loaded System.Runtime, and the
 * thread that calls them.
 *
 * A native thread that has run managed code is refused by most of the profiling API from then on. So the helpers have
 * a thread to themselves, which takes jobs. It holds no lock while it runs one: a job may compile code, which may load
 * assemblies, whose loading may wait for whoever holds the transaction lock.
 */
#ifndef REJIT_ENGINE_MANAGED_H
#define REJIT_ENGINE_MANAGED_H

#include "engine/engine-priv.h"

#define ENG_HOST_NAME "rejit" /* of the dynamic methods that are made here */

/* Calls that a job may make, on the helpers' thread. */
typedef struct eng_helpers {
    /*
     * Makes a dynamic method that does nothing, in the module of the type with this handle, and has it compiled.
     * Answers a GC handle that keeps it; 0: it could not be made; 1: a debugger is attached, nothing was made.
     */
    intptr_t (*make)(intptr_t type);
    void (*release)(intptr_t handle);
    /*
     * Makes one beside the dynamic method whose objects the two GC handles keep, of the same name, and has it compiled.
     * Answers a dependent handle: it lives as long as the first object, and keeps the second. 0 and 1 as above.
     */
    intptr_t (*make_beside)(intptr_t resolver, intptr_t method);
    void (*forget)(intptr_t dependent);
    /* And those below it. The oldest is collected beside the program, the others at once. */
    void (*collect)(intptr_t generation);
} eng_helpers;

/*
 * Puts the helpers into the process and starts their thread, once. Under the transaction lock. False, with the reason,
 * where they cannot be had.
 */
bool eng_managed_start(eng *g, err_t *e);
void eng_managed_run(eng *g, eng_job *job);
/* Waits until all jobs that have been given are done, at most so long. Hold no lock. */
bool eng_managed_wait(eng *g, unsigned most_ms);
/* Is this the helpers' thread? */
bool eng_managed_self(const eng *g);

#endif
