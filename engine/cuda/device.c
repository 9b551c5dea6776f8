/* device.c -- one GPU: opening it, memory, copies, launches (cuda.h). */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "inside.h"
#include "../../kernels/shapes.h"

struct cuda_device cuda;
static int selected;

/* ---- errors ---- */

/* Faults after which the driver answers every call with the same error. */
static bool fatal(int error) {
    return error == 46 || error == 214 || error == 220 || error == 700 || error == 702 || (error >= 709 && error <= 719) || error == 999;
}

mn_status cuda_error(int error, const char *who, const char *what) {
    const char *name = NULL, *text = NULL;
    if (cuda.cu->error_name(error, &name) || !name) name = "unknown";
    if (cuda.cu->error_text(error, &text) || !text) text = "unknown error";
    const char *hint = fatal(error) && !cuda.sync ? "; an earlier op may be the cause: MIEN_SYNC=1 names it" : "";
    if (fatal(error) && !cuda.lost) {
        cuda.lost = true;
        snprintf(cuda.lost_to, sizeof cuda.lost_to, "%s: %s: %s (%s)", who, what, text, name);
    }
    return mn_fail(error == CU_OUT_OF_MEMORY ? MN_ENOMEM : MN_EDEVICE, "%s: %s: %s (%s, %d)%s", who, what, text, name, error, hint);
}

/* ---- which GPU ---- */

int mn_cuda_count(const char **why) {
    const char *unused;
    const cuda_driver *cu = cuda_driver_get(why ? why : &unused);
    int n = 0;
    if (!cu) return 0;
    if (cu->device_count(&n)) n = 0;
    if (!n && why) *why = "the driver finds no GPU";
    return n;
}

static mn_status need_gpu(int ordinal) {
    const char *why;
    const int n = mn_cuda_count(&why);
    if (n == 0) return mn_fail(MN_EDEVICE, "cuda: no GPU here: %s", why);
    if (ordinal < 0 || ordinal >= n) return mn_fail(MN_EDEVICE, "cuda:%d: there %s cuda:0%s%.0d", ordinal, n > 1 ? "are" : "is only", n > 1 ? " to cuda:" : "", n > 1 ? n - 1 : 0);
    return MN_OK;
}

static int attribute(const cuda_driver *cu, int device, int which) {
    int value = 0;
    return cu->device_attribute(&value, which, device) ? 0 : value;
}

mn_status mn_cuda_describe(int ordinal, mn_gpu *gpu) {
    const char *why;
    if (need_gpu(ordinal)) return mn_errcode();
    const cuda_driver *cu = cuda_driver_get(&why);
    int device;
    memset(gpu, 0, sizeof *gpu);
    if (cu->device(&device, ordinal) || cu->device_name(gpu->name, sizeof gpu->name, device) || cu->device_memory(&gpu->memory, device))
        return mn_fail(MN_EDEVICE, "cuda:%d: the driver does not describe it", ordinal);
    gpu->sm = 10 * attribute(cu, device, CU_ATTR_MAJOR) + attribute(cu, device, CU_ATTR_MINOR);
    gpu->sms = attribute(cu, device, CU_ATTR_SMS);
    return MN_OK;
}

mn_status mn_cuda_select(int ordinal) {
    if (need_gpu(ordinal)) return mn_errcode();
    if (cuda.cu && ordinal != selected) return mn_fail(MN_EDEVICE, "cuda:%d: this process works on cuda:%d already", ordinal, selected);
    selected = ordinal;
    return MN_OK;
}
int mn_cuda_selected(void) { return selected; }
bool mn_cuda_deterministic(void) { return cuda.gpu.deterministic; }

static bool set(const char *name) { const char *v = getenv(name); return v && !strcmp(v, "1"); }

