package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"xunqin/pipeline/photo/feature"
	"xunqin/search"
)

// Generation counts what photos of posts are compared with by their features: it goes up with every photo that a report is
// given. A photo whose own generation is lower has not been compared with the newest.
func (s *Store) Generation(ctx context.Context, tx *sql.Tx) (int64, error) {
	return one("generation", s.from(tx).QueryRowContext(ctx, `SELECT n FROM counters WHERE name='matching'`), scanInt)
}

// NextGeneration says that there is something new to compare photos with.
func (s *Store) NextGeneration(ctx context.Context, tx *sql.Tx) error {
	_, err := next(ctx, tx, "matching")
	return err
}

// behind is true of a post's photo that can still be compared by its features and was not compared with the newest, and of
// any photo kept before there were features, whose generation is zero. A migration that changes what is stored of a photo
// makes it zero again.
const behind = `state='kept' AND matchable AND (post_id IS NOT NULL OR generation = 0) AND generation < (SELECT n FROM counters WHERE name='matching')`

// BehindPhotos lists photos that were not compared with what is newest, with their fingerprints: those that wait longest first.
func (s *Store) BehindPhotos(ctx context.Context, tx *sql.Tx, most int) ([]Photo, error) {
	list, err := all(ctx, "photos behind", s.from(tx), scanPhoto, `SELECT `+photoColumns+` FROM photos WHERE `+behind+` ORDER BY generation, id LIMIT $1`, most)
	if err != nil {
		return nil, err
	}
	return list, s.fillPrints(ctx, tx, list)
}

// CountBehind counts the photos that were not compared with what is newest.
func (s *Store) CountBehind(ctx context.Context, tx *sql.Tx) (int64, error) {
	return one("photos behind", s.from(tx).QueryRowContext(ctx, `SELECT COUNT(*) FROM photos WHERE `+behind), scanInt)
}

// SetLooked notes what a photo was looked at with.
func (s *Store) SetLooked(ctx context.Context, tx *sql.Tx, photoID string, n int64) error {
	_, err := exec(ctx, "set generation", tx, `UPDATE photos SET looked=$1 WHERE id=$2 AND looked < $1`, n, photoID)
	return err
}

// SetGeneration notes what a photo was compared with last, by every means.
func (s *Store) SetGeneration(ctx context.Context, tx *sql.Tx, photoID string, n int64) error {
	_, err := exec(ctx, "set generation", tx, `UPDATE photos SET looked=$1, generation=$1 WHERE id=$2`, n, photoID)
	return err
}

// setFeatures stores the local features of a photo, or none.
func (s *Store) setFeatures(ctx context.Context, tx *sql.Tx, photoID string, f search.Features) error {
	if len(f.Points) == 0 {
		_, err := exec(ctx, "drop features", tx, `DELETE FROM features WHERE photo_id=$1`, photoID)
		return err
	}
	b, err := f.MarshalBinary()
	if err != nil {
		return fmt.Errorf("store features: %w", err)
	}
	_, err = exec(ctx, "store features", tx, `INSERT INTO features (photo_id, data) VALUES ($1,$2) ON CONFLICT (photo_id) DO UPDATE SET data=excluded.data`, photoID, b)
	return err
}

// Reprint replaces the fingerprints and features of a photo, when the rules they are made by have changed.
func (s *Store) Reprint(ctx context.Context, tx *sql.Tx, p Photo) error {
	if _, err := exec(ctx, "reprint", tx, `DELETE FROM prints WHERE photo_id=$1`, p.ID); err != nil {
		return err
	}
	return s.addPrints(ctx, tx, p)
}

type featuresRow struct {
	photo string
	data  []byte
}

// Features reads the local features of photos; those without are left out.
func (s *Store) Features(ctx context.Context, tx *sql.Tx, photoIDs []string) (map[string]search.Features, error) {
	rows, err := in(ctx, "features", s.from(tx), func(r scanner, v *featuresRow) error { return r.Scan(&v.photo, &v.data) },
		`SELECT photo_id, data FROM features WHERE photo_id IN `, photoIDs)
	if err != nil {
		return nil, err
	}
	out := make(map[string]search.Features, len(rows))
	for _, row := range rows {
		var f search.Features
		if err := f.UnmarshalBinary(row.data); err != nil {
			return nil, fmt.Errorf("features of photo %s: %w", row.photo, err)
		}
		out[row.photo] = f
	}
	return out, nil
}

// Tie is what the matcher found between two photos, and where.
type Tie struct {
	QueryID, KnownID string
	Kind             string // what the query is to the known photo, see package feature
	Mirrored         bool
	Distance         int // bits in which fingerprints differ, or FeatureDistance; for ordering and tests, never shown
	Geometry         Geometry
	CreatedAt        time.Time
}

// FeatureDistance stands for a distance where features decided, not fingerprints: it is beyond any radius.
const FeatureDistance = 100

// Geometry says where two photos show the same: four corners, clockwise, in pixels of each upright photo, and the maps between
// their pixels as feature.Match has them. Zero when the photos are the same file.
type Geometry struct {
	Query   [4][2]int  `json:"query"`
	Known   [4][2]int  `json:"known"`
	ToKnown [6]float64 `json:"to_known"`
	ToQuery [6]float64 `json:"to_query"`
	Support int        `json:"support"` // features that agree on where everything lies; for settings and tests, never shown
	Alike   float64    `json:"alike"`   // correlation of brightness where the photos overlap; likewise
}

