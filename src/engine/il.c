/*
 * `il`: the original body of a method, the woven one, and what stands in them. The client makes the listing: here only
 * what nobody else knows is said, which are the names of tokens and addresses, and whose a part is.
 */
#include "engine/metadata.h"
#include "engine/takeover.h"

#include <stdlib.h>

/* One method on its way into the reply. */
typedef struct telling {
    eng *g;
    const eng_target *t;
    buf_t *reply;
    arena scratch;
    map_t named; /* tokens that have been told */
    cil_blob original, woven;
    clr_il_map *map; /* of the woven body */
    uint32_t map_count;
    eng_method *method;     /* NULL: it never was instrumented */
    weave_output explained; /* where the woven body is what its layers want now */
    bool is_explained;
} telling;

/* ---- names of tokens ---- */

static void name_token(telling *l, cil_token token)
{
    const eng_module *m = l->t->module;
    buf_t text = {0};
    if (map_get(&l->named, token) || !map_put(&l->named, token, l)) return;
    cil_blob made = eng_meta_sig(m, token);
    bool ok = cil_token_text(&m->image, token, &text);
    if (!ok && made.n && CIL_TABLE(token) == CIL_STAND_ALONE_SIG) ok = cil_call_text(&m->image, made, &text);
    if (!ok && made.n && CIL_TABLE(token) == CIL_TYPE_SPEC)
        ok = cil_sig_type_name(&m->image, made, cil_method_owner(&m->image, l->t->rid), l->t->rid, true, &text) != 0;
    if (ok) {
        size_t group = wire_open(l->reply, WIRE_T_NAMED);
        wire_u32(l->reply, WIRE_T_TOKEN, token);
        wire_text(l->reply, WIRE_T_TEXT, buf_cstr(&text));
        wire_close(l->reply, group);
    }
    buf_free(&text);
}

static void name_tokens(telling *l, cil_blob bytes)
{
    cil_body body;
    if (!bytes.n || !cil_body_read(&l->scratch, bytes, &body, NULL)) return; /* the client says what is wrong with it */
    for (uint32_t i = 0; i < body.count; i++)
        if (cil_opinfo_at(body.insns[i].op)->operand == CIL_O_TOKEN) name_token(l, body.insns[i].token);
    for (uint32_t i = 0; i < body.eh_count; i++)
        if (body.ehs[i].kind == CIL_EH_CATCH) name_token(l, body.ehs[i].class_token);
}

/* ---- arguments and locals ---- */

static void put_arguments(telling *l)
{
    enum { HASTHIS = 0x20, EXPLICITTHIS = 0x40 };
    const cil_image *im = &l->t->module->image;
    cil_method_sig sig;
    cil_blob blob = cil_cell_blob(im, CIL_METHOD_DEF, l->t->rid, CIL_METHOD_DEF_SIG);
    if (!cil_method_sig_read(&l->scratch, blob, &sig, NULL)) return;
    if (sig.convention & HASTHIS && !(sig.convention & EXPLICITTHIS)) wire_text(l->reply, WIRE_T_ARGUMENT, "this");
    for (uint32_t i = 0; i < sig.param_count; i++)
        wire_text(l->reply, WIRE_T_ARGUMENT, query_parameter_name(&l->scratch, im, l->t->rid, (uint16_t)i));
}

/* The IL of a body without its header. */
static cil_blob code_of(cil_blob body)
{
    enum { TINY = 2, FAT_HEADER = 12 };
    if (body.n && (body.p[0] & 3) == TINY) return (cil_blob){body.p + 1, body.p[0] >> 2};
    if (body.n < FAT_HEADER) return (cil_blob){0};
    uint32_t size;
    memcpy(&size, body.p + 4, sizeof size);
    return (cil_blob){body.p + FAT_HEADER, RJ_MIN(size, body.n - FAT_HEADER)};
}

static cil_blob named_locals(const telling *l, cil_blob body)
{
    enum { FAT = 3, FAT_HEADER = 12 };
    cil_token token;
    if (body.n < FAT_HEADER || (body.p[0] & 3) != FAT) return (cil_blob){0};
    memcpy(&token, body.p + 8, sizeof token);
    return eng_meta_sig(l->t->module, token);
}

