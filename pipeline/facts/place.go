package facts

import (
	"cmp"
	"slices"
	"strings"
)

// A mention is the name of a place in the text, or several that narrow each
// other down: 广东 广州 天河. Its candidates are of the finest name.
type mention struct {
	from, to   int
	candidates []candidate
	chained    bool // a place around it stands beside it
	role       int
	near       int // how near the word stands that gives the role; see role
}

type candidate struct {
	div    int32
	form   uint8
	town   bool
	weight float64 // how usual it is to call it so
	grade  float64
}

// How likely it is that a name means a place at all, by how it is named.
const (
	sureName   = 0.97 // with its rank, or beside a place around it
	likelyName = 0.93 // a prefecture without its rank; a nickname
	countyName = 0.85 // a county without its rank
	commonName = 0    // a county whose name is a word of every day
	townGrade  = 0.85
	least      = 0.05 // what is less likely is not listed
)

// places are all that the text names, the ones that were seen first.
func (r *reader) places() []Place {
	ms := r.mentions()
	r.weigh(ms)
	r.roles(ms)
	// What is said of a place itself comes before what is said around it.
	slices.SortStableFunc(ms, func(a, b mention) int { return cmp.Compare(b.near, a.near) })
	var out []Place
	a := china()
	for _, m := range ms {
		span := r.span(m.from, m.to)
		role := roleNames[m.role]
		for _, c := range m.candidates {
			if c.grade >= least {
				out = append(out, Place{&a.all[c.div], c.grade, role, span})
			}
		}
	}
	out = dropCoarse(out)
	doubt(out, ms, r)
	slices.SortStableFunc(out, func(a, b Place) int { return cmp.Compare(a.Role.order(), b.Role.order()) })
	if len(out) == 0 || out[0].Role.order() > 1 {
		if p, ok := r.local(); ok {
			out = append([]Place{p}, out...)
		}
	}
	return out
}

// contested is the grade of a place beside another where the same happened, as
// far as the words go, and of any place in words that deny or retell.
const contested = 0.8

// doubt lowers the grades of places of which the words leave open which one it
// was: two that the same is said of as near by, and those in a rumour.
func doubt(places []Place, ms []mention, r *reader) {
	near := map[Span]int{}
	for _, m := range ms {
		near[r.span(m.from, m.to)] = m.near
	}
	happened := func(p Place) bool { return p.Role == Seen || p.Role == Lost }
	retold := r.retold()
	for i := range places {
		p := &places[i]
		if !happened(*p) {
			continue
		}
		open := retold
		for j, q := range places {
			if i != j && happened(q) && q.Words != p.Words && q.Grade >= contested && q.Role == p.Role && near[q.Words] >= near[p.Words] && !p.Within(q.Division) && !q.Within(p.Division) {
				open = true
			}
		}
		if open {
			p.Grade = min(p.Grade, contested)
		}
	}
}

// retold reports words of rumours, corrections and good ends.
func (r *reader) retold() bool {
	for i := range r.runes {
		if n, _ := r.any(i, "谣言", "辟谣", "谣传", "不属实", "不实", "旧闻", "网传", "据传", "假消息", "假的", "集合", "已找到", "找到了", "别再转", "不要再转", "停止转发", "found safe", "hoax", "rumour", "rumor", "stop sharing", "fake"); n > 0 {
			return true
		}
	}
	return false
}

var roleNames = [...]Role{unsaid: "", seen: Seen, lost: Lost, from: From, other: Other}

// locals are words for places that every town has; they speak of the town of
// the source.
var locals = []string{"我市", "我县", "我区", "本地", "本市", "本县", "全市", "市区", "市中心", "县城", "城里", "县医院", "市医院", "人民医院", "火车站", "汽车站", "客运站", "市一中", "市二中", "市三中", "县一中", "县二中", "中学", "小学", "广场", "公园",
	"天桥", "菜市场", "步行街", "医院", "市政府", "县政府", "派出所", "超市", "路口", "交叉口", "老街", "大桥", "桥头", "桥下", "站前", "夜市", "城南", "城北", "城东", "城西", "镇上", "街上", "商场", "批发市场", "救助站", "福利院", "大学", "市场"}

