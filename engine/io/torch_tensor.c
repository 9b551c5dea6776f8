/* torch_tensor.c -- tensors, numpy arrays and their relatives as views into a file, and as mn_tensor.
 *
 *     torch    _rebuild_tensor[_v2](storage, offset, shape, strides, ...); _v3 adds a dtype.  Offset and
 *              strides count elements.
 *     numpy    _reconstruct(...) with state (version, shape, dtype, is_fortran, bytes);
 *              scalar(dtype, bytes); _frombuffer(bytes, dtype, shape, 'C' or 'F')
 *     chumpy   a Ch whose attribute x is the array
 *     scipy    CSC and CSR matrices: data, indices, indptr, _shape
 *
 * Before anything is read the shape is checked against the storage: no size or stride below 0 (neither
 * library writes one), no product that overflows, last element inside the storage.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io/torch_internal.h"

/* A dense copy may be larger than what it was expanded from (stride 0), but not without bound. */
enum { EXPANDED_LIMIT = 64 << 20 };

static mn_status bad(mn_torch *t, const char *what, const char *expected) {
    return mn_fail(MN_EFORMAT, "%s: %s: expected %s", t->label, what, expected);
}

static mn_status read_dims(mn_torch *t, const mn_pkl_value *v, const char *what, int *nd, int64_t *out) {
    size_t n = mn_pkl_count(v);
    mn_pkl_kind kind = mn_pkl_kind_of(v);
    if ((kind != MN_PKL_TUPLE && kind != MN_PKL_LIST) || n > MN_TORCH_MAXD) return mn_fail(MN_EFORMAT, "%s: %s: expected a tuple of at most %d numbers, found %s of %zu", t->label, what, MN_TORCH_MAXD, mn_pkl_kind_name(kind), n);
    for (size_t i = 0; i < n; i++) {
        if (!mn_pkl_int(mn_pkl_item(v, i), &out[i])) return mn_fail(MN_EFORMAT, "%s: %s, axis %zu: expected an integer, found %s", t->label, what, i, mn_pkl_kind_name(mn_pkl_kind_of(mn_pkl_item(v, i))));
        if (out[i] < 0) return mn_fail(MN_EFORMAT, "%s: %s, axis %zu: expected 0 or more, found %lld", t->label, what, i, (long long)out[i]);
    }
    *nd = (int)n;
    return MN_OK;
}

static mn_status count_elements(mn_torch *t, mn_torch_view *view) {
    bool empty = false;
    view->count = 1;
    for (int i = 0; i < view->nd; i++) empty |= view->shape[i] == 0;
    for (int i = 0; i < view->nd && !empty; i++)
        if (__builtin_mul_overflow(view->count, view->shape[i], &view->count) || view->count > INT64_MAX / 8)
            return mn_fail(MN_EFORMAT, "%s: a tensor whose shape multiplies beyond 2^60 elements", t->label);
    if (empty) view->count = 0;
    return MN_OK;
}

/* Place the view into `have` bytes from `base`, its first element at `offset`. */
static mn_status place(mn_torch *t, mn_torch_view *view, const uint8_t *base, size_t have, int64_t offset) {
    int64_t last = offset, item = mn_torch_raw_size(view->raw);
    if (!view->count) {
        view->data = NULL;
        return MN_OK;
    }
    for (int i = 0; i < view->nd; i++) {
        int64_t span;
        if (__builtin_mul_overflow(view->shape[i] - 1, view->stride[i], &span) || __builtin_add_overflow(last, span, &last))
            return mn_fail(MN_EFORMAT, "%s: a tensor whose strides lead beyond 2^63 elements", t->label);
    }
    if (offset < 0 || (uint64_t)last >= have / (uint64_t)item)
        return mn_fail(MN_EFORMAT, "%s: a tensor needs elements %lld to %lld, its storage has %zu of %lld bytes", t->label, (long long)offset, (long long)last, have / (size_t)item, (long long)item);
    view->data = base + offset * item;
    return MN_OK;
}

static void fill_strides(mn_torch_view *view, bool fortran) {
    int64_t step = 1;                   /* no overflow: the product was checked, and zeros do not matter */
    for (int i = 0; i < view->nd && view->count; i++) {
        int axis = fortran ? i : view->nd - 1 - i;
        view->stride[axis] = step;
        step *= view->shape[axis];
    }
}

/* ---- torch ------------------------------------------------------------------ */

