package search

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Votes find pictures that share local features. A point of the query and one of a known picture meet if their words differ in one
// bit at most, are no stop-words, and the whole descriptors differ in MaxDistance bits at most. Each meeting is a vote for a turn
// and a size of the query in the known picture; a copy gathers its votes in one window of turns and sizes, chance spreads them.
const (
	// WordBits is how many bits of a descriptor, its first, are its word. Of pairs in edited copies of real photos that were 10 to
	// 19 bits apart, 64 in 100 met by it, of those 20 to 29 apart 40, 30 to 39 apart 19; a point of a query is compared with one in
	// six thousand of an index. With 16 bits or 20 as many photos were found, by more comparisons or in larger files. A method of
	// description should put bits first that are one as often as zero and say different things: where they lean, words crowd.
	WordBits = 18

	// MaxDistance is the most bits in which descriptors that vote may differ. Those of unrelated points differ in 128 ± 8 bits,
	// and half a descriptor is enough to see it. Votes from 45 to 52 bits changed nothing in what was found first.
	MaxDistance = 44
)

// mostEqual is how many points with one word vote of a picture: the first. A wall of bricks or a page of print has hundreds, which
// say no more than these, and each would meet each.
const mostEqual = 4

// Voting are the points that vote, in their order: all but those with a word that four before have.
func (f Features) Voting() []Point {
	points := make([]Point, 0, len(f.Points))
	had := make(map[uint32]int, len(f.Points))
	for i := range f.Points {
		if w := f.Points[i].Word(); had[w] < mostEqual {
			had[w]++
			points = append(points, f.Points[i])
		}
	}
	return points
}

// A Candidate is a photo that may show what the query shows: someone must look closer.
type Candidate struct {
	Doc, Photo, Kind string
	Score            int // up to 64·256 for each point of the query or of the photo, whichever has fewer
}

// Compare is negative if c comes before other in an answer.
func (c Candidate) Compare(other Candidate) int {
	return cmp.Or(cmp.Compare(other.Score, c.Score), strings.Compare(c.Doc, other.Doc), strings.Compare(c.Photo, other.Photo))
}

// Word is what an index finds the point by. Features are compared only within one Algo, so words need not tell methods apart.
func (p *Point) Word() uint32 {
	return binary.LittleEndian.Uint32(p.Desc[:]) & (1<<WordBits - 1)
}

// NearWords are the words whose points may meet one with this word: the word and those that differ from it in one bit.
func NearWords(word uint32) (near [WordBits + 1]uint32) {
	near[WordBits] = word
	for i := range WordBits {
		near[i] = word ^ 1<<i
	}
	return near
}

// StopWord is how many of n Features may have a word; one that more have is a stop-word, and its points have no vote. It is
// counted for each kind of document apart. The first addend lets a small index keep every word, and a picture that went around
// stay to be found; a mean word of 250 points a picture is in n/1000.
func StopWord(n int) int { return 256 + n/256 }

// weights are 64·exp(-(d/30)²): the chance that a pair so far apart shows the same thing falls so.
var weights = [MaxDistance + 1]uint16{
	64, 64, 64, 63, 63, 62, 61, 61, 60, 58, 57, 56, 55, 53, 51, 50, 48, 46, 45, 43, 41, 39, 37,
	36, 34, 32, 30, 28, 27, 25, 24, 22, 21, 19, 18, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
}

// Weight is what a meeting of points that differ in d bits weighs: 64 and less, 0 beyond MaxDistance.
func Weight(d int) uint16 {
	if d > MaxDistance {
		return 0
	}
	return weights[d]
}

// Rarity is by how much the votes of a point count that meets points of so many pictures: 256/√pictures. What is met everywhere,
// corners of letters above all, must not outvote what only one picture has: without this half the posters of real photos were
// found first, with it two thirds.
func Rarity(pictures int) uint16 {
	return uint16(math.Sqrt(float64(max(1, 1<<16/max(1, pictures))))) // of a whole number, so the same everywhere
}

// A Meeting is a vote.
type Meeting struct {
	Query, Known uint32 // which points
	Turn         uint8  // angle of the known less that of the query
	Size         int8   // level of the known less that of the query, cut to -16 … 15
	Weight       uint16 // that of the distance, and in a Tally times the Rarity of the query's point
}

// Meet is the vote of the query's point q for the known picture's point k, of Weight 0 if they do not meet.
func Meet(q, k *Point) Meeting {
	if diff := q.Word() ^ k.Word(); diff&(diff-1) != 0 {
		return Meeting{}
	}
	return Meeting{Turn: k.Angle - q.Angle, Size: SizeDiff(k.Level, q.Level), Weight: Weight(Hamming(q.Desc[:], k.Desc[:]))}
}

// SizeDiff is known less query, cut to what a Meeting holds.
func SizeDiff(known, query uint8) int8 {
	return int8(max(minSize, min(int(known)-int(query), maxSize)))
}

// Windows of turns are 45° wide and those of sizes four levels, an octave or so, and each begins where its neighbour has its
// middle, so every vote is in two by two of them and no copy lies across an edge.
const (
	turnStep, turns  = 16, 256 / 16
	sizeStep         = 2
	minSize, maxSize = -16, 15
	sizes            = (maxSize-minSize+1)/sizeStep + 1
)

// windows gives the first of the two windows of turns and sizes in which m votes; the others are the next ones, the last
// window of turns being next to the first.
func (m Meeting) windows() (turn, size int) {
	return int(m.Turn) / turnStep, (int(m.Size) - minSize) / sizeStep
}

// A Tally counts votes, using its memory again and again.
type Tally struct {
	sums [turns][sizes]int
	in   []Meeting
}

