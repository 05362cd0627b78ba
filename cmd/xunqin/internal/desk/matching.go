package desk

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
	"xunqin/pipeline/photo"
	"xunqin/pipeline/photo/feature"
	"xunqin/pipeline/record"
)

// The settings of matching. What they change takes two admins, but for releasing a picture, which only makes more leads. No
// picture is shown here: to run the place gives no right to see any.
func (s *Server) matchingRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/matching", Roles: admins(), Handle: s.matching},
		{Method: "POST", Pattern: "/matching/reach", Roles: admins(), Handle: s.proposeReach},
		{Method: "POST", Pattern: "/matching/harmless", Roles: admins(), Body: uploadBody, Handle: s.proposeFile},
		{Method: "POST", Pattern: "/matching/harmless/{id}/drop", Roles: admins(), Handle: s.proposeDrop},
		{Method: "POST", Pattern: "/matching/pictures/{id}/harmless", Roles: admins(), Handle: s.proposePicture},
		{Method: "POST", Pattern: "/matching/pictures/{id}/release", Roles: admins(), Handle: s.release},
		{Method: "POST", Pattern: "/matching/proposals/{id}", Roles: admins(), Handle: s.decideProposal},
	}
}

type matchingView struct {
	Errors    Errors
	Reaches   []reachLine
	Kinds     []kindLine
	Figures   pipeline.Figures
	To        string                // the reach chosen in the form
	Preview   *pipeline.ReachChange // of that
	Proposals []proposalLine
	Harmless  []harmlessLine
	Aside     []asideLine
	Flood     int // leads that a picture may make
	Label     string
	MB        int64
	comparing
}

// comparing is how far photos have been compared again.
type comparing struct {
	Left, AnHour int64
	Hours        int64 // about, rounded up
}

func (s *Server) comparing(p *Page) (c comparing, err error) {
	c.Left, c.AnHour, err = s.Pipeline.Comparing(p.Context())
	if c.AnHour > 0 {
		c.Hours = (c.Left + c.AnHour - 1) / c.AnHour
	}
	return c, err
}

type reachLine struct {
	Reach   pipeline.Reach
	Current bool
	pipeline.ReachRates
}

type kindLine struct {
	Kind string
	pipeline.KindRate
}

type proposalLine struct {
	ID, Kind, Decision string
	To                 string // of a reach
	Label              string // of a harmless picture
	By, DecidedBy      string
	At, DecidedAt      locale.Moment
	Own                bool
	Reach              pipeline.ReachChange
	Change             pipeline.HarmlessChange
}

type harmlessLine struct {
	ID, Label, By, ApprovedBy string
	At                        locale.Moment
}

type asideLine struct {
	ID, Why         string
	Since           locale.Moment
	Copies, Reports int64
}

// Most lines of the lists on the page.
const (
	mostProposals = 30
	mostAside     = 100
)

func (s *Server) matchingPage(p *Page) (matchingView, error) {
	v := matchingView{Errors: Errors{}, Figures: pipeline.Measured(), Flood: s.Policy.Limits.Flood, MB: s.Policy.Limits.Upload >> 20}
	now, err := s.Pipeline.Reach(p.Context(), nil)
	if err != nil {
		return v, err
	}
	for _, r := range pipeline.Reaches() {
		v.Reaches = append(v.Reaches, reachLine{r, r == now, v.Figures.Reaches[r]})
	}
	for _, k := range []string{feature.Edited, feature.Mirrored, feature.Turned, feature.Part, feature.Inside, feature.Print, feature.Scene, feature.Layout} {
		v.Kinds = append(v.Kinds, kindLine{k, v.Figures.Kinds[k]})
	}
	if err := s.proposals(p, &v); err != nil {
		return v, err
	}
	aside, err := s.Records.PicturesAside(p.Context(), nil, mostAside)
	if err != nil {
		return v, err
	}
	for _, pic := range aside {
		copies, reports, err := s.Records.CopiesAndReports(p.Context(), nil, pic.ID)
		if err != nil {
			return v, err
		}
		v.Aside = append(v.Aside, asideLine{pic.ID, pic.Aside, p.At(pic.AsideAt), copies, reports})
	}
	v.comparing, err = s.comparing(p)
	return v, err
}

// proposals fills in what waits for a decision and what was decided, and the list of harmless pictures.
func (s *Server) proposals(p *Page, v *matchingView) error {
	users, err := s.Records.Users(p.Context(), nil)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, u := range users {
		names[u.ID] = u.Name
	}
	list, err := s.Records.HarmlessList(p.Context(), nil)
	if err != nil {
		return err
	}
	for _, h := range list {
		v.Harmless = append(v.Harmless, harmlessLine{h.ID, h.Label, names[h.CreatedBy], names[h.ApprovedBy], p.At(h.CreatedAt)})
	}
	proposals, err := s.Records.Proposals(p.Context(), nil, mostProposals)
	if err != nil {
		return err
	}
	for _, x := range proposals {
		l := proposalLine{ID: x.ID, Kind: x.Kind, Decision: x.Decision, By: names[x.ProposedBy], DecidedBy: names[x.DecidedBy], At: p.At(x.ProposedAt), DecidedAt: p.At(x.DecidedAt), Own: x.ProposedBy == p.User.ID}
		var into any = &l.Change
		if x.Kind == pipeline.ProposedReach {
			l.To, into = x.Detail, &l.Reach
		}
		if err := json.Unmarshal([]byte(x.Preview), into); err != nil {
			return err
		}
		l.Label = l.Change.Label
		v.Proposals = append(v.Proposals, l)
	}
	return nil
}

