package kill

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"xunqin/cmd/xunqin/internal/app"
	"xunqin/pipeline/record"
	"xunqin/search"
	"xunqin/search/elastic"
	"xunqin/search/elastic/elastictest"
)

var rebuilds = flag.Int("rebuilds", map[bool]int{false: 6, true: 20}[os.Getenv("CI") != ""], "how often the program is killed while it builds an index")

// A rebuild that is killed again and again, while the crawl goes on and things are erased, ends with an index that answers as
// one that was built at once.
func TestReindexKilledAnywhereEndsWithTheSameAnswers(t *testing.T) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano()) % 1_000_000
	}
	t.Run("embedded", func(t *testing.T) { killRebuilds(t, "", "") })
	t.Run("elastic", func(t *testing.T) {
		cfg := elastictest.Config(t)
		killRebuilds(t, cfg.Hosts[0], cfg.Index)
	})
}

// stocked is how many posts are there from the beginning: the walk takes several batches, and is killed between two.
const stocked = 1200

func killRebuilds(t *testing.T, host, index string) {
	t.Logf("seed %d", *seed)
	r := rand.New(rand.NewPCG(*seed, 11))
	in := &install{dir: t.TempDir(), log: &tail{}, host: host, index: index}
	in.site = newSite(t, newContent(*seed), nil)
	in.prepare(t)
	ids := in.stock(t, stocked)
	in.run(t, "reindex", "--json") // so that there is an old one from the beginning
	in.site.publish(10, 0)

	reached, resumed := map[string]int{}, 0
	var phase string
	var erased []string
	for i := range *rebuilds {
		m := moments[r.IntN(len(moments))]
		if i == 0 {
			m = moments[0]
		}
		after := time.Duration(r.IntN(m.within)) * time.Microsecond
		in.site.publish(2, 0)
		if i%4 == 3 { // the command alone, without a server
			c := in.reindex(t, m.phase, after)
			phase = c.phase
			if err := c.cmd.Process.Kill(); err != nil && phase != "ended" {
				t.Fatal(err)
			}
			<-c.gone
			resumed += c.resumed
			reached[phase]++
			continue
		}
		l := in.start(t)
		in.answers(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		var feeding sync.WaitGroup
		feeding.Go(func() { in.feed(ctx) })
		c := in.reindex(t, m.phase, after)
		if i%2 == 0 && host == "" { // which takes Elasticsearch half a minute each time
			in.erase(t, ids[i])
			erased = append(erased, canary(i))
		}
		phase = c.phase
		in.kill(t, l)
		cancel()
		feeding.Wait()
		<-c.gone // the server broke off, or the rebuild had ended
		resumed += c.resumed
		reached[phase]++
	}
	t.Logf("%d kills, in the phases %v, %d rebuilds went on where one was", *rebuilds, reached, resumed)
	if resumed == 0 {
		t.Error("no rebuild went on where an earlier one was killed")
	}
	l := in.start(t)
	in.answers(t, l)
	if host == "" {
		in.erase(t, ids[len(ids)-1])
		erased = append(erased, canary(len(ids)-1))
	}
	if err := in.settledAt(t.Context(), l, stocked+10+2**rebuilds-len(erased)); err != nil {
		t.Fatalf("%v\n%s", err, in.log)
	}
	in.stop(t, l)
	in.run(t, "reindex")
	if v := in.verify(t, "the end"); len(v.Problems) > 0 {
		t.Fatalf("%d problems", len(v.Problems))
	}
	got := in.asked(t)
	in.run(t, "reindex", "--back")
	if diff := cmp.Diff(got, in.asked(t)); diff != "" {
		t.Errorf("the index that was kept (+) and the new one (-):\n%s", diff)
	}
	in.nothingOf(t, erased, canary(len(ids)-2))
	in.run(t, "reindex", "--forget-old")
	in.dropIndex(t)
	if diff := cmp.Diff(in.asked(t), got); diff != "" {
		t.Errorf("an index built at once (-) and the one whose building was killed (+):\n%s", diff)
	}
}

// moments are when to kill: within so many microseconds after a phase was entered.
var moments = []struct {
	phase  string
	within int
}{{"build", 100_000}, {"build", 400_000}, {"build", 800_000}, {"purge", 100_000}, {"check", 400_000}, {"switch", 20_000}}

// stock fills the record with posts of words alone, as if they had been crawled and related long ago, and returns the ids of
// those that may be erased: their texts have a word of their own.
func (in *install) stock(t *testing.T, n int) (erasable []string) {
	t.Helper()
	ctx := t.Context()
	a, err := app.New(ctx, in.options(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	source, err := a.Records.SourceNamed(ctx, nil, "paper")
	if err != nil {
		t.Fatal(err)
	}
	err = a.Records.Tx(ctx, func(tx *sql.Tx) error {
		for i := range n {
			text := fmt.Sprintf("旧帖 %d 广州 天桥 男孩 stock%d", i, i%17)
			if i%50 == 0 {
				text += " " + canary(i/50)
			}
			id, _, err := a.Records.SavePost(ctx, tx, record.Post{SourceID: source.ID, NativeID: fmt.Sprint("old", i), URL: in.site.URL + fmt.Sprint("/old/", i), Kind: "post", Text: text,
				PostedAt: at("0").Add(-time.Duration(i) * time.Hour), SeenAt: time.Now(), State: record.PostLive})
			if err != nil {
				return err
			}
			post, err := a.Records.Post(ctx, tx, id)
			if err != nil {
				return err
			}
			if err := a.Records.SetFacts(ctx, tx, record.Ref{ID: id, Kind: "post"}, a.Pipeline.FactsOfPost(post)); err != nil {
				return err
			}
			for _, step := range [][2]string{{record.StepAccepted, record.StepGathered}, {record.StepGathered, record.StepRelated}} {
				if err := a.Records.MovePost(ctx, tx, id, step[0], step[1]); err != nil {
					return err
				}
			}
			if err := a.Records.Changed(ctx, tx, id, "post"); err != nil {
				return err
			}
			if i%50 == 0 {
				erasable = append(erasable, id)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	return erasable
}

// canary is the word of the nth post that may be erased.
func canary(n int) string { return fmt.Sprintf("plover%04dx", n) }

// answers waits until the server takes commands.
func (in *install) answers(t *testing.T, l *life) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		c, err := net.Dial("unix", filepath.Join(in.options().Data, "xunqin.sock"))
		if err == nil {
			c.Close()
			return
		}
		select {
		case <-tick.C:
		case <-l.gone:
			t.Fatalf("the program ended: %v\n%s", l.err, in.log)
		}
	}
}

// A call is a `xunqin reindex` under way.
type call struct {
	cmd     *exec.Cmd
	gone    chan struct{}
	phase   string // in which it was when the moment came; "ended" if it had
	resumed int
}

// reindex starts it, and returns so long after it has entered a phase, or when it has ended.
func (in *install) reindex(t *testing.T, phase string, after time.Duration) *call {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &call{cmd: exec.Command(self, in.args("reindex", "--json")...), gone: make(chan struct{})}
	c.cmd.Env = append(os.Environ(), asProgram+"=1")
	out, err := c.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	type line struct {
		Phase   string
		Resumed bool
	}
	lines := make(chan line, 1024)
	go func() {
		defer close(c.gone)
		defer close(lines)
		s := bufio.NewScanner(out)
		for s.Scan() {
			var l line
			if json.Unmarshal(s.Bytes(), &l) == nil && l.Phase != "" {
				lines <- l
			} else {
				in.log.Write(append(s.Bytes(), '\n'))
			}
		}
		c.cmd.Wait() // killed, or cut off from its server
	}()
	t.Cleanup(func() {
		c.cmd.Process.Kill() // one that has ended gives an error
		<-c.gone
	})
	var timer <-chan time.Time
	for {
		select {
		case l, more := <-lines:
			if !more {
				c.phase = "ended"
				return c
			}
			c.phase = l.Phase
			if l.Resumed {
				c.resumed = 1
			}
			if l.Phase == phase && timer == nil {
				timer = time.After(after)
			}
		case <-timer:
			return c
		}
	}
}

// erase erases a post through the running server.
func (in *install) erase(t *testing.T, id string) {
	t.Helper()
	in.run(t, "erase", id, "--reason", "asked")
}

// settledAt waits until the record holds so many posts and all steps are taken.
func (in *install) settledAt(ctx context.Context, l *life, want int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	var feeding sync.WaitGroup
	feeding.Go(func() { in.feed(ctx) })
	defer feeding.Wait()
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		p, err := in.look(ctx)
		if err != nil {
			return err
		}
		if p.posts == want && p.open == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-l.gone:
			return fmt.Errorf("the program ended: %w", l.err)
		case <-ctx.Done():
			return fmt.Errorf("after two minutes %+v, want %d posts", p, want)
		}
	}
}

// asked is what the index answers: by words, by counts, by every fingerprint and by all features of the record.
func (in *install) asked(t *testing.T) map[string]any {
	t.Helper()
	ctx := t.Context()
	a, err := app.New(ctx, in.options(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := a.Pipeline.Follow(ctx); err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	note := func(what string, answer any, err error) {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		out[what] = answer
	}
	info, err := a.Index.Info(ctx)
	note("info", info, err)
	for _, q := range []search.Query{search.And{}, search.Text("天桥"), search.Text("child"), search.Text("stock3"), search.Kind("report"), search.HasPhoto{}, search.Not{Query: search.Text("男孩")}} {
		var all []search.Found
		for page := (search.Page{Limit: 1000, Count: 10_000}); ; {
			r, err := a.Index.Find(ctx, q, page)
			note("total of "+q.String(), r.Total, err)
			all = append(all, r.Found...)
			if page.After = r.Next; r.Next.IsZero() {
				break
			}
		}
		note("find "+q.String(), all, nil)
		f, err := a.Index.Facets(ctx, q, search.Facet{})
		note("facets of "+q.String(), f, err)
	}
	n := 0
	var photos []string
	err = a.Records.EachPhoto(ctx, func(ph record.Photo) error {
		photos = append(photos, ph.ID)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range photos {
		prints, err := a.Records.PrintsOf(ctx, nil, id)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range prints {
			if i%3 > 0 {
				continue
			}
			hits, err := a.Index.Similar(ctx, f, 12)
			note(fmt.Sprint("similar ", id, i), hits, err)
			n++
		}
	}
	features, err := a.Records.Features(ctx, nil, photos)
	if err != nil {
		t.Fatal(err)
	}
	for id, f := range features {
		votes, err := a.Index.Votes(ctx, f, 10)
		note("votes "+id, votes, err)
	}
	if n == 0 || len(features) == 0 || info.Docs < 1000 {
		t.Errorf("only %d fingerprints, %d features and %d documents were asked for", n, len(features), info.Docs)
	}
	return out
}

// nothingOf expects no file of the data to hold one of the words, and both indexes in it, which are looked at, to hold the other.
func (in *install) nothingOf(t *testing.T, erased []string, kept string) {
	t.Helper()
	indexes := 0
	err := filepath.WalkDir(in.options().Data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, word := range erased {
			if bytes.Contains(b, []byte(word)) {
				t.Errorf("%s still holds %s", filepath.Base(path), word)
			}
		}
		if bytes.Contains(b, []byte(kept)) && strings.HasPrefix(filepath.Base(path), "index") {
			indexes++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if in.host == "" && indexes != 2 {
		t.Errorf("%d indexes hold %s, want 2", indexes, kept)
	}
}

// dropIndex deletes the index, so that the next process builds one at once.
func (in *install) dropIndex(t *testing.T) {
	t.Helper()
	if in.host != "" {
		if err := elastic.Drop(t.Context(), elastic.Config{Hosts: []string{in.host}, Index: in.index}); err != nil {
			t.Fatal(err)
		}
		return
	}
	list, err := filepath.Glob(filepath.Join(in.options().Data, "index*"))
	if err != nil || len(list) < 2 {
		t.Fatalf("%d files (%v)", len(list), err)
	}
	for _, f := range list {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}
