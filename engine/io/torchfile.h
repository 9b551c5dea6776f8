/* torchfile.h -- files that Python programs keep tensors in, read without Python and without running them.
 *
 * mn_torch_open tells by content: torch.save's zip form (torch >= 1.6), TorchScript archives, torch.save's
 * legacy form, bare pickles (protocols 0-5), and numpy's .npy and .npz.  What lies inside is a tree of
 * mn_pkl_value (pickle.h) with tensors at its leaves:
 *
 *     mn_torch *t = mn_torch_open("ViT-B-32.pt");
 *     mn_torch_dict *d = t ? mn_torch_dict_new(t, NULL) : NULL;           names -> tensors
 *     const mn_pkl_value *v = d ? mn_torch_dict_find(d, "visual.proj") : NULL;
 *     mn_tensor *proj = v ? mn_torch_tensor(t, v) : NULL;                 lives on after mn_torch_close
 *
 * A contiguous, aligned tensor of a dtype of ours lies in the mapped file; others are copied.
 */
#ifndef MIEN_TORCHFILE_H
#define MIEN_TORCHFILE_H
#include "mien.h"
#include "io/mapping.h"
#include "io/pickle.h"

typedef struct mn_torch mn_torch;
typedef enum mn_torch_container {
    MN_TORCH_ZIP, MN_TORCH_SCRIPT, MN_TORCH_LEGACY, MN_TORCH_PICKLE, MN_TORCH_NPY, MN_TORCH_NPZ
} mn_torch_container;

mn_torch *mn_torch_open(const char *path);                              /* NULL on failure */
/* The same for bytes in memory; retains the mapping.  `label` stands in front of messages. */
mn_torch *mn_torch_open_bytes(mn_mapping *bytes, const char *label);
void mn_torch_close(mn_torch *t);                                       /* values die, tensors stay */
mn_torch_container mn_torch_container_of(const mn_torch *t);
const char *mn_torch_container_text(mn_torch_container c);              /* "torch zip archive" ... */
/* Compare the checksums of all members of a zip (reads the whole file); other containers have none. */
mn_status mn_torch_verify(const mn_torch *t);
size_t mn_torch_size(const mn_torch *t);                                /* of the file, in bytes */
const mn_pkl *mn_torch_pickle(const mn_torch *t);                       /* for the names met; NULL for arrays without a pickle */
/* The pickled value; of .npy the array (an object array of no dimensions: its object), of .npz a dict of arrays. */
const mn_pkl_value *mn_torch_root(const mn_torch *t);

/* ---- tensors ------------------------------------------------------------- */

enum { MN_TORCH_MAXD = 32 };

typedef enum mn_torch_raw {                 /* element types as stored */
    MN_RAW_F32, MN_RAW_F64, MN_RAW_F16, MN_RAW_BF16, MN_RAW_I64, MN_RAW_I32, MN_RAW_I16, MN_RAW_I8,
    MN_RAW_U64, MN_RAW_U32, MN_RAW_U16, MN_RAW_U8, MN_RAW_BOOL, MN_RAW_COUNT
} mn_torch_raw;

/* A tensor as it lies in the file: shape and strides checked against its storage, nothing read. */
typedef struct mn_torch_view {
    mn_torch_raw raw;
    int nd;
    int64_t shape[MN_TORCH_MAXD], stride[MN_TORCH_MAXD];    /* strides in elements, >= 0 */
    int64_t count;                          /* product of shape */
    const uint8_t *data;                    /* the first element; NULL if count is 0 */
    bool swapped;                           /* big-endian */
    mn_mapping *owner;                      /* what keeps data alive beyond mn_torch_close; NULL: nothing does */
} mn_torch_view;

const char *mn_torch_raw_name(mn_torch_raw raw);            /* "bf16" ... */
int mn_torch_raw_size(mn_torch_raw raw);

/* A torch tensor or parameter, a numpy array or scalar of numbers, a chumpy leaf, a scipy CSC or CSR matrix? */
bool mn_torch_is_tensor(const mn_pkl_value *v);
/* All of those except sparse matrices. */
mn_status mn_torch_look(mn_torch *t, const mn_pkl_value *v, mn_torch_view *view);
/* One element (row-major index) of an integer or bool view, false for other dtypes. */
bool mn_torch_int_at(const mn_torch_view *view, int64_t index, int64_t *out);
/* Dense, in our dtype: bf16 becomes f32, bool u8, other integers i32 (an element that does not fit is an error);
 * sparse matrices become dense. */
mn_tensor *mn_torch_tensor(mn_torch *t, const mn_pkl_value *v);

/* ---- state dicts ------------------------------------------------------------ */

/* All tensors below `from` (NULL: the root) under dotted names: keys of nested dicts, attributes of TorchScript
 * objects, parameters and buffers of pickled torch modules.  Anything else is skipped.  NULL on failure. */
typedef struct mn_torch_dict mn_torch_dict;
mn_torch_dict *mn_torch_dict_new(mn_torch *t, const mn_pkl_value *from);
void mn_torch_dict_free(mn_torch_dict *d);
int mn_torch_dict_count(const mn_torch_dict *d);
const char *mn_torch_dict_name(const mn_torch_dict *d, int i);          /* in file order */
const mn_pkl_value *mn_torch_dict_value(const mn_torch_dict *d, int i);
const mn_pkl_value *mn_torch_dict_find(const mn_torch_dict *d, const char *name);
/* The tensor of that name; NULL with MN_ENOTFOUND when it is missing. */
mn_tensor *mn_torch_dict_tensor(mn_torch *t, const mn_torch_dict *d, const char *name);

#endif
