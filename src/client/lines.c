/* Files and lines of frames: finds the PDB of each module once, and looks up in it. */
#include "client/client-priv.h"
#include "client/proc.h"
#include "pdb/pdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct line_source {
    struct line_source *next;
    const char *path, *id; /* of the module that it is for */
    pdb symbols;
    bool open;
} line_source;

static const rj_place nowhere = {.file = ""};

static void tell_later(rj_session *s, rj_notice kind, const char *module, const char *why)
{
    rj_news *n = VEC_PUSH(&s->untold);
    const char *text = n ? arena_strdup(&s->own, why) : NULL;
    const char *of = n ? arena_strdup(&s->own, module) : NULL;
    if (n) *n = (rj_news){.kind = kind, .text = text ? text : ""};
    if (n) n->refusal = (rj_refusal){.method = "", .module = of ? of : "", .reason = n->text};
}

void lines_refuse(rj_session *s, const char *why)
{
    if (s->no_lines_said) return;
    s->no_lines_said = true;
    tell_later(s, RJ_NOTICE_NO_LINES, "", why);
}

/* ---- finding a PDB ---- */

typedef struct search {
    line_source *source;
    const frame_code *code;
    uint8_t id[CIL_PDB_ID_SIZE];
    arena a;
    err_t why; /* of a PDB that is there, and not the right one */
} search;

static bool read_id(const char *text, uint8_t id[CIL_PDB_ID_SIZE])
{
    if (strlen(text) != (size_t)2 * CIL_PDB_ID_SIZE) return false;
    for (size_t i = 0; i < CIL_PDB_ID_SIZE; i++) {
        const char byte[3] = {text[2 * i], text[2 * i + 1]};
        char *end;
        id[i] = (uint8_t)strtoul(byte, &end, 16);
        if (end != byte + 2) return false;
    }
    return true;
}

static bool try_file(search *f, const char *path)
{
    err_t e = {0};
    if (!path || access(path, F_OK) < 0) return false;
    f->source->open = pdb_open_file(&f->source->symbols, path, f->id, &e);
    if (!f->source->open && !f->why.code) f->why = e;
    return f->source->open;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What the PDB is called: as the compiler wrote it, or else like the assembly. */
static const char *pdb_name(search *f)
{
    if (*f->code->pdb_name && !strchr(f->code->pdb_name, '/')) return f->code->pdb_name;
    const char *file = base_name(f->code->path), *dot = strrchr(file, '.');
    return arena_printf(&f->a, "%.*s.pdb", (int)(dot ? (size_t)(dot - file) : strlen(file)), file);
}

/* A file of another name than the module's PDB is meant for other modules. */
static bool try_given(search *f, const char *given, const char *name)
{
    struct stat st;
    if (!given || !name || stat(given, &st) < 0) return false;
    if (S_ISDIR(st.st_mode)) return try_file(f, arena_printf(&f->a, "%s/%s", given, name));
    err_t before = f->why;
    bool found = try_file(f, given);
    if (!found && strcmp(base_name(given), name) != 0) f->why = before;
    return found;
}

static void try_inside(search *f, const char *assembly)
{
    err_t e = {0};
    if (!assembly || access(assembly, F_OK) < 0) return;
    f->source->open = pdb_open_inside(&f->source->symbols, assembly, f->id, &e);
    if (!f->source->open && e.code != ERR_NO_MATCH && !f->why.code) f->why = e;
}

/* The path of the assembly, seen from here. A program of one file has its assemblies in it: they have names alone. */
static const char *assembly_path(rj_session *s, search *f)
{
    proc_info process;
    char program[4096];
    const char *path = f->code->path;
    if (!proc_read(&f->a, s->pid, &process, NULL)) return *path == '/' ? path : NULL;
    if (*path == '/') return arena_printf(&f->a, "%s%s", process.root, path);
    const char *link = arena_printf(&f->a, "/proc/%d/exe", s->pid);
    ssize_t n = link ? readlink(link, program, sizeof program - 1) : -1;
    if (n <= 0 || !*path) return NULL;
    program[n] = 0;
    return arena_printf(&f->a, "%s%.*s%s", process.root, (int)(base_name(program) - program), program, path);
}

static void find_pdb(rj_session *s, search *f)
{
    const char *name = pdb_name(f);
    if (try_given(f, s->wanted.pdb, name)) return;
    const char *assembly = assembly_path(s, f);
    if (!assembly || !name) return;
    const char *beside = arena_printf(&f->a, "%.*s%s", (int)(base_name(assembly) - assembly), assembly, name);
    if (!try_file(f, beside)) try_inside(f, assembly);
}

static line_source *source_new(rj_session *s, const frame_code *c)
{
    line_source *source = arena_alloc(&s->own, sizeof *source);
    if (!source) return NULL;
    search f = {.source = source, .code = c};
    source->path = arena_strdup(&s->own, c->path);
    source->id = arena_strdup(&s->own, c->pdb_id);
    source->next = s->sources;
    if (!source->path || !source->id) return NULL;
    s->sources = source;
    if (read_id(c->pdb_id, f.id)) find_pdb(s, &f);
    if (!source->open && f.why.code) {
        const char *text = arena_printf(&f.a, "frames of %s have no lines: %s", c->module, f.why.text);
        tell_later(s, RJ_NOTICE_NO_LINES, c->module, text ? text : f.why.text);
    } else if (!source->open) {
        tell_later(s, RJ_NOTICE_NO_PDB, c->module, "no PDB was found");
    }
    arena_free(&f.a);
    return source;
}

static line_source *source_of(rj_session *s, const frame_code *c)
{
    for (line_source *at = s->sources; at; at = at->next)
        if (strcmp(at->path, c->path) == 0 && strcmp(at->id, c->pdb_id) == 0) return at;
    return source_new(s, c);
}

const pdb *lines_pdb(rj_session *s, const frame_code *module)
{
    const line_source *source = source_of(s, module);
    return source && source->open ? &source->symbols : NULL;
}

void lines_free(rj_session *s)
{
    for (line_source *at = s->sources; at; at = at->next)
        pdb_close(&at->symbols);
    s->sources = NULL;
    VEC_FREE(&s->untold);
}

/* ---- looking up ---- */

/* The awaits of a MoveNext are numbered as its states are. */
rj_place lines_find_await(rj_session *s, const frame_code *c, uint32_t number)
{
    arena a = {0};
    pdb_awaits awaits;
    frame_code at = *c;
    line_source *source = source_of(s, c);
    if (source && source->open && pdb_awaits_read(&a, &source->symbols, CIL_RID(c->token), &awaits, NULL) &&
        number < awaits.count)
        at.offset = awaits.v[number].yield;
    arena_free(&a);
    return lines_find(s, &at);
}

rj_place lines_find(rj_session *s, const frame_code *c)
{
    pdb_point point;
    err_t e = {0};
    line_source *source = source_of(s, c);
    if (!source || !source->open || c->offset == UINT32_MAX) return nowhere;
    if (!pdb_shown_point(&source->symbols, CIL_RID(c->token), c->offset, &point, &e)) {
        if (!e.code) return nowhere;
        pdb_close(&source->symbols);
        source->open = false;
        tell_later(s, RJ_NOTICE_NO_LINES, c->module, e.text);
        return nowhere;
    }
    buf_t name = {0};
    bool known = pdb_document_name(&source->symbols, point.document, &name);
    const char *file = known ? arena_strdup(&s->own, buf_cstr(&name)) : NULL;
    buf_free(&name);
    return file ? (rj_place){file, point.line} : nowhere;
}
