/* images.c -- GPU code inside the program: the files that nvcc made of kernels/, listed by the build in cuda_images.inc. */
#include "inside.h"

/* The file between two symbols of the read-only data. */
#define IMAGE(name, path)                                                                                  \
    __asm__(".section .rodata\n.balign 16\ncuda_image_" #name ":\n.incbin \"" path "\"\n.byte 0\n.previous\n"); \
    extern const unsigned char cuda_image_##name[] __attribute__((visibility("hidden")));
#define ARCHS(list)
#include "cuda_images.inc"
#undef IMAGE
#undef ARCHS

const struct cuda_image cuda_images[] = {
#define IMAGE(name, path) {#name, cuda_image_##name},
#define ARCHS(list)
#include "cuda_images.inc"
#undef IMAGE
#undef ARCHS
    {NULL, NULL}};
const int cuda_image_count = (int)(sizeof cuda_images / sizeof *cuda_images) - 1;

#define IMAGE(name, path)
#define ARCHS(list) list
const char cuda_image_archs[] =
#include "cuda_images.inc"
    "";
