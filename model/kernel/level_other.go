//go:build !amd64.v3

package kernel

// compiledLevel is empty where the compiler's level changes no result.
const compiledLevel = ""
