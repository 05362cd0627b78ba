package desk

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/record"
	"xunqin/search"
)

// program is what asks in a person's name, with a token in place of a session.
type program struct {
	token string // its id
	base  string // what goes before the paths of links
}

// Program is a page for a program that asks in a person's name. What it may see is decided by the functions that decide what the
// pages show, and its answers are made of the same views. Links to pictures lie under base and are good with the same token alone.
// Times are in UTC.
func (s *Server) Program(w http.ResponseWriter, r *http.Request, u record.User, lang string, token record.Token, base string) *Page {
	return &Page{R: r, W: w, User: u, Lang: lang, Zone: time.UTC, s: s, route: Route{Method: r.Method, Pattern: r.Pattern}, start: time.Now(), program: &program{token.ID, base}}
}

// bearer is what signed things are bound to: the browser's session, or the program's token.
func (p *Page) bearer() string {
	if p.program != nil {
		return "token " + p.program.token
	}
	return p.s.Auth.Mark(p.Context())
}

// base goes before the paths of links.
func (p *Page) base() string {
	if p.program != nil {
		return p.program.base
	}
	return ""
}

// Problem is what the reader is told of an error: see Page.fail. That something is not there is said only at the next step of time.
func (p *Page) Problem(err error) *Problem { return p.problem(err) }

// opened are the actions by which programs open one thing.
func opened() []string {
	return []string{"view-post", "view-picture", "view-photo", "view-report", "view-lead"}
}

// open notes that a program opens an object for its person, unless it has opened too many within the hour: then it waits and the alarm
// is noted, once an hour.
func (p *Page) open(action, object string) error {
	s, most, since := p.s, p.s.Policy.Limits.OpensAnHour, p.s.Now().Add(-time.Hour)
	over := false
	err := p.Change(func(tx *sql.Tx) error {
		var n int64
		for _, a := range opened() {
			of, err := s.Records.CountAudit(p.Context(), tx, p.User.ID, a, since)
			if err != nil {
				return err
			}
			n += of
		}
		if over = n >= int64(most); !over {
			return p.Audit(tx, action, object, "token "+p.program.token)
		}
		alarms, err := s.Records.CountAudit(p.Context(), tx, p.User.ID, "view-alarm", since)
		if err != nil || alarms > 0 {
			return err
		}
		return p.Audit(tx, "view-alarm", object, fmt.Sprintf("opened %d", n))
	})
	if err != nil || !over {
		return err
	}
	s.Log.WarnContext(p.Context(), "view alarm", "user", p.User.ID, "most", most)
	until, err := s.freeAgain(p, most, opened()...)
	if err != nil {
		return err
	}
	return &Problem{Status: http.StatusTooManyRequests, Key: "opens", Args: []any{"most", most, "n", p.minutesTo(until)}, Until: until}
}

// Post is one post with its photos, if it is within the person's work: by its place, or by a lead that they have taken.
type Post struct {
	CopyView
	Pictures []string // ids
	Photos   []side
}

// Post reads the post that the path names.
func (p *Page) Post() (Post, error) {
	var v Post
	s, id := p.s, p.Path("id")
	post, err := s.Records.Post(p.Context(), nil, id)
	if err != nil {
		return v, err
	}
	photos, err := s.Records.PhotosOf(p.Context(), nil, id)
	if err != nil {
		return v, err
	}
	own := false
	for _, ph := range photos {
		if ph.PictureID == "" || slices.Contains(v.Pictures, ph.PictureID) {
			continue
		}
		v.Pictures = append(v.Pictures, ph.PictureID)
		leads, err := s.Records.LeadsOfPicture(p.Context(), nil, ph.PictureID)
		if err != nil {
			return v, err
		}
		own = own || ownsOne(p.User, leads)
	}
	list, _, err := s.copies(p, []pipeline.Copy{{Post: post}}, own, own)
	if err != nil {
		return v, err
	}
	if len(list) == 0 {
		return v, fmt.Errorf("post %s: %w", id, record.ErrNotFound)
	}
	v.CopyView = list[0]
	for _, ph := range photos {
		x, err := s.blurredSide(p, ph)
		if err != nil {
			return v, err
		}
		v.Photos = append(v.Photos, x)
	}
	return v, p.open("view-post", id)
}

// Picture reads the picture that the path names, with its copies.
func (p *Page) Picture() (PictureView, error) {
	v, err := p.s.picturePage(p)
	if err != nil {
		return v, err
	}
	return v, p.open("view-picture", v.ID)
}

// Photo is what may be known of one photo.
type Photo struct {
	ID, Post, Report, Picture string
	Width, Height             int // as it was posted
	Format                    string
	Blurred                   string // where its blurred form is
}

// Photo reads the photo that the path names, if it is within the person's work and may be shown.
func (p *Page) Photo() (Photo, error) {
	s, id := p.s, p.Path("id")
	ph, err := s.Records.Photo(p.Context(), nil, id)
	if err != nil {
		return Photo{}, err
	}
	may, err := s.mayPhoto(p, ph)
	if err != nil {
		return Photo{}, err
	}
	can, err := s.showable(p, ph)
	if err != nil {
		return Photo{}, err
	}
	if !may || !can {
		return Photo{}, fmt.Errorf("photo %s: %w", id, record.ErrNotFound)
	}
	v := Photo{ID: ph.ID, Post: ph.PostID, Report: ph.ReportID, Picture: ph.PictureID, Width: ph.Width, Height: ph.Height, Format: ph.Format, Blurred: p.blurredLink(ph)}
	return v, p.open("view-photo", id)
}