static const char *role_text(weave_role role)
{
    switch (role) {
    case WEAVE_FRAME: return "the call's record";
    case WEAVE_EXCEPTION: return "the exception";
    case WEAVE_HELD_RESULT: return "the result";
    case WEAVE_COMPLETED: return "the record of the call that completes";
    case WEAVE_COMPLETION_VALUE: return "the result of the async call";
    case WEAVE_TEMPORARY: break;
    }
    return "a copy";
}

static void put_local(telling *l, const cil_type *type, const weave_new_local *added)
{
    const cil_image *im = &l->t->module->image;
    buf_t text = {0};
    if (type->pinned) buf_str(&text, "pinned ");
    if (type->byref) buf_str(&text, "ref ");
    if (!cil_sig_type_name(im, type->bare, cil_method_owner(im, l->t->rid), l->t->rid, false, &text))
        buf_u8(&text, '?');
    size_t group = wire_open(l->reply, WIRE_T_LOCAL);
    wire_text(l->reply, WIRE_T_TYPE_NAME, buf_cstr(&text));
    if (added) wire_text(l->reply, WIRE_T_ROLE, role_text(added->role));
    if (added && added->layer != WEAVE_SHARED) wire_u32(l->reply, WIRE_T_LAYER_INDEX, added->layer);
    wire_close(l->reply, group);
    buf_free(&text);
}

/* Those of the woven body where there is one: the original's are the first of them. */
static void put_locals(telling *l)
{
    cil_locals own = {0}, all = {0};
    cil_blob sig = named_locals(l, l->original), code = code_of(l->woven);
    if (sig.n && !cil_locals_read(&l->scratch, sig, &own, NULL)) return;
    cil_blob hidden = eng_hidden_locals(l->g, code.p, code.n);
    sig = hidden.n ? hidden : named_locals(l, l->woven);
    if (!sig.n || !cil_locals_read(&l->scratch, sig, &all, NULL)) all = own;
    wire_u32(l->reply, WIRE_T_COUNT, own.count);
    wire_u32(l->reply, WIRE_T_HIDDEN, hidden.n != 0);
    for (uint32_t i = 0; i < all.count; i++) {
        const bool is_told = i >= own.count && i - own.count < l->explained.locals.n;
        put_local(l, &all.types[i], is_told ? &l->explained.locals.v[i - own.count] : NULL);
    }
}

/* ---- whose the parts are ---- */

static void put_layer(telling *l, const eng_layer *layer)
{
    const eng_identity *who = &layer->client->who;
    size_t group = wire_open(l->reply, WIRE_T_LAYER);
    wire_u32(l->reply, WIRE_T_CLIENT_ID, layer->client->id);
    wire_text(l->reply, WIRE_T_NAME, who->name);
    wire_u32(l->reply, WIRE_T_PID, who->pid);
    wire_text(l->reply, WIRE_T_USER, who->user);
    wire_u32(l->reply, WIRE_T_ID, layer->probe->id);
    wire_close(l->reply, group);
}

static void put_symbol(void *owner, uint64_t address, const char *text, uint32_t layer)
{
    telling *l = owner;
    size_t group = wire_open(l->reply, WIRE_T_SYMBOL);
    wire_u64(l->reply, WIRE_T_ADDRESS, address);
    wire_text(l->reply, WIRE_T_TEXT, text);
    if (layer != WEAVE_SHARED) wire_u32(l->reply, WIRE_T_LAYER_INDEX, layer);
    wire_close(l->reply, group);
}

