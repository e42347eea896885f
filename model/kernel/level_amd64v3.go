//go:build amd64.v3

package kernel

// compiledLevel: from v3 on the compiler fuses products into sums, which changes the last bits.
const compiledLevel = "-v3"
