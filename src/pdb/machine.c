/* State machines: which method people wrote for a MoveNext, and where it awaits. */
#include "pdb/pdb-priv.h"

/* MethodSteppingInformation: {54FD2AC5-E925-401A-9C2A-F94F171072F8}. */
static const uint8_t stepping[16] = {0xC5, 0x2A, 0xFD, 0x54, 0x25, 0xE9, 0x1A, 0x40,
                                     0x9C, 0x2A, 0xF9, 0x4F, 0x17, 0x10, 0x72, 0xF8};

uint32_t pdb_written_method(const pdb *p, uint32_t move_next_rid)
{
    uint32_t row = pdb_first_row(p, PDB_STATE_MACHINE, move_next_rid);
    return row ? cil_cell(&p->image, PDB_STATE_MACHINE, row, PDB_STATE_MACHINE_WRITTEN) : 0;
}

uint32_t pdb_move_next(const pdb *p, uint32_t written_rid)
{
    for (uint32_t row = 1; row <= p->image.rows[PDB_STATE_MACHINE]; row++)
        if (cil_cell(&p->image, PDB_STATE_MACHINE, row, PDB_STATE_MACHINE_WRITTEN) == written_rid)
            return cil_cell(&p->image, PDB_STATE_MACHINE, row, PDB_STATE_MACHINE_MOVE_NEXT);
    return 0;
}

static bool is_stepping(const cil_image *im, uint32_t row)
{
    uint32_t index = cil_cell(im, PDB_CUSTOM_DEBUG_INFO, row, PDB_CUSTOM_DEBUG_INFO_KIND); /* counts from 1 */
    return index && index <= im->guids.n / 16 && memcmp(im->guids.p + (size_t)(index - 1) * 16, stepping, 16) == 0;
}

/* A yield, a resume and a method take 9 bytes at least. */
static bool read_awaits(arena *a, cil_blob b, pdb_awaits *out, err_t *e)
{
    if (b.n < 4) return err_set(e, ERR_FORMAT, 0, "the stepping information is cut short");
    out->catch_offset = pdb_u32(b.p) - 1; /* 0 means none */
    out->v = arena_array(a, b.n / 9 + 1u, sizeof *out->v);
    if (!out->v) return err_set(e, ERR_MEMORY, -1, "out of memory");
    for (uint32_t at = 4, n, rid; at < b.n; at += 8 + n) {
        if (b.n - at < 9) return err_set(e, ERR_FORMAT, at, "the stepping information is cut short");
        n = cil_read_compressed((cil_blob){b.p + at + 8, b.n - at - 8}, &rid);
        if (!n) return err_set(e, ERR_FORMAT, at + 8, "the stepping information is malformed");
        out->v[out->count++] = (pdb_await){pdb_u32(b.p + at), pdb_u32(b.p + at + 4), rid};
    }
    return true;
}

bool pdb_awaits_read(arena *a, const pdb *p, uint32_t move_next_rid, pdb_awaits *out, err_t *e)
{
    const cil_image *im = &p->image;
    *out = (pdb_awaits){.catch_offset = UINT32_MAX};
    for (uint32_t row = 1; row <= im->rows[PDB_CUSTOM_DEBUG_INFO]; row++) {
        cil_token parent = cil_cell_token(im, PDB_CUSTOM_DEBUG_INFO, row, PDB_CUSTOM_DEBUG_INFO_PARENT);
        if (parent != CIL_TOKEN(CIL_METHOD_DEF, move_next_rid) || !is_stepping(im, row)) continue;
        return read_awaits(a, cil_cell_blob(im, PDB_CUSTOM_DEBUG_INFO, row, PDB_CUSTOM_DEBUG_INFO_VALUE), out, e);
    }
    return true;
}
