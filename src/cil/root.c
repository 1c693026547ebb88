/*
 * The metadata root and its streams (ECMA-335 II.24.2.1-2).
 */
#include "cil/metadata-priv.h"

#define ROOT_SIGNATURE  0x424A5342u
#define MAX_STREAM_NAME 32u

/* Cuts the heap behind its last NUL. */
static cil_blob terminated(cil_blob heap)
{
    while (heap.n && heap.p[heap.n - 1])
        heap.n--;
    return heap;
}

/* Of streams with one name the last counts. Names that nobody knows are left alone. */
static void take_stream(cil_image *im, cil_table_stream *s, const char *name, cil_blob b)
{
    if (strcmp(name, "#~") == 0 || strcmp(name, "#-") == 0) {
        s->tables = b;
        im->uncompressed = name[1] == '-';
    } else if (strcmp(name, "#Strings") == 0) {
        im->strings = terminated(b);
    } else if (strcmp(name, "#US") == 0) {
        im->user_strings = b;
    } else if (strcmp(name, "#Blob") == 0) {
        im->blobs = b;
    } else if (strcmp(name, "#GUID") == 0) {
        im->guids = b;
    } else if (strcmp(name, "#Pdb") == 0) {
        s->pdb = im->pdb_stream = b;
    } else if (strcmp(name, "#JTD") == 0) {
        s->wide = true;
    }
}

/* One stream header at *at, which is moved behind it. */
static bool read_stream(cil_image *im, cil_table_stream *s, uint32_t *at, err_t *e)
{
    cil_blob md = im->metadata;
    if (md.n - *at < 9) return err_set(e, ERR_FORMAT, *at, "the metadata root is cut short in its stream headers");
    uint32_t offset = cil_u32(md.p + *at), size = cil_u32(md.p + *at + 4);
    const char *name = (const char *)md.p + *at + 8;
    uint32_t room = RJ_MIN(md.n - *at - 8, MAX_STREAM_NAME);
    uint32_t length = (uint32_t)strnlen(name, room);
    if (length == room) return err_set(e, ERR_FORMAT, *at + 8, "the name of a metadata stream does not end");
    if (offset > md.n || size > md.n - offset)
        return err_set(e, ERR_FORMAT, *at, "the metadata stream at %u of %u bytes goes beyond the metadata", offset,
                       size);
    take_stream(im, s, name, (cil_blob){md.p + offset, size});
    *at = RJ_MIN(*at + 8 + ((length + 4) & ~3u), md.n);
    return true;
}

bool cil_root_read(cil_image *im, err_t *e)
{
    cil_blob md = im->metadata;
    if (md.n < 20) return err_set(e, ERR_FORMAT, 0, "the metadata root is cut short: %u bytes", md.n);
    if (cil_u32(md.p) != ROOT_SIGNATURE) return err_set(e, ERR_FORMAT, 0, "no metadata root: its signature is missing");
    uint32_t version = cil_u32(md.p + 12);
    if (version > md.n - 20) return err_set(e, ERR_FORMAT, 12, "the metadata root's version goes beyond the metadata");
    uint32_t at = 16 + ((version + 3) & ~3u);
    if (at > md.n - 4) return err_set(e, ERR_FORMAT, 12, "the metadata root is cut short behind its version");
    unsigned streams = cil_u16(md.p + at + 2);
    at += 4;
    cil_table_stream s = {0};
    for (unsigned i = 0; i < streams; i++) {
        if (!read_stream(im, &s, &at, e)) return false;
    }
    if (!s.tables.p) return err_set(e, ERR_FORMAT, 0, "the metadata has no stream of tables");
    return cil_tables_read(im, &s, e);
}

bool cil_metadata_open(cil_image *im, const void *bytes, size_t size, err_t *e)
{
    *im = (cil_image){.bytes = bytes, .size = size, .layout = CIL_FLAT};
    if (size > UINT32_MAX) return err_set(e, ERR_FORMAT, 0, "metadata of more than 4 GB");
    im->metadata = (cil_blob){bytes, (uint32_t)size};
    return cil_root_read(im, e);
}
