package feature

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// plainCorners is what search does, one pixel after the other and in the words of the definition.
func plainCorners(p plane, threshold, margin int) []corner {
	score := make(map[int]int)
	for y := margin; y < p.h-margin; y++ {
		for x := margin; x < p.w-margin; x++ {
			for _, sign := range []int{1, -1} {
				sum, longest, run := 0, 0, 0
				for i := range 2 * len(circle) {
					o := circle[i%len(circle)]
					more := sign * (int(p.row(y + o[1])[x+o[0]]) - int(p.row(y)[x]))
					if more <= threshold {
						run = 0
						continue
					}
					run++
					longest = max(longest, run)
					if i < len(circle) {
						sum += more - threshold
					}
				}
				if at := y*p.w + x; longest >= 9 {
					score[at] = max(score[at], sum)
				}
			}
		}
	}
	var out []corner
	for y := range p.h {
		for x := range p.w {
			s := score[y*p.w+x]
			best := s > 0
			for j := -1; j <= 1; j++ {
				for i := -1; i <= 1; i++ {
					other := score[(y+j)*p.w+x+i]
					after := j > 0 || j == 0 && i > 0
					best = best && (s > other || s == other && !after || i == 0 && j == 0)
				}
			}
			if !best {
				continue
			}
			if h := p.harris(x, y); h > 0 {
				out = append(out, corner{x, y, h})
			}
		}
	}
	return out
}

func TestCornersSearchedEightAtOnceAreThoseOfTheDefinition(t *testing.T) {
	var f finder // one for all, so that nothing of a search is left for the next
	rapid.Check(t, func(t *rapid.T) {
		p := newPlane(rapid.IntRange(9, 60).Draw(t, "width"), rapid.IntRange(9, 40).Draw(t, "height"))
		// Few and extreme greys, in pieces large enough for corners.
		greys := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 6, 7, 8, 100, 107, 114, 127, 128, 129, 142, 241, 248, 255}), 2, 6).Draw(t, "greys")
		size := rapid.IntRange(1, 7).Draw(t, "size")
		which := rapid.SliceOfN(rapid.IntRange(0, len(greys)-1), 64, 64).Draw(t, "which")
		for y := range p.h {
			for x := range p.w {
				p.pix[y*p.w+x] = greys[which[(y/size*11+x/size*7)%len(which)]]
			}
		}
		threshold := rapid.SampledFrom([]int{1, contrastFaint, contrast, 127}).Draw(t, "threshold")
		got, want := f.search(p, threshold, 4), plainCorners(p, threshold, 4)
		if d := cmp.Diff(want, append([]corner(nil), got...), cmp.AllowUnexported(corner{})); d != "" {
			t.Fatal(d)
		}
	})
}
