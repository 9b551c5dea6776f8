/* inside.h -- what the files of engine/cuda/ share. */
#ifndef MN_CUDA_INSIDE_H
#define MN_CUDA_INSIDE_H
#include "cuda.h"
#include "driver.h"
#include "../../kernels/cuda/plan.h"

enum { STAGES = 2, STAGE_BYTES = 4 << 20 };

struct cuda_device {
    const cuda_driver *cu;                             /* NULL while no GPU is open */
    struct kc_gpu gpu;
    char name[256];
    cu_context context;
    cu_stream stream, side;                            /* side: uploads while the stream records */
    void *stage[STAGES];                               /* pinned memory that uploads and downloads go through */
    cu_event staged[STAGES];                           /* the last copy that used the stage */
    bool recording, sync, plain;
    bool lost;
    char lost_to[300];                                 /* what was reported then */
};
extern struct cuda_device cuda;

/* Records an error of the driver: "WHO: WHAT: text (NAME, number)"; notes when the GPU is lost. */
mn_status cuda_error(int error, const char *who, const char *what);
/* The GPU is open and not lost; opens it. */
mn_status cuda_ready(const char *who);
mn_status cuda_function(const char *who, const char *name, cu_function *f);

/* Code that the build embeds (images.c): fatbin files, by the name of their source. */
struct cuda_image { const char *name; const unsigned char *bytes; };
extern const struct cuda_image cuda_images[];
extern const int cuda_image_count;                     /* 0 when built without nvcc */
extern const char cuda_image_archs[];                  /* "75 80 ..." */
#endif
