/*
 * New metadata in a loaded module, at any time: references, signatures, strings, types and static methods.
 *
 * Each function answers the token of an equal item that the module has, or that was made before, or else of a new one;
 * 0 with e set where the runtime does not make it. Under the transaction lock. What was made is there after
 * eng_meta_apply, which eng_weave calls for the bodies it makes.
 */
#ifndef REJIT_ENGINE_METADATA_H
#define REJIT_ENGINE_METADATA_H

#include "engine/engine-priv.h"

cil_token eng_meta_assembly_ref(eng *g, eng_module *m, const char *assembly, err_t *e);
cil_token eng_meta_module_ref(eng *g, eng_module *m, const char *file, err_t *e);
/* A type that is not nested. Where the assembly is the module's own, its TypeDef. */
cil_token eng_meta_type_ref(eng *g, eng_module *m, const char *assembly, const char *space, const char *name, err_t *e);
/* A method or a field of a TypeRef, TypeDef or TypeSpec. */
cil_token eng_meta_member_ref(eng *g, eng_module *m, cil_token parent, const char *name, cil_blob sig, err_t *e);
cil_token eng_meta_method_spec(eng *g, eng_module *m, cil_token method, cil_blob instantiation, err_t *e);
cil_token eng_meta_user_string(eng *g, eng_module *m, const char *text, err_t *e);
cil_token eng_meta_stand_alone_sig(eng *g, eng_module *m, cil_blob sig, err_t *e);
cil_token eng_meta_type_spec(eng *g, eng_module *m, cil_blob type, err_t *e);
/* The blob of a StandAloneSig or TypeSpec of the module, its own or made here; n == 0 where it is not known. Stays
 * valid. */
cil_blob eng_meta_sig(const eng_module *m, cil_token token);
/* A static class. `base` must be a real one: System.Object. */
cil_token eng_meta_type_def(eng *g, eng_module *m, const char *space, const char *name, cil_token base, err_t *e);

/* A static method of a type that was made here. */
typedef struct eng_new_method {
    cil_token type;
    const char *name;
    cil_blob sig, body; /* body: header, code, EH sections. That of the first time stays */
} eng_new_method;
cil_token eng_meta_method_def(eng *g, eng_module *m, const eng_new_method *method, err_t *e);
/* Not deduplicated: for methods that were made here. */
bool eng_meta_attribute(eng *g, eng_module *m, cil_token owner, cil_token constructor, cil_blob value, err_t *e);
bool eng_meta_apply(eng *g, eng_module *m, err_t *e);

#endif