// local is the place of the source, where the words name none but a local one.
func (r *reader) local() (Place, bool) {
	if r.context.Place == "" {
		return Place{}, false
	}
	in := where(r.context.Place)
	if len(in) == 0 {
		return Place{}, false
	}
	d := in[0]
	for _, x := range in {
		if x.Level > d.Level {
			d = x
		}
	}
	for i := range r.runes {
		if n, _ := r.any(i, locals...); n > 0 {
			role, _ := r.role(i, i+n)
			if role == from || role == other {
				role = seen
			}
			return Place{d, likelyName, roleNames[role], r.span(i, i+n)}, true
		}
	}
	return Place{}, false
}

// order puts where it happened first.
func (r Role) order() int {
	switch r {
	case Seen, Lost:
		return 0
	case From:
		return 2
	case Other:
		return 3
	}
	return 1
}

// dropCoarse leaves out a place if a finer one inside it, of the same role,
// is as sure: of 广州 and 天河区 the second says it all. Of two mentions of
// one place the first stays.
func dropCoarse(places []Place) []Place {
	drop := make([]bool, len(places))
	for i, p := range places {
		for j, q := range places {
			if i == j || p.Role != q.Role || drop[j] || p.Words == q.Words {
				continue
			}
			same := p.Division == q.Division
			if same && (j < i && q.Grade >= p.Grade || q.Grade > p.Grade) || !same && q.Level > p.Level && q.Grade >= min(p.Grade, Sure) && q.Within(p.Division) {
				drop[i] = true
			}
		}
	}
	var kept []Place
	for i, p := range places {
		if !drop[i] {
			kept = append(kept, p)
		}
	}
	return kept
}

// mentions joins the names that stand side by side and narrow each other down.
func (r *reader) mentions() []mention {
	var ms []mention
	for _, h := range r.hits {
		if h.kind == word {
			continue
		}
		m, ok := r.mention(h)
		if !ok {
			continue
		}
		if n := len(ms) - 1; n >= 0 && r.beside(ms[n].to, m.from) {
			if joined, ok := join(ms[n], m); ok {
				ms[n] = joined
				continue
			}
		}
		if len(ms) < most {
			ms = append(ms, m)
		}
	}
	for i, c := range r.runes {
		// 川籍 and the like.
		code, ok := abbreviations[c]
		if ok && r.rune(i+1) == '籍' && r.rune(i+2) != '贯' {
			ms = append(ms, mention{from: i, to: i + 2, role: from, candidates: []candidate{{div: china().byCode[code], form: short, weight: 1}}})
		}
	}
	slices.SortStableFunc(ms, func(a, b mention) int { return a.from - b.from })
	return ms
}

// beside reports that only blanks and such stand between two names.
func (r *reader) beside(to, next int) bool {
	if next-to > 4 {
		return false
	}
	if n, _ := r.any(to, " of ", " in "); n > 0 {
		return to+n == next
	}
	for i := to; i < next; i++ {
		if !strings.ContainsRune(" \t,，、·-/:：(（的", r.runes[i]) {
			return false
		}
	}
	return true
}

