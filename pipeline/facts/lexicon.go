package facts

import (
	"strings"
	"sync"
	"unicode/utf8"
)

// What an entry of the lexicon is.
const (
	placeName uint8 = iota + 1 // value is a division
	townName                   // value is the county around it
	noPlace                    // holds the name of a place and is none
	cue                        // value is a role
	word                       // of a person: value is in persons
)

// How a place is named.
const (
	full    uint8 = iota // 天河区
	short                // 天河
	alias                // 羊城, 粤北, 岗顶
	pinyin               // Tianhe
	english              // Tibet, Hong Kong: words of English for places
)

type entry struct {
	kind, form uint8
	value      int32
}

// lexicon is a trie over runes.
type lexicon struct {
	edges map[uint64]int32
	heads []int32 // for each node, its first entry; 0 is none
	list  []listed
}

type listed struct {
	entry
	next int32
}

func (x *lexicon) add(name string, e entry) {
	node := int32(0)
	for _, r := range name {
		key := uint64(node)<<21 | uint64(r)
		to, ok := x.edges[key]
		if !ok {
			to = int32(len(x.heads))
			x.heads = append(x.heads, 0)
			x.edges[key] = to
		}
		node = to
	}
	x.list = append(x.list, listed{e, x.heads[node]})
	x.heads[node] = int32(len(x.list) - 1)
}

// match hands on every entry that begins at rune i, with where it ends. An
// apostrophe inside Latin words is passed over: Xi'an is xian.
func (x *lexicon) match(t *folded, i int, found func(to int, e entry)) {
	latin := letter(t.rune(i))
	node := int32(0)
	for ; i < len(t.runes); i++ {
		r := t.runes[i]
		if latin && r == '\'' && letter(t.rune(i-1)) {
			continue
		}
		to, ok := x.edges[uint64(node)<<21|uint64(r)]
		if !ok {
			return
		}
		node = to
		if latin && letter(r) && letter(t.rune(i+1)) {
			continue // names end where words end
		}
		for at := x.heads[node]; at > 0; at = x.list[at].next {
			found(i+1, x.list[at].entry)
		}
	}
}

// mostTowns is in how many counties a town's name may occur and still say
// something.
const mostTowns = 6

// words is built once, in some tens of milliseconds.
var words = sync.OnceValue(func() *lexicon {
	a := china()
	x := &lexicon{edges: make(map[uint64]int32, 1<<17), heads: make([]int32, 1, 1<<17), list: make([]listed, 1, 1<<16)}
	for i := range a.all {
		d, v := &a.all[i], int32(i)
		x.add(d.Name, entry{placeName, full, v})
		if d.Short != "" && d.Code[4] != '7' { // zones that run as a county keep their whole name
			x.add(d.Short, entry{placeName, short, v})
			for _, rank := range [...]string{"自治州", "自治县", "自治旗", "族区"} {
				if strings.HasSuffix(d.Name, rank) { // 延边州, 管城区
					_, size := utf8.DecodeLastRuneInString(rank)
					x.add(d.Short+rank[len(rank)-size:], entry{placeName, full, v})
				}
			}
			if len(d.Pinyin) > 3 {
				x.add(d.Pinyin, entry{placeName, pinyin, v})
			}
		} else if d.Level == County && len(d.Pinyin) > 4 && !strings.HasSuffix(d.Name, "区") {
			x.add(d.Pinyin, entry{placeName, pinyin, v})
		}
	}
	for _, n := range names {
		v, ok := a.byCode[n.code]
		if !ok {
			continue
		}
		for name := range strings.FieldsSeq(n.names) {
			form := alias
			if letter(rune(name[0])) {
				form = english
			}
			// A spot says the city: its county is known to those who know the city.
			if a.all[v].Level == County {
				v = a.all[v].parent
			}
			x.add(strings.ReplaceAll(name, "_", " "), entry{placeName, form, v})
		}
	}
	for province, code := range regions {
		for _, side := range "东西南北中" {
			x.add(string(province)+string(side), entry{placeName, alias, a.byCode[code]})
		}
	}
	counties := map[string][]int32{}
	for line := range strings.Lines(townTable) {
		code, towns, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if v, ok := a.byCode[code]; ok {
			for town := range strings.SplitSeq(towns, " ") {
				if utf8.RuneCountInString(town) > 2 {
					counties[town] = append(counties[town], v)
				}
			}
		}
	}
	for town, in := range counties {
		if len(in) > mostTowns {
			continue
		}
		for _, v := range in {
			x.add(town, entry{townName, full, v})
		}
	}
	for s := range strings.FieldsSeq(noPlaces) {
		x.add(s, entry{kind: noPlace})
	}
	for role, list := range cues {
		for s := range strings.FieldsSeq(list) {
			x.add(strings.ReplaceAll(s, "_", " "), entry{cue, 0, int32(role)})
		}
	}
	for i, p := range persons {
		for s := range strings.FieldsSeq(p.words) {
			x.add(strings.ReplaceAll(s, "_", " "), entry{word, 0, int32(i)})
		}
	}
	return x
})

