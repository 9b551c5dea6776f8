/* sha256.h -- SHA-256 of memory and files, as 64 hexadecimal digits: names weights and datasets in records. */
#ifndef MIEN_IO_SHA256_H
#define MIEN_IO_SHA256_H
#include "mien.h"

typedef struct mn_sha256 { uint32_t h[8]; uint64_t size; unsigned char block[64]; } mn_sha256;
void mn_sha256_begin(mn_sha256 *s);
void mn_sha256_add(mn_sha256 *s, const void *bytes, size_t size);
void mn_sha256_end(mn_sha256 *s, char hex[65]);

/* n blocks of 64 bytes; both ways give the same, the first chooses the processor's own instructions. */
void mn_sha256_blocks(uint32_t h[8], const unsigned char *blocks, size_t n);
void mn_sha256_plain(uint32_t h[8], const unsigned char *blocks, size_t n);

/* All bytes of an open file, wherever its position is; path: its name for messages. */
mn_status mn_sha256_fd(int fd, const char *path, char hex[65]);
mn_status mn_sha256_file(const char *path, char hex[65]);

#endif