// join makes one mention of two if the second lies inside the first, or the
// other way round, as in English.
func join(m, n mention) (mention, bool) {
	a := china()
	pick := func(inner, outer []candidate) []candidate {
		var kept []candidate
		for _, c := range inner {
			for _, o := range outer {
				if c.div != o.div && !a.all[o.div].Current() && a.all[c.div].Current() && len(outer) > 1 && a.all[c.div].Level == a.all[o.div].Level {
					continue
				}
				if (c.div != o.div || c.town || o.town) && a.all[c.div].Within(&a.all[o.div]) && (a.all[c.div].Level > a.all[o.div].Level || c.town || o.town) {
					kept = append(kept, c)
					break
				}
			}
		}
		return kept
	}
	joined := mention{from: m.from, to: n.to, chained: true, role: max(m.role, n.role), near: max(m.near, n.near)}
	for _, c := range m.candidates { // the same name twice: Suzhou (宿州)
		if slices.ContainsFunc(n.candidates, func(o candidate) bool { return o.div == c.div && (o.form == pinyin) != (c.form == pinyin) }) {
			joined.candidates = append(joined.candidates, c)
		}
	}
	if len(joined.candidates) > 0 {
		return joined, true
	}
	if joined.candidates = pick(n.candidates, m.candidates); len(joined.candidates) > 0 {
		return joined, true
	}
	joined.candidates = pick(m.candidates, n.candidates)
	return joined, len(joined.candidates) > 0
}

// What may stand after a name that then names something else.
var (
	afterStreet = []string{"路", "街", "大道", "巷", "弄", "胡同", "大桥", "公园", "银行", "牌照", "牌", "啤酒", "时间", "晚报", "日报", "早报", "卫视", "电视台", "网友", "菜", "小吃", "拉面", "火锅", "米粉", "米线", "烧烤", "饭店", "饭馆",
		"餐馆", "烤鸭", "烧饼", "羊肉串", "号", "航空", "证券", "集团", "公司", "特产", "同城", "大厦", "宾馆", "酒店", "东路", "西路", "南路", "北路", "中路", "东街", "西街", "南街", "北街", "一路", "二路"}
	stillPlace = []string{"路边", "路上", "路人", "街头", "街上", "街边", "街道", "街拍", "街口", "街角", "街心", "巷口", "号码"}
	originates = []string{"人口音", "口音", "籍", "腔", "佬", "妹子", "妹", "户口", "话", "老乡", "方言", "乡音", " accent", "的口音", "那边口音", "一带口音", "当地口音"}
	notPeople  = []string{"人民", "人行", "人流", "人多", "人家", "人才", "人车", "人群", "人潮", "人山", "人贩", "人口", "人工", "人事", "人体", "人气", "人大", "人寿"}
	visitors   = []string{"游客", "网友", "记者", "志愿者", "热心人", "市民", "旅客", "媒体"}
	not        = []string{"不是在", "不是", "并非", "不在", "并不在", "非", "（今", "今属", "现属", "现为", "还叫", "原名", "(今", "没有人在", "not ", "not in ", "not the ", "not at "}
	brought    = []string{"拐到", "被带到", "卖到", "带到", "转卖到", "贩到", "被抱到", "拐至", "卖至", "带至"}
	towards    = []string{"开往", "前往", "去往", "飞往", "驶往", "发往", "驶向", "开向"}
)