// names are what places are called besides: abbreviations that stand alone,
// nicknames, English names, and well-known spots of the large cities.
var names = []struct{ code, names string }{
	{"110000", "帝都 peking 进京 在京 来京 赴京 抵京"}, {"310000", "魔都 申城 在沪 来沪 赴沪 抵沪 浦西"}, {"120000", "津城 津门"}, {"500000", "雾都 在渝 来渝"},
	{"150000", "内蒙 inner_mongolia"}, {"440000", "珠三角 pearl_river_delta 珠江三角洲"}, {"540000", "tibet xizang"}, {"610000", "shaanxi"}, {"810000", "hong_kong hongkong 港岛 旺角 铜锣湾 尖沙咀 深水埗"}, {"710000", "台北 高雄 台中 台南 基隆 taipei kaohsiung"}, {"820000", "macau macao"},
	{"440100", "羊城 穗城 在穗 来穗 canton"}, {"440300", "鹏城"}, {"510100", "蓉城 在蓉 锦官城"}, {"230100", "冰城 harbin"}, {"370100", "泉城"}, {"320100", "金陵"}, {"320500", "姑苏城"}, {"420100", "汉口 武昌 汉阳"},
	{"350200", "鹭岛 amoy"}, {"330100", "杭城"}, {"330200", "甬城"}, {"340100", "庐州"}, {"360100", "洪城"}, {"520100", "筑城"}, {"450100", "邕城"}, {"460100", "椰城"}, {"350100", "榕城"},
	{"650100", "urumqi"}, {"150100", "hohhot"}, {"540100", "lhasa"}, {"653100", "kashgar kashi"},
	{"532900", "大理州"}, {"533100", "德宏州"}, {"522600", "黔东南州"}, {"433100", "湘西州"}, {"513400", "凉山州"}, {"422800", "恩施州"}, {"532500", "红河州"},
	{"110101", "王府井 天安门 东直门 簋街"}, {"110102", "西单"}, {"110105", "三里屯 国贸桥 望京 双井桥 潘家园"}, {"110108", "中关村 五道口 公主坟 魏公村"}, {"110106", "北京西站 北京南站 六里桥"},
	{"310101", "外滩 南京东路步行街"}, {"310104", "徐家汇 上海南站"}, {"310115", "陆家嘴"}, {"310106", "上海火车站 静安寺"}, {"310112", "莘庄 虹桥火车站"}, {"310110", "五角场"},
	{"440106", "岗顶 天河城 体育西路 石牌桥 珠江新城 广州东站"}, {"440104", "北京路步行街 广州火车站"}, {"440103", "上下九 陈家祠"}, {"440111", "三元里"}, {"440113", "广州南站"},
	{"440304", "华强北 车公庙"}, {"440309", "深圳北站"}, {"510104", "春熙路 天府广场 盐市口"}, {"510105", "宽窄巷子"}, {"500103", "解放碑 洪崖洞 朝天门"}, {"500106", "三峡广场"},
	{"500105", "观音桥步行街"}, {"420106", "户部巷 黄鹤楼 武昌火车站"}, {"420102", "江汉路步行街"}, {"420111", "光谷步行街 光谷广场"}, {"420103", "汉口火车站"}, {"320104", "夫子庙"}, {"320508", "观前街 山塘街"}, {"330102", "杭州火车站"},
	{"610102", "西安火车站"}, {"430102", "长沙火车站"}, {"430103", "黄兴路步行街"}, {"410103", "郑州火车站 二七广场"}, {"370102", "泉城广场"}, {"210102", "沈阳站"}, {"210103", "中街步行街"}, {"350203", "鼓浪屿 曾厝垵"}, {"530102", "南屏街"},
}

