package feature

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"go/format"
	"image"
	"image/draw"
	"image/jpeg"
	"math"
	"math/bits"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"xunqin/search"
)

var learn = flag.String("learn", "", "folder of some 400 photos or more, as .jpg, to learn the pattern from and write pattern.go anew, which lasts a minute")

// TestLearnPattern makes the pattern, from any photos but those whose copies the matcher is measured on. It is skipped without
// -learn.
//
// It chooses as ORB did: of random pairs those whose bit is one about as often as zero, the most even first, each only if it is
// hardly correlated with any before it. So the first bits, which are words of the index, say the most.
func TestLearnPattern(t *testing.T) {
	if *learn == "" {
		return // it makes the pattern and holds nothing
	}
	const (
		sites      = 24_000
		step       = 4 // takes every so many-th site, so that more photos decide
		candidates = 12_000
		uneven     = 0.12 // how far from a half the part of ones may be
	)
	columns := make([]column, candidates)
	for i := range columns {
		columns[i].bits = make([]uint64, (sites+63)/64)
	}
	files, err := filepath.Glob(filepath.Join(*learn, "*.jpg"))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(5, 256))
	r.Shuffle(len(files), func(i, j int) { files[i], files[j] = files[j], files[i] })
	pairs := randomPairs(r, candidates)
	n := 0
	row := make([]byte, (candidates+7)/8)
	for _, file := range files {
		if n == sites {
			break
		}
		g := grayOf(t, file)
		for i, s := range new(finder).sites(planeOf(g, g.Rect).fitted(ReferenceSide), ReferencePoints) {
			if i%step > 0 || n == sites {
				continue
			}
			clear(row)
			s.compare(turn(pairs, s.angle), false, row)
			for i := range columns {
				columns[i].bits[n/64] |= uint64(row[i/8]>>(i%8)&1) << (n % 64)
			}
			n++
		}
	}
	if n < sites {
		t.Fatalf("%d of %d sites in the photos of %s", n, sites, *learn)
	}
	order := make([]int, 0, candidates)
	for i := range columns {
		columns[i].count()
		if math.Abs(columns[i].mean(n)-0.5) <= uneven {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Compare(math.Abs(columns[a].mean(n)-0.5), math.Abs(columns[b].mean(n)-0.5))
	})
	var chosen []int
	for most := 0.15; len(chosen) < len(pattern); most += 0.025 {
		if most > 1 {
			t.Fatalf("%d pairs are even enough", len(chosen))
		}
		for _, i := range order {
			if len(chosen) == len(pattern) {
				break
			}
			if !slices.ContainsFunc(chosen, func(j int) bool { return i == j || math.Abs(columns[i].correlation(&columns[j], n)) > most }) {
				chosen = append(chosen, i)
			}
		}
		t.Logf("%d pairs correlate by at most %.3f", len(chosen), most)
	}

	var b bytes.Buffer
	b.WriteString(`package feature

// pattern holds the pairs of points compared, the most telling first. TestLearnPattern makes it, from photos that are not part of
// the repository. Whoever changes it changes search.OrientedBinary too.
var pattern = [256][4]int8{
`)
	for i, j := range chosen {
		p := pairs[j]
		fmt.Fprintf(&b, "{%d, %d, %d, %d},", p[0], p[1], p[2], p[3])
		if i%6 == 5 || i == len(chosen)-1 {
			b.WriteByte('\n')
		}
	}
	b.WriteString("}\n")
	out, err := format.Source(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("pattern.go", out, 0o666); err != nil {
		t.Fatal(err)
	}
}

// randomPairs returns pairs of points of the pattern's disc that are at least two pixels apart, each once.
func randomPairs(r *rand.Rand, n int) [][4]int8 {
	had := map[[4]int8]bool{}
	var pairs [][4]int8
	for len(pairs) < n {
		var p [4]int8
		for i := range p {
			p[i] = int8(r.IntN(25) - 12)
		}
		if p[0] > p[2] || p[0] == p[2] && p[1] > p[3] {
			p = [4]int8{p[2], p[3], p[0], p[1]}
		}
		if allowed(p) && !had[p] {
			had[p] = true
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// allowed reports whether a pair lies in the disc and its points are at least two pixels apart.
func allowed(p [4]int8) bool {
	square := func(x, y int8) int { return int(x)*int(x) + int(y)*int(y) }
	return square(p[0], p[1]) <= patternRadius*patternRadius && square(p[2], p[3]) <= patternRadius*patternRadius &&
		square(p[0]-p[2], p[1]-p[3]) >= 4
}

// A column is one bit of many sites.
type column struct {
	bits []uint64
	ones int
}

func (c *column) count() {
	c.ones = 0
	for _, w := range c.bits {
		c.ones += bits.OnesCount64(w)
	}
}

func (c *column) mean(n int) float64 { return float64(c.ones) / float64(n) }

func (c *column) correlation(d *column, n int) float64 {
	both := 0
	for i, w := range c.bits {
		both += bits.OnesCount64(w & d.bits[i])
	}
	p, q := c.mean(n), d.mean(n)
	return (float64(both)/float64(n) - p*q) / math.Sqrt(p*(1-p)*q*(1-q))
}

func grayOf(t *testing.T, file string) *image.Gray {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	m, err := jpeg.Decode(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	g := image.NewGray(m.Bounds())
	draw.Draw(g, g.Rect, m, g.Rect.Min, draw.Src)
	return g
}

func TestThePatternHoldsEachPairOnce(t *testing.T) {
	had := map[[4]int8]bool{}
	for i, p := range pattern {
		if !allowed(p) {
			t.Errorf("pair %d, %v, is not of the disc or too close", i, p)
		}
		if had[p] || had[[4]int8{p[2], p[3], p[0], p[1]}] {
			t.Errorf("pair %d, %v, is there twice", i, p)
		}
		had[p] = true
	}
}

// The index tells pictures apart by it: descriptions of unrelated corners differ in about half of their bits, and hardly any two
// in as few as those that vote.
func TestUnrelatedCornersAreDescribedOtherwise(t *testing.T) {
	var one, other []search.Point
	for seed := range uint64(4) {
		a, b := drawn(100+seed, 512, 400), drawn(200+seed, 512, 400)
		one = append(one, Detect(a, a.Rect, ReferenceSide, ReferencePoints).Points...)
		other = append(other, Detect(b, b.Rect, ReferenceSide, ReferencePoints).Points...)
	}
	near, sum := 0, 0
	for _, p := range one {
		for _, q := range other {
			d := apart(p, q)
			sum += d
			if d <= search.MaxDistance {
				near++
			}
		}
	}
	n := len(one) * len(other)
	mean, part := float64(sum)/float64(n), float64(near)/float64(n)
	t.Logf("%d pairs, %.1f bits apart, within %d: %.2g", n, mean, search.MaxDistance, part)
	if mean < 115 || part > 1e-3 {
		t.Errorf("%d pairs are %.1f bits apart, %.2g of them within %d", n, mean, part, search.MaxDistance)
	}
}
