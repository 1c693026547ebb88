/* Reads all of a PDB, for the fuzz target and for damaged files: nothing is looked at but that it comes back. */
#ifndef REJIT_TEST_PDB_WALK_H
#define REJIT_TEST_PDB_WALK_H

#include "pdb/pdb.h"

void walk_pdb(const pdb *p);

#endif
