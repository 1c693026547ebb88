/*
 * The thread that answers probes (probe/ask.c). Who asks waits in cooperative mode, and whoever suspends the runtime
 * waits for who asks; so this thread waits for nobody who may be suspending it: not for the transaction lock, and not
 * for the agent's thread. The types that it is asked about have live objects; what else it reads of modules stays as
 * long as it holds the reading lock.
 */
#include "engine/engine-priv.h"

static void *serve(void *owner)
{
    eng *g = owner;
    while (probe_asks_wait()) {
        pthread_mutex_lock(&g->reading);
        probe_asks_answer(eng_answer, g);
        pthread_mutex_unlock(&g->reading);
    }
    return NULL;
}

bool eng_answers_start(eng *g, err_t *e)
{
    if (g->answers) return true;
    probe_asks_open(true);
    g->answers = eng_thread_start(NULL, "rejit-answers", false, serve, g, e);
    if (!g->answers) probe_asks_open(false);
    return g->answers;
}
