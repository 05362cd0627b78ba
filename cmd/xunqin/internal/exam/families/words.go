package families

import (
	"fmt"
	"strings"
	"time"

	"xunqin/pipeline/facts"
	"xunqin/pipeline/record"
)

// A mark is something on a child's body, in the ways people say it.
type mark struct{ part, kind, colour, size int }

// said are ways to say one thing, and how often that thing is drawn.
type said struct {
	weight float64
	ways   []string
	en     string
}

var parts = []said{
	{8, []string{"左脸", "左脸颊", "左边脸上", "左侧面颊"}, "left cheek"}, {8, []string{"右脸", "右脸颊", "右边脸上", "右侧面颊"}, "right cheek"},
	{9, []string{"额头", "额头上", "前额", "脑门上"}, "forehead"}, {4, []string{"眉心", "两眉之间"}, "between the eyebrows"},
	{4, []string{"左眉", "左边眉毛", "左眉毛上"}, "left eyebrow"}, {4, []string{"右眉", "右边眉毛", "右眉毛上"}, "right eyebrow"},
	{3, []string{"左耳后", "左耳朵后面", "左边耳朵背后"}, "behind the left ear"}, {3, []string{"右耳后", "右耳朵后面", "右边耳朵背后"}, "behind the right ear"},
	{4, []string{"下巴", "下巴上", "下颌"}, "chin"}, {4, []string{"脖子", "脖子上", "颈部", "脖颈"}, "neck"}, {3, []string{"后颈", "脖子后面", "后脖子"}, "back of the neck"},
	{6, []string{"后背", "背上", "背部"}, "back"}, {5, []string{"胸口", "胸前", "胸部"}, "chest"}, {5, []string{"肚子上", "腹部", "肚皮上"}, "belly"}, {2, []string{"肚脐旁", "肚脐边上"}, "beside the navel"},
	{7, []string{"屁股上", "臀部", "屁股"}, "bottom"}, {6, []string{"左腿", "左腿上", "左大腿"}, "left leg"}, {6, []string{"右腿", "右腿上", "右大腿"}, "right leg"},
	{3, []string{"左膝盖", "左膝", "左膝盖上"}, "left knee"}, {3, []string{"右膝盖", "右膝", "右膝盖上"}, "right knee"},
	{5, []string{"左手臂", "左胳膊", "左臂"}, "left arm"}, {5, []string{"右手臂", "右胳膊", "右臂"}, "right arm"},
	{3, []string{"左手背", "左手手背上"}, "back of the left hand"}, {3, []string{"右手背", "右手手背上"}, "back of the right hand"},
	{2, []string{"左手腕", "左手腕上"}, "left wrist"}, {2, []string{"右手腕", "右手腕上"}, "right wrist"}, {2, []string{"左脚背", "左脚脚背上"}, "left instep"}, {2, []string{"右脚背", "右脚脚背上"}, "right instep"},
	{2, []string{"头顶", "头顶上"}, "top of the head"}, {2, []string{"后脑勺", "后脑"}, "back of the head"}, {2, []string{"左肩", "左肩膀上", "左肩膀"}, "left shoulder"}, {2, []string{"右肩", "右肩膀上", "右肩膀"}, "right shoulder"},
	{2, []string{"左眼角", "左眼眼角"}, "corner of the left eye"}, {2, []string{"右眼角", "右眼眼角"}, "corner of the right eye"}, {2, []string{"嘴角", "嘴角边"}, "corner of the mouth"}, {2, []string{"鼻子上", "鼻梁", "鼻梁上"}, "nose"},
}

var kinds = []said{
	{30, []string{"胎记", "胎记", "一块胎记", "记"}, "birthmark"}, {24, []string{"痣", "一颗痣", "一粒痣"}, "mole"}, {26, []string{"疤", "伤疤", "疤痕", "一道疤"}, "scar"},
	{8, []string{"烫伤疤", "烫伤的疤痕", "烫疤", "开水烫伤留下的疤"}, "burn scar"}, {5, []string{"缝针的疤", "缝过针，有疤", "缝针疤痕"}, "scar with stitches"}, {3, []string{"肉瘤", "小肉瘤"}, "lump"},
}

