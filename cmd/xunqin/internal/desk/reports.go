package desk

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"xunqin/cmd/xunqin/internal/locale"
	"xunqin/pipeline"
	"xunqin/pipeline/record"
	"xunqin/pipeline/report"
	"xunqin/search"
)

func (s *Server) reportRoutes() []Route {
	return []Route{
		{Method: "GET", Pattern: "/reports", Roles: volunteers(), Handle: s.reports},
		{Method: "GET", Pattern: "/reports/new", Roles: volunteers(), Handle: s.newReport},
		{Method: "POST", Pattern: "/reports", Roles: volunteers(), Body: uploadBody, Handle: s.addReport},
		{Method: "GET", Pattern: "/reports/import", Roles: reviewers(), Handle: s.importForm},
		{Method: "POST", Pattern: "/reports/import", Roles: reviewers(), Body: uploadBody, Handle: s.importReports},
		{Method: "GET", Pattern: "/reports/{id}", Roles: volunteers(), Handle: s.report},
		{Method: "POST", Pattern: "/reports/{id}/contact", Roles: reviewers(), Handle: s.showContact},
		{Method: "POST", Pattern: "/reports/{id}/close", Roles: reviewers(), Handle: s.closeReport},
	}
}

// fromForm is the source name of what was reported by the form. It is shown through the catalog.
const fromForm = "desk"

// ReportLine is a report in a list.
type ReportLine struct {
	ID, Number, Kind, Name, Age, Place, Status string
	Lost                                       string
	Created                                    locale.Moment
	Match                                      string // kind of likeness, when found by photo
	Blurred                                    string
}

func (p *Page) reportLine(r record.Report) ReportLine {
	return ReportLine{ID: r.ID, Number: caseNumber(r), Kind: r.Kind, Name: masked(r.Name), Age: p.ageBand(r), Place: p.place(r.Place, r.At(), false),
		Status: r.Status, Lost: p.lost(r), Created: p.Day(r.CreatedAt)}
}

// lost is when the child was lost: as it was written, else the days.
func (p *Page) lost(r record.Report) string {
	switch {
	case r.LostText != "":
		return masked(r.LostText)
	case r.LostFrom.IsZero():
		return ""
	}
	from := locale.Day(p.Lang, r.LostFrom, time.UTC).Text // a day of the calendar, in no zone
	if to := r.LostTo.Add(-time.Second); to.After(r.LostFrom.AddDate(0, 0, 1)) {
		return from + " – " + locale.Day(p.Lang, to, time.UTC).Text
	}
	return from
}

type reportsView struct {
	Reports []ReportLine
	Next    string
	Paged   bool
}

