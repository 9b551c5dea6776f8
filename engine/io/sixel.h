/* sixel.h -- pictures as text for terminals: sixel graphics, and base64 for the protocols that take PNG files. */
#ifndef MIEN_IO_SIXEL_H
#define MIEN_IO_SIXEL_H
#include "text.h"

/* Appends the escape sequence that draws pixels [H,W,3] u8. */
mn_status mn_sixel_encode(mn_tensor *pixels, mn_text *out);
void mn_base64_encode(const void *bytes, size_t size, mn_text *out);

#endif
