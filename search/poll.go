package search

import (
	"cmp"
	"maps"
	"slices"
)

// A Poll is Vote among pictures of one method and one kind of document that an engine has
// found. Of all others, only their number is asked for: what Scores says is exact if each
// picture was added that has one of the words near those of the query.
type Poll struct {
	query    []Point
	near     map[uint32][]uint32 // by word, the points of the query that are near it
	having   map[uint32]int      // by word, pictures that have it
	pictures [][]ballot
}

// A ballot is a meeting that counts unless its word is a stop-word.
type ballot struct {
	Meeting
	word uint32
}

// Poll begins to ask what shows the same as f.
func (f Features) Poll() *Poll {
	p := &Poll{query: f.Voting(), near: make(map[uint32][]uint32), having: make(map[uint32]int)}
	for i := range p.query {
		for _, w := range NearWords(p.query[i].Word()) {
			p.near[w] = append(p.near[w], uint32(i))
		}
	}
	return p
}

// Words are those that the pictures to be added have one of, by point of the query.
func (p *Poll) Words() [][WordBits + 1]uint32 {
	words := make([][WordBits + 1]uint32, len(p.query))
	for i := range p.query {
		words[i] = NearWords(p.query[i].Word())
	}
	return words
}

// Add lets a picture vote.
func (p *Poll) Add(known Features) {
	voting := known.Voting()
	had := make(map[uint32]bool, len(voting))
	var cast []ballot
	for j := range voting {
		word := voting[j].Word()
		near := p.near[word]
		if len(near) > 0 && !had[word] {
			had[word] = true
			p.having[word]++
		}
		for _, i := range near {
			if m := Meet(&p.query[i], &voting[j]); m.Weight > 0 {
				m.Query, m.Known = i, uint32(j)
				cast = append(cast, ballot{m, word})
			}
		}
	}
	p.pictures = append(p.pictures, cast)
}

// Common are the words near the query that most of the pictures added have, at most so many:
// an engine that has not found all pictures counts them among all.
func (p *Poll) Common(most int) []uint32 {
	words := slices.Collect(maps.Keys(p.having))
	slices.SortFunc(words, func(a, b uint32) int { return cmp.Or(cmp.Compare(p.having[b], p.having[a]), cmp.Compare(a, b)) })
	return words[:min(most, len(words))]
}

// Scores are those of the pictures in the order in which they were added, among n pictures
// of their method and kind. Words are stop-words too that are said to be.
func (p *Poll) Scores(n int, stop map[uint32]bool) []int {
	limit := StopWord(n)
	counts := func(b ballot) bool { return p.having[b.word] <= limit && !stop[b.word] }
	met, last := make([]int, len(p.query)), make([]int, len(p.query)) // pictures a point meets, the last of them + 1
	for i, cast := range p.pictures {
		for _, b := range cast {
			if counts(b) && last[b.Query] != i+1 {
				last[b.Query] = i + 1
				met[b.Query]++
			}
		}
	}
	var tally Tally
	var of []Meeting
	scores := make([]int, len(p.pictures))
	for i, cast := range p.pictures {
		of = of[:0]
		for _, b := range cast {
			if counts(b) {
				b.Weight *= Rarity(met[b.Query])
				of = append(of, b.Meeting)
			}
		}
		scores[i] = tally.Score(of)
	}
	return scores
}
