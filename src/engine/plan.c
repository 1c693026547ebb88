/* From a method and a wish to a layer: which values are captured, where they lie in the event, which probe functions
 * are called. */
#include "engine/keep.h"

#include <stdlib.h>

#define VALUES_MOST  64u
#define MEMBERS_MOST 1024u /* of an enum, that are told */

static uint64_t address(const void *function)
{
    return (uint64_t)(uintptr_t)function;
}
#define ADDRESS(f) address((const void *)(uintptr_t)(f))

static weave_calls calls_for(wire_verb verb, bool condition)
{
    weave_calls c = {.enter = ADDRESS(probe_enter),
                     .object = ADDRESS(probe_object),
                     .typed = ADDRESS(probe_typed),
                     .span = ADDRESS(probe_span)};
    if (verb == WIRE_STACK) {
        if (condition)
            c.ready = ADDRESS(probe_ready_stack);
        else
            c.enter = ADDRESS(probe_enter_stack);
        return c;
    }
    if (verb == WIRE_LINE) {
        c.ready = ADDRESS(probe_ready_line);
        return c;
    }
    if (verb == WIRE_TRACE) {
        c.enter = ADDRESS(probe_enter_trace);
        if (condition) c.ready = ADDRESS(probe_ready_trace);
        c.leave = ADDRESS(probe_leave_trace);
        c.tail = ADDRESS(probe_tail_trace);
        c.thrown = ADDRESS(probe_thrown_trace);
        c.note = ADDRESS(probe_note);
        return c;
    }
    if (condition) c.ready = ADDRESS(probe_ready);
    c.leave = verb == WIRE_STAT ? ADDRESS(probe_leave_stat) : ADDRESS(probe_leave);
    c.tail = ADDRESS(probe_tail);
    c.thrown = ADDRESS(probe_thrown);
    if (verb == WIRE_WATCH) c.note = ADDRESS(probe_note);
    return c;
}

static weave_calls calls_for_async(bool condition)
{
    weave_calls c = calls_for(WIRE_WATCH, condition);
    c.leave = ADDRESS(probe_async_leave);
    c.tail = 0;
    c.thrown = ADDRESS(probe_async_thrown);
    return c;
}

static weave_calls calls_for_body(void)
{
    return (weave_calls){.object = ADDRESS(probe_object),
                         .typed = ADDRESS(probe_typed),
                         .span = ADDRESS(probe_span),
                         .first = ADDRESS(probe_async_first),
                         .suspending = ADDRESS(probe_async_suspending),
                         .suspended = ADDRESS(probe_async_suspended),
                         .completing = ADDRESS(probe_async_completing),
                         .completed = ADDRESS(probe_async_completed),
                         .failed = ADDRESS(probe_async_failed)};
}

static weave_calls calls_for_resuming(void)
{
    return (weave_calls){.enter = ADDRESS(probe_resume),
                         .holder = ADDRESS(probe_resume_of),
                         .leave = ADDRESS(probe_resumed),
                         .tail = ADDRESS(probe_resumed),
                         .thrown = ADDRESS(probe_resumed)};
}

/* A value list under construction: what weave and the client are told, side by side. */
typedef struct plan {
    eng_module *module;
    uint32_t rid;
    arena *scratch, *out;
    cil_blob body;       /* line: the original, where variables are asked for */
    const eng_place *at; /* line */
    query_resolver names;
    eng_named named[ENG_NAMED_MOST]; /* line: what names.locals stand for */
    weave_value values[VALUES_MOST];
    uint32_t count;
    eng_value told[VALUES_MOST];
    uint32_t told_count;
    uint32_t slot;
    weave_async async; /* the call is followed to its completion where this has a move_next */
    weave_value completion;
    bool completes;          /* with a value that is captured */
    const weave_test *tests; /* what the woven code asks for by itself */
    uint32_t test_count;
    probe_path paths[PROBE_PATHS_MOST];
    const query_node *path_of[PROBE_PATHS_MOST];
    uint32_t path_count;
} plan;

static uint32_t wire_how_of(weave_how how)
{
    switch (how) {
    case WEAVE_PRIMITIVE: return WIRE_PRIMITIVE;
    case WEAVE_OBJECT: return WIRE_OBJECT;
    case WEAVE_TYPED: return WIRE_TYPED;
    case WEAVE_SPAN: return WIRE_SPAN;
    }
    return 0;
}

/* Without a signature, that of `this`. */
static const char *type_text(plan *p, cil_blob sig)
{
    buf_t b = {0};
    uint32_t owner = cil_method_owner(&p->module->image, p->rid);
    if (sig.n)
        cil_sig_type_name(&p->module->image, sig, owner, p->rid, false, &b);
    else
        cil_type_name(&p->module->image, CIL_TOKEN(CIL_TYPE_DEF, owner), &b);
    const char *text = arena_strdup(p->out, buf_cstr(&b));
    buf_free(&b);
    return text ? text : "";
}

