package facts

import (
	"slices"
	"strings"
)

// persons are words that speak of a person: of the child's sex, or notes.
var persons = []struct{ says, words string }{
	{"male", `小男孩 男孩 男童 男婴 男娃 男宝宝 男孩子 小男生 男生 儿子 小儿子 大儿子 小弟弟 弟弟 小伙子 寻子 我儿 小子 男小孩 男乞儿 小男童 男宝 男扮女装 伢子 爱子 长子 次子 小崽子 男仔 细路仔 少年 兄弟 兄弟俩 胞兄 胞弟 👦 哥哥 孙子 外孙 侄子 外甥 男娃娃 小哥哥 boy boys schoolboy lad son grandson nephew little_boy`},
	{"female", `小女孩 女孩 女童 女婴 女娃 女宝宝 女孩子 小女生 女生 女儿 小女儿 大女儿 小妹妹 妹妹 小姑娘 姑娘 闺女 丫头 女小孩 小丫头 女宝 女扮男装 爱女 长女 次女 妞妞 妹仔 女仔 少女 囡囡 妹娃儿 妹娃 姐妹 姐妹俩 胞姐 胞妹 假小子 寻女 👧 姐姐 孙女 外孙女 侄女 外甥女 女娃娃 小姐姐 girl girls schoolgirl lass daughter granddaughter niece little_girl`},
	{"both", `姐弟 兄妹 姐弟俩 兄妹俩`},
	{"grown", `男子 女子 男人 女人 妇女 妇人 老人 男乞丐 女乞丐 大叔 阿姨 大妈 大爷 母亲 父亲 妈妈 爸爸 老太太 老太 老头 老汉 爷爷 奶奶 中年男 中年女 男青年 女青年 man woman mother father lady gentleman grandma grandpa adult`},
	{"mark", `胎记 青痣 黑斑 白斑 红斑 雀斑 黑点 肉瘤 瘤 牙印 针眼 小坑 鞭痕 疹 癞 疮 黑痣 红痣 痣 胎斑 酒窝 招风耳 虎牙 缺牙 门牙 六指 双眼皮 单眼皮 大眼睛 兔唇 唇裂 birthmark mole moles red_mark mark tattoo scabs dimple dimples freckles`},
	{"body", `左手 右手 左脚 右脚 左腿 右腿 左臂 右臂 左眼 右眼 左耳 右耳 左脸 右脸 额头 额角 眉心 眉毛 眉尾 左眉 右眉 眉 脸上 脸颊 面颊 耳朵 耳垂 耳后 鼻子 鼻梁 鼻孔 嘴角 嘴唇 上唇 下唇 下巴 脖子 后颈 后背 背上 背部 头顶 后脑 头皮 膝盖 左膝 右膝 手臂 胳膊 手指 手背 手腕 手掌 脚趾 脚踝 脚背 肚子 肚脐 屁股 臀部 大腿 小腿 眼角 眼皮 眼睛 牙 门牙 腰 胸口 胸前 肩膀 左肩 右肩 身上 腿 脚 指甲 拇指 食指 中指 小指 舌头
		left_arm right_arm left_leg right_leg left_hand right_hand left_foot right_foot left_eye right_eye left_ear right_ear left_cheek right_cheek forehead chin nose neck eyebrow knee knees ankle scalp leg arm teeth tooth lip finger fingers thigh wrist elbow harelip`},
	{"speech", `结巴 口吃 不说话 不会讲话 说不清话 大舌头 stutters stammers lisp lisps cannot_speak`},
	{"scar", `伤疤 疤痕 疤 刀疤 烫伤 烧伤 伤痕 烫疤 缝针 手术疤 烧伤疤 scar scars burn burns`},
	{"disability", `残疾 跛脚 瘸腿 腿瘸 癫痫 唐氏 智力有问题 白化病 驼背 斜视 对眼 斗鸡眼 小儿麻痹 拐杖 轮椅 耳聋 聋 哑 瞎 断腿 断手 断臂 瘸 跛 腿脚不便 聋哑 聋哑人 失明 盲 智障 智力障碍 弱智 哑巴 脑瘫 自闭症 截肢 畸形 瘫痪 不会说话 limps limping limp one-legged harelip cleft blind_in disabled deaf mute blind amputee crutches`},
	{"clothes", `上衣 外套 棉袄 棉衣 羽绒服 毛衣 T恤 t恤 衬衫 衬衣 裤子 牛仔裤 短裤 长裤 裙子 连衣裙 校服 背心 帽子 运动鞋 凉鞋 拖鞋 布鞋 球鞋 胶鞋 靴子 书包 围巾 夹克 卫衣 马甲 棉鞋 jacket coat shirt t-shirt trousers jeans dress skirt sweater shoes sandals slippers shorts hat cap backpack uniform`},
	{"hair", `短发 长发 平头 光头 寸头 马尾 辫子 羊角辫 卷发 黄头发 齐耳 刘海 sideburns ponytail braids pigtails`},
}

