/* sql.c -- the library's SQL files, carried inside the program.
 * The assembler's .incbin copies each file byte for byte and a zero follows, so
 * each symbol is a C string.  Paths are relative to the repository root (the
 * compiler is called there, or with -I of it).  Compilers do not report these
 * files as dependencies: the Makefile names them. */
#include "store/db.h"

#define EMBED(symbol, file)                                                        \
    __asm__(".pushsection .rodata\n.global " #symbol "\n.hidden " #symbol "\n"     \
            #symbol ":\n.incbin \"" file "\"\n.byte 0\n.popsection\n");            \
    extern const char symbol[] __attribute__((visibility("hidden")))

EMBED(mn_db_sql_schema, "store/schema.sql");
EMBED(mn_db_sql_0002, "store/migrate/0002_run_state.sql");

const char *mn_db_schema(void) { return mn_db_sql_schema; }

const char *mn_db_migration(int to_version) {
    switch (to_version) {
    case 2: return mn_db_sql_0002;
    default: return NULL;
    }
}
