//! The paths and imports of a Rust source file, found by a syntactic scan without macro expansion or types.
//!
//! Comments, string literals and items under `#[cfg(test)]` are left out.

/// The paths and imports of one file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Source {
    /// Paths outside of `use`: `crate::a::B`, `super::c`, `child::D`.
    pub(super) paths: Vec<Path>,
    /// The names that `use` imports, each with its path.
    pub(super) imports: Vec<Import>,
    /// Modules of tests: `#[cfg(test)] mod NAME;`.
    pub(super) test_modules: Vec<String>,
    /// Every identifier, with its line.
    pub(super) words: Vec<(String, usize)>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) line: usize,
}

#[derive(Debug, PartialEq)]
pub(super) struct Import {
    /// The name it has in this file; `*` for all names of a module, `_` for none.
    pub(super) name: String,
    pub(super) path: Path,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        let mut source = Self::default();
        let tokens = without_tests(&tokens(text), &mut source.test_modules);
        let mut at = 0;
        while at < tokens.len() {
            let token = tokens[at];
            if token.text == "use" {
                let end = position(&tokens, at, ";");
                source.import(&tokens[at + 1..end], &[]);
                at = end;
            } else if is_word(token.text) {
                source.words.push((token.text.to_owned(), token.line));
                let path = path_at(&tokens, at);
                if path.segments.len() > 1 && starts_path(&tokens, at) {
                    source.paths.push(path);
                }
            }
            at += 1;
        }
        source
    }

    /// Expands one use tree below a path.
    fn import(&mut self, tree: &[Token<'_>], above: &[String]) {
        let mut segments = above.to_vec();
        let mut alias = None;
        let mut rest = tree.iter();
        while let Some(token) = rest.next() {
            match token.text {
                "::" => {}
                "{" => {
                    let inner = &rest.as_slice()[..rest.as_slice().len().saturating_sub(1)];
                    for branch in branches(inner) {
                        self.import(branch, &segments);
                    }
                    return;
                }
                "as" => alias = rest.next().map(|token| token.text.to_owned()),
                word => segments.push(word.to_owned()),
            }
        }
        let Some(line) = tree.first().map(|token| token.line) else {
            return;
        };
        let words = tree.iter().filter(|token| is_word(token.text));
        self.words
            .extend(words.map(|token| (token.text.to_owned(), token.line)));
        // `use a::{self, B}` brings in `a` itself.
        let last = segments
            .pop_if(|last| last == "self")
            .and(segments.last())
            .or(segments.last());
        let name = match (alias, last) {
            (Some(alias), _) => alias,
            (None, Some(last)) => last.clone(),
            (None, None) => return,
        };
        if name == "*" {
            segments.pop();
        }
        let path = Path { segments, line };
        self.imports.push(Import { name, path });
    }
}

/// The use trees between braces, separated by commas outside of inner braces.
fn branches<'a, 'b>(tokens: &'a [Token<'b>]) -> Vec<&'a [Token<'b>]> {
    let mut depth = 0;
    tokens
        .split(|token| {
            match token.text {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            depth == 0 && token.text == ","
        })
        .filter(|branch| !branch.is_empty())
        .collect()
}

fn path_at(tokens: &[Token<'_>], at: usize) -> Path {
    let mut segments = vec![tokens[at].text.to_owned()];
    let mut rest = tokens[at + 1..].iter();
    while let (Some("::"), Some(word)) = (rest.next().map(|token| token.text), rest.next()) {
        if !is_word(word.text) {
            break;
        }
        segments.push(word.text.to_owned());
    }
    Path {
        segments,
        line: tokens[at].line,
    }
}

/// Whether a path begins here: not in the middle of one (`a::b`), and not as a visibility (`pub(in a::b)`).
fn starts_path(tokens: &[Token<'_>], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).map_or("", |index| tokens[index].text);
    before(1) != "::" && before(1) != "." && !(before(1) == "in" && before(2) == "(")
}

fn position(tokens: &[Token<'_>], from: usize, text: &str) -> usize {
    let found = tokens[from..].iter().position(|token| token.text == text);
    found.map_or(tokens.len(), |index| from + index)
}

/// Leaves out items under `#[cfg(test)]` or `#[cfg(all(test, …))]`.
fn without_tests<'a>(tokens: &[Token<'a>], test_modules: &mut Vec<String>) -> Vec<Token<'a>> {
    const CONDITIONS: [&[&str]; 2] = [
        &["#", "[", "cfg", "(", "test", ")", "]"],
        &["#", "[", "cfg", "(", "all", "(", "test", ","],
    ];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let starts = |condition: &[&str]| {
            let texts = tokens[at..].iter().map(|token| token.text);
            texts.take(condition.len()).eq(condition.iter().copied())
        };
        if CONDITIONS.into_iter().any(starts) {
            let start = after_attributes(tokens, at);
            let end = item_end(tokens, start);
            for words in tokens[start..end].windows(3) {
                if words[0].text == "mod" && words[2].text == ";" {
                    test_modules.push(words[1].text.to_owned());
                }
            }
            at = end;
        } else {
            kept.push(tokens[at]);
            at += 1;
        }
    }
    kept
}

fn after_attributes(tokens: &[Token<'_>], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|token| token.text == "#") {
        at = group_end(tokens, at + 1);
    }
    at
}