func (s *Server) matching(p *Page) error {
	v, err := s.matchingPage(p)
	if err != nil {
		return err
	}
	return p.Render("matching", v)
}

// againMatching shows the page once more with a complaint.
func (s *Server) againMatching(p *Page, wrong Errors, label string) error {
	v, err := s.matchingPage(p)
	if err != nil {
		return err
	}
	v.Errors, v.Label = wrong, label
	return p.Again("matching", v)
}

func (s *Server) proposeReach(p *Page) error {
	var form struct {
		To string `form:"to" max:"20"`
		Do string `form:"do" max:"20"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	to := pipeline.Reach(form.To)
	if !slices.Contains(pipeline.Reaches(), to) {
		return s.againMatching(p, Errors{"to": p.T("matching.choose")}, "")
	}
	if form.Do != "propose" {
		v, err := s.matchingPage(p)
		if err != nil {
			return err
		}
		change, err := s.Pipeline.PreviewReach(p.Context(), to)
		if err != nil {
			return err
		}
		v.To, v.Preview = form.To, &change
		return p.Render("matching", v)
	}
	_, err := s.Pipeline.ProposeReach(p.Context(), p.User.ID, to)
	return s.proposed(p, err, "to", "")
}

// proposed answers what was proposed, or why it was not.
func (s *Server) proposed(p *Page, err error, field, label string) error {
	var refused *photo.Refused
	switch {
	case errors.Is(err, pipeline.ErrNoChange):
		return s.againMatching(p, Errors{field: p.T("matching.nochange")}, label)
	case errors.Is(err, pipeline.ErrNothingToKnow):
		return s.againMatching(p, Errors{field: p.T("matching.flat")}, label)
	case errors.As(err, &refused):
		return s.againMatching(p, Errors{field: p.photoReason(refused.Reason)}, label)
	case err != nil:
		return err
	}
	p.Flash(p.T("matching.proposed"))
	return p.Redirect("/matching")
}

func (s *Server) proposeFile(p *Page) error {
	done, err := s.intake.turn(p.Context())
	if err != nil {
		return err
	}
	defer done()
	values, files, err := p.readUploads(1, s.Policy.Limits.Upload)
	if err != nil && !errors.Is(err, errManyFiles) {
		return err
	}
	var form struct {
		Label string `form:"label" max:"100"`
	}
	wrong := Errors{}
	for name, key := range readForm(values, &form) {
		wrong[name] = p.T("form."+key.key, key.args...)
	}
	switch {
	case form.Label == "":
		wrong["label"] = p.T("matching.nolabel")
	case errors.Is(err, errManyFiles):
		wrong["photo"] = p.T("photosearch.one")
	case len(files) == 0:
		wrong["photo"] = p.T("photosearch.none")
	case files[0].TooLarge:
		wrong["photo"] = p.photoReason(photo.TooLarge)
	}
	if len(wrong) > 0 {
		return s.againMatching(p, wrong, form.Label)
	}
	_, err = s.Pipeline.ProposeFile(p.Context(), p.User.ID, files[0].Bytes, form.Label)
	return s.proposed(p, err, "photo", form.Label)
}

func (s *Server) proposePicture(p *Page) error {
	var form struct {
		Label string `form:"label" max:"100"`
	}
	wrong, err := p.Read(&form)
	if err != nil {
		return err
	}
	if form.Label == "" {
		wrong["label-"+p.Path("id")] = p.T("matching.nolabel")
	}
	if len(wrong) > 0 {
		return s.againMatching(p, wrong, "")
	}
	_, err = s.Pipeline.ProposePicture(p.Context(), p.User.ID, p.Path("id"), form.Label)
	return s.proposed(p, err, "label-"+p.Path("id"), "")
}

func (s *Server) proposeDrop(p *Page) error {
	_, err := s.Pipeline.ProposeDrop(p.Context(), p.User.ID, p.Path("id"))
	return s.proposed(p, err, "drop", "")
}

func (s *Server) release(p *Page) error {
	if err := s.Pipeline.Release(p.Context(), p.User.ID, p.Path("id")); err != nil {
		return err
	}
	p.Flash(p.T("matching.released"))
	return p.Redirect("/matching")
}

func (s *Server) decideProposal(p *Page) error {
	var form struct {
		Decision string `form:"decision" max:"20"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	if form.Decision != record.Approved && form.Decision != record.Rejected {
		return &Problem{Status: http.StatusBadRequest, Key: "form"}
	}
	v, err := s.Pipeline.DecideProposal(p.Context(), p.User.ID, p.Path("id"), form.Decision)
	if errors.Is(err, record.ErrOnePerson) {
		return &Problem{Status: http.StatusConflict, Key: "oneperson"}
	}
	if err != nil {
		return err
	}
	p.Flash(p.T("proposaldone." + v.Decision))
	return p.Redirect("/matching")
}
