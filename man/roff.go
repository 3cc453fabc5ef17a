package man

import "strings"

// noBreak stands for a space that does not end a word; it becomes a plain one
// when a line is written.
const noBreak = '\u00a0'

// request takes a line apart that is for troff, as .BI -k " keyspec" is.
func request(line string) (name string, args []string, ok bool) {
	line = strings.TrimRight(line, "\n")
	if line == "" || line[0] != '.' && line[0] != '\'' {
		return "", nil, false
	}
	line = strings.TrimLeft(line[1:], " \t")
	if strings.HasPrefix(line, `\"`) {
		return "", nil, true
	}
	i := strings.IndexAny(line, " \t")
	if i < 0 {
		return line, nil, true
	}
	return line[:i], arguments(line[i:]), true
}

// arguments splits at blanks that are not in double quotes.  Two double quotes
// inside of quotes are one.
func arguments(s string) []string {
	var args []string
	for {
		s = strings.TrimLeft(s, " \t")
		if s == "" || strings.HasPrefix(s, `\"`) {
			return args
		}
		var a strings.Builder
		quoted := s[0] == '"'
		if quoted {
			s = s[1:]
		}
		for s != "" {
			if quoted && strings.HasPrefix(s, `""`) {
				s = s[1:]
			} else if quoted && s[0] == '"' {
				s = s[1:]
				break
			} else if !quoted && (s[0] == ' ' || s[0] == '\t') {
				break
			} else if s[0] == '\\' && len(s) > 1 {
				a.WriteByte(s[0]) // what it escapes does not end the argument
				s = s[1:]
			}
			a.WriteByte(s[0])
			s = s[1:]
		}
		args = append(args, a.String())
	}
}

// special has what stands for troff's characters of two letters.
var special = map[string]string{
	"em": "--", "en": "-", "hy": "-", "mi": "-", "bu": "*", "aq": "'", "dq": `"`, "lq": `"`, "rq": `"`,
	"oq": "'", "cq": "'", "ga": "`", "ha": "^", "ti": "~", "rs": `\`, "co": "(c)", "mu": "x", "->": "->",
	"<-": "<-", "<=": "<=", ">=": ">=", "+-": "+-", "...": "...",
}

// plain resolves the escapes of a text.
func plain(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i == len(s)-1 {
			b.WriteString(strings.TrimSuffix(s, `\`))
			return b.String()
		}
		b.WriteString(s[:i])
		c, rest := s[i+1], s[i+2:]
		switch c {
		case '"': // a comment
			return b.String()
		case '(', '[', '*', 'f', 's':
			var name string
			name, rest = escapeName(c, rest)
			if c == '(' || c == '[' {
				if t, ok := special[name]; ok {
					name = t
				}
				b.WriteString(name)
			}
		case 'e':
			b.WriteByte('\\')
		case ' ', '~', '0':
			b.WriteRune(noBreak)
		case '&', '|', '^', '/', ',', '%', ':', 'c':
		default: // as \- and \.
			b.WriteByte(c)
		}
		s = rest
	}
}

// escapeName returns the name after an escape and what follows it: \(xx and
// \[xxx] are characters, \fx, \f(xx and \f[xxx] fonts, \*x strings and \s-1 sizes.
func escapeName(c byte, s string) (name, rest string) {
	take := func(n int) (string, string) {
		n = min(n, len(s))
		return s[:n], s[n:]
	}
	switch c {
	case '(':
		return take(2)
	case '[':
		name, rest, _ = strings.Cut(s, "]")
		return name, rest
	case 's':
		if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
			return take(2)
		}
	}
	if strings.HasPrefix(s, "(") || strings.HasPrefix(s, "[") {
		name, rest = escapeName(s[0], s[1:])
		return name, rest
	}
	return take(1)
}