mn_status mn_cuda_open(void) {
    mn_gpu gpu;
    const char *why;
    int device;
    if (cuda.cu) return MN_OK;
    if (mn_cuda_describe(selected, &gpu)) return mn_errcode();
    struct cuda_device d = {.cu = cuda_driver_get(&why), .sync = set("MIEN_SYNC"), .plain = set("MIEN_CUDA_PLAIN"),
                            .gpu = {.sm = gpu.sm, .sms = gpu.sms, .deterministic = set("MIEN_DETERMINISTIC")}};
    memcpy(d.name, gpu.name, sizeof d.name);
    cuda.cu = d.cu;                                    /* cuda_error reads it */
    int e = d.cu->device(&device, selected);
    d.gpu.shared = attribute(d.cu, device, CU_ATTR_SHARED);
    if (!e) e = d.cu->context_retain(&d.context, device);
    if (!e) e = d.cu->context_use(d.context);
    if (!e) e = d.cu->stream_create(&d.stream, CU_STREAM_NON_BLOCKING);
    if (!e) e = d.cu->stream_create(&d.side, CU_STREAM_NON_BLOCKING);
    for (int k = 0; k < STAGES && !e; k++) {
        e = d.cu->host_alloc(&d.stage[k], STAGE_BYTES, 0);
        if (!e) e = d.cu->event_create(&d.staged[k], CU_EVENT_NO_TIMING);
    }
    if (e) {
        cuda_error(e, "cuda", gpu.name);
        cuda.cu = NULL;
        return mn_errcode();
    }
    cuda = d;
    return MN_OK;
}

mn_status cuda_ready(const char *who) {
    static _Thread_local bool attached;                /* the driver wants every thread to say which context it uses */
    if (!cuda.cu && mn_cuda_open()) return mn_errcode();
    if (cuda.lost) return mn_fail(MN_EDEVICE, "%s: the GPU was lost (%s)", who, cuda.lost_to);
    if (!attached) {
        const int e = cuda.cu->context_use(cuda.context);
        if (e) return cuda_error(e, who, "context");
        attached = true;
    }
    return MN_OK;
}

/* ---- memory ---- */

void *mn_cuda_alloc(size_t bytes) {
    cu_ptr p = 0;
    if (cuda_ready("cuda")) return NULL;
    const int e = cuda.cu->alloc(&p, bytes);
    if (e && e != CU_OUT_OF_MEMORY) cuda_error(e, "cuda", "allocation");
    return e ? NULL : (void *)(uintptr_t)p;
}
void mn_cuda_free(void *p) { if (!cuda.lost) cuda.cu->free((cu_ptr)(uintptr_t)p); }
size_t mn_cuda_free_bytes(void) {
    size_t bytes = 0, total;
    return cuda.cu && !cuda.lost && !cuda.cu->memory_info(&bytes, &total) ? bytes : 0;
}

static cu_ptr at(const void *p) { return (cu_ptr)(uintptr_t)p; }

/* Chunk by chunk through the two stages: while one is copied to or from the GPU the other is filled or emptied. */
mn_status mn_cuda_upload(void *to, const void *from, size_t bytes) {
    if (cuda_ready("upload")) return mn_errcode();
    cu_stream stream = cuda.recording ? cuda.side : cuda.stream;
    int e = 0;
    for (size_t done = 0, k = 0; done < bytes && !e; k = (k + 1) % STAGES) {
        const size_t n = bytes - done < STAGE_BYTES ? bytes - done : STAGE_BYTES;
        e = cuda.cu->event_wait(cuda.staged[k]);
        if (e) break;
        memcpy(cuda.stage[k], (const char *)from + done, n);
        e = cuda.cu->upload(at(to) + done, cuda.stage[k], n, stream);
        if (!e) e = cuda.cu->event_record(cuda.staged[k], stream);
        done += n;
    }
    if (!e && cuda.recording) e = cuda.cu->stream_wait(stream);
    return e ? cuda_error(e, "upload", "copy to the GPU") : MN_OK;
}

mn_status mn_cuda_download(void *to, const void *from, size_t bytes) {
    if (cuda_ready("download")) return mn_errcode();
    if (cuda.recording) return mn_fail(MN_EDEVICE, "download: numbers of the GPU are asked for while a graph is recorded: they do not exist yet");
    int e = 0;
    for (size_t asked = 0, done = 0, k = 0; done < bytes && !e; k = (k + 1) % STAGES) {
        while (asked < bytes && asked < done + STAGES * (size_t)STAGE_BYTES && !e) {
            const size_t j = asked / STAGE_BYTES % STAGES, n = bytes - asked < STAGE_BYTES ? bytes - asked : STAGE_BYTES;
            e = cuda.cu->download(cuda.stage[j], at(from) + asked, n, cuda.stream);
            if (!e) e = cuda.cu->event_record(cuda.staged[j], cuda.stream);
            asked += n;
        }
        if (!e) e = cuda.cu->event_wait(cuda.staged[k]);
        if (e) break;
        const size_t n = bytes - done < STAGE_BYTES ? bytes - done : STAGE_BYTES;
        memcpy((char *)to + done, cuda.stage[k], n);
        done += n;
    }
    return e ? cuda_error(e, "download", "copy from the GPU") : MN_OK;
}