/* `v` says which value is meant. */
static bool place(plan *p, weave_value *v, eng_value *told)
{
    err_t e = {0};
    const cil_image *im = &p->module->image;
    uint32_t rid = v->what == WEAVE_COMPLETION ? p->async.move_next : p->rid;
    if (v->what == WEAVE_LOCAL || v->of ? !weave_plan_inner(p->scratch, im, rid, p->body, v, &e)
                                        : !weave_plan_value(p->scratch, im, rid, v->what, v->index, v, &e)) {
        told->cannot = arena_strdup(p->out, e.text);
        return false;
    }
    v->slot = (uint16_t)p->slot;
    told->how = wire_how_of(v->how);
    told->slot = p->slot;
    told->element = v->element;
    told->late = v->at_leave && !p->at;
    p->slot += 8;
    return true;
}

static weave_value *add_value(plan *p, weave_value which, const char *name, cil_blob type, bool hidden)
{
    if (p->count >= VALUES_MOST || p->told_count >= VALUES_MOST) return NULL;
    weave_value *v = &p->values[p->count];
    eng_value *told = &p->told[p->told_count++];
    *told = (eng_value){.name = name, .type_name = type_text(p, type), .what = (uint32_t)which.what, .hidden = hidden};
    *v = which;
    if (!place(p, v, told)) return NULL;
    p->count++;
    return v;
}

static weave_value *add(plan *p, weave_what what, uint32_t index, const char *name, cil_blob type, bool hidden)
{
    return add_value(p, (weave_value){.what = what, .index = index}, name, type, hidden);
}

/* The result of the call as a whole: T of Task<T>. Its slot is the last one. */
static void add_completion(plan *p, const cil_method_sig *sig, bool hidden)
{
    cil_type result;
    if (p->completes || !p->async.has_result || p->told_count >= VALUES_MOST || !cil_type_read(sig->ret.args, &result))
        return;
    eng_value *told = &p->told[p->told_count++];
    *told = (eng_value){
        .name = "return", .type_name = type_text(p, result.whole), .what = (uint32_t)WEAVE_RESULT, .hidden = hidden};
    p->completion = (weave_value){.what = WEAVE_COMPLETION};
    p->completes = place(p, &p->completion, told);
}

static const weave_value *add_result(plan *p, const cil_method_sig *sig, bool hidden)
{
    if (!p->async.move_next) return add(p, WEAVE_RESULT, 0, "return", sig->ret.whole, hidden);
    add_completion(p, sig, hidden);
    return p->completes ? &p->completion : NULL;
}

static const weave_value *value_of(const plan *p, weave_what what, uint32_t index, uint32_t of)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->values[i].what == what && p->values[i].index == index && p->values[i].of == of) return &p->values[i];
    return NULL;
}

static const weave_value *root_of(const plan *p, const query_node *n)
{
    const eng_named *named = &p->named[n->root == QUERY_LOCAL ? n->index : 0];
    switch (n->root) {
    case QUERY_ARGUMENT: return value_of(p, WEAVE_ARGUMENT, n->index, 0);
    case QUERY_THIS: return value_of(p, WEAVE_THIS, 0, 0);
    case QUERY_LOCAL: return value_of(p, named->what, named->index, named->of);
    case QUERY_RESULT:
        if (p->async.move_next) return p->completes ? &p->completion : NULL;
        return value_of(p, WEAVE_RESULT, 0, 0);
    case QUERY_THREAD:
    case QUERY_EXCEPTION:
    case QUERY_ELAPSED: break;
    }
    return NULL;
}

static bool is_hidden(const plan *p, uint16_t slot)
{
    for (uint32_t i = 0; i < p->told_count; i++)
        if (p->told[i].slot == slot && !p->told[i].cannot) return p->told[i].hidden;
    return false;
}

static probe_step step_of(eng *g, const query_member *m, bool first)
{
    static const probe_step_kind kinds[] = {
        [QUERY_FIELD] = PROBE_STEP_FIELD,     [QUERY_INNER] = PROBE_STEP_INNER,
        [QUERY_COUNT] = PROBE_STEP_COUNT,     [QUERY_LENGTH] = PROBE_STEP_LENGTH,
        [QUERY_ELEMENT] = PROBE_STEP_ELEMENT, [QUERY_LIST_ELEMENT] = PROBE_STEP_LIST_ELEMENT,
        [QUERY_ENTRIES] = PROBE_STEP_ENTRIES, [QUERY_LOOKUP] = PROBE_STEP_LOOKUP};
    const eng_module *of = m->image ? eng_module_of_image(g, m->image) : NULL;
    return (probe_step){.kind = (uint8_t)(first && m->kind == QUERY_INNER ? PROBE_STEP_VALUE : kinds[m->kind]),
                        .size = m->size,
                        .index = m->index,
                        .module = of ? of->id : 0,
                        .type = CIL_TOKEN(CIL_TYPE_DEF, m->type_rid),
                        .field = CIL_TOKEN(CIL_FIELD, m->field_rid),
                        .other = m->other_rid ? CIL_TOKEN(CIL_FIELD, m->other_rid) : 0,
                        .next = m->next_rid ? CIL_TOKEN(CIL_FIELD, m->next_rid) : 0,
                        .key_element = (uint8_t)m->key_element,
                        .key_units = (uint16_t)m->key_units,
                        .key_bits = m->key_bits,
                        .key_text = m->key_text};
}

