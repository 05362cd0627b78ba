package pipeline

import (
	"context"
	"database/sql"
	"fmt"

	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// Reach is how much two photos must have in common to make a lead.
type Reach string

// The reaches. What each finds and how often it is wrong was measured; see the documentation of matching.
const (
	Narrow Reach = "narrow" // fingerprints so near, or so many features, that nothing else was ever seen to come as close
	Usual  Reach = "usual"  // all that the matcher calls one picture
	Wide   Reach = "wide"   // other shots of one scene and other photos in one frame too, each named as that
)

// Reaches lists the reaches, the narrowest first.
func Reaches() []Reach { return []Reach{Narrow, Usual, Wide} }

// reachSetting is the name under which the reach is stored.
const reachSetting = "reach"

// Reach is the reach that leads are made by now.
func (p *Pipeline) Reach(ctx context.Context, tx *sql.Tx) (Reach, error) {
	v, err := p.Records.Setting(ctx, tx, reachSetting)
	if record.IsNotFound(err) {
		return Usual, nil
	}
	return Reach(v), err
}

// Least support and likeness of features at the narrow reach.
const (
	narrowSupport = 16
	narrowAlike   = 0.85
)

// Takes reports whether a tie makes a lead at this reach.
func (r Reach) Takes(t record.Tie) bool {
	if t.Kind == feature.Scene || t.Kind == feature.Layout {
		return r == Wide
	}
	if r != Narrow {
		return true
	}
	if t.Distance < record.FeatureDistance {
		return t.Distance <= photo.Certain
	}
	return t.Geometry.Support >= narrowSupport && t.Geometry.Alike >= narrowAlike
}

// ReachChange is what changing the reach would do.
type ReachChange struct {
	From, To  Reach
	Gained    int // pairs that would become leads
	Unchecked int // leads nobody has looked at that would go
	Checked   int // leads somebody has looked at that would not be made any more; they stay
	Confirmed int // of those, the agreed ones
}

// PreviewReach says what changing the reach would do, from what the matcher has found so far.
func (p *Pipeline) PreviewReach(ctx context.Context, to Reach) (ReachChange, error) {
	c, _, err := p.changeOfReach(ctx, nil, to)
	return c, err
}

// changeOfReach compares what the matcher found with the leads there are. It returns the leads that would go and, in gain, the
// documents that would gain one.
func (p *Pipeline) changeOfReach(ctx context.Context, tx *sql.Tx, to Reach) (c ReachChange, ids struct {
	drop []record.Lead
	gain map[string]string
}, err error) {
	if to != Narrow && to != Usual && to != Wide {
		return c, ids, fmt.Errorf("reach %q: %w", to, record.ErrNotFound)
	}
	if c.From, err = p.Reach(ctx, tx); err != nil {
		return c, ids, err
	}
	c.To = to
	ids.gain = map[string]string{}
	type pair struct{ reportPhoto, picture string }
	best := map[pair]bool{} // whether any tie of a pair is taken at the new reach
	photos := map[string]record.Photo{}
	read := func(id string) (record.Photo, error) {
		if ph, ok := photos[id]; ok {
			return ph, nil
		}
		list, err := p.Records.Photos(ctx, tx, []string{id})
		if err != nil || len(list) == 0 {
			return record.Photo{}, err
		}
		photos[id] = list[0]
		return list[0], nil
	}
	gained := map[pair]bool{}
	var after record.Tie
	for {
		list, err := p.Records.ReportTies(ctx, tx, after.QueryID, after.KnownID, 1000)
		if err != nil {
			return c, ids, err
		}
		for _, t := range list {
			q, err := read(t.QueryID)
			if err != nil {
				return c, ids, err
			}
			k, err := read(t.KnownID)
			if err != nil {
				return c, ids, err
			}
			for _, v := range []struct {
				report, other record.Photo
			}{{q, k}, {k, q}} {
				if v.report.ReportID == "" || v.other.PictureID == "" || v.report.ReportID == v.other.ReportID {
					continue
				}
				at := pair{v.report.ID, v.other.PictureID}
				best[at] = best[at] || to.Takes(t)
				if to.Takes(t) && !c.From.Takes(t) {
					gained[at] = true
					doc, of := v.other.PostID, "post"
					if doc == "" {
						doc, of = v.other.ReportID, "report"
					}
					ids.gain[doc] = of
				}
			}
		}
		if len(list) < 1000 {
			break
		}
		after = list[len(list)-1]
	}
	var page record.Lead
	for {
		list, err := p.Records.Leads(ctx, tx, record.LeadFilter{After: page, Most: 1000})
		if err != nil {
			return c, ids, err
		}
		for _, l := range list {
			at := pair{l.ReportPhotoID, l.PictureID}
			delete(gained, at)
			taken, known := best[at]
			if !known || taken {
				continue
			}
			switch l.State {
			case record.LeadUnchecked:
				c.Unchecked++
				ids.drop = append(ids.drop, l)
			case record.LeadAgreed:
				c.Confirmed++
				c.Checked++
			default:
				c.Checked++
			}
		}
		if len(list) < 1000 {
			break
		}
		page = list[len(list)-1]
	}
	c.Gained = len(gained)
	return c, ids, nil
}

// SetReach changes the reach, by the decision of two people: leads that nobody has looked at and that it does not make go, and
// what it makes is queued to become leads. What somebody has looked at stays.
func (p *Pipeline) SetReach(ctx context.Context, tx *sql.Tx, actor string, to Reach) (ReachChange, error) {
	if err := p.Records.LockRelate(ctx, tx); err != nil {
		return ReachChange{}, err
	}
	c, ids, err := p.changeOfReach(ctx, tx, to)
	if err != nil {
		return c, err
	}
	if err := p.Records.SetSetting(ctx, tx, reachSetting, string(to)); err != nil {
		return c, err
	}
	for _, l := range ids.drop {
		if _, err := p.Records.DropUntouched(ctx, tx, l); err != nil {
			return c, err
		}
	}
	var work []job
	for doc, of := range ids.gain {
		work = append(work, relateJob{Doc: doc, Of: of})
	}
	if err := p.enqueue(ctx, tx, work...); err != nil {
		return c, err
	}
	return c, p.Records.Audit(ctx, tx, actor, "reach-changed", reachSetting, fmt.Sprintf("%s to %s", c.From, c.To))
}