// Blurred is the JPEG of the blurred form of the photo that the path names, for whoever comes by a link that is theirs.
func (p *Page) Blurred() ([]byte, error) {
	b, err := p.s.linked(p, p.Path("id"), blurredForm)
	if errors.Is(err, errLink) {
		return nil, &Problem{Status: http.StatusForbidden, Key: "linkover"}
	}
	return b, err
}

// Report reads the report that the path names.
func (p *Page) Report() (ReportView, error) {
	v, r, err := p.s.reportPage(p)
	if err != nil {
		return v, err
	}
	return v, p.open("view-report", r.ID)
}

// Reports lists the reports within the person's work, the newest first, after a place in that order.
func (p *Page) Reports(after search.Key, most int) ([]ReportLine, search.Key, error) {
	return p.s.reportList(p, after, most)
}

// Lead reads the lead that the path names, beside one of its copies, the earliest where none is named.
func (p *Page) Lead(copy string) (LeadView, error) {
	v, err := p.s.leadPage(p, copy)
	if err != nil {
		return v, err
	}
	return v, p.open("view-lead", v.ID)
}

// LeadLists are the names of the lists of leads.
func LeadLists() []string { return []string{"review", "second", "mine", "done"} }

// Leads lists leads within the person's work, who waits longest first, after a place in that order.
func (p *Page) Leads(list string, after search.Key, most int) (lines []LeadLine, next search.Key, err error) {
	leads, more, err := p.s.leadList(p, list, record.Lead{ID: after.ID, CreatedAt: after.At}, most)
	if err != nil {
		return nil, next, err
	}
	if more {
		last := leads[len(leads)-1]
		next = search.Key{At: last.CreatedAt, ID: last.ID}
	}
	lines, err = p.s.leadLines(p, leads)
	return lines, next, err
}

// Decide gives the person's verdict on the lead that the path names, of which they have seen what seen says (see LeadView), and says in
// which state the lead is then.
func (p *Page) Decide(decision, reason, seen string) (state string, err error) {
	l, _, err := p.s.theLead(p)
	if err != nil {
		return "", err
	}
	now, _, err := p.s.say(p, l, decision, strings.TrimSpace(reason), seen)
	if errors.Is(err, pipeline.ErrReason) {
		return "", &Problem{Status: http.StatusUnprocessableEntity, Key: "reason"}
	}
	return now.State, err
}

// Undo takes the person's verdict on the lead that the path names back.
func (p *Page) Undo() error {
	_, err := p.s.unsay(p)
	return err
}

// Words finds what a query accepts. A query that cannot be read is in the view's Wrong. Pages of answers count against the policy's
// searches in an hour.
func (p *Page) Words(query string, page search.Page, counts bool) (v WordSearchView, next search.Key, err error) {
	if _, wrong := p.parseQuery(query); wrong != nil {
		return WordSearchView{Query: query, Wrong: wrong}, next, nil
	}
	if err := p.s.claim(p, "search-words", p.s.Policy.Limits.SearchesAnHour); err != nil {
		return v, next, err
	}
	v, err = p.s.findWords(p, query, page, counts)
	return v, v.next, err
}

// ByPhoto finds copies of a picture, which read gives when it is the request's turn; it lives in the request's memory and is gone with
// it. Of one that cannot be read, refused is the reason for machines and why for people.
func (p *Page) ByPhoto(read func() ([]byte, error)) (v PhotoSearchView, refused, why string, err error) {
	if err := p.s.claim(p, "search-photo", p.s.Policy.Limits.SearchesAnHour); err != nil {
		return v, "", "", err
	}
	done, err := p.s.intake.turn(p.Context())
	if err != nil {
		return v, "", "", err
	}
	defer done()
	b, err := read()
	if err != nil {
		return v, "", "", err
	}
	found, err := p.s.Pipeline.SearchPhoto(p.Context(), b)
	var bad *photo.Refused
	if errors.As(err, &bad) {
		return v, bad.Reason, p.photoReason(bad.Reason), nil
	}
	if err != nil {
		return v, "", "", err
	}
	return v, "", "", p.s.shownFound(p, found, &v)
}

// Queries lists the person's saved queries.
func (p *Page) Queries() ([]queryLine, error) { return p.s.queryLines(p) }

// Inbox lists what the person was told before an instant, or the newest where it is zero; next is where it goes on, if it does.
func (p *Page) Inbox(before time.Time, done bool) (rows []inboxRow, next time.Time, err error) {
	return p.s.inboxRows(p, before, done)
}

// ByFingerprint finds photos by a fingerprint alone; more says that there are others beyond the nearest.
func (p *Page) ByFingerprint(f search.Fingerprint, radius int) (v PhotoSearchView, more bool, err error) {
	if err := p.s.claim(p, "search-photo", p.s.Policy.Limits.SearchesAnHour); err != nil {
		return v, false, err
	}
	found, more, err := p.s.Pipeline.SearchFingerprint(p.Context(), f, radius)
	if err != nil {
		return v, false, err
	}
	return v, more, p.s.shownFound(p, found, &v)
}

// blurredSide is a photo with the link to its blurred form, where it may be shown.
func (s *Server) blurredSide(p *Page, ph record.Photo) (side, error) {
	x := side{Photo: ph.ID}
	ok, err := s.showable(p, ph)
	if ok {
		x.Blurred = p.blurredLink(ph)
	}
	return x, err
}

// Asking is the token that asks.
func (p *Page) Asking() (record.Token, error) {
	return p.s.Records.Token(p.Context(), nil, p.program.token)
}