/* From the object in v's slot (NULL: the exception) to what the condition compares. */
static bool add_path(eng *g, plan *p, const weave_value *v, const query_node *n, err_t *e)
{
    if (v && v->how != (n->members->kind == QUERY_INNER ? WEAVE_TYPED : WEAVE_OBJECT))
        return err_set(e, ERR_USAGE, n->column, "'%s' is no reference here: its members cannot be compared",
                       n->argument);
    if (p->path_count == PROBE_PATHS_MOST)
        return err_set(e, ERR_USAGE, n->column, "the condition looks at members more than %u times", PROBE_PATHS_MOST);
    probe_path *path = &p->paths[p->path_count];
    *path = (probe_path){.from = v ? v->slot : PROBE_FROM_EXCEPTION,
                         .to = (uint16_t)p->slot,
                         .element = (uint8_t)n->element,
                         .count = (uint8_t)n->member_count,
                         .steps = arena_array(p->scratch, n->member_count, sizeof *path->steps)};
    if (!path->steps) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t i = 0; i < n->member_count; i++)
        path->steps[i] = step_of(g, &n->members[i], i == 0);
    p->path_of[p->path_count++] = n;
    p->slot += probe_path_room(path->element) + 8u; /* the value, and whether there is one */
    return true;
}

static const weave_value *add_named(plan *p, uint32_t i, bool hidden)
{
    const eng_named *n = &p->named[i];
    const weave_value which = {.what = n->what, .index = n->index, .of = n->of};
    return add_value(p, which, p->names.locals[i].name, p->names.locals[i].type.whole, hidden);
}

/* Arguments that only the condition looks at are captured as well, and not shown. */
static bool add_for_condition(eng *g, plan *p, const cil_method_sig *sig, const query_node *n, err_t *e)
{
    if (n->kind != QUERY_COMPARE && n->kind != QUERY_KEY) { /* a PAIR has two KEYs */
        return (!n->left || add_for_condition(g, p, sig, n->left, e)) &&
               (!n->right || add_for_condition(g, p, sig, n->right, e));
    }
    if (n->root == QUERY_ELAPSED || n->root == QUERY_THREAD) return true;
    if (n->root == QUERY_EXCEPTION) return !n->member_count || add_path(g, p, NULL, n, e);
    const weave_value *v = root_of(p, n);
    if (!v && n->root == QUERY_RESULT)
        v = add_result(p, sig, true);
    else if (!v && n->root == QUERY_THIS)
        v = add(p, WEAVE_THIS, 0, "this", (cil_blob){0}, true);
    else if (!v && n->root == QUERY_LOCAL)
        v = add_named(p, n->index, true);
    else if (!v && n->root == QUERY_ARGUMENT && n->index < sig->param_count)
        v = add(p, WEAVE_ARGUMENT, n->index, query_parameter_name(p->out, &p->module->image, p->rid, n->index),
                sig->params[n->index].whole, true);
    if (!v) return err_set(e, ERR_USAGE, n->column, "'%s' cannot be read", n->argument);
    if (v->at_leave && !p->at && n->root != QUERY_RESULT)
        return err_set(e, ERR_USAGE, n->column, "'%s' has no value yet when the method is entered", n->argument);
    return !n->member_count || add_path(g, p, v, n, e);
}

/* Is what lies in the slot itself looked at? n: NULL, by nobody. */
static bool is_compared(const plan *p, const query_node *n, uint16_t slot)
{
    if (!n) return false;
    if (n->kind != QUERY_COMPARE && n->kind != QUERY_KEY)
        return (n->left && is_compared(p, n->left, slot)) || (n->right && is_compared(p, n->right, slot));
    const weave_value *v = n->member_count ? NULL : root_of(p, n);
    return v && v->slot == slot;
}

static const probe_path *path_of(const plan *p, const query_node *n)
{
    for (uint32_t i = 0; i < p->path_count; i++)
        if (p->path_of[i] == n) return &p->paths[i];
    return NULL;
}

