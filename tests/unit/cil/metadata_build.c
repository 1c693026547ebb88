#include "metadata_build.h"

#include <stdio.h>
#include <stdlib.h>

uint32_t md_string(md_build *b, const char *s)
{
    if (b->strings.n == 0) buf_u8(&b->strings, 0);
    if (!*s) return 0;
    uint32_t at = (uint32_t)b->strings.n;
    buf_put(&b->strings, s, strlen(s) + 1);
    return at;
}

uint32_t md_blob(md_build *b, const void *bytes, size_t n)
{
    if (b->blobs.n == 0) buf_u8(&b->blobs, 0);
    uint32_t at = (uint32_t)b->blobs.n;
    if (n < 0x80)
        buf_u8(&b->blobs, (uint8_t)n);
    else
        buf_put(&b->blobs, (uint8_t[]){(uint8_t)(0x80 | n >> 8), (uint8_t)n}, 2);
    buf_put(&b->blobs, bytes, n);
    return at;
}

uint32_t md_guid(md_build *b, uint8_t fill)
{
    for (int i = 0; i < 16; i++)
        buf_u8(&b->guids, fill);
    return (uint32_t)(b->guids.n / 16);
}

uint32_t md_row(md_build *b, cil_table table, const char *widths, ...)
{
    va_list ap;
    va_start(ap, widths);
    for (; *widths; widths++) {
        uint32_t v = va_arg(ap, uint32_t);
        if (*widths == '2')
            buf_u16(&b->rows[table], (uint16_t)v);
        else
            buf_u32(&b->rows[table], v);
    }
    va_end(ap);
    return ++b->count[table];
}

static void put_tables(md_build *b, buf_t *out)
{
    uint64_t valid = 0;
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++)
        valid |= (uint64_t)(b->count[t] != 0) << t;
    buf_u32(out, 0);
    buf_put(out, (uint8_t[]){2, 0, b->heaps, 1}, 4);
    buf_u64(out, valid);
    buf_u64(out, b->sorted);
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++) {
        if (b->count[t]) buf_u32(out, b->count[t]);
    }
    if (b->heaps & 0x40) buf_u32(out, 0xEEEEEEEE);
    for (unsigned t = 0; t < CIL_TABLE_SLOTS; t++) {
        buf_put(out, b->rows[t].p, b->rows[t].n);
        buf_free(&b->rows[t]);
    }
}

void md_finish(md_build *b, buf_t *out)
{
    buf_t tables = {0}, none = {0};
    put_tables(b, &tables);
    const struct {
        const char *name;
        buf_t *bytes;
        bool there;
    } streams[] = {
        {b->uncompressed ? "#-" : "#~", &tables, true},
        {"#Strings", &b->strings, true},
        {"#US", &b->user_strings, true},
        {"#GUID", &b->guids, true},
        {"#Blob", &b->blobs, true},
        {"#Pdb", &b->pdb, b->pdb.n != 0},
        {"#JTD", &none, b->wide},
    };
    uint32_t count = 0, at = 32;
    for (size_t i = 0; i < RJ_COUNT(streams); i++) {
        if (!streams[i].there) continue;
        count++;
        at += 8 + (((uint32_t)strlen(streams[i].name) + 4) & ~3u);
    }
    buf_u32(out, 0x424A5342);
    buf_u32(out, 0x00010001);
    buf_u32(out, 0);
    buf_u32(out, 12);
    buf_put(out, "v4.0.30319\0", 12);
    buf_u16(out, 0);
    buf_u16(out, (uint16_t)count);
    for (size_t i = 0; i < RJ_COUNT(streams); i++) {
        if (!streams[i].there) continue;
        size_t length = strlen(streams[i].name);
        buf_u32(out, at);
        buf_u32(out, (uint32_t)streams[i].bytes->n);
        buf_put(out, streams[i].name, length);
        for (size_t pad = ((length + 4) & ~(size_t)3) - length; pad; pad--)
            buf_u8(out, 0);
        at += (uint32_t)streams[i].bytes->n;
    }
    for (size_t i = 0; i < RJ_COUNT(streams); i++) {
        if (streams[i].there) buf_put(out, streams[i].bytes->p, streams[i].bytes->n);
        buf_free(streams[i].bytes);
    }
    *b = (md_build){0};
}

static void pad_to(buf_t *out, size_t n)
{
    while (out->n < n)
        buf_u8(out, 0);
}

/* 0x200 bytes of headers, then one section at RVA 0x2000: the CLI header, the code, the metadata. */
void md_image(uint16_t magic, cil_layout layout, cil_blob code, cil_blob metadata, buf_t *out)
{
    uint32_t optional = magic == 0x10B ? 224 : 240, directories = magic == 0x10B ? 96 : 112;
    uint32_t size = MD_CODE_RVA - 0x2000 + code.n + metadata.n;
    buf_u16(out, 0x5A4D);
    pad_to(out, 0x3C);
    buf_u32(out, 0x40);
    buf_u32(out, 0x4550);
    buf_u16(out, 0x14C);
    buf_u16(out, 1);
    pad_to(out, 0x40 + 20);
    buf_u16(out, (uint16_t)optional);
    buf_u16(out, 0x2022);
    buf_u16(out, magic);
    pad_to(out, 0x58 + 56);
    buf_u32(out, 0x2000 + size);
    buf_u32(out, 0x200);
    pad_to(out, 0x58 + directories - 4);
    buf_u32(out, 16);
    pad_to(out, 0x58 + directories + 14 * 8);
    buf_u32(out, 0x2000);
    buf_u32(out, 72);
    pad_to(out, 0x58 + optional);
    buf_put(out, ".text\0\0", 8);
    buf_u32(out, size);
    buf_u32(out, 0x2000);
    buf_u32(out, size);
    buf_u32(out, 0x200);
    pad_to(out, layout == CIL_FLAT ? 0x200 : 0x2000);
    size_t start = out->n;
    buf_u32(out, 72);
    buf_u32(out, 0x00050002);
    buf_u32(out, MD_CODE_RVA + code.n);
    buf_u32(out, metadata.n);
    pad_to(out, start + MD_CODE_RVA - 0x2000);
    buf_put(out, code.p, code.n);
    buf_put(out, metadata.p, metadata.n);
}

static uint32_t u32_at(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

void md_map(cil_blob flat, buf_t *out)
{
    const uint8_t *pe = flat.p + u32_at(flat.p + 0x3C);
    pad_to(out, u32_at(pe + 24 + 56));
    memcpy(out->p, flat.p, u32_at(pe + 24 + 60));
    const uint8_t *s = pe + 24 + (u32_at(pe + 20) & 0xFFFF);
    for (unsigned i = u32_at(pe + 4) >> 16; i; i--, s += 40)
        memcpy(out->p + u32_at(s + 12), flat.p + u32_at(s + 20), RJ_MIN(u32_at(s + 8), u32_at(s + 16)));
}

void md_file(const char *name, buf_t *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/unit/cil/%s", REJIT_SOURCE_DIR, name);
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        abort();
    }
    uint8_t bytes[4096];
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, f)) > 0;)
        buf_put(out, bytes, n);
    fclose(f);
}
