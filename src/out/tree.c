/* Stacks, merged and counted. A node's children are its callers. */
#include "out/text-priv.h"

#include <stdlib.h>

typedef struct node {
    const char *name, *file; /* file: "" where it is not known */
    uint32_t line;
    bool awaits;           /* not on the stack: it awaits what stands before it */
    uint64_t count, ended; /* calls through here; stacks that end here */
    VEC(struct node *) callers;
} node;

struct out_tree {
    arena names;
    node root;          /* its "callers" are the methods asked for */
    const char *common; /* folders that all files have in common, up to `common_size`; NULL: no file yet */
    size_t common_size;
    bool failed, placed; /* placed: places were asked for */
    bool objects;
};

out_tree *out_tree_new(bool objects)
{
    out_tree *t = calloc(1, sizeof *t);
    if (t) t->objects = objects;
    return t;
}

static void free_below(node *n)
{
    for (size_t i = 0; i < n->callers.n; i++) {
        free_below(n->callers.v[i]);
        free(n->callers.v[i]);
    }
    VEC_FREE(&n->callers);
}

void out_tree_free(out_tree *t)
{
    if (!t) return;
    free_below(&t->root);
    arena_free(&t->names);
    free(t);
}

static bool is_same(const node *n, const char *name, rj_place at, bool awaits)
{
    return n->line == at.line && n->awaits == awaits && strcmp(n->name, name) == 0 && strcmp(n->file, at.file) == 0;
}

static void narrow(out_tree *t, const char *file)
{
    if (!*file) return;
    if (!t->common) {
        t->common = file;
        t->common_size = strlen(file);
    }
    size_t n = 0;
    for (size_t i = 0; i < t->common_size && file[i] == t->common[i]; i++)
        if (file[i] == '/' || file[i] == '\\') n = i + 1;
    t->common_size = n;
}

static node *step(out_tree *t, node *from, const char *name, rj_place at, bool awaits)
{
    for (size_t i = 0; i < from->callers.n; i++)
        if (is_same(from->callers.v[i], name, at, awaits)) return from->callers.v[i];
    node *n = calloc(1, sizeof *n);
    node **place = n ? VEC_PUSH(&from->callers) : NULL;
    if (!place || !(n->name = arena_strdup(&t->names, name)) || !(n->file = arena_strdup(&t->names, at.file))) {
        if (place) from->callers.n--;
        free(n);
        t->failed = true;
        return NULL;
    }
    n->line = at.line;
    n->awaits = awaits;
    narrow(t, n->file);
    *place = n;
    return n;
}

/* What stands above the callers: the method, or the type without its constructor's parameters. */
static node *top_of(out_tree *t, const char *method)
{
    static const rj_place nowhere = {.file = ""};
    const char *constructor = t->objects ? strstr(method, "..ctor(") : NULL;
    if (!constructor) return step(t, &t->root, method, nowhere, false);
    buf_t type = {0};
    buf_put(&type, method, (size_t)(constructor - method));
    node *n = step(t, &t->root, buf_cstr(&type), nowhere, false);
    buf_free(&type);
    return n;
}

bool out_tree_add(out_tree *t, const rj_call *c)
{
    static const rj_place nowhere = {.file = ""};
    node *n = top_of(t, c->method);
    t->placed |= c->places != NULL;
    if (n) n->count++;
    for (size_t i = 0; n && i < c->frame_count; i++) {
        n = step(t, n, c->frames[i], c->places ? c->places[i] : nowhere, i >= c->frame_count - c->awaiting);
        if (n) n->count++;
    }
    if (n) n->ended++;
    return n != NULL;
}

static int by_count(const void *x, const void *y)
{
    const node *a = *(node *const *)x, *b = *(node *const *)y;
    if (a->count != b->count) return a->count < b->count ? 1 : -1;
    int order = strcmp(a->name, b->name);
    if (!order) order = strcmp(a->file, b->file);
    return order ? order : (a->line > b->line) - (a->line < b->line);
}

static node **sorted(const node *n)
{
    node **v = malloc((n->callers.n ? n->callers.n : 1) * sizeof(node *));
    if (!v) return NULL;
    if (n->callers.n) memcpy(v, n->callers.v, n->callers.n * sizeof(node *));
    qsort(v, n->callers.n, sizeof(node *), by_count);
    return v;
}