// sex is that of the child: what child's words say, else a bare 男 or 女
// beside a label or an age. Where the words speak of both it is "".
func (r *reader) sex() (string, Span) {
	said, at := "", Span{}
	both := false
	add := func(sex string, s Span) {
		switch {
		case said == "":
			said, at = sex, s
		case said != sex:
			both = true
		}
	}
	for _, h := range r.hits {
		if h.kind != word || r.deniedSex(h) {
			continue
		}
		for _, e := range h.entries {
			if e.kind == word && persons[e.value].says == "both" {
				return "", Span{}
			}
			if p := persons[e.value].says; e.kind == word && (p == "male" || p == "female") && !r.relation(h) {
				add(p, r.span(h.from, h.to))
			}
		}
	}
	labelled, labelledAt := r.labelledSex()
	if labelled != "" {
		return labelled, labelledAt
	}
	if lost := r.sought(); lost != "" {
		return lost, at
	}
	if both {
		// 孫樣，男，常被誤認為女孩: a bare word between commas is a label.
		if sex, at := r.bareSex(true); sex != "" {
			return sex, at
		}
		return "", Span{}
	}
	if said != "" {
		return said, at
	}
	if sex, at := r.bareSex(true); sex != "" {
		return sex, at
	}
	if sex, at := r.bareSex(false); sex != "" {
		return sex, at
	}
	return r.pronoun()
}

// sought is whom 寻子 and 寻女 look for.
func (r *reader) sought() string {
	found := ""
	for _, h := range r.hits {
		if h.kind != word {
			continue
		}
		switch w := string(r.runes[h.from:h.to]); {
		case w == "寻子" && found != "female":
			found = "male"
		case w == "寻女" && found != "male":
			found = "female"
		case w == "寻子" || w == "寻女":
			return ""
		}
	}
	return found
}

// deniedSex reports that a word for a child is denied, or is one of a thing or
// of a comparison: 不是男孩, boy's shoes.
func (r *reader) deniedSex(h hit) bool {
	for _, w := range []string{"不是", "并非", "非", "误认为", "误以为", "像", "像个", "打扮成", "当成", "扮成", "错看成", "not a ", "like a ", "as a ", "if ", "or ", "mistaken for a ", "boss "} {
		if n := len([]rune(w)); h.from >= n && r.has(h.from-n, w) {
			return true
		}
	}
	return r.rune(h.to) == '\'' || slices.Contains(r.runes[h.from:h.to], '\'') || r.has(h.to, " or girl") || r.has(h.to, "还是") || r.has(h.to, "鞋") || r.has(h.to, "头发") || r.has(h.to, "装") || r.has(h.to, "衣服") || r.has(h.to, "的衣服") || r.has(h.to, "的鞋") || r.has(h.to, "的裙") || r.has(h.to, "的外套")
}

