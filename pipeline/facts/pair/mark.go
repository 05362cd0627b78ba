package pair

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"xunqin/pipeline/facts"
)

// A Mark is something on a body, as far as its words are understood: what it
// is, where, on which side and of which colour. Zero is not said.
type Mark struct {
	Kind, Part concept
	Hand       byte // 'l' or 'r'
	Colour     byte // 'r' red, 'b' blue, 'k' black, 'n' brown, 'w' white
	Words      string
}

// A Wear is a garment with its colour.
type Wear struct {
	Garment concept
	Colour  byte
	Words   string
}

// A concept is what several words mean: a row of one of the tables.
type concept uint8

// kinds are what marks are. Those from alone on need no part of the body.
var kinds = [...]string{
	1:  `胎记 胎斑 青记 红记 黑记 胎印 记 birthmark red_mark`,
	2:  `痣 黑痣 红痣 mole moles`,
	3:  `疤 伤疤 疤痕 伤痕 刀疤 刀口 鞭痕 缝针 缝过针 缝了 手术疤 缝合 scar scars stitches stitched`,
	4:  `烫伤 烫疤 烧伤 烧伤疤 烫 burn burns burned scald scalded`,
	5:  `肉瘤 瘤 肉疙瘩 lump`,
	6:  `雀斑 freckles`,
	7:  `黑斑 斑 白斑 红斑 青斑 patch spot`,
	8:  `小坑 坑 针眼 拴马桩 小孔 耳前瘘管 pit`,
	9:  `牙印 咬痕 bite`,
	10: `纹身 刺青 刺字 tattoo`,
	11: `酒窝 dimple dimples`,
	12: `虎牙 canine`,
	13: `缺牙 门牙缺 门牙掉 缺了半颗 掉了半颗 断牙 豁牙 tooth_missing missing_tooth`,
	14: `六指 六个手指 六个指头 多指 sixth_finger six_fingers`,
	15: `双眼皮 double_eyelids`,
	16: `单眼皮 single_eyelids`,
	17: `唇裂 兔唇 唇腭裂 腭裂 cleft harelip`,
	18: `斜视 对眼 斗鸡眼 斜眼 squint cross-eyed`,
	19: `跛 瘸 腿脚不便 小儿麻痹 limp limps limping polio`,
	20: `聋哑 聋 哑 deaf mute`,
	21: `口吃 结巴 大舌头 stutters stammers`,
	22: `招风耳 ears_stick_out`,
	23: `弯曲 伸不直 变形 畸形 bent crooked deformed`,
	24: `断指 断手 断臂 断腿 截肢 缺指 少一截 missing_finger amputee amputated`,
	25: `癫痫 羊癫疯 epilepsy`,
	26: `智障 智力障碍 智力有问题 弱智 唐氏 脑瘫 自闭症 down_syndrome autistic`,
	27: `失明 盲 瞎 blind`,
	28: `白化病 albino`,
	29: `大眼睛`,
	30: `驼背 hunchback`,
}

const alone concept = 11

// parts are where marks are, and regions the larger part each lies in, in the same order.
var parts = [...]string{
	1:  `脸 脸上 脸颊 面颊 面部 脸蛋 cheek cheeks face`,
	2:  `额头 前额 额 脑门 额角 forehead`,
	3:  `眉心 两眉之间 印堂 between_the_eyebrows`,
	4:  `眉 眉毛 眉尾 眉头 眉骨 eyebrow eyebrows`,
	5:  `下巴 下颌 chin jaw`,
	6:  `鼻 鼻子 鼻梁 鼻孔 nose`,
	7:  `眼角 眼眼角 corner_of_the_eye`,
	8:  `眼 眼睛 眼皮 眼睑 eye eyes eyelid`,
	9:  `嘴角 嘴边 corner_of_the_mouth`,
	10: `嘴唇 上唇 下唇 唇 嘴 人中 lip mouth`,
	11: `耳后 耳朵后面 耳朵背后 耳朵后 耳背 耳根 behind_the_ear behind_his_ear behind_her_ear`,
	12: `耳 耳朵 耳垂 ear ears earlobe`,
	13: `头顶 top_of_the_head`,
	14: `后脑 后脑勺 back_of_the_head`,
	15: `头皮 头上 头部 scalp head`,
	16: `后颈 脖子后面 脖子后 后脖子 颈后 nape back_of_the_neck`,
	17: `脖子 颈部 脖颈 颈 脖 喉咙 neck`,
	18: `胸 胸口 胸前 胸部 chest`,
	19: `后背 背上 背部 脊背 背 back`,
	20: `肚脐 肚脐眼 navel`,
	21: `肚子 腹部 肚皮 小腹 腹 belly stomach`,
	22: `腰 腰部 waist`,
	23: `屁股 臀部 臀 屁股蛋 bottom buttock buttocks`,
	24: `腿 大腿 小腿 腿上 leg thigh calf`,
	25: `膝盖 膝 knee knees`,
	26: `脚背 脚脚背 脚面 instep`,
	27: `脚踝 ankle`,
	28: `脚 脚底 脚掌 foot feet`,
	29: `脚趾 toe toes`,
	30: `手背 手手背 back_of_the_hand`,
	31: `手腕 腕 wrist`,
	32: `手掌 手心 palm`,
	33: `手指 拇指 食指 中指 小指 手小指 无名指 指 finger fingers thumb little_finger`,
	34: `手臂 胳膊 臂 上臂 前臂 arm`,
	35: `胳膊肘 手肘 肘 elbow`,
	36: `手 hand`,
	37: `肩 肩膀 shoulder`,
	38: `腋下 胳肢窝 armpit`,
	39: `牙 牙齿 门牙 teeth tooth`,
	40: `舌头 tongue`,
}