/* Where a comparison finds its value. */
static void compile_operand(const plan *p, const query_node *n, probe_op *op)
{
    const probe_path *path = path_of(p, n);
    const weave_value *v = root_of(p, n);
    op->kind = n->root == QUERY_EXCEPTION ? PROBE_OP_DECIDED : PROBE_OP_COMPARE;
    op->compare = (uint8_t)n->op; /* the two enumerations run alike */
    op->element = (uint8_t)n->element;
    op->path = path != NULL;
    op->slot = path                      ? path->to
               : v                       ? v->slot
               : n->root == QUERY_THREAD ? (uint16_t)offsetof(wire_event, tid)
                                         : (uint16_t)offsetof(wire_event, elapsed);
    op->how = (uint8_t)(v ? wire_how_of(v->how) : WIRE_PRIMITIVE);
    op->when = n->root == QUERY_RESULT ? PROBE_RETURNED : PROBE_ALWAYS;
    if (path) op->how = n->element == CIL_E_STRING || n->element == CIL_E_OBJECT ? WIRE_OBJECT : WIRE_PRIMITIVE;
}

static bool too_long(const query_node *n, err_t *e)
{
    return err_set(e, ERR_USAGE, n->column, "the condition is too long: at most %u comparisons and operators",
                   PROBE_OPS_MOST);
}

/* exception != null; the other way round with a step more. */
static bool compile_threw(const query_node *n, probe_op *ops, uint32_t *count, err_t *e)
{
    ops[*count - 1].kind = PROBE_OP_THREW;
    if (n->op == QUERY_NE) return true;
    if (*count == PROBE_OPS_MOST) return too_long(n, e);
    ops[(*count)++] = (probe_op){.kind = PROBE_OP_NOT};
    return true;
}

/* Two steps: the second one says where the other side is. */
static bool compile_pair(const plan *p, const query_node *n, probe_op *ops, uint32_t *count, err_t *e)
{
    static const probe_literal as[] = {[QUERY_AS_NUMBERS] = PROBE_AS_NUMBERS,
                                       [QUERY_AS_SINGLES] = PROBE_AS_SINGLES,
                                       [QUERY_AS_DECIMALS] = PROBE_AS_DECIMALS,
                                       [QUERY_AS_TEXTS] = PROBE_AS_TEXTS};
    if (*count + 2 > PROBE_OPS_MOST) return too_long(n, e);
    probe_op *op = &ops[*count], *other = op + 1;
    op[0] = op[1] = (probe_op){0};
    compile_operand(p, n->left, op);
    compile_operand(p, n->right, other);
    op->kind = PROBE_OP_PAIR;
    op->compare = (uint8_t)n->op;
    op->literal = (uint8_t)as[n->pairing];
    other->kind = PROBE_OP_OTHER;
    *count += 2;
    return true;
}

/* The tree in postfix order. */
static bool compile(const plan *p, const query_node *n, arena *memory, probe_op *ops, uint32_t *count, err_t *e)
{
    if (n->kind == QUERY_PAIR) return compile_pair(p, n, ops, count, e);
    if (n->left && !compile(p, n->left, memory, ops, count, e)) return false;
    if (n->right && !compile(p, n->right, memory, ops, count, e)) return false;
    if (*count == PROBE_OPS_MOST) return too_long(n, e);
    probe_op *op = &ops[(*count)++];
    *op = (probe_op){0};
    switch (n->kind) {
    case QUERY_AND: op->kind = PROBE_OP_AND; return true;
    case QUERY_OR: op->kind = PROBE_OP_OR; return true;
    case QUERY_NOT: op->kind = PROBE_OP_NOT; return true;
    case QUERY_COMPARE:
    case QUERY_PAIR:
    case QUERY_KEY: break;
    }
    if (n->root == QUERY_EXCEPTION && !n->member_count) return compile_threw(n, ops, count, e);
    compile_operand(p, n, op);
    switch (n->value_kind) {
    case QUERY_NULL: op->literal = PROBE_NULL; return true;
    case QUERY_INT:
        op->literal = PROBE_INT;
        op->i = n->i;
        return true;
    case QUERY_UINT:
        op->literal = PROBE_UINT;
        op->u = n->root == QUERY_ELAPSED ? probe_ticks(n->u) : n->u;
        return true;
    case QUERY_FLOAT:
        op->literal = PROBE_FLOAT;
        op->f = n->f;
        return true;
    case QUERY_DECIMAL: {
        const query_decimal *d = &n->decimal;
        const probe_decimal as = {(uint32_t)d->scale << 16 | (uint32_t)d->negative << 31, d->high, d->low};
        op->literal = PROBE_DECIMAL;
        op->decimal = arena_copy(memory, &as, sizeof as);
        return op->decimal || err_set(e, ERR_MEMORY, -1, "out of memory");
    }
    case QUERY_TEXT: break;
    }
    if (n->text_units > WIRE_STRING_MOST)
        return err_set(e, ERR_USAGE, n->column, "the text is longer than the %u characters that are looked at",
                       WIRE_STRING_MOST);
    if (n->like) {
        op->literal = PROBE_REGEX;
        op->regex = n->like;
        return true;
    }
    op->literal = PROBE_TEXT;
    op->units = (uint16_t)n->text_units;
    op->text = arena_copy(memory, n->text, (size_t)n->text_units * 2);
    return op->text || err_set(e, ERR_MEMORY, -1, "out of memory");
}
_Static_assert((int)QUERY_EQ == (int)PROBE_EQ && (int)QUERY_UNLIKE == (int)PROBE_UNLIKE,
               "the operators of query and probe run alike");

