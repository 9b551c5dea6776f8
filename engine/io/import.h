/* import.h -- published checkpoints, translated into one safetensors file each.
 *
 *     mn_import("clip", 1, (const char *[]){"ViT-B-32.pt"}, "data/clip.safetensors", NULL, NULL);
 *
 * The file written keeps the published tensor names and can be used in place (mapped).  Its metadata say what it is:
 *     mien.kind        the model that reads it: "clip", "flame", ...
 *     mien.config      JSON with that model's settings, read off the shapes and the file's own configuration
 *     mien.sources     JSON list: file name, bytes and SHA-256 of every file it was made from
 *     mien.importer    who wrote it
 * and what else the importer keeps, under NAME.something.
 *
 * Every tensor a model needs is asked for by name and shape: a file of another model fails with a sentence.
 * Tensors nobody needs (optimiser states, losses, batch counters) are left behind. */
#ifndef MIEN_IMPORT_H
#define MIEN_IMPORT_H
#include "mien.h"
#include "io/inspect.h"

/* sources: files, and options as KEY=VALUE.  print (may be NULL) receives notes, a line each. */
mn_status mn_import(const char *kind, int n_sources, const char *const *sources, const char *out, mn_line_fn print, void *arg);

struct mn_import_job;                       /* import_internal.h */
typedef struct mn_importer {
    const char *kind, *files, *doc;         /* "next3d", "GENERATOR.pkl", a sentence */
    int min_files, max_files;
    mn_status (*run)(struct mn_import_job *job);
    const char *const *options;             /* names of its options, the last NULL; NULL for none */
} mn_importer;
const mn_importer *const *mn_importers(int *n);
#endif
