/* Native code: where it is, as the agent tells, and its bytes, as they lie in the process. */
#include "client/client-priv.h"
#include "client/result.h"

#include <sys/uio.h>

#define CODE_MOST (16u << 20) /* bytes of one range: more is no code */

size_t code_read_some(const rj_session *s, uint64_t address, void *out, size_t n)
{
    struct iovec to = {out, n}, from = {(void *)(uintptr_t)address, n};
    const ssize_t got = process_vm_readv(s->pid, &to, 1, &from, 1, 0);
    return got > 0 ? (size_t)got : 0;
}

bool code_read(const rj_session *s, uint64_t address, void *out, size_t n)
{
    return code_read_some(s, address, out, n) == n;
}

static rj_code_range read_range(const rj_session *s, arena *a, wire_reader r)
{
    rj_code_range range = {.address = 0};
    uint64_t size = 0;
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_ADDRESS) range.address = wire_get_u64(&f);
        if (f.tag == WIRE_T_BYTES) size = wire_get_u64(&f);
    }
    if (!size || size > CODE_MOST) return range;
    range.size = (uint32_t)size;
    uint8_t *bytes = arena_room(a, range.size, 1);
    /* It may have gone since the agent answered. */
    if (bytes && code_read(s, range.address, bytes, range.size)) range.bytes = bytes;
    return range;
}

static rj_native_code read_native(const rj_session *s, arena *a, wire_reader r)
{
    rj_native_code c = {.tier = "", .body = "", .instantiation = ""};
    rj_code_range *ranges = arena_array(a, result_count(r, WIRE_T_RANGE), sizeof *ranges);
    c.ranges = ranges;
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_CODE_KIND: c.tier = result_text(a, &f); break;
        case WIRE_T_TEXT: c.body = result_text(a, &f); break;
        case WIRE_T_NAME: c.instantiation = result_text(a, &f); break;
        case WIRE_T_VERSION: c.version = wire_get_u32(&f); break;
        case WIRE_T_RANGE:
            if (!ranges) break;
            ranges[c.range_count] = read_range(s, a, wire_group(&f));
            c.size += ranges[c.range_count++].size;
            break;
        default: break;
        }
    }
    return c;
}

/* ---- tiers ---- */

/* Code that goes on in a frame of tier-0 code: it begins by pushing that frame's caller's rbp. */
static bool is_osr(const rj_native_code *c)
{
    static const uint8_t prolog[] = {0x48, 0x8B, 0x45, 0x00, 0x50}; /* mov rax, [rbp]; push rax */
    const rj_code_range *r = c->ranges;
    return c->range_count && r->bytes && r->size > sizeof prolog && memcmp(r->bytes, prolog, sizeof prolog) == 0;
}

/* With counters unoptimised code has the frame that it had without. */
static bool begins_alike(const rj_native_code *x, const rj_native_code *y)
{
    enum { FRAME = 14 };
    if (!x->range_count || !y->range_count) return false;
    const rj_code_range *a = x->ranges, *b = y->ranges;
    return a->bytes && b->bytes && a->size > FRAME && b->size > FRAME && memcmp(a->bytes, b->bytes, FRAME) == 0;
}

static bool same_version(const rj_native_code *x, const rj_native_code *y)
{
    return x->version == y->version && strcmp(x->instantiation, y->instantiation) == 0;
}

/*
 * Where tiers are as usual, the first jitted code of a version without precompiled code is tier-0. It may go on as OSR
 * code, or be compiled again with counters; what precompiled code is replaced by has counters in optimised code. The
 * last one is tier-1.
 */
static void infer_tiers(rj_native_code *codes, size_t count)
{
    const rj_native_code *first = NULL;
    for (size_t i = 0; i < count; i++) {
        rj_native_code *c = &codes[i];
        const bool is_last = i + 1 == count || !same_version(c, &codes[i + 1]);
        if (!i || !same_version(c, &codes[i - 1])) first = c;
        if (strcmp(c->tier, "tiered") != 0) continue;
        const bool precompiled = strcmp(first->tier, "R2R") == 0;
        if (c == first)
            c->tier = "tier-0";
        else if (is_osr(c))
            c->tier = "OSR";
        else if (!precompiled && (!is_last || begins_alike(first, c)))
            c->tier = "tier-0 instrumented";
        else
            c->tier = is_last ? "tier-1" : "tier-1 instrumented";
    }
}

static rj_symbol read_symbol(arena *a, wire_reader r)
{
    rj_symbol s = {.text = ""};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_ADDRESS) s.address = wire_get_u64(&f);
        if (f.tag == WIRE_T_TEXT) s.text = result_text(a, &f);
    }
    return s;
}

static rj_native read_method(const rj_session *s, arena *a, wire_reader r)
{
    rj_native m = {.name = "", .module = "", .reason = "", .note = ""};
    rj_native_code *codes = arena_array(a, result_count(r, WIRE_T_NATIVE), sizeof *codes);
    rj_symbol *symbols = arena_array(a, result_count(r, WIRE_T_SYMBOL), sizeof *symbols);
    m.codes = codes;
    m.symbols = symbols;
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_NAME: m.name = result_text(a, &f); break;
        case WIRE_T_MODULE: m.module = result_text(a, &f); break;
        case WIRE_T_TOKEN: m.token = wire_get_u32(&f); break;
        case WIRE_T_REASON: m.reason = result_text(a, &f); break;
        case WIRE_T_NOTE: m.note = result_text(a, &f); break;
        case WIRE_T_COUNT: m.old_versions += wire_get_u32(&f); break;
        case WIRE_T_NATIVE:
            if (codes) codes[m.code_count++] = read_native(s, a, wire_group(&f));
            break;
        case WIRE_T_SYMBOL:
            if (symbols) symbols[m.symbol_count++] = read_symbol(a, wire_group(&f));
            break;
        default: break;
        }
    }
    if (codes) infer_tiers(codes, m.code_count);
    return m;
}

bool rj_read_code(rj_session *s, const char *const *patterns, size_t pattern_count, uint32_t most, rj_natives *out,
                  rj_error *error)
{
    err_t *e = ERR(error);
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_CODE);
    for (size_t i = 0; i < pattern_count; i++)
        wire_text(&b, WIRE_T_PATTERN, patterns[i]);
    wire_u32(&b, WIRE_T_MAX, most ? most : 20);
    if (!session_ask(s, &b, WIRE_CODES, &r, e)) return false;
    arena *a = result_arena();
    rj_native *items = a ? arena_array(a, result_count(r, WIRE_T_BODY), sizeof *items) : NULL;
    const char **nearest = a ? arena_array(a, result_count(r, WIRE_T_NEAREST), sizeof *nearest) : NULL;
    if (!items || !nearest) {
        rj_free(a);
        return err_set(e, ERR_MEMORY, -1, "out of memory");
    }
    *out = (rj_natives){.items = items, .nearest = nearest, .memory = a};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_BODY) items[out->count++] = read_method(s, a, wire_group(&f));
        if (f.tag == WIRE_T_NEAREST) nearest[out->nearest_count++] = result_text(a, &f);
        if (f.tag == WIRE_T_TOTAL) out->total = wire_get_u32(&f);
    }
    return true;
}
