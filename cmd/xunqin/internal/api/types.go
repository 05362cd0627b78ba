package api

import (
	"cmp"

	"xunqin/cmd/xunqin/internal/desk"
)

// What is answered. Nothing here is more than the pages of the same person show: every value is a field of a view that the desk made.

// Facet is a way to narrow a search.
type Facet struct {
	Name   string  `json:"name" doc:"What is counted by: division, month, age, sex, kind, status or source." example:"month"`
	Counts []Count `json:"counts" nullable:"false"`
}

// Count is one value of a facet.
type Count struct {
	Value string `json:"value" example:"2011-02"`
	Label string `json:"label" doc:"The value in the reader's language." example:"2011-02"`
	Docs  int    `json:"docs" doc:"Documents with it." example:"17"`
	Query string `json:"query" doc:"The query narrowed to it." example:"天桥 date:2011-02"`
}

// Group is one picture among results, or a post without one.
type Group struct {
	Picture  string     `json:"picture,omitempty" doc:"Id of the picture; absent for a post without photos." example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Likeness string     `json:"likeness,omitempty" doc:"When found by photo, what the picture searched with is to this one: same, edited, part or another word of the documentation of matching. It speaks of photographs, never of a child." example:"edited"`
	Apart    bool       `json:"apart" doc:"It is no copy, but another shot of the scene or another photo in the same frame."`
	Copies   int        `json:"copies" doc:"Copies within the work of the token's person." example:"3"`
	Posts    []string   `json:"posts" nullable:"false" doc:"Ids of the posts with a copy, the earliest first, 50 at most."`
	First    string     `json:"first,omitempty" format:"date-time" doc:"When the earliest copy was posted." example:"2011-02-03T06:05:00Z"`
	Last     string     `json:"last,omitempty" format:"date-time" doc:"When the newest copy was posted." example:"2026-02-27T09:00:00Z"`
	Places   []string   `json:"places" nullable:"false" doc:"Where copies were posted from, no finer than the person may read." example:"[\"福建省泉州市\"]"`
	Sources  int        `json:"sources" doc:"Sources with a copy." example:"2"`
	Text     string     `json:"text,omitempty" doc:"The beginning of the newest copy's text, contacts and streets masked." example:"天桥下的小男孩"`
	Blurred  string     `json:"blurred,omitempty" doc:"Link to the blurred form of a copy, good for five minutes with the same token." example:"/api/v1/photos/k3vq2m7xw5b4tzr6p2ynd3cjaf/blurred?sign=…&until=1772442300"`
	Leads    []LeadLine `json:"leads" nullable:"false" doc:"Leads the picture has part in, as far as they are the person's to see."`
}

func groups(list []desk.GroupView, apart bool) []Group {
	out := make([]Group, 0, len(list))
	for _, g := range list {
		out = append(out, Group{Picture: g.ID, Likeness: g.Kind, Apart: apart, Copies: g.Copies, Posts: some(g.Posts), First: g.First.Machine, Last: g.Last.Machine, Places: some(g.Places),
			Sources: g.Sources, Text: g.Text, Blurred: g.Blurred, Leads: leadLines(g.Leads)})
	}
	return out
}

// LeadLine is a lead in a list. It is unchecked until two people agree.
type LeadLine struct {
	ID      string `json:"id" example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Number  string `json:"number" doc:"Case number of the report." example:"YS-0001"`
	State   string `json:"state" enum:"unchecked,first,agreed,disputed,different,unsure,harmful" doc:"Where people are with it. Nothing but agreed was agreed by two." example:"unchecked"`
	Pair    string `json:"pair" doc:"What is compared: sighting (missing with seen), found (missing with found) or duplicate (two reports)." example:"sighting"`
	Kind    string `json:"kind" doc:"What the photographs are to one another, or facts." example:"edited"`
	Age     string `json:"age,omitempty" doc:"A band, in words." example:"6–7 years old when lost"`
	Place   string `json:"place,omitempty" doc:"Of the report, no finer than the person may read." example:"福建省泉州市"`
	Waits   string `json:"waits,omitempty" doc:"How long it has waited, in words." example:"3 h"`
	Due     string `json:"due,omitempty" format:"date-time" doc:"By when somebody has to do something." example:"2026-03-05T09:00:00Z"`
	Overdue bool   `json:"overdue"`
	Mine    bool   `json:"mine" doc:"The token's person has taken it."`
	Taken   bool   `json:"taken" doc:"Somebody has taken it."`
}