var regions = [...]byte{
	0, 'f', 'f', 'f', 'f', 'f', 'f', 'f', 'f', 'f', 'f', 'e', 'e', 'h', 'h', 'h', 'n', 'n', 't', 't', 't', 't', 't', 't', 'l', 'l', 'o', 'o', 'o', 'o', 'm', 'a', 'm', 'm', 'a', 'a', 'm', 'a', 'a', 'f', 'f',
}

var garments = [...]string{
	1: `上衣 外套 夹克 卫衣 jacket coat`, 2: `棉袄 棉衣 羽绒服 棉服`, 3: `毛衣 sweater`, 4: `衬衫 衬衣 shirt`, 5: `T恤 t恤 t-shirt 短袖 体恤`, 6: `裙子 连衣裙 dress skirt`, 7: `校服 uniform`,
	8: `背心 马甲 vest`, 9: `裤子 长裤 牛仔裤 trousers jeans`, 10: `短裤 shorts`, 11: `帽子 hat cap`, 12: `运动鞋 球鞋 布鞋 胶鞋 棉鞋 shoes`, 13: `凉鞋 拖鞋 sandals slippers`, 14: `书包 backpack`,
}

var colours = map[byte]string{
	'r': `红 粉 紫红 red pink`, 'b': `蓝 青 紫 blue bluish purple`, 'k': `黑 深色 black dark`, 'n': `褐 咖啡 棕 brown`, 'w': `白 white`, 'y': `黄 橙 yellow orange`, 'g': `绿 green`, 's': `灰 grey gray`, 'm': `花 格子 条纹 碎花 checked striped`,
}

// A meaning is what a word stands for; one of its fields is set.
type meaning struct {
	kind, part, garment concept
	colour, hand        byte
}

// vocabulary is every word of the tables, by its first rune the longest first.
var vocabulary = sync.OnceValue(func() map[rune][]wording {
	v := map[rune][]wording{}
	add := func(list string, m meaning) {
		for w := range strings.FieldsSeq(list) {
			r := []rune(strings.ReplaceAll(w, "_", " "))
			v[r[0]] = append(v[r[0]], wording{r, m})
		}
	}
	for i, w := range kinds {
		add(w, meaning{kind: concept(i)})
	}
	for i, w := range parts {
		add(w, meaning{part: concept(i)})
	}
	for i, w := range garments {
		add(w, meaning{garment: concept(i)})
	}
	for c, w := range colours {
		add(w, meaning{colour: c})
	}
	add(`左 左边 左侧 left`, meaning{hand: 'l'})
	add(`右 右边 右侧 right`, meaning{hand: 'r'})
	for _, side := range []struct {
		word string
		hand byte
	}{{"left", 'l'}, {"right", 'r'}} {
		for part, phrases := range map[concept]string{7: "corner_of_the_%_eye", 11: "behind_the_%_ear", 30: "back_of_the_%_hand"} {
			add(strings.ReplaceAll(phrases, "%", side.word), meaning{part: part, hand: side.hand})
		}
	}
	// Words that hold another word and mean nothing of the sort.
	add(`记得 记者 记录 登记 忘记 手机 手里 手上拿 背着 背书包 背带 白天 红领巾 黑人 双手 牵手 手术 脸色 看脸 手掌大 巴掌大 指甲大 拇指大 手指大 指头大 指示 指着 眼前 后面跟 花钱 要饭`, meaning{})
	for _, list := range v {
		slices.SortFunc(list, func(a, b wording) int {
			return cmp.Or(cmp.Compare(len(b.runes), len(a.runes)), slices.Compare(a.runes, b.runes))
		})
	}
	return v
})

