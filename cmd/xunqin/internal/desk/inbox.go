package desk

import (
	"database/sql"
	"net/http"
	"strconv"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline/record"
)

func (s *Server) inboxRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/inbox", Roles: readers(), Handle: s.inbox},
		{Method: "POST", Pattern: "/inbox", Roles: readers(), Handle: s.judgeAlert},
	}
}

// inboxRow is one or more alerts of one query about one picture.
type inboxRow struct {
	IDs          []string
	Query        string // name of the saved query; empty for a new lead
	QueryID, Why string
	Blurred      string
	Place        string
	Posted, Seen locale.Moment // of the newest post
	Count        int           // posts
	Useful       string
	Done         bool
	Lead         *LeadLine

	posted time.Time
}

type inboxView struct {
	Rows    []inboxRow
	All     bool // what is done too
	Next    string
	Health  crawlHealth
	Covered CoveredView
}

// inboxLength is how many alerts a page of the inbox is made of, before those of one picture become one row.
const inboxLength = 100

// inbox lists what the person was told, the newest first. An activist sees when, from which province and a blurred picture, and no
// more.
func (s *Server) inbox(p *Page) error {
	var form struct {
		All    bool `form:"all"`
		Before int  `form:"before"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	v := inboxView{All: form.All}
	var before time.Time
	if form.Before > 0 {
		before = time.UnixMilli(int64(form.Before))
	}
	next := time.Time{}
	var err error
	if v.Rows, next, err = s.inboxRows(p, before, v.All); err != nil {
		return err
	}
	if !next.IsZero() {
		v.Next = "/inbox?before=" + strconv.FormatInt(next.UnixMilli(), 10)
		if v.All {
			v.Next += "&all=1"
		}
	}
	if v.Health, err = s.crawlHealth(p); err != nil {
		return err
	}
	if v.Covered, err = s.covered(p, s.Now().Add(-coverageDays*24*time.Hour), time.Time{}); err != nil {
		return err
	}
	return p.Render("inbox", v)
}

// inboxRows makes rows of what the person was told before an instant, or of the newest where it is zero; next is where the list goes on,
// if it does.
func (s *Server) inboxRows(p *Page, before time.Time, done bool) (rows []inboxRow, next time.Time, err error) {
	list, err := s.Records.InboxOf(p.Context(), nil, p.User.ID, before, inboxLength)
	if err != nil {
		return nil, next, err
	}
	if len(list) == inboxLength {
		next = list[len(list)-1].CreatedAt
	}
	names, err := s.queryNames(p)
	if err != nil {
		return nil, next, err
	}
	at := map[string]int{}
	for _, d := range list {
		if !done && !d.DoneAt.IsZero() {
			continue
		}
		row, ok, err := s.inboxRow(p, d)
		if err != nil {
			return nil, next, err
		}
		if !ok {
			continue
		}
		row.Query = names[d.SavedQueryID]
		key := d.SavedQueryID + " " + d.PictureID
		i, had := at[key]
		if d.PictureID == "" || !had {
			at[key] = len(rows)
			rows = append(rows, row)
			continue
		}
		rows[i].add(row)
	}
	return rows, next, nil
}

// add joins another alert of the same query and picture.
func (r *inboxRow) add(other inboxRow) {
	r.IDs = append(r.IDs, other.IDs...)
	r.Count += other.Count
	r.Done = r.Done && other.Done
	if r.Useful == "" {
		r.Useful = other.Useful
	}
	if other.posted.After(r.posted) {
		r.posted, r.Posted, r.Seen, r.Place, r.Blurred = other.posted, other.Posted, other.Seen, other.Place, other.Blurred
	}
}

// inboxRow makes a row of one alert; false when what it was about is gone or not the person's to see any more.
func (s *Server) inboxRow(p *Page, d record.Delivery) (inboxRow, bool, error) {
	row := inboxRow{IDs: []string{d.ID}, QueryID: d.SavedQueryID, Why: d.Why, Count: 1, Useful: d.Useful, Done: !d.DoneAt.IsZero()}
	if d.SubjectKind == "lead" {
		l, err := s.Records.Lead(p.Context(), nil, d.Subject)
		if record.IsNotFound(err) {
			return row, false, nil
		}
		if err != nil {
			return row, false, err
		}
		if !p.User.Is(record.Volunteer) && !p.User.Is(record.Reviewer) {
			return row, false, nil
		}
		lines, err := s.leadLines(p, []record.Lead{l})
		if err != nil || len(lines) == 0 {
			return row, false, err
		}
		row.Lead, row.Posted, row.posted = &lines[0], p.At(l.CreatedAt), l.CreatedAt
		row.Place = lines[0].Place
		return row, true, nil
	}
	post, err := s.Records.Post(p.Context(), nil, d.Subject)
	if record.IsNotFound(err) || err == nil && post.State != record.PostLive {
		return row, false, nil
	}
	if err != nil {
		return row, false, err
	}
	row.Posted, row.Seen, row.posted, row.Place = p.At(post.PostedAt), p.At(post.SeenAt), post.PostedAt, p.place(post.Place, post.PostedAt, false)
	photos, err := s.Records.PhotosOf(p.Context(), nil, post.ID)
	if err != nil {
		return row, false, err
	}
	for _, ph := range photos {
		ok, err := s.showable(p, ph)
		if err != nil {
			return row, false, err
		}
		if ok && (d.PictureID == "" || ph.PictureID == d.PictureID) {
			row.Blurred = p.blurredLink(ph)
			break
		}
	}
	return row, true, nil
}

// queryNames are the names of the person's saved queries by id.
func (s *Server) queryNames(p *Page) (map[string]string, error) {
	list, err := s.Records.SavedQueriesOf(p.Context(), nil, p.User.ID)
	names := make(map[string]string, len(list))
	for _, q := range list {
		names[q.ID] = q.Name
	}
	return names, err
}

// judgeAlert stores that alerts are done and, where it was said, whether they were useful.
func (s *Server) judgeAlert(p *Page) error {
	var form struct {
		IDs    []string `form:"id"`
		Useful string   `form:"useful" max:"10"`
		Back   string   `form:"back" max:"200"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	switch form.Useful {
	case "yes", "no", "":
	default:
		return &Problem{Status: http.StatusBadRequest, Key: "form"}
	}
	err := p.Change(func(tx *sql.Tx) error {
		for _, id := range form.IDs {
			if err := s.Records.JudgeDelivery(p.Context(), tx, id, p.User.ID, form.Useful); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	p.Flash(p.T("inbox.judged"))
	if form.Back == "" {
		form.Back = "/inbox"
	}
	return p.Redirect(form.Back)
}

// inboxSummary counts what waits for the person in the inbox; nil for one who is told of nothing.
func (s *Server) inboxSummary(p *Page) (*inboxSummary, error) {
	list, err := s.Records.InboxOf(p.Context(), nil, p.User.ID, time.Time{}, inboxLength)
	if err != nil || len(list) == 0 && !p.User.Is(record.Activist) {
		return nil, err
	}
	v := &inboxSummary{More: len(list) == inboxLength}
	for i, d := range list {
		if i == 0 {
			v.Newest = p.At(d.CreatedAt)
		}
		if d.DoneAt.IsZero() {
			v.Waiting++
		}
	}
	return v, nil
}
