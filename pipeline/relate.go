package pipeline

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"image"
	"maps"
	"math"
	"slices"
	"sync"
	"time"

	"xunqin/pipeline/lead"
	"xunqin/pipeline/match"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// firstLook is by when somebody has to look at a new lead.
const firstLook = 72 * time.Hour

// Follow brings the index up to date with the record's changes. An index that was lost, or is of another record, is built
// anew by the same walk. Where Follow has returned, Find and Similar see all that was committed before it was called.
func (p *Pipeline) Follow(ctx context.Context) error {
	done, err := p.follow.take(ctx, 1)
	if err != nil {
		return fmt.Errorf("follow: %w", err)
	}
	defer done()
	return p.followFrom(ctx, p.index(), -1)
}

// followFrom applies the changes after seq to an index; -1 means after the last one applied.
func (p *Pipeline) followFrom(ctx context.Context, x search.Index, seq int64) error {
	if seq < 0 {
		info, err := x.Info(ctx)
		if err != nil {
			return fmt.Errorf("follow: %w", err)
		}
		seq = info.Seq
	}
	for {
		b, err := p.batch(ctx, nil, seq, followed)
		if err != nil || b.n == 0 {
			return err
		}
		if err := x.Apply(ctx, b.seq, b.put, b.del); err != nil {
			return fmt.Errorf("follow: %w", err)
		}
		seq = b.seq
	}
}

// followed is how many changes are applied at once.
const followed = 500

// A batch is changes that are applied at once, with what the record says of their documents now.
type batch struct {
	n   int
	seq int64 // of the last of them
	put []search.Doc
	del []string
}

// batch reads the first changes after seq.
func (p *Pipeline) batch(ctx context.Context, tx *sql.Tx, seq int64, most int) (b batch, err error) {
	list, err := p.Records.Changes(ctx, tx, seq, most)
	if err != nil {
		return b, err
	}
	for _, c := range list {
		d, ok, err := p.Records.Doc(ctx, tx, c)
		if err != nil {
			return b, err
		}
		if wrong := d.Check(); ok && wrong != nil { // no index takes it, and the others do not wait for it
			p.Log.Error("not searchable", "err", wrong)
			ok = false
		}
		if ok {
			b.put = append(b.put, d)
		} else {
			b.del = append(b.del, c.DocID)
		}
		b.seq = c.Seq
	}
	b.n = len(list)
	return b, nil
}

// Lag is how many changes the index is behind the record.
func (p *Pipeline) Lag(ctx context.Context) (int64, error) {
	info, err := p.index().Info(ctx)
	if err != nil {
		return 0, err
	}
	last, err := p.Records.LastChange(ctx, nil)
	return max(0, last-info.Seq), err
}

// near is a stored photo that a photo shows, is shown by, or is a copy of.
type near struct {
	photo record.Photo
	tie   record.Tie // from the photo it is near to
}

// copies finds the stored photos of documents of some kinds, or of all, that are upright copies of a photo, by what is stored
// of both: candidates from the index, each verified, the nearest first, at most so many.
func (p *Pipeline) copies(ctx context.Context, ph record.Photo, most int, kinds ...string) ([]near, error) {
	query := asPhoto(ph)
	distance := map[string]int{}
	for _, f := range ph.Prints {
		if f.Algo != photo.Perception {
			continue
		}
		hits, err := p.index().Similar(ctx, f, photo.PerceptionRadius, kinds...)
		if err != nil {
			return nil, fmt.Errorf("look for copies: %w", err)
		}
		for _, h := range hits {
			if d, ok := distance[h.Photo]; h.Photo != ph.ID && (!ok || h.Distance < d) {
				distance[h.Photo] = h.Distance
			}
		}
	}
	ids := slices.SortedFunc(maps.Keys(distance), func(a, b string) int { return cmp.Or(cmp.Compare(distance[a], distance[b]), cmp.Compare(a, b)) })
	var out []near
	for part := range slices.Chunk(ids, 200) {
		list, err := p.Records.PrintedPhotos(ctx, nil, part) // without those erased of which the index does not know yet
		if err != nil {
			return nil, err
		}
		for _, known := range list {
			if m, ok := photo.Verify(query, asPhoto(known)); ok {
				if out = append(out, near{known, uprightTie(ph, known, m)}); len(out) == most {
					return out, nil
				}
			}
		}
	}
	return out, nil
}

