/*
 * Corpus: every method body of every assembly in the directories given is woven with two layers, one that captures all
 * that can be captured and one that only counts, and must verify. Prints counts and times; any refusal is named, and
 * the program then answers 1.
 *
 *     corpus_weave [--alone] DIRECTORY...
 *
 * --alone weaves again what was woven while the core had another guest, and tells what it takes without one.
 *
 * The digest is of all bodies and maps, in the order of the walk: two builds that print the same weave the same.
 */
#include "bench/alone.h"
#include "corpus.h"
#include "weave/weave.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_VALUES 256

static struct counts {
    uint64_t async, synchronous, places, locals;
    uint64_t methods, bodies, values, plain, instructions, ns, slowest, digest;
} counts = {.digest = UINT64_C(0xcbf29ce484222325)};

static void complain(uint32_t rid, const char *what, const char *why)
{
    corpus_complain(CIL_TOKEN(CIL_METHOD_DEF, rid), what, why);
}

/* ---- tokens: those of the image, then new ones behind its tables ------------------------------------------------ */

struct made {
    struct made *next; /* of the same hash */
    cil_token token;
    cil_blob sig;
};

typedef struct token_maker {
    arena a;
    map_t by_hash;
    uint32_t rows[CIL_TABLES];
} token_maker;