static void tell_calls(const weave_calls *c, bool site, eng_symbol_told *told, void *owner)
{
    const struct {
        uint64_t address;
        const char *name;
    } calls[] = {
        {c->enter, "enter"},
        {c->ready, site ? "ready: the event is whole" : "ready: does the condition hold?"},
        {c->leave, "leave"},
        {c->tail, "leave by a tail call"},
        {c->note, "note an exception"},
        {c->thrown, "leave by an exception"},
        {c->object, "copy an object"},
        {c->typed, "copy a value"},
        {c->span, "copy a span"},
        {c->first, "first run of an async call"},
        {c->suspending, "suspending"},
        {c->suspended, "suspended"},
        {c->completing, "completing"},
        {c->completed, "completed"},
        {c->failed, "failed"},
    };
    for (size_t i = 0; i < RJ_COUNT(calls); i++)
        if (calls[i].address) told(owner, calls[i].address, calls[i].name, WEAVE_SHARED);
}

void eng_symbols(const eng_method *m, arena *a, eng_symbol_told *told, void *owner)
{
    const weave_layer *layers = eng_weave_layers(a, m);
    for (size_t i = 0; layers && i < m->layers.n; i++) {
        told(owner, layers[i].gate, "gate", (uint32_t)i);
        told(owner, layers[i].probe, "probe", (uint32_t)i);
        tell_calls(&m->layers.v[i].calls, m->layers.v[i].site, told, owner);
    }
}

static void put_owners(telling *l)
{
    const eng_method *m = l->method;
    cil_blob code = code_of(l->woven);
    const uint64_t locals = weave_hidden_locals(code.p, code.n);
    if (locals) put_symbol(l, locals, "the signature of the locals", WEAVE_SHARED);
    if (locals) put_symbol(l, WEAVE_LOCALS_MARK, "nothing comes here: it says where that signature is", WEAVE_SHARED);
    for (size_t i = 0; i < m->layers.n; i++)
        put_layer(l, &m->layers.v[i]);
    eng_symbols(m, &l->scratch, put_symbol, l);
    for (size_t i = 0; i < l->explained.parts.n; i++) {
        const weave_part *p = &l->explained.parts.v[i];
        size_t group = wire_open(l->reply, WIRE_T_PART);
        wire_u32(l->reply, WIRE_T_OFFSET, p->at);
        if (p->layer != WEAVE_SHARED) wire_u32(l->reply, WIRE_T_LAYER_INDEX, p->layer);
        wire_close(l->reply, group);
    }
}

/* ---- the woven body ---- */

/*
 * Weaving is a pure function: done again, it tells whose each part is, and nobody has to keep that. What it depends on
 * besides the layers may have changed since; the bytes show whether it has.
 */
static bool explain_as(telling *l, const weave_input *in)
{
    weave_output out = {0};
    if (!weave_method(&l->scratch, in, &out, NULL)) return false;
    if (out.body.n == l->woven.n && memcmp(out.body.p, l->woven.p, l->woven.n) == 0) {
        l->explained = out;
        return true;
    }
    weave_output_free(&out);
    return false;
}

static void explain(telling *l)
{
    eng_tokens tokens = {.g = l->g, .module = l->t->module};
    weave_input in;
    if (!eng_weave_input(l->g, l->method, &l->scratch, &tokens, &in, NULL)) return;
    in.explained = true;
    if (!l->method->exposed && !l->t->module->hooked) in.tokens.keep_locals = eng_keep_locals;
    for (unsigned way = 0; way < 4 && !l->is_explained; way++) {
        in.catch_by_filter = (way & 1) != 0;
        in.plain_most = way & 2 ? 0 : ENG_PLAIN_MOST;
        l->is_explained = explain_as(l, &in);
    }
}

static bool copy_woven(telling *l)
{
    eng_method *m = l->method;
    pthread_mutex_lock(&l->g->ledger);
    const bool hosted = eng_takeover_serves(m);
    cil_blob body = hosted ? eng_takeover_body(m) : (cil_blob){m->body.p, (uint32_t)m->body.n};
    l->woven = (cil_blob){arena_copy(&l->scratch, body.p, body.n), body.n};
    if (!hosted) {
        l->map = arena_copy(&l->scratch, m->map, m->map_count * sizeof *m->map);
        l->map_count = l->map ? m->map_count : 0;
    }
    pthread_mutex_unlock(&l->g->ledger);
    return l->woven.p && l->woven.n;
}