// mention reads what stands around a name; false if it names no place here.
func (r *reader) mention(h hit) (mention, bool) {
	a := china()
	m := mention{from: h.from, to: h.to}
	latin := letter(r.runes[h.from])
	ranked := true
	rank := -1 // the level that an English word behind the name says, or that it says none
	if latin {
		// A short name in small letters is more often another word.
		rank = r.englishRank(&m)
		if c := r.text[r.at[h.from]]; rank < 0 && letter(rune(c)) && h.to-h.from < 7 {
			return m, false
		}
	}
	if rank >= 0 { // "Weinan district Linwei": the word may belong to the next name
		ranked = slices.ContainsFunc(h.entries, func(e entry) bool {
			return e.kind == placeName && a.all[e.value].Current() && a.all[e.value].fits(rank)
		})
	}
	for _, e := range h.entries {
		d := &a.all[e.value]
		c := candidate{div: e.value, form: e.form, town: e.kind == townName, weight: 1}
		switch {
		case e.kind != placeName && e.kind != townName:
			continue
		case e.form == pinyin && rank >= 0 && ranked && !d.fits(rank):
			continue
		case e.form == pinyin && rank >= 0 && ranked:
		case d.Level == Province:
			c.weight = 40
		case d.Level == Prefecture:
			c.weight = 4
		case strings.HasSuffix(d.Name, "市"):
			c.weight = 1.5
		}
		if e.form == pinyin && rank < 0 && d.Level == County {
			c.weight /= 8
		}
		if !d.Current() {
			c.weight *= 0.04
		}
		if d.Short != "" && d.Level == County && e.form == short && strings.Contains(common, " "+d.Short+" ") {
			c.weight *= 0.1
		}
		m.candidates = append(m.candidates, c)
	}
	// A name of a prefecture is seldom that of a county elsewhere, unless that
	// is a district of a great city, as 朝阳区 is.
	if slices.ContainsFunc(m.candidates, func(c candidate) bool {
		return c.form == short && a.all[c.div].Level == Prefecture && a.all[c.div].Current()
	}) {
		for i := range m.candidates {
			c := &m.candidates[i]
			if d := &a.all[c.div]; d.Level == County && c.form == short && d.Code[2:4] != "01" && !municipal(d.Code) {
				c.weight *= 0.1
			}
		}
	}
	if len(m.candidates) == 0 {
		return m, false
	}
	if n, _ := r.any(r.blank(m.to), "road", "street", "rd", "st ", "avenue", "duck", "opera", "beer", "style", "lu "); latin && n > 0 {
		return m, false
	}
	if !latin && m.candidates[0].form != full {
		if n, _ := r.any(m.to, stillPlace...); n == 0 {
			if n, _ := r.any(m.to, afterStreet...); n > 0 {
				return m, false
			}
		}
	}
	if n, _ := r.any(m.to, originates...); n > 0 {
		m.role = from
	}
	if r.rune(m.to) == '人' {
		if n, _ := r.any(m.to, notPeople...); n == 0 {
			m.role = from
		}
	}
	before := func(words []string) bool {
		for _, w := range words {
			if n := len([]rune(w)); r.has(m.from-n, w) {
				return true
			}
		}
		return false
	}
	if before(not) || r.quoted(m.from, m.to) {
		return m, false
	}
	if n, _ := r.any(m.to, visitors...); n > 0 {
		m.role, m.near = other, 3
	}
	if n, _ := r.any(m.to, "女孩", "男孩", "小孩", "孩子", "籍"); n > 0 && m.role == unsaid {
		m.near = -1
	}
	if before(brought) || before([]string{"现在", "现居", "现住", "如今在", "现于"}) && r.seeks() {
		m.role, m.near = other, 3
	}
	if m.role == from {
		m.near = 3
	}
	if before(towards) {
		for i := range m.candidates {
			m.candidates[i].weight /= 2
		}
	}
	return m, true
}

// seeks reports that a grown child writes, or is written of: where it is now
// is not where it was lost.
func (r *reader) seeks() bool {
	for i := range r.runes {
		if n, _ := r.any(i, "寻亲", "生父母", "亲生", "寻家", "被拐女", "被拐男", "找家", "寻找家人"); n > 0 {
			return true
		}
	}
	return false
}

// fits reports that an English word for a rank can stand behind the name.
func (d *Division) fits(rank int) bool {
	return int(d.Level) == rank || rank == int(Prefecture) && (d.Level == Province || strings.HasSuffix(d.Name, "市"))
}

// englishRank reads the word for a rank behind an English name and takes it
// into the mention.
func (r *reader) englishRank(m *mention) int {
	i := r.blank(m.to)
	for _, w := range []struct {
		word string
		rank Level
	}{
		{"district", County}, {"county", County}, {"banner", County}, {"qu", County}, {"xian", County}, {"city", Prefecture}, {"shi", Prefecture}, {"prefecture", Prefecture}, {"league", Prefecture},
		{"province", Province}, {"sheng", Province}, {"autonomous region", Province}, {"municipality", Province},
	} {
		if r.has(i, w.word) && r.boundary(i+len(w.word)) {
			m.to = i + len(w.word)
			return int(w.rank)
		}
	}
	return -1
}

