/*
 * Takeover: the back end for methods that are changed often. The runtime never gives back what a ReJIT version costs.
 * So a method whose versions have come to a certain number gets one more, the last: its original behind a switch
 * (weave_switched). From then on each body of it is compiled as the code of a dynamic method (its host), which the
 * runtime frees when nobody keeps it and the last thread has left it.
 *
 *      a caller -> the method: if (on) call stub; original
 *                                        stub: jmp *entry -> the code of the host that is installed
 *
 * The stub makes it safe. A thread in it is not in managed code: no collection can happen between the moment when it
 * reads `entry` and the moment when it stands in the host's code, where the collector sees it and keeps the host alive.
 * `entry` always leads to a host that is kept: the last one stays until another takes its place, though `on` is off.
 */
#ifndef REJIT_ENGINE_TAKEOVER_H
#define REJIT_ENGINE_TAKEOVER_H

#include "engine/engine-priv.h"

/* How many versions of the runtime's a method gets before it is taken over. */
#define ENG_VERSIONS_MOST 16u
/* A transaction over more methods than that takes none over: the runtime compiles only those that are called. */
#define ENG_BULK 100u

/* Should the next body of the method be a host's? Calls the runtime at the first such method. */
bool eng_takeover_wanted(eng *g, eng_method *m);
/*
 * Takes a copy of the woven body for a new host, to be compiled by eng_takeover_commit. False: the runtime is to get
 * the body as well, because the method has no switch yet, or has to stay with the runtime.
 */
bool eng_takeover_prepare(eng *g, eng_method *m, const weave_input *in, const weave_output *woven);
/* Has what was prepared compiled. The switch follows when that is done (eng_takeover_settle, eng_takeover_tick). */
void eng_takeover_commit(eng *g, eng_method *m);
/* Why no method is taken over in this process, or NULL: none has been tried yet, or it can be. */
const char *eng_takeover_why_not(eng *g);
/* Its bodies are in hosts: the runtime need not be asked for new versions. */
bool eng_takeover_serves(const eng_method *m);
/* The newest body of a method that it serves; no bytes: there is none. Under the ledger lock. */
cil_blob eng_takeover_body(const eng_method *m);
/* The code that is installed for it; NULL: none. Under the ledger lock. */
void eng_takeover_code(const eng_method *m, const uint8_t **entry, uint32_t *size);
/* The method goes back to its original. Under both locks. */
void eng_takeover_off(eng *g, eng_method *m);
/* The runtime's version with the switch goes as well. Under both locks. */
void eng_takeover_leave(eng *g, eng_method *m);
bool eng_takeover_is_left_alone(const eng_method *m); /* for so long that the switch should go */
/* Code has ended. False: it was no host's. Hold no lock. */
bool eng_takeover_unloaded(eng *g, clr_function_id function);
/* Waits for what is being compiled; methods whose hosts could not be made go back to the runtime. Hold no lock. */
void eng_takeover_settle(eng *g);
/* Frees what nobody can run any more; finds methods that have been left alone. Under the transaction lock. */
void eng_takeover_tick(eng *g);
bool eng_takeover_is_pending(const eng_method *m); /* its newest body is not installed yet; under the ledger lock */
size_t eng_takeover_bytes(const eng_method *m);    /* held for it; under the ledger lock */

#endif