/// The index after the item that begins here: behind its `;`, or behind its braces.
fn item_end(tokens: &[Token<'_>], mut at: usize) -> usize {
    while let Some(token) = tokens.get(at) {
        match token.text {
            ";" => return at + 1,
            "{" => return group_end(tokens, at),
            "(" | "[" => at = group_end(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// The index after the bracket that closes the one at `from`.
fn group_end(tokens: &[Token<'_>], from: usize) -> usize {
    let mut depth = 0;
    for (index, token) in tokens.iter().enumerate().skip(from) {
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Identifiers, `::` and single characters; no comments, literals or lifetimes.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (length, keep) = next_token(rest, first);
        let (token, after) = rest.split_at(length);
        if keep {
            tokens.push(Token { text: token, line });
        }
        line += token.matches('\n').count();
        rest = after;
    }
    tokens
}

/// The length of the first piece of a text, and whether it is a token.
fn next_token(rest: &str, first: char) -> (usize, bool) {
    let run = |keep: fn(char) -> bool| rest.find(|next| !keep(next)).unwrap_or(rest.len());
    let word = run(|next| next.is_alphanumeric() || next == '_');
    if rest.starts_with("//") {
        (rest.find('\n').unwrap_or(rest.len()), false)
    } else if rest.starts_with("/*") {
        (block_comment(rest), false)
    } else if let Some(length) = string(rest) {
        (length, false)
    } else if first == '\'' {
        (character(rest), false)
    } else if first.is_numeric() {
        (word, false)
    } else if word > 0 {
        (word, true)
    } else if rest.starts_with("::") {
        (2, true)
    } else {
        (first.len_utf8(), !first.is_whitespace())
    }
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    for (index, pair) in rest.as_bytes().windows(2).enumerate() {
        match pair {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {}
        }
        if depth == 0 && pair == b"*/" {
            return index + 2;
        }
    }
    rest.len()
}

/// The length of the string literal at the start: `"…"`, `b"…"`, `c"…"`, `r#"…"#`.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r", ""]
        .into_iter()
        .find(|prefix| rest.starts_with(prefix))?;
    let opened = &rest[prefix.len()..];
    if prefix.ends_with('r') {
        let hashes = opened.len() - opened.trim_start_matches('#').len();
        let body = opened[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = body
            .find(&close)
            .map_or(body.len(), |end| end + close.len());
        return Some(prefix.len() + hashes + 1 + end);
    }
    let body = opened.strip_prefix('"')?;
    let mut escaped = false;
    let end = body.find(|next| {
        let closes = next == '"' && !escaped;
        escaped = next == '\\' && !escaped;
        closes
    });
    Some(prefix.len() + 1 + end.map_or(body.len(), |end| end + 1))
}

/// The length of a character (`'a'`, `'\''`), or of the quote of a lifetime.
fn character(rest: &str) -> usize {
    let mut inner = rest[1..].char_indices();
    match inner.next() {
        Some((_, '\\')) => {
            inner.next();
            rest[1..]
                .char_indices()
                .skip(2)
                .find(|(_, next)| *next == '\'')
                .map_or(rest.len(), |(index, _)| index + 2)
        }
        Some(_) => match inner.next() {
            Some((index, '\'')) => index + 2,
            _ => 1,
        },
        None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        let paths = Source::parse(text).paths.into_iter();
        paths.map(|path| path.segments.join("::")).collect()
    }

    fn imports(text: &str) -> Vec<String> {
        let imports = Source::parse(text).imports.into_iter();
        imports
            .map(|Import { name, path }| format!("{name}={}", path.segments.join("::")))
            .collect()
    }

    #[test]
    fn paths_are_found_outside_comments_literals_and_tests() {
        let text = r##"
            //! crate::comment::A
            /* crate::comment::B /* nested */ crate::comment::C */
            fn a(x: &'a crate::one::Two, c: char) -> Option<super::Three> {
                let text = "crate::text::D \" crate::text::E";
                let raw = r#"crate::text::" F"#;
                let quote = ('"', '\'', '\\', b'"', '\u{22}');
                x.self_::f(); 1..2; self::four::<crate::five::Six>()
            }
            pub(in crate::seen) fn visible() {}
            #[cfg(test)]
            #[allow(dead_code)]
            mod tests { fn g() { crate::test::H; } }
            #[cfg(all(test, unix))]
            fn only_in_tests(x: [u8; 3]) { crate::test::I; }
            #[cfg(not(test))]
            fn last() { child::Last }
        "##;
        assert_eq!(
            paths(text),
            [
                "crate::one::Two",
                "super::Three",
                "self::four",
                "crate::five::Six",
                "child::Last"
            ]
        );
    }

    #[test]
    fn use_trees_are_expanded() {
        let text =
            "use crate::a::{self, b::{C, D as E}, f::*};\npub(crate) use super::G;\nuse h as _;";
        assert_eq!(
            imports(text),
            [
                "a=crate::a",
                "C=crate::a::b::C",
                "E=crate::a::b::D",
                "*=crate::a::f",
                "G=super::G",
                "_=h"
            ]
        );
    }

    #[test]
    fn lines_are_those_of_the_file() {
        let source = Source::parse("// one\nuse a::B;\n\"\n\"; async fn c() {}\ncrate::d::E");
        assert_eq!(source.imports[0].path.line, 2);
        assert!(source.words.contains(&("async".into(), 4)), "{source:?}");
        assert_eq!(source.paths[0].line, 5);
    }

    #[test]
    fn test_modules_are_named() {
        let source = Source::parse("mod a;\n#[cfg(test)]\nmod b;\n#[cfg(test)]\nmod c { mod d; }");
        assert_eq!(source.test_modules, ["b", "d"]);
    }
}
