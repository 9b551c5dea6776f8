/* upfirdn.h -- the tiles of upfirdn.cu. */
#ifndef KC_UPFIRDN_H
#define KC_UPFIRDN_H
enum { KC_FIR_TAPS = 4, KC_FIR_COLUMNS = 32, KC_FIR_LINES = 8, KC_FIR_ROWS = 4 };       /* of a block: columns, and lines of that many rows */
#endif
