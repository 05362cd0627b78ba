package embedded

import (
	"cmp"
	"container/heap"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"xunqin/search"
)

// Votes looks up each point's words in the segments of all kinds asked for, and reads the documents of the best from the file, in
// one state of all.
func (x *Index) Votes(ctx context.Context, f search.Features, most int, kinds ...string) ([]search.Candidate, error) {
	err := search.CheckVotes(f, most)
	var found []search.Candidate
	if err == nil {
		err = x.current(ctx, func(tx *sql.Tx) error {
			found, err = x.votes.candidates(ctx, tx, f, most, kinds)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("find candidates: %w", damaged(err))
	}
	return found, nil
}

// votes holds the points of all pictures, by class.
type votes map[ballotKey]*ballot

// A ballotKey says which pictures are compared, and counted for stop-words, together.
type ballotKey struct{ algo, kind string }

// A ballot is the pictures of one class: those in segments, and the rest, the tail.
type ballot struct {
	id       int64
	segments []*segment // as their numbers go up
	tail     tail
}

// The number of a picture in the file is made of its class's and its own within the class.
const numberBits = 40

func (b *ballot) slot(number int64) int64 { return b.id<<numberBits + number }

func (b *ballot) parts() []part {
	parts := make([]part, 0, len(b.segments)+1)
	for _, s := range b.segments {
		parts = append(parts, s)
	}
	return append(parts, &b.tail)
}

func (b *ballot) live() int {
	n := len(b.tail.numbers) - b.tail.dead
	for _, s := range b.segments {
		n += s.live()
	}
	return n
}

func (v votes) close() error {
	var errs []error
	for _, b := range v {
		for _, s := range b.segments {
			errs = append(errs, s.release())
		}
	}
	clear(v)
	return errors.Join(errs...)
}

// A queryPoint is a point of the query, made ready to be compared.
type queryPoint struct {
	index        uint32
	word         uint32
	angle, level uint8
	desc         [4]uint64
}

// A meeting is a vote for one of the pictures of a part.
type meeting struct {
	search.Meeting
	picture, next int32 // next: the one before of the same picture
}

func (q *queryPoint) meeting(picture, point, distance int, angle, level uint8) meeting {
	return meeting{picture: int32(picture), Meeting: search.Meeting{
		Query: q.index, Known: uint32(point),
		Turn: angle - q.angle, Size: search.SizeDiff(level, q.level), Weight: search.Weight(distance),
	}}
}

func queryPoints(f search.Features) []queryPoint {
	voting := f.Voting()
	points := make([]queryPoint, len(voting))
	for i := range voting {
		p := &voting[i]
		q := queryPoint{index: uint32(i), word: p.Word(), angle: p.Angle, level: p.Level}
		for j := range q.desc {
			q.desc[j] = binary.LittleEndian.Uint64(p.Desc[8*j:])
		}
		points[i] = q
	}
	return points
}

// A scored picture is named by its number in the file.
type scored struct {
	slot  int64
	score int
}

// best collects the pictures of the highest scores: at least so many, and all that score the same as the last of them.
type best struct {
	most   int
	heap   []int // the highest scores, the lowest of them first
	scored []scored
}

// reaches reports whether a picture of this score has to be added.
func (b *best) reaches(score int) bool { return len(b.heap) < b.most || score >= b.heap[0] }

func (b *best) Len() int           { return len(b.heap) }
func (b *best) Less(i, j int) bool { return b.heap[i] < b.heap[j] }
func (b *best) Swap(i, j int)      { b.heap[i], b.heap[j] = b.heap[j], b.heap[i] }
func (b *best) Push(score any)     { b.heap = append(b.heap, score.(int)) }
func (b *best) Pop() any           { panic("the lowest score is replaced") }

func (b *best) add(s scored) {
	if !b.reaches(s.score) {
		return
	}
	b.scored = append(b.scored, s)
	if len(b.heap) < b.most {
		heap.Push(b, s.score)
	} else if s.score > b.heap[0] {
		b.heap[0] = s.score
		heap.Fix(b, 0)
	}
}

// sorted gives those collected, best first.
func (b *best) sorted() []scored {
	b.scored = slices.DeleteFunc(b.scored, func(s scored) bool { return !b.reaches(s.score) })
	slices.SortFunc(b.scored, func(x, y scored) int { return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(x.slot, y.slot)) })
	return b.scored
}

func (v votes) candidates(ctx context.Context, tx *sql.Tx, f search.Features, most int, kinds []string) ([]search.Candidate, error) {
	points := queryPoints(f)
	for pictures := most; ; pictures *= 4 { // a photo may have several pictures, and is a candidate once
		best := best{most: pictures}
		for key, b := range v {
			if key.algo == f.Algo && (len(kinds) == 0 || slices.Contains(kinds, key.kind)) {
				if err := b.count(ctx, &best, points); err != nil {
					return nil, err
				}
			}
		}
		found, err := named(ctx, tx, best.sorted(), most)
		if err != nil || len(found) == most || len(best.heap) < best.most {
			return found, err
		}
	}
}

// named reads the documents of the best pictures: of as many as there are candidates wanted, and of those that score the same as
// the last of them, for among these the names decide.
func named(ctx context.Context, tx *sql.Tx, all []scored, most int) (found []search.Candidate, err error) {
	read, err := tx.PrepareContext(ctx, `SELECT docs.id, pictures.photo, docs.kind FROM pictures JOIN docs ON docs.row = pictures.doc WHERE pictures.slot = $1`)
	if err != nil {
		return nil, err
	}
	defer read.Close()
	type photo struct{ doc, photo string }
	seen := make(map[photo]bool)
	for i, s := range all {
		if len(found) >= most && s.score < all[i-1].score {
			break
		}
		c := search.Candidate{Score: s.score}
		if err := read.QueryRowContext(ctx, s.slot).Scan(&c.Doc, &c.Photo, &c.Kind); errors.Is(err, sql.ErrNoRows) {
			return nil, fmt.Errorf("%w: picture %d is of no document", ErrCorrupt, s.slot)
		} else if err != nil {
			return nil, err
		}
		if p := (photo{c.Doc, c.Photo}); !seen[p] {
			seen[p] = true
			found = append(found, c)
		}
	}
	slices.SortFunc(found, search.Candidate.Compare)
	return found[:min(most, len(found))], nil
}

// count scores the pictures for which the points vote.
func (b *ballot) count(ctx context.Context, to *best, points []queryPoint) error {
	parts := b.parts()
	stop := stopWords{most: search.StopWord(b.live()), stop: make(map[uint32]bool)}
	met := make([]int, len(points)) // by point: how many pictures it meets
	all := make([][]meeting, len(parts))
	near := make([]uint32, 0, search.WordBits+1)
	last := make([][]int32, len(parts)) // by picture: the last point that met it + 1
	for n, p := range parts {
		last[n] = make([]int32, p.pictures())
	}
	for i := range points {
		if i%64 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		near = near[:0]
		for _, w := range search.NearWords(points[i].word) {
			if !stop.has(parts, w) {
				near = append(near, w)
			}
		}
		for n, p := range parts {
			from := len(all[n])
			all[n] = p.meet(all[n], near, &points[i])
			for _, m := range all[n][from:] {
				if l := &last[n][m.picture]; *l != int32(i+1) {
					*l = int32(i + 1)
					met[i]++
				}
			}
		}
	}
	rarity := make([]uint16, len(points))
	for i, n := range met {
		rarity[i] = search.Rarity(n)
	}
	for n, p := range parts {
		b.score(to, p, all[n], rarity)
	}
	return nil
}

// A chain is the meetings of one picture, each of which knows the one before.
type chain struct {
	last int32 // + 1
	sum  int   // of all weights: no score is higher
}

func (b *ballot) score(to *best, p part, meetings []meeting, rarity []uint16) {
	chains := make([]chain, p.pictures())
	var touched []int32
	for i := range meetings {
		m := &meetings[i]
		m.Weight *= rarity[m.Query]
		c := &chains[m.picture]
		if c.last == 0 {
			touched = append(touched, m.picture)
		}
		m.next, c.last = c.last, int32(i+1)
		c.sum += int(m.Weight)
	}
	var of []search.Meeting
	var tally search.Tally
	for _, picture := range touched {
		c := chains[picture]
		if !to.reaches(c.sum) {
			continue
		}
		of = of[:0]
		for i := c.last; i > 0; i = meetings[i-1].next {
			of = append(of, meetings[i-1].Meeting)
		}
		to.add(scored{b.slot(p.number(int(picture))), tally.Score(of)})
	}
}

// stopWords knows the words that more than most pictures have. A word is counted only if it has that many points, so that deleting
// needs to know no words.
type stopWords struct {
	most int
	stop map[uint32]bool // of words that have been counted
}

func (s *stopWords) has(parts []part, word uint32) bool {
	n := 0
	for _, p := range parts {
		n += p.size(word)
	}
	if n <= s.most {
		return false
	}
	stop, counted := s.stop[word]
	if !counted {
		stop = pictures(parts, word, s.most+1) > s.most
		s.stop[word] = stop
	}
	return stop
}

// pictures counts the pictures that have a word, up to enough.
func pictures(parts []part, word uint32, enough int) (n int) {
	for _, p := range parts {
		last := -1
		if !p.having(word, func(picture int) bool {
			if picture != last { // those of a picture follow each other
				n, last = n+1, picture
			}
			return n < enough
		}) {
			break
		}
	}
	return n
}

// A tail is the pictures that came after those in segments. The points of a word are chained, the latest first.
type tail struct {
	numbers []int64 // of its pictures
	gone    []bool  // of its pictures: deleted
	dead    int     // how many
	points  []tailPoint
	words   []tailWord
}

type tailWord struct {
	last int32 // point + 1
	n    int32 // points
}

type tailPoint struct {
	desc         [32]byte
	angle, level uint8
	picture      uint16
	next         int32 // the point before of the same word + 1, or 0
}

// add adds a picture with the next number.
func (t *tail) add(p picture) {
	if t.words == nil {
		t.words = make([]tailWord, words)
	}
	picture := uint16(len(t.numbers))
	t.numbers, t.gone = append(t.numbers, p.number), append(t.gone, false)
	for b := p.points; len(b) >= storedBytes; b = b[storedBytes:] {
		w := &t.words[storedWord(b)]
		t.points = append(t.points, tailPoint{desc: [32]byte(b[2:]), angle: b[0], level: b[1], picture: picture, next: w.last})
		w.last = int32(len(t.points))
		w.n++
	}
}

func (t *tail) kill(number int64) {
	if i, ok := slices.BinarySearch(t.numbers, number); ok && !t.gone[i] {
		t.gone[i] = true
		t.dead++
	}
}

func (t *tail) pictures() int { return len(t.numbers) }

func (t *tail) number(picture int) int64 { return t.numbers[picture] }

func (t *tail) size(word uint32) int {
	if t.words == nil {
		return 0
	}
	return int(t.words[word].n)
}

func (t *tail) having(word uint32, call func(int) bool) bool {
	if t.words == nil {
		return true
	}
	for i := t.words[word].last; i > 0; i = t.points[i-1].next {
		if p := int(t.points[i-1].picture); !t.gone[p] && !call(p) {
			return false
		}
	}
	return true
}

func (t *tail) meet(to []meeting, words []uint32, q *queryPoint) []meeting {
	if t.words == nil {
		return to
	}
	for _, w := range words {
		for i := t.words[w].last; i > 0; i = t.points[i-1].next {
			p := &t.points[i-1]
			n := distance(p.desc[:half], q.desc[0], q.desc[1]) + distance(p.desc[half:], q.desc[2], q.desc[3])
			if n <= search.MaxDistance && !t.gone[p.picture] {
				to = append(to, q.meeting(int(p.picture), int(i), n, p.angle, p.level))
			}
		}
	}
	return to
}

// follow brings the ballots to the state of the file after change from, or from nothing if that is negative.
func (v votes) follow(ctx context.Context, tx *sql.Tx, from int64, path func(file string) string) error {
	if from < 0 {
		if err := v.close(); err != nil {
			return err
		}
	}
	byID, err := v.classes(ctx, tx)
	if err != nil {
		return err
	}
	if err := v.segments(ctx, tx, byID, path); err != nil {
		return err
	}
	if err := eachRow(ctx, tx, func(slot int64) { byID[slot>>numberBits].kill(slot & (1<<numberBits - 1)) },
		`SELECT slot FROM dead WHERE gen > $1`, from); err != nil {
		return err
	}
	for _, b := range v {
		if err := b.extend(ctx, tx); err != nil {
			return err
		}
	}
	return nil
}

// classes makes a ballot for each class that has none.
func (v votes) classes(ctx context.Context, tx *sql.Tx) (map[int64]*ballot, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, algo, kind FROM classes`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byID := make(map[int64]*ballot)
	for rows.Next() {
		var id int64
		var key ballotKey
		if err := rows.Scan(&id, &key.algo, &key.kind); err != nil {
			return nil, err
		}
		if v[key] == nil {
			v[key] = &ballot{id: id}
		}
		byID[id] = v[key]
	}
	return byID, rows.Err()
}

// segments opens the segments that are new and closes those that are no more. A ballot where that happens begins its tail anew.
func (v votes) segments(ctx context.Context, tx *sql.Tx, byID map[int64]*ballot, path func(string) string) error {
	list, err := listed(ctx, tx, `true`)
	if err != nil {
		return err
	}
	now, fresh := make(map[*ballot][]*segment), make(map[*ballot]bool)
	for _, l := range list {
		b := byID[l.class]
		if b == nil {
			return fmt.Errorf("%w: segment of no class", ErrCorrupt)
		}
		if i := slices.IndexFunc(b.segments, func(s *segment) bool { return s.id == l.id }); i >= 0 {
			now[b] = append(now[b], b.segments[i])
			continue
		}
		s, err := openSegment(path(l.file))
		if err != nil {
			return lost(l.file, err)
		}
		s.id, s.first = l.id, l.first
		now[b], fresh[b] = append(now[b], s), true
		b.segments = append(b.segments, s) // so that close finds it whatever comes
	}
	for _, b := range v {
		if !fresh[b] && len(b.segments) == len(now[b]) {
			continue
		}
		for _, s := range b.segments {
			if slices.Contains(now[b], s) {
				continue
			}
			if err := s.release(); err != nil {
				return err
			}
		}
		b.segments = now[b]
		b.tail = tail{}
		for _, s := range b.segments {
			s.dead, s.deadN = nil, 0
			if err := eachRow(ctx, tx, func(slot int64) { s.kill(slot & (1<<numberBits - 1)) },
				`SELECT slot FROM dead WHERE slot BETWEEN $1 AND $2`, b.slot(s.first), b.slot(s.first+int64(s.n)-1)); err != nil {
				return err
			}
		}
	}
	return nil
}

// kill takes a picture's votes away.
func (b *ballot) kill(number int64) {
	for _, s := range b.segments {
		if number >= s.first && number < s.first+int64(s.n) {
			s.kill(number)
			return
		}
	}
	b.tail.kill(number)
}

// extend adds what is new to the tail, or reads it anew when most of it is dead.
func (b *ballot) extend(ctx context.Context, tx *sql.Tx) error {
	if t := &b.tail; t.dead > tailWaste && t.dead > len(t.numbers)/2 {
		*t = tail{}
	}
	after := int64(-1)
	if n := len(b.tail.numbers); n > 0 {
		after = b.tail.numbers[n-1]
	}
	rows, err := tx.QueryContext(ctx, `SELECT slot, points FROM unsealed WHERE slot > $1 AND slot < $2 ORDER BY slot`, b.slot(after), b.slot(1<<numberBits-1))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var slot int64
		var points sql.RawBytes
		if err := rows.Scan(&slot, &points); err != nil {
			return err
		}
		b.tail.add(picture{slot & (1<<numberBits - 1), points})
	}
	return rows.Err()
}

// tailWaste is how many dead pictures a tail carries without being read anew.
const tailWaste = 1000

func eachRow(ctx context.Context, tx *sql.Tx, do func(slot int64), query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var slot int64
		if err := rows.Scan(&slot); err != nil {
			return err
		}
		do(slot)
	}
	return rows.Err()
}
