package desk

import (
	"cmp"
	"crypto/hmac"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/auth"
	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
	"xunqin/pipeline/blob"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
)

func (s *Server) pictureRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/pictures/{id}", Roles: volunteers(), Handle: s.picture},
		{Method: "POST", Pattern: "/photos/{id}/show", Roles: volunteers(), Handle: s.showPhoto},
		{Method: "GET", Pattern: "/photos/{id}/{form}", Roles: readers(), Handle: s.photoBytes},
	}
}

// The forms in which a photo's bytes are sent.
const (
	blurredForm = "blurred"
	sharpForm   = "sharp"
)

// sign is a keyed mark of the parts, worth something in the person's present session only, or with the present token.
func (p *Page) sign(purpose string, parts ...string) string {
	return p.s.mark(purpose, p.bearer()+"\x00"+strings.Join(parts, "\x00"))
}

// photoLink is where the bytes of a photo are. Whoever gives a link has made sure that the person may follow it: the route that
// answers asks for the signature, which another session or the end of the link's life make worthless.
func (p *Page) photoLink(id, form string) string {
	until := strconv.FormatInt(p.s.Now().Add(p.s.Policy.Lives.Link.D()).Unix(), 10)
	return p.base() + "/photos/" + id + "/" + form + "?" + url.Values{"until": {until}, "sign": {p.sign("photo", id, form, until)}}.Encode()
}

// blurredLink is photoLink of the blurred form, empty where there is none to show.
func (p *Page) blurredLink(ph record.Photo) string {
	if ph.State != record.PhotoKept || ph.Blurred == "" {
		return ""
	}
	return p.photoLink(ph.ID, blurredForm)
}

// errLink: a link to a picture is not whole, of another session, or over.
var errLink = errors.New("no link to a picture that works")

// linked is the bytes of a photo in a form, for whoever has a link to them.
func (s *Server) linked(p *Page, id, form string) ([]byte, error) {
	q := p.R.URL.Query()
	until, err := strconv.ParseInt(q.Get("until"), 10, 64)
	if err != nil || !s.Now().Before(time.Unix(until, 0)) || !hmac.Equal([]byte(q.Get("sign")), []byte(p.sign("photo", id, form, q.Get("until")))) {
		return nil, errLink
	}
	// What was hidden or flagged since the link was given is gone at once.
	ph, err := s.Records.Photo(p.Context(), nil, id)
	if err != nil {
		return nil, err
	}
	if ok, err := s.showable(p, ph); err != nil || !ok {
		return nil, errors.Join(err, fmt.Errorf("photo %s: %w", id, record.ErrNotFound))
	}
	key := ph.Blurred
	if form == sharpForm {
		key = ph.Sharp
	}
	if key == "" {
		return nil, fmt.Errorf("photo %s: %w", id, record.ErrNotFound)
	}
	b, err := s.Pipeline.Picture(p.Context(), key)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, fmt.Errorf("photo %s: %w", id, record.ErrNotFound)
	}
	return b, err
}

func (s *Server) photoBytes(p *Page) error {
	b, err := s.linked(p, p.Path("id"), p.Path("form"))
	if errors.Is(err, errLink) {
		return p.plain(http.StatusForbidden, p.T("picture.linkover"))
	}
	if err != nil {
		return err
	}
	p.W.Header().Set("Content-Type", "image/jpeg")
	p.W.Header().Set("Content-Disposition", "inline")
	p.written = true
	p.W.WriteHeader(http.StatusOK)
	_, _ = p.W.Write(b) // the reader has gone
	return nil
}

