package feature

// halfPatch is the radius of the disc around a corner that says how it is turned, patternRadius that of the points compared.
const (
	halfPatch     = 15
	patternRadius = 13
	margin        = halfPatch + 1 // from the border of a level, see describe
)

// discs holds half the width of each row of the disc from its middle row on.
var disc = [halfPatch + 1]int{15, 15, 15, 15, 14, 14, 14, 13, 13, 12, 11, 10, 9, 8, 6, 3}

// turned returns where the centroid of brightness lies as seen from a pixel, in 256ths of a full turn from right to down.
func (p plane) turned(x, y int) uint8 {
	sx, sy := 0, 0
	for dy := -halfPatch; dy <= halfPatch; dy++ {
		half := disc[max(dy, -dy)]
		row, line := 0, 0
		for i, v := range p.row(y + dy)[x-half:][:2*half+1] {
			row += (i - half) * int(v)
			line += int(v)
		}
		sx += row
		sy += dy * line
	}
	return direction(sx, sy)
}

// direction returns the direction of a vector in 256ths of a full turn, rounded to the nearest.
func direction(x, y int) uint8 {
	ax, ay := max(x, -x), max(y, -y)
	long, short := max(ax, ay), min(ax, ay)
	a := 0
	for a < len(halfSteps) && short<<16 > long*halfSteps[a] {
		a++
	}
	if ay > ax {
		a = 64 - a
	}
	if x < 0 {
		a = 128 - a
	}
	if y < 0 {
		a = -a
	}
	return uint8(a)
}

// halfSteps holds the tangents of the directions between the steps of the first eighth turn, times 2^16.
var halfSteps = [32]int{
	804, 2414, 4026, 5644, 7268, 8901, 10545, 12202, 13874, 15564, 17273, 19005,
	20762, 22546, 24360, 26208, 28093, 30018, 31986, 34002, 36071, 38196, 40382, 42636,
	44963, 47369, 49863, 52451, 55144, 57950, 60880, 63947,
}

// cosine returns cos(a*pi/128) times 2^14, exactly symmetric.
func cosine(a uint8) int {
	switch {
	case a > 128:
		return cosine(-a)
	case a > 64:
		return -quarter[128-a]
	}
	return quarter[a]
}

func sine(a uint8) int { return cosine(a - 64) }

var quarter = [65]int{
	16384, 16379, 16364, 16340, 16305, 16261, 16207, 16143, 16069, 15986, 15893, 15791,
	15679, 15557, 15426, 15286, 15137, 14978, 14811, 14635, 14449, 14256, 14053, 13842,
	13623, 13395, 13160, 12916, 12665, 12406, 12140, 11866, 11585, 11297, 11003, 10702,
	10394, 10080, 9760, 9434, 9102, 8765, 8423, 8076, 7723, 7366, 7005, 6639,
	6270, 5897, 5520, 5139, 4756, 4370, 3981, 3590, 3196, 2801, 2404, 2006,
	1606, 1205, 804, 402, 0,
}

// A describer turns the pattern, once for each direction it is asked for.
type describer struct{ turned [256][][4]int8 }

// describe returns the 256 signs of a site. The mirrored description is what the corner would have in the mirrored picture, where
// it would lie at 128-angle.
func (d *describer) describe(s *site, mirrored bool) (desc [32]byte) {
	angle := s.angle
	if mirrored {
		angle = 128 - angle
	}
	if d.turned[angle] == nil {
		d.turned[angle] = turn(pattern[:], angle)
	}
	s.compare(d.turned[angle], mirrored, desc[:])
	return desc
}

// turn returns pairs of points turned, to the nearest pixel.
func turn(pairs [][4]int8, angle uint8) [][4]int8 {
	cos, sin := cosine(angle), sine(angle)
	out := make([][4]int8, len(pairs))
	for i, q := range pairs {
		for j := 0; j < 4; j += 2 {
			x, y := int(q[j]), int(q[j+1])
			out[i][j], out[i][j+1] = int8((x*cos-y*sin+1<<13)>>14), int8((x*sin+y*cos+1<<13)>>14)
		}
	}
	return out
}

// compare sets the bits of those pairs, turned before, of which the first point is the darker one. Pairs turned as the mirrored
// picture has the corner go backwards across in this one.
//
// A point turned by any angle lies within patternRadius + 1 of the corner, and its sum reaches two pixels farther: the margin
// covers it.
func (s *site) compare(pairs [][4]int8, mirrored bool, bits []byte) {
	across := 1
	if mirrored {
		across = -1
	}
	middle := s.y*s.w + s.x
	for i, q := range pairs {
		first := s.sums[middle+int(q[1])*s.w+across*int(q[0])]
		if first < s.sums[middle+int(q[3])*s.w+across*int(q[2])] {
			bits[i/8] |= 1 << (i % 8)
		}
	}
}