// whole are marks that need no part.
var whole = []said{
	{6, []string{"双眼皮", "眼睛双眼皮"}, "double eyelids"}, {3, []string{"单眼皮"}, "single eyelids"}, {4, []string{"有酒窝", "笑起来有酒窝", "两个酒窝"}, "dimples"}, {2, []string{"左脸有酒窝", "左边一个酒窝"}, "a dimple in the left cheek"},
	{3, []string{"门牙缺了半颗", "门牙掉了半颗"}, "half a front tooth missing"}, {3, []string{"有虎牙", "两颗虎牙"}, "canine teeth stick out"}, {1, []string{"右手六指", "右手有六个手指"}, "six fingers on the right hand"},
	{2, []string{"唇裂", "兔唇", "上唇裂开过"}, "cleft lip"}, {2, []string{"斜视", "眼睛有点斜视"}, "squint"}, {2, []string{"左腿跛", "走路左脚跛"}, "limps on the left leg"}, {2, []string{"聋哑", "又聋又哑"}, "deaf and mute"},
	{2, []string{"口吃", "说话结巴"}, "stutters"}, {2, []string{"招风耳", "耳朵是招风耳"}, "ears stick out"}, {1, []string{"左手小指弯曲", "左手小指伸不直"}, "little finger of the left hand is bent"},
}

var (
	colourWays = [][]string{{""}, {"红色", "暗红色", "红"}, {"青色", "青", "青紫色"}, {"黑色", "黑", "深色"}, {"褐色", "咖啡色", "棕色"}}
	colourEn   = []string{"", "red ", "bluish ", "black ", "brown "}
	sizeWays   = [][]string{{""}, {"黄豆大的", "黄豆大小的", "豆粒大的"}, {"硬币大的", "一元硬币大小的", "硬币大小的"}, {"约两厘米长的", "两公分长的", "2厘米长的"}, {"巴掌大的", "手掌大小的"}}
	colours    = []string{"红色", "蓝色", "白色", "黑色", "黄色", "粉色", "绿色", "灰色", "花", "格子"}
	garments   = []string{"上衣", "外套", "棉袄", "毛衣", "衬衫", "连衣裙", "背心", "羽绒服", "校服", "T恤"}
	officeEn   = []string{"birthmark", "mole", "scar", "burn scar", "scar", "lump"}
	homes      = []string{"儿童福利院", "社会福利院", "救助管理站", "儿童福利指导中心", "民政局"}
	streets    = []string{"火车站", "汽车站", "人民医院门口", "菜市场", "步行街", "天桥上", "地铁口", "商场门口", "桥下", "派出所门口", "公园门口", "镇上集市", "国道边"}
)

func (w *world) weighted(list []said) int {
	total := 0.0
	for _, s := range list {
		total += s.weight
	}
	x := w.rand.Float64() * total
	for i, s := range list {
		if x -= s.weight; x < 0 {
			return i
		}
	}
	return len(list) - 1
}

func (w *world) mark() mark {
	if w.chance(0.25) {
		return mark{part: -1, kind: w.weighted(whole)}
	}
	m := mark{part: w.weighted(parts), kind: w.weighted(kinds)}
	if m.kind <= 1 {
		m.colour = w.rand.IntN(len(colourWays))
	}
	if w.chance(0.35) {
		m.size = 1 + w.rand.IntN(len(sizeWays)-1)
	}
	return m
}

// misseen is a mark as somebody else has it: less exact, now and then on the other side.
func (w *world) misseen(m mark) mark {
	if m.part < 0 {
		return m
	}
	if w.chance(0.4) {
		m.colour = 0
	}
	if w.chance(0.5) {
		m.size = 0
	}
	if w.chance(0.05) && m.part < 2 {
		m.part = 1 - m.part
		w.trait("other side")
	}
	if m.kind == 3 && w.chance(0.4) {
		m.kind = 2 // a burn is called a scar
	}
	return m
}

func (w *world) say(m mark) string {
	if m.part < 0 {
		return w.of(whole[m.kind].ways)
	}
	kind := w.of(kinds[m.kind].ways)
	colour, size := w.of(colourWays[m.colour]), w.of(sizeWays[m.size])
	if head, tail, ok := strings.Cut(kind, "一"); ok && head == "" { // 一块红色胎记
		r := []rune(tail)
		kind = "一" + string(r[:1]) + size + colour + string(r[1:])
	} else {
		kind = size + colour + kind
	}
	return w.of(parts[m.part].ways) + w.of([]string{"有", "有一", "处有", "长有", ""}) + kind
}