// regions are provinces by the characters that name parts of them: 粤北.
var regions = map[rune]string{
	'粤': "440000", '苏': "320000", '浙': "330000", '豫': "410000", '鲁': "370000", '皖': "340000", '湘': "430000", '闽': "350000", '赣': "360000",
	'川': "510000", '陕': "610000", '晋': "140000", '冀': "130000", '鄂': "420000", '滇': "530000", '桂': "450000", '辽': "210000",
}

// abbreviations are provinces by one character, read before 籍 and the like.
var abbreviations = map[rune]string{
	'京': "110000", '津': "120000", '冀': "130000", '晋': "140000", '蒙': "150000", '辽': "210000", '吉': "220000", '黑': "230000", '沪': "310000", '苏': "320000", '浙': "330000", '皖': "340000",
	'闽': "350000", '赣': "360000", '鲁': "370000", '豫': "410000", '鄂': "420000", '湘': "430000", '粤': "440000", '桂': "450000", '琼': "460000", '渝': "500000", '川': "510000", '蜀': "510000",
	'黔': "520000", '贵': "520000", '滇': "530000", '云': "530000", '藏': "540000", '陕': "610000", '甘': "620000", '青': "630000", '宁': "640000", '新': "650000",
}

// noPlaces hold names of divisions and are none.
const noPlaces = `大厦 看不见 听不见 不见得 丢人 丢脸 公安局 公安部 公安厅 公安机关 公安民警 公安分局 报公安 公安干警 大方地 平安夜 平安回家 平安归来 平安无事 保平安 祝平安 平安健康 平安喜乐 平平安安 一路平安 平安是福 平安! 平安。 长寿面
	中山装 中山路 中山大道 中山公园 中山大学 中山陵 孙中山 北京时间 北京烤鸭 北京路 北京东路 北京西路 南京路 南京东路 南京西路 上海路 重庆路 天津路 广州路 长沙路 沈阳路 武汉路 大连路 青岛路 成都路 西藏路 西藏北路 西藏南路 四川北路 四川路 河南路 河南中路 福建路 浙江路 江西路 湖北路 山东路 广东路
	兰州拉面 兰州牛肉面 沙县小吃 重庆火锅 重庆小面 桂林米粉 新疆羊肉串 新疆大盘鸡 云南白药 云南米线 过桥米线 青岛啤酒 哈尔滨啤酒 燕京啤酒 天津包子 东北人 杭州小笼包 扬州炒饭 柳州螺蛳粉 武汉热干面 长沙臭豆腐 金华火腿 阳澄湖 东北菜 湖南菜 四川菜 川菜馆 湘菜馆 南昌拌粉 道口烧鸡 德州扒鸡 西安肉夹馍
	上街买 上街乞讨 上街要 上街讨 上街头 上街道 商城门口 商城里 商城广场 商城附近 大型商城 小商品商城 百货商城 购物商城 温泉酒店 泡温泉 新华书店 新华社 新华网 新华字典 东方红 向阳花 友好医院 和平共处 文明城市 同心协力 长江 长安街 长安汽车 东风汽车 解放军 红旗车 红旗轿车 金水桥
	广州日报 南方日报 重庆晚报 北京晚报 扬子晚报 湖南卫视 东方卫视 江苏卫视 浙江卫视 安徽卫视 山东卫视 河南卫视 北京卫视 江西卫视 深圳卫视 大河网 宝安心 安心 大同小异 中原地产 凤凰网 凤凰卫视 凤凰传奇 高明的 海洋 开通 开平方 天平 通道里 过街通道 地下通道 人行通道 地铁通道 通道口 通道内 通道旁 消防通道 通道尽头
	北方 南方 西方 东方人 河口处 大兴土木 东城西就 都江堰水 新市民 老城区 市中区域 主城区 中心城区 建成区 开发新区 郊区某 矿区里 双流泪 公安`