// NewTie is the tie of a match.
func NewTie(query, known string, m feature.Match) Tie {
	t := Tie{QueryID: query, KnownID: known, Kind: m.Kind, Mirrored: m.Mirrored, Distance: FeatureDistance}
	if m.Evidence.Ties == 0 {
		t.Distance = m.Evidence.Bits
	}
	for i := range 4 {
		t.Geometry.Query[i] = [2]int{m.Query[i].X, m.Query[i].Y}
		t.Geometry.Known[i] = [2]int{m.Known[i].X, m.Known[i].Y}
	}
	t.Geometry.ToKnown, t.Geometry.ToQuery = m.ToKnown, m.ToQuery
	t.Geometry.Support, t.Geometry.Alike = m.Evidence.Support, m.Evidence.Alike
	return t
}

// Turned is the same tie seen from the other photo.
func (t Tie) Turned() Tie {
	t.QueryID, t.KnownID = t.KnownID, t.QueryID
	g := t.Geometry
	g.Query, g.Known, g.ToKnown, g.ToQuery = g.Known, g.Query, g.ToQuery, g.ToKnown
	g.begin()
	t.Geometry = g
	switch t.Kind {
	case feature.Part:
		t.Kind = feature.Inside
	case feature.Inside:
		t.Kind = feature.Part
	}
	return t
}

// begin puts the corners in their order: from the known photo's top left on, with the clock there.
func (g *Geometry) begin() {
	area := 0
	for i, a := range g.Known {
		b := g.Known[(i+1)%4]
		area += a[0]*b[1] - b[0]*a[1]
	}
	if area < 0 { // against the clock, y pointing down
		slices.Reverse(g.Known[:])
		slices.Reverse(g.Query[:])
	}
	first := 0
	for i, c := range g.Known {
		if c[0]+c[1] < g.Known[first][0]+g.Known[first][1] {
			first = i
		}
	}
	known, query := g.Known, g.Query
	for i := range 4 {
		g.Known[i], g.Query[i] = known[(first+i)%4], query[(first+i)%4]
	}
}

// Upright reports whether the photos are whole copies of one another that are neither turned nor mirrored.
func (t Tie) Upright() bool { return !t.Mirrored && (t.Kind == feature.Edited || t.Kind == "same") }

const tieColumns = `query_id, known_id, kind, mirrored, distance, geometry, created_at`

func scanTie(r scanner, t *Tie) error {
	var geometry string
	if err := r.Scan(&t.QueryID, &t.KnownID, &t.Kind, &t.Mirrored, &t.Distance, &geometry, when{&t.CreatedAt}); err != nil {
		return err
	}
	return json.Unmarshal([]byte(geometry), &t.Geometry)
}

// AddTie stores a tie, in place of an earlier one between the two from the same side. It stores nothing when either photo is
// gone.
func (s *Store) AddTie(ctx context.Context, tx *sql.Tx, t Tie) error {
	geometry, err := json.Marshal(t.Geometry)
	if err != nil {
		return fmt.Errorf("store tie: %w", err)
	}
	n, err := one("photos of tie", tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM photos WHERE id IN ($1, $2)`, t.QueryID, t.KnownID), scanInt)
	if err != nil || n < 2 {
		return err
	}
	_, err = exec(ctx, "store tie", tx, `INSERT INTO ties (`+tieColumns+`) VALUES ($1,$2,$3,$4,$5,$6,$7)
		ON CONFLICT (query_id, known_id) DO UPDATE SET kind=excluded.kind, mirrored=excluded.mirrored, distance=excluded.distance, geometry=excluded.geometry`,
		t.QueryID, t.KnownID, t.Kind, t.Mirrored, t.Distance, string(geometry), s.now())
	return err
}

// Ties lists the ties of a photo, each seen from it, nearest first.
func (s *Store) Ties(ctx context.Context, tx *sql.Tx, photoID string) ([]Tie, error) {
	list, err := all(ctx, "ties", s.from(tx), scanTie, `SELECT `+tieColumns+` FROM ties WHERE query_id=$1 OR known_id=$1 ORDER BY distance, query_id, known_id`, photoID)
	for i, t := range list {
		if t.QueryID != photoID {
			list[i] = t.Turned()
		}
	}
	return list, err
}

// TieOf is what the matcher found of one photo in another, seen from the first; ErrNotFound when that is nothing. When each
// was looked for in the other, the nearer answer counts.
func (s *Store) TieOf(ctx context.Context, tx *sql.Tx, queryID, knownID string) (Tie, error) {
	t, err := one("tie", s.from(tx).QueryRowContext(ctx, `SELECT `+tieColumns+` FROM ties WHERE query_id=$1 AND known_id=$2 OR query_id=$2 AND known_id=$1
		ORDER BY distance, CASE WHEN query_id=$1 THEN 0 ELSE 1 END LIMIT 1`, queryID, knownID), scanTie)
	if err == nil && t.QueryID != queryID {
		t = t.Turned()
	}
	return t, err
}

// EachTie calls fn for every tie.
func (s *Store) EachTie(ctx context.Context, fn func(Tie) error) error {
	return each(ctx, "ties", s.read, scanTie, fn, `SELECT `+tieColumns+` FROM ties ORDER BY query_id, known_id`)
}

// ReportTies lists ties in which a photo of a report has part, as they were found, after the given one in the order of their
// photos.
func (s *Store) ReportTies(ctx context.Context, tx *sql.Tx, afterQuery, afterKnown string, most int) ([]Tie, error) {
	return all(ctx, "ties of reports", s.from(tx), scanTie, `SELECT `+tieColumns+` FROM ties WHERE (query_id, known_id) > ($1, $2)
		AND EXISTS (SELECT 1 FROM photos WHERE report_id IS NOT NULL AND photos.id IN (ties.query_id, ties.known_id)) ORDER BY query_id, known_id LIMIT $3`, afterQuery, afterKnown, most)
}