func (w *world) sayEnglish(m mark) string {
	if m.part < 0 {
		return whole[m.kind].en
	}
	p := parts[m.part].en
	if strings.Contains(p, "behind") || strings.Contains(p, "between") || strings.Contains(p, "beside") {
		return fmt.Sprintf("a %s%s %s", colourEn[m.colour], officeEn[m.kind], p)
	}
	return fmt.Sprintf("a %s%s on the %s", colourEn[m.colour], officeEn[m.kind], p)
}

func (w *world) sayAll(marks []mark, sep string) string {
	var out []string
	for _, m := range marks {
		out = append(out, w.say(m))
	}
	return strings.Join(out, sep)
}

// likeness are pairs of characters that are taken for one another in typing.
var likeness = strings.NewReplacer("胎记", "胎计", "疤", "吧", "痣", "志", "脸颊", "脸夹", "额头", "鹅头", "屁股", "皮股", "手腕", "手碗", "膝盖", "膝该")

// typo writes one word wrongly, or leaves a character out.
func (w *world) typo(s string) string {
	if !w.chance(0.10) || len(s) < 12 {
		return s
	}
	w.trait("typo")
	if w.chance(0.5) {
		if t := likeness.Replace(s); t != s {
			return t
		}
	}
	r := []rune(s)
	i := 1 + w.rand.IntN(len(r)-2)
	if w.chance(0.5) {
		return string(r[:i]) + string(r[i+1:])
	}
	r[i-1], r[i] = r[i], r[i-1]
	return string(r)
}

// name writes a place as it was called then, from the province on or with less.
func (w *world) name(d *facts.Division, level facts.Level, at time.Time) string {
	prefecture := d.Parent()
	province := prefecture
	if prefecture.Level == facts.Prefecture {
		province = prefecture.Parent()
	}
	county := d.Name
	for _, o := range w.older[d.Code] {
		if at.Year() < o.To && o.Code[:2] == d.Code[:2] && w.chance(0.7) {
			county = o.Name
			w.trait("renamed")
			if p := o.Parent(); p != nil && p.Level == facts.Prefecture {
				prefecture = p
			}
			break
		}
	}
	switch {
	case level == facts.Province:
		return province.Name
	case prefecture == province && level == facts.Prefecture:
		return province.Name
	case prefecture == province:
		return province.Name + county
	case level == facts.Prefecture:
		return province.Name + prefecture.Name
	case w.chance(0.25):
		return province.Short + prefecture.Short + county
	case w.chance(0.15):
		return prefecture.Name + county
	}
	return province.Name + prefecture.Name + county
}

func (w *world) speech(d *facts.Division) string {
	p := facts.Lookup(d.Code[:2] + "0000")
	return w.of([]string{"说%s话", "%s口音", "讲话带%s口音", "说%s方言"}) + "\x00" + p.Short
}

func (w *world) dialect(d *facts.Division) string {
	way, short, _ := strings.Cut(w.speech(d), "\x00")
	return strings.Replace(way, "%s", short, 1)
}

var numerals = []string{"零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三", "十四", "十五", "十六", "十七"}

// years is an age in whole years, in months below two.
func years(born, at time.Time) (y, months int) {
	months = (at.Year()-born.Year())*12 + int(at.Month()) - int(born.Month())
	if at.Day() < born.Day() {
		months--
	}
	return max(0, months) / 12, max(0, months)
}

// lookedAt is an age as a stranger guesses it.
func (w *world) lookedAt(born, at time.Time) string {
	y, months := years(born, at)
	if months < 20 {
		m := max(1, months)
		return fmt.Sprintf("约%d个月大", m)
	}
	if w.chance(0.35) && y > 2 { // a year more or less
		y += 2*w.rand.IntN(2) - 1
	}
	y = min(max(1, y), 17)
	switch w.rand.IntN(4) {
	case 0:
		return fmt.Sprintf("约%d岁", y)
	case 1:
		return fmt.Sprintf("看上去%s岁左右", numerals[y])
	case 2:
		if y < 9 {
			return fmt.Sprintf("大概%s%s岁", numerals[y], numerals[y+1])
		}
		fallthrough
	default:
		return fmt.Sprintf("%d岁左右", y)
	}
}

func sexWord(sex string, ways ...string) string {
	if sex == "male" {
		return ways[0]
	}
	return ways[1]
}