// Score is the score of one known picture: that of its best window. In a window a point has one vote, its heaviest, and the
// score is the sum over the query's points or over the known ones, whichever is less, so that neither a wall of equal bricks
// nor a page of equal letters outvotes a photo. It may reorder meetings.
func (t *Tally) Score(meetings []Meeting) int {
	switch len(meetings) {
	case 0:
		return 0
	case 1:
		return int(meetings[0].Weight)
	}
	t.sums = [turns][sizes]int{}
	for _, m := range meetings {
		turn, size := m.windows()
		next := (turn + 1) % turns
		w := int(m.Weight)
		t.sums[turn][size] += w
		t.sums[turn][size+1] += w
		t.sums[next][size] += w
		t.sums[next][size+1] += w
	}
	best := 0
	for turn := range t.sums {
		for size, sum := range t.sums[turn] {
			if sum > best {
				best = max(best, t.window(meetings, turn, size))
			}
		}
	}
	return best
}

func (t *Tally) window(meetings []Meeting, turn, size int) int {
	t.in = t.in[:0]
	for _, m := range meetings {
		mt, ms := m.windows()
		if (mt == turn || (mt+1)%turns == turn) && (ms == size || ms+1 == size) {
			t.in = append(t.in, m)
		}
	}
	return min(t.heaviest(func(m Meeting) uint32 { return m.Query }), t.heaviest(func(m Meeting) uint32 { return m.Known }))
}

// heaviest sums, over the points, the heaviest vote of each.
func (t *Tally) heaviest(point func(Meeting) uint32) (sum int) {
	slices.SortFunc(t.in, func(a, b Meeting) int {
		return cmp.Or(cmp.Compare(point(a), point(b)), cmp.Compare(b.Weight, a.Weight))
	})
	for i, m := range t.in {
		if i == 0 || point(m) != point(t.in[i-1]) {
			sum += int(m.Weight)
		}
	}
	return sum
}

// CheckVotes reports what keeps an index from answering Votes.
func CheckVotes(f Features, most int) error {
	if most < 1 {
		return fmt.Errorf("at most %d candidates", most)
	}
	return f.Check()
}

// Vote is the specification of Index.Votes in plain Go: it compares everything with everything.
func Vote(docs []Doc, f Features, most int, kinds ...string) ([]Candidate, error) {
	if err := CheckVotes(f, most); err != nil {
		return nil, err
	}
	n := make(map[string]int)                 // features, by kind
	having := make(map[string]map[uint32]int) // features that have a word, by kind
	each := func(do func(d *Doc, photo string, known *Features)) {
		for i := range docs {
			for _, p := range docs[i].Photos {
				for _, known := range p.Features {
					if known.Algo == f.Algo && len(known.Points) > 0 && (len(kinds) == 0 || slices.Contains(kinds, docs[i].Kind)) {
						do(&docs[i], p.ID, &known)
					}
				}
			}
		}
	}
	each(func(d *Doc, _ string, known *Features) {
		n[d.Kind]++
		if having[d.Kind] == nil {
			having[d.Kind] = make(map[uint32]int)
		}
		words := make(map[uint32]bool)
		for i := range known.Points {
			words[known.Points[i].Word()] = true
		}
		for w := range words {
			having[d.Kind][w]++
		}
	})
	query := f.Voting()
	meet := func(d *Doc, known *Features) (meetings []Meeting) {
		voting := known.Voting()
		for i := range query {
			for j := range voting {
				m := Meet(&query[i], &voting[j])
				if m.Weight > 0 && having[d.Kind][voting[j].Word()] <= StopWord(n[d.Kind]) {
					m.Query, m.Known = uint32(i), uint32(j)
					meetings = append(meetings, m)
				}
			}
		}
		return meetings
	}
	met := make(map[string][]int) // features each point meets, by kind
	each(func(d *Doc, _ string, known *Features) {
		if met[d.Kind] == nil {
			met[d.Kind] = make([]int, len(query))
		}
		points := make(map[uint32]bool)
		for _, m := range meet(d, known) {
			points[m.Query] = true
		}
		for i := range points {
			met[d.Kind][i]++
		}
	})
	best := make(map[Candidate]int) // of candidates without their score
	each(func(d *Doc, photo string, known *Features) {
		meetings := meet(d, known)
		for i := range meetings {
			m := &meetings[i]
			m.Weight *= Rarity(met[d.Kind][m.Query])
		}
		if s := slowScore(meetings); s > 0 {
			c := Candidate{Doc: d.ID, Photo: photo, Kind: d.Kind}
			best[c] = max(best[c], s)
		}
	})
	var found []Candidate
	for c, s := range best {
		c.Score = s
		found = append(found, c)
	}
	slices.SortFunc(found, Candidate.Compare)
	return found[:min(most, len(found))], nil
}

// slowScore is what Tally.Score says, without its short cuts.
func slowScore(meetings []Meeting) (best int) {
	for turn := range 256 / turnStep {
		for size := minSize; size <= maxSize+1; size += sizeStep {
			query, known := make(map[uint32]uint16), make(map[uint32]uint16)
			for _, m := range meetings {
				// A window reaches a step to either side of its middle.
				fromMiddle := m.Turn - uint8(turn*turnStep) + turnStep
				if fromMiddle < 2*turnStep && int(m.Size) >= size-sizeStep && int(m.Size) < size+sizeStep {
					query[m.Query] = max(query[m.Query], m.Weight)
					known[m.Known] = max(known[m.Known], m.Weight)
				}
			}
			var q, k int
			for _, w := range query {
				q += int(w)
			}
			for _, w := range known {
				k += int(w)
			}
			best = max(best, min(q, k))
		}
	}
	return best
}
