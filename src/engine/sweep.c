/*
 * Dynamic methods that were compiled before anybody listened. The runtime lists them nowhere, but it says which method
 * an address of code belongs to: all memory that may hold code of the JIT is walked through.
 *
 * The process is suspended meanwhile: code is freed in cooperative mode, or while everything stands, so that what is
 * found is there to its end. What is found is written into memory that was there before, as nobody can tell who holds
 * the allocator's lock. Between two slices the process runs for as long as it stood.
 */
#include "engine/early.h"

#include <sys/mman.h>
#include <time.h>

#define STEP         32u /* the runtime keeps one start of code for each */
#define SLICE_NS     2000000u
#define LOOKS        64u         /* between two looks at the clock */
#define TEXT_BYTES   (16u << 20) /* of names and signatures; touched as far as it is needed */
#define FOUND_MOST   (64u << 10)
#define FOUND_BYTES  (FOUND_MOST * sizeof(eng_swept))
#define SIG_MOST     (64u << 10)
#define LISTED_BYTES (TEXT_BYTES + FOUND_BYTES)

typedef struct sweeper {
    eng *g;
    eng_sweep *out;
    VEC(eng_range) code;
    size_t at; /* among them */
    uintptr_t next;
    clr_function_id last;
    bool short_of_memory;
    unsigned slices;
    uint64_t paused_ns, longest_ns;
} sweeper;

/* Code of the JIT lies in a memfd that is mapped twice or, without W^X, in memory of no file. */
static bool add_code(void *owner, const eng_range *r, const char *permissions, const char *path)
{
    sweeper *s = owner;
    if (permissions[2] != 'x' || (path && strncmp(path, "/memfd:doublemapper", 19) != 0)) return true;
    eng_range *place = VEC_PUSH(&s->code);
    s->short_of_memory = !place;
    if (place) *place = *r;
    return place != NULL;
}

/* The runtime's methods with metadata are none of ours: it says no. */
static bool take(sweeper *s, clr_function_id id)
{
    eng_sweep *out = s->out;
    clr_info *info = s->g->info;
    const size_t room = TEXT_BYTES - out->used;
    if (out->count == FOUND_MOST || room < ENG_DYNAMIC_NAME_MOST * sizeof(uint16_t) + SIG_MOST + STEP) return false;
    eng_swept *f = &out->found[out->count];
    uint16_t *name = (uint16_t *)(void *)(out->text + out->used);
    const uint8_t *sig = NULL;
    *f = (eng_swept){.id = id, .name = name};
    clr_hresult hr = info->vt->GetDynamicFunctionInfo(info, id, &f->owner, &sig, &f->sig_size, ENG_DYNAMIC_NAME_MOST,
                                                      &f->name_chars, name);
    /* One that is just being freed has lost its name or its signature. */
    if (hr < 0 || !name[0] || !f->name_chars || !sig || f->sig_size > SIG_MOST) return true;
    f->name_chars = RJ_MIN(f->name_chars, ENG_DYNAMIC_NAME_MOST);
    out->used += f->name_chars * sizeof *name;
    f->why = eng_early_refusal(s->g, id);
    f->sig = memcpy(out->text + out->used, sig, f->sig_size);
    out->used = (out->used + f->sig_size + 1) & ~(size_t)1;
    out->count++;
    return true;
}

/* From where the last slice ended. False: there is no room for more. */
static bool look(sweeper *s, uint64_t until_ns)
{
    clr_info *info = s->g->info;
    for (unsigned looks = 0; s->at < s->code.n; looks++) {
        const eng_range *r = &s->code.v[s->at];
        clr_function_id id = 0;
        clr_rejit_id version;
        if (s->next < r->start) s->next = r->start;
        if (s->next >= r->end) {
            s->at++;
            continue;
        }
        if (looks % LOOKS == LOOKS - 1 && eng_now_ns() > until_ns) return true;
        const uint8_t *ip = (const uint8_t *)s->next + STEP - 1;
        s->next += STEP;
        if (info->vt->GetFunctionFromIP3(info, ip, &id, &version) < 0 || !id || id == s->last) continue;
        s->last = id;
        if (!take(s, id)) return false;
    }
    return true;
}

static bool slice(sweeper *s)
{
    uint64_t began = eng_now_ns();
    if (!eng_suspend(s->g)) return false;
    bool room = look(s, eng_now_ns() + SLICE_NS);
    eng_resume(s->g);
    uint64_t took = eng_now_ns() - began;
    s->slices++;
    s->paused_ns += took;
    s->longest_ns = RJ_MAX(s->longest_ns, took);
    if (s->at < s->code.n) nanosleep(&(struct timespec){.tv_nsec = (long)RJ_MIN(took, 999999999u)}, NULL);
    return room;
}

bool eng_sweep_code(eng *g, eng_sweep *out)
{
    sweeper s = {.g = g, .out = out};
    *out = (eng_sweep){0};
    void *memory = mmap(NULL, LISTED_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return false;
    out->found = memory;
    out->text = (uint8_t *)memory + FOUND_BYTES;
    pthread_mutex_lock(&g->ledger);
    g->sweep = out;
    pthread_mutex_unlock(&g->ledger);
    bool ok = eng_maps(add_code, &s) && !s.short_of_memory;
    while (ok && s.at < s.code.n)
        ok = slice(&s);
    log_line(LOG_INFO, "engine",
             "looked for dynamic methods in %zu ranges of code: %u found, paused %u times, %llu us "
             "in all, %llu us at most%s",
             s.code.n, out->count, s.slices, (unsigned long long)s.paused_ns / 1000,
             (unsigned long long)s.longest_ns / 1000, ok ? "" : "; it ended early");
    VEC_FREE(&s.code);
    return ok;
}

void eng_sweep_unloaded(eng *g, clr_function_id id)
{
    for (uint32_t i = 0; g->sweep && i < g->sweep->count; i++)
        if (g->sweep->found[i].id == id) g->sweep->found[i].gone = true;
}

void eng_sweep_free(eng *g, eng_sweep *s)
{
    pthread_mutex_lock(&g->ledger);
    g->sweep = NULL;
    pthread_mutex_unlock(&g->ledger);
    if (s->found) munmap(s->found, LISTED_BYTES);
    *s = (eng_sweep){0};
}