static void put_place(buf_t *b, const out_tree *t, const node *n, const out_style *style)
{
    if (!*n->file) return;
    /* The root of all files is no folder in common. */
    size_t from = style->narrow && t->common_size > 1 ? t->common_size : 0;
    buf_str(b, style->colour ? "  " DIM : "  ");
    out_safe_text(b, n->file + from);
    buf_printf(b, ":%u", n->line);
    coloured(b, style, RESET);
}

/* A chain of single callers stays at one indent, under one count: only where callers differ does the tree go deeper. */
typedef struct text {
    buf_t *b;
    const out_tree *t;
    const out_style *style;
    uint64_t total; /* calls of the method */
} text;

static void put_below(const text *x, const node *n, unsigned indent, bool top)
{
    buf_t *b = x->b;
    node **v = sorted(n);
    bool branch = n->callers.n > 1 || (n->ended && n->callers.n);
    for (size_t i = 0; v && i < n->callers.n; i++) {
        const node *c = v[i];
        coloured(b, x->style, DIM);
        if (top || branch)
            buf_printf(b, "%12llu %5.1f%% ", (unsigned long long)c->count, 100.0 * (double)c->count / (double)x->total);
        else
            buf_printf(b, "%20s", "");
        coloured(b, x->style, RESET);
        buf_printf(b, "%*s", (int)(2 * (indent + branch)), "");
        if (c->awaits) buf_str(b, "await ");
        out_safe_text(b, c->name);
        put_place(b, x->t, c, x->style);
        buf_u8(b, '\n');
        put_below(x, c, indent + branch, false);
    }
    free(v);
}

void out_tree_text(buf_t *b, const out_tree *t, const out_style *style)
{
    node **v = sorted(&t->root);
    for (size_t i = 0; v && i < t->root.callers.n; i++) {
        const node *m = v[i];
        if (i) buf_u8(b, '\n');
        coloured(b, style, CYAN);
        out_safe_text(b, m->name);
        coloured(b, style, RESET);
        const char *many = m->count == 1 ? "" : "s";
        buf_printf(b, t->objects ? "  %llu object%s, made by\n" : "  %llu call%s, called by\n",
                   (unsigned long long)m->count, many);
        put_below(&(text){b, t, style, m->count}, m, 0, true);
    }
    free(v);
}

typedef struct stacks {
    buf_t *b;
    int32_t pid;
    bool placed, objects;
    VEC(const node *) path; /* the method, and its callers up to here */
} stacks;

static void put_stack(const stacks *s, uint64_t count)
{
    buf_t *b = s->b;
    buf_printf(b, "{\"event\":\"%s\",\"pid\":%d,\"%s\":", s->objects ? "new" : "stack", s->pid,
               s->objects ? "type" : "method");
    out_json_text(b, s->path.v[0]->name);
    buf_printf(b, ",\"count\":%llu,\"frames\":[", (unsigned long long)count);
    for (size_t i = 1; i < s->path.n; i++) {
        if (i > 1) buf_u8(b, ',');
        out_json_text(b, s->path.v[i]->name);
    }
    if (s->placed) buf_str(b, "],\"places\":[");
    size_t awaiting = 0;
    for (size_t i = 1; i < s->path.n; i++) {
        awaiting += s->path.v[i]->awaits;
        if (!s->placed) continue;
        if (i > 1) buf_u8(b, ',');
        out_json_place(b, &(rj_place){s->path.v[i]->file, s->path.v[i]->line});
    }
    buf_u8(b, ']');
    if (awaiting) buf_printf(b, ",\"awaiting\":%zu", awaiting);
    buf_str(b, "}\n");
}

static void put_stacks(stacks *s, const node *n)
{
    if (n->ended && s->path.n) put_stack(s, n->ended);
    node **v = sorted(n);
    for (size_t i = 0; v && i < n->callers.n; i++) {
        const node **place = VEC_PUSH(&s->path);
        if (!place) break;
        *place = v[i];
        put_stacks(s, v[i]);
        s->path.n--;
    }
    free(v);
}

void out_tree_json(buf_t *b, const out_tree *t, int32_t pid)
{
    stacks s = {.b = b, .pid = pid, .placed = t->placed, .objects = t->objects};
    put_stacks(&s, &t->root);
    VEC_FREE(&s.path);
}
