/* inspect.h -- what is in a checkpoint: a tree of names, shapes and dtypes, and what its loader would have run. */
#ifndef MIEN_INSPECT_H
#define MIEN_INSPECT_H
#include "mien.h"

/* Receives one line at a time, without newline: UTF-8, no control characters. */
typedef void (*mn_line_fn)(void *arg, const char *line);

/* Summarise a safetensors, torch, TorchScript, pickle, .npy or .npz file.  Reads headers and pickles, no tensor
 * data.  At most about 20,000 lines. */
mn_status mn_inspect(const char *path, mn_line_fn print, void *arg);

#endif
