/* Versions that stay for the next who wants them (park.c). Under the transaction lock. */
#ifndef REJIT_ENGINE_PARK_H
#define REJIT_ENGINE_PARK_H

#include "engine/engine-priv.h"

/* Should a layer that goes stay in the method's body, closed? */
bool eng_parks(const eng_method *m, const eng_layer *l);
/* Keeps it. Takes over what the layer owns. Takes the ledger lock. */
void eng_park(eng *g, eng_method *m, const eng_layer *l);
/* Has the method nothing but closed layers, and its body for their sake? */
bool eng_is_parked(const eng_method *m);
/* Somebody wants it again. Its inliners are asked for anew where a method has gone back that may have inlined it. */
void eng_park_end(const eng *g, eng_method *m);
/* Is its body the engine's, whoever wants it? Its inliners are needed as long. */
bool eng_keeps_body(const eng_method *m);
/* Forgets the closed layers; the next body has none of them. */
void eng_park_forget(eng_method *m);
/* A parked method is to go back to its original, with the next eng_settle. True: it was one. */
bool eng_unpark(eng_method *m);
/* All that are chosen. True: any. Takes the ledger lock. */
bool eng_unpark_if(eng *g, bool (*chosen)(const void *owner, const eng_method *m), const void *owner);
/* Reverts what has been left alone. */
void eng_park_tick(eng *g);

#endif
