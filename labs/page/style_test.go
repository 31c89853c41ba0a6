package page_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// TestColorsCanBeRead: text stands out from what is behind it in both themes
// by 4.5 to 1 (WCAG 2.2, success criterion 1.4.3), lines by 3 to 1 (1.4.11).
func TestColorsCanBeRead(t *testing.T) {
	style, err := os.ReadFile("style.css")
	if err != nil {
		t.Fatal(err)
	}
	colors := map[string][2]float64{} // luminance, light and dark
	for _, m := range regexp.MustCompile(`--(\w+): light-dark\((#\w+), (#\w+)\);`).FindAllStringSubmatch(string(style), -1) {
		colors[m[1]] = [2]float64{luminance(t, m[2]), luminance(t, m[3])}
	}
	held := func(front, back string, least float64) {
		f, ok1 := colors[front]
		b, ok2 := colors[back]
		if !ok1 || !ok2 {
			t.Fatalf("the style lacks --%s or --%s", front, back)
		}
		for theme, name := range []string{"light", "dark"} {
			if c := contrast(f[theme], b[theme]); c < least {
				t.Errorf("%s: --%s on --%s has a contrast of %.2f, want %.1f", name, front, back, c, least)
			}
		}
	}
	for _, back := range []string{"page", "panel"} {
		for _, text := range []string{"ink", "soft", "accent", "good", "bad"} {
			held(text, back, 4.5)
		}
		for n := range 8 {
			held("c"+strconv.Itoa(n), back, 3)
		}
	}
	for n := 2; n <= 7; n++ {
		held("ink", "l"+strconv.Itoa(n), 4.5)
	}
}

// luminance is a color's by WCAG 2.2.
func luminance(t *testing.T, color string) float64 {
	t.Helper()
	digits := color[1:]
	if len(digits) == 3 {
		digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(digits[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatalf("color %s: %v", color, err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			sum += weight * c / 12.92
		} else {
			sum += weight * math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return sum
}

func contrast(a, b float64) float64 { return (max(a, b) + 0.05) / (min(a, b) + 0.05) }
