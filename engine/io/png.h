/* png.h -- limits and the mark of made pictures; the functions that recipes need are in mien.h.
 *
 * The rule of the mark: a picture written with a text of keyword MN_PNG_RECORD is one this program made (the
 * text says how: recipe, options, seed, version), and mn_png_write then adds, unasked and always, an XMP packet
 * saying so to other programs: Iptc4xmpExt:DigitalSourceType = trainedAlgorithmicMedia, the IPTC's term for
 * media made by a trained model.  Pictures without that keyword (masks, plots, copies) carry no such claim. */
#ifndef MIEN_IO_PNG_H
#define MIEN_IO_PNG_H
#include "mien.h"

#define MN_PNG_RECORD "mien"
#define MN_SYNTHETIC_TERM "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
#define MN_PNG_XMP "XML:com.adobe.xmp"       /* the keyword the XMP standard prescribes */
enum { MN_PNG_SIDE = 16384, MN_PNG_TEXT_MAX = 4 << 20 };   /* pixels a side; bytes a text */

/* mn_png_write into memory, for pictures inside other files; free(*bytes). */
mn_status mn_png_encode(mn_tensor *pixels, int n_text, const char *const *text, char **bytes, size_t *size);

#endif
