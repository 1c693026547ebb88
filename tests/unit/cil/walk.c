#include "walk.h"

typedef struct walker {
    const cil_image *im;
    uint64_t hash;
    buf_t text;
    arena memory;
} walker;

static void take(walker *w, const void *p, size_t n)
{
    const uint8_t *bytes = p;
    for (size_t i = 0; i < n; i++)
        w->hash = (w->hash ^ bytes[i]) * 0x100000001B3u;
}

static void take_number(walker *w, uint64_t v)
{
    take(w, &v, sizeof v);
}

static void take_text(walker *w)
{
    take(w, w->text.p, w->text.n);
    w->text.n = 0;
}

static void walk_signature(walker *w, cil_blob sig)
{
    cil_type type;
    cil_method_sig method;
    cil_locals locals;
    take_number(w, cil_sig_roundtrip(sig, &w->text, NULL));
    take_text(w);
    take_number(w, cil_type_read(sig, &type));
    take_number(w, cil_method_sig_read(&w->memory, sig, &method, NULL));
    take_number(w, cil_locals_read(&w->memory, sig, &locals, NULL));
    take_number(w, cil_sig_type_name(w->im, sig, 1, 1, true, &w->text));
    take_text(w);
    cil_blob args[] = {{(const uint8_t *)"\x08", 1}, {(const uint8_t *)"\x1D\x0E", 2}};
    take_number(w, cil_type_substitute(sig, args, 2, args, 1, &w->text));
    take_text(w);
    arena_free(&w->memory);
}

static void walk_cell(walker *w, cil_table table, uint32_t rid, unsigned column)
{
    uint32_t raw = cil_cell(w->im, table, rid, column);
    take_number(w, raw);
    switch (cil_column_of(table, column)) {
    case CIL_COLUMN_STRING: {
        const char *s = cil_string(w->im, raw);
        take(w, s, strlen(s));
        break;
    }
    case CIL_COLUMN_BLOB: {
        cil_blob b = cil_blob_at(w->im, raw);
        take(w, b.p, b.n);
        if (b.n) walk_signature(w, b);
        break;
    }
    case CIL_COLUMN_TABLE: {
        cil_token to = cil_cell_token(w->im, table, rid, column);
        cil_range r = cil_list(w->im, table, rid, column, CIL_TABLE(to));
        take_number(w, r.first);
        take_number(w, r.end);
        take_number(w, cil_list_item(w->im, CIL_TABLE(to), r.first));
        break;
    }
    default: take_number(w, cil_cell_token(w->im, table, rid, column)); break;
    }
}

static void walk_names(walker *w, cil_table table, uint32_t rid)
{
    switch (table) {
    case CIL_TYPE_DEF:
    case CIL_TYPE_REF:
    case CIL_TYPE_SPEC:
        cil_type_name(w->im, CIL_TOKEN(table, rid), &w->text);
        take_number(w, cil_type_is(w->im, CIL_TOKEN(table, rid), "Sample.Outer`1+Inner"));
        take_number(w, cil_enclosing(w->im, rid));
        break;
    case CIL_METHOD_DEF: {
        cil_blob body;
        cil_method_name(w->im, rid, true, &w->text);
        cil_method_short_name(w->im, rid, &w->text);
        take_number(w, cil_method_owner(w->im, rid));
        take_number(w, cil_method_bytes(w->im, rid, &body, NULL));
        take(w, body.p, body.n);
        break;
    }
    case CIL_FIELD: take_number(w, cil_field_owner(w->im, rid)); break;
    default: break;
    }
    take_text(w);
    take_number(w, cil_has_attribute(w->im, CIL_TOKEN(table, rid), "Sample.MarkAttribute"));
}

uint64_t walk_image(const cil_image *im)
{
    walker w = {.im = im, .hash = 0xCBF29CE484222325u};
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++) {
        cil_table table = (cil_table)t;
        for (uint32_t rid = 0; rid <= im->rows[t]; rid++) {
            for (unsigned c = 0; c < cil_columns(table); c++)
                walk_cell(&w, table, rid, c);
            walk_names(&w, table, rid);
        }
    }
    cil_blob user = cil_user_string(im, 1);
    take(&w, user.p, user.n);
    uint8_t mvid[16];
    cil_mvid(im, mvid);
    take(&w, mvid, sizeof mvid);
    take(&w, cil_assembly_name(im), strlen(cil_assembly_name(im)));
    buf_free(&w.text);
    return w.hash;
}
