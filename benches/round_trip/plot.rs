//! The comparison as a picture: for each number of sessions a bar for each bot, as long as its share of what the hard-coded one does.

use std::fmt::Write as _;

/// The bars for one number of sessions.
pub(crate) struct Group {
    /// The sessions.
    pub(crate) sessions: usize,
    /// The bots and their shares.
    pub(crate) bars: Vec<(String, f64)>,
}

const WIDTH: f64 = 760.0;
/// Where the bars begin; the names stand before it.
const LEFT: f64 = 230.0;
/// What is kept free for the figures.
const RIGHT: f64 = 60.0;
const ROW: f64 = 24.0;
const HEAD: f64 = 40.0;

const STYLE: &str = "<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.head { font-weight: 600; }
.name { text-anchor: end; }
.other { fill: #afb8c1; }
.ours { fill: #0969da; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; }
.other { fill: #57606a; }
.ours { fill: #4493f8; }
}
</style>
";

/// Draws it.
pub(crate) fn svg(groups: &[Group], caption: &str) -> String {
    let longest = groups.iter().flat_map(|group| &group.bars).map(|(_, share)| *share).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / longest;
    let mut body = String::new();
    let mut top = 24.0;
    let _ = writeln!(body, "<text x=\"0\" y=\"{top}\">{caption}</text>");
    for group in groups {
        top += HEAD;
        let sessions = if group.sessions == 1 { "session" } else { "sessions" };
        let _ = writeln!(body, "<text class=\"head\" x=\"0\" y=\"{top}\">{} {sessions}</text>", group.sessions);
        top += 10.0;
        for (name, share) in &group.bars {
            let (kind, length) = (if name.starts_with("hotline") { "ours" } else { "other" }, share * scale);
            let (base, end) = (top + 16.0, LEFT + length + 8.0);
            let _ = writeln!(
                body,
                "<text class=\"name\" x=\"{:.0}\" y=\"{base:.0}\">{name}</text>\
                 <rect class=\"{kind}\" x=\"{LEFT:.0}\" y=\"{:.0}\" width=\"{length:.1}\" height=\"18\" rx=\"2\"/>\
                 <text x=\"{end:.1}\" y=\"{base:.0}\">{share:.2}</text>",
                LEFT - 10.0,
                top + 2.0,
            );
            top += ROW;
        }
    }
    let height = top + 8.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" width=\"{WIDTH:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"{caption}\">\n{STYLE}{body}</svg>\n"
    )
}