/* Does it live on in a field, for a lambda? */
static bool is_moved(const plan *p, const char *parameter)
{
    for (uint32_t i = 0; i < p->names.local_count; i++)
        if (strcmp(p->names.locals[i].name, parameter) == 0) return true;
    return false;
}

static void add_values(plan *p, const cil_method_sig *sig, const eng_request *r)
{
    const bool lifted = r->verb == WIRE_LINE && eng_is_lifted(p->module, p->rid);
    bool watch = r->verb == WIRE_WATCH || r->verb == WIRE_LINE;
    if (watch && r->want & WIRE_WANT_THIS && sig->convention & 0x20 && !lifted)
        add(p, WEAVE_THIS, 0, "this", (cil_blob){0}, false);
    for (uint32_t i = 0; watch && r->want & WIRE_WANT_ARGS && i < sig->param_count; i++) {
        const char *name = query_parameter_name(p->out, &p->module->image, p->rid, (uint16_t)i);
        if (!is_moved(p, name)) add(p, WEAVE_ARGUMENT, i, name, sig->params[i].whole, false);
    }
    if (p->async.move_next || r->verb == WIRE_LINE) return; /* its result comes last, or is not there yet */
    if (watch && r->want & WIRE_WANT_RESULT && !(sig->ret.element == CIL_E_VOID && !sig->ret.byref))
        add(p, WEAVE_RESULT, 0, "return", sig->ret.whole, false);
}

static bool bind(plan *p, const query_node *parsed, const query_node **bound, err_t *e)
{
    *bound = NULL;
    if (!parsed) return true;
    *bound = query_condition_check(p->scratch, parsed, &p->module->image, p->rid, &p->names, e);
    return *bound != NULL;
}

static bool compile_condition(const plan *p, const query_node *bound, probe *d, err_t *e)
{
    probe_op ops[PROBE_OPS_MOST];
    uint32_t count = 0;
    if (!compile(p, bound, p->scratch, ops, &count, e)) return false;
    d->ops = arena_copy(p->scratch, ops, count * sizeof *ops);
    if (!d->ops) return err_set(e, ERR_MEMORY, -1, "out of memory");
    d->op_count = (uint8_t)count;
    d->late = query_is_late(bound);
    for (uint32_t i = 0; i < count; i++)
        if (ops[i].kind == PROBE_OP_PAIR && ops[i].literal == PROBE_AS_TEXTS) d->doubtful = true;
    return true;
}

typedef struct members {
    arena *out;
    VEC(eng_member) list;
} members;

static bool add_member(void *owner, const char *name, int64_t value)
{
    members *all = owner;
    eng_member *m = all->list.n < MEMBERS_MOST ? VEC_PUSH(&all->list) : NULL;
    if (m) *m = (eng_member){arena_strdup(all->out, name), value};
    return m && m->name;
}

/* What calls are told apart by, for the probe and for who reads the statistics. */
static bool add_key(plan *p, const query_node *key, probe *d, eng_by *told, err_t *e)
{
    probe_op op = {0};
    members all = {.out = p->out};
    buf_t type = {0};
    compile_operand(p, key, &op);
    d->key = arena_copy(p->scratch, &op, sizeof op);
    d->extra |= PROBE_BY_KEY;
    if (key->is_enum) {
        query_enum_members(key->enum_image, key->enum_rid, add_member, &all);
        cil_type_name(key->enum_image, CIL_TOKEN(CIL_TYPE_DEF, key->enum_rid), &type);
    }
    *told = (eng_by){.name = arena_strdup(p->out, key->argument),
                     .type_name = arena_strdup(p->out, buf_cstr(&type)),
                     .element = (uint32_t)key->element,
                     .members = arena_copy(p->out, all.list.v, all.list.n * sizeof *all.list.v),
                     .member_count = (uint32_t)all.list.n};
    VEC_FREE(&all.list);
    buf_free(&type);
    return (d->key && told->name && told->type_name && (told->members || !told->member_count)) ||
           err_set(e, ERR_MEMORY, -1, "out of memory");
}

