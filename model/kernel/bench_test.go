package kernel

import (
	"fmt"
	"testing"
)

// BenchmarkKernelShapes runs the kernels of linear models and first layers in the shapes of real
// streams: inputs by outputs.
func BenchmarkKernelShapes(b *testing.B) {
	k := Best()
	for _, name := range []string{"gemv", "gemvT", "sgd", "adagrad", "rmsprop", "adam"} {
		for _, shape := range [][2]int{{8, 10}, {16, 26}, {152, 26}, {150, 40}, {64, 64}, {2144, 10}} {
			c, step := newKernelCase(shape[0], shape[1], 0), steps(k)[name]
			b.Run(fmt.Sprintf("%s/%dx%d", name, shape[0], shape[1]), func(b *testing.B) {
				for b.Loop() {
					step(c)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(c.w)), "ns/weight")
			})
		}
	}
}
