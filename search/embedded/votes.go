package embedded

import (
	"cmp"
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

func (v votes) candidates(ctx context.Context, tx *sql.Tx, f search.Features, most int, kinds []string) ([]search.Candidate, error) {
	points := queryPoints(f)
	var all []scored
	for key, b := range v {
		if key.algo == f.Algo && (len(kinds) == 0 || slices.Contains(kinds, key.kind)) {
			var err error
			if all, err = b.count(ctx, all, points); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(all, func(a, b scored) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.slot, b.slot)) })
	return named(ctx, tx, all, most)
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
func (b *ballot) count(ctx context.Context, to []scored, points []queryPoint) ([]scored, error) {
	parts := b.parts()
	stop := stopWords(parts, points, search.StopWord(b.live()))
	met := make([]int, len(points))    // by point: how many pictures it meets
	last := make([]int32, maxPictures) // by picture: the last point that met it + 1, and later its last meeting + 1
	all := make([][]meeting, len(parts))
	for n, p := range parts {
		clear(last)
		for i := range points {
			if i%64 == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			from := len(all[n])
			for _, w := range search.NearWords(points[i].word) {
				if !stop.has(int(w)) {
					all[n] = p.meet(all[n], w, &points[i])
				}
			}
			for _, m := range all[n][from:] {
				if last[m.picture] != int32(i+1) {
					last[m.picture] = int32(i + 1)
					met[i]++
				}
			}
		}
	}
	var (
		of      []search.Meeting
		touched []int32
		tally   search.Tally
	)
	clear(last)
	for n, p := range parts {
		meetings := all[n]
		touched = touched[:0]
		for i := range meetings {
			m := &meetings[i]
			m.Weight *= search.Rarity(met[m.Query])
			if last[m.picture] == 0 {
				touched = append(touched, m.picture)
			}
			m.next, last[m.picture] = last[m.picture], int32(i+1)
		}
		for _, picture := range touched {
			of = of[:0]
			for i := last[picture]; i > 0; i = meetings[i-1].next {
				of = append(of, meetings[i-1].Meeting)
			}
			last[picture] = 0
			to = append(to, scored{b.slot(p.number(int(picture))), tally.Score(of)})
		}
	}
	return to, nil
}

// stopWords are those words near the points' that more than so many pictures have. A word is counted only if it has that many
// points, so that deleting needs to know no words.
func stopWords(parts []part, points []queryPoint, most int) bitmap {
	var stop bitmap
	seen := make(bitmap, words/64)
	for i := range points {
		for _, w := range search.NearWords(points[i].word) {
			if seen.has(int(w)) {
				continue
			}
			seen.set(int(w))
			n := 0
			for _, p := range parts {
				n += p.size(w)
			}
			if n > most && pictures(parts, w, most+1) > most {
				if stop == nil {
					stop = make(bitmap, words/64)
				}
				stop.set(int(w))
			}
		}
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
	last    []int32 // by word: the last point + 1
}

type tailPoint struct {
	desc         [32]byte
	angle, level uint8
	picture      uint16
	next         int32 // the point before of the same word + 1, or 0
}

// add adds a picture with the next number.
func (t *tail) add(p picture) {
	if t.last == nil {
		t.last = make([]int32, words)
	}
	picture := uint16(len(t.numbers))
	t.numbers, t.gone = append(t.numbers, p.number), append(t.gone, false)
	for b := p.points; len(b) >= storedBytes; b = b[storedBytes:] {
		w := storedWord(b)
		t.points = append(t.points, tailPoint{desc: [32]byte(b[2:]), angle: b[0], level: b[1], picture: picture, next: t.last[w]})
		t.last[w] = int32(len(t.points))
	}
}

func (t *tail) kill(number int64) {
	if i, ok := slices.BinarySearch(t.numbers, number); ok && !t.gone[i] {
		t.gone[i] = true
		t.dead++
	}
}

func (t *tail) number(picture int) int64 { return t.numbers[picture] }

func (t *tail) size(word uint32) (n int) {
	if t.last == nil {
		return 0
	}
	for i := t.last[word]; i > 0; i = t.points[i-1].next {
		n++
	}
	return n
}

func (t *tail) having(word uint32, call func(int) bool) bool {
	if t.last == nil {
		return true
	}
	for i := t.last[word]; i > 0; i = t.points[i-1].next {
		if p := int(t.points[i-1].picture); !t.gone[p] && !call(p) {
			return false
		}
	}
	return true
}

func (t *tail) meet(to []meeting, word uint32, q *queryPoint) []meeting {
	if t.last == nil {
		return to
	}
	for i := t.last[word]; i > 0; i = t.points[i-1].next {
		p := &t.points[i-1]
		n := q.distance(p.desc[:])
		if n > search.MaxDistance || t.gone[p.picture] {
			continue
		}
		to = append(to, q.meeting(int(p.picture), int(i), n, p.angle, p.level))
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