mn_status mn_cuda_copy(void *to, const void *from, size_t bytes) {
    if (cuda_ready("copy")) return mn_errcode();
    const int e = bytes ? cuda.cu->copy(at(to), at(from), bytes, cuda.stream) : 0;
    return e ? cuda_error(e, "copy", "copy on the GPU") : MN_OK;
}

mn_status mn_cuda_set(void *to, uint32_t value, size_t width, size_t n) {
    if (cuda_ready("fill")) return mn_errcode();
    const int e = !n ? 0 : width == 1 ? cuda.cu->set8(at(to), (unsigned char)value, n, cuda.stream) : cuda.cu->set32(at(to), value, n, cuda.stream);
    return e ? cuda_error(e, "fill", "memory of the GPU") : MN_OK;
}

mn_status mn_cuda_wait(void) {
    if (!cuda.cu) return MN_OK;
    if (cuda_ready("wait")) return mn_errcode();
    const int e = cuda.cu->stream_wait(cuda.stream);
    return e ? cuda_error(e, "wait", "the work launched so far") : MN_OK;
}

/* ---- functions by name ---- */

enum { MODULES = 128, NAMES = 512 };
static struct {
    cu_module module[MODULES];
    int loaded;                                        /* images tried so far */
    struct { const char *name; cu_function f; } known[NAMES];   /* open-addressing table */
} code;

/* Image k's module; an image without code for this GPU is an error that names what there is. */
static mn_status load(const char *who, int k) {
    static const unsigned char none[] = "";
    const bool built = cuda_image_count > 0;
    const int e = cuda.cu->module_load(&code.module[k], built ? cuda_images[k].bytes : none);
    if (e && !built) return mn_fail(MN_EDEVICE, "%s: this program was built without nvcc and has no code for %s", who, cuda.name);
    if (e == CU_NO_BINARY || e == CU_UNSUPPORTED_PTX)
        return mn_fail(MN_EDEVICE, "%s: no code for %s (sm_%d) in this program, which was built for sm %s", who, cuda.name, cuda.gpu.sm, cuda_image_archs);
    return e ? cuda_error(e, who, "loading GPU code") : MN_OK;
}

mn_status cuda_function(const char *who, const char *name, cu_function *f) {
    uint32_t h = 2166136261u;
    for (const char *p = name; *p; p++) h = (h ^ (unsigned char)*p) * 16777619u;
    for (; code.known[h % NAMES].name; h++)
        if (!strcmp(code.known[h % NAMES].name, name)) { *f = code.known[h % NAMES].f; return MN_OK; }
    for (int k = 0; k < MODULES && (k == 0 || k < cuda_image_count); k++) {
        if (k == code.loaded) {
            if (load(who, k)) return mn_errcode();
            code.loaded++;
        }
        const int e = cuda.cu->module_function(f, code.module[k], name);
        if (e == CU_NOT_FOUND) continue;
        if (e) return cuda_error(e, who, name);
        code.known[h % NAMES].name = name;
        code.known[h % NAMES].f = *f;
        return MN_OK;
    }
    return mn_fail(MN_EINTERNAL, "%s: the program has no GPU kernel %s", who, name);
}

/* ---- launches ---- */

static mn_status run(const char *who, const char *kernel, cu_function f, const unsigned grid[3], const unsigned block[3], unsigned shared, const void *args) {
    void *params[] = {(void *)args};
    int e = cuda.cu->launch(f, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, cuda.stream, params, NULL);
    if (!e && cuda.sync && !cuda.recording) e = cuda.cu->stream_wait(cuda.stream);
    return e ? cuda_error(e, who, kernel) : MN_OK;
}