static bool add_expressions(eng *g, plan *p, const cil_method_sig *sig, const query_node *condition,
                            const query_node *by, probe *d, eng_by *told, err_t *e)
{
    const query_node *holds, *key;
    if (!bind(p, condition, &holds, e)) return false;
    /* In a tree of calls a root's condition is none of the calls below it. */
    if (holds && d->verb != WIRE_TRACE &&
        eng_plan_tests(p->module, p->rid, sig, holds, p->scratch, &p->tests, &p->test_count))
        holds = NULL;
    if (holds && !add_for_condition(g, p, sig, holds, e)) return false;
    const uint32_t conditions = p->path_count;
    if (!bind(p, by, &key, e) || (key && !add_for_condition(g, p, sig, key, e)))
        return e && e->code == ERR_USAGE ? err_prefix(e, "key: ") : false;
    for (uint32_t i = 0; i < p->path_count; i++) {
        const uint16_t slot = p->paths[i].from;
        p->paths[i].bare = is_hidden(p, slot) && !is_compared(p, holds, slot) && !is_compared(p, key, slot);
        p->paths[i].of_key = i >= conditions;
    }
    d->paths = p->paths;
    d->path_count = (uint8_t)p->path_count;
    d->doubtful = p->path_count != 0;
    return (!holds || compile_condition(p, holds, d, e)) && (!key || add_key(p, key, d, told, e));
}

static const query_end *find_end(eng *g, const plan *p, const cil_method_sig *sig, query_end *out)
{
    eng_module *core = eng_module_of_assembly(g, "System.Private.CoreLib");
    *out = (query_end){.result = sig->ret, .has_members = !p->async.move_next};
    if (p->async.move_next)
        out->has_result = p->async.has_result && cil_type_read(sig->ret.args, &out->result);
    else
        out->has_result = sig->ret.element != CIL_E_VOID || sig->ret.byref;
    if (!core || !eng_module_open(g, core)) return NULL;
    out->core = &core->image;
    if (!g->exception_rid) g->exception_rid = eng_type_named(&core->image, "System", "Exception");
    out->exception_rid = g->exception_rid;
    return out;
}

/* new: only where the object is of the constructor's type and no other; the last of the paths. */
static bool add_exact(plan *p, probe *d, err_t *e)
{
    const char *nothing = eng_makes_nothing(p->module, p->rid);
    if (nothing) return err_set(e, ERR_REFUSED, -1, "%s", nothing);
    const weave_value *v = add(p, WEAVE_MADE, 0, "this", (cil_blob){0}, true);
    if (!v || p->path_count == PROBE_PATHS_MOST || d->op_count + 2u > PROBE_OPS_MOST)
        return err_set(e, ERR_USAGE, 0, "the condition is too long");
    probe_step *step = arena_alloc(p->scratch, sizeof *step);
    probe_op *ops = arena_array(p->scratch, d->op_count + 2u, sizeof *ops);
    if (!step || !ops) return err_set(e, ERR_MEMORY, -1, "out of memory");
    *step = (probe_step){.kind = PROBE_STEP_EXACT,
                         .size = 1,
                         .module = p->module->id,
                         .type = CIL_TOKEN(CIL_TYPE_DEF, cil_method_owner(&p->module->image, p->rid))};
    if (d->op_count) memcpy(ops, d->ops, d->op_count * sizeof *ops);
    ops[d->op_count] = (probe_op){.kind = PROBE_OP_COMPARE,
                                  .compare = PROBE_EQ,
                                  .literal = PROBE_INT,
                                  .element = CIL_E_BOOLEAN,
                                  .how = WIRE_PRIMITIVE,
                                  .slot = (uint16_t)p->slot,
                                  .path = 1,
                                  .i = 1};
    ops[d->op_count + 1] = (probe_op){.kind = PROBE_OP_AND};
    p->paths[p->path_count++] = (probe_path){
        .from = v->slot, .to = (uint16_t)p->slot, .element = CIL_E_BOOLEAN, .bare = true, .count = 1, .steps = step};
    p->slot += probe_path_room(CIL_E_BOOLEAN) + 8u;
    d->ops = ops;
    d->op_count = (uint8_t)(d->op_count + (d->op_count ? 2 : 1));
    d->path_count = (uint8_t)p->path_count;
    d->doubtful = true;
    d->extra |= PROBE_NEW;
    return true;
}

/* What can be named at a place, behind the arguments that the method has itself. */
static bool find_names(eng *g, plan *p, const eng_place *place, err_t *e)
{
    p->at = place;
    p->names = (query_resolver){.owner = g, .type = eng_resolve_type};
    if (!place) return true;
    query_local *locals = arena_array(p->scratch, ENG_NAMED_MOST, sizeof *locals);
    if (!locals) return err_set(e, ERR_MEMORY, -1, "out of memory");
    p->names.locals = locals;
    const uint8_t *il = NULL;
    uint32_t size = 0;
    clr_hresult hr =
        g->info->vt->GetILFunctionBody(g->info, p->module->id, CIL_TOKEN(CIL_METHOD_DEF, p->rid), &il, &size);
    if (hr < 0 || !il) return err_set(e, ERR_REFUSED, -1, "the runtime has no IL of it (%08x)", (unsigned)hr);
    p->body = (cil_blob){il, size};
    p->names.local_count = eng_place_names(p->module, p->rid, p->body, place, p->scratch, p->out, locals, p->named);
    return true;
}

