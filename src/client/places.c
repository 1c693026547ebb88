/* From what a person says of a place ("Pricing.cs:42", "Type.Method+IL_0012") to methods and offsets. */
#include "client/client-priv.h"
#include "client/proc.h"
#include "pdb/pdb.h"

#include <stdio.h>
#include <stdlib.h>

#define PLACES_MOST    64u /* of one line */
#define VARIABLES_MOST 48u
#define NAMED_MOST     5u
#define SOURCE_MOST    (8u << 20)

typedef struct place_text {
    const char *name; /* file, or pattern */
    size_t size;
    uint32_t number; /* line, or offset */
    bool is_line;
} place_text;

/* FILE:LINE, PATTERN+IL_HEX or PATTERN. */
static bool split(const char *text, place_text *out, err_t *e)
{
    const char *colon = strrchr(text, ':'), *il = strstr(text, "+IL_");
    char *end = NULL;
    *out = (place_text){.name = text, .size = strlen(text)};
    if (colon && colon > text && colon[-1] != ':' && colon[1] >= '0' && colon[1] <= '9') {
        unsigned long line = strtoul(colon + 1, &end, 10);
        if (*end || !line || line >= PDB_HIDDEN)
            return err_set(e, ERR_USAGE, -1, "'%.200s' names no line; write Pricing.cs:42", text);
        *out = (place_text){text, (size_t)(colon - text), (uint32_t)line, true};
        return true;
    }
    if (!il) return true;
    unsigned long offset = strtoul(il + 4, &end, 16);
    if (*end || end == il + 4 || offset > INT32_MAX)
        return err_set(e, ERR_USAGE, -1, "'%.200s' names no offset; write Type.Method+IL_0012", text);
    out->size = (size_t)(il - text);
    out->number = (uint32_t)offset;
    return true;
}

/* ---- modules ---- */

typedef struct lookup {
    rj_session *s;
    const rj_request *request;
    VEC(frame_code) modules;
    VEC(rj_point) points;
    buf_t *out;    /* PLACE groups */
    buf_t without; /* modules of which no PDB was found */
    unsigned without_count;
    const char *root; /* before paths of the target */
    arena a;
} lookup;

static bool ask_modules(lookup *l, err_t *e)
{
    buf_t b = {0};
    wire_reader r;
    session_begin(l->s, &b, WIRE_MODULES);
    if (!session_ask(l->s, &b, WIRE_MODULES_REPLY, &r, e)) return false;
    for (wire_field f; wire_next(&r, &f);) {
        frame_code *c = f.tag == WIRE_T_FRAME ? VEC_PUSH(&l->modules) : NULL;
        const char *none;
        if (f.tag == WIRE_T_FRAME && !c) return err_set(e, ERR_MEMORY, -1, "out of memory");
        if (c) frame_read(&l->a, wire_group(&f), &none, c);
    }
    return true;
}

static const pdb *pdb_of(lookup *l, const frame_code *c)
{
    return *c->pdb_id ? lines_pdb(l->s, c) : NULL;
}

/* Nobody asks for a line of these without having their PDBs. */
static bool is_framework(const char *module)
{
    return strncmp(module, "System.", 7) == 0 || strncmp(module, "Microsoft.", 10) == 0;
}

static void note_without(lookup *l)
{
    for (size_t i = 0; i < l->modules.n; i++) {
        const frame_code *c = &l->modules.v[i];
        if (is_framework(c->module) || pdb_of(l, c) || l->without_count++ >= NAMED_MOST) continue;
        buf_printf(&l->without, "%s%.60s", l->without.n ? ", " : "", c->module);
    }
    if (l->without_count > NAMED_MOST) buf_printf(&l->without, " and %u more", l->without_count - NAMED_MOST);
}

/* ---- what stands there ---- */

