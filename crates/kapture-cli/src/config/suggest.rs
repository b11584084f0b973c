//! Suggestions for misspelled words.

/// `, did you mean `subdomain`?`, or an empty text if no word is similar.
pub(crate) fn did_you_mean<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, words).map_or_else(String::new, |near| format!(", did you mean `{near}`?"))
}

/// The most similar word, in which at most one letter in three differs.
fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |word: &str| word.to_lowercase().replace('_', "-");
    let word = plain(word);
    words
        .into_iter()
        .map(|near| (strsim::damerau_levenshtein(&word, &plain(near)), near))
        .filter(|(distance, near)| distance * 3 <= near.chars().count().max(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, near)| near)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_words_are_suggested() {
        let words = ["subdomain", "base-url", "cm-id", "search", "legacy"];
        for (word, meant) in [
            ("subdomian", Some("subdomain")),
            ("base_url", Some("base-url")),
            ("CM-ID", Some("cm-id")),
            ("serach", Some("search")),
            ("password", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, words), meant, "{word}");
        }
    }
}