func (w *world) date(t time.Time, vague bool) string {
	switch {
	case vague && w.chance(0.5):
		return fmt.Sprintf("%d年", t.Year())
	case vague:
		return fmt.Sprintf("%d年%d月", t.Year(), int(t.Month()))
	}
	return fmt.Sprintf("%d年%d月%d日", t.Year(), int(t.Month()), t.Day())
}

func days(y, m, d int) (from, to time.Time) {
	from = time.Date(y, time.Month(max(1, m)), max(1, d), 0, 0, 0, 0, time.UTC)
	switch {
	case m == 0:
		return from, from.AddDate(1, 0, 0)
	case d == 0:
		return from, from.AddDate(0, 1, 0)
	}
	return from, from.AddDate(0, 0, 1)
}

// familyReport is what a family says when it reports its child.
func (w *world) familyReport(c child, t told) record.Report {
	r := record.Report{ID: w.id("r"), Kind: record.ReportMissing, Name: w.of([]string{"林示例", "王小样", "陈样例", "李例子", "张示范"}), Status: record.ReportOpen, Step: record.StepRelated,
		SourceName: "登记", Place: w.name(t.place, t.level, c.lost)}
	r.CreatedAt = c.lost.AddDate(0, 0, 1+int(w.rand.ExpFloat64()*900))
	if r.CreatedAt.After(w.now) {
		r.CreatedAt = w.now
	}
	if !t.noSex {
		r.Sex = c.sex
	}
	var about []string
	if !t.noWhen {
		switch {
		case w.chance(0.7):
			r.LostText = c.lost.Format(time.DateOnly)
			r.LostFrom, r.LostTo = days(c.lost.Year(), int(c.lost.Month()), c.lost.Day())
		case w.chance(0.6):
			r.LostText = c.lost.Format("2006-01")
			r.LostFrom, r.LostTo = days(c.lost.Year(), int(c.lost.Month()), 0)
		default:
			r.LostText = c.lost.Format("2006")
			r.LostFrom, r.LostTo = days(c.lost.Year(), 0, 0)
		}
	}
	y, months := years(c.born, c.lost)
	if !t.noAge {
		switch x := w.rand.Float64(); {
		case x < 0.5:
			r.Birth = c.born.Format(time.DateOnly)
		case x < 0.65:
			r.Birth = c.born.Format("2006-01")
		case x < 0.75:
			r.Birth = c.born.Format("2006")
		case x < 0.87:
			nominal := c.lost.Year() - c.born.Year() + 1
			if c.lost.Month() < 2 { // before the lunar year begins
				nominal--
			}
			if c.born.Month() < 3 || c.lost.Month() == 2 || nominal < 1 {
				r.Birth = c.born.Format("2006")
				break
			}
			about = append(about, fmt.Sprintf("走失时虚岁%d岁", nominal))
			w.trait("nominal age")
		case months < 24:
			about = append(about, fmt.Sprintf("走失时%d个月大", max(1, months)))
		default:
			about = append(about, fmt.Sprintf("走失时%d岁", y))
		}
	}
	if w.chance(0.35) {
		r.HeightCM = c.height
	}
	if len(t.family) > 0 {
		about = append(about, w.typo(w.sayAll(t.family, w.of([]string{"，", "；", "、"}))))
	}
	if w.chance(0.3) && y >= 2 {
		about = append(about, w.dialect(c.home))
	}
	if w.chance(0.5) {
		about = append(about, w.of([]string{"穿", "身穿", "走失时穿", "当天穿着"})+c.wears)
	}
	if t.phone || w.chance(0.1) {
		about = append(about, "家里电话"+c.phone)
	}
	w.rand.Shuffle(len(about), func(i, j int) { about[i], about[j] = about[j], about[i] })
	r.Features = strings.Join(about, "，")
	return r
}

// phoneOf is the telephone of an office, which stands in all it publishes.
func (w *world) phoneOf(d *facts.Division) string {
	return fmt.Sprintf("137-0000-%s", d.Code[:4])
}

// theirPhone is what a child knows by heart.
func (w *world) theirPhone(c child) string {
	p := strings.ReplaceAll(c.phone, "-", w.of([]string{"", " ", "-"}))
	return w.of([]string{"孩子记得家里电话", "孩子能说出一个电话", "身上纸条写着电话"}) + p
}

