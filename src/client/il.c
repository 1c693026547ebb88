/* What the agent tells of a method's IL, and the question for it. The listing itself: listing.c. */
#include "client/listing.h"
#include "client/result.h"

static cil_blob blob_of(const wire_field *f)
{
    return (cil_blob){f->p, f->n};
}

static listing_named read_named(arena *a, wire_reader r)
{
    listing_named n = {.text = ""};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_TOKEN) n.token = wire_get_u32(&f);
        if (f.tag == WIRE_T_TEXT) n.text = result_text(a, &f);
    }
    return n;
}

static listing_symbol read_symbol(arena *a, wire_reader r)
{
    listing_symbol s = {.text = "", .layer = RJ_NONE};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_ADDRESS) s.address = wire_get_u64(&f);
        if (f.tag == WIRE_T_TEXT) s.text = result_text(a, &f);
        if (f.tag == WIRE_T_LAYER_INDEX) s.layer = wire_get_u32(&f);
    }
    return s;
}

static listing_part read_part(wire_reader r)
{
    listing_part p = {.layer = RJ_NONE};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_OFFSET) p.at = wire_get_u32(&f);
        if (f.tag == WIRE_T_LAYER_INDEX) p.layer = wire_get_u32(&f);
    }
    return p;
}

static rj_il_local read_local(arena *a, wire_reader r)
{
    rj_il_local l = {.type = "", .role = "", .layer = RJ_NONE};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_TYPE_NAME) l.type = result_text(a, &f);
        if (f.tag == WIRE_T_ROLE) l.role = result_text(a, &f);
        if (f.tag == WIRE_T_LAYER_INDEX) l.layer = wire_get_u32(&f);
    }
    return l;
}

static rj_il_layer read_layer(arena *a, wire_reader r)
{
    rj_il_layer l = {.name = "", .user = ""};
    for (wire_field f; wire_next(&r, &f);) {
        switch (f.tag) {
        case WIRE_T_CLIENT_ID: l.client = wire_get_u32(&f); break;
        case WIRE_T_PID: l.pid = (int32_t)wire_get_u32(&f); break;
        case WIRE_T_NAME: l.name = result_text(a, &f); break;
        case WIRE_T_USER: l.user = result_text(a, &f); break;
        case WIRE_T_ID: l.probe = wire_get_u32(&f); break;
        default: break;
        }
    }
    return l;
}

static bool make_room(arena *a, wire_reader r, listing_facts *x, rj_il_layer **layers)
{
    x->named = arena_array(a, result_count(r, WIRE_T_NAMED), sizeof *x->named);
    x->symbols = arena_array(a, result_count(r, WIRE_T_SYMBOL), sizeof *x->symbols);
    x->parts = arena_array(a, result_count(r, WIRE_T_PART), sizeof *x->parts);
    x->arguments = arena_array(a, result_count(r, WIRE_T_ARGUMENT), sizeof *x->arguments);
    x->locals = arena_array(a, result_count(r, WIRE_T_LOCAL), sizeof *x->locals);
    *layers = arena_array(a, result_count(r, WIRE_T_LAYER), sizeof **layers);
    return x->named && x->symbols && x->parts && x->arguments && x->locals && *layers;
}

static void read_field(arena *a, const wire_field *f, rj_il *m, listing_facts *x)
{
    switch (f->tag) {
    case WIRE_T_NAME: m->name = result_text(a, f); break;
    case WIRE_T_MODULE: m->module = result_text(a, f); break;
    case WIRE_T_TOKEN: m->token = wire_get_u32(f); break;
    case WIRE_T_REASON: m->reason = result_text(a, f); break;
    case WIRE_T_TEXT: m->state = result_text(a, f); break;
    case WIRE_T_NOTE: m->note = result_text(a, f); break;
    case WIRE_T_VERSION: m->version = wire_get_u32(f); break;
    case WIRE_T_HIDDEN: m->hidden = wire_get_u32(f) != 0; break;
    case WIRE_T_COUNT: x->own_locals = f->n == 8 ? (size_t)wire_get_u64(f) : wire_get_u32(f); break;
    case WIRE_T_IL: x->original = blob_of(f); break;
    case WIRE_T_WOVEN: x->woven = blob_of(f); break;
    case WIRE_T_MAP: x->map = blob_of(f); break;
    case WIRE_T_NAMED: x->named[x->named_count++] = read_named(a, wire_group(f)); break;
    case WIRE_T_SYMBOL: x->symbols[x->symbol_count++] = read_symbol(a, wire_group(f)); break;
    case WIRE_T_PART: x->parts[x->part_count++] = read_part(wire_group(f)); break;
    case WIRE_T_ARGUMENT: x->arguments[x->argument_count++] = result_text(a, f); break;
    case WIRE_T_LOCAL: x->locals[x->local_count++] = read_local(a, wire_group(f)); break;
    default: break;
    }
}

static bool read_body(arena *a, wire_reader r, rj_il *m, err_t *e)
{
    listing_facts x = {.map = {0}};
    rj_il_layer *layers;
    *m = (rj_il){.name = "", .module = "", .reason = "", .state = "", .note = ""};
    if (!make_room(a, r, &x, &layers)) return err_set(e, ERR_MEMORY, -1, "out of memory");
    m->layers = layers;
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_LAYER)
            layers[m->layer_count++] = read_layer(a, wire_group(&f));
        else
            read_field(a, &f, m, &x);
    }
    x.layers = layers;
    x.layer_count = m->layer_count;
    return listing_make(a, &x, m, e);
}

static bool read_bodies(arena *a, wire_reader r, rj_ils *out, err_t *e)
{
    rj_il *items = arena_array(a, result_count(r, WIRE_T_BODY), sizeof *items);
    const char **nearest = arena_array(a, result_count(r, WIRE_T_NEAREST), sizeof *nearest);
    if (!items || !nearest) return err_set(e, ERR_MEMORY, -1, "out of memory");
    *out = (rj_ils){.items = items, .nearest = nearest, .memory = a};
    for (wire_field f; wire_next(&r, &f);) {
        if (f.tag == WIRE_T_BODY && !read_body(a, wire_group(&f), &items[out->count++], e)) return false;
        if (f.tag == WIRE_T_NEAREST) nearest[out->nearest_count++] = result_text(a, &f);
        if (f.tag == WIRE_T_TOTAL) out->total = wire_get_u32(&f);
    }
    return true;
}

bool rj_read_il(rj_session *s, const char *const *patterns, size_t pattern_count, uint32_t most, rj_ils *out,
                rj_error *error)
{
    err_t *e = ERR(error);
    buf_t b = {0};
    wire_reader r;
    session_begin(s, &b, WIRE_IL);
    for (size_t i = 0; i < pattern_count; i++)
        wire_text(&b, WIRE_T_PATTERN, patterns[i]);
    wire_u32(&b, WIRE_T_MAX, most ? most : 20);
    if (!session_ask(s, &b, WIRE_BODIES, &r, e)) return false;
    arena *a = result_arena();
    if (!a) return err_set(e, ERR_MEMORY, -1, "out of memory");
    if (read_bodies(a, r, out, e)) return true;
    rj_free(a);
    return false;
}