// weigh gives each candidate its grade: by how it is named, by what else the
// name may mean, and by the other places around.
func (r *reader) weigh(ms []mention) {
	a := china()
	for i := range ms {
		ms[i].candidates = nest(ms[i].candidates)
		grade(ms[i], func(*Division) float64 { return 1 })
	}
	var near []*Division
	if r.context.Place != "" {
		near = append(near, where(r.context.Place)...)
	}
	// What is sure decides what is not; the source decides what is left.
	for i := range ms {
		m := &ms[i]
		if len(m.candidates) == 0 || m.candidates[0].grade >= Sure {
			continue
		}
		grade(*m, func(d *Division) float64 {
			support := 1.0
			for j, o := range ms {
				if j == i || len(o.candidates) == 0 || o.candidates[0].grade < Sure || o.role == from && m.role != from {
					continue
				}
				support = max(support, kinship(d, &a.all[o.candidates[0].div], 60, 2))
			}
			if support == 1 {
				for _, o := range near {
					support = max(support, kinship(d, o, 40, 2))
				}
			}
			return support
		})
		if shared := shared(m.candidates); shared != nil {
			m.candidates = append([]candidate{*shared}, m.candidates...)
		}
	}
}

// kinship is how much a known place speaks for d: much if they share the
// prefecture or one holds the other, some if they share the province.
func kinship(d, known *Division, much, some float64) float64 {
	switch {
	case d.Within(known) && known.Level > Province, known.Within(d) && d.Level > Province, d.Code[:4] == known.Code[:4] && known.Level > Province:
		return much
	case municipal(d.Code) && d.Code[:2] == known.Code[:2]:
		return much
	case d.Code[:2] == known.Code[:2]:
		if known.Level == Province {
			return much
		}
		return some
	}
	return 1
}

func municipal(code string) bool {
	switch code[:2] {
	case "11", "12", "31", "50":
		return true
	}
	return false
}

// nest leaves out candidates that lie in another one: 长沙 is 长沙市 and need
// not be 长沙县 in it.
func nest(cs []candidate) []candidate {
	a := china()
	var kept []candidate
	for i, c := range cs {
		inside := -1
		for j, o := range cs {
			if i != j && a.all[c.div].Level > a.all[o.div].Level && a.all[o.div].Current() && a.all[c.div].Within(&a.all[o.div]) && o.form != full {
				inside = j
			}
			// Of abolished ones with one name in one province the last.
			if i != j && !a.all[c.div].Current() && !a.all[o.div].Current() && c.form != full && o.form == c.form && a.all[c.div].Code[:2] == a.all[o.div].Code[:2] && (a.all[c.div].To < a.all[o.div].To || a.all[c.div].To == a.all[o.div].To && i > j) {
				inside = j
			}
			// 盘县 is said of 盘县 before 盘县特区.
			if i != j && !a.all[c.div].Current() && c.form == short && o.form == full && !c.town && !o.town && a.all[c.div].Code[:2] == a.all[o.div].Code[:2] {
				inside = j
			}
			// An abolished division beside the current one it became.
			if i != j && !a.all[c.div].Current() && a.all[o.div].Current() && o.form == c.form && slices.Contains(a.all[c.div].Next, a.all[o.div].Code) {
				inside = j
			}
		}
		if inside < 0 && !slices.ContainsFunc(kept, func(k candidate) bool { return k.div == c.div }) {
			kept = append(kept, c)
		}
	}
	return kept
}