// pronoun is what 他 and 她 say, where the text has one of them and no grown
// person they could mean.
func (r *reader) pronoun() (string, Span) {
	for _, h := range r.hits {
		if h.kind == word && persons[h.entries[0].value].says == "grown" {
			return "", Span{}
		}
	}
	said, at := "", Span{}
	for i, c := range r.runes {
		sex, n := "", 1
		switch {
		case c == '他' && r.rune(i+1) != '们' && r.rune(i-1) != '其' && r.rune(i-1) != '吉':
			sex = "male"
		case c == '她' && r.rune(i+1) != '们':
			sex = "female"
		case (c == 'h' || c == 's') && !letter(r.rune(i-1)):
			w, to := r.word(i)
			switch w {
			case "he", "his", "him":
				sex, n = "male", to-i
			case "she", "her":
				sex, n = "female", to-i
			}
		}
		switch {
		case sex == "":
		case said == "":
			said, at = sex, r.span(i, i+n)
		case said != sex:
			return "", Span{}
		}
	}
	return said, at
}

// relation reports that a word names somebody beside the child: 我弟弟 may be
// the child, 孩子的姐姐 is not.
func (r *reader) relation(h hit) bool {
	switch string(r.runes[h.from:h.to]) {
	case "哥哥", "姐姐", "弟弟", "妹妹", "小哥哥", "小姐姐", "孙子", "孙女":
		for _, w := range []string{"孩子的", "她的", "他的", "有个", "有一个", "还有", "和", "跟", "与", "一个", "她", "他", "叫", "带着", "喊"} {
			if n := len([]rune(w)); r.has(h.from-n, w) {
				return true
			}
		}
	}
	return false
}

// labelledSex reads 性别：男 and "Sex: male".
func (r *reader) labelledSex() (string, Span) {
	for i := range r.runes {
		n, _ := r.any(i, "性别", "sex", "gender")
		if n == 0 || letter(r.rune(i)) && (!r.boundary(i) || !r.boundary(i+n)) {
			continue
		}
		k := i + n
		for strings.ContainsRune(" :：,，、为是", r.rune(k)) && k < len(r.runes) {
			k++
		}
		if n, w := r.any(k, "男", "女", "male", "female", "m", "f", "boy", "girl"); n > 0 && r.boundary(k+n) {
			return [...]string{"male", "female"}[w%2], r.span(i, k+n)
		}
	}
	return "", Span{}
}

// bareSex reads 男 in 男，5岁; with alone only where it stands between marks.
// Of both, as in 一男一女, it is "".
func (r *reader) bareSex(alone bool) (string, Span) {
	said, at := "", Span{}
	for i, c := range r.runes {
		sex, n := "", 1
		switch c {
		case '男', '女':
			if n, _ := r.any(i+1, "人", "子", "乞", "青", "士", "的带", "性带", "厕", "装", "生宿", "友", "朋友", "主人", "式", "老", "司机", "民警", "警"); n > 0 {
				continue
			}
			if n, _ := r.any(i-1, "妇", "美", "少", "跛", "中年", "老", "怪", "陌生"); n > 0 {
				continue
			}
			sex = map[rune]string{'男': "male", '女': "female"}[c]
		case 'm', 'f':
			if letter(r.rune(i - 1)) {
				continue
			}
			w, to := r.word(i)
			switch w {
			case "male":
				sex, n = "male", to-i
			case "female":
				sex, n = "female", to-i
			}
		}
		mark := func(c rune) bool { return c == 0 || !han(c) && !letter(c) }
		if sex == "" || alone && (!mark(r.rune(i-1)) || !mark(r.rune(i+n))) {
			continue
		}
		switch {
		case said == "":
			said, at = sex, r.span(i, i+n)
		case said != sex:
			return "", Span{}
		}
	}
	return said, at
}