static mn_status look_tensor(mn_torch *t, const mn_pkl_value *v, mn_torch_view *view) {
    const mn_pkl_value *args = mn_pkl_args(v);
    torch_storage storage;
    int64_t offset;
    int n_strides;
    mn_status s = torch_storage_find(&t->main, mn_pkl_item(args, 0), 0, &storage);
    if (s) return s;
    view->raw = storage.raw;
    view->swapped = storage.swapped;
    view->owner = storage.owner;
    if (mn_pkl_model_of(v) == MN_PKL_M_TENSOR3 && !torch_raw_of(mn_pkl_item(args, 6), &view->raw)) return bad(t, "a tensor's dtype", "torch.float32 or another known one");
    if (!mn_pkl_int(mn_pkl_item(args, 1), &offset) || offset < 0) return bad(t, "a tensor's storage offset", "an integer of 0 or more");
    if ((s = read_dims(t, mn_pkl_item(args, 2), "a tensor's shape", &view->nd, view->shape))) return s;
    if ((s = read_dims(t, mn_pkl_item(args, 3), "a tensor's strides", &n_strides, view->stride))) return s;
    if (n_strides != view->nd) return mn_fail(MN_EFORMAT, "%s: a tensor with %d sizes and %d strides", t->label, view->nd, n_strides);
    if ((s = count_elements(t, view))) return s;
    return place(t, view, storage.data, storage.bytes, offset);
}

/* ---- numpy -------------------------------------------------------------------- */

/* dtype('f8', 0, 1) with state (3, '<', ...), or text such as '<f8'. */
static mn_status read_dtype(mn_torch *t, const mn_pkl_value *v, mn_torch_view *view) {
    static const struct { const char *code; mn_torch_raw raw; } codes[] = {
        { "f4", MN_RAW_F32 }, { "f8", MN_RAW_F64 }, { "f2", MN_RAW_F16 }, { "i8", MN_RAW_I64 }, { "i4", MN_RAW_I32 }, { "i2", MN_RAW_I16 }, { "i1", MN_RAW_I8 },
        { "u8", MN_RAW_U64 }, { "u4", MN_RAW_U32 }, { "u2", MN_RAW_U16 }, { "u1", MN_RAW_U8 }, { "b1", MN_RAW_BOOL },
    };
    const mn_pkl_value *text = v, *order = NULL;
    char code[16] = "", *c = code, sign[2] = "";
    if (mn_pkl_kind_of(v) == MN_PKL_OBJECT && mn_pkl_model_of(v) == MN_PKL_M_ND_DTYPE) {
        text = mn_pkl_item(mn_pkl_args(v), 0);
        order = mn_pkl_item(mn_pkl_state(v), 1);
    }
    if (!mn_pkl_copy_text(text, code, sizeof code)) return bad(t, "an array's dtype", "text such as 'f8'");
    if (*c == '<' || *c == '>' || *c == '|' || *c == '=') sign[0] = *c++;
    if (order) mn_pkl_copy_text(order, sign, sizeof sign);
    view->swapped = sign[0] == '>';
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(c, codes[i].code)) {
            view->raw = codes[i].raw;
            return MN_OK;
        }
    return mn_fail(MN_EDTYPE, "%s: an array of dtype '%s', expected numbers of 1, 2, 4 or 8 bytes", t->label, code);
}

