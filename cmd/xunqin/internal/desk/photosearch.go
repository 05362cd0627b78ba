package desk

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"time"

	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/search"
)

func (s *Server) photoSearchRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/search/photo", Roles: volunteers(), Handle: s.photoSearch},
		{Method: "POST", Pattern: "/search/photo", Roles: volunteers(), Body: uploadBody, Handle: s.searchPhoto},
	}
}

// PhotoSearchView is the form and, after a search, what was found. The picture itself is not in it, nor anywhere else.
type PhotoSearchView struct {
	Errors  Errors
	MB      int64
	Done    bool
	Flat    bool // nothing was looked for
	Groups  []GroupView
	Outside int
	Reports []ReportLine
	// What is no copy: another shot of the scene, another photo in the same frame.
	ApartGroups  []GroupView
	ApartReports []ReportLine
	Index        IndexView
	Health       crawlHealth
	Covered      CoveredView
}

// Apart reports whether something was found that is no copy.
func (v PhotoSearchView) Apart() bool { return len(v.ApartGroups)+len(v.ApartReports) > 0 }

func (s *Server) photoSearchForm() PhotoSearchView {
	return PhotoSearchView{Errors: Errors{}, MB: s.Policy.Limits.Upload >> 20}
}

func (s *Server) photoSearch(p *Page) error {
	v := s.photoSearchForm()
	state, err := s.Pipeline.IndexState(p.Context())
	if err != nil {
		return err
	}
	v.Index = p.indexOfPhotos(state)
	return p.Render("photosearch", v)
}

// searchPhoto answers with the results themselves. The picture lives in this request's memory and is gone with it: it is not
// stored, not logged, and nothing that was found can be found again without it.
func (s *Server) searchPhoto(p *Page) error {
	v := s.photoSearchForm()
	if err := s.claim(p, "search-photo", s.Policy.Limits.SearchesAnHour); err != nil {
		return err
	}
	done, err := s.intake.turn(p.Context())
	if err != nil {
		return err
	}
	defer done()
	_, files, err := p.readUploads(1, s.Policy.Limits.Upload)
	switch {
	case errors.Is(err, errManyFiles):
		v.Errors["photo"] = p.T("photosearch.one")
	case err != nil:
		return err
	case len(files) == 0:
		v.Errors["photo"] = p.T("photosearch.none")
	case files[0].TooLarge:
		v.Errors["photo"] = p.photoReason(photo.TooLarge)
	}
	if len(v.Errors) > 0 {
		return p.Again("photosearch", v)
	}
	found, err := s.Pipeline.SearchPhoto(p.Context(), files[0].Bytes)
	var refused *photo.Refused
	if errors.As(err, &refused) {
		v.Errors["photo"] = p.photoReason(refused.Reason)
		return p.Again("photosearch", v)
	}
	if errors.Is(err, search.ErrUnavailable) {
		state, err := s.Pipeline.IndexState(p.Context())
		if err != nil {
			return err
		}
		v.Index = p.indexOfPhotos(state)
		v.Index.NoPhotos, v.Index.Forgotten = true, true
		return p.render(http.StatusServiceUnavailable, "photosearch", v)
	}
	if err != nil {
		return err
	}
	if err := s.shownFound(p, found, &v); err != nil {
		return err
	}
	if v.Health, err = s.crawlHealth(p); err != nil {
		return err
	}
	if v.Covered, err = s.covered(p, time.Time{}, time.Time{}); err != nil {
		return err
	}
	return p.Render("photosearch", v)
}

// shownFound fills in what of a search's answer the person may see.
func (s *Server) shownFound(p *Page, found pipeline.PhotoAnswer, v *PhotoSearchView) (err error) {
	v.Done, v.Flat, v.Index = true, !found.Matchable, p.indexBehind(found.Behind, found.UpTo)
	if v.Groups, v.Outside, err = s.groups(p, found.Groups); err != nil {
		return err
	}
	outside := 0
	if v.Reports, outside, err = s.reportHits(p, found.Reports); err != nil {
		return err
	}
	v.Outside += outside
	v.ApartGroups, v.Groups = halves(v.Groups, func(g GroupView) bool { return apart(g.Kind) })
	v.ApartReports, v.Reports = halves(v.Reports, func(r ReportLine) bool { return apart(r.Match) })
	return nil
}

// halves parts a list, each half in its order.
func halves[T any](list []T, first func(T) bool) (yes, no []T) {
	for _, v := range list {
		if first(v) {
			yes = append(yes, v)
		} else {
			no = append(no, v)
		}
	}
	return yes, no
}

// photoReason says why a picture cannot be read, in the reader's language, and what to do.
func (p *Page) photoReason(reason string) string {
	switch reason {
	case photo.Empty, photo.TooLarge, photo.UnknownFormat, photo.HEIC, photo.TooManyPixels, photo.TimedOut, "twice", "too-many":
		return p.T("photoreason."+reason, "n", p.s.Policy.Limits.Upload>>20)
	case photo.TooWide, photo.TooNarrow:
		return p.T("photoreason.shape")
	case photo.Truncated, photo.Corrupt:
		return p.T("photoreason.broken")
	}
	return p.T("photoreason.other")
}

// GroupView is one picture among the results.
type GroupView struct {
	ID, Blurred, Kind string
	Copies            int
	pictureSpan
	Posts []string // the ids of those with a copy, the earliest first
	Text  string   // of the newest copy that was found
	Leads []LeadLine
}

// groups makes views of the pictures that have a copy within the person's work, each with all its copies, and counts the others.
func (s *Server) groups(p *Page, found []pipeline.Group) (list []GroupView, outside int, err error) {
	for _, g := range found {
		of := g.Copies
		if g.PictureID != "" {
			photos, err := s.Records.PhotosOfPicture(p.Context(), nil, g.PictureID)
			if err != nil {
				return nil, 0, err
			}
			of = asCopies(photos)
		}
		own := ownsOne(p.User, g.Leads)
		copies, _, err := s.copies(p, of, own, own)
		if err != nil {
			return nil, 0, err
		}
		if len(copies) == 0 {
			outside++
			continue
		}
		newest := g.Copies[len(g.Copies)-1].Post
		v := GroupView{ID: g.PictureID, Kind: g.Kind, Copies: len(copies), pictureSpan: span(copies)}
		if own || theirs(p.User, newest.Place) {
			v.Text = clipped(masked(newest.Text))
		}
		for _, c := range copies {
			v.Blurred = cmp.Or(v.Blurred, c.Blurred)
			if c.Post != "" && !slices.Contains(v.Posts, c.Post) && len(v.Posts) < mostCopies {
				v.Posts = append(v.Posts, c.Post)
			}
		}
		if v.Leads, err = s.leadLines(p, g.Leads); err != nil {
			return nil, 0, err
		}
		list = append(list, v)
	}
	return list, outside, nil
}

// ownsOne reports whether one of the leads is the person's.
func ownsOne(u record.User, leads []record.Lead) bool {
	return slices.ContainsFunc(leads, func(l record.Lead) bool { return l.Owner == u.ID })
}

// reportHits makes lines of the reports that lie within the person's work, and counts the others.
func (s *Server) reportHits(p *Page, hits []pipeline.ReportHit) (list []ReportLine, outside int, err error) {
	for _, h := range hits {
		if !theirs(p.User, h.Report.Place) {
			outside++
			continue
		}
		line := p.reportLine(h.Report)
		line.Match = h.Kind
		if h.Photo.ID != "" {
			line.Blurred = p.blurredLink(h.Photo)
		}
		list = append(list, line)
	}
	return list, outside, nil
}
