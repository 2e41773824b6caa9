package lines

import "strings"

// Texts is a flag that may be given several times.
type Texts []string

// String is what usage messages show.
func (t *Texts) String() string { return strings.Join(*t, " ") }

// Set takes one more.
func (t *Texts) Set(text string) error {
	*t = append(*t, text)
	return nil
}