/* Line `number` of the file, without the blanks around it; "" where it cannot be read. */
static const char *source_line(lookup *l, const char *file, uint32_t number)
{
    char *path = arena_printf(&l->a, "%s%s", l->root, file), *line = NULL;
    size_t room = 0, read = 0;
    FILE *f = path && *file == '/' ? fopen(path, "re") : NULL;
    const char *text = "";
    for (uint32_t i = 1; f && read < SOURCE_MOST; i++) {
        ssize_t n = getline(&line, &room, f);
        if (n < 0) break;
        read += (size_t)n;
        if (i != number) continue;
        const char *from = line + strspn(line, " \t\xEF\xBB\xBF");
        const char *copy = arena_strndup(&l->s->own, from, strcspn(from, "\r\n"));
        if (copy) text = copy;
        break;
    }
    free(line);
    if (f) fclose(f);
    return text;
}

static void put_variables(lookup *l, const pdb *p, const pdb_place *at, buf_t *b)
{
    pdb_locals locals;
    uint32_t told = 0;
    if (!pdb_locals_read(&l->a, p, at->method_rid, &locals, NULL)) return;
    for (uint32_t i = locals.count; i-- > 0 && told < VARIABLES_MOST;) { /* inner scopes first: their names count */
        const pdb_local *v = &locals.v[i];
        bool again = false;
        const bool shared = strncmp(v->name, "CS$<>8__locals", 14) == 0; /* with lambdas */
        if ((v->hidden && !shared) || at->offset < v->start || at->offset >= v->end || !*v->name) continue;
        for (uint32_t k = i + 1; k < locals.count && !again; k++)
            again = at->offset >= locals.v[k].start && at->offset < locals.v[k].end && !locals.v[k].hidden &&
                    strcmp(locals.v[k].name, v->name) == 0;
        if (again) continue;
        size_t group = wire_open(b, WIRE_T_VARIABLE);
        wire_text(b, WIRE_T_NAME, v->name);
        wire_u32(b, WIRE_T_SLOT, v->slot);
        wire_close(b, group);
        told++;
    }
}

static bool add_point(lookup *l, const rj_point *p, err_t *e)
{
    rj_point *place = VEC_PUSH(&l->points);
    if (!place) return err_set(e, ERR_MEMORY, -1, "out of memory");
    *place = *p;
    return true;
}

static bool add_line(lookup *l, const char *asked, const frame_code *c, const pdb *p, const pdb_place *at,
                     uint32_t line, err_t *e)
{
    buf_t name = {0};
    pdb_point point;
    const char *file = "";
    if (pdb_shown_point(p, at->method_rid, at->offset, &point, NULL) && pdb_document_name(p, point.document, &name))
        file = arena_strdup(&l->s->own, buf_cstr(&name));
    buf_free(&name);
    if (!file) return err_set(e, ERR_MEMORY, -1, "out of memory");
    size_t group = wire_open(l->out, WIRE_T_PLACE);
    wire_text(l->out, WIRE_T_PATH, c->path);
    wire_text(l->out, WIRE_T_PDB_ID, c->pdb_id);
    wire_u32(l->out, WIRE_T_TOKEN, CIL_TOKEN(CIL_METHOD_DEF, at->method_rid));
    wire_u32(l->out, WIRE_T_IL_OFFSET, at->offset);
    put_variables(l, p, at, l->out);
    wire_close(l->out, group);
    return add_point(l,
                     &(rj_point){.asked = asked,
                                 .asked_line = line,
                                 .at = {file, at->line},
                                 .il_offset = at->offset,
                                 .source = source_line(l, file, at->line)},
                     e);
}

/* The places of one line in one module: of several statements on it the leftmost, in each method that has it. */
static bool add_places(lookup *l, const char *asked, const frame_code *c, const place_text *t, const char *file,
                       uint32_t line, err_t *e)
{
    const pdb *p = pdb_of(l, c);
    pdb_place at[PLACES_MOST];
    uint32_t n = p ? pdb_find_line(p, file, line, at, PLACES_MOST, NULL) : 0, left = UINT32_MAX;
    if (n == UINT32_MAX) return true; /* malformed */
    n = RJ_MIN(n, PLACES_MOST);
    for (uint32_t i = 0; i < n; i++)
        left = RJ_MIN(left, at[i].column);
    for (uint32_t i = 0; i < n; i++)
        if (at[i].column == left && !add_line(l, asked, c, p, &at[i], t->number, e)) return false;
    return true;
}