// notice is what an institution publishes.
func (w *world) notice(c child, f found, t told) record.Post {
	p := w.post("notice", f)
	office := w.of(homes)
	place := w.name(f.place, t.otherLevel, f.at)
	y, months := years(c.born, f.at)
	var s []string
	s = append(s, w.of([]string{"寻亲公告：", "弃婴（童）公告：", "公告：", "寻找弃婴（儿童）生父母公告："}))
	who := sexWord(c.sex, w.of([]string{"男", "男童", "男孩"}), w.of([]string{"女", "女童", "女孩"}))
	if t.noSexOther {
		who = "儿童"
	}
	s = append(s, who)
	if !t.noWhenOther {
		s = append(s, "，"+w.date(f.at, w.chance(0.1))+"在"+place+w.of(streets)+w.of([]string{"被发现", "捡拾", "被群众发现", "捡到"}))
	} else {
		s = append(s, "，在"+place+w.of(streets)+w.of([]string{"被发现", "捡拾"}))
	}
	if !t.noAgeOther {
		switch x := w.rand.Float64(); {
		case x < 0.2 && months < 18:
			s = append(s, "，入院时取名"+w.of([]string{"福样", "党例", "国示"})+"，出生日期按入院日定为"+w.date(f.at, false))
			w.trait("assigned birthday")
		case x < 0.3 && y >= 2:
			s = append(s, fmt.Sprintf("，院内登记生日为%d年1月1日，%s", f.at.Year()-y, w.lookedAt(c.born, f.at)))
			w.trait("assigned birthday")
		default:
			s = append(s, "，"+w.lookedAt(c.born, f.at))
		}
	}
	if w.chance(0.25) && y < 16 {
		grown := f.at.Sub(c.lost).Hours() / 24 / 365 * 6
		s = append(s, fmt.Sprintf("，身高约%d厘米", c.height+int(grown)+w.rand.IntN(5)-2))
	}
	if len(t.other) > 0 {
		s = append(s, "，"+w.typo(w.sayAll(t.other, "，")))
	}
	if f.at.Sub(c.lost) < 10*24*time.Hour && w.chance(0.7) {
		s = append(s, "，身穿"+c.wears)
	} else if w.chance(0.5) {
		s = append(s, "，身穿"+w.of(colours)+w.of(garments))
	}
	if w.chance(0.2) && y >= 3 {
		s = append(s, "，"+w.dialect(c.home))
	}
	if t.phone {
		s = append(s, "，"+w.theirPhone(c))
	}
	s = append(s, "。请生父母持有效证件与"+place+office+"联系，电话"+w.phoneOf(f.place)+"，60日内无人认领将依法安置。")
	p.Text = strings.Join(s, "")
	return p
}

func (w *world) post(kind string, f found) record.Post {
	return record.Post{ID: w.id("p"), Kind: kind, PostedAt: f.written, SeenAt: f.written, Precision: "minute", State: record.PostLive, Step: record.StepRelated}
}

// sighting is what somebody in the street writes.
func (w *world) sighting(c child, f found, t told) record.Post {
	p := w.post("post", f)
	if w.chance(0.05) {
		p.Text = w.sightingEnglish(c, f, t)
		return p
	}
	place := w.name(f.place, t.otherLevel, f.at)
	when := ""
	if !t.noWhenOther {
		switch hours := f.written.Sub(f.at).Hours(); {
		case f.written.YearDay() == f.at.YearDay() && w.chance(0.5):
			when = w.of([]string{"今天", "刚才"})
		case f.written.AddDate(0, 0, -1).YearDay() == f.at.YearDay() && w.chance(0.6):
			when = "昨天"
		case hours < 80:
			when = fmt.Sprintf("%d月%d日", int(f.at.Month()), f.at.Day())
		default:
			when = w.date(f.at, false)
		}
	}
	who := sexWord(c.sex, w.of([]string{"男孩", "小男孩", "男童"}), w.of([]string{"女孩", "小女孩", "女童"}))
	if t.noSexOther {
		who = w.of([]string{"孩子", "小孩", "小朋友"})
	}
	age := ""
	if !t.noAgeOther {
		age = w.lookedAt(c.born, f.at)
	}
	var s []string
	switch w.rand.IntN(3) {
	case 0:
		s = append(s, "#随手拍照解救乞讨儿童# "+when+"在"+place+w.of(streets)+"看到一个"+who)
		if age != "" {
			s = append(s, "，"+age)
		}
	case 1:
		s = append(s, place+w.of(streets)+"，"+when+"，"+who)
		if age != "" {
			s = append(s, "，"+age)
		}
	default:
		s = append(s, when+w.of([]string{"路过", "在"})+place+w.of(streets)+"，有个"+age+"的"+who+w.of([]string{"在乞讨", "跪在地上要钱", "一个人坐着", "在卖花"}))
	}
	if len(t.other) > 0 {
		s = append(s, "，"+w.typo(w.sayAll(t.other, "，")))
	}
	if w.chance(0.4) {
		wears := w.of(colours) + w.of(garments)
		if f.at.Sub(c.lost) < 5*24*time.Hour {
			wears = c.wears
		}
		s = append(s, "，穿"+wears)
	}
	if w.chance(0.2) {
		s = append(s, "，"+w.dialect(c.home))
	}
	if t.phone {
		s = append(s, "，"+w.theirPhone(c))
	}
	s = append(s, w.of([]string{"。", "，请大家转发！", "。已报警", "，旁边有个大人", ""}))
	p.Text = strings.Join(s, "")
	return p
}