func leadLine(l desk.LeadLine) LeadLine {
	return LeadLine{ID: l.ID, Number: l.Number, State: l.State, Pair: l.Pair, Kind: l.Kind, Age: l.Age, Place: l.Place, Waits: l.Waits, Due: l.Due.Machine, Overdue: l.Overdue, Mine: l.Mine, Taken: l.Taken}
}

func leadLines(list []desk.LeadLine) []LeadLine {
	out := make([]LeadLine, 0, len(list))
	for _, l := range list {
		out = append(out, leadLine(l))
	}
	return out
}

// ReportLine is a report in a list.
type ReportLine struct {
	ID       string `json:"id" example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Number   string `json:"number" doc:"Case number." example:"YS-0001"`
	Kind     string `json:"kind" doc:"missing, found or notice." example:"missing"`
	Name     string `json:"name,omitempty" doc:"As reported, contacts masked." example:"王小明"`
	Age      string `json:"age,omitempty" doc:"A band, in words." example:"6–7 years old when lost"`
	Place    string `json:"place,omitempty" example:"福建省泉州市"`
	Lost     string `json:"lost,omitempty" doc:"When the child was lost, in words." example:"May 2010"`
	Status   string `json:"status" example:"open"`
	Created  string `json:"created,omitempty" format:"date" doc:"Day of the report." example:"2026-03-02"`
	Likeness string `json:"likeness,omitempty" doc:"When found by photo: see Group." example:"edited"`
	Apart    bool   `json:"apart" doc:"See Group."`
	Blurred  string `json:"blurred,omitempty" doc:"Link to the blurred form of the photo that was found, good for five minutes with the same token."`
}

func reportLine(r desk.ReportLine, apart bool) ReportLine {
	return ReportLine{ID: r.ID, Number: r.Number, Kind: r.Kind, Name: r.Name, Age: r.Age, Place: r.Place, Lost: r.Lost, Status: r.Status, Created: r.Created.Machine, Likeness: r.Match, Apart: apart, Blurred: r.Blurred}
}

func reportLines(list []desk.ReportLine, apart bool) []ReportLine {
	out := make([]ReportLine, 0, len(list))
	for _, r := range list {
		out = append(out, reportLine(r, apart))
	}
	return out
}

// Said is a fact that was read from words.
type Said struct {
	Kind  string `json:"kind" doc:"place, time, age, sex, height or a kind of note." example:"age"`
	Value string `json:"value,omitempty" doc:"What it says, in the reader's language; absent where the words do not say." example:"about 6"`
	Grade string `json:"grade,omitempty" doc:"How sure that is: sure, likely or possible." example:"likely"`
	Role  string `json:"role,omitempty" doc:"Of what: a place or time of loss, of birth, of a sighting." example:"seen"`
	Words string `json:"words,omitempty" doc:"In which words, as far as they may be read." example:"六七岁"`
}

// Copy is one copy of a picture and what was claimed with it.
type Copy struct {
	Post    string `json:"post,omitempty" doc:"Id of the post." example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Photo   string `json:"photo,omitempty" doc:"Id of the photo." example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Report  string `json:"report,omitempty" doc:"Id of the report whose photo it is, where the person may read it."`
	Number  string `json:"number,omitempty" doc:"Case number of that report."`
	Source  string `json:"source,omitempty" example:"演示广场"`
	Posted  string `json:"posted,omitempty" format:"date-time" example:"2026-02-27T09:00:00Z"`
	Dated   bool   `json:"dated" doc:"The source said when; else posted is when it was first seen."`
	Seen    string `json:"seen,omitempty" format:"date-time" doc:"When it was first seen here." example:"2026-02-27T10:00:00Z"`
	Place   string `json:"place,omitempty" doc:"No finer than the person may read, and never of the last day finer than a county." example:"广东省广州市天河区"`
	Text    string `json:"text,omitempty" doc:"Contacts and streets masked as for the person." example:"女孩，左脸有胎记"`
	Host    string `json:"host,omitempty" doc:"Where it was posted." example:"example.org"`
	URL     string `json:"url,omitempty" doc:"The post's address; for reviewers, as the poster's name may stand in it." example:"https://example.org/1"`
	Hidden  bool   `json:"hidden" doc:"It is hidden at its source; reviewers see it still."`
	Gone    bool   `json:"gone" doc:"The life of the picture's bytes is over."`
	Blurred string `json:"blurred,omitempty" doc:"Link to its blurred form, good for five minutes with the same token."`
	Read    []Said `json:"said" nullable:"false" doc:"What was read from the words."`
}

func copyOf(c desk.CopyView) Copy {
	out := Copy{Post: c.Post, Photo: c.Photo, Report: c.Report, Number: c.Number, Source: c.Source, Posted: c.Posted.Machine, Dated: c.Dated, Seen: c.Seen.Machine, Place: c.Place, Text: c.Text,
		Host: c.Host, URL: c.URL, Hidden: c.Hidden, Gone: c.Gone, Blurred: c.Blurred, Read: []Said{}}
	for _, f := range c.Read.Facts {
		out.Read = append(out.Read, Said(f))
	}
	return out
}

func copiesOf(list []desk.CopyView) []Copy {
	out := make([]Copy, 0, len(list))
	for _, c := range list {
		out = append(out, copyOf(c))
	}
	return out
}

// PhotoLink is a photo, with where its blurred form is.
type PhotoLink struct {
	ID      string `json:"id" example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Blurred string `json:"blurred,omitempty" doc:"Absent where no form of it may be shown."`
}