// showable reports whether any form of a photo may be shown at all: its bytes are there, its post is not hidden (a reviewer sees
// those of a lead still), and nobody has said that the picture is harmful.
func (s *Server) showable(p *Page, ph record.Photo) (bool, error) {
	if ph.State != record.PhotoKept {
		return false, nil
	}
	if ph.PostID != "" {
		post, err := s.Records.Post(p.Context(), nil, ph.PostID)
		if err != nil || post.State != record.PostLive && !p.User.Is(record.Reviewer) {
			return false, err
		}
	}
	var leads []record.Lead
	var err error
	if ph.PictureID != "" {
		leads, err = s.Records.LeadsOfPicture(p.Context(), nil, ph.PictureID)
	}
	if err == nil && ph.ReportID != "" {
		var of []record.Lead
		of, err = s.Records.Leads(p.Context(), nil, record.LeadFilter{ReportID: ph.ReportID, States: []string{record.LeadHarmful}})
		leads = append(leads, slices.DeleteFunc(of, func(l record.Lead) bool { return l.ReportPhotoID != ph.ID })...)
	}
	return !slices.ContainsFunc(leads, func(l record.Lead) bool { return l.State == record.LeadHarmful }), err
}

// mayPhoto reports whether a photo is within a volunteer's work: by the place of its post or report, or by a lead that they
// have taken.
func (s *Server) mayPhoto(p *Page, ph record.Photo) (bool, error) {
	var place string
	var leads []record.Lead
	if ph.PostID != "" {
		post, err := s.Records.Post(p.Context(), nil, ph.PostID)
		if err != nil {
			return false, err
		}
		place = post.Place
	}
	if ph.ReportID != "" {
		r, err := s.Records.Report(p.Context(), nil, ph.ReportID)
		if err != nil {
			return false, err
		}
		place = r.Place
		if leads, err = s.Records.Leads(p.Context(), nil, record.LeadFilter{ReportID: r.ID, Owner: p.User.ID, Most: 1}); err != nil {
			return false, err
		}
	}
	if theirs(p.User, place) {
		return true, nil
	}
	if ph.PictureID != "" {
		of, err := s.Records.LeadsOfPicture(p.Context(), nil, ph.PictureID)
		if err != nil {
			return false, err
		}
		leads = append(leads, of...)
	}
	return ownsOne(p.User, leads), nil
}

// reveal counts the showing of sharp photos, one or a pair, and logs it under the object on whose page it happens. Over the
// policy's number in an hour nothing is shown and the alarm is noted, once an hour.
func (s *Server) reveal(p *Page, object string, photos ...string) error {
	most, since := s.Policy.Limits.ViewsAnHour, s.Now().Add(-time.Hour)
	over := false
	err := p.Change(func(tx *sql.Tx) error {
		n, err := s.Records.CountAudit(p.Context(), tx, p.User.ID, "reveal", since)
		if err != nil {
			return err
		}
		if over = n >= int64(most); !over {
			return p.Audit(tx, "reveal", object, strings.Join(photos, " "))
		}
		alarms, err := s.Records.CountAudit(p.Context(), tx, p.User.ID, "view-alarm", since)
		if err != nil || alarms > 0 {
			return err
		}
		return p.Audit(tx, "view-alarm", object, fmt.Sprintf("reveals %d", n))
	})
	if err != nil || !over {
		return err
	}
	s.Log.WarnContext(p.Context(), "view alarm", "user", p.User.ID, "most", most)
	until, err := s.freeAgain(p, most, "reveal")
	if err != nil {
		return err
	}
	return &Problem{Status: http.StatusTooManyRequests, Key: "views", Args: []any{"most", most, "n", p.minutesTo(until)}, Until: until}
}

// freeAgain is when a person who has done one of some actions as often as is allowed in an hour may do it again: an hour after the earliest
// of the last most times.
func (s *Server) freeAgain(p *Page, most int, actions ...string) (time.Time, error) {
	var before int64
	for {
		lines, err := s.Records.AuditLog(p.Context(), nil, before, p.User.ID, 500)
		if err != nil || len(lines) == 0 {
			return s.Now().Add(time.Hour), err
		}
		for _, l := range lines {
			if !slices.Contains(actions, l.Action) {
				continue
			}
			if most--; most == 0 {
				return l.At.Add(time.Hour), nil
			}
		}
		before = lines[len(lines)-1].Seq
	}
}