/* Arguments, variables and the object that stand in fields or locals of a place's method. */
static void add_names(plan *p, uint32_t want)
{
    for (uint32_t i = 0; i < p->names.local_count; i++) {
        const uint32_t wanted = p->named[i].told == WEAVE_ARGUMENT ? WIRE_WANT_ARGS
                                : p->named[i].told == WEAVE_THIS   ? WIRE_WANT_THIS
                                                                   : WIRE_WANT_LOCALS;
        if (!(want & wanted)) continue;
        const uint32_t at = p->told_count;
        add_named(p, i, false);
        if (at < p->told_count) p->told[at].what = (uint32_t)p->named[i].told;
    }
}

/* Everything about the probe that the wish and the method's signature tell. */
static bool plan_values(eng *g, plan *p, const eng_wish *wish, const eng_place *at, bool condition, probe *d,
                        eng_probe *out, err_t *e)
{
    cil_method_sig sig;
    const cil_image *im = &p->module->image;
    if (!cil_method_sig_read(p->scratch, cil_cell_blob(im, CIL_METHOD_DEF, p->rid, CIL_METHOD_DEF_SIG), &sig, e))
        return false;
    const eng_request *r = &wish->request;
    if (!find_names(g, p, at, e)) return false;
    add_values(p, &sig, r);
    add_names(p, r->want);
    if (p->async.move_next && r->verb == WIRE_WATCH && r->want & WIRE_WANT_RESULT) add_completion(p, &sig, false);
    query_end end;
    if ((condition || wish->by) && (r->verb == WIRE_WATCH || r->verb == WIRE_STAT))
        p->names.end = find_end(g, p, &sig, &end);
    const bool ok = add_expressions(g, p, &sig, condition ? wish->condition : NULL, wish->by, d, &out->by, e) &&
                    (!(r->want & WIRE_WANT_NEW) || r->verb != WIRE_STACK || add_exact(p, d, e)) &&
                    (!p->path_count || eng_answers_start(g, e));
    p->names.end = NULL;
    return ok;
}

size_t eng_shape_size(const eng_layer *l)
{
    return l->value_count * sizeof *l->values + l->test_count * sizeof *l->tests;
}

void eng_shape_copy(eng_layer *l, const eng_layer *of, void *block)
{
    weave_value *values = block;
    weave_test *tests = (weave_test *)(void *)(values + of->value_count);
    if (of->value_count) memcpy(values, of->values, of->value_count * sizeof *values);
    if (of->test_count) memcpy(tests, of->tests, of->test_count * sizeof *tests);
    l->values = values;
    l->value_count = of->value_count;
    l->tests = tests;
    l->test_count = of->test_count;
}

/* From the plan's own memory into the layer's. */
static bool keep_shape(eng_layer *l, weave_value *values, uint32_t count, const weave_test *tests, uint32_t test_count)
{
    const eng_layer planned = {.values = values, .value_count = count, .tests = tests, .test_count = test_count};
    void *block = malloc(eng_shape_size(&planned) + 1);
    if (block) eng_shape_copy(l, &planned, block);
    return block != NULL;
}

/* The layers and what is told of them, from the finished plan. */
static bool keep(plan *p, eng_layers *layers, eng_probe *out, err_t *e)
{
    bool ok = keep_shape(&layers->own, p->values, p->count, p->tests, p->test_count) &&
              (!p->async.move_next || keep_shape(&layers->body, &p->completion, p->completes, NULL, 0));
    out->values = arena_copy(p->out, p->told, p->told_count * sizeof *p->told);
    out->value_count = p->told_count;
    return (ok && out->values) || err_set(e, ERR_MEMORY, -1, "out of memory");
}

/* A tree belongs to a thread: an async call is in it up to the return of its task. */
static bool plan_async_trace(plan *p, eng_probe *out, err_t *e)
{
    weave_async async;
    err_t why = {0};
    bool ok = weave_async_read(p->scratch, &p->module->image, p->rid, &async, &why);
    if (why.code == ERR_MEMORY) return err_set(e, ERR_MEMORY, -1, "out of memory");
    out->is_async = !ok || async.move_next;
    return true;
}

/* Is it an async method whose calls are to be followed to their completion? */
static bool plan_async(eng *g, plan *p, const eng_request *r, eng_probe *out, err_t *e)
{
    err_t why = {0};
    if (r->verb == WIRE_STACK || r->verb == WIRE_LINE || r->want & WIRE_WANT_SYNC) return true;
    if (r->verb == WIRE_TRACE) return plan_async_trace(p, out, e);
    if (!weave_async_read(p->scratch, &p->module->image, p->rid, &p->async, &why)) {
        out->note = eng_async_note(p->module, p->rid, p->out);
        p->async = (weave_async){0};
    }
    return !p->async.move_next || eng_async_start(g, e);
}

