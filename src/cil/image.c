/*
 * PE images (ECMA-335 II.25), PE32 and PE32+, as files and as the loader maps them.
 */
#include "cil/metadata-priv.h"

#define SECTION_SIZE     40u
#define CLI_DIRECTORY    14u
#define DEBUG_DIRECTORY  6u
#define DEBUG_ENTRY_SIZE 28u

typedef struct pe_headers {
    uint32_t sections_at, section_count;
    uint32_t image_size, headers_size;
    uint32_t cli_rva, cli_size;
    uint32_t debug_rva, debug_size;
} pe_headers;

static bool cut_short(err_t *e, size_t at)
{
    return err_set(e, ERR_FORMAT, (int64_t)at, "the PE headers are cut short");
}

/* The optional header (II.25.2.3): n bytes at p, which lies at `at`. */
static bool optional_header(const uint8_t *p, uint32_t n, size_t at, pe_headers *h, err_t *e)
{
    if (n < 64) return cut_short(e, at);
    uint16_t magic = cil_u16(p);
    if (magic != 0x10B && magic != 0x20B) return err_set(e, ERR_FORMAT, (int64_t)at, "not a PE32 or PE32+ image");
    h->image_size = cil_u32(p + 56);
    h->headers_size = cil_u32(p + 60);
    uint32_t directories = magic == 0x10B ? 96 : 112;
    if (n < directories) return cut_short(e, at);
    uint32_t count = cil_u32(p + directories - 4);
    uint32_t cli = directories + CLI_DIRECTORY * 8;
    if (count > CLI_DIRECTORY && n >= cli + 8) {
        h->cli_rva = cil_u32(p + cli);
        h->cli_size = cil_u32(p + cli + 4);
        h->debug_rva = cil_u32(p + directories + DEBUG_DIRECTORY * 8);
        h->debug_size = cil_u32(p + directories + DEBUG_DIRECTORY * 8 + 4);
    }
    return true;
}

static bool pe_read(const uint8_t *p, size_t n, pe_headers *h, err_t *e)
{
    *h = (pe_headers){0};
    if (n < 64 || cil_u16(p) != 0x5A4D) return err_set(e, ERR_FORMAT, 0, "not a PE image: no MZ header");
    size_t pe = cil_u32(p + 0x3C);
    if (pe > n || n - pe < 24) return cut_short(e, 0x3C);
    if (cil_u32(p + pe) != 0x4550) return err_set(e, ERR_FORMAT, (int64_t)pe, "not a PE image: no PE signature");
    h->section_count = cil_u16(p + pe + 6);
    uint32_t optional = cil_u16(p + pe + 20);
    size_t at = pe + 24;
    if (n - at < optional) return cut_short(e, at);
    if (!optional_header(p + at, optional, at, h, e)) return false;
    at += optional;
    if ((n - at) / SECTION_SIZE < h->section_count || at > UINT32_MAX) return cut_short(e, at);
    h->sections_at = (uint32_t)at;
    return true;
}

size_t cil_image_extent(const void *bytes, size_t readable, cil_layout layout)
{
    pe_headers h;
    if (!pe_read(bytes, readable, &h, NULL)) return 0;
    if (layout == CIL_MAPPED) return h.image_size;
    size_t end = h.headers_size;
    const uint8_t *s = (const uint8_t *)bytes + h.sections_at;
    for (uint32_t i = 0; i < h.section_count; i++, s += SECTION_SIZE) {
        size_t section_end = (size_t)cil_u32(s + 20) + cil_u32(s + 16);
        end = RJ_MAX(end, section_end);
    }
    return end;
}

/*
 * The bytes from an RVA to the end of what the file holds of its section: what lies beyond is zero at best, and between
 * the sections of a mapped image there may be no memory at all.
 */
static bool at_rva(const cil_image *im, uint32_t rva, cil_blob *out)
{
    const uint8_t *s = im->bytes + im->sections_at;
    for (uint32_t i = 0; i < im->section_count; i++, s += SECTION_SIZE) {
        uint32_t virtual_size = cil_u32(s + 8), start = cil_u32(s + 12), raw_size = cil_u32(s + 16);
        uint32_t length = virtual_size ? RJ_MIN(virtual_size, raw_size) : raw_size;
        if (rva < start || rva - start >= length) continue;
        size_t base = im->layout == CIL_MAPPED ? start : cil_u32(s + 20);
        size_t at = base + (rva - start);
        if (at >= im->size) return false;
        *out = (cil_blob){im->bytes + at, (uint32_t)RJ_MIN(length - (rva - start), im->size - at)};
        return true;
    }
    return false;
}

