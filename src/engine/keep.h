/* Descriptors of probes and records of sinks, with their holders. Under the transaction lock. */
#ifndef REJIT_ENGINE_KEEP_H
#define REJIT_ENGINE_KEEP_H

#include "engine/engine-priv.h"

/* With one holder, and a copy of the condition. NULL where memory ran out. */
probe *eng_probe_new(eng *g, const probe *as);
void eng_probe_hold(probe *p);
void eng_probe_drop(eng *g, probe *p);
/*
 * Makes of p, whose gate is closed and whose address stands in woven code, what `other` is; its gates stay closed. What
 * p was goes with `other`, which the caller drops.
 */
void eng_probe_become(probe *p, probe *other);
/* Makes what has been dropped ready for use again. */
void eng_reclaim(eng *g);

/* A copy with one holder, the client; each descriptor is one more. NULL where memory ran out. */
probe_sink *eng_sink_new(const probe_sink *opened);
void eng_sink_drop(probe_sink *sink);

#endif
