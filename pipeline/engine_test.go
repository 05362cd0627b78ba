package pipeline_test

import (
	"database/sql"
	"errors"
	"fmt"
	"image"
	"image/color"
	"path"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"xunqin/pipeline/record"
	"xunqin/pipeline/record/recordtest"
	"xunqin/search"
	"xunqin/search/elastic/elastictest"
)

func openElastic(t *testing.T) search.Index {
	t.Helper()
	return elastictest.Open(t, elastictest.Config(t))
}

// said writes leads without what is drawn anew each time: ids and times.
func (r *rig) said(t *testing.T) (list []string) {
	t.Helper()
	for _, l := range r.all(t) {
		report, err := r.Records.Report(t.Context(), nil, l.ReportID)
		if err != nil {
			t.Fatal(err)
		}
		sightings, err := r.Records.Sightings(t.Context(), nil, l.ID)
		if err != nil {
			t.Fatal(err)
		}
		var posts []string
		for _, s := range sightings {
			ph, err := r.Records.Photo(t.Context(), nil, s.PhotoID)
			if err != nil {
				t.Fatal(err)
			}
			post, err := r.Records.Post(t.Context(), nil, ph.PostID)
			if err != nil {
				t.Fatal(err)
			}
			posts = append(posts, path.Base(post.NativeID))
		}
		slices.Sort(posts)
		list = append(list, fmt.Sprint(report.Name, " ", l.Pair, " ", l.Kind, " ", l.State, " ", posts))
	}
	slices.Sort(list)
	return list
}

// poster shows a picture among other things.
func poster(m image.Image) image.Image {
	page := image.NewRGBA(image.Rect(0, 0, 900, 700))
	for y := range 700 {
		for x := range 900 {
			page.Set(x, y, color.RGBA{240, 230, 200, 255})
			if p := image.Pt(x-200, y-120); p.In(m.Bounds()) {
				page.Set(x, y, m.At(p.X, p.Y))
			}
		}
	}
	return page
}

// mirrored shows a picture the other way around.
func mirrored(m image.Image) image.Image {
	b := m.Bounds()
	out := image.NewRGBA(b)
	for y := range b.Dy() {
		for x := range b.Dx() {
			out.Set(x, y, m.At(b.Dx()-1-x, y))
		}
	}
	return out
}

func (r *rig) campaign(t *testing.T) {
	t.Helper()
	for i := range uint64(4) {
		r.report(t, fmt.Sprint("林示例", i), jpg(draw(i), 90))
		r.site.post("天桥 男孩", jpg(draw(i), 60))
	}
	r.crawl(t) // which of two copies comes first decides what a lead is called
	r.site.post("转发", jpg(draw(1), 40))
	r.site.post("寻人启事", jpg(poster(draw(2)), 80))
	r.site.post("镜像", jpg(mirrored(draw(3)), 80))
	r.site.post("别的", jpg(draw(99), 60))
	r.crawl(t)
}

// Whichever engine the index has, the same leads come; and exchanging it leaves them and their verdicts as they are.
func TestEnginesGiveTheSameLeads(t *testing.T) {
	leads := map[string][]string{}
	for name, open := range map[string]func(*testing.T) search.Index{"embedded": openEmbedded, "elastic": openElastic} {
		r := newRigOver(t, recordtest.Open(t), open)
		stop := r.work(t)
		r.campaign(t)
		leads[name] = r.said(t)
		var user string
		err := r.Records.Tx(t.Context(), func(tx *sql.Tx) (err error) {
			user, err = r.Records.AddUser(t.Context(), tx, record.User{Name: "a", Roles: []record.Role{record.Volunteer}})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := r.Decide(t.Context(), user, r.all(t)[0].ID, record.Same, ""); err != nil {
			t.Fatal(err)
		}
		before := r.said(t)
		stop()
		for _, other := range []func(*testing.T) search.Index{openElastic, openEmbedded} {
			r.Index = other(t)
			if err := r.Follow(t.Context()); err != nil {
				t.Fatal(err)
			}
			stop := r.work(t)
			r.crawl(t)
			stop()
			if d := cmp.Diff(before, r.said(t)); d != "" {
				t.Errorf("%s, after an exchange (-before +after):\n%s", name, d)
			}
			r.verified(t)
		}
	}
	if len(leads["embedded"]) < 4 {
		t.Errorf("leads: %v", leads["embedded"])
	}
	if d := cmp.Diff(leads["embedded"], leads["elastic"]); d != "" {
		t.Errorf("-embedded +elastic:\n%s", d)
	}
}

// While the index does not answer, posts are taken in and their work waits; when it is back, all of it is done.
func TestIntakeGoesOnWithoutTheIndex(t *testing.T) {
	proxy := elastictest.NewProxy(t)
	cfg := elastictest.Config(t)
	cfg.Hosts = []string{proxy.URL}
	r := newRigOver(t, recordtest.Open(t), func(t *testing.T) search.Index { return elastictest.Open(t, cfg) })
	r.work(t)
	r.report(t, "林示例", jpg(draw(1), 90))
	r.quiet(t)
	proxy.Stop()
	r.site.post("天桥 男孩", jpg(draw(1), 60))
	if _, err := r.CrawlNow(t.Context(), r.source, "hand"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the post is kept with its photo", func() bool {
		posts, kept := 0, 0
		err := r.Records.EachPost(t.Context(), func(p record.Post) error {
			posts++
			photos, err := r.Records.PhotosOf(t.Context(), nil, p.ID)
			for _, ph := range photos {
				if ph.State == record.PhotoKept {
					kept++
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return posts == 1 && kept == 1
	})
	if _, err := r.SearchPhoto(t.Context(), jpg(draw(1), 60)); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a search by photo: %v", err)
	}
	if n := len(r.all(t)); n != 0 {
		t.Errorf("%d leads without an index", n)
	}
	proxy.Start()
	r.quiet(t)
	if n := len(r.all(t)); n != 1 {
		t.Errorf("%d leads, want 1", n)
	}
	r.verified(t)
}