static mn_status look_array(mn_torch *t, const mn_pkl_value *v, mn_torch_view *view) {
    const mn_pkl_value *args = mn_pkl_args(v), *state = mn_pkl_state(v), *dtype, *shape = NULL, *bytes;
    bool fortran = false;
    size_t have;
    switch (mn_pkl_model_of(v)) {
    case MN_PKL_M_ND_SCALAR: dtype = mn_pkl_item(args, 0), bytes = mn_pkl_item(args, 1); break;
    case MN_PKL_M_ND_BUFFER:
        bytes = mn_pkl_item(args, 0), dtype = mn_pkl_item(args, 1), shape = mn_pkl_item(args, 2);
        fortran = mn_pkl_is_text(mn_pkl_item(args, 3), "F");
        break;
    default:
        if (mn_pkl_count(state) != 5) return bad(t, "an array's state", "(version, shape, dtype, is_fortran, bytes)");
        shape = mn_pkl_item(state, 1), dtype = mn_pkl_item(state, 2), bytes = mn_pkl_item(state, 4);
        if (!mn_pkl_bool(mn_pkl_item(state, 3), &fortran)) {
            int64_t flag;               /* protocols 0 and 1 have no booleans of their own */
            if (!mn_pkl_int(mn_pkl_item(state, 3), &flag)) return bad(t, "an array's memory order", "a bool");
            fortran = flag != 0;
        }
    }
    mn_status s = read_dtype(t, dtype, view);
    if (s || (shape && (s = read_dims(t, shape, "an array's shape", &view->nd, view->shape))) || (s = count_elements(t, view))) return s;
    const uint8_t *data = mn_pkl_kind_of(bytes) == MN_PKL_BIGINT ? NULL : mn_pkl_text(bytes, &have);
    if (!data) return bad(t, "an array's elements", "bytes");
    if (have / (size_t)mn_torch_raw_size(view->raw) != (uint64_t)view->count || have % (size_t)mn_torch_raw_size(view->raw))
        return mn_fail(MN_EFORMAT, "%s: an array of %lld elements of %s, found %zu bytes", t->label, (long long)view->count, mn_torch_raw_name(view->raw), have);
    fill_strides(view, fortran);
    if (data >= t->file->data && data <= t->file->data + t->file->size) view->owner = t->file;
    return place(t, view, data, have, 0);
}

/* ---- views -------------------------------------------------------------------- */

static const mn_pkl_value *attribute(const mn_pkl_value *object, const char *name) { return mn_pkl_get(mn_pkl_state(object), name); }

/* Chumpy leaves hold their array in x (a Ch inside a Ch does not occur). */
static const mn_pkl_value *unwrap(const mn_pkl_value *v) {
    return mn_pkl_kind_of(v) == MN_PKL_OBJECT && mn_pkl_model_of(v) == MN_PKL_M_CHUMPY ? attribute(v, "x") : v;
}

static bool is_sparse(const mn_pkl_value *v) {
    return mn_pkl_kind_of(v) == MN_PKL_OBJECT && (mn_pkl_model_of(v) == MN_PKL_M_CSC || mn_pkl_model_of(v) == MN_PKL_M_CSR);
}

bool mn_torch_is_tensor(const mn_pkl_value *v) {
    v = unwrap(v);
    if (mn_pkl_kind_of(v) == MN_PKL_TENSOR || is_sparse(v)) return true;
    if (mn_pkl_kind_of(v) != MN_PKL_ARRAY) return false;
    return mn_pkl_model_of(v) != MN_PKL_M_ND_NEW || mn_pkl_kind_of(mn_pkl_item(mn_pkl_state(v), 4)) != MN_PKL_LIST;    /* object arrays */
}

mn_status mn_torch_look(mn_torch *t, const mn_pkl_value *v, mn_torch_view *view) {
    char name[120];
    *view = (mn_torch_view){ .raw = MN_RAW_U8 };
    if (mn_errcode()) return mn_errcode();
    v = unwrap(v);
    if (mn_pkl_kind_of(v) == MN_PKL_TENSOR) return look_tensor(t, v, view);
    if (mn_pkl_kind_of(v) == MN_PKL_ARRAY) return look_array(t, v, view);
    return mn_fail(MN_EFORMAT, "%s: expected a tensor or an array of numbers, found %s", t->label,
                   mn_pkl_kind_of(v) == MN_PKL_OBJECT ? mn_pkl_class_text(v, name, sizeof name) : mn_pkl_kind_name(mn_pkl_kind_of(v)));
}

/* Element at `at`, its bytes in our order, in the low end of a 64-bit word. */
static uint64_t load(const mn_torch_view *view, const uint8_t *at) {
    int n = mn_torch_raw_size(view->raw);
    uint64_t x = 0;
    for (int i = 0; i < n; i++) x |= (uint64_t)at[view->swapped ? n - 1 - i : i] << 8 * i;
    return x;
}

static bool load_int(const mn_torch_view *view, const uint8_t *at, int64_t *out) {
    uint64_t x = load(view, at);
    switch (view->raw) {
    case MN_RAW_I64: *out = (int64_t)x; return true;
    case MN_RAW_I32: *out = (int32_t)x; return true;
    case MN_RAW_I16: *out = (int16_t)x; return true;
    case MN_RAW_I8: *out = (int8_t)x; return true;
    case MN_RAW_U32: case MN_RAW_U16: case MN_RAW_U8: *out = (int64_t)x; return true;
    case MN_RAW_BOOL: *out = x != 0; return true;
    case MN_RAW_U64: *out = (int64_t)x; return x <= INT64_MAX;
    default: return false;
    }
}

