// Package machine finds out what this machine, and this user's rights on it,
// allow: by trying where trying is harmless, else by reading what the kernel
// says of itself.
//
// It knows nothing of labs or verbs; what a fact means for them is for its
// callers to say.
package machine
