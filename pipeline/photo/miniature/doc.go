// Package miniature decodes JPEG at the whole, a half, a quarter or an eighth of its size, in a fraction of the time and memory
// that decoding it whole and shrinking it takes.
//
// Each pixel of a miniature is the mean of the square of pixels it stands for, as if the picture had been decoded whole and
// unrounded: the inverse transform and the mean are one linear step, which libjpeg-turbo's reduced transforms take too. At the
// right and lower edge such a square may reach into what the encoder padded the picture with.
//
// It reads baseline, extended and progressive pictures of 8 bits: grey, or YCbCr in the samplings image.YCbCr knows. Others
// (CMYK, YCCK, RGB, 12 bits, arithmetic, lossless, hierarchical, a height that follows the data) are an UnsupportedError; some of
// them image/jpeg reads.
//
// What is cut off or damaged is an error and no picture. The verdict is that of image/jpeg, but for these, which it takes and
// which are refused here as the work of no encoder: coefficients beyond the end of their block, a run of empty blocks beyond the
// end of its scan or interval or in a picture that is not progressive, codes that overlap, a table of quantisation that is
// missing, a component without a scan, an AC scan before the DC scan of its component, a shift over 13 bits, a size of nothing.
// And these are read here, as the standard has them: scans of one component in a picture with restart intervals, and chroma
// sampled at more than once a unit in such a scan. Stray bytes before a marker, fill bytes and whatever follows the end of the
// image are passed over by both; a missing end of the image is an error for both.
//
// All arithmetic is in integers, so that the same bytes give the same picture on every machine.
package miniature
