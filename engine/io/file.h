/* file.h -- whole files: read with a limit, write so that the name appears only when the file is complete.
 *
 *     mn_outfile out;
 *     if (mn_outfile_open(&out, path)) return mn_errcode();
 *     fwrite(..., out.f);
 *     return mn_outfile_close(&out, ok);       commits when ok and nothing failed, else removes the partial file */
#ifndef MIEN_IO_FILE_H
#define MIEN_IO_FILE_H
#include <stdio.h>
#include "mien.h"

/* An open PATH.partial.PID that becomes PATH. */
typedef struct mn_outfile { FILE *f; char *path, *partial; } mn_outfile;
mn_status mn_outfile_open(mn_outfile *out, const char *path);
mn_status mn_outfile_close(mn_outfile *out, bool ok);   /* fsync and rename when ok, else remove; frees what out holds */

mn_status mn_file_write(const char *path, const void *bytes, size_t size);   /* all or nothing, as above */
/* The whole file with a 0 behind it (not counted), for free().  More than `limit` bytes is MN_EFORMAT. */
char *mn_file_read(const char *path, size_t limit, size_t *size);
mn_status mn_dir_make(const char *path);                /* and its parents; fine if it is there */

#endif
