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
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/lead"
	"xunqin/pipeline/record"
	"xunqin/pipeline/redact"
)

func (s *Server) leadRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/leads", Roles: volunteers(), Handle: s.leads},
		{Method: "GET", Pattern: "/leads/{id}", Roles: volunteers(), Handle: s.lead},
		{Method: "POST", Pattern: "/leads/{id}/show", Roles: volunteers(), Handle: s.showLead},
		{Method: "POST", Pattern: "/leads/{id}/verdict", Roles: volunteers(), Handle: s.decide},
		{Method: "POST", Pattern: "/leads/{id}/undo", Roles: volunteers(), Handle: s.undo},
		{Method: "POST", Pattern: "/leads/{id}/take", Roles: volunteers(), Handle: s.takeLead},
		{Method: "POST", Pattern: "/leads/{id}/back", Roles: volunteers(), Handle: s.giveLeadBack},
		{Method: "POST", Pattern: "/leads/{id}/due", Roles: volunteers(), Handle: s.setLeadDue},
	}
}

// leadsView is one list of leads.
type leadsView struct {
	List  string
	Lists []string
	Leads []LeadLine
	Next  string
	Paged bool
}

const pageLength = 50

func (s *Server) leads(p *Page) error {
	var form struct {
		List  string `form:"list" max:"20"`
		After string `form:"after" max:"100"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	v := leadsView{List: form.List, Lists: LeadLists(), Paged: form.After != ""}
	if !slices.Contains(v.Lists, v.List) {
		v.List = v.Lists[0]
	}
	var after record.Lead
	if form.After != "" {
		var err error
		if after, err = s.Records.Lead(p.Context(), nil, form.After); err != nil {
			return err
		}
	}
	leads, more, err := s.leadList(p, v.List, after, pageLength)
	if err != nil {
		return err
	}
	if more {
		v.Next = "/leads?" + url.Values{"list": {v.List}, "after": {leads[len(leads)-1].ID}}.Encode()
	}
	if v.Leads, err = s.leadLines(p, leads); err != nil {
		return err
	}
	return p.Render("leads", v)
}

// mayLead reports whether a lead is within the person's work: taken by them, or of a report or a copy that is.
func (s *Server) mayLead(p *Page, l record.Lead) (bool, error) {
	if l.Owner == p.User.ID || p.User.Is(record.Reviewer) {
		return true, nil
	}
	r, err := s.Records.Report(p.Context(), nil, l.ReportID)
	if err != nil || theirs(p.User, r.Place) {
		return err == nil, err
	}
	if l.Kind == record.ByFacts {
		return s.mayOther(p, l)
	}
	photos, err := s.Records.PhotosOfPicture(p.Context(), nil, l.PictureID)
	if err != nil {
		return false, err
	}
	for _, ph := range photos {
		if ph.PostID == "" {
			continue
		}
		post, err := s.Records.Post(p.Context(), nil, ph.PostID)
		if record.IsNotFound(err) {
			continue
		}
		if err != nil || post.State == record.PostLive && theirs(p.User, post.Place) {
			return err == nil, err
		}
	}
	return false, nil
}

// theLead reads the lead that the path names, if it is within the person's work, with its report.
func (s *Server) theLead(p *Page) (record.Lead, record.Report, error) {
	l, err := s.Records.Lead(p.Context(), nil, p.Path("id"))
	if err != nil {
		return l, record.Report{}, err
	}
	may, err := s.mayLead(p, l)
	if err == nil && !may {
		err = fmt.Errorf("lead %s: %w", l.ID, record.ErrNotFound)
	}
	if err != nil {
		return l, record.Report{}, err
	}
	r, err := s.Records.Report(p.Context(), nil, l.ReportID)
	return l, r, err
}

// verdictOf is the person's own standing verdict on a lead, zero when there is none.
func (s *Server) verdictOf(p *Page, l record.Lead) (record.Verdict, error) {
	report, other := l.Sides()
	list, err := s.Records.Verdicts(p.Context(), nil, report, other)
	for _, v := range list {
		if v.UserID == p.User.ID {
			return v, nil
		}
	}
	return record.Verdict{}, err
}

// side is one of the two pictures that are compared.
type side struct {
	Photo, Blurred, Sharp string
	Outline               *outline // where it shows the other one; nil when that is all of it, or not known
}

// Picture is the address of the form that is shown.
func (v side) Picture() string { return cmp.Or(v.Sharp, v.Blurred) }

// verdictView is somebody's verdict.
type verdictView struct {
	ID, Who, Decision, Reason string
	At                        locale.Moment
}

// LeadView is a lead with the two pictures, what differs, and what may be done.
type LeadView struct {
	LeadLine
	Report          ReportView
	Left, Right     side
	Copy            CopyView // what stands with the right picture
	Copies          []CopyView
	Total           int        // Copies are the first so many
	MayReport       bool       // read the whole report
	Shown           bool       // the pictures are sharp
	CopyKind        string     // what the copy is to the report's photo
	Aligned         *alignment // nil when it is not known how one lies on the other
	AlignedFirst    bool       // the person was looking at the pictures aligned
	Seconds         int
	Harmful, Closed bool
	ByFacts         bool // two documents instead of two pictures
	For, Against    []string
	Unknown         []string // by facts, what one of the two does not say
	Facts           []compared
	Seen            string // what the form was shown for
	Own             *verdictView
	UndoUntil       locale.Moment // zero when it is too late
	Others          []verdictView
	WhyNot          string // why there is no form
	Reason          string
	Errors          Errors
	OwnerName       string
	DueDay          string
}

// leadPage makes the page of a lead beside one of its copies, the earliest where none is named.
func (s *Server) leadPage(p *Page, copyID string) (LeadView, error) {
	v := LeadView{Errors: Errors{}, Seconds: int(s.Policy.Lives.Reveal.D().Seconds())}
	l, r, err := s.theLead(p)
	if err != nil {
		return v, err
	}
	lines, err := s.leadLines(p, []record.Lead{l})
	if err != nil {
		return v, err
	}
	if len(lines) == 0 {
		return v, fmt.Errorf("lead %s: %w", l.ID, record.ErrNotFound)
	}
	v.LeadLine, v.Harmful, v.Closed = lines[0], l.State == record.LeadHarmful, lead.Final(l.State)
	v.DueDay = l.NextAt.In(p.Zone).Format(time.DateOnly)
	v.Report = p.reportView(r, v.Mine)
	v.MayReport = v.Mine || theirs(p.User, r.Place)
	if l.Kind == record.ByFacts {
		if err := s.pairPage(p, l, r, &v); err != nil {
			return v, err
		}
		return v, s.verdicts(p, l, r, &v)
	}
	photos, err := s.Records.PhotosOfPicture(p.Context(), nil, l.PictureID)
	if err != nil {
		return v, err
	}
	photos = slices.DeleteFunc(photos, func(ph record.Photo) bool { return ph.ID == l.ReportPhotoID })
	// Whoever may see a lead sees all copies of its picture: to compare them is the work.
	if v.Copies, _, err = s.copies(p, asCopies(photos), true, v.Mine); err != nil {
		return v, err
	}
	left, err := s.Records.Photo(p.Context(), nil, l.ReportPhotoID)
	if err != nil {
		return v, err
	}
	v.Left.Photo = left.ID
	if !v.Harmful {
		v.Left.Blurred = p.blurredLink(left)
	}
	for i, c := range v.Copies {
		if c.Photo == copyID || i == 0 {
			v.Copy, v.Right = c, side{Photo: c.Photo, Blurred: c.Blurred}
		}
	}
	if i := slices.IndexFunc(photos, func(ph record.Photo) bool { return ph.ID == v.Right.Photo }); i >= 0 {
		if err := s.lay(p, l, left, photos[i], &v); err != nil {
			return v, err
		}
	}
	v.Total = len(v.Copies)
	said, err := s.Records.Facts(p.Context(), nil, record.Ref{ID: r.ID, Kind: "report"})
	if err != nil {
		return v, err
	}
	if !v.MayReport {
		said = coarse(said)
	}
	v.For, v.Against, v.Facts = s.weigh(p, l, r, said, v)
	v.Copies = v.Copies[:min(len(v.Copies), mostCopies)]
	return v, s.verdicts(p, l, r, &v)
}

// verdicts fills in who said what, as far as the person may know it, and whether they may say something themselves. The verdicts
// of others stay hidden until one's own is given.
func (s *Server) verdicts(p *Page, l record.Lead, r record.Report, v *LeadView) error {
	report, other := l.Sides()
	list, err := s.Records.Verdicts(p.Context(), nil, report, other)
	if err != nil {
		return err
	}
	for _, x := range list {
		who, err := s.Records.User(p.Context(), nil, x.UserID)
		if err != nil && !record.IsNotFound(err) {
			return err
		}
		view := verdictView{x.ID, who.Name, x.Decision, x.Reason, p.At(x.CreatedAt)}
		if x.UserID != p.User.ID {
			v.Others = append(v.Others, view)
			continue
		}
		v.Own = &view
		if until := x.CreatedAt.Add(s.Policy.Lives.Undo.D()); s.Now().Before(until) {
			v.UndoUntil = p.At(until)
		}
	}
	others := len(v.Others) > 0
	if v.Own == nil && !(p.User.Is(record.Reviewer) && v.Closed) {
		v.Others = nil
	}
	if l.Owner != "" && !v.Mine {
		who, err := s.Records.User(p.Context(), nil, l.Owner)
		if err != nil && !record.IsNotFound(err) {
			return err
		}
		v.OwnerName = who.Name
	}
	switch {
	case v.Own != nil:
	case v.Closed:
		v.WhyNot = "closed"
	case others && !p.User.Is(record.Reviewer):
		v.WhyNot = "reviewer"
	case others && r.CreatedBy == p.User.ID:
		v.WhyNot = "ownreport"
	default:
		v.Seen = l.State + "." + p.sign("seen", l.ID, l.State)
	}
	return nil
}

// weigh lists what speaks for and against, from what was claimed and what the words say, and the facts of the two sides: those of the
// copy that is shown, and what of other copies contradicts the report. It counts nothing up: people weigh.
func (s *Server) weigh(p *Page, l record.Lead, r record.Report, said facts.Facts, v LeadView) (pro, contra []string, list []compared) {
	kind := cmp.Or(v.CopyKind, l.Kind)
	if says := p.T("weighkind." + kind); apart(kind) {
		contra = append(contra, says)
	} else {
		pro = append(pro, says)
	}
	contra = append(contra, p.measuredLine(kind), p.T("weigh.family"))
	province := func(place string) string { return plainPlace(redact.Place(place, redact.Province)) }
	home := province(r.Place)
	var same, other, before, named bool
	var others []compared
	for _, c := range v.Copies {
		for _, f := range p.compare(said, c.facts, c.Source) {
			switch line := p.T("weigh.says", "fact", p.T("fact."+f.Kind), "reason", f.Reason); {
			case f.Verdict == string(facts.Same) && !slices.Contains(pro, line):
				pro = append(pro, line)
			case f.Verdict == string(facts.MustDiffer) && !slices.Contains(contra, line):
				contra = append(contra, line)
			}
			if c.Photo == v.Copy.Photo {
				list = append(list, f)
			} else if f.Verdict == string(facts.MustDiffer) {
				others = append(others, f)
			}
		}
		if c.OfReport {
			continue
		}
		switch there := province(c.where); {
		case home == "" || there == "":
		case home == there:
			same = true
		default:
			other = true
		}
		if c.Place != "" && v.Report.Place != "" && plainPlace(c.Place) != plainPlace(v.Report.Place) {
			others = append(others, compared{"where", v.Report.Place, c.Place, string(facts.MayBeSame), p.T("weigh.elsewhere"), c.Source})
		}
		if !r.LostFrom.IsZero() && c.Dated {
			early := c.at.Before(r.LostFrom)
			before = before || early
			switch posted := (compared{"posted", v.Report.Lost, c.Posted.Text, string(facts.MayBeSame), p.T("weigh.yearslater"), c.Source}); {
			case early:
				posted.Verdict, posted.Reason = string(facts.MustDiffer), p.T("weigh.before")
				others = append(others, posted)
			case c.at.After(r.LostFrom.AddDate(1, 0, 0)):
				others = append(others, posted)
			}
		}
		for _, n := range []string{r.Name, r.Number} {
			named = named || len([]rune(n)) > 1 && strings.Contains(c.Text, n)
		}
	}
	if same {
		pro = append(pro, p.T("weigh.sameprovince"))
	}
	if !r.LostFrom.IsZero() && !before && len(v.Copies) > 0 {
		pro = append(pro, p.T("weigh.after"))
	}
	if other {
		contra = append(contra, p.T("weigh.otherprovince"))
	}
	if before {
		contra = append(contra, p.T("weigh.before"))
	}
	if named {
		contra = append(contra, p.T("weigh.named"))
	}
	if l.Pair != "sighting" {
		contra = append(contra, p.T("weighpair."+l.Pair))
	}
	const most = 30
	return pro[:min(len(pro), most)], contra[:min(len(contra), most)], append(list, others[:min(len(others), most)]...)
}

func (s *Server) lead(p *Page) error {
	v, err := s.leadPage(p, p.R.URL.Query().Get("copy"))
	if err != nil {
		return err
	}
	if err := p.viewed("view-lead", v.ID, ""); err != nil {
		return err
	}
	return p.Render("lead", v)
}

// showLead answers with the page once more, both pictures sharp, until their time is over.
func (s *Server) showLead(p *Page) error {
	var form struct {
		Copy    string `form:"copy" max:"100"`
		Aligned bool   `form:"aligned"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	v, err := s.leadPage(p, form.Copy)
	if err != nil {
		return err
	}
	v.AlignedFirst = form.Aligned
	var shown []string
	for _, x := range []*side{&v.Left, &v.Right} {
		if x.Photo == "" || x.Blurred == "" {
			continue // nothing is left of it, or it must not be shown
		}
		ph, err := s.Records.Photo(p.Context(), nil, x.Photo)
		if err != nil {
			return err
		}
		if ok, err := s.showable(p, ph); err != nil {
			return err
		} else if ok && ph.Sharp != "" {
			x.Sharp = p.photoLink(ph.ID, sharpForm)
			shown = append(shown, ph.ID)
		}
	}
	if len(shown) == 0 {
		return &Problem{Status: http.StatusGone, Key: "nopicture"}
	}
	if err := s.reveal(p, v.ID, shown...); err != nil {
		return err
	}
	v.Shown = true
	p.endSoon("/leads/" + v.ID + "?" + url.Values{"copy": {v.Right.Photo}}.Encode())
	return p.Render("lead", v)
}

func (s *Server) decide(p *Page) error {
	var form struct {
		Decision string `form:"decision" max:"20"`
		Reason   string `form:"reason" max:"1000"`
		Seen     string `form:"seen"`
		Copy     string `form:"copy" max:"100"`
	}
	wrong, err := p.Read(&form)
	if err != nil {
		return err
	}
	l, _, err := s.theLead(p)
	if err != nil {
		return err
	}
	again := func(wrong Errors) error {
		v, err := s.leadPage(p, form.Copy)
		if err != nil {
			return err
		}
		v.Errors, v.Reason = wrong, form.Reason
		return p.Again("lead", v)
	}
	if len(wrong) > 0 {
		return again(wrong)
	}
	now, meanwhile, err := s.say(p, l, form.Decision, form.Reason, form.Seen)
	if errors.Is(err, pipeline.ErrReason) {
		return again(Errors{"reason": p.T("verdict.needsreason")})
	}
	if err != nil {
		return err
	}
	if meanwhile {
		p.Flash(p.T("verdict.meanwhile"))
	} else {
		p.Flash(p.T("verdictsaid." + now.State))
	}
	return p.Redirect("/leads/" + l.ID)
}

// say gives the person's verdict on a lead, of which they have seen what seen says; meanwhile reports that somebody was faster, which
// is no reason to lose a verdict.
func (s *Server) say(p *Page, l record.Lead, decision, reason, seen string) (now record.Lead, meanwhile bool, err error) {
	state, signed, _ := strings.Cut(seen, ".")
	if !hmac.Equal([]byte(signed), []byte(p.sign("seen", l.ID, state))) {
		return l, false, &Problem{Status: http.StatusForbidden, Key: "verdict"}
	}
	if own, err := s.verdictOf(p, l); err != nil {
		return l, false, err
	} else if own.ID != "" {
		return l, false, &Problem{Status: http.StatusConflict, Key: "decided"}
	}
	now, _, err = s.Pipeline.Decide(p.Context(), p.User.ID, l.ID, decision, reason)
	return now, l.State != state, err
}

func (s *Server) undo(p *Page) error {
	l, err := s.unsay(p)
	if err != nil {
		return err
	}
	p.Flash(p.T("verdict.undone"))
	return p.Redirect("/leads/" + l.ID)
}

// unsay takes the person's verdict on the lead that the path names back, while there is time.
func (s *Server) unsay(p *Page) (record.Lead, error) {
	l, _, err := s.theLead(p)
	if err != nil {
		return l, err
	}
	own, err := s.verdictOf(p, l)
	if err != nil {
		return l, err
	}
	if own.ID == "" {
		return l, fmt.Errorf("verdict on %s: %w", l.ID, record.ErrStale)
	}
	err = s.Pipeline.Undo(p.Context(), p.User.ID, l.ID, own.ID)
	if errors.Is(err, record.ErrStale) {
		return l, &Problem{Status: http.StatusConflict, Key: "undolate", Args: []any{"n", int(s.Policy.Lives.Undo.D().Minutes())}}
	}
	return l, err
}

// The time a lead is taken for, and the most its taker may ask for.
const (
	takenFor  = 72 * time.Hour
	takenMost = 60 * 24 * time.Hour
)

// changeLead stores a change of who looks after a lead, or by when.
func (s *Server) changeLead(p *Page, l record.Lead, action, said, to string) error {
	err := p.Change(func(tx *sql.Tx) error {
		if err := s.Records.SetLead(p.Context(), tx, l); err != nil {
			return err
		}
		return p.Audit(tx, action, l.ID, "")
	})
	if err != nil {
		return err
	}
	p.Flash(said)
	return p.Redirect(to)
}

// takeLead makes the person look after a lead that nobody does; a reviewer may take it over.
func (s *Server) takeLead(p *Page) error {
	l, _, err := s.theLead(p)
	if err != nil {
		return err
	}
	if l.Owner == p.User.ID {
		return p.Redirect("/leads/" + l.ID)
	}
	if l.Owner != "" && !p.User.Is(record.Reviewer) {
		return &Problem{Status: http.StatusConflict, Key: "taken"}
	}
	l.Owner, l.NextAt = p.User.ID, s.Now().Add(takenFor)
	return s.changeLead(p, l, "take", p.T("lead.taken"), "/leads/"+l.ID)
}

// giveLeadBack lets others take it.
func (s *Server) giveLeadBack(p *Page) error {
	l, _, err := s.ownLead(p)
	if err != nil {
		return err
	}
	l.Owner = ""
	return s.changeLead(p, l, "give-back", p.T("lead.givenback"), "/today") // the lead may be out of sight now
}

// ownLead is theLead, when the person has taken it.
func (s *Server) ownLead(p *Page) (record.Lead, record.Report, error) {
	l, r, err := s.theLead(p)
	if err == nil && l.Owner != p.User.ID {
		err = fmt.Errorf("lead %s: %w", l.ID, record.ErrStale)
	}
	return l, r, err
}

func (s *Server) setLeadDue(p *Page) error {
	var form struct {
		Due string `form:"due" max:"20"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	l, _, err := s.ownLead(p)
	if err != nil {
		return err
	}
	day, err := time.ParseInLocation(time.DateOnly, form.Due, p.Zone)
	due := day.AddDate(0, 0, 1).Add(-time.Second) // the end of that day
	if err != nil || due.Before(s.Now()) || due.After(s.Now().Add(takenMost)) {
		v, err := s.leadPage(p, "")
		if err != nil {
			return err
		}
		v.Errors["due"] = p.T("lead.baddue", "n", int(takenMost.Hours()/24))
		return p.Again("lead", v)
	}
	l.NextAt = due
	return s.changeLead(p, l, "due", p.T("lead.duesaved"), "/leads/"+l.ID)
}