// Post is one post.
type Post struct {
	Copy
	Pictures []string    `json:"pictures" nullable:"false" doc:"Ids of its pictures."`
	Photos   []PhotoLink `json:"photos" nullable:"false" doc:"Its photos."`
}

func post(v desk.Post) Post {
	out := Post{Copy: copyOf(v.CopyView), Pictures: some(v.Pictures), Photos: []PhotoLink{}}
	for _, ph := range v.Photos {
		out.Photos = append(out.Photos, PhotoLink{ph.Photo, ph.Blurred})
	}
	return out
}

// Picture is one picture with its copies and leads.
type Picture struct {
	ID      string     `json:"id" example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Copies  []Copy     `json:"copies" nullable:"false" doc:"Those within the person's work, the earliest first, 50 at most."`
	Total   int        `json:"total" doc:"Copies within the person's work." example:"3"`
	Outside int        `json:"outside" doc:"Copies outside it." example:"1"`
	First   string     `json:"first,omitempty" format:"date-time" example:"2011-02-03T06:05:00Z"`
	Last    string     `json:"last,omitempty" format:"date-time" example:"2026-02-27T09:00:00Z"`
	Places  []string   `json:"places" nullable:"false"`
	Sources int        `json:"sources" example:"2"`
	Leads   []LeadLine `json:"leads" nullable:"false"`
}

func picture(v desk.PictureView) Picture {
	return Picture{ID: v.ID, Copies: copiesOf(v.Copies), Total: v.Total, Outside: v.Outside, First: v.First.Machine, Last: v.Last.Machine, Places: some(v.Places), Sources: v.Sources, Leads: leadLines(v.Leads)}
}

// Photo is what may be known of one photo.
type Photo struct {
	ID      string `json:"id" example:"k3vq2m7xw5b4tzr6p2ynd3cjaf"`
	Post    string `json:"post,omitempty" doc:"Id of its post."`
	Report  string `json:"report,omitempty" doc:"Id of its report."`
	Picture string `json:"picture,omitempty" doc:"Id of the picture it is a copy of."`
	Width   int    `json:"width" doc:"As it was posted, in pixels." example:"1024"`
	Height  int    `json:"height" example:"768"`
	Format  string `json:"format,omitempty" example:"jpeg"`
	Blurred string `json:"blurred,omitempty" doc:"Link to its blurred form, good for five minutes with the same token."`
}

// Report is one report as its reader may read it. Whom to call stands at the desk alone.
type Report struct {
	ReportLine
	OtherNames string      `json:"other_names,omitempty"`
	Sex        string      `json:"sex,omitempty" example:"male"`
	Birth      string      `json:"birth,omitempty" doc:"As it was written." example:"2003"`
	Features   string      `json:"features,omitempty" doc:"Contacts and streets masked as for the person." example:"左脸胎记"`
	HeightCM   int         `json:"height_cm,omitempty" doc:"Height in centimetres." example:"110"`
	DNA        string      `json:"dna,omitempty" doc:"What was said of a sample; never genetic data." example:"yes"`
	Police     string      `json:"police,omitempty"`
	Source     string      `json:"source,omitempty"`
	SourceURL  string      `json:"source_url,omitempty" doc:"For reviewers."`
	Step       string      `json:"step,omitempty"`
	Closed     string      `json:"closed,omitempty" format:"date"`
	Read       []Said      `json:"said" nullable:"false" doc:"What was read from the words."`
	Photos     []PhotoLink `json:"photos" nullable:"false"`
	Leads      []LeadLine  `json:"leads" nullable:"false"`
}

func report(v desk.ReportView) Report {
	out := Report{ReportLine: reportLine(v.ReportLine, false), OtherNames: v.OtherNames, Sex: v.Sex, Birth: v.Birth, Features: v.Features, HeightCM: v.Height, DNA: v.DNA, Police: v.Police, Source: v.Source,
		SourceURL: v.SourceURL, Step: v.Step, Closed: v.Closed.Machine, Read: []Said{}, Photos: []PhotoLink{}, Leads: leadLines(v.Leads)}
	for _, f := range v.Read.Facts {
		out.Read = append(out.Read, Said(f))
	}
	for _, ph := range v.Photos {
		out.Photos = append(out.Photos, PhotoLink{ph.Photo, ph.Blurred})
	}
	return out
}

// Fact is a fact of the two sides of a lead, held against one another.
type Fact struct {
	Kind    string `json:"kind" example:"sex"`
	Report  string `json:"report,omitempty" doc:"What the report says."`
	Copy    string `json:"copy,omitempty" doc:"What the copy says."`
	Verdict string `json:"verdict" doc:"same, may-be-same, must-differ or unknown." example:"same"`
	Reason  string `json:"reason,omitempty" doc:"Why, in words."`
	Source  string `json:"source,omitempty" doc:"Whose copy says it."`
}

// Verdict is somebody's verdict.
type Verdict struct {
	Who      string `json:"who,omitempty"`
	Decision string `json:"decision" enum:"same,likely,different,unsure,harmful" example:"same"`
	Reason   string `json:"reason,omitempty"`
	At       string `json:"at,omitempty" format:"date-time"`
}

// Lead is a lead with what speaks for and against it. By default the child is with its family.
type Lead struct {
	LeadLine
	Report   string    `json:"report,omitempty" doc:"Id of the report, where the person may read all of it."`
	ByFacts  bool      `json:"by_facts" doc:"Two documents are compared instead of two pictures."`
	Photo    PhotoLink `json:"photo" doc:"The report's photo; empty by facts."`
	Copy     Copy      `json:"copy" doc:"The copy that it is shown beside."`
	Copies   []Copy    `json:"copies" nullable:"false" doc:"All copies of the picture, the earliest first, 50 at most."`
	Total    int       `json:"total" doc:"Copies in all." example:"3"`
	For      []string  `json:"for" nullable:"false" doc:"What speaks for it, in words."`
	Against  []string  `json:"against" nullable:"false" doc:"What speaks against it, in words, with how often such a likeness was wrong."`
	Unknown  []string  `json:"unknown" nullable:"false" doc:"By facts, what one of the two does not say."`
	Facts    []Fact    `json:"facts" nullable:"false"`
	Own      *Verdict  `json:"own,omitempty" doc:"The person's own verdict."`
	UndoTill string    `json:"undo_until,omitempty" format:"date-time" doc:"Until when it can be taken back."`
	Others   []Verdict `json:"others" nullable:"false" doc:"Verdicts of others; hidden until the person has given their own."`
	MayNot   string    `json:"may_not,omitempty" doc:"Why the person may not give a verdict: closed, reviewer (it waits for one) or ownreport." example:"reviewer"`
	Seen     string    `json:"seen,omitempty" doc:"What a verdict must carry: it says in which state the lead was read, and is good with the same token." example:"unchecked.9a8b"`
}

func lead(v desk.LeadView) Lead {
	out := Lead{LeadLine: leadLine(v.LeadLine), ByFacts: v.ByFacts, Photo: PhotoLink{v.Left.Photo, v.Left.Blurred}, Copy: copyOf(v.Copy), Copies: copiesOf(v.Copies), Total: cmp.Or(v.Total, len(v.Copies)),
		For: some(v.For), Against: some(v.Against), Unknown: some(v.Unknown), Facts: []Fact{}, UndoTill: v.UndoUntil.Machine, Others: []Verdict{}, MayNot: v.WhyNot, Seen: v.Seen}
	if v.MayReport {
		out.Report = v.Report.ID
	}
	for _, f := range v.Facts {
		out.Facts = append(out.Facts, Fact(f))
	}
	if v.Own != nil {
		out.Own = &Verdict{v.Own.Who, v.Own.Decision, v.Own.Reason, v.Own.At.Machine}
	}
	for _, o := range v.Others {
		out.Others = append(out.Others, Verdict{o.Who, o.Decision, o.Reason, o.At.Machine})
	}
	return out
}

// some is a list that is written as [] when it is empty.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
