package cli

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline/facts"
	"xunqin/pipeline/redact"
)

type factsCmd struct {
	File string `arg:"" optional:"" help:"JSON lines with id, text and posted_at, and perhaps kind and source_city; - or none is standard input." default:"-"`
}

// longestLine is how long a line of the input may be, in bytes.
const longestLine = 8 << 20

type factsInput struct {
	ID     string    `json:"id"`
	Text   string    `json:"text"`
	Posted time.Time `json:"posted_at"`
	Kind   string    `json:"kind"`
	City   string    `json:"source_city"`
}

// factsLine is what the command says of one text.
type factsLine struct {
	ID     string        `json:"id"`
	Places []factsPlace  `json:"places"`
	Time   *factsTime    `json:"time,omitempty"`
	Times  []factsTime   `json:"times,omitempty"` // all of them, where there are several
	Age    *factsAge     `json:"age,omitempty"`
	Sex    string        `json:"sex"`
	Height *factsHeight  `json:"height_cm,omitempty"`
	Marks  []factsNote   `json:"marks"`
	Masked []factsMasked `json:"masked"`
}

type factsPlace struct {
	Code  string   `json:"code"`
	Name  string   `json:"name"`
	Now   []string `json:"now,omitempty"` // what stands in its place, of an abolished one
	Level string   `json:"level"`
	Grade float64  `json:"grade"`
	Role  string   `json:"role,omitempty"`
	Words string   `json:"words"`
}

type factsTime struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	Role  string    `json:"role,omitempty"`
	Words string    `json:"words"`
}

type factsAge struct {
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
	At    string  `json:"at,omitempty"`
	Words string  `json:"words"`
}

type factsHeight struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

type factsNote struct {
	Kind  string  `json:"kind"`
	Grade float64 `json:"grade"`
	Words string  `json:"words"`
}

type factsMasked struct {
	Kind  string `json:"kind"`
	Words string `json:"words_masked"`
}

func (c *factsCmd) runAlone(ctx context.Context, e *Env, _ app.Options) error {
	in := io.Reader(os.Stdin)
	if c.File != "-" {
		f, err := os.Open(e.path(c.File))
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	out := bufio.NewWriter(e.Stdout)
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		line := bytes.TrimPrefix(lines.Bytes(), []byte("\xef\xbb\xbf"))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var post factsInput
		if err := json.Unmarshal(line, &post); err != nil {
			return usageError{fmt.Errorf("line %d: %w", n, err)}
		}
		switch post.Kind {
		case "post", "report", "notice":
		default:
			post.Kind = "post"
		}
		said := sayFacts(post)
		if e.JSON {
			if err := json.NewEncoder(out).Encode(said); err != nil {
				return err
			}
			continue
		}
		said.print(e, out)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return out.Flush()
}

func sayFacts(post factsInput) factsLine {
	f := facts.Read(post.Text, post.Posted, facts.Context{Kind: post.Kind, Place: post.City})
	// Words can hold a number that is masked, and are shown without it.
	words := func(s facts.Span) string { return redact.Text(s.In(post.Text), redact.View{ShowStreet: true}) }
	said := factsLine{ID: post.ID, Places: []factsPlace{}, Sex: f.Sex, Marks: []factsNote{}, Masked: []factsMasked{}}
	for _, p := range f.Places {
		said.Places = append(said.Places, factsPlace{p.Code, p.Name, p.Next, p.Level.String(), round(p.Grade), string(p.Role), words(p.Words)})
	}
	for _, m := range f.Moments {
		said.Times = append(said.Times, factsTime{m.From, m.To, string(m.Role), words(m.Words)})
	}
	if m := f.Time(); m != nil {
		said.Time = &factsTime{m.From, m.To, string(m.Role), words(m.Words)}
	}
	if len(said.Times) < 2 {
		said.Times = nil
	}
	if len(f.Ages) > 0 {
		a := f.Ages[0]
		said.Age = &factsAge{Words: words(a.Words)}
		at := a.At.From
		if m := f.Time(); m != nil {
			at = m.From
		}
		if !at.IsZero() {
			youngest, eldest := f.AgeOn(at)
			said.Age.Min, said.Age.Max, said.Age.At = years(youngest), years(eldest), at.Format(time.DateOnly)
		} else {
			said.Age.Min, said.Age.Max = years(a.Min), years(a.Max)
		}
	}
	if f.Height.Max > 0 {
		said.Height = &factsHeight{f.Height.Min, f.Height.Max}
	}
	for _, n := range f.Notes {
		said.Marks = append(said.Marks, factsNote{n.Kind, n.Grade, words(n.Words)})
	}
	for _, m := range f.Masked {
		said.Masked = append(said.Masked, factsMasked{m.Kind, redact.Mask})
	}
	return said
}

func years(months int) float64 { return round(float64(months) / 12) }

func round(x float64) float64 { return math.Round(x*100) / 100 }

// print writes a line for each fact, for people.
func (l factsLine) print(e *Env, w io.Writer) {
	fmt.Fprintln(w, l.ID)
	say := func(key string, pairs ...any) { fmt.Fprintln(w, "  "+e.T("cli.facts."+key, pairs...)) }
	for _, p := range l.Places {
		role := p.Role
		if role == "" {
			role = "unsaid"
		}
		say("place", "role", e.T("cli.facts.role."+role), "name", p.Name, "code", p.Code, "grade", fmt.Sprintf("%.2f", p.Grade), "words", p.Words)
	}
	if l.Time != nil {
		say("time", "from", l.Time.From.Format("2006-01-02 15:04"), "to", l.Time.To.Format("2006-01-02 15:04"), "words", l.Time.Words)
	}
	if l.Age != nil {
		say("age", "min", l.Age.Min, "max", l.Age.Max, "at", l.Age.At, "words", l.Age.Words)
	}
	if l.Sex != "" {
		say("sex", "sex", e.T("cli.facts."+l.Sex))
	}
	if l.Height != nil {
		say("height", "min", l.Height.Min, "max", l.Height.Max)
	}
	for _, n := range l.Marks {
		say("mark", "words", n.Words)
	}
	if n := len(l.Masked); n > 0 {
		say("masked", "n", n)
	}
}