// claim counts an action against a limit in an hour and notes it; over it the person waits.
func (s *Server) claim(p *Page, action string, most int) error {
	over := false
	err := p.Change(func(tx *sql.Tx) error {
		n, err := s.Records.CountAudit(p.Context(), tx, p.User.ID, action, s.Now().Add(-time.Hour))
		if over = n >= int64(most); err != nil || over {
			return err
		}
		return p.Audit(tx, action, "", "")
	})
	if err != nil || !over {
		return err
	}
	until, err := s.freeAgain(p, most, action)
	if err != nil {
		return err
	}
	return &auth.WaitError{Until: until}
}

// endSoon makes a page that shows sharp photos lead back to the blurred one, without script, when their time is over.
func (p *Page) endSoon(back string) {
	p.W.Header().Set("Refresh", fmt.Sprintf("%d; url=%s", int(p.s.Policy.Lives.Reveal.D().Seconds()), localPath(back)))
}

// shownView is a page with one sharp photo.
type shownView struct {
	Sharp, Back string
	Seconds     int
}

func (s *Server) showPhoto(p *Page) error {
	var form struct {
		Back string `form:"back" max:"500"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	ph, err := s.Records.Photo(p.Context(), nil, p.Path("id"))
	if err != nil {
		return err
	}
	may, err := s.mayPhoto(p, ph)
	if err != nil {
		return err
	}
	can, err := s.showable(p, ph)
	if err != nil {
		return err
	}
	if !may || !can || ph.Sharp == "" {
		return fmt.Errorf("photo %s: %w", ph.ID, record.ErrNotFound)
	}
	if err := s.reveal(p, ph.ID, ph.ID); err != nil {
		return err
	}
	v := shownView{Sharp: p.photoLink(ph.ID, sharpForm), Back: localPath(form.Back), Seconds: int(s.Policy.Lives.Reveal.D().Seconds())}
	p.endSoon(v.Back)
	return p.Render("shown", v)
}

// CopyView is one copy of a picture and what was claimed with it.
type CopyView struct {
	Photo, Blurred           string
	Post                     string // its id
	Posted, Seen             locale.Moment
	Dated                    bool // the source said when; else Posted is when it was first seen
	Source, Place, Text, URL string
	Hidden                   bool
	Report, Number           string // of a report's photo: its id, where the person may read it, and case number
	OfReport                 bool
	Read                     readView // Text with what was read from it
	Gone                     bool     // the picture's life is over: fingerprints are left, and the address
	Host                     string   // of the post's address, for those who may not read all of it

	at    time.Time
	where string      // the place as written
	facts facts.Facts // of the text
}

// copies makes views of those copies that lie within the person's work, the earliest first, and counts the others. Whole says that
// all of them do, own that what they say is the person's to read. Of a copy either the photo, the post or both may be given.
func (s *Server) copies(p *Page, of []pipeline.Copy, whole, own bool) (list []CopyView, outside int, err error) {
	sources, err := s.sourceNames(p)
	if err != nil {
		return nil, 0, err
	}
	for _, c := range of {
		v := CopyView{Photo: c.Photo.ID}
		if c.Photo.ReportID != "" {
			err = s.claimOfReport(p, &v, c.Photo.ReportID)
		} else {
			err = s.claimOfPost(p, &v, c, sources)
		}
		if record.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, 0, err
		}
		if !whole && !theirs(p.User, v.where) {
			outside++
			continue
		}
		v.Place, v.Read = p.place(v.where, v.at, own), p.read(v.Text, v.facts, p.reading(v.at, own))
		v.Text = v.Read.text()
		v.Gone = c.Photo.State == record.PhotoGone
		if v.Photo != "" {
			if ok, err := s.showable(p, c.Photo); err != nil {
				return nil, 0, err
			} else if ok {
				v.Blurred = p.blurredLink(c.Photo)
			}
		}
		list = append(list, v)
	}
	slices.SortStableFunc(list, func(a, b CopyView) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.Photo, b.Photo)) })
	return list, outside, nil
}

// claimOfPost fills in what a post claims, unmasked. A hidden post is there for reviewers alone.
func (s *Server) claimOfPost(p *Page, v *CopyView, c pipeline.Copy, sources map[string]string) error {
	post := c.Post
	if post.ID == "" {
		var err error
		if post, err = s.Records.Post(p.Context(), nil, c.Photo.PostID); err != nil {
			return err
		}
	}
	v.Post, v.Hidden = post.ID, post.State != record.PostLive
	if v.Hidden && !p.User.Is(record.Reviewer) {
		return fmt.Errorf("post %s: %w", post.ID, record.ErrNotFound)
	}
	v.at, v.where, v.Text = post.PostedAt, post.Place, post.Text
	v.Posted, v.Seen, v.Dated = p.At(post.PostedAt), p.At(post.SeenAt), post.Precision != "unknown"
	v.Source = sources[post.SourceID]
	if at, err := url.Parse(post.URL); err == nil {
		v.Host = at.Hostname()
	}
	if p.User.Is(record.Reviewer) {
		v.URL = post.URL // the poster's name may stand in it
	}
	var err error
	v.facts, err = s.Records.Facts(p.Context(), nil, record.Ref{ID: post.ID, Kind: "post"})
	return err
}

// claimOfReport fills in what another report says, whose photo is a copy.
func (s *Server) claimOfReport(p *Page, v *CopyView, id string) error {
	r, err := s.Records.Report(p.Context(), nil, id)
	if err != nil {
		return err
	}
	v.at, v.where, v.Text = r.At(), r.Place, r.Features
	v.Posted, v.Seen, v.Dated = p.At(r.CreatedAt), p.At(r.CreatedAt), true
	v.Source, v.Number, v.OfReport = r.SourceName, caseNumber(r), true
	if theirs(p.User, r.Place) {
		v.Report = r.ID
	}
	v.facts, err = s.Records.Facts(p.Context(), nil, record.Ref{ID: r.ID, Kind: "report"})
	return err
}

// asCopies are photos as copies makes views of them.
func asCopies(photos []record.Photo) []pipeline.Copy {
	list := make([]pipeline.Copy, len(photos))
	for i, ph := range photos {
		list[i].Photo = ph
	}
	return list
}

// PictureView is one picture with its copies and leads.
type PictureView struct {
	ID      string
	Copies  []CopyView
	Total   int // Copies are the first so many
	Outside int
	pictureSpan
	Leads []LeadLine
}

// mostCopies is how many copies stand on one page, each with its text; a picture may have thousands.
const mostCopies = 50

func (s *Server) picture(p *Page) error {
	v, err := s.picturePage(p)
	if err != nil {
		return err
	}
	if err := p.viewed("view-picture", v.ID, ""); err != nil {
		return err
	}
	return p.Render("picture", v)
}

// picturePage makes the page of the picture that the path names, if it has a copy within the person's work.
func (s *Server) picturePage(p *Page) (PictureView, error) {
	v := PictureView{ID: p.Path("id")}
	photos, err := s.Records.PhotosOfPicture(p.Context(), nil, v.ID)
	if err != nil {
		return v, err
	}
	leads, err := s.Records.LeadsOfPicture(p.Context(), nil, v.ID)
	if err != nil {
		return v, err
	}
	own := ownsOne(p.User, leads)
	if v.Copies, v.Outside, err = s.copies(p, asCopies(photos), own, own); err != nil {
		return v, err
	}
	if len(v.Copies) == 0 {
		return v, fmt.Errorf("picture %s: %w", v.ID, record.ErrNotFound)
	}
	v.pictureSpan, v.Total = span(v.Copies), len(v.Copies)
	v.Copies = v.Copies[:min(len(v.Copies), mostCopies)]
	v.Leads, err = s.leadLines(p, leads)
	return v, err
}

// pictureSpan sums the copies of a picture up.
type pictureSpan struct {
	First, Last locale.Moment
	Places      []string
	Sources     int
}

func span(copies []CopyView) pictureSpan {
	var v pictureSpan
	sources := map[string]bool{}
	for _, c := range copies {
		if c.Place != "" && !slices.Contains(v.Places, c.Place) {
			v.Places = append(v.Places, c.Place)
		}
		sources[c.Source] = true
	}
	v.Sources = len(sources)
	if len(copies) > 0 {
		v.First, v.Last = copies[0].Posted, copies[len(copies)-1].Posted
	}
	return v
}