type wording struct {
	runes []rune
	meaning
}

// meanings hands on what the words of a folded text mean, in order.
func meanings(text string, each func(meaning)) {
	v := vocabulary()
	r := []rune(text)
	for i := 0; i < len(r); {
		step := 1
		for _, w := range v[r[i]] {
			if len(w.runes) > len(r)-i || !slices.Equal(r[i:i+len(w.runes)], w.runes) {
				continue
			}
			if latin(r[i]) && (i > 0 && latin(r[i-1]) || i+len(w.runes) < len(r) && latin(r[i+len(w.runes)])) {
				continue
			}
			if w.kind != 0 && denied(r[:i]) || len(w.runes) == 1 && r[i] == '记' && !strings.ContainsRune("有块色一红青黑褐个", runeBefore(r, i)) {
				continue
			}
			step = len(w.runes)
			if w.meaning != (meaning{}) {
				each(w.meaning)
			}
			break
		}
		i += step
	}
}

func runeBefore(r []rune, i int) rune {
	if i == 0 {
		return ' '
	}
	return r[i-1]
}

// denied reports that what follows is said not to be there: 无疤, 没有胎记.
func denied(r []rune) bool {
	tail := string(r[max(0, len(r)-4):])
	return strings.ContainsAny(tail, "无没") || strings.HasSuffix(strings.TrimSpace(tail), "no")
}

func latin(r rune) bool { return r >= 'a' && r <= 'z' }

// mostMarks is how many marks of one child are looked at.
const mostMarks = 8

// Marks are those that a text speaks of: of each clause what it says is on a
// body, and where. Of a part of the body alone only a note of the reader's
// makes a mark.
func Marks(f facts.Facts, text string) []Mark {
	noted := clauses(f, text, "mark", "scar", "disability", "speech")
	var out []Mark
	for _, words := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("，。；、;！!？?\n,()（）", r) || r == '.' }) {
		plain := facts.Plain(words)
		var m Mark
		flush := func() {
			// 门牙缺: the part is said by the kind.
			if m.Kind >= alone && m.Kind != 23 && m.Kind != 24 {
				m.Part = 0
			}
			known := m.Kind != 0 && m.Part != 0 || m.Kind >= alone
			if !known && (m.Kind != 0 || m.Part != 0) {
				known = slices.ContainsFunc(noted, func(n string) bool { return strings.Contains(n, words) || strings.Contains(words, n) })
			}
			if known && len(out) < mostMarks {
				m.Words = strings.TrimSpace(words)
				out = append(out, m)
			}
			m = Mark{}
		}
		meanings(plain, func(w meaning) {
			if (w.hand != 0 || w.part != 0) && m.Kind != 0 && m.Part != 0 {
				flush()
			}
			if w.hand != 0 {
				m.Hand = w.hand
			}
			switch {
			case w.part != 0:
				if m.Part == 0 {
					m.Part = w.part
				}
			case w.kind != 0:
				switch {
				case m.Kind == 0 || m.Kind == 3 && w.kind == 4:
					m.Kind = w.kind
				case w.kind == 3: // the scar of a burn
				case w.kind != m.Kind && w.kind >= alone:
					flush()
					m.Kind = w.kind
				}
			case w.colour != 0:
				m.Colour = w.colour
			}
		})
		flush()
	}
	return slices.CompactFunc(out, func(a, b Mark) bool { a.Words = b.Words; return a == b })
}

func wears(f facts.Facts, text string) []Wear {
	var out []Wear
	for _, words := range clauses(f, text, "clothes") {
		w := Wear{Words: words}
		meanings(facts.Plain(words), func(m meaning) {
			if m.colour != 0 {
				w.Colour = m.colour
			}
			if m.garment != 0 && len(out) < mostMarks {
				w.Garment = m.garment
				out = append(out, w)
				w.Colour = 0
			}
		})
	}
	return out
}

// clauses are the words of notes of the kinds, where notes overlap together,
// in the order of the text. What is said not to be there is left out.
func clauses(f facts.Facts, text string, kinds ...string) []string {
	var spans []facts.Span
	for _, n := range f.Notes {
		if slices.Contains(kinds, n.Kind) && n.Grade >= 0.3 && n.Words.To <= len(text) {
			spans = append(spans, n.Words)
		}
	}
	slices.SortFunc(spans, func(a, b facts.Span) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	var out []string
	for i := 0; i < len(spans); {
		s := spans[i]
		for i++; i < len(spans) && spans[i].From < s.To; i++ {
			s.To = max(s.To, spans[i].To)
		}
		out = append(out, s.In(text))
	}
	return out
}