bool cil_image_open(cil_image *im, const void *bytes, size_t size, cil_layout layout, err_t *e)
{
    *im = (cil_image){.bytes = bytes, .size = size, .layout = layout};
    pe_headers h;
    if (!pe_read(bytes, size, &h, e)) return false;
    im->sections_at = h.sections_at;
    im->section_count = h.section_count;
    im->debug_rva = h.debug_rva;
    im->debug_size = h.debug_size;
    cil_blob cli, md;
    if (h.cli_rva == 0) return err_set(e, ERR_FORMAT, -1, "a PE image without CLI header: not a .NET assembly");
    if (!at_rva(im, h.cli_rva, &cli) || cli.n < 72)
        return err_set(e, ERR_FORMAT, h.cli_rva, "the CLI header lies outside of the image");
    uint32_t rva = cil_u32(cli.p + 8), length = cil_u32(cli.p + 12);
    if (!at_rva(im, rva, &md) || md.n < length)
        return err_set(e, ERR_FORMAT, rva, "the metadata lies outside of the image");
    im->metadata = (cil_blob){md.p, length};
    return cil_root_read(im, e);
}

bool cil_debug_entry(const cil_image *im, uint32_t type, cil_blob *data, uint32_t *stamp)
{
    cil_blob entries;
    if (!im->debug_rva || !at_rva(im, im->debug_rva, &entries)) return false;
    uint32_t size = RJ_MIN(entries.n, im->debug_size);
    for (uint32_t at = 0; size - at >= DEBUG_ENTRY_SIZE; at += DEBUG_ENTRY_SIZE) {
        const uint8_t *entry = entries.p + at;
        if (cil_u32(entry + 12) != type) continue;
        uint32_t length = cil_u32(entry + 16);
        if (!at_rva(im, cil_u32(entry + 20), data) || data->n < length) return false;
        data->n = length;
        *stamp = cil_u32(entry + 4);
        return true;
    }
    return false;
}

#define RSDS         0x53445352u /* CodeView's signature: "RSDS", a GUID, an age, the path */
#define RSDS_PATH_AT 24u

bool cil_pdb_id(const cil_image *im, uint8_t id[CIL_PDB_ID_SIZE], const char **name)
{
    cil_blob data;
    uint32_t stamp;
    *name = NULL;
    if (!cil_debug_entry(im, CIL_DEBUG_CODE_VIEW, &data, &stamp) || data.n < RSDS_PATH_AT || cil_u32(data.p) != RSDS)
        return false;
    memcpy(id, data.p + 4, 16);
    memcpy(id + 16, &stamp, 4);
    const char *path = (const char *)data.p + RSDS_PATH_AT;
    size_t room = data.n - RSDS_PATH_AT;
    if (strnlen(path, room) == room) return true;
    for (const char *c = path; *c; c++)
        if (*c == '/' || *c == '\\') path = c + 1;
    *name = *path ? path : NULL;
    return true;
}

/* Moves *at behind the data sections that follow the code of a fat body (II.25.4.5); false where they are cut short. */
static bool skip_sections(cil_blob b, uint32_t *at)
{
    uint32_t end = *at;
    uint8_t kind;
    do {
        uint32_t start = (*at + 3) & ~3u;
        if (start < *at || start > b.n || b.n - start < 4) return false;
        kind = b.p[start];
        bool fat = kind & 0x40;
        uint32_t size = fat ? cil_u32(b.p + start) >> 8 : b.p[start + 1];
        uint32_t clause = fat ? 24 : 12;
        /* Some compilers leave the section's own header out of its size; the runtime divides, and so reads all clauses.
         */
        uint32_t needed = RJ_MAX(size, 4 + size / clause * clause);
        if (size < 4 || needed > b.n - start) return false;
        end = RJ_MAX(end, start + needed);
        *at = start + size;
    } while (kind & 0x80);
    *at = end;
    return true;
}

/* The size of the body at the start of b: header, code, sections; 0 where it is malformed. */
static uint32_t body_size(cil_blob b)
{
    if (b.n == 0) return 0;
    if ((b.p[0] & 3) == 2) {
        uint32_t size = 1u + (b.p[0] >> 2);
        return size <= b.n ? size : 0;
    }
    if ((b.p[0] & 3) != 3 || b.n < 12) return 0;
    uint16_t flags = cil_u16(b.p);
    uint32_t header = (uint32_t)(flags >> 12) * 4, code = cil_u32(b.p + 4);
    if (header < 12 || header > b.n || code > b.n - header) return 0;
    uint32_t at = header + code;
    if (flags & 8 && !skip_sections(b, &at)) return 0;
    return at;
}

bool cil_method_bytes(const cil_image *im, uint32_t method_rid, cil_blob *out, err_t *e)
{
    *out = (cil_blob){NULL, 0};
    uint32_t rva = cil_cell(im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_RVA);
    uint32_t code_type = cil_cell(im, CIL_METHOD_DEF, method_rid, CIL_METHOD_DEF_IMPL_FLAGS) & 3;
    if (rva == 0 || code_type != 0) return true; /* native and runtime methods have no IL */
    cil_blob b;
    if (!at_rva(im, rva, &b))
        return err_set(e, ERR_FORMAT, rva, "the body of method 0x06%06X lies outside of the image", method_rid);
    uint32_t size = body_size(b);
    if (size == 0) return err_set(e, ERR_FORMAT, rva, "the body of method 0x06%06X is malformed", method_rid);
    *out = (cil_blob){b.p, size};
    return true;
}