#define K(name) extern const struct k_shape k_shape_##name;
#include "../../kernels/kernels.def"
#undef K
static const struct { const char *name; const struct k_shape *shape; } kernels[] = {
#define K(name) {"k_cuda_" #name "_f32", &k_shape_##name},
#include "../../kernels/kernels.def"
#undef K
};

mn_status mn_cuda_launch(const char *who, enum mn_kernel_id id, const void *args) {
    enum { GRID_MAX = 1 << 20, SPREAD_TO = 2048 };     /* loops in the kernels cover what exceeds the grid */
    int64_t n;
    cu_function f;
    memcpy(&n, args, sizeof n);
    if (n <= 0) return MN_OK;
    if (cuda_ready(who) || cuda_function(who, kernels[id].name, &f)) return mn_errcode();
    const struct k_shape *shape = kernels[id].shape;
    const enum k_kind kind = shape->kind;
    const bool one = cuda.gpu.deterministic && (kind == K_SERIAL || kind == K_SCATTER);   /* one thread adds in order */
    const bool elements = kind == K_ELEMENTS || kind == K_SERIAL;
    const int64_t blocks = elements ? one ? 1 : (n + K_THREADS - 1) / K_THREADS : n;
    unsigned grid[3] = {(unsigned)(blocks < GRID_MAX ? blocks : GRID_MAX), 1, 1}, block[3] = {one ? 1 : K_THREADS, 1, 1};
    if (kind == K_SPREAD && n < SPREAD_TO) {
        int64_t len;
        memcpy(&len, (const char *)args + shape->len_at, sizeof len);
        const int64_t wanted = (len + K_THREADS - 1) / K_THREADS, most = SPREAD_TO / n;
        if (wanted > 1) grid[1] = (unsigned)(wanted < most ? wanted : most);
    }
    return run(who, kernels[id].name, f, grid, block, 0, args);
}

#define COMPOSE(name) extern kc_planner kc_plan_##name __attribute__((weak));
#define REPLACE(name) COMPOSE(name)
#include "../../kernels/tuned/tuned.def"
#undef COMPOSE
static kc_planner *const planners[] = {
#define COMPOSE(name) kc_plan_##name,
#include "../../kernels/tuned/tuned.def"
#undef COMPOSE
#undef REPLACE
};

bool mn_cuda_has_tuned(enum mn_tuned_id id) { return (planners[id] || id == MN_T_matmul) && !mn_cuda_open() && !cuda.plain; }

/* Workspace is given back as soon as the launches are queued: whoever takes it next comes later in the stream. */
static mn_status run_plan(const char *who, struct kc_plan *plan) {
    for (int k = 0; k < plan->n; k++) {
        const struct kc_launch *l = &plan->launch[k];
        cu_function f;
        if (cuda_function(who, l->kernel, &f)) return mn_errcode();
        const int e = l->shared > 48 * 1024 ? cuda.cu->function_set(f, CU_FUNC_SHARED, (int)l->shared) : 0;
        if (e) return cuda_error(e, who, l->kernel);
        if (run(who, l->kernel, f, l->grid, l->block, l->shared, l->args)) return mn_errcode();
    }
    return MN_OK;
}

mn_status mn_cuda_tuned(const char *who, enum mn_tuned_id id, const void *args, bool *done) {
    *done = false;
    if (cuda_ready(who)) return mn_errcode();
    if (cuda.plain) return MN_OK;
    if (id == MN_T_matmul) { *done = true; return mn_cuda_matmul(who, args); }
    if (!planners[id]) return MN_OK;
    struct kc_plan plan;
    cuda.gpu.precision = mn_get_precision();
    memset(&plan, 0, offsetof(struct kc_plan, launch));
    plan.work_bytes = 0;
    plan.work = NULL;
    if (!planners[id](args, &cuda.gpu, &plan)) return MN_OK;
    *done = true;
    if (!plan.work_bytes) return run_plan(who, &plan);
    mn_buf *work = mn_buf_new(mn_pool_of(MN_CUDA), MN_CUDA, plan.work_bytes);
    if (!work) return mn_errcode();
    plan.n = 0;
    plan.work = work->data;
    mn_status s = planners[id](args, &cuda.gpu, &plan) ? run_plan(who, &plan) : mn_fail(MN_EINTERNAL, "%s: a plan changed its mind", who);
    mn_buf_release(work);
    return s;
}