bool mn_torch_int_at(const mn_torch_view *view, int64_t index, int64_t *out) {
    int64_t at = 0;
    if (index < 0 || index >= view->count) return false;
    for (int i = view->nd - 1; i >= 0; i--) {
        at += index % view->shape[i] * view->stride[i];
        index /= view->shape[i];
    }
    return load_int(view, view->data + at * mn_torch_raw_size(view->raw), out);
}

/* ---- dense tensors --------------------------------------------------------------- */

static mn_dtype our_dtype(mn_torch_raw raw) {
    switch (raw) {
    case MN_RAW_F32: case MN_RAW_BF16: return MN_F32;
    case MN_RAW_F64: return MN_F64;
    case MN_RAW_F16: return MN_F16;
    case MN_RAW_U8: case MN_RAW_BOOL: return MN_U8;
    default: return MN_I32;
    }
}

/* Elements as they are, apart from their byte order? */
static bool same_bits(mn_torch_raw raw) { return raw == MN_RAW_F32 || raw == MN_RAW_F64 || raw == MN_RAW_F16 || raw == MN_RAW_I32 || raw == MN_RAW_U8; }

static mn_status copy_row(mn_torch *t, const mn_torch_view *view, const uint8_t *from, int64_t n, int64_t stride, uint8_t *to) {
    int item = mn_torch_raw_size(view->raw), out_item = (int)mn_dtype_size(our_dtype(view->raw));
    if (same_bits(view->raw) && !view->swapped && stride == 1) {
        memcpy(to, from, (size_t)n * (size_t)item);
        return MN_OK;
    }
    for (int64_t i = 0; i < n; i++, to += out_item, from += stride * item) {
        if (same_bits(view->raw) || view->raw == MN_RAW_BF16) {
            uint64_t x = load(view, from) << (view->raw == MN_RAW_BF16 ? 16 : 0);
            memcpy(to, &x, (size_t)out_item);           /* little-endian machines only, as everywhere in mien */
            continue;
        }
        int64_t x;
        if (!load_int(view, from, &x) || x < INT32_MIN || x > INT32_MAX)
            return mn_fail(MN_EDTYPE, "%s: a %s element %lld does not fit into i32", t->label, mn_torch_raw_name(view->raw), (long long)load(view, from));
        if (out_item == 1) {
            *to = x != 0;                               /* bool */
        } else {
            int32_t narrow = (int32_t)x;
            memcpy(to, &narrow, sizeof narrow);
        }
    }
    return MN_OK;
}

static mn_status copy_dense(mn_torch *t, const mn_torch_view *view, uint8_t *to) {
    int64_t at[MN_TORCH_MAXD] = { 0 }, row = 1, stride = 1, out_item = (int64_t)mn_dtype_size(our_dtype(view->raw));
    int inner = view->nd;               /* axes from here on are contiguous and copied as one row */
    while (inner > 0 && (view->stride[inner - 1] == row || view->shape[inner - 1] == 1)) row *= view->shape[--inner];
    if (inner == view->nd && inner > 0) inner--, row = view->shape[inner], stride = view->stride[inner];
    for (int64_t done = 0; done < view->count; done += row) {
        int64_t offset = 0;
        for (int i = 0; i < inner; i++) offset += at[i] * view->stride[i];
        mn_status s = copy_row(t, view, view->data + offset * mn_torch_raw_size(view->raw), row, stride, to + done * out_item);
        if (s) return s;
        for (int i = inner - 1; i >= 0 && ++at[i] == view->shape[i]; i--) at[i] = 0;
    }
    return MN_OK;
}

static bool is_contiguous(const mn_torch_view *view) {
    int64_t step = 1;
    for (int i = view->nd - 1; i >= 0; step *= view->shape[i--])
        if (view->shape[i] != 1 && view->stride[i] != step) return false;
    return true;
}