static uint64_t hash_bytes(uint64_t h, const void *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)bytes)[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t hash_of(cil_table table, cil_blob sig)
{
    return hash_bytes(UINT64_C(0xcbf29ce484222325) ^ table, sig.p, sig.n);
}

static cil_token add(token_maker *m, uint64_t hash, cil_token token, cil_blob sig)
{
    struct made *x = arena_alloc(&m->a, sizeof *x);
    if (!x) abort();
    *x = (struct made){map_get(&m->by_hash, hash), token, {arena_copy(&m->a, sig.p, sig.n), sig.n}};
    if (!x->sig.p || !map_put(&m->by_hash, hash, x)) abort();
    return token;
}

static cil_token make(token_maker *m, cil_table table, cil_blob sig)
{
    uint64_t hash = hash_of(table, sig);
    for (const struct made *x = map_get(&m->by_hash, hash); x; x = x->next)
        if (CIL_TABLE(x->token) == table && x->sig.n == sig.n && !memcmp(x->sig.p, sig.p, sig.n)) return x->token;
    return add(m, hash, CIL_TOKEN(table, ++m->rows[table]), sig);
}

static cil_token make_sig(void *owner, cil_blob sig, err_t *e)
{
    (void)e;
    return make(owner, CIL_STAND_ALONE_SIG, sig);
}

static cil_token make_type(void *owner, cil_blob type, err_t *e)
{
    (void)e;
    return make(owner, CIL_TYPE_SPEC, type);
}

static void maker_begin(token_maker *m, const cil_image *im)
{
    *m = (token_maker){0};
    m->rows[CIL_STAND_ALONE_SIG] = im->rows[CIL_STAND_ALONE_SIG];
    m->rows[CIL_TYPE_SPEC] = im->rows[CIL_TYPE_SPEC];
    for (uint32_t rid = 1; rid <= im->rows[CIL_TYPE_SPEC]; rid++) {
        cil_blob sig = cil_cell_blob(im, CIL_TYPE_SPEC, rid, CIL_TYPE_SPEC_SIG);
        add(m, hash_of(CIL_TYPE_SPEC, sig), CIL_TOKEN(CIL_TYPE_SPEC, rid), sig);
    }
}

/* ---- one method ------------------------------------------------------------------------------------------------- */

/* Why a value is printed as {Type} only. Any other reason is an error. */
static const char *const PLAIN[] = {
    "a static method has no `this`",
    "the method returns nothing",
    "a typed reference cannot be captured",                            /* no reference to it may be made */
    "a System.ArgIterator cannot be captured",                         /* varargs: not on this platform */
    "a System.RuntimeArgumentHandle cannot be captured",               /* the same */
    "a generic parameter that may be a ref struct cannot be captured", /* shared code knows no layout for it */
};

static uint32_t plan(arena *a, const cil_image *im, uint32_t rid, weave_what what, uint16_t index, weave_value *v,
                     uint32_t n)
{
    err_t e = {0};
    v[n].slot = (uint16_t)(64 + 8 * n);
    if (weave_plan_value(a, im, rid, what, index, &v[n], &e)) return n + 1;
    for (size_t i = 0; i < RJ_COUNT(PLAIN); i++) {
        if (e.code != ERR_REFUSED || strcmp(e.text, PLAIN[i]) != 0) continue;
        counts.plain += i > 1;
        return n;
    }
    complain(rid, "plan", e.text);
    return n;
}

static uint32_t plan_all(arena *a, const cil_image *im, uint32_t rid, weave_value *values)
{
    cil_method_sig sig;
    err_t e = {0};
    if (!cil_method_sig_read(a, cil_cell_blob(im, CIL_METHOD_DEF, rid, CIL_METHOD_DEF_SIG), &sig, &e)) {
        complain(rid, "signature", e.text);
        return 0;
    }
    uint32_t n = plan(a, im, rid, WEAVE_THIS, 0, values, 0);
    const bool makes = n && values[0].at_leave && values[0].how == WEAVE_OBJECT;
    for (uint32_t i = 0; i < sig.param_count && n < MOST_VALUES - 2; i++)
        n = plan(a, im, rid, WEAVE_ARGUMENT, (uint16_t)i, values, n);
    if (makes) n = plan(a, im, rid, WEAVE_MADE, 0, values, n);
    return plan(a, im, rid, WEAVE_RESULT, 0, values, n);
}

/* What comes out is a body again, and its map ascends through it. */
static void check_output(arena *a, uint32_t rid, const weave_output *out)
{
    cil_body body;
    err_t e = {0};
    if (!cil_body_read(a, (cil_blob){out->body.p, (uint32_t)out->body.n}, &body, &e)) {
        complain(rid, "read back", e.text);
        return;
    }
    counts.instructions += body.count;
    counts.digest = hash_bytes(counts.digest, out->body.p, out->body.n);
    counts.digest = hash_bytes(counts.digest, out->map.v, out->map.n * sizeof *out->map.v);
    if (body.code_size != out->code_size) complain(rid, "size", "differs from the body's");
    if (!out->map.n || out->map.v[0].from) complain(rid, "map", "does not begin with the first instruction");
    for (size_t i = 1; i < out->map.n; i++)
        if (out->map.v[i].to <= out->map.v[i - 1].to || out->map.v[i].to >= out->code_size)
            complain(rid, "map", "does not ascend");
}

/* Methods are planned, woven and checked so many at a time: reading the clock costs a tenth of a weave. */
#define BATCH 32u

typedef struct job {
    arena planning;
    weave_input in;
    weave_output out;
    weave_layer layers[2];
    weave_value values[MOST_VALUES];
    err_t e;
    uint32_t rid;
    bool woven;
} job;

/* False where there is no body. */
static bool prepare(job *j, const cil_image *im, token_maker *m, uint32_t rid)
{
    static const weave_calls EVERYTHING = {
        .enter = 1, .ready = 2, .leave = 3, .tail = 4, .note = 5, .thrown = 6, .object = 7, .typed = 8, .span = 9};
    static const weave_calls COUNTING = {.enter = 10, .leave = 11, .tail = 12, .thrown = 13};
    j->rid = rid;
    j->planning = (arena){0};
    j->layers[0] =
        (weave_layer){.gate = UINT64_C(0x7f0000001000), .probe = 1, .calls = EVERYTHING, .values = j->values};
    j->layers[1] = (weave_layer){.gate = UINT64_C(0x7f0000001001), .probe = 2, .calls = COUNTING};
    j->in = (weave_input){.image = im,
                          .method_rid = rid,
                          .layers = j->layers,
                          .layer_count = RJ_COUNT(j->layers),
                          .plain_most = 64, /* as the engine weaves */
                          .tokens = {.owner = m, .stand_alone_sig = make_sig, .type_spec = make_type}};
    j->e = (err_t){0};
    counts.methods++;
    if (!cil_method_bytes(im, rid, &j->in.body, &j->e)) complain(rid, "body", j->e.text);
    if (!j->in.body.n) return false;
    counts.bodies++;
    j->layers[0].value_count = plan_all(&j->planning, im, rid, j->values);
    counts.values += j->layers[0].value_count;
    return true;
}

static uint64_t weave_once(job *jobs, uint32_t n)
{
    uint64_t start = corpus_cpu();
    for (uint32_t i = 0; i < n; i++) {
        arena weaving = {0};
        jobs[i].woven = weave_method(&weaving, &jobs[i].in, &jobs[i].out, &jobs[i].e);
        arena_free(&weaving);
    }
    return corpus_cpu() - start;
}

#define TRIES 20u

static struct alone {
    bool asked;
    uint64_t first, again; /* ns of the batches that had the core to themselves in some try: at the first, and then */
    uint32_t batches, had_it;
} alone;

/* took: by the first try. */
static void weave_until_alone(job *jobs, uint32_t n, uint64_t took, bool had_it)
{
    uint64_t again = took;
    alone.batches++;
    for (unsigned i = 0; i < TRIES && !had_it; i++) {
        for (uint32_t k = 0; k < n; k++)
            weave_output_free(&jobs[k].out);
        const uint64_t before = alone_reference();
        again = weave_once(jobs, n);
        had_it = alone_between(before, alone_reference());
    }
    if (!had_it) return;
    alone.had_it++;
    alone.first += took;
    alone.again += again;
}

static void weave_all(job *jobs, uint32_t n)
{
    const uint64_t before = alone.asked ? alone_reference() : 0, took = weave_once(jobs, n);
    counts.ns += took;
    counts.slowest = RJ_MAX(counts.slowest, took);
    if (alone.asked) weave_until_alone(jobs, n, took, alone_between(before, alone_reference()));
}

static void finish(job *j)
{
    if (j->woven) {
        check_output(&j->planning, j->rid, &j->out);
    } else {
        complain(j->rid, "refused", j->e.text);
    }
    weave_output_free(&j->out);
    arena_free(&j->planning);
}

/* ---- a place before one of the instructions, with the body's variables ---- */

/* Not between a prefix, or what makes a delegate, and what it belongs to. */
static bool is_free(const cil_body *b, uint32_t i)
{
    static const uint16_t bound[] = {CIL_TAIL,     CIL_CONSTRAINED, CIL_VOLATILE, CIL_UNALIGNED,
                                     CIL_READONLY, CIL_NO_,         CIL_LDFTN,    CIL_LDVIRTFTN};
    for (size_t k = 0; i && k < RJ_COUNT(bound); k++)
        if (b->insns[i - 1].op == bound[k]) return false;
    if (i && b->insns[i].op == CIL_LDVIRTFTN && b->insns[i - 1].op == CIL_DUP) return false;
    return !(i > 1 && b->insns[i].op == CIL_RET && b->insns[i - 2].op == CIL_TAIL);
}

static uint32_t plan_locals(arena *a, const cil_image *im, uint32_t rid, cil_blob body, weave_value *values)
{
    uint32_t n = 0;
    for (uint32_t i = 0; n < MOST_VALUES && i < 3 * MOST_VALUES && weave_local_type(a, im, body, i).n; i++) {
        err_t e = {0};
        values[n] = (weave_value){.what = WEAVE_LOCAL, .index = i, .slot = (uint16_t)(48 + 8 * n)};
        if (weave_plan_inner(a, im, rid, body, &values[n], &e))
            n++;
        else if (e.code != ERR_REFUSED)
            complain(rid, "plan of a local", e.text);
    }
    return n;
}

static weave_layer place_of(arena *a, const cil_image *im, uint32_t rid, cil_blob bytes, weave_value *values)
{
    static const weave_calls PLACE = {.enter = 30, .ready = 31, .object = 7, .typed = 8, .span = 9};
    weave_layer l = {.gate = UINT64_C(0x7f0000001002), .probe = 3, .calls = PLACE, .values = values};
    cil_body b;
    if (!cil_body_read(a, bytes, &b, NULL) || !b.count) return (weave_layer){0};
    uint32_t i = rid * 7919u % b.count;
    while (i && !is_free(&b, i))
        i--;
    l.site = b.insns[i].offset + 1;
    l.value_count = plan_locals(a, im, rid, bytes, values);
    counts.locals += l.value_count;
    counts.places++;
    return l;
}

/* Beside a probe around the body. */
static void weave_places(const cil_image *im, token_maker *m)
{
    static job j;
    const uint64_t methods = counts.methods, bodies = counts.bodies, values = counts.values; /* counted already */
    for (uint32_t rid = 1; rid <= im->rows[CIL_METHOD_DEF]; rid++) {
        if (!prepare(&j, im, m, rid)) continue;
        arena weaving = {0};
        j.layers[0].value_count = 0;
        j.layers[1] = place_of(&j.planning, im, rid, j.in.body, j.values);
        j.woven = weave_method(&weaving, &j.in, &j.out, &j.e);
        arena_free(&weaving);
        finish(&j);
    }
    counts.methods = methods;
    counts.bodies = bodies;
    counts.values = values;
}

/* ---- async methods: the body of the state machine with the layer of an async probe, beside one that counts ---- */

static void weave_async_body(const cil_image *im, token_maker *m, const weave_async *async)
{
    static const weave_calls ASYNC = {.object = 7,
                                      .typed = 8,
                                      .span = 9,
                                      .first = 20,
                                      .suspending = 21,
                                      .suspended = 22,
                                      .completing = 23,
                                      .completed = 24,
                                      .failed = 25};
    static job j;
    if (!prepare(&j, im, m, async->move_next)) return;
    j.layers[0].calls = ASYNC;
    j.layers[0].value_count = 0;
    if (async->has_result)
        j.layers[0].value_count = plan(&j.planning, im, async->move_next, WEAVE_COMPLETION, 0, j.values, 0);
    if (async->has_result && !j.layers[0].value_count) complain(async->move_next, "plan", "a result is not captured");
    weave_all(&j, 1);
    finish(&j);
    counts.async++;
}

static void weave_async_all(const cil_image *im, token_maker *m)
{
    for (uint32_t rid = 1; rid <= im->rows[CIL_METHOD_DEF]; rid++) {
        weave_async async;
        err_t e = {0};
        arena a = {0};
        bool followed = weave_async_read(&a, im, rid, &async, &e);
        arena_free(&a);
        if (followed && async.is_async) weave_async_body(im, m, &async);
        if (followed) continue;
        /* pooled, or a builder of one's own */
        if (e.code == ERR_REFUSED && (strstr(e.text, "pooled") || strstr(e.text, "not one of the runtime's own")))
            counts.synchronous++;
        else
            complain(rid, "async", e.text);
    }
}

static void weave_image(const cil_image *im)
{
    static job jobs[BATCH];
    token_maker m;
    uint32_t n = 0;
    maker_begin(&m, im);
    for (uint32_t rid = 1; rid <= im->rows[CIL_METHOD_DEF]; rid++) {
        n += prepare(&jobs[n], im, &m, rid);
        if (n < BATCH && rid < im->rows[CIL_METHOD_DEF]) continue;
        weave_all(jobs, n);
        for (uint32_t i = 0; i < n; i++)
            finish(&jobs[i]);
        n = 0;
    }
    weave_async_all(im, &m);
    weave_places(im, &m);
    map_free(&m.by_hash);
    arena_free(&m.a);
}

/* What all batches took, less what those took less that had the core to themselves; where none had, what all took. */
static void say_alone(double bodies)
{
    const double less = alone.first ? (double)alone.again / (double)alone.first : 1;
    if (!alone.asked) return;
    printf("%.2f us a method with the core to ourselves (%u of %u batches)\n", (double)counts.ns / bodies / 1e3 * less,
           alone.had_it, alone.batches);
}

int main(int argc, char **argv)
{
    alone.asked = argc > 1 && strcmp(argv[1], "--alone") == 0;
    argc -= alone.asked;
    argv += alone.asked;
    if (alone.asked) alone_calibrate();
    uint64_t images = corpus_walk(argc, argv, weave_image);
    if (!counts.bodies) complain(0, "corpus", "no method body was found");
    printf("%" PRIu64 " assemblies, %" PRIu64 " methods, %" PRIu64 " bodies, %" PRIu64 " values captured (%" PRIu64
           " printed as {Type}), %" PRIu64 " instructions woven (digest %016" PRIx64 "): %" PRIu64 " errors\n",
           images, counts.methods, counts.bodies, counts.values, counts.plain, counts.instructions, counts.digest,
           corpus_complaints());
    printf("%" PRIu64 " of them bodies of async calls; %" PRIu64 " async methods stay synchronous\n", counts.async,
           counts.synchronous);
    printf("%" PRIu64 " places before an instruction, %" PRIu64 " variables captured there\n", counts.places,
           counts.locals);
    double bodies = (double)RJ_MAX(counts.bodies, 1u);
    printf("%.2f us a method with two layers, verified (the slowest %u: %.1f ms); %.0f methods a second\n",
           (double)counts.ns / bodies / 1e3, BATCH, (double)counts.slowest / 1e6,
           bodies / ((double)RJ_MAX(counts.ns, 1u) / 1e9));
    say_alone(bodies);
    return corpus_complaints() != 0;
}
