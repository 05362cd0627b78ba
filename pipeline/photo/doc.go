// Package photo turns the bytes of a picture nobody vouches for into what the rest of the program may keep: a small
// derivative without metadata, a blurred one for lists, fingerprints, and the facts of its header.
//
// Prepare is the one way in, for pictures a crawl brings and for pictures somebody searches with; it keeps nothing, writes
// nothing and logs nothing. Verify says whether two prepared pictures are copies of one photo.
//
// What it promises about hostile input: size, type, header and limits are checked in this order before anything is
// decoded; decoding happens only with room reserved for the worst the header allows (Budget), under a deadline, with
// panics caught; and what is cut off or damaged is refused, never fingerprinted as if it were whole. A refusal is a
// *Refused with a reason a machine can count.
//
// The fingerprints are of the photograph, not of who is in it: nothing here looks for, measures or compares faces.
// All arithmetic is in integers and in a fixed order, so that the same bytes give the same result on every machine; the one
// exception is goimagehash's floating-point transform (see Perception), whose bits are compared by distance, never by equality.
package photo