// reports lists those within the person's work, the newest first.
func (s *Server) reports(p *Page) error {
	var form struct {
		After string `form:"after" max:"100"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	key, err := search.ParseKey(form.After)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Key: "page"}
	}
	v := reportsView{Paged: form.After != ""}
	next := search.Key{}
	if v.Reports, next, err = s.reportList(p, key, pageLength); err != nil {
		return err
	}
	if !next.IsZero() {
		v.Next = "/reports?" + url.Values{"after": {next.String()}}.Encode()
	}
	return p.Render("reports", v)
}

// reportList makes lines of the reports within the person's work, the newest first, after a place in that order; next is where the
// list goes on, if it does.
func (s *Server) reportList(p *Page, after search.Key, most int) (lines []ReportLine, next search.Key, err error) {
	var last record.Report
	for {
		list, err := s.Records.Reports(p.Context(), nil, after.At, after.ID, 200)
		if err != nil {
			return nil, search.Key{}, err
		}
		for _, r := range list {
			if theirs(p.User, r.Place) {
				if len(lines) == most {
					return lines, search.Key{At: last.CreatedAt, ID: last.ID}, nil
				}
				last = r
				lines = append(lines, p.reportLine(r))
			}
			after = search.Key{At: r.CreatedAt, ID: r.ID}
		}
		if len(list) < 200 {
			return lines, search.Key{}, nil
		}
	}
}

// ReportView is one report as the person may read it.
type ReportView struct {
	ReportLine
	OtherNames, Sex, Birth, Features string
	Height                           int
	DNA, Police, Source, SourceURL   string
	Step                             string
	Closed                           locale.Moment
	Version                          int64
	HasContact                       bool

	Contact *pipeline.Contact // when it was asked for
	Read    readView          // Features with what was read from the report
	Photos  []side
	Leads   []LeadLine
	Covered CoveredView
}

func (p *Page) reportView(r record.Report, own bool) ReportView {
	at := r.At()
	v := ReportView{ReportLine: p.reportLine(r), OtherNames: p.words(r.OtherNames, at, own), Sex: r.Sex, Birth: p.words(r.Birth, at, own), Features: p.words(r.Features, at, own),
		Height: r.HeightCM, DNA: r.DNA, Police: p.words(r.Police, at, own), Source: p.words(r.SourceName, at, own), Step: r.Step, Closed: p.Day(r.ClosedAt),
		Version: r.Version, HasContact: len(r.Contact) > 0}
	v.Place = p.place(r.Place, at, own)
	if r.SourceName == fromForm {
		v.Source = p.T("report.byform")
	}
	if p.User.Is(record.Reviewer) {
		v.SourceURL = r.SourceURL
	}
	return v
}

// theReport reads the report that the path names, if it is within the person's work: by its place, or by a lead they have taken.
func (s *Server) theReport(p *Page) (record.Report, bool, error) {
	r, err := s.Records.Report(p.Context(), nil, p.Path("id"))
	if err != nil {
		return r, false, err
	}
	taken, err := s.Records.Leads(p.Context(), nil, record.LeadFilter{ReportID: r.ID, Owner: p.User.ID, Most: 1})
	if err != nil {
		return r, false, err
	}
	if len(taken) == 0 && !theirs(p.User, r.Place) {
		return r, false, fmt.Errorf("report %s: %w", r.ID, record.ErrNotFound)
	}
	return r, len(taken) > 0, nil
}

// reportPage makes the whole page of a report.
func (s *Server) reportPage(p *Page) (ReportView, record.Report, error) {
	r, own, err := s.theReport(p)
	if err != nil {
		return ReportView{}, r, err
	}
	v := p.reportView(r, own)
	said, err := s.Records.Facts(p.Context(), nil, record.Ref{ID: r.ID, Kind: "report"})
	if err != nil {
		return v, r, err
	}
	v.Read = p.read(r.Features, said, p.reading(r.At(), own))
	photos, err := s.Records.PhotosOf(p.Context(), nil, r.ID)
	if err != nil {
		return v, r, err
	}
	for _, ph := range photos {
		x, err := s.blurredSide(p, ph)
		if err != nil {
			return v, r, err
		}
		v.Photos = append(v.Photos, x)
	}
	leads, err := s.Records.Leads(p.Context(), nil, record.LeadFilter{ReportID: r.ID})
	if err != nil {
		return v, r, err
	}
	if v.Leads, err = s.leadLines(p, leads); err != nil {
		return v, r, err
	}
	v.Covered, err = s.covered(p, time.Time{}, time.Time{})
	return v, r, err
}

func (s *Server) report(p *Page) error {
	v, r, err := s.reportPage(p)
	if err != nil {
		return err
	}
	if err := p.viewed("view-report", r.ID, ""); err != nil {
		return err
	}
	return p.Render("report", v)
}

// showContact answers with the report and whom to call; every time is logged.
func (s *Server) showContact(p *Page) error {
	v, r, err := s.reportPage(p)
	if err != nil {
		return err
	}
	if !v.HasContact {
		return fmt.Errorf("contact of %s: %w", r.ID, record.ErrNotFound)
	}
	if err := p.viewed("view-contact", r.ID, ""); err != nil {
		return err
	}
	c, err := s.Pipeline.OpenContact(r.Contact)
	if err != nil {
		return err
	}
	v.Contact = &c
	return p.Render("report", v)
}

func (s *Server) closeReport(p *Page) error {
	var form struct {
		Version int `form:"version"`
	}
	if _, err := p.Read(&form); err != nil {
		return err
	}
	r, _, err := s.theReport(p)
	if err != nil {
		return err
	}
	if err := s.Pipeline.CloseReport(p.Context(), p.User.ID, r.ID, int64(form.Version)); err != nil {
		return err
	}
	p.Flash(p.T("report.closedsaid", "n", int(s.Policy.Lives.Closed.D().Hours()/24)))
	return p.Redirect("/reports/" + r.ID)
}

// reportForm is the form of a report. Its fields have the names that package report gives them.
type reportForm struct {
	Category string `form:"category" max:"40"`
	Name     string `form:"full_name" max:"100"`
	Others   string `form:"alternate_names" max:"200"`
	Sex      string `form:"sex" max:"20"`
	Birth    string `form:"date_of_birth" max:"60"`
	Lost     string `form:"missing_date" max:"60"`
	Place    string `form:"missing_place" max:"200"`
	Height   int    `form:"height_cm"`
	Features string `form:"features" max:"4000"`
	DNA      string `form:"dna_sampled" max:"20"`
	Police   string `form:"police_unit" max:"200"`
	Contact  string `form:"contact_name" max:"100"`
	Phone    string `form:"contact_phone" max:"60"`
}

type newReportView struct {
	Form       reportForm
	Errors     Errors
	Categories []report.Category
	Most       int
	MB         int64
}

func (s *Server) newReportView() newReportView {
	return newReportView{Errors: Errors{}, Most: pipeline.MostReportPhotos, MB: s.Policy.Limits.Upload >> 20,
		Categories: []report.Category{report.FamilySeeksChild, report.ChildSeeksFamily, report.Found, report.Notice}}
}

func (s *Server) newReport(p *Page) error { return p.Render("newreport", s.newReportView()) }

// draft is the form as package report knows it, with what cannot be read in it.
func (f reportForm) draft(photos int) (report.Draft, []report.Problem) {
	d := report.Draft{Category: report.Category(f.Category), Name: f.Name, Sex: f.Sex, BirthText: f.Birth, MissingText: f.Lost, Place: f.Place, HeightCM: f.Height,
		Features: f.Features, DNA: f.DNA, ContactName: f.Contact, ContactPhone: f.Phone, Police: f.Police, SourceName: fromForm}
	for _, name := range strings.FieldsFunc(f.Others, func(r rune) bool { return strings.ContainsRune("、,，;；", r) }) {
		d.OtherNames = append(d.OtherNames, strings.TrimSpace(name))
	}
	for i := range photos {
		d.PhotoRefs = append(d.PhotoRefs, fmt.Sprintf("photo-%d", i+1))
	}
	var problems []report.Problem
	read := func(field, text string) report.Interval {
		i, code := report.ParseDate(text)
		if code != "" {
			problems = append(problems, report.Problem{Code: code, Field: field, Value: text, Warning: code == report.ProblemLunar})
		}
		return i
	}
	d.Birth, d.Missing = read("date_of_birth", f.Birth), read("missing_date", f.Lost)
	return d, problems
}

func (s *Server) addReport(p *Page) error {
	done, err := s.intake.turn(p.Context())
	if err != nil {
		return err
	}
	defer done()
	v := s.newReportView()
	values, files, err := p.readUploads(pipeline.MostReportPhotos, s.Policy.Limits.Upload)
	if err != nil && !errors.Is(err, errManyFiles) {
		return err
	}
	if errors.Is(err, errManyFiles) {
		v.Errors["photos"] = p.T("newreport.many", "n", pipeline.MostReportPhotos)
	}
	for field, bad := range readForm(values, &v.Form) {
		v.Errors[field] = p.T("form."+bad.key, bad.args...)
	}
	var photos [][]byte
	for _, f := range files {
		if f.TooLarge {
			v.Errors["photos"] = p.T("newreport.photo", "name", f.Name, "why", p.photoReason("too-large"))
		}
		photos = append(photos, f.Bytes)
	}
	draft, problems := v.Form.draft(len(files))
	draft.Number = newCaseNumber(s.Now())
	var notes []string
	for _, bad := range append(problems, draft.Check(s.Now())...) {
		if bad.Warning {
			notes = append(notes, bad.Message(p.Lang))
		} else if v.Errors[bad.Field] == "" {
			v.Errors[bad.Field] = bad.Message(p.Lang)
		}
	}
	if len(v.Errors) > 0 {
		return p.Again("newreport", v)
	}
	id, left, err := s.Pipeline.AddReport(p.Context(), p.User.ID, s.Pipeline.FromDraft(draft), photos)
	if err != nil {
		return err
	}
	for _, bad := range left {
		notes = append(notes, p.T("newreport.photo", "name", files[bad.Index].Name, "why", p.photoReason(bad.Reason)))
	}
	p.Flash(strings.Join(append([]string{p.T("newreport.saved", "number", draft.Number)}, notes...), " "))
	return p.Redirect("/reports/" + id)
}

// newCaseNumber is a number that a family can read out on the telephone. It opens nothing.
func newCaseNumber(now time.Time) string {
	return "X" + now.Format("060102") + "-" + rand.Text()[:6]
}

// The limits of a table that is taken in on a page; a larger one is the command's work.
const (
	tableRows      = 1000
	tableBytes     = 8 << 20
	tablePhotos    = 500
	tableAddresses = 30 // photos that are fetched, politely, while a person waits
)

type importView struct {
	Errors   Errors
	Checked  bool // nothing was stored
	Done     bool
	Rows     []importLine
	Counts   []importCount
	Warnings []string
	Encoding string
	Most     int
}

type importLine struct {
	Line    int
	Number  string
	Outcome report.Outcome
	Why     []string
}

type importCount struct {
	Outcome report.Outcome
	N       int
}

func (s *Server) importForm(p *Page) error {
	return p.Render("import", importView{Errors: Errors{}, Most: tableRows})
}

// importReports reads a table of reports with the photo files it names. It checks it, or stores what can be stored, and answers
// with a page or with a table of what became of each row.
func (s *Server) importReports(p *Page) error {
	done, err := s.intake.turn(p.Context())
	if err != nil {
		return err
	}
	defer done()
	v := importView{Errors: Errors{}, Most: tableRows}
	values, files, err := p.readUploads(tablePhotos, s.Policy.Limits.Upload)
	if errors.Is(err, errManyFiles) {
		v.Errors["photos"] = p.T("newreport.many", "n", tablePhotos)
	} else if err != nil {
		return err
	}
	table, ok, err := s.readTable(p, files, v.Errors)
	if err != nil {
		return err
	}
	if !ok || len(v.Errors) > 0 {
		return p.Again("import", v)
	}
	photo := func(name string) ([]byte, error) {
		for _, f := range files {
			if f.Field == "photos" && f.Name == name && !f.TooLarge {
				return f.Bytes, nil
			}
		}
		return nil, fs.ErrNotExist
	}
	v.Checked, v.Done, v.Encoding = values.Get("do") != "take", true, table.Encoding
	results, _, err := s.Pipeline.Import(p.Context(), p.User.ID, table, photo, v.Checked, nil)
	if err != nil {
		return err
	}
	for i := range results {
		if results[i].Why == "closed" {
			results[i].Why = p.T("import.closed")
		}
	}
	if values.Get("answer") == "file" {
		return p.resultFile(table.Rows, results)
	}
	v.fill(p, table, results)
	return p.Render("import", v)
}

// readTable finds the table among the files and reads it; what is wrong with it is a complaint.
func (s *Server) readTable(p *Page, files []upload, wrong Errors) (report.Table, bool, error) {
	at := slices.IndexFunc(files, func(f upload) bool { return f.Field == "table" })
	if at < 0 {
		wrong["table"] = p.T("import.none")
		return report.Table{}, false, nil
	}
	table, err := report.ReadCSV(bytes.NewReader(files[at].Bytes), report.Limits{Bytes: tableBytes, Rows: tableRows}, s.Now())
	if files[at].TooLarge {
		err = &report.FileError{Code: report.FileLarge, Limit: tableBytes}
	}
	var bad *report.FileError
	if errors.As(err, &bad) {
		wrong["table"] = bad.Message(p.Lang)
		return table, false, nil
	}
	addresses := 0
	for _, row := range table.Rows {
		for _, ref := range row.Report.PhotoRefs {
			if strings.Contains(ref, "://") {
				addresses++
			}
		}
	}
	if addresses > tableAddresses {
		wrong["table"] = p.T("import.addresses", "n", addresses, "most", tableAddresses)
	}
	return table, err == nil, err
}

func (v *importView) fill(p *Page, table report.Table, results []report.Result) {
	for _, w := range table.Warnings {
		v.Warnings = append(v.Warnings, w.Message(p.Lang))
	}
	counts := map[report.Outcome]int{}
	for i, row := range table.Rows {
		line := importLine{Line: row.Line, Number: row.Report.Number, Outcome: results[i].Outcome}
		if results[i].Why != "" {
			line.Why = append(line.Why, results[i].Why)
		}
		for _, problem := range row.Problems {
			line.Why = append(line.Why, problem.Message(p.Lang))
		}
		v.Rows = append(v.Rows, line)
		counts[line.Outcome]++
	}
	for _, outcome := range []report.Outcome{report.Added, report.Updated, report.Unchanged, report.Rejected} {
		v.Counts = append(v.Counts, importCount{outcome, counts[outcome]})
	}
}

// resultFile answers with what became of each row, as a table to save.
func (p *Page) resultFile(rows []report.Row, results []report.Result) error {
	var out bytes.Buffer
	if err := report.WriteResult(&out, rows, results, p.Lang); err != nil {
		return err
	}
	p.W.Header().Set("Content-Type", "text/csv; charset=utf-8")
	p.W.Header().Set("Content-Disposition", `attachment; filename="result.csv"`)
	p.written = true
	p.W.WriteHeader(http.StatusOK)
	_, _ = out.WriteTo(p.W) // the reader has gone
	return nil
}
