package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"xunqin/pipeline/match"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// Copy is one photo of one post.
type Copy struct {
	Photo record.Photo
	Post  record.Post
}

// Group is one picture with its copies, the earliest first: what results are shown by. A post without photos is a group of
// its own with no picture.
type Group struct {
	PictureID string
	Kind      string // when found by photo: what the picture searched with is to this one, in the words of package feature
	Copies    []Copy
	Leads     []record.Lead // that the picture has part in

	nearest int // place of the best copy among what was found
}

// Apart reports whether the group is no copy, but another shot of the same scene or another photo in the same frame.
func (g Group) Apart() bool { return apart(g.Kind) }

func apart(kind string) bool { return kind == feature.Scene || kind == feature.Layout }

// First and Last are when the earliest and the latest copy was posted.
func (g Group) First() time.Time { return g.Copies[0].Post.PostedAt }

// Last is when the latest copy was posted.
func (g Group) Last() time.Time { return g.Copies[len(g.Copies)-1].Post.PostedAt }

// ReportHit is a report that a picture was found in, or that a query accepts.
type ReportHit struct {
	Report record.Report
	Photo  record.Photo // the photo that was found; zero when found by words
	Kind   string
}

// Apart reports whether the report shows no copy, see Group.Apart.
func (h ReportHit) Apart() bool { return apart(h.Kind) }

// photoPatience is how long the index has for each answer of a search by photo.
const photoPatience = 10 * time.Second

// PhotoAnswer is what a search by photo found.
type PhotoAnswer struct {
	Matchable bool // false: the picture is too flat or too small to be compared, and nothing was looked for
	Groups    []Group
	Reports   []ReportHit
	Behind    int64     // changes the index had not taken in yet; -1: nobody knows how many
	UpTo      time.Time // what was seen until then it had taken in; zero: all
}

// SearchPhoto looks for copies of a picture among all posts and reports, by every means and whatever was done to them; what
// is no copy but the same scene or frame comes last. The picture is decoded, looked for and forgotten: it is written nowhere. A *photo.Refused says why a picture cannot be read. Only the index can look for a picture: while it does not answer
// the error is search.ErrUnavailable.
func (p *Pipeline) SearchPhoto(ctx context.Context, b []byte) (PhotoAnswer, error) {
	ready, err := p.prepare(ctx, b)
	if err != nil {
		return PhotoAnswer{}, err
	}
	a := PhotoAnswer{Matchable: ready.Matchable()}
	if !a.Matchable {
		return a, nil
	}
	if a.Behind, a.UpTo, err = p.fresh(ctx); err != nil {
		return a, err
	}
	f := p.finder()
	f.Index, f.Windows = watched{p, photoPatience}, true
	found, err := f.Find(ctx, ready)
	if err != nil {
		return a, err
	}
	return a, p.fill(ctx, &a, found)
}

// MostNear is how many photos a search by fingerprint looks at, the nearest first.
const MostNear = 200

// SearchFingerprint looks for photos with a fingerprint at most radius bits from one, the nearest first; more says that there are
// others beyond MostNear. Nothing is held against the pictures, so the groups have no kind: a fingerprint alone tells less than a
// picture does.
func (p *Pipeline) SearchFingerprint(ctx context.Context, f search.Fingerprint, radius int) (a PhotoAnswer, more bool, err error) {
	a.Matchable = true
	if a.Behind, a.UpTo, err = p.fresh(ctx); err != nil {
		return a, false, err
	}
	hits, err := watched{p, photoPatience}.Similar(ctx, f, radius)
	if err != nil {
		return a, false, fmt.Errorf("search: %w", err)
	}
	found := make([]match.Found, 0, min(len(hits), MostNear))
	for _, h := range hits[:min(len(hits), MostNear)] {
		found = append(found, match.Found{ID: h.Photo})
	}
	return a, len(hits) > MostNear, p.fill(ctx, &a, found)
}

// fill groups what was found: whole pictures, of which a copy was found, and reports.
func (p *Pipeline) fill(ctx context.Context, a *PhotoAnswer, found []match.Found) error {
	ids := make([]string, len(found))
	for i, v := range found {
		ids[i] = v.ID
	}
	rows, err := p.Records.Photos(ctx, nil, ids)
	if err != nil {
		return err
	}
	photos := make(map[string]record.Photo, len(rows))
	for _, row := range rows {
		photos[row.ID] = row
	}
	groups := map[string]*Group{}
	for i, v := range found {
		ph, held := photos[v.ID]
		if !held {
			continue // erased meanwhile
		}
		if ph.ReportID != "" {
			r, err := p.Records.Report(ctx, nil, ph.ReportID)
			if record.IsNotFound(err) {
				continue
			}
			if err != nil {
				return err
			}
			a.Reports = append(a.Reports, ReportHit{Report: r, Photo: ph, Kind: v.Kind})
			continue
		}
		key := cmp.Or(ph.PictureID, ph.ID)
		if groups[key] != nil {
			continue
		}
		g := &Group{PictureID: ph.PictureID, Kind: v.Kind, nearest: i}
		copies := []record.Photo{ph}
		if ph.PictureID != "" {
			if copies, err = p.Records.PhotosOfPicture(ctx, nil, ph.PictureID); err != nil {
				return err
			}
			if g.Leads, err = p.Records.LeadsOfPicture(ctx, nil, ph.PictureID); err != nil {
				return err
			}
		}
		if err := p.addCopies(ctx, g, copies); err != nil {
			return err
		}
		groups[key] = g
	}
	for _, g := range groups {
		if len(g.Copies) > 0 {
			a.Groups = append(a.Groups, *g)
		}
	}
	slices.SortFunc(a.Groups, func(x, y Group) int { return cmp.Compare(x.nearest, y.nearest) })
	return nil
}

// addCopies adds photos of posts that may be seen, and puts all in order of time.
func (p *Pipeline) addCopies(ctx context.Context, g *Group, photos []record.Photo) error {
	for _, ph := range photos {
		if ph.PostID == "" {
			continue
		}
		post, err := p.Records.Post(ctx, nil, ph.PostID)
		if record.IsNotFound(err) || err == nil && post.State != record.PostLive {
			continue
		}
		if err != nil {
			return err
		}
		g.Copies = append(g.Copies, Copy{Photo: ph, Post: post})
	}
	slices.SortFunc(g.Copies, func(x, y Copy) int {
		return cmp.Or(x.Post.PostedAt.Compare(y.Post.PostedAt), cmp.Compare(x.Photo.ID, y.Photo.ID))
	})
	return nil
}