// grade shares the likelihood of a mention among its candidates, the likeliest
// first.
func grade(m mention, support func(*Division) float64) {
	a := china()
	sum, best := 0.0, 0.0
	for i := range m.candidates {
		c := &m.candidates[i]
		s := support(&a.all[c.div])
		c.grade = c.weight * s
		best = max(best, s)
		sum += c.grade
	}
	for i := range m.candidates {
		c := &m.candidates[i]
		d := &a.all[c.div]
		of := sureName
		switch {
		case m.chained:
		case c.town:
			of = townGrade
		case c.form == full && d.Short == "" && len(d.Name) == 6 && d.Level == County: // 城区, 郊区, 东区: anywhere
			of = commonName
		case c.form == full && (d.Short == "老城" || d.Short == "新城" || d.Short == "开发"):
			of = commonName
		case c.form == full:
		case d.Level < County || c.form == english:
			of = likelyName + 0.02
		case c.form == alias:
			of = likelyName
		case strings.Contains(common, " "+d.Short+" "):
			of = commonName
		default:
			of = countyName
		}
		if best > 1 && of > commonName {
			of = max(of, likelyName)
		} else if best > 1 {
			of = 0.6
		}
		c.grade *= of / sum
	}
	slices.SortStableFunc(m.candidates, func(a, b candidate) int { return cmp.Compare(b.grade, a.grade) })
	if len(m.candidates) > 8 {
		clear(m.candidates[8:])
	}
}

// shared is the division that holds all likely candidates, if none of them is
// likely enough alone and one does hold them.
func shared(cs []candidate) *candidate {
	a := china()
	if len(cs) < 2 || cs[0].grade >= 0.6 {
		return nil
	}
	sum := 0.0
	for d := a.all[cs[0].div].Parent(); d != nil; d = d.Parent() {
		all := true
		sum = 0
		for _, c := range cs {
			if c.grade < least {
				continue
			}
			all = all && a.all[c.div].Within(d)
			sum += c.grade
		}
		if all {
			return &candidate{div: a.byCode[d.Code], form: full, weight: 1, grade: sum}
		}
	}
	return nil
}

// where reads the place of a source.
func where(place string) []*Division {
	if d := Lookup(place); d != nil {
		return []*Division{d}
	}
	r := reader{folded: fold(place), text: place}
	r.scan()
	ms := r.mentions()
	r.weigh(ms)
	var found []*Division
	for _, m := range ms {
		if len(m.candidates) > 0 && m.candidates[0].grade >= 0.5 {
			found = append(found, &china().all[m.candidates[0].div])
		}
	}
	return found
}

// roles says what happened at each place: what the nearest word of its clause
// says, else one of its sentence, else what the text is about.
func (r *reader) roles(ms []mention) {
	for i := range ms {
		m := &ms[i]
		// From one place to another: neither is where it happened.
		if i > 0 && m.from-ms[i-1].to <= 4 {
			if n, _ := r.any(ms[i-1].to, "往", "开往", "到", "至", "去", "→", " to ", "-", "—"); n > 0 && ms[i-1].to+n == m.from {
				before := string(r.runes[max(0, ms[i-1].from-5):ms[i-1].from])
				for _, w := range []string{"自", "从", "由", "from ", "车", "列车", "次"} {
					if strings.HasSuffix(before, w) {
						ms[i-1].role, ms[i-1].near, m.role, m.near = other, 3, other, 3
					}
				}
			}
		}
		if m.role == unsaid {
			var near int
			m.role, near = r.role(m.from, m.to)
			if m.near >= 0 {
				m.near = near
			}
		}
	}
}

