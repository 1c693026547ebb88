/*
 * Dynamic methods that were compiled before anybody asked for them. Such a method is compiled once, and delegates and
 * other methods hold the address of its code. So a woven body is compiled as the code of another dynamic method, its
 * host, and the method's own code is made to begin with a jump there.
 *
 *      a delegate -> the method's code: jmp -> the code of its host
 *
 * As with methods that are woven at their first compile, the body stays, gates closed, as long as the method does. The
 * host is kept by a dependent handle: it lives as long as the method can be called, keeps nothing of it alive, and
 * where a thread is still in it, it keeps the method.
 */
#ifndef REJIT_ENGINE_EARLY_H
#define REJIT_ENGINE_EARLY_H

#include "engine/engine-priv.h"

typedef struct eng_early eng_early;

/* Why it could not be done, as far as the code tells; NULL: it could. The runtime is suspended. */
const char *eng_early_refusal(eng *g, clr_function_id id);
/*
 * Looks whether it can be done, and keeps the method alive meanwhile. NULL, or why not. On the agent's thread, under
 * the transaction lock. What is taken and not committed is let go by eng_early_finish.
 */
const char *eng_early_take(eng *g, eng_method *m);
/* Has the body compiled, from the layers that the method has. Under the transaction lock. */
void eng_early_commit(eng *g, const eng_method *m);
/* Puts those in that have been compiled. Under the transaction lock. */
void eng_early_finish(eng *g);
/* Code has ended. False: it was no host of these. Hold no lock. */
bool eng_early_unloaded(eng *g, clr_function_id host);
bool eng_early_is_host(eng *g, clr_function_id function); /* under the ledger lock */

#endif
