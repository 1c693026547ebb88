#include "walk.h"

#include <stdlib.h>

static void walk_method(const pdb *p, uint32_t rid)
{
    arena a = {0};
    pdb_points points;
    pdb_locals locals;
    pdb_awaits awaits;
    if (pdb_points_read(&a, p, rid, &points, NULL)) {
        for (uint32_t i = 0; i < points.count; i++)
            if (pdb_point_at(&points, points.v[i].offset) < points.v) abort();
    }
    if (pdb_locals_read(&a, p, rid, &locals, NULL)) {
        for (uint32_t i = 0; i < locals.count; i++)
            if (locals.v[i].start > locals.v[i].end || strlen(locals.v[i].name) > p->image.size) abort();
    }
    pdb_awaits_read(&a, p, rid, &awaits, NULL);
    pdb_move_next(p, pdb_written_method(p, rid));
    arena_free(&a);
}

void walk_pdb(const pdb *p)
{
    enum { DOCUMENT = 0x30, METHOD = 0x31, METHODS_MOST = 1000 };
    pdb_place place[2];
    uint32_t rows = RJ_MIN(p->image.rows[METHOD], (uint32_t)METHODS_MOST);
    for (uint32_t rid = 0; rid <= rows + 1; rid++)
        walk_method(p, rid);
    for (uint32_t rid = 0; rid <= RJ_MIN(p->image.rows[DOCUMENT], (uint32_t)METHODS_MOST) + 1; rid++) {
        buf_t name = {0};
        pdb_document_name(p, rid, &name);
        buf_free(&name);
    }
    pdb_find_line(p, "source.cs", 10, place, RJ_COUNT(place), NULL);
}
