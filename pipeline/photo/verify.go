package photo

import (
	"image"
	"math/bits"
)

// Kinds of a match, in the words stored with a lead.
const (
	Same   = "same"   // the very same file
	Edited = "edited" // the same picture, stored anew: recompressed, resized, recoloured, lightly marked
	Part   = "part"   // one shows the middle of the other
)

// Radii within which two fingerprints are of one picture. Both hashes must agree: each alone has unrelated pictures within reach.
//
// Chosen on 1,653 photos and 5,001 edited copies (recompressed, resized, recoloured, blurred, noisy): every edit is found in at
// least 0.98 of its copies, all together in 0.995, with no false pair in 9.6 million, other frames of one scene among them. The
// nearest two different photos are 8 and 56 apart; what is missed are fine regular patterns (wood, stripes).
const (
	PerceptionRadius = 12
	TransformRadius  = 48
)

// A Match says how two pictures belong together. It carries no number for people: the distances are for logs of no content and
// for tests.
type Match struct {
	Kind         string
	Query, Known image.Rectangle // which parts agree, in pixels of each picture; empty when Kind is Same
	Perception   int             // distance of 64 bits
	Transform    int             // distance of 256 bits
}

// Verify reports whether two pictures are copies of one. Of each it reads SHA256 and Fingerprints alone, so a picture known from
// what was stored is as good as one just prepared. It costs some hundred nanoseconds.
func Verify(query, known Photo) (Match, bool) {
	if query.SHA256 == known.SHA256 && query.SHA256 != ([32]byte{}) {
		return Match{Kind: Same}, true
	}
	var best Match
	found := false
	for _, q := range query.Fingerprints {
		if q.Algo != Perception {
			continue
		}
		for _, k := range known.Fingerprints {
			if k.Algo != Perception {
				continue
			}
			d, ok := Distance(q, k)
			if !ok || d > PerceptionRadius {
				continue
			}
			t, ok := Distance(beside(query, q), beside(known, k))
			if !ok || t > TransformRadius || found && t >= best.Transform {
				continue
			}
			kind := Part
			if query.whole(q) == known.whole(k) {
				kind = Edited
			}
			best, found = Match{Kind: kind, Query: q.Part, Known: k.Part, Perception: d, Transform: t}, true
		}
	}
	return best, found
}

// whole reports whether a fingerprint covers its picture: whether no other covers more.
func (p Photo) whole(f Fingerprint) bool {
	for _, other := range p.Fingerprints {
		if f.Part != other.Part && f.Part.In(other.Part) {
			return false
		}
	}
	return true
}

// beside returns the 256-bit fingerprint of the part that a 64-bit one covers, or the zero value.
func beside(p Photo, f Fingerprint) Fingerprint {
	for _, other := range p.Fingerprints {
		if other.Algo == Transform && other.Part == f.Part {
			return other
		}
	}
	return Fingerprint{}
}

// Distance returns the number of bits in which two fingerprints differ, and whether they can be compared at all: made by the same
// version of the same algorithm, and not empty.
func Distance(a, b Fingerprint) (int, bool) {
	if a.Algo != b.Algo || len(a.Bits) != len(b.Bits) || len(a.Bits) == 0 {
		return 0, false
	}
	d := 0
	for i := range a.Bits {
		d += bits.OnesCount8(a.Bits[i] ^ b.Bits[i])
	}
	return d, true
}