// height reads 身高105厘米, 1.05米, 一米二, 105cm.
func (r *reader) height() Height {
	for i := 0; i < len(r.runes); i++ {
		c := r.runes[i]
		if !digit(c) && c != '一' || digit(r.rune(i-1)) || r.rune(i-1) == '.' {
			continue
		}
		v, to, ok := r.num(i)
		if !ok {
			continue
		}
		cm, rough := 0, 6
		k := r.blank(to)
		switch {
		case c == '一' && r.rune(i+1) == '米', digit(c) && (v == 1 || v == 0) && r.rune(to) == '米' && digit(r.rune(to+1)):
			cm = 100
			k := i + 2
			if d, ok := oneDigit(r.rune(k)); ok && d > 0 {
				cm += 10 * d
				k++
				if d, ok := oneDigit(r.rune(k)); ok {
					cm += d
					k++
				} else if r.rune(k) == '几' {
					k++
					rough = 10
				}
			}
			to = k
		case digit(c) && v <= 2 && r.rune(to) == '.':
			d, end, ok := r.num(to + 1)
			if !ok || !digit(r.rune(to+1)) {
				continue
			}
			if end-to-1 == 1 {
				d *= 10
			}
			n, _ := r.any(r.blank(end), "米", "公尺", "m")
			if n == 0 && !r.labelled(i, "身高", "height", "高") || end-to > 3 {
				continue
			}
			cm, to = 100*v+d, r.blank(end)+n
		case r.has(k, "厘米") || r.has(k, "公分") || r.has(k, "cm"):
			cm, to = v, k+2
			if r.has(k, "cm") && !r.boundary(k+2) {
				continue
			}
		case r.labelled(i, "身高", "height") && v >= 40:
			cm = v
		default:
			continue
		}
		// Scars are measured too.
		if cm < 45 || cm > 210 || r.labelled(i, "长", "疤", "伤", "体长") && !r.labelled(i, "身长", "身高") {
			continue
		}
		return Height{cm - rough, cm + rough, r.span(i, to)}
	}
	return Height{}
}

// labelled reports that one of the words stands shortly before rune i.
func (r *reader) labelled(i int, words ...string) bool {
	before := string(r.runes[max(0, i-6):i])
	for _, w := range words {
		if k := strings.LastIndex(before, w); k >= 0 && !strings.ContainsAny(before[k:], "，。,；;\n") {
			return true
		}
	}
	return false
}

// mostNotes is how many notes one text can have.
const mostNotes = 20

// notes are marks, scars, clothes and the like, with the clause around them
// from the last comma; and words about how somebody speaks.
func (r *reader) notes() []Note {
	var out []Note
	add := func(kind string, from, to int, grade float64) {
		start, end := r.clause(from)
		from, to = max(start, from-14), min(end, to+4)
		for strings.ContainsRune(" \t、:：", r.rune(from)) && from < to {
			from++
		}
		s := r.span(from, to)
		for i := range out {
			if out[i].Kind == kind && s.From < out[i].Words.To {
				out[i].Words.To = max(out[i].Words.To, s.To)
				return
			}
		}
		if len(out) < mostNotes {
			out = append(out, Note{kind, s, grade})
		}
	}
	for _, h := range r.hits {
		if h.kind != word {
			continue
		}
		switch p := persons[h.entries[0].value].says; p {
		case "male", "female", "grown", "both":
		default:
			grade := 0.9
			if p == "body" { // what is said of it may be no mark
				p, grade = "mark", 0.5
			}
			if before := string(r.runes[max(0, h.from-3):h.from]); strings.ContainsAny(before, "无没未") {
				grade = 0.2
			}
			add(p, h.from, h.to, grade)
		}
	}
	for i := range r.runes {
		if n, _ := r.any(i, "口音", "方言", "普通话", "家乡话", "客家话", "傣语", "越南话", "吐字不清", "蒙古语", "汉话", "speaks only", "叫妈妈为", "accent", "dialect"); n > 0 {
			add("speech", i, i+n, 0.8)
		}
	}
	return out
}