static bool plan_layers(eng *g, plan *p, const eng_wish *wish, eng_target t, probe *d, eng_layers *layers,
                        eng_probe *out, err_t *e)
{
    const eng_request *r = &wish->request;
    bool condition = wish->condition && !t.callee;
    *out = (eng_probe){.is_callee = t.callee, .place = t.place_index};
    if (t.place) layers->own.site = RJ_MIN(t.place->il_offset, UINT32_MAX - 1) + 1;
    if (!plan_async(g, p, r, out, e) || !plan_values(g, p, wish, t.place, condition, d, out, e) ||
        !keep(p, layers, out, e))
        return false;
    d->root = !t.callee;
    d->into = t.into;
    d->levels = (uint8_t)RJ_MIN(r->levels, 254u);
    /* Where a key looks at members the agent may be asked, too, and the call's time begins after that. */
    const bool early = d->op_count ? !d->late : d->path_count != 0;
    layers->own.calls = p->async.move_next ? calls_for_async(early) : calls_for(r->verb, early);
    if (d->late && !p->async.move_next) layers->own.calls.note = ADDRESS(probe_note); /* exceptions are looked at */
    if ((p->async.move_next && r->verb == WIRE_STAT) || t.callee) layers->own.calls.note = 0;
    layers->body.calls = calls_for_body();
    layers->body_rid = p->async.move_next;
    d->task_at = (uint8_t)p->async.task_at;
    return true;
}

/* Nobody is told of it. */
static bool plan_resuming(plan *p, probe *d, eng_layers *layers, eng_probe *out, err_t *e)
{
    *out = (eng_probe){0};
    layers->own.calls = calls_for_resuming();
    layers->known = true;
    d->resumes = 1;
    return keep(p, layers, out, e);
}

/* Nothing but what is to be read at its entry: no protected region may stand in this method. */
static bool plan_throwing(eng *g, plan *p, probe *d, eng_layers *layers, eng_probe *out, err_t *e)
{
    enum { EX_INFO = 1 };
    cil_method_sig sig;
    eng_target same;
    const cil_image *im = &p->module->image;
    *out = (eng_probe){0};
    if (!cil_method_sig_read(p->scratch, cil_cell_blob(im, CIL_METHOD_DEF, p->rid, CIL_METHOD_DEF_SIG), &sig, e) ||
        !eng_dispatch_of(g, &same, d, e))
        return false;
    const weave_value *v = sig.param_count == EX_INFO + 1
                               ? add(p, WEAVE_ARGUMENT, EX_INFO, "exInfo", sig.params[EX_INFO].whole, true)
                               : NULL;
    if (!v || v->how != WEAVE_TYPED)
        return err_set(e, ERR_REFUSED, -1, "this runtime's exceptions cannot be read where they are dispatched");
    layers->own.calls = (weave_calls){.enter = ADDRESS(probe_enter), .typed = ADDRESS(probe_dispatch)};
    return keep(p, layers, out, e);
}

bool eng_plan(eng *g, eng_client *c, const eng_wish *wish, eng_target t, eng_layers *layers, eng_probe *out, arena *a,
              err_t *e)
{
    const eng_request *r = &wish->request;
    arena scratch = {0};
    plan p = {.module = t.module, .rid = t.rid, .scratch = &scratch, .out = a, .slot = sizeof(wire_event)};
    probe d = {.verb = (uint8_t)r->verb,
               .depth = (uint8_t)RJ_MIN(r->depth, 255u),
               .extra = (uint8_t)((r->want & WIRE_WANT_THROWS_ONLY ? PROBE_ONLY_THROWS : 0) |
                                  (r->slow_ns ? PROBE_ONLY_SLOW : 0)),
               .gate = c->open,
               .armed = c->open,
               .id = c->next_probe,
               .slow = r->slow_ns ? probe_ticks(r->slow_ns) : 0,
               .sink = c->sink};
    *layers = (eng_layers){.own.client = c, .body.client = c};
    bool ok = t.resumes  ? plan_resuming(&p, &d, layers, out, e)
              : t.throws ? plan_throwing(g, &p, &d, layers, out, e)
                         : plan_layers(g, &p, wish, t, &d, layers, out, e);
    if (ok && r->verb == WIRE_STAT && d.id >= c->sink->stats_max)
        ok = err_set(e, ERR_LIMIT, -1, "this connection has statistics for %u methods at most", c->sink->stats_max);
    d.event_size = p.slot;
    probe *made = ok ? eng_probe_new(g, &d) : NULL;
    arena_free(&scratch);
    if (!ok) return false;
    if (!made) return err_set(e, ERR_MEMORY, -1, "out of memory");
    layers->own.probe = layers->body.probe = made;
    if (layers->body_rid) eng_probe_hold(made);
    out->id = c->next_probe++;
    return true;
}

void eng_plan_undo(eng *g, eng_client *c, eng_layers *layers)
{
    if (layers->body_rid) eng_probe_drop(g, layers->body.probe);
    eng_probe_drop(g, layers->own.probe);
    c->next_probe--;
    free(layers->own.values);
    free(layers->body.values);
    *layers = (eng_layers){.body_rid = 0};
}
