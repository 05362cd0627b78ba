package facts

import (
	"math"
	"os"
	"runtime"
	"strings"
	"testing"
)

func TestNamesOfDivisions(t *testing.T) {
	for name, code := range map[string]string{
		"广州": "440100", "廣州市": "440100", "Guangzhou": "440100", "Xi'an": "610100", "440106": "440106", "天河区": "440106", "宣武区": "110104", "内蒙古": "150000",
		"Inner Mongolia": "150000", "延边州": "222400", "管城区": "410104", "香港": "810000", "浦东": "310115", "襄樊": "420600", "江山市": "330881",
	} {
		if got := Named(name); len(got) == 0 || got[0].Code != code {
			t.Errorf("%s is %v, want %s", name, got, code)
		}
	}
	for _, name := range []string{"", "某地", "岗"} {
		if got := Named(name); len(got) > 0 {
			t.Errorf("%q is %s", name, got[0].Name)
		}
	}
	if got := Lookup("440106").English(); got != "Tianhe District" {
		t.Errorf("English name %q", got)
	}
	if got := Lookup("610000").English(); got != "Shaanxi Province" {
		t.Errorf("English name %q", got)
	}
}

func TestEveryDivisionHasAPlaceInTheTree(t *testing.T) {
	a := china()
	seats := 0
	for i := range a.all {
		d := &a.all[i]
		if d.Level > Province && d.Parent() == nil {
			t.Errorf("%s %s lies nowhere", d.Code, d.Name)
		}
		if d.Lat != 0 {
			seats++
		}
		if !d.Current() {
			if len(d.Present()) == 0 {
				t.Errorf("%s %s went into nothing", d.Code, d.Name)
			}
			continue
		}
		for p := d; p != nil; p = p.Parent() {
			if !d.Within(p) {
				t.Errorf("%s is not within %s", d.Name, p.Name)
			}
		}
	}
	if len(a.all) < 5000 || seats < len(a.all)-20 {
		t.Errorf("%d divisions, %d with a seat", len(a.all), seats)
	}
}

func TestDistances(t *testing.T) {
	if km := Distance(Lookup("110000"), Lookup("310000")); math.Abs(km-1070) > 15 {
		t.Errorf("Beijing to Shanghai is %.0f km", km)
	}
	if km := Distance(Lookup("440106"), Lookup("440106")); km != 0 {
		t.Errorf("a place is %.1f km from itself", km)
	}
}

func TestTablesAreSmall(t *testing.T) {
	total := len(divisionTable) + len(townTable) + len(simplifiedTable)
	if total > 1_500_000 {
		t.Errorf("%d bytes embedded", total)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	Read("广州", posted, Context{})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if used := int64(after.HeapAlloc) - int64(before.HeapAlloc); used > 30<<20 {
		t.Errorf("%d bytes of memory", used)
	}
	if testing.Verbose() {
		t.Logf("%d bytes embedded, %d of heap", total, after.HeapAlloc)
	}
	if b, err := os.ReadFile("divisions.tsv"); err != nil || strings.Count(string(b), "\t") != 7*strings.Count(string(b), "\n") {
		t.Errorf("divisions.tsv has not eight cells a line: %v", err)
	}
}