static mn_tensor *tensor_of(mn_torch *t, const mn_torch_view *view) {
    mn_dtype dtype = our_dtype(view->raw);
    if (view->nd > MN_MAXD) {
        mn_fail(MN_ESHAPE, "%s: a tensor of %d axes, expected at most %d", t->label, view->nd, MN_MAXD);
        return NULL;
    }
    if (view->count && view->owner && same_bits(view->raw) && !view->swapped && is_contiguous(view) && (uintptr_t)view->data % mn_dtype_size(dtype) == 0) {
        return mn_wrap(dtype, view->nd, view->shape, (void *)view->data, mn_mapping_release, mn_mapping_retain(view->owner));
    }
    int64_t span = 1;                   /* elements between first and last: what the file has for it */
    for (int i = 0; i < view->nd && view->count; i++) span += (view->shape[i] - 1) * view->stride[i];
    if (view->count > span && (view->count - span) > EXPANDED_LIMIT / (int64_t)mn_dtype_size(dtype)) {
        mn_fail(MN_EFORMAT, "%s: a tensor expands %lld elements to %lld, expected at most %d MB more", t->label, (long long)span, (long long)view->count, EXPANDED_LIMIT >> 20);
        return NULL;
    }
    mn_tensor *out = mn_empty(dtype, view->nd, view->shape);
    if (!out || copy_dense(t, view, mn_data(out))) return NULL;
    if (view->count) mn_mapping_forget(view->owner, view->data, (size_t)span * (size_t)mn_torch_raw_size(view->raw));
    return out;
}

static uint64_t load_word(const uint8_t *at, size_t bytes) {
    uint64_t x = 0;
    memcpy(&x, at, bytes);
    return x;
}

/* Columns (CSC) or rows (CSR) one after another: entry k of line j is at indptr[j] <= k < indptr[j + 1]. */
static mn_tensor *sparse_tensor(mn_torch *t, const mn_pkl_value *v) {
    mn_torch_view data, indices, indptr;
    int64_t shape[MN_TORCH_MAXD];
    int nd;
    const mn_pkl_value *dims = attribute(v, "_shape") ? attribute(v, "_shape") : attribute(v, "shape");
    if (read_dims(t, dims, "a sparse matrix's _shape", &nd, shape) || mn_torch_look(t, attribute(v, "data"), &data) ||
        mn_torch_look(t, attribute(v, "indices"), &indices) || mn_torch_look(t, attribute(v, "indptr"), &indptr)) return NULL;
    bool csc = mn_pkl_model_of(v) == MN_PKL_M_CSC;
    int64_t lines = nd == 2 ? shape[csc] : 0, across = nd == 2 ? shape[!csc] : 0, room = EXPANDED_LIMIT / 8;
    if (nd != 2 || data.nd != 1 || indices.nd != 1 || indptr.nd != 1 || indptr.count - 1 != lines || indices.count != data.count || (lines && across > room / lines)) {
        bad(t, "a sparse matrix", "two axes of at most 8 million elements, as many indices as data, and one indptr more than lines");
        return NULL;
    }
    mn_tensor *numbers = tensor_of(t, &data), *out = numbers ? mn_zeros(mn_dtype_of(numbers), 2, shape) : NULL;
    if (!out) return NULL;
    size_t item = mn_dtype_size(mn_dtype_of(out));
    for (int64_t j = 0, at = 0; j < lines; j++) {
        int64_t from, to, index;
        if (!mn_torch_int_at(&indptr, j, &from) || !mn_torch_int_at(&indptr, j + 1, &to) || from != at || to < from || to > data.count) {
            bad(t, "a sparse matrix's indptr", "ascending integers from 0 to the number of elements");
            return NULL;
        }
        for (; at < to; at++) {
            if (!mn_torch_int_at(&indices, at, &index) || index < 0 || index >= across) {
                bad(t, "a sparse matrix's indices", "integers inside its shape");
                return NULL;
            }
            size_t cell = (size_t)(csc ? index * shape[1] + j : j * shape[1] + index);
            uint8_t *to = (uint8_t *)mn_data(out) + cell * item;
            if (load_word(to, item)) {
                bad(t, "a sparse matrix", "each entry once");
                return NULL;
            }
            memcpy(to, (uint8_t *)mn_data(numbers) + (size_t)at * item, item);
        }
    }
    return out;
}

mn_tensor *mn_torch_tensor(mn_torch *t, const mn_pkl_value *v) {
    mn_torch_view view;
    mn_scope scope = mn_scope_open();
    mn_tensor *out = NULL;
    if (is_sparse(v)) out = sparse_tensor(t, v);
    else if (!mn_torch_look(t, v, &view)) out = tensor_of(t, &view);
    return mn_scope_leave(scope, out);
}