// role is what the words around runes i to j say happened there, and how near
// they stand: 3 beside it, 2 in its clause, 1 in its sentence, 0 elsewhere.
func (r *reader) role(i, j int) (role, near int) {
	start, end := r.clause(i)
	if r.wordBefore(i, "from") {
		s := start
		for s > 0 && !r.sentenceEnd(s-1) && start-s < 40 {
			s--
		}
		if r.nearest(s, i, i, i) == lost {
			return lost, 3
		}
		return from, 3
	}
	if role := r.origin(start, i); role != unsaid {
		return role, 3
	}
	if role := r.nearest(start, end, i, j); role != unsaid {
		return role, 2
	}
	// The next clauses of the sentence, then those before.
	for k := end + 1; k < len(r.runes) && !r.sentenceEnd(k-1); {
		s, e := r.clause(k)
		if role := r.nearest(s, e, s, s); role != unsaid && role != other {
			return role, 1
		}
		k = max(k, e) + 1
	}
	for k := start - 1; k > 0 && !r.sentenceEnd(k); {
		s, e := r.clause(k - 1)
		if role := r.nearest(s, e, e, e); role != unsaid && role != other {
			return role, 1
		}
		k = min(k, s) - 1
	}
	said := unsaid
	for _, c := range r.cues {
		switch role := int(c.entries[0].value); {
		case role == from || role == other:
		case said != unsaid && said != role:
			return r.usual(), 0
		default:
			said = role
		}
	}
	if said != unsaid {
		return said, 0
	}
	return r.usual(), 0
}

func (r *reader) roleOf(i, j int) int {
	role, _ := r.role(i, j)
	return role
}

// usual is what a text of this kind is about.
func (r *reader) usual() int {
	switch r.context.Kind {
	case "report":
		return lost
	case "":
		return unsaid
	}
	if r.old {
		return lost
	}
	return seen
}

// quoted reports that a name is part of words in quotation marks, such as
// those printed on a shirt.
func (r *reader) quoted(from, to int) bool {
	open := -1
	for i := from - 1; i >= 0 && i > from-16; i-- {
		switch r.runes[i] {
		case '“', '"', '「', '\'':
			open = i
		case '”', '」', '\n', '。':
			return false
		default:
			continue
		}
		break
	}
	if open < 0 {
		return false
	}
	for i := to; i < len(r.runes) && i < to+12; i++ {
		switch r.runes[i] {
		case '”', '"', '」', '\'':
			return true
		case '，', '。', ',', '\n':
			return false
		}
	}
	return false
}

func (r *reader) wordBefore(i int, w string) bool {
	for r.rune(i-1) == ' ' {
		i--
	}
	return r.has(i-len(w), w) && r.boundary(i-len(w))
}

// clause is where the clause around rune i begins and ends.
func (r *reader) clause(i int) (start, end int) {
	k, _ := slices.BinarySearch(r.clauses, i)
	if k > 0 {
		start = r.clauses[k-1] + 1
	}
	end = len(r.runes)
	if k < len(r.clauses) {
		end = r.clauses[k]
	}
	return start, end
}

func (r *reader) clauseEnd(i int) int {
	_, end := r.clause(i)
	return end
}

func (r *reader) sentenceEnd(i int) bool {
	switch r.rune(i) {
	case '。', '！', '？', '!', '?', '\n', '.', 0:
		return true
	}
	return false
}

// origin reports a word of origin, or for somebody else, shortly before rune
// i, with nothing else said in between.
func (r *reader) origin(start, i int) int {
	for k := len(r.cues) - 1; k >= 0; k-- {
		c := r.cues[k]
		if c.to > i || c.from < start || i-c.to > 6 {
			continue
		}
		switch role := int(c.entries[0].value); {
		case role == other && r.nearest(i, r.clauseEnd(i), i, i) == seen: // 我在…看到
			return unsaid
		case role == from && (r.rune(c.from-1) == '在' || r.rune(c.from-1) == '回'): // 在老家走失
			return unsaid
		case role == from || role == other:
			return role
		}
		return unsaid
	}
	return unsaid
}

// nearest is the role of the word of the clause that is nearest to runes i
// to j; words behind count as nearer, as in 在…走失.
func (r *reader) nearest(start, end, i, j int) int {
	role, best := unsaid, 1<<30
	for _, c := range r.cues {
		if c.from < start || c.to > end || c.entries[0].value == int32(from) || c.entries[0].value == int32(other) && c.from >= j {
			continue
		}
		d := 2 * (c.from - j)
		if c.to <= i {
			d = 3 * (i - c.to)
		}
		if d < best {
			best, role = d, int(c.entries[0].value)
		}
	}
	return role
}
