package demo

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Every place and person here is invented, and looks it.
var (
	provinces = []string{"示例省", "样本省", "假设省", "虚构省"}
	cities    = []string{"例城市", "样山市", "范川市", "设河市", "虚州市", "拟海市", "试江市", "练塘市"}
	districts = []string{"样本区", "例东区", "演示区", "试点区", "范例县", "模拟县", "假山县", "测试新区"}
	spots     = []string{
		"天桥", "火车站出站口", "长途汽车站", "菜市场门口", "地铁口", "步行街", "医院门口", "公园南门",
		"商场门口", "学校路口", "过街地下通道", "夜市", "立交桥下", "超市旁边", "公交站台", "庙会门口",
	}
	streets = []string{"样本路", "范例大街", "演示巷", "模拟东路"}
	townsEn = []string{"Exampleton", "Sample City", "Mockford", "Testbridge", "Placeholm"}
	spotsEn = []string{
		"the footbridge", "the railway station", "the bus terminal", "the night market", "the hospital gate",
		"the underpass", "the park's south gate", "the shopping street",
	}

	numerals = []string{"零", "一", "两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二", "十三"}

	surnames = []string{"林", "陈", "周", "吴", "郑", "何", "罗", "梁", "宋", "唐", "韩", "冯"}
	given    = []string{"示例", "样样", "例例", "小范", "阿拟", "试试", "小练", "假假", "小样", "虚虚", "例子", "小测"}

	accounts = []account{
		{"linxian", "临线观察（演示）"}, {"lukou", "路口的人（演示）"}, {"volunteer7", "志愿者七号（演示）"},
		{"xiaoshi", "小试（演示）"}, {"chezhan", "车站见闻（演示）"}, {"yeshi", "夜市摊主（演示）"},
		{"demo_amy", "Amy (demo)"}, {"fanli", "范例日记（演示）"}, {"jietou", "街头记录（演示）"}, {"moni", "模拟号（演示）"},
	}

	sights = []string{
		"一个人坐在地上", "旁边有一位中年妇女", "旁边有一位老人", "手里拿着一个纸杯", "抱着一个旧书包", "跟着一个拉二胡的人",
		"一直低着头", "在向路人要钱", "看上去很累", "不怎么说话", "说话带外地口音", "身边放着一块写字的纸板",
	}
	sightsEn = []string{
		"sitting alone on the ground", "an elderly man close by", "holding a paper cup", "with a cardboard sign",
		"did not say much", "carrying an old school bag", "next to a woman with a blue bag",
	}
	clothes   = []string{"红色外套", "蓝色校服", "灰色毛衣", "黄色雨衣", "绿色棉袄", "白色T恤", "黑色短袖", "花裙子", "格子衬衫"}
	clothesEn = []string{"a red coat", "a blue school jacket", "a grey jumper", "a yellow raincoat", "a white T-shirt"}
	askings   = []string{
		"希望大家帮忙转发，让家长看到。", "有没有人认识？", "拍照留个线索，不一定有事，请专业的人核对。", "已经打了110。",
		"也许是跟着家人出来的，发出来请大家辨认。", "转给需要的人。", "",
	}
	askingsEn = []string{"Please share.", "Does anybody know the child?", "Told the police already.", "Probably with family, posting in case.", ""}

	chatter = []string{
		"提醒大家：拍照请写清时间和地点，别围观，别上前质问。", "今天的志愿者例会改到晚上八点，地点还是样本区的活动室。",
		"看到这个话题很感动，希望孩子们都平安。", "请问怎样给采血？听说公安机关是免费的。", "转发一条寻亲知识：报案不用等24小时。",
		"Does anyone know how to reach the volunteers in Exampleton?", "昨天那位小朋友是和奶奶一起的，已经核实，谢谢关心。",
	}

	features = []string{
		"左眉有一小疤，双眼皮", "右手虎口有一颗痣", "后颈有浅色胎记", "门牙缺一小角", "左耳有一个小孔", "说话带家乡口音，会背儿歌",
		"右膝有烫伤留下的疤", "头发微卷，有两个旋", "左撇子", "走失时穿红色外套、黑布鞋", "走失时背黄色小书包", "会写自己的名字",
	}
)