static void put_map(telling *l)
{
    buf_t pairs = {0};
    for (size_t i = 0; i < l->explained.map.n; i++) {
        buf_u32(&pairs, l->explained.map.v[i].from);
        buf_u32(&pairs, l->explained.map.v[i].to);
    }
    for (uint32_t i = 0; !l->is_explained && i < l->map_count; i++) {
        buf_u32(&pairs, l->map[i].from);
        buf_u32(&pairs, l->map[i].to);
    }
    wire_bytes(l->reply, WIRE_T_MAP, pairs.p, pairs.n);
    buf_free(&pairs);
}

static void put_woven(telling *l)
{
    eng_method *m = l->method;
    explain(l);
    wire_bytes(l->reply, WIRE_T_WOVEN, l->woven.p, l->woven.n);
    put_map(l);
    pthread_mutex_lock(&l->g->ledger);
    wire_text(l->reply, WIRE_T_TEXT, eng_state_text(m));
    wire_u32(l->reply, WIRE_T_VERSION, (uint32_t)m->rejit);
    if (!l->is_explained)
        wire_text(l->reply, WIRE_T_NOTE, "which part is whose is not known any more");
    else if (eng_takeover_serves(m))
        wire_text(l->reply, WIRE_T_NOTE, "the method is taken over: this is compiled as a dynamic method's code");
    pthread_mutex_unlock(&l->g->ledger);
    put_owners(l);
}

/* ---- the method ---- */

static const char *read_original(telling *l)
{
    const eng_module *m = l->t->module;
    const cil_token token = CIL_TOKEN(CIL_METHOD_DEF, l->t->rid);
    if (m->dynamic) return "a dynamic method: only its maker has its IL";
    const char *why = eng_has_il(m, l->t->rid) ? NULL : eng_refusal_of(l->g, l->t->module, l->t->rid, &l->scratch);
    if (!eng_has_il(m, l->t->rid)) return why ? why : "it has no IL";
    clr_hresult hr = l->g->info->vt->GetILFunctionBody(l->g->info, m->id, token, &l->original.p, &l->original.n);
    if (hr >= 0 && l->original.p && l->original.n) return NULL;
    l->original = (cil_blob){0};
    return "the runtime has no IL of it";
}

static void put_body(eng *g, const eng_target *t, void *unused, buf_t *reply)
{
    telling l = {.g = g, .t = t, .reply = reply};
    const cil_token token = CIL_TOKEN(CIL_METHOD_DEF, t->rid);
    buf_t name = {0};
    cil_method_name(&t->module->image, t->rid, true, &name);
    (void)unused;
    size_t group = wire_open(reply, WIRE_T_BODY);
    wire_text(reply, WIRE_T_NAME, buf_cstr(&name));
    wire_text(reply, WIRE_T_MODULE, t->module->file);
    wire_u32(reply, WIRE_T_TOKEN, token);
    const char *why = read_original(&l);
    if (why) {
        wire_text(reply, WIRE_T_REASON, why);
    } else {
        pthread_mutex_lock(&g->ledger);
        l.method = map_get(&g->methods, eng_key(t->module, token));
        pthread_mutex_unlock(&g->ledger);
        wire_bytes(reply, WIRE_T_IL, l.original.p, l.original.n);
        put_arguments(&l);
        if (l.method && (eng_weave_count(l.method) || l.method->woven) && copy_woven(&l)) put_woven(&l);
        put_locals(&l);
        name_tokens(&l, l.original);
        name_tokens(&l, l.woven);
    }
    wire_close(reply, group);
    weave_output_free(&l.explained);
    map_free(&l.named);
    arena_free(&l.scratch);
    buf_free(&name);
}

bool eng_describe_il(eng *g, const char *const *patterns, uint32_t count, uint32_t most, buf_t *reply, err_t *e)
{
    eng_found_targets s = {.patterns = NULL};
    pthread_mutex_lock(&g->transaction);
    bool ok = eng_search(g, patterns, count, &s, e);
    if (ok) eng_list_found(g, &s, most, put_body, NULL, reply);
    eng_search_free(g, &s);
    pthread_mutex_unlock(&g->transaction);
    return ok;
}