func (w *world) sightingEnglish(c child, f found, t told) string {
	w.trait("english")
	who := sexWord(c.sex, "boy", "girl")
	if t.noSexOther {
		who = "child"
	}
	d := f.place.English()
	if p := f.place.Parent(); p != nil {
		d += ", " + p.English()
	}
	s := fmt.Sprintf("Saw a %s begging in %s on %s", who, d, f.at.Format("2 January 2006"))
	if !t.noAgeOther {
		y, _ := years(c.born, f.at)
		s += fmt.Sprintf(", about %d years old", max(1, y))
	}
	for _, m := range t.other {
		s += ", " + w.sayEnglish(m)
	}
	if t.phone {
		s += ", knows the number " + c.phone
	}
	return s + "."
}

// foundReport is what a grown child says who looks for its family.
func (w *world) foundReport(c child, f found, t told) record.Report {
	r := record.Report{ID: w.id("f"), Kind: record.ReportFound, Name: w.of([]string{"周示例", "吴小样", "郑样例", "冯例子"}), Status: record.ReportOpen, Step: record.StepRelated, SourceName: "登记", CreatedAt: f.written}
	if !t.noSexOther {
		r.Sex = c.sex
	}
	var about []string
	if w.chance(0.6) {
		r.Place = w.name(f.place, t.otherLevel, f.at)
	} else {
		r.Place = w.name(t.otherPlace, facts.Prefecture, f.at)
		about = append(about, w.of([]string{"在", "后来在"})+w.name(w.county(w.goal), facts.County, f.written)+"长大")
	}
	year := c.lost.Year()
	if !t.noWhenOther {
		if off := w.rand.IntN(4); off == 0 {
			year += 2*w.rand.IntN(2) - 1
			r.LostText = fmt.Sprintf("%d年左右", year)
			r.LostFrom, r.LostTo = time.Date(year-1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(year+2, 1, 1, 0, 0, 0, 0, time.UTC)
		} else {
			r.LostText = fmt.Sprint(year)
			r.LostFrom, r.LostTo = days(year, 0, 0)
		}
	}
	y, _ := years(c.born, c.lost)
	if !t.noAgeOther {
		switch x := w.rand.Float64(); {
		case x < 0.35: // the day of arrival was made the birthday
			about = append(about, fmt.Sprintf("养父母给的生日是%d年%d月%d日，真实年龄不详，应该更大", max(c.born.Year(), c.lost.Year()-w.rand.IntN(2)), 1+w.rand.IntN(12), 1+w.rand.IntN(28)))
			w.trait("assigned birthday")
		case x < 0.7:
			about = append(about, fmt.Sprintf("当时%d岁左右", max(1, y)))
		default:
			r.Birth = fmt.Sprint(c.born.Year())
		}
	}
	if len(t.other) > 0 {
		about = append(about, w.typo(w.sayAll(t.other, "，")))
	}
	if w.chance(0.3) {
		about = append(about, w.of([]string{"记得老家在", "家乡好像是", "可能是", "听养父母说来自"})+w.name(c.home, facts.Province, c.lost))
	}
	if t.phone {
		about = append(about, strings.Replace(w.theirPhone(c), "孩子", "本人", 1))
	}
	r.Features = strings.Join(about, "，")
	return r
}