type account struct{ name, display string }

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// phone is a number that nobody has.
func phone(r *rand.Rand) string {
	if r.IntN(2) == 0 {
		return fmt.Sprintf("139-0000-%04d", r.IntN(10000))
	}
	return fmt.Sprintf("000-0000-%04d", r.IntN(10000))
}

// sighting is what a post says of the child in its picture.
type sighting struct {
	female bool
	age    int // years, as guessed by who posts
}

// words writes a post about s, seen within the days before at.
func words(r *rand.Rand, s sighting, at time.Time) (text, language string) {
	if r.IntN(8) == 0 {
		return wordsEn(r, s), "en"
	}
	place := pick(r, cities) + pick(r, districts)
	if r.IntN(3) == 0 {
		place = pick(r, provinces) + place
	}
	if r.IntN(6) == 0 {
		place += fmt.Sprintf("%s%d号", pick(r, streets), 1+r.IntN(300))
	}
	place += pick(r, spots)
	child := "男孩"
	if s.female {
		child = "女孩"
	}
	if r.IntN(5) == 0 {
		child = map[string]string{"男孩": "小男孩", "女孩": "小姑娘"}[child]
	}
	detail := pick(r, sights)
	if r.IntN(2) == 0 {
		detail = "穿" + pick(r, clothes) + "，" + detail
	}
	seen, old := when(r, at), age(r, s.age)
	switch r.IntN(4) {
	case 0:
		text = fmt.Sprintf("%s，%s，%s，%s。%s。%s", seen, place, child, old, detail, pick(r, askings))
	case 1:
		text = fmt.Sprintf("%s在%s看到一个%s，%s，%s。%s", seen, place, child, old, detail, pick(r, askings))
	case 2:
		text = fmt.Sprintf("时间：%s\n地点：%s\n%s，%s，%s。%s", seen, place, child, old, detail, pick(r, askings))
	default:
		text = fmt.Sprintf("%s有个%s，%s，%s。%s拍的。%s", place, child, old, detail, seen, pick(r, askings))
	}
	if r.IntN(5) == 0 {
		text += pick(r, []string{"有线索请联系", "联系电话：", "我的电话 "}) + phone(r)
	}
	return text, "zh"
}

func wordsEn(r *rand.Rand, s sighting) string {
	child := "boy"
	if s.female {
		child = "girl"
	}
	text := fmt.Sprintf("%s, %s, %d %s. A %s of about %d in %s, %s. %s",
		pick(r, townsEn), pick(r, spotsEn), 1+r.IntN(11), pick(r, []string{"am", "pm"}),
		child, s.age, pick(r, clothesEn), pick(r, sightsEn), pick(r, askingsEn))
	if r.IntN(5) == 0 {
		text += " Call " + phone(r)
	}
	return text
}

func when(r *rand.Rand, at time.Time) string {
	hour := 7 + r.IntN(14)
	part, shown := "早上", hour
	switch {
	case hour >= 18:
		part, shown = "晚上", hour-12
	case hour >= 13:
		part, shown = "下午", hour-12
	case hour == 12:
		part = "中午"
	}
	clock := fmt.Sprintf("%s%d点", part, shown)
	if r.IntN(3) == 0 {
		clock += "半"
	}
	days := r.IntN(4)
	day := at.AddDate(0, 0, -days)
	switch {
	case days == 0:
		return "刚才"
	case days == 1:
		return "昨天" + clock
	case days == 2 && r.IntN(2) == 0:
		return "前天" + clock
	}
	return fmt.Sprintf("%d月%d日%s", day.Month(), day.Day(), clock)
}

func age(r *rand.Rand, years int) string {
	switch r.IntN(4) {
	case 0:
		return fmt.Sprintf("约%d岁", years)
	case 1:
		return fmt.Sprintf("看上去%s岁左右", numerals[min(years, len(numerals)-1)])
	case 2:
		return fmt.Sprintf("%d-%d岁", years, years+1)
	}
	return fmt.Sprintf("大概%d岁", years)
}
