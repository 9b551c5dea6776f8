/* graph.c -- launches recorded once and run again with one call (cuda.h says what may happen in between).
 * Blocks that the recording took are the graph's until the graph and every tensor over them are gone. */
#include <stdlib.h>
#include "inside.h"

struct mn_graph {
    cu_graph graph;
    cu_graph_exec exec;
    mn_pool *pool;
    mn_buf **constants;                                /* what was uploaded while recording */
    int n, cap;
};
static mn_graph *current;

bool mn_graph_recording(void) { return current != NULL; }

mn_status mn_graph_begin(void) {
    if (mn_errcode()) return mn_errcode();
    if (current) return mn_fail(MN_EARG, "graph: one is being recorded already");
    if (mn_cuda_wait() || cuda_ready("graph")) return mn_errcode();    /* later uploads may use blocks that are still being read */
    mn_graph *g = calloc(1, sizeof *g);
    if (!g || !(g->pool = mn_pool_record())) { free(g); return mn_fail(MN_ENOMEM, "graph: out of memory"); }
    const int e = cuda.cu->capture_begin(cuda.stream, CU_CAPTURE_RELAXED);
    if (e) {
        mn_pool_recorded();
        mn_pool_release(g->pool);
        free(g);
        return cuda_error(e, "graph", "recording");
    }
    cuda.recording = true;
    current = g;
    return MN_OK;
}

mn_graph *mn_graph_end(void) {
    mn_graph *g = current;
    if (!g) { mn_fail(MN_EARG, "graph: none is being recorded"); return NULL; }
    current = NULL;
    cuda.recording = false;
    mn_pool_recorded();
    int e = cuda.cu->capture_end(cuda.stream, &g->graph);
    if (!e && !mn_errcode()) e = cuda.cu->graph_instantiate(&g->exec, g->graph, 0);
    if (e) cuda_error(e, "graph", "recording");
    if (!mn_errcode()) return g;
    mn_graph_free(g);
    return NULL;
}

mn_status mn_graph_launch(mn_graph *g) {
    if (cuda_ready("graph")) return mn_errcode();
    int e = cuda.cu->graph_launch(g->exec, cuda.stream);
    if (!e && cuda.sync) e = cuda.cu->stream_wait(cuda.stream);
    return e ? cuda_error(e, "graph", "launch") : MN_OK;
}

int64_t mn_graph_nodes(const mn_graph *g) {
    size_t n = 0;
    return cuda.cu->graph_nodes(g->graph, NULL, &n) ? 0 : (int64_t)n;
}

void mn_graph_free(mn_graph *g) {
    if (!g) return;
    if (!cuda.lost) {
        cuda.cu->stream_wait(cuda.stream);             /* it may be running */
        if (g->exec) cuda.cu->graph_exec_destroy(g->exec);
        if (g->graph) cuda.cu->graph_destroy(g->graph);
    }
    while (g->n) mn_buf_release(g->constants[--g->n]);
    free(g->constants);
    mn_pool_release(g->pool);
    free(g);
}

void mn_graph_constant(mn_buf *buf) {
    if (!current) return;
    if (current->n == current->cap) {
        const int cap = current->cap ? 2 * current->cap : 32;
        mn_buf **more = realloc(current->constants, (size_t)cap * sizeof *more);
        if (!more) { mn_fail(MN_ENOMEM, "graph: out of memory"); return; }
        current->constants = more;
        current->cap = cap;
    }
    current->constants[current->n++] = mn_buf_retain(buf);
}