/* ---- a line ---- */

static bool no_code(lookup *l, const char *file, const place_text *t, uint32_t last, err_t *e)
{
    if (last)
        return err_set(e, ERR_NO_MATCH, -1,
                       "no statement of %.200s begins at line %u or behind it; the last is at line %u", file, t->number,
                       last);
    note_without(l);
    return err_set(e, ERR_NO_MATCH, -1,
                   "no assembly that is loaded was compiled from a file %.150s, as far as its PDB tells%s%s%s", file,
                   l->without.n ? "; no PDB was found for " : "", l->without.n ? buf_cstr(&l->without) : "",
                   l->without.n ? " (--pdb PATH says where to look)" : "");
}

static bool find_line(lookup *l, const char *asked, const place_text *t, err_t *e)
{
    const char *file = arena_strndup(&l->a, t->name, t->size);
    if (!file) return err_set(e, ERR_MEMORY, -1, "out of memory");
    uint32_t line = 0, last = 0;
    for (size_t i = 0; i < l->modules.n; i++) {
        const pdb *p = pdb_of(l, &l->modules.v[i]);
        uint32_t before = 0, next = p ? pdb_near_line(p, file, t->number, &before) : 0;
        if (next && (!line || next < line)) line = next;
        last = RJ_MAX(last, before);
    }
    if (!line) return no_code(l, file, t, last, e);
    for (size_t i = 0; i < l->modules.n; i++)
        if (!add_places(l, asked, &l->modules.v[i], t, file, line, e)) return false;
    return true;
}

static bool find_offset(lookup *l, const char *asked, const place_text *t, err_t *e)
{
    const char *pattern = arena_strndup(&l->a, t->name, t->size);
    if (!pattern) return err_set(e, ERR_MEMORY, -1, "out of memory");
    size_t group = wire_open(l->out, WIRE_T_PLACE);
    wire_text(l->out, WIRE_T_PATTERN, pattern);
    wire_u32(l->out, WIRE_T_IL_OFFSET, t->number);
    wire_close(l->out, group);
    return add_point(l, &(rj_point){.asked = asked, .at = {.file = ""}, .il_offset = t->number, .source = ""}, e);
}

static bool find(lookup *l, err_t *e)
{
    for (size_t i = 0; i < l->request->pattern_count; i++) {
        place_text t;
        const char *asked = arena_strdup(&l->s->own, l->request->patterns[i]);
        if (!asked) return err_set(e, ERR_MEMORY, -1, "out of memory");
        if (!split(asked, &t, e) || (t.is_line && !l->modules.n && !ask_modules(l, e))) return false;
        if (!(t.is_line ? find_line : find_offset)(l, asked, &t, e)) return false;
    }
    return true;
}

bool places_find(rj_session *s, const rj_request *q, buf_t *out, err_t *e)
{
    lookup l = {.s = s, .request = q, .out = out, .root = ""};
    proc_info process;
    if (proc_read(&l.a, s->pid, &process, NULL)) l.root = process.root;
    bool ok = find(&l, e);
    s->points = ok ? arena_copy(&s->own, l.points.v, l.points.n * sizeof *l.points.v) : NULL;
    s->point_count = s->points ? l.points.n : 0;
    s->untold.n = 0; /* that frames have no lines is no matter here */
    if (ok && !s->points) ok = err_set(e, ERR_MEMORY, -1, "out of memory");
    VEC_FREE(&l.modules);
    VEC_FREE(&l.points);
    buf_free(&l.without);
    arena_free(&l.a);
    return ok;
}
