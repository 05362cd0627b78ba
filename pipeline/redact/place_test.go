package redact

import "testing"

func TestPlaceIsCutAtItsLevel(t *testing.T) {
	for _, tc := range []struct{ place, province, prefecture, county string }{
		{"广东省广州市天河区岗顶天桥", "广东省", "广东省广州市", "广东省广州市天河区"},
		{"中国 广东省 广州市 天河区", "广东省", "广东省广州市", "广东省广州市天河区"},
		{"广东广州市天河区", "广东", "广东广州市", "广东广州市天河区"},
		{"广东广州天河岗顶", "广东", "广东", "广东"},
		{"广州市天河区天河路208号", "", "广州市", "广州市天河区"},
		{"天河区岗顶", "", "", "天河区"},
		{"北京市朝阳区三里屯", "北京市", "北京市", "北京市朝阳区"},
		{"上海静安区愚园路361弄", "上海", "上海", "上海静安区"},
		{"上海市东方城市花园", "上海市", "上海市", "上海市"},
		{"重庆市酉阳土家族苗族自治县", "重庆市", "重庆市", "重庆市酉阳土家族苗族自治县"},
		{"内蒙古自治区呼和浩特市新城区", "内蒙古自治区", "内蒙古自治区呼和浩特市", "内蒙古自治区呼和浩特市新城区"},
		{"内蒙古锡林郭勒盟正蓝旗", "内蒙古", "内蒙古锡林郭勒盟", "内蒙古锡林郭勒盟正蓝旗"},
		{"新疆维吾尔自治区博尔塔拉蒙古自治州博乐市青得里大街", "新疆维吾尔自治区", "新疆维吾尔自治区博尔塔拉蒙古自治州", "新疆维吾尔自治区博尔塔拉蒙古自治州博乐市"},
		{"湖南省娄底市新化县石冲口镇", "湖南省", "湖南省娄底市", "湖南省娄底市新化县"},
		{"河南省新乡市红旗区", "河南省", "河南省新乡市", "河南省新乡市红旗区"},
		{"江西省景德镇市珠山区", "江西省", "江西省景德镇市", "江西省景德镇市珠山区"},
		{"海南省陵水黎族自治县", "海南省", "海南省", "海南省陵水黎族自治县"},
		{"香港九龙旺角", "香港", "香港", "香港"},
		{"広東省", "", "", ""},
		{"广东省广州市幸福小区", "广东省", "广东省广州市", "广东省广州市"},
		{"广东省菜市场门口", "广东省", "广东省", "广东省"},
		{"在人民路看到", "", "", ""},
		{"幸福小区12栋", "", "", ""},
		{"家乐福超市", "", "", ""},
		{"岗顶天桥", "", "", ""},
		{"广东省广\u202e州市", "广东省", "广东省广州市", "广东省广州市"},
		{"Gangding overpass, Tianhe District, Guangzhou, Guangdong, China", "Guangdong, China", "Guangzhou, Guangdong, China", "Tianhe District, Guangzhou, Guangdong, China"},
		{"12 Market Rd, Guangzhou City, Guangdong Province", "Guangdong Province", "Guangzhou City, Guangdong Province", "Guangzhou City, Guangdong Province"},
		{"Market Rd 12, Guangdong", "Guangdong", "Guangdong", "Guangdong"},
		{"Guangzhou", "", "", ""},
		{"behind the station", "", "", ""},
		{"", "", "", ""},
	} {
		for level, want := range []string{tc.province, tc.prefecture, tc.county} {
			if got := Place(tc.place, Level(level)); got != want {
				t.Errorf("Place(%q, %d) = %q, want %q", tc.place, level, got, want)
			}
		}
	}
}
