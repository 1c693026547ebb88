/*
 * The locals of woven bodies, kept out of the metadata.
 *
 * A debugger looks a body's local signature up in the module's file. A StandAloneSig that was made later is not there,
 * and asking the process for it ends the process: on Linux the request's contents are not sent, so that the runtime
 * follows a wild pointer. Therefore the body names the original's signature, and the compiler is handed the true one by
 * the hook.
 */
#include "engine/engine-priv.h"
#include "engine/jit-priv.h"

/* Lives as long as the process: any version may be compiled again, at a higher tier, at any time. */
typedef struct eng_hidden {
    uint32_t size, count; /* of the signature; of its locals */
    const uint8_t *types; /* behind the count */
    uint8_t sig[];
} eng_hidden;

static const eng_hidden *hidden_by(eng *g, const uint8_t *il, uint32_t size)
{
    uint64_t address = weave_hidden_locals(il, size);
    if (!address) return NULL;
    pthread_mutex_lock(&g->ledger);
    const eng_hidden *h = map_get(&g->hidden, address); /* a program may say anything in its IL */
    pthread_mutex_unlock(&g->ledger);
    return h;
}

cil_blob eng_hidden_locals(eng *g, const uint8_t *il, uint32_t size)
{
    const eng_hidden *h = hidden_by(g, il, size);
    return h ? (cil_blob){h->sig, h->size} : (cil_blob){0};
}

static bool choose_locals(void *owner, eng_compile *c)
{
    const eng_hidden *h = hidden_by(owner, c->info.il, c->info.il_size);
    if (!h) return false;
    c->info.locals.blob = h->sig;
    c->info.locals.blob_size = h->size;
    c->info.locals.args = h->types;
    c->info.locals.arg_count = (uint16_t)h->count;
    c->keep_eh = true;
    return true;
}

/* Where the JIT is not known, woven bodies have StandAloneSigs. Tried again: at start-up it may not be loaded yet. */
void eng_hide_locals(eng *g)
{
    err_t e = {0};
    if (g->hides) return;
    g->hides = eng_jit_on(choose_locals, g, &e);
    if (!g->hides) log_line(LOG_INFO, "engine", "local variables are not hidden from debuggers: %s", e.text);
}

static eng_hidden *keep(eng *g, cil_blob sig)
{
    eng_hidden *h = arena_alloc(&g->kept, sizeof *h + sig.n);
    if (!h) return NULL;
    memcpy(h->sig, sig.p, sig.n);
    h->size = sig.n;
    uint32_t n = cil_read_compressed((cil_blob){h->sig + 1, sig.n - 1}, &h->count);
    h->types = h->sig + 1 + n;
    pthread_mutex_lock(&g->ledger);
    bool kept = map_put(&g->hidden, (uint64_t)(uintptr_t)h, h);
    pthread_mutex_unlock(&g->ledger);
    return kept ? h : NULL;
}

uint64_t eng_keep_locals(void *tokens, cil_blob sig, err_t *e)
{
    eng *g = ((eng_tokens *)tokens)->g;
    for (uint64_t key = map_hash(sig.p, sig.n);; key++) {
        eng_hidden *h = map_get(&g->hidden_of, key);
        if (h && (h->size != sig.n || memcmp(h->sig, sig.p, sig.n) != 0)) continue; /* equal hashes take the next key */
        if (!h && (!(h = keep(g, sig)) || !map_put(&g->hidden_of, key, h))) {
            err_set(e, ERR_MEMORY, -1, "out of memory");
            return 0;
        }
        return (uint64_t)(uintptr_t)h;
    }
}
