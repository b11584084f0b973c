//! Invented names, cities and remarks: no real person is called Example.

/// Given names in plain ASCII.
pub(crate) const GIVEN: [&str; 24] = [
    "Asha", "Ravi", "Meera", "Arjun", "Divya", "Karan", "Leela", "Mohan", "Nisha", "Om", "Priya",
    "Rahul", "Sana", "Tara", "Uma", "Vikram", "Anita", "Bela", "Chetan", "Deepa", "Esha", "Farid",
    "Gita", "Hari",
];

/// Family names in plain ASCII.
pub(crate) const FAMILY: [&str; 8] = [
    "Example",
    "Sample",
    "Invented",
    "Specimen",
    "Placeholder",
    "Nobody",
    "Fictional",
    "Testcase",
];

/// Full names that test a client's text handling: Devanagari, right-to-left, Han, emoji outside
/// the basic multilingual plane, combining marks, quotes and backslashes.
pub(crate) const UNICODE: [&str; 12] = [
    "आशा उदाहरण",
    "रवि नमूना",
    "مثال تجريبي",
    "דוגמה בדויה",
    "例子 样本",
    "Zoë Béispill",
    "Nguyễn Ví Dụ",
    "Asha 🌸 Example",
    "👩‍🔧 Repairs & Co.",
    "Cafe\u{301} Muster",
    "Meera \"Mimi\" Example",
    "C:\\Example\\Ltd",
];

/// City, state, latitude and longitude.
pub(crate) const CITY: [(&str, &str, &str, &str); 6] = [
    ("Mumbai", "Maharashtra", "19.0760", "72.8777"),
    ("Bengaluru", "Karnataka", "12.9716", "77.5946"),
    ("Chennai", "Tamil Nadu", "13.0827", "80.2707"),
    ("Kolkata", "West Bengal", "22.5726", "88.3639"),
    ("Jaipur", "Rajasthan", "26.9124", "75.7873"),
    ("Kochi", "Kerala", "9.9312", "76.2673"),
];

/// Remarks, with quotes and in more than one script.
pub(crate) const REMARK: [&str; 4] = [
    "Invented for trying things out. Prefers to be called in the afternoon, in Hindi or English; \
     met at the fair, asked for a quotation.",
    "Invented. Wants the catalogue of the coming season by post, and an offer for twelve seats \
     with delivery before the holidays.",
    "पूर्व ग्राहक, दोपहर के बाद फ़ोन करें",
    "Said: \"call again in June\"; line one / line two",
];