// common are short names of counties that are words of every day; alone they
// name no place.
const common = " 山城 洛阳桥 南郊 北郊 东郊 西郊 天桥 平安 长寿 公安 上街 商城 温泉 大方 永安 永康 安康 太平 东方 文明 高明 和平 向阳 前进 友好 红旗 新华 东风 河口 同心 通道 开化 平原 沙河 大名 武功 民和 和顺 城关 中山 金山 凤凰 天水 江口 丰满 文成 新城 新市 临海 海港 南海 西湖 东海 城口 双桥 方城 东明 中原 老城 郊区 矿区 城区 南区 东区 西区 白云 水城 大化 东安 南岸 江北 河东 河西 河北 城中 城东 城西 城北 城南 桥东 桥西 路南 路北 海南 江东 江南 江岸 山海关 青山 长安 东港 西市 北市 东城 西城 新兴 兴安 永和 德安 建设 解放 胜利 东河 西河 南关 北关 二道 东山 南山 北山 西山 东湖 南湖 平房 站前 老边 大东 中站 山阳 市中 金凤 兴庆 青云 站北 宝塔 天元 安宁 安定 平和 安平 五台 大通 大安 建华 文圣 太子 宏伟 立山 千山 明山 大洼 细河 太和 鸡东 让胡 东丽 团结 光明 龙华 坪山 天宁 钟楼 鼓楼 广陵 海陵 高港 宿城 江都 秀洲 婺城 金东 衢江 仙居 大观 宜秀 屯溪 徽州 谢家 八公 三山 弋江 鸠江 雨山 花山 相山 烈山 杜集 永定 新罗 长乐 延平 将乐 光泽 松溪 华安 东阿 东平 安居 大英 阳光 富民 安丘 乐安 乐平 进贤 万年 万载 全南 定南 吉水 永新 永丰 泰和 遂川 安福 莲花 上高 余干 大余 崇义 寻乌 会昌 石城 瑞金 "

// The roles of a place or a day.
const (
	unsaid int = iota
	seen
	lost
	from
	other
)

// cues are words that say what happened at a place.
var cues = [...]string{
	seen: `看到 看见 遇到 遇见 碰到 碰见 见到 见过 发现 乞讨 要饭 讨饭 讨钱 要钱 流浪 卖艺 卖花 卖唱 行乞 乞儿 小乞丐 拍到 拍的 拍摄 偶遇 出现 捡到 拾到 捡拾 收容 救助 街拍 随手拍 目击 被弃 弃婴 遗弃 跪在 跪着 坐在 蹲在 躺在 趴在 摄于 拍于 今在 现在 现身 街边
		seen spotted saw begging found sighted noticed photo_taken picture_taken abandoned beggar photographed sleeping_rough noticed met`,
	lost: `离家 没回 没回来 没有回来 未回 未返 不见 挤散 冲散 失于 丢 接走 抱养 领走 卖到 走失 失踪 丢失 走丢 被拐 拐走 拐卖 失散 失联 不见了 被抱走 抱走 被偷 偷走 离家出走 丢了 弄丢 跑丢 找不到 被盗 骗走 被骗 失去联系 走散 被人带走 带走 出走 未归 没回家 下落不明 丢的 人贩子 被抢 抢走 不见的 失踪地 失踪人所在地 寻子 寻女 寻人
		missing lost disappeared abducted kidnapped vanished last_seen went_missing snatched stolen separated wandered trafficked gone taken_away taken_from was_taken`,
	from:  `老家 籍贯 户籍 原籍 祖籍 家住 家在 来自 口音 乡音 户口 老乡 自称 说是 出生在 出生地 生于 家乡 住址 家庭住址 hometown accent originally comes_from native_of born_in`,
	other: `联系地址 联系人在 联系人 父在 母在 父母在 父母现在 爸爸在 妈妈在 家长在 我在 本人在 我现在 我们在 现居 现住 打工 务工 收废品 做生意 搬到 途经 路过 网传 据传 已找到 找到了 已在 集合 买来 found_safe been_found 谣言 不属实 辟谣 假的 有人说 不实 i_live_in lives_in father_lives works_in rumour rumor fake`,
}