// uprightTie is the tie of two upright copies.
func uprightTie(query, known record.Photo, m photo.Match) record.Tie {
	if m.Query.Empty() {
		m.Query, m.Known = image.Rect(0, 0, query.Width, query.Height), image.Rect(0, 0, known.Width, known.Height)
	}
	return record.NewTie(query.ID, known.ID, match.Upright(m))
}

// everything is more photos than there are.
const everything = math.MaxInt

// nearTo finds what a photo has to do with others: what its first look found and is stored, upright copies by fingerprint, and,
// where there is something it was not compared with yet, what looking again finds.
func (p *Pipeline) nearTo(ctx context.Context, ph record.Photo, generation int64) ([]near, error) {
	list, err := p.copies(ctx, ph, everything, search.KindReport)
	if err != nil {
		return nil, err
	}
	most := everything
	if ph.PostID != "" {
		most = mostCopies
	}
	others, err := p.copies(ctx, ph, most, search.KindPost, search.KindNotice)
	if err != nil {
		return nil, err
	}
	list = append(list, others...)
	ties, err := p.Records.Ties(ctx, nil, ph.ID)
	if err != nil {
		return nil, err
	}
	if ph.ReportID != "" || ph.Looked < generation {
		more, err := p.lookAgain(ctx, ph)
		if err != nil {
			return nil, err
		}
		ties = append(ties, more...)
	}
	at := map[string]int{}
	for i, n := range list {
		at[n.photo.ID] = i
	}
	var ids []string
	for _, t := range ties {
		if _, ok := at[t.KnownID]; !ok {
			ids = append(ids, t.KnownID)
		}
	}
	slices.Sort(ids)
	rows, err := p.Records.PrintedPhotos(ctx, nil, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	photos := make(map[string]record.Photo, len(rows))
	for _, row := range rows {
		photos[row.ID] = row
	}
	for _, t := range ties {
		i, known := at[t.KnownID]
		row, held := photos[t.KnownID]
		switch {
		case known && t.Distance < list[i].tie.Distance:
			list[i].tie = t
		case !known && held:
			at[t.KnownID] = len(list)
			list = append(list, near{row, t})
		}
	}
	return list, nil
}

// Relate indexes a post or report and compares it with all there is: copies among posts become one picture, copies between a
// report and a picture become a lead, saved queries that accept a post become alerts. Of a post and a report that arrive at
// once at least one sees the other, since the index shows each before its comparison begins.
func (p *Pipeline) Relate(ctx context.Context, job relateJob, _ int, done done) error {
	if err := p.Follow(ctx); err != nil {
		return err
	}
	photos, err := p.Records.PhotosOf(ctx, nil, job.Doc)
	if err != nil {
		return err
	}
	generation, err := p.Records.Generation(ctx, nil)
	if err != nil {
		return err
	}
	found := make([][]near, len(photos))
	for i, ph := range photos {
		if !ph.Matchable || len(ph.Prints) == 0 {
			continue
		}
		if found[i], err = p.nearTo(ctx, ph, generation); err != nil {
			return err
		}
	}
	list, err := p.Records.HarmlessList(ctx, nil)
	if err != nil {
		return err
	}
	reach, err := p.Reach(ctx, nil)
	if err != nil {
		return err
	}
	doc, exists, err := p.Records.Doc(ctx, nil, record.Change{DocID: job.Doc, Kind: job.Of})
	if err != nil {
		return err
	}
	pairs, err := p.findPairs(ctx, record.Ref{ID: job.Doc, Kind: job.Of})
	if err != nil {
		return err
	}
	var fresh []string
	err = p.Records.Tx(ctx, func(tx *sql.Tx) error {
		fresh = nil
		if !exists {
			return done(tx)
		}
		if err := p.Records.LockRelate(ctx, tx); err != nil {
			return err
		}
		for i, ph := range photos {
			if len(found[i]) == 0 && (job.Of == "report" || ph.State != record.PhotoKept) {
				continue
			}
			for _, n := range found[i] {
				if ph.ReportID == "" && n.photo.ReportID == "" && n.tie.Upright() {
					continue // found again whenever it is looked for
				}
				if err := p.Records.AddTie(ctx, tx, n.tie); err != nil {
					return err
				}
			}
			var leads []string
			var err error
			if job.Of == "post" {
				leads, err = p.joinCopy(ctx, tx, ph, found[i], reach, harmless(list, ph))
			} else {
				leads, err = p.joinReport(ctx, tx, ph, found[i], reach)
			}
			if err != nil {
				return err
			}
			if err := p.Records.SetLooked(ctx, tx, ph.ID, generation); err != nil {
				return err
			}
			fresh = append(fresh, leads...)
		}
		leads, err := p.joinPairs(ctx, tx, record.Ref{ID: job.Doc, Kind: job.Of}, pairs)
		if err != nil {
			return err
		}
		fresh = append(fresh, leads...)
		if err := p.alertOfLeads(ctx, tx, fresh); err != nil {
			return err
		}
		if job.Of == "post" {
			if err := p.alertOfPost(ctx, tx, doc, photos); err != nil {
				return err
			}
			if err := p.Records.MovePost(ctx, tx, job.Doc, record.StepGathered, record.StepRelated); err != nil {
				return err
			}
		} else if err := p.Records.MoveReport(ctx, tx, job.Doc, record.StepGathered, record.StepRelated); err != nil {
			return err
		}
		return done(tx)
	})
	if err != nil {
		return err
	}
	if p.OnLead != nil {
		for _, id := range fresh {
			if l, err := p.Records.Lead(ctx, nil, id); err == nil {
				p.OnLead(l)
			}
		}
	}
	return nil
}

// joinCopy puts a post's photo into the picture of its copies, which may turn out to join several into one, and makes it a
// sighting of every lead of that picture and of the reports it was found near to. It returns the new leads.
func (p *Pipeline) joinCopy(ctx context.Context, tx *sql.Tx, ph record.Photo, found []near, reach Reach, harmless bool) ([]string, error) {
	picture, err := p.joinPicture(ctx, tx, ph, found)
	if err != nil {
		return nil, err
	}
	if harmless {
		if err := p.putAside(ctx, tx, picture, record.AsideHarmless); err != nil {
			return nil, err
		}
	}
	var fresh []string
	for _, n := range found {
		if n.photo.ReportID == "" || !reach.Takes(n.tie) {
			continue
		}
		id, isNew, err := p.addLead(ctx, tx, n.photo, picture, ph, n.tie)
		if err != nil {
			return nil, err
		}
		if isNew {
			fresh = append(fresh, id)
		}
	}
	return fresh, p.spread(ctx, tx, picture)
}

// joinReport makes leads of a report's photo and each picture that a copy of it belongs to, and of two reports that carry
// one photo.
func (p *Pipeline) joinReport(ctx context.Context, tx *sql.Tx, ph record.Photo, found []near, reach Reach) ([]string, error) {
	var fresh, beside []string
	for _, n := range found {
		if n.photo.PostID != "" && n.photo.PictureID != "" {
			beside = append(beside, n.photo.PictureID)
		}
	}
	for _, n := range found {
		if n.photo.ReportID == ph.ReportID || !reach.Takes(n.tie) {
			continue
		}
		of, other, tie := ph, n.photo, n.tie.Turned() // a lead says what the other photo is to the report's
		if other.ReportID != "" && (other.CreatedAt.Before(of.CreatedAt) || other.CreatedAt.Equal(of.CreatedAt) && other.ID < of.ID) {
			of, other, tie = other, of, n.tie // of two reports the older one is asked about
		}
		picture, err := p.pictureBeside(ctx, tx, other, beside)
		if err != nil {
			return nil, err
		}
		if other.PostID != "" && picture != "" {
			beside = append(beside, picture)
		}
		id, isNew, err := p.addLead(ctx, tx, of, picture, other, tie)
		if err != nil {
			return nil, err
		}
		if isNew {
			fresh = append(fresh, id)
		}
		if err := p.spread(ctx, tx, picture); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// addLead makes a lead of a report's photo and a picture, with the copy that was found; tie is seen from the copy. No lead is
// made of a picture that is put aside, and one that makes too many is.
func (p *Pipeline) addLead(ctx context.Context, tx *sql.Tx, report record.Photo, picture string, sight record.Photo, tie record.Tie) (id string, fresh bool, err error) {
	if picture == "" {
		return "", false, nil // erased meanwhile
	}
	r, err := p.Records.Report(ctx, tx, report.ReportID)
	if err != nil {
		return "", false, ignore(err, record.ErrNotFound)
	}
	if r.Status != record.ReportOpen {
		return "", false, nil
	}
	flooded, err := p.flooded(ctx, tx, picture, report.ID)
	if err != nil || flooded {
		return "", false, err
	}
	pair := "sighting"
	if sight.ReportID != "" {
		other, err := p.Records.Report(ctx, tx, sight.ReportID)
		if err != nil {
			return "", false, ignore(err, record.ErrNotFound)
		}
		pair = "duplicate"
		if other.Kind != r.Kind {
			pair = "found"
		}
	}
	id, fresh, err = p.Records.AddLead(ctx, tx, record.Lead{ReportID: report.ReportID, ReportPhotoID: report.ID, PictureID: picture, Pair: pair,
		Kind: tie.Kind, Distance: tie.Distance, NextAt: p.Now().Add(firstLook)})
	if err != nil {
		return "", false, err
	}
	_, err = p.Records.AddSighting(ctx, tx, record.Sighting{LeadID: id, PhotoID: sight.ID, Kind: tie.Kind, Distance: tie.Distance})
	return id, fresh, err
}

// spread makes every copy of a picture a sighting of each of its leads.
func (p *Pipeline) spread(ctx context.Context, tx *sql.Tx, picture string) error {
	leads, err := p.Records.LeadsOfPicture(ctx, tx, picture)
	if err != nil || len(leads) == 0 {
		return err
	}
	photos, err := p.Records.PhotosOfPicture(ctx, tx, picture)
	if err != nil {
		return err
	}
	for _, l := range leads {
		for _, ph := range photos {
			if ph.ID == l.ReportPhotoID {
				continue
			}
			kind := feature.Edited
			if t, err := p.Records.TieOf(ctx, tx, ph.ID, l.ReportPhotoID); err == nil {
				kind = t.Kind
			} else if !record.IsNotFound(err) {
				return err
			}
			if _, err := p.Records.AddSighting(ctx, tx, record.Sighting{LeadID: l.ID, PhotoID: ph.ID, Kind: kind, Distance: l.Distance}); err != nil {
				return err
			}
		}
	}
	return nil
}

// settlePicture makes the states of a picture's leads what people's verdicts say, after pictures were merged.
func (p *Pipeline) settlePicture(ctx context.Context, tx *sql.Tx, picture string) error {
	leads, err := p.Records.LeadsOfPicture(ctx, tx, picture)
	if err != nil {
		return err
	}
	for _, l := range leads {
		if _, err := p.settle(ctx, tx, l); err != nil {
			return err
		}
	}
	return nil
}

// settle makes a lead's state what the standing verdicts on its pair say.
func (p *Pipeline) settle(ctx context.Context, tx *sql.Tx, l record.Lead) (record.Lead, error) {
	report, other := l.Sides()
	verdicts, err := p.Records.Verdicts(ctx, tx, report, other)
	if err != nil {
		return l, err
	}
	var opinions []lead.Opinion
	for _, v := range verdicts {
		u, err := p.Records.User(ctx, tx, v.UserID)
		if err != nil {
			return l, err
		}
		opinions = append(opinions, lead.Opinion{Person: v.UserID, Decision: v.Decision, Reviewer: u.Is(record.Reviewer)})
	}
	state := lead.State(opinions)
	if state == l.State {
		return l, nil
	}
	l.State = state
	if err := p.Records.SetLead(ctx, tx, l); err != nil {
		return l, err
	}
	l.Version++
	return l, nil
}

// queryCache keeps parsed saved queries between posts.
type queryCache struct {
	mu     sync.Mutex
	parsed map[string]parsedQuery
}

type parsedQuery struct {
	version int64
	query   search.Query
	err     error
}

func (c *queryCache) parse(q record.SavedQuery) (search.Query, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.parsed == nil {
		c.parsed = map[string]parsedQuery{}
	}
	if v, ok := c.parsed[q.ID]; ok && v.version == q.Version {
		return v.query, v.err
	}
	v := parsedQuery{version: q.Version}
	v.query, v.err = search.Parse(q.Query, Divisions{})
	c.parsed[q.ID] = v
	return v.query, v.err
}

// alertOfPost makes an alert for each subscription to a saved query that accepts the post. A query that cannot be read any
// more is paused with its reason, never deleted.
func (p *Pipeline) alertOfPost(ctx context.Context, tx *sql.Tx, doc search.Doc, photos []record.Photo) error {
	queries, err := p.Records.ActiveSavedQueries(ctx, tx)
	if err != nil {
		return err
	}
	picture := ""
	for _, ph := range photos {
		row, err := p.Records.Photo(ctx, tx, ph.ID)
		if err != nil {
			return err
		}
		if row.PictureID != "" {
			picture = row.PictureID
			break
		}
	}
	for _, q := range queries {
		parsed, err := p.queries.parse(q)
		if err != nil {
			q.PausedAt, q.PauseWhy = p.Now(), err.Error()
			if err := p.Records.ChangeSavedQuery(ctx, tx, q); err != nil {
				return err
			}
			continue
		}
		if !search.Match(parsed, doc) {
			continue
		}
		subs, err := p.Records.SubscriptionsOfQuery(ctx, tx, q.ID)
		if err != nil {
			return err
		}
		for _, s := range subs {
			err := p.deliver(ctx, tx, s, record.Delivery{SavedQueryID: q.ID, Subject: doc.ID, SubjectKind: "post", PictureID: picture, Why: parsed.String()})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// alertOfLeads tells those who subscribed to new leads.
func (p *Pipeline) alertOfLeads(ctx context.Context, tx *sql.Tx, leads []string) error {
	if len(leads) == 0 {
		return nil
	}
	subs, err := p.Records.LeadSubscriptions(ctx, tx)
	if err != nil {
		return err
	}
	for _, id := range leads {
		for _, s := range subs {
			if err := p.deliver(ctx, tx, s, record.Delivery{Subject: id, SubjectKind: "lead"}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Pipeline) deliver(ctx context.Context, tx *sql.Tx, s record.Subscription, d record.Delivery) error {
	if !s.StoppedAt.IsZero() {
		return nil
	}
	d.SubscriptionID, d.UserID, d.Channel = s.ID, s.UserID, s.Channel
	id, fresh, err := p.Records.AddDelivery(ctx, tx, d)
	if err != nil || !fresh || s.Channel == record.Inbox {
		return err
	}
	return p.enqueue(ctx, tx, notifyJob{Delivery: id})
}

// Decide stores a person's verdict on a lead and moves the lead as the verdicts together say. A verdict given on a lead that
// somebody decided meanwhile is kept as a further opinion.
func (p *Pipeline) Decide(ctx context.Context, userID, leadID, decision, reason string) (record.Lead, string, error) {
	switch decision {
	case record.Same, record.Likely, record.Different, record.Unsure, record.Harmful:
	default:
		return record.Lead{}, "", fmt.Errorf("verdict %q: %w", decision, record.ErrNotFound)
	}
	if decision == record.Likely && reason == "" {
		return record.Lead{}, "", ErrReason
	}
	var l record.Lead
	var verdict string
	err := p.Records.Tx(ctx, func(tx *sql.Tx) error {
		var err error
		if l, err = p.Records.Lead(ctx, tx, leadID); err != nil {
			return err
		}
		report, other := l.Sides()
		verdict, err = p.Records.AddVerdict(ctx, tx, record.Verdict{ReportPhotoID: report, PictureID: other, UserID: userID, Decision: decision, Reason: reason})
		if err != nil {
			return err
		}
		if l, err = p.settle(ctx, tx, l); err != nil {
			return err
		}
		return p.Records.Audit(ctx, tx, userID, "verdict", l.ID, decision)
	})
	return l, verdict, err
}

// ErrReason: a verdict of "same child likely" needs its reason.
var ErrReason = errors.New("this verdict needs a reason")

// Undo takes a person's own verdict back within the policy's time.
func (p *Pipeline) Undo(ctx context.Context, userID, leadID, verdictID string) error {
	return p.Records.Tx(ctx, func(tx *sql.Tx) error {
		l, err := p.Records.Lead(ctx, tx, leadID)
		if err != nil {
			return err
		}
		if err := p.Records.UndoVerdict(ctx, tx, verdictID, userID, p.Now().Add(-p.Policy.Lives.Undo.D())); err != nil {
			return err
		}
		if _, err := p.settle(ctx, tx, l); err != nil {
			return err
		}
		return p.Records.Audit(ctx, tx, userID, "verdict-undone", l.ID, "")
	})
}
